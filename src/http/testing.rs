//! A whole server on a port of its own, with queue, store and limits in memory, and a client that
//! writes requests byte by byte.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use salvo::Router;
use salvo::server::ServerHandle;
use schemars::JsonSchema;
use serde::Deserialize;
use stages::ports::*;
use stages::{
    Batch, BuildError, Code, Cx, Define, Entry, EntryId, Form, HashKey, Hour, ManualClock, Needs,
    Pipeline, Pointer, Quota, Refusal, RefusalKind, Registry, Services, Side, Stage, StageError,
    StageSpec, Warning,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

mod world;

pub(super) use self::world::World;
use super::client::Clients;
use super::middleware::RequestIds;
use super::state::*;
use crate::config::Settings;
use crate::http::refusals::Unwritten;
use crate::queue::{Heartbeat, QueueState};
use crate::stats::fake::Fake;
use crate::store::Totals;
use crate::telemetry::Metrics;
use crate::transparency::Document;

/// 2026-08-20T14:30:00.000Z.
pub(super) const NOW: i64 = 1_787_236_200;

fn down() -> Cause {
    "down".into()
}

/// Does what the body says instead of reading events from it.
struct Script;

#[derive(Default, Deserialize, JsonSchema)]
struct NoSettings {}

pub(super) fn entry(events: usize) -> Entry {
    let event = r#"{"version":"1.0.0","tool":"get_alerts","status":"success","level":"minimal",
        "timestamp":1787234400,"parameters":[]}"#;
    let event = stages::entry::read_payload(event).unwrap();
    Entry {
        id: EntryId::from_bytes([0; 16]),
        received: Hour::containing(NOW),
        batch_key: None,
        door_duplicates: 0,
        events: vec![event; events],
    }
}

#[async_trait]
impl Stage for Script {
    async fn run(&self, batch: &mut Batch<'_>, cx: Cx<'_>) -> Result<(), StageError> {
        let keyed = cx.request.is_some_and(|request| request.batch_key.is_some());
        let retry_after = Duration::from_millis(2_500);
        let body = batch.body();
        let mut refuse = |kind, code| {
            batch.refuse(Refusal { kind, code: Code::new(code), message: "no".into() });
        };
        match body {
            b"malformed" => refuse(RefusalKind::Malformed, "malformed_json"),
            b"empty" => refuse(RefusalKind::Invalid, "empty_batch"),
            b"limit" => refuse(RefusalKind::RateLimited { retry_after }, "too_many_requests"),
            b"full" => refuse(RefusalKind::Unavailable { retry_after }, "queue_full"),
            b"down" => return Err(SharedError(down()).into()),
            b"misplaced" => return Err(StageError::Misplaced("no request")),
            b"panic" => panic!("secret"),
            _ => *batch = Batch::group([entry(if keyed { 2 } else { 1 })]),
        }
        batch.report(Quota {
            name: "requests",
            limit: 60,
            window_seconds: 60,
            remaining: 5,
            reset_seconds: 7,
        });
        if let Some(event) = batch.event_mut(0) {
            event.warn(Code::new("clamped"), Pointer::fixed("/response_time_ms"), "was clamped");
        }
        Ok(())
    }
}

impl Define for Script {
    const NAME: &'static str = "script";
    const SIDES: &'static [Side] = &[Side::Ingest];
    const GIVES: Option<Form> = Some(Form::Queued);
    const CODES: &'static [Code] = &[];
    type Config = NoSettings;

    fn needs(_: &Self::Config) -> Needs {
        Needs::Exactly(Form::Body)
    }

    fn build(_: Self::Config, _: &Services) -> Result<Self, BuildError> {
        Ok(Self)
    }
}

/// A warning as a stage makes it.
pub(super) fn reason(code: &'static str, pointer: &'static str, text: &'static str) -> Warning {
    Warning::new(Code::new(code), Pointer::fixed(pointer), text)
}

/// The public routes, over rollups without a call.
pub(super) fn routes(state: &Arc<State>) -> Router {
    super::router(state, Arc::new(Fake::default()))
}

/// A server, the world around it and the time in it.
pub(super) struct TestServer {
    pub(super) state: Arc<State>,
    pub(super) world: Arc<World>,
    address: SocketAddr,
    pub(super) handle: ServerHandle,
    pub(super) task: tokio::task::JoinHandle<std::io::Result<()>>,
}

impl TestServer {
    /// A healthy server with the public routes.
    pub(super) async fn start() -> Self {
        Self::with(|_| {}, routes).await
    }

