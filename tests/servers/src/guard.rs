//! What must be cleaned up even when the test process is killed.

use std::os::unix::process::CommandExt;
use std::process::{Child, ChildStdin, Command, Stdio};

/// A process of its own that waits for this one's end, however that comes, and then runs a shell
/// command. Dropping it runs the command at once and waits for it.
pub struct Guard {
    child: Child,
    /// Closed by the operating system when this process ends.
    alive: Option<ChildStdin>,
}

impl Guard {
    /// Has `command` run, with `$1`, `$2`, … as given, once this process has ended.
    pub fn new(command: &str, arguments: &[&str]) -> Self {
        let mut child = Command::new("sh")
            .args(["-c", &format!("cat >/dev/null; {command}"), "guard"])
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            // Ctrl-C reaches the test's process group, and must not reach the one that cleans up.
            .process_group(0)
            .spawn()
            .unwrap();
        let alive = child.stdin.take();
        Self { child, alive }
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        drop(self.alive.take());
        self.child.wait().ok();
    }
}
