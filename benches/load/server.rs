//! The programs under load, as child processes.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

/// Where the processes of an installation run, and what they run on.
pub(crate) struct Place {
    folder: TempDir,
    queue: String,
    store: String,
    durability: &'static str,
}

impl Place {
    /// Files in a new folder.
    fn files() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let url = |file: &str| format!("sqlite://{}", folder.path().join(file).display());
        let (queue, store) = (url("queue.db"), url("analytics.db"));
        Self { folder, queue, store, durability: "fsync" }
    }

    /// A queue in Redis and a store in PostgreSQL.
    pub(crate) fn servers(queue: String, store: String, durability: &'static str) -> Arc<Self> {
        Arc::new(Self { folder: tempfile::tempdir().unwrap(), queue, store, durability })
    }

    /// The program on what this place runs on, with the limits out of the way.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_weather-mcp-analytics"));
        command
            .args(arguments)
            .current_dir(self.folder.path())
            .env("ANALYTICS_QUEUE__URL", &self.queue)
            .env("ANALYTICS_STORE__URL", &self.store)
            .env("ANALYTICS_QUEUE__DURABILITY", self.durability)
            .env("ANALYTICS_QUEUE__MAX_EVENTS", "100000000")
            .env("ANALYTICS_QUEUE__MAX_BYTES", "64GiB")
            .env("ANALYTICS_LOG__FORMAT", "json")
            .env("ANALYTICS_SERVER__READ_LIMIT", "0")
            .env("ANALYTICS_STAGE__RATE_LIMIT__REQUESTS_PER_MINUTE", "1000000000")
            .env("ANALYTICS_STAGE__RATE_LIMIT_EVENTS__EVENTS_PER_MINUTE", "4000000000");
        command
    }
}

/// A running program and its place.
pub(crate) struct Program {
    child: Child,
    place: Arc<Place>,
    pub(crate) address: SocketAddr,
    private: SocketAddr,
    pub(crate) ready_after: Duration,
}

impl Program {
    /// This benchmark again, as the server that says hello.
    pub(crate) fn hello() -> Self {
        let mut command = Command::new(std::env::current_exe().unwrap());
        let mut child = command.arg("--hello").stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let address = line.trim().parse().unwrap();
        let place = Arc::new(Place::files());
        Self { child, place, address, private: address, ready_after: Duration::ZERO }
    }

    /// The real server, with the limits out of the way.
    pub(crate) fn server(role: &str) -> Self {
        Self::at(Arc::new(Place::files()), role)
    }

    /// Another process on the same files.
    pub(crate) fn beside(&self, role: &str) -> Self {
        Self::at(Arc::clone(&self.place), role)
    }

    /// A process of an installation.
    pub(crate) fn at(place: Arc<Place>, role: &str) -> Self {
        let started = Instant::now();
        let listen = ["--listen", "127.0.0.1:0", "--metrics-listen", "127.0.0.1:0"];
        let mut child = place
            .command(&[&["serve", "--role", role], &listen[..]].concat())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut log = BufReader::new(child.stderr.take().unwrap());
        let (mut public, mut private) = (None, None);
        while private.is_none() || (role != "worker" && public.is_none()) {
            let mut line = String::new();
            assert!(log.read_line(&mut line).unwrap() > 0, "the server ended at start");
            let fields: Value = serde_json::from_str(&line).unwrap();
            if fields["message"] == "listening" {
                let address = fields["address"].as_str().unwrap().parse().unwrap();
                let which = fields["listener"].as_str().unwrap();
                *if which == "public" { &mut public } else { &mut private } = Some(address);
            }
        }
        // The pipe must stay empty, or the program would wait for it.
        std::thread::spawn(move || std::io::copy(&mut log, &mut std::io::sink()));
        let ready_after = started.elapsed();
        let private = private.unwrap();
        Self { child, place, address: public.unwrap_or(private), private, ready_after }
    }

    /// CPU time used so far, user and system, of all its threads.
    pub(crate) fn cpu(&self) -> Duration {
        cpu_of(&self.proc("stat"), 2).1
    }

    /// Resident memory.
    pub(crate) fn resident_kib(&self) -> u64 {
        let status = std::fs::read_to_string(self.proc("status")).unwrap();
        let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    }

    fn proc(&self, file: &str) -> std::path::PathBuf {
        Path::new("/proc").join(self.child.id().to_string()).join(file)
    }

    /// One member of the ledger.
    pub(crate) fn ledger(&self, member: &str) -> u64 {
        self.private().ledger(member)
    }

    /// Its private listener.
    pub(crate) const fn private(&self) -> Private {
        Private(self.private)
    }
}

/// The private listener of a program.
#[derive(Clone, Copy)]
pub(crate) struct Private(SocketAddr);

impl Private {
    /// One member of the ledger.
    pub(crate) fn ledger(self, member: &str) -> u64 {
        let mut stream = TcpStream::connect(self.0).unwrap();
        let request = "GET /v1/status HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let body = answer.split_once("\r\n\r\n").unwrap().1;
        let value = serde_json::from_str::<Value>(body).unwrap()["ledger"][member].as_i64();
        // What cannot be read for a moment is not nothing.
        value.and_then(|value| value.try_into().ok()).unwrap_or(u64::MAX)
    }
}

/// The parent of a process, and its CPU time so far: with 2 `times` its own, with 4 that of its ended
/// children as well.
fn cpu_of(stat: &Path, times: usize) -> (u32, Duration) {
    let stat = std::fs::read_to_string(stat).unwrap_or_default();
    let Some((_, after_name)) = stat.rsplit_once(") ") else { return Default::default() };
    let fields: Vec<&str> = after_name.split(' ').collect();
    // Of proc(5), ppid is field 4; utime, stime, cutime and cstime are fields 14 to 17, in 1/100 s.
    let ticks: u64 = fields[11..11 + times].iter().map(|ticks| ticks.parse::<u64>().unwrap()).sum();
    (fields[1].parse().unwrap(), Duration::from_millis(ticks * 10))
}

/// CPU time of a process and its children, also of those that have ended.
pub(crate) fn cpu_of_family(process: u32) -> Duration {
    let all = std::fs::read_dir("/proc").unwrap().flatten().filter_map(|entry| {
        let number: u32 = entry.file_name().to_str()?.parse().ok()?;
        Some((number, entry.path().join("stat")))
    });
    let of = |(number, stat): (u32, std::path::PathBuf)| match number == process {
        true => cpu_of(&stat, 4).1,
        false => Some(cpu_of(&stat, 2)).filter(|of| of.0 == process).unwrap_or_default().1,
    };
    all.map(of).sum()
}

impl Drop for Program {
    fn drop(&mut self) {
        if self.child.kill().is_ok() {
            self.child.wait().unwrap();
        }
    }
}
