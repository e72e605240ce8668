//! Commands that a document tells people to run, run.

use std::path::Path;
use std::process::Command;

/// The code block after `<!-- tested: name -->`.
pub(crate) fn documented(document: &str, name: &str) -> String {
    let mark = format!("<!-- tested: {name} -->\n```sh\n");
    let (_, rest) = document.split_once(&mark).unwrap_or_else(|| panic!("no block {name}"));
    rest.split_once("```").unwrap().0.to_owned()
}

/// Runs it in a folder, and gives what it printed.
pub(crate) fn sh(folder: &Path, script: &str) -> String {
    let mut command = Command::new("sh");
    command.args(["-eu", "-c", script]).current_dir(folder).env("CURL_HOME", folder);
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{script}\nfailed: {said}");
    String::from_utf8(output.stdout).unwrap()
}
