//! Redis from the distribution's packages.

use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, OnceLock};

use crate::Guard;

/// What every server is started with: it writes everything to disk before it answers, as the queue
/// wants it by default.
const SETTINGS: [&str; 10] = [
    "--bind",
    "127.0.0.1",
    "--save",
    "",
    "--appendonly",
    "yes",
    "--appendfsync",
    "always",
    "--databases",
    "10000",
];

/// A Redis server on the loopback address.
pub struct Redis {
    folder: PathBuf,
    port: u16,
    settings: Vec<String>,
    process: Mutex<Option<Child>>,
    databases: AtomicU32,
    _guard: Guard,
}

impl Redis {
    /// The server that all tests of this process share, started when it is first needed. A test
    /// that stops its server starts one of its own.
    pub fn shared() -> &'static Self {
        static SHARED: OnceLock<Redis> = OnceLock::new();
        SHARED.get_or_init(|| Self::start(&[]))
    }

    /// Starts a server with additional command line `settings`, as in `["--appendfsync", "no"]`.
    ///
    /// # Panics
    /// When Redis is not installed, or does not start.
    pub fn start(settings: &[&str]) -> Self {
        Self::start_in(|_| {}, settings)
    }

    /// Starts a server on a snapshot, and lets it make an append-only file of that.
    ///
    /// # Panics
    /// When it does not start.
    pub fn restore(snapshot: &Path) -> Self {
        let place = |folder: &Path| {
            fs::copy(snapshot, folder.join("queue.rdb")).unwrap();
        };
        let server = Self::start_in(place, &["--dbfilename", "queue.rdb", "--appendonly", "no"]);
        server.cli(&["config", "set", "appendonly", "yes"]);
        while !server.cli(&["info", "persistence"]).contains("aof_rewrite_in_progress:0") {
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
        server
    }

    fn start_in(prepare: impl FnOnce(&Path), settings: &[&str]) -> Self {
        let folder = tempfile::Builder::new().prefix("redis-").tempdir().unwrap().keep();
        prepare(&folder);
        // The number of the process is in a file, as it changes with every start.
        let stop = "kill -9 \"$(cat \"$1/process\")\"; rm -rf \"$1\"";
        let guard = Guard::new(stop, &[&folder.display().to_string()]);
        let mut server = Self {
            folder,
            port: 0,
            settings: settings.iter().map(|&setting| setting.to_owned()).collect(),
            process: Mutex::new(None),
            databases: AtomicU32::new(0),
            _guard: guard,
        };
        // Between finding a free port and listening on it, somebody else may take it.
        let started = (0..5).any(|_| {
            server.port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
            server.launch()
        });
        assert!(started, "Redis does not start:\n{}", server.log());
        server
    }

    /// The URL of a database that nobody has used.
    pub fn database(&self) -> String {
        let number = self.databases.fetch_add(1, Ordering::Relaxed);
        assert!(number < 10_000, "too many databases");
        format!("redis://127.0.0.1:{}/{number}", self.port)
    }

    /// The port on the loopback address.
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// The number of its process.
    ///
    /// # Panics
    /// When it does not run.
    pub fn process(&self) -> u32 {
        fs::read_to_string(self.folder.join("process")).unwrap().parse().unwrap()
    }

    /// The folder that holds everything of the server.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Runs a command in the first database. Answers what `redis-cli` prints.
    ///
    /// # Panics
    /// When the server does not answer.
    pub fn cli(&self, arguments: &[&str]) -> String {
        let mut cli = Command::new("redis-cli");
        let output = cli.args(["-p", &self.port.to_string()]).args(arguments).output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "{arguments:?}: {text}");
        text
    }

    /// Ends the process at once, as a power cut would.
    pub fn kill(&self) {
        if let Some(mut process) = self.process.lock().unwrap().take() {
            fs::remove_file(self.folder.join("process")).unwrap();
            process.kill().unwrap();
            process.wait().unwrap();
        }
    }

    /// Starts again after it was killed.
    ///
    /// # Panics
    /// When it does not start.
    pub fn start_again(&self) {
        assert!(self.launch(), "Redis does not start:\n{}", self.log());
    }

    /// Stops the process without ending it: connections stay, answers do not come.
    pub fn pause(&self) {
        self.signal("-STOP");
    }

    /// Lets a paused process go on.
    pub fn resume(&self) {
        self.signal("-CONT");
    }

    fn signal(&self, signal: &str) {
        let number = self.process().to_string();
        assert!(Command::new("kill").args([signal, &number]).status().unwrap().success());
    }

    /// Starts the process, and waits until it answers. False when it ends instead.
    fn launch(&self) -> bool {
        let mut command = Command::new("redis-server");
        command.args(SETTINGS).args(["--port", &self.port.to_string()]).args(["--dir"]);
        command.arg(&self.folder).args(&self.settings).stdin(Stdio::null());
        let log = fs::File::options().create(true).append(true).open(self.folder.join("log"));
        let mut process = command
            .stdout(log.unwrap())
            .stderr(Stdio::null())
            .spawn()
            .expect("Redis is not installed; tests/run.sh installs what the tests need");
        fs::write(self.folder.join("process"), process.id().to_string()).unwrap();
        loop {
            if process.try_wait().unwrap().is_some() {
                return false;
            }
            let mut ping = Command::new("redis-cli");
            ping.args(["-p", &self.port.to_string(), "ping"]).stderr(Stdio::null());
            let answer = String::from_utf8(ping.output().unwrap().stdout).unwrap();
            // One with a password answers too, that it wants it.
            if answer.contains("PONG") || answer.contains("NOAUTH") {
                *self.process.lock().unwrap() = Some(process);
                return true;
            }
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
    }

    fn log(&self) -> String {
        fs::read_to_string(self.folder.join("log")).unwrap_or_default()
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        self.kill();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_keeps_what_it_confirmed_over_a_kill_and_leaves_nothing_behind() {
        let server = Redis::start(&["--maxmemory", "64mb"]);
        let folder = server.folder().to_owned();
        assert!(server.cli(&["config", "get", "maxmemory"]).contains("67108864"));
        server.cli(&["set", "kept", "7"]);
        server.kill();
        server.start_again();
        assert_eq!(server.cli(&["get", "kept"]).trim(), "7");
        let port = server.port();
        drop(server);
        assert!(!folder.exists());
        assert!(TcpListener::bind(("127.0.0.1", port)).is_ok(), "nobody listens any more");
    }
}
