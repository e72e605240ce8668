//! The programs under load, as child processes.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

/// A running program and its folder.
pub(crate) struct Program {
    child: Child,
    folder: Arc<TempDir>,
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
        let folder = Arc::new(tempfile::tempdir().unwrap());
        Self { child, folder, address, private: address, ready_after: Duration::ZERO }
    }

    /// The real server, with the limits out of the way.
    pub(crate) fn server(role: &str) -> Self {
        Self::launch(role, Arc::new(tempfile::tempdir().unwrap()))
    }

    /// Another process on the same files.
    pub(crate) fn beside(&self, role: &str) -> Self {
        Self::launch(role, Arc::clone(&self.folder))
    }

    fn launch(role: &str, folder: Arc<TempDir>) -> Self {
        let url = |file: &str| format!("sqlite://{}", folder.path().join(file).display());
        let started = Instant::now();
        let mut child = Command::new(env!("CARGO_BIN_EXE_weather-mcp-analytics"))
            .args(["serve", "--listen", "127.0.0.1:0", "--metrics-listen", "127.0.0.1:0"])
            .args(["--role", role])
            .current_dir(folder.path())
            .env("ANALYTICS_QUEUE__URL", url("queue.db"))
            .env("ANALYTICS_STORE__URL", url("analytics.db"))
            .env("ANALYTICS_QUEUE__MAX_EVENTS", "100000000")
            .env("ANALYTICS_QUEUE__MAX_BYTES", "64GiB")
            .env("ANALYTICS_LOG__FORMAT", "json")
            .env("ANALYTICS_STAGE__RATE_LIMIT__REQUESTS_PER_MINUTE", "1000000000")
            .env("ANALYTICS_STAGE__RATE_LIMIT_EVENTS__EVENTS_PER_MINUTE", "4000000000")
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
        Self { child, folder, address: public.unwrap_or(private), private, ready_after }
    }

    /// CPU time used so far, user and system, of all its threads.
    pub(crate) fn cpu(&self) -> Duration {
        let stat = std::fs::read_to_string(self.proc("stat")).unwrap();
        let after_name = stat.rsplit_once(") ").unwrap().1;
        let fields: Vec<&str> = after_name.split(' ').collect();
        // utime and stime are fields 14 and 15 of proc(5), in ticks of 1/100 s.
        let ticks: u64 = fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap();
        Duration::from_millis(ticks * 10)
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
        let mut stream = TcpStream::connect(self.private).unwrap();
        let request = "GET /v1/status HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let body = answer.split_once("\r\n\r\n").unwrap().1;
        serde_json::from_str::<Value>(body).unwrap()["ledger"][member].as_u64().unwrap()
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        if self.child.kill().is_ok() {
            self.child.wait().unwrap();
        }
    }
}
