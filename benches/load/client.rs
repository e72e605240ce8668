//! A load generator: keep-alive connections that send prepared requests and count answers.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// What one run measured.
pub(crate) struct Run {
    pub(crate) requests: u64,
    pub(crate) failed: u64,
    pub(crate) took: Duration,
    pub(crate) cpu: Duration,
    pub(crate) p99: Duration,
}

impl Run {
    /// Answers a second.
    pub(crate) fn rate(&self) -> f64 {
        self.requests as f64 / self.took.as_secs_f64()
    }

    /// CPU time of the server for one request.
    pub(crate) fn cpu_per_request(&self) -> Duration {
        self.cpu.div_f64(self.requests.max(1) as f64)
    }
}

/// Posts `bodies` in turn over some connections for a while.
pub(crate) async fn drive(
    address: SocketAddr,
    bodies: &[Vec<u8>],
    connections: usize,
    time: Duration,
) -> Run {
    let started = Instant::now();
    let mut tasks = tokio::task::JoinSet::new();
    for connection in 0..connections {
        let requests: Vec<Vec<u8>> =
            bodies.iter().skip(connection).step_by(connections).map(|body| request(body)).collect();
        tasks.spawn(async move { connection_loop(address, &requests, started + time).await });
    }
    let (mut latencies, mut failed) = (Vec::new(), 0);
    for (mut taken, bad) in tasks.join_all().await {
        latencies.append(&mut taken);
        failed += bad;
    }
    latencies.sort_unstable();
    let p99 = latencies.get(latencies.len() * 99 / 100).copied().unwrap_or_default();
    Run {
        requests: latencies.len() as u64,
        failed,
        took: started.elapsed(),
        cpu: Duration::ZERO,
        p99,
    }
}

/// Posts every body once.
pub(crate) async fn send_all(address: SocketAddr, bodies: &[Vec<u8>], connections: usize) -> Run {
    let started = Instant::now();
    let mut tasks = tokio::task::JoinSet::new();
    for connection in 0..connections {
        let requests: Vec<Vec<u8>> =
            bodies.iter().skip(connection).step_by(connections).map(|body| request(body)).collect();
        tasks.spawn(async move {
            let mut stream = TcpStream::connect(address).await.unwrap();
            let (mut failed, mut buffer) = (0, Vec::with_capacity(4_096));
            for request in &requests {
                stream.write_all(request).await.unwrap();
                failed += u64::from(!answer(&mut stream, &mut buffer).await);
            }
            failed
        });
    }
    let failed = tasks.join_all().await.into_iter().sum();
    let (requests, took) = (bodies.len() as u64, started.elapsed());
    Run { requests, failed, took, cpu: Duration::ZERO, p99: Duration::ZERO }
}

/// Posts bodies at a steady pace for a while, with sessions that are new every time. Answers how many
/// requests were sent and how many of them failed.
pub(crate) async fn pace(
    address: SocketAddr,
    bodies: &[Vec<u8>],
    connections: usize,
    requests_per_second: usize,
    time: Duration,
) -> (u64, u64) {
    let each = Duration::from_secs_f64(connections as f64 / requests_per_second as f64);
    let until = Instant::now() + time;
    let mut tasks = tokio::task::JoinSet::new();
    for connection in 0..connections {
        let mut requests: Vec<Vec<u8>> =
            bodies.iter().skip(connection).step_by(connections).map(|body| request(body)).collect();
        tasks.spawn(async move {
            let mut stream = TcpStream::connect(address).await.unwrap();
            let mut ticks = tokio::time::interval(each);
            let (mut sent, mut failed, mut buffer) = (0, 0, Vec::with_capacity(4_096));
            while Instant::now() < until {
                ticks.tick().await;
                let at = sent as usize % requests.len();
                renew_sessions(&mut requests[at], (connection as u64) << 40 | sent << 8);
                stream.write_all(&requests[at]).await.unwrap();
                failed += u64::from(!answer(&mut stream, &mut buffer).await);
                sent += 1;
            }
            (sent, failed)
        });
    }
    let all = tasks.join_all().await;
    all.into_iter().fold((0, 0), |sum, one| (sum.0 + one.0, sum.1 + one.1))
}

/// Gives each session of a request a name of its own, from `number` on.
fn renew_sessions(request: &mut [u8], mut number: u64) {
    const BEFORE: &[u8] = b"\"session_id\":\"";
    let mut at = 0;
    while let Some(found) = request[at..].windows(BEFORE.len()).position(|bytes| bytes == BEFORE) {
        at += found + BEFORE.len();
        request[at..at + 16].copy_from_slice(format!("{number:016x}").as_bytes());
        number += 1;
    }
}

fn request(body: &[u8]) -> Vec<u8> {
    let head = format!(
        "POST /v1/events HTTP/1.1\r\nhost: localhost\r\nuser-agent: weather-mcp/1.23.0\r\n\
         content-type: application/json\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    [head.as_bytes(), body].concat()
}

async fn connection_loop(
    address: SocketAddr,
    requests: &[Vec<u8>],
    until: Instant,
) -> (Vec<Duration>, u64) {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.set_nodelay(true).unwrap();
    let (mut latencies, mut failed) = (Vec::new(), 0);
    let mut buffer = Vec::with_capacity(4_096);
    for request in requests.iter().cycle() {
        let sent = Instant::now();
        if sent >= until {
            break;
        }
        stream.write_all(request).await.unwrap();
        failed += u64::from(!answer(&mut stream, &mut buffer).await);
        latencies.push(sent.elapsed());
    }
    (latencies, failed)
}

/// Reads one answer with a Content-Length; whether it was a 200.
async fn answer(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> bool {
    buffer.clear();
    loop {
        assert!(stream.read_buf(buffer).await.unwrap() > 0, "the server closed the connection");
        let Some(head) = buffer.windows(4).position(|bytes| bytes == b"\r\n\r\n") else { continue };
        let text = String::from_utf8_lossy(&buffer[..head]).to_ascii_lowercase();
        let length = text.lines().find_map(|line| line.strip_prefix("content-length:"));
        let length: usize = length.unwrap().trim().parse().unwrap();
        while buffer.len() < head + 4 + length {
            assert!(stream.read_buf(buffer).await.unwrap() > 0, "the answer is cut off");
        }
        return text.starts_with("http/1.1 200");
    }
}
