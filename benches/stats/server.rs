//! The real binary on generated rollups, and connections to it.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

use crate::rollups;

/// A running server and its folder.
pub(crate) struct Server {
    child: Child,
    folder: TempDir,
    address: SocketAddr,
}

impl Server {
    /// A server on the rollups of so many events.
    pub(crate) fn start(events: u64) -> Self {
        let folder = tempfile::tempdir().unwrap();
        assert!(program(folder.path()).args(["migrate", "up"]).status().unwrap().success());
        rollups::fill(&url(folder.path(), "analytics.db"), events);
        let (child, address) = launch(folder.path());
        Self { child, folder, address }
    }

    pub(crate) fn megabytes(&self) -> u64 {
        std::fs::metadata(self.folder.path().join("analytics.db")).unwrap().len() / 1_000_000
    }

    pub(crate) fn connect(&self) -> Connection {
        let stream = TcpStream::connect(self.address).unwrap();
        stream.set_nodelay(true).unwrap();
        Connection(stream)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if self.child.kill().is_ok() {
            self.child.wait().unwrap();
        }
    }
}

fn url(folder: &Path, file: &str) -> String {
    format!("sqlite://{}", folder.join(file).display())
}

fn program(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_weather-mcp-analytics"));
    command
        .current_dir(folder)
        .env("ANALYTICS_QUEUE__URL", url(folder, "queue.db"))
        .env("ANALYTICS_STORE__URL", url(folder, "analytics.db"))
        .env("ANALYTICS_SERVER__READ_LIMIT", "0")
        .env("ANALYTICS_STAGE__RATE_LIMIT__REQUESTS_PER_MINUTE", "1000000000")
        .env("ANALYTICS_STAGE__RATE_LIMIT_EVENTS__EVENTS_PER_MINUTE", "4000000000")
        .env("ANALYTICS_LOG__FORMAT", "json");
    command
}

fn launch(folder: &Path) -> (Child, SocketAddr) {
    let mut child = program(folder)
        .args(["serve", "--listen", "127.0.0.1:0", "--metrics-listen", "off"])
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut log = BufReader::new(child.stderr.take().unwrap());
    let address = loop {
        let mut line = String::new();
        assert!(log.read_line(&mut line).unwrap() > 0, "the server ended at start");
        let fields: Value = serde_json::from_str(&line).unwrap();
        if fields["message"] == "listening" && fields["listener"] == "public" {
            break fields["address"].as_str().unwrap().parse().unwrap();
        }
    };
    // The pipe must stay empty, or the program would wait for it.
    std::thread::spawn(move || std::io::copy(&mut log, &mut std::io::sink()));
    (child, address)
}

/// A connection that stays open.
pub(crate) struct Connection(TcpStream);

impl Connection {
    /// Time until the whole answer was there, its status, and its tag.
    pub(crate) fn get(&mut self, path: &str, tag: Option<&str>) -> (Duration, u16, String) {
        let confirm = tag.map_or(String::new(), |tag| format!("if-none-match: {tag}\r\n"));
        self.ask(path, &confirm)
    }

    /// The same, of a client that takes compressed answers.
    pub(crate) fn get_compressed(&mut self, path: &str) -> (Duration, u16, String) {
        self.ask(path, "accept-encoding: br\r\n")
    }

    fn ask(&mut self, path: &str, headers: &str) -> (Duration, u16, String) {
        let request = format!("GET {path} HTTP/1.1\r\nhost: x\r\n{headers}\r\n");
        let (took, head, _) = self.exchange(request.as_bytes());
        (took, status(&head), header(&head, "etag").to_owned())
    }

    /// Posts a body and answers with the status.
    pub(crate) fn post(&mut self, path: &str, body: &[u8]) -> u16 {
        let head = format!(
            "POST {path} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n\
             content-length: {}\r\n\r\n",
            body.len()
        );
        status(&self.exchange(&[head.as_bytes(), body].concat()).1)
    }

    /// The body of an answer.
    pub(crate) fn json(&mut self, path: &str) -> Value {
        let request = format!("GET {path} HTTP/1.1\r\nhost: x\r\n\r\n");
        serde_json::from_slice(&self.exchange(request.as_bytes()).2).unwrap()
    }

    /// Sends a request. Time until the whole answer was there, its head and its body.
    fn exchange(&mut self, request: &[u8]) -> (Duration, String, Vec<u8>) {
        let started = Instant::now();
        self.0.write_all(request).unwrap();
        let mut bytes = Vec::new();
        let mut chunk = [0; 65_536];
        let (head, length) = loop {
            let read = self.0.read(&mut chunk).unwrap();
            assert!(read > 0, "closed without an answer");
            bytes.extend_from_slice(&chunk[..read]);
            let text = String::from_utf8_lossy(&bytes);
            if let Some((head, _)) = text.split_once("\r\n\r\n") {
                let length = header(head, "content-length").parse().unwrap_or(0);
                break (head.to_owned(), length);
            }
        };
        while bytes.len() < head.len() + 4 + length {
            let read = self.0.read(&mut chunk).unwrap();
            assert!(read > 0, "closed within an answer");
            bytes.extend_from_slice(&chunk[..read]);
        }
        let body = bytes.split_off(head.len() + 4);
        (started.elapsed(), head, body)
    }
}

fn status(head: &str) -> u16 {
    head.split(' ').nth(1).unwrap().parse().unwrap()
}

fn header<'h>(head: &'h str, name: &str) -> &'h str {
    let lines = head.lines().filter_map(|line| line.split_once(": "));
    let mut found = lines.filter(|(key, _)| key.eq_ignore_ascii_case(name));
    found.next().map_or("", |(_, value)| value)
}
