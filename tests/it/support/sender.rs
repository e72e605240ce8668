//! Requests byte by byte, each from a loopback address of its own choice.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpSocket;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::timeout;

/// Longest wait for an answer.
const PATIENCE: Duration = Duration::from_secs(60);

/// Sends to a server.
pub(crate) struct Sender {
    to: SocketAddr,
}

impl Sender {
    /// `base` as in `http://127.0.0.1:3000`.
    pub(crate) fn to(base: &str) -> Self {
        Self { to: base.trim_start_matches("http://").parse().unwrap() }
    }

    /// Sends each request from its address, some at a time. Gives the answers in the same order.
    pub(crate) fn send(&self, requests: Vec<(Ipv4Addr, Vec<u8>)>, together: usize) -> Vec<Vec<u8>> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let (to, turns) = (self.to, Arc::new(Semaphore::new(together)));
        runtime.block_on(async move {
            let mut answers = vec![Vec::new(); requests.len()];
            let mut sending = JoinSet::new();
            for (index, (from, request)) in requests.into_iter().enumerate() {
                let turn = Arc::clone(&turns).acquire_owned().await.unwrap();
                sending.spawn(async move {
                    let answer = timeout(PATIENCE, send_one(from, to, &request)).await.unwrap();
                    drop(turn);
                    (index, answer)
                });
            }
            while let Some(answer) = sending.join_next().await {
                let (index, answer) = answer.unwrap();
                answers[index] = answer;
            }
            answers
        })
    }
}

/// What was answered until the connection ended, however it did.
async fn send_one(from: Ipv4Addr, to: SocketAddr, request: &[u8]) -> Vec<u8> {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(SocketAddr::from((from, 0))).unwrap();
    let mut connection = socket.connect(to).await.unwrap();
    // A refused request may be answered before it is sent.
    connection.write_all(request).await.ok();
    let mut answer = Vec::new();
    connection.read_to_end(&mut answer).await.ok();
    answer
}

/// A request with a batch.
pub(crate) fn raw_post(headers: &[(&str, &str)], body: &[u8]) -> Vec<u8> {
    raw_request("POST", "/v1/events", headers, body)
}

/// A request; a content type is added where none is given.
pub(crate) fn raw_request(
    method: &str,
    target: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> Vec<u8> {
    let mut head =
        format!("{method} {target} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n");
    if !headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("content-type")) {
        head.push_str("content-type: application/json\r\n");
    }
    for (name, value) in headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    head.push_str(&format!("content-length: {}\r\n\r\n", body.len()));
    [head.as_bytes(), body].concat()
}
