//! Packages from the npm registry, installed as a lock file says: tools and the published client.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Copies a folder of this repository's tests to one named `name` and installs what its
/// package-lock.json names; kept until that changes. `what` and `remedy` are for the message when that
/// cannot be done.
pub(crate) fn npm_installed(source: &str, name: &str, what: &str, remedy: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join(source);
    copy(&source, &folder);
    let lock = fs::read(folder.join("package-lock.json")).unwrap();
    let stamp = folder.join("installed-lock.json");
    if fs::read(&stamp).is_ok_and(|installed| installed == lock) {
        return folder;
    }
    let npm = Command::new("npm")
        .args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"])
        .current_dir(&folder)
        .output()
        .unwrap_or_else(|error| panic!("npm cannot be run ({error}): {remedy}"));
    assert!(
        npm.status.success(),
        "npm could not install {what}. This test needs the npm registry once; later runs use {}.\n{}",
        folder.display(),
        String::from_utf8_lossy(&npm.stderr)
    );
    fs::write(stamp, lock).unwrap();
    folder
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        let to = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &to);
        } else {
            fs::copy(entry.path(), to).unwrap();
        }
    }
}