    pub(super) async fn with(
        change: impl FnOnce(&mut Settings),
        router: impl FnOnce(&Arc<State>) -> Router,
    ) -> Self {
        let mut settings = Settings::default();
        change(&mut settings);
        let world = Arc::new(World::default());
        *world.queue.lock().unwrap() = Some(QueueState::default());
        *world.store.lock().unwrap() = Some(Totals::default());
        let beat = Heartbeat { worker: "w1".to_owned(), age: Duration::ZERO, lag: Duration::ZERO };
        world.workers.lock().unwrap().push(beat);
        let state = Arc::new(state(settings, &world));
        let bound = super::serve::bind(SocketAddr::from(([127, 0, 0, 1], 0))).await.unwrap();
        let address = bound.address();
        let (handle, serving) = bound.serve(router(&state), &state).unwrap();
        let task = crate::shutdown::Tasks::new().spawn(serving);
        Self { state, world, address, handle, task }
    }

    pub(super) async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    /// Sends bytes on a connection of their own and reads the answer.
    pub(super) async fn send(&self, request: impl AsRef<[u8]>) -> Answer {
        let mut stream = self.connect().await;
        exchange(&mut stream, request.as_ref()).await
    }

    pub(super) async fn get(&self, path: &str) -> Answer {
        self.send(format!("GET {path} HTTP/1.1\r\nhost: a\r\n\r\n")).await
    }

    pub(super) async fn post(&self, headers: &str, body: &str) -> Answer {
        self.send(post(headers, body)).await
    }
}

/// A request for ingest. `headers` end with a line break each.
pub(super) fn post(headers: &str, body: &str) -> String {
    let length = body.len();
    format!(
        "POST /v1/events HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\n\
         content-length: {length}\r\n{headers}\r\n{body}"
    )
}

/// Sends a request and reads one answer.
pub(super) async fn exchange(stream: &mut TcpStream, request: &[u8]) -> Answer {
    stream.write_all(request).await.unwrap();
    let mut bytes = Vec::new();
    loop {
        if let Some(answer) = Answer::read(&bytes) {
            return answer;
        }
        assert!(stream.read_buf(&mut bytes).await.unwrap() > 0, "closed without an answer");
    }
}

/// An answer, taken apart.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    head: String,
    pub(super) body: String,
}

impl Answer {
    fn read(bytes: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(bytes).ok()?;
        let (head, body) = text.split_once("\r\n\r\n")?;
        let status = head.get(9..12)?.parse().ok()?;
        let answer = Self { status, head: head.to_owned(), body: body.to_owned() };
        let length = answer.header("content-length").map_or(0, |n| n.parse().unwrap());
        (answer.body.len() >= length).then_some(answer)
    }

    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().skip(1).find_map(|line| {
            let (key, value) = line.split_once(": ")?;
            key.eq_ignore_ascii_case(name).then_some(value)
        })
    }

    pub(super) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap()
    }

    /// Status, `error` and `code` of a problem.
    pub(super) fn problem(&self) -> (u16, String, String) {
        assert_eq!(self.header("content-type"), Some("application/problem+json"), "{self:?}");
        let json = self.json();
        assert_eq!(json["status"], self.status);
        assert_eq!(json["instance"].as_str(), self.header("x-request-id"));
        let text = |name: &str| json[name].as_str().unwrap().to_owned();
        (self.status, text("error"), text("code"))
    }
}

fn state(settings: Settings, world: &Arc<World>) -> State {
    let key = || HashKey::from_bytes([5; 16]);
    let services = Services {
        queue: world.clone(),
        seen: world.clone(),
        rates: world.clone(),
        local: None,
        identity_key: key(),
    };
    let registry = Registry::new().with::<Script>();
    let specs = [StageSpec::named("script")];
    let pipeline =
        Pipeline::build(&registry, Side::Ingest, &specs, &services).unwrap_or_else(|e| {
            panic!("{e:?}");
        });
    let scanned = Settings { ingest: vec![StageSpec::named("pii-scan")], ..settings.clone() };
    let document = Document::new(&scanned, &stages::registry()).unwrap();
    State {
        clients: Arc::new(Clients::new(key(), settings.server.trusted_proxies.clone())),
        settings: Arc::new(settings),
        clock: Arc::new(ManualClock::at(NOW)),
        started: Duration::ZERO,
        ingest: Some(Ingest { pipeline, max_body: 1_000 }),
        queue: world.clone(),
        store: world.clone(),
        metrics: Arc::new(Metrics::new().unwrap()),
        shared_answers: None,
        rates: world.clone(),
        request_ids: RequestIds::new(key()),
        identity_key: key(),
        refusals: Unwritten::default(),
        readiness: Readiness::default(),
        pipeline: PipelineStatus { loaded_at: NOW * 1_000, valid: true, last_error: None },
        closed_hour: ClosedHour::default(),
        document: Arc::new(document),
    }
}
