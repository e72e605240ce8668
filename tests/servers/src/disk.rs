//! A disk that is easily filled.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::Guard;

/// A file system of its own.
pub struct SmallDisk {
    folder: PathBuf,
    _guard: Guard,
}

impl SmallDisk {
    /// Mounts one at a new folder that belongs to `owner`. `None` where this user may not do that.
    ///
    /// # Panics
    /// When the folder cannot be made.
    pub(crate) fn mount(folder: &Path, mib: u32, owner: &str) -> Option<Self> {
        fs::create_dir(folder).unwrap();
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", &format!("size={mib}m,mode=700"), "tmpfs"]).arg(folder);
        let quiet = mount.stdout(Stdio::null()).stderr(Stdio::null());
        if !quiet.status().is_ok_and(|status| status.success()) {
            return None;
        }
        let guard = Guard::new("umount -l \"$1\"", &[&folder.display().to_string()]);
        assert!(Command::new("chown").arg(owner).arg(folder).status().unwrap().success());
        Some(Self { folder: folder.to_owned(), _guard: guard })
    }

    /// Leaves no room on it.
    ///
    /// # Panics
    /// When it cannot be written at all.
    pub fn fill(&self) {
        let mut filler = File::options().create(true).append(true).open(self.filler()).unwrap();
        // A whole block that does not fit may leave some of it free.
        for block in [vec![0; 65_536], vec![0; 4_096]] {
            while filler.write_all(&block).is_ok() {}
        }
    }

    /// Makes room again.
    ///
    /// # Panics
    /// When it was not filled.
    pub fn free(&self) {
        fs::remove_file(self.filler()).unwrap();
    }

    fn filler(&self) -> PathBuf {
        self.folder.join("filler")
    }
}
