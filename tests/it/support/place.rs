//! A folder in which the program is started and expected to end by itself.

use std::io::Read;
use std::process::{Command, Stdio};

use tempfile::TempDir;

use super::{Server, eventually};

const BINARY: &str = env!("CARGO_BIN_EXE_weather-mcp-analytics");

/// A folder to start the program in. Ports are free ones unless a test says otherwise.
pub(crate) struct Place {
    pub(crate) folder: TempDir,
}

/// How a process ended.
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Place {
    pub(crate) fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    pub(crate) fn path(&self, name: &str) -> String {
        self.folder.path().join(name).display().to_string()
    }

    pub(crate) fn serve(&self, environment: &[(&str, &str)]) -> Ended {
        self.run(&[], &["serve"], environment)
    }

    /// Runs the program behind a wrapper until it ends by itself.
    pub(crate) fn run(
        &self,
        wrapper: &[&str],
        arguments: &[&str],
        environment: &[(&str, &str)],
    ) -> Ended {
        let words: Vec<&str> = wrapper.iter().copied().chain([BINARY]).collect();
        let mut child = Command::new(words[0])
            .args(&words[1..])
            .args(arguments)
            .current_dir(self.folder.path())
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("ANALYTICS_LOG__LEVEL", "error")
            .env("ANALYTICS_SERVER__LISTEN", "127.0.0.1:0")
            .env("ANALYTICS_SERVER__METRICS_LISTEN", "127.0.0.1:0")
            .envs(environment.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let (mut stdout, mut stderr) = (String::new(), String::new());
        let mut status = None;
        eventually("the program ends by itself", || {
            status = child.try_wait().unwrap();
            status.is_some()
        });
        child.stdout.take().unwrap().read_to_string(&mut stdout).unwrap();
        child.stderr.take().unwrap().read_to_string(&mut stderr).unwrap();
        Ended { code: status.and_then(|status| status.code()), stdout, stderr }
    }

    /// A store and a queue as this release makes them.
    pub(crate) fn made() -> Self {
        let place = Self::new();
        let mut server = Server::start();
        server.drained();
        server.terminate();
        std::fs::create_dir(place.path("data")).unwrap();
        for file in ["queue.db", "analytics.db"] {
            let to = place.folder.path().join("data").join(file);
            std::fs::copy(server.folder().join(file), to).unwrap();
        }
        place
    }
}

impl Ended {
    /// Fails unless the operation failed with this message and this advice, and nothing else.
    #[track_caller]
    pub(crate) fn failed(&self, message: &str, help: &str) {
        assert_eq!(self.stderr, format!("error: {message}\nhelp: {help}\n"));
        assert_eq!((self.code, self.stdout.as_str()), (Some(1), ""));
    }
}
