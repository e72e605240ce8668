//! Server and worker over doubles, in virtual time.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};
use stages::ports::Consume;
use stages::testing::{MemoryQueue, MemorySeen, MemoryStore, OpenRates, Tables};
use stages::{
    Batch, BatchKey, ClientKey, Clock, Cx, HashKey, Hour, ManualClock, Pipeline, Refusal, Request,
    Services, Side, StageSpec, Verdict,
};
use weather_mcp_analytics::shutdown::Tasks;
use weather_mcp_analytics::worker::{Settler, Worker};

use super::Spec;
use super::dice::Dice;

/// 2026-08-20T12:00:00Z.
const START: i64 = 1_787_227_200;
/// Events carry this hour: inside the acceptance window whatever a list does to the clock.
const EVENT_HOUR: Hour = Hour::containing(START - 6 * 3_600);
pub(crate) const POISON: &str = "6.6.6";
/// Types of error that a day may have; lists make more.
pub(crate) const ERROR_TYPES: usize = 3;

/// What became of a post, as its client saw it.
pub(crate) struct Posted {
    pub(crate) key: Option<u8>,
    pub(crate) events: Vec<Spec>,
    pub(crate) refusal: Option<Refusal>,
    /// Which events the door recognised.
    pub(crate) duplicates: Vec<bool>,
}

pub(crate) struct World {
    clock: Arc<ManualClock>,
    dice: Arc<Dice>,
    queue: Arc<MemoryQueue>,
    store: Arc<MemoryStore>,
    ingest: Mutex<Arc<Pipeline>>,
    worker: Worker,
}

fn ingest(clock: &Arc<ManualClock>, dice: &Arc<Dice>, queue: &Arc<MemoryQueue>) -> Arc<Pipeline> {
    let services = Services {
        queue: Arc::clone(queue) as _,
        seen: Arc::new(MemorySeen::new(Arc::clone(clock) as _, Arc::clone(dice) as _)),
        rates: Arc::new(OpenRates),
        local: None,
        identity_key: HashKey::from_bytes([3; 16]),
    };
    let mut dedup = StageSpec::named("dedup");
    dedup.if_down = serde_json::from_value(json!("skip")).unwrap();
    let mut specs: Vec<StageSpec> =
        ["parse", "schema-validate", "pii-scan", "sanitise"].map(StageSpec::named).to_vec();
    specs.extend([dedup, StageSpec::named("enqueue")]);
    let pipeline = Pipeline::build(&stages::registry(), Side::Ingest, &specs, &services);
    Arc::new(pipeline.unwrap_or_else(|errors| panic!("{errors:?}")))
}

impl World {
    pub(crate) fn new(seed: u64, percent: u64) -> Self {
        let clock = Arc::new(ManualClock::at(START));
        let dice = Arc::new(Dice::new(seed, percent));
        let queue = Arc::new(MemoryQueue::new(usize::MAX, Arc::clone(&dice) as _));
        let poison = |event: &stages::Scanned| (event.version() == POISON).then_some("23514");
        let store = Arc::new(MemoryStore::with_poison(Arc::clone(&dice) as _, poison));
        let mut specs = ["batch-persist", "aggregate"].map(StageSpec::named);
        specs[0].with = json!({"daily_values": {"error_type": ERROR_TYPES}});
        let services = stages::testing::services();
        let pipeline = Pipeline::build(&stages::registry(), Side::Worker, &specs, &services);
        let pipeline = pipeline.unwrap_or_else(|errors| panic!("{errors:?}"));
        let settler = Settler::new(
            Arc::new(pipeline),
            Arc::clone(&store) as _,
            Arc::clone(&clock) as _,
            Arc::new(()),
        );
        // A small group, so that lists make several and entries of one list meet in one.
        let worker = Worker::new(Arc::clone(&queue) as _, settler, 6, Tasks::new());
        let ingest = Mutex::new(ingest(&clock, &dice, &queue));
        Self { clock, dice, queue, store, ingest, worker }
    }

    pub(crate) async fn post(&self, key: Option<u8>, events: &[Spec]) -> Posted {
        let body = json!({"events": events.iter().map(event).collect::<Vec<_>>()}).to_string();
        let batch_key = key.map(|key| {
            let parts: [&[u8]; 2] = [&[key], body.as_bytes()];
            BatchKey::from_bytes(HashKey::from_bytes([3; 16]).hash("batch", &parts))
        });
        let request = Request {
            client: ClientKey::from_bytes([1; 16]),
            batch_key,
            received: self.clock.hour(),
            country: None,
        };
        let mut batch = Batch::request(body.as_bytes());
        let cx = Cx { clock: &*self.clock, request: Some(&request), tx: None };
        let pipeline = Arc::clone(&self.ingest.lock().unwrap());
        pipeline.run(&mut batch, cx, &()).await.expect("only dedup can fail, and is then skipped");
        let duplicate = |verdict: &Verdict| match verdict {
            Verdict::Pass => false,
            Verdict::Drop(reason) if reason.code.as_str() == "duplicate" => true,
            other => panic!("valid events are not refused: {other:?}"),
        };
        Posted {
            key,
            events: events.to_vec(),
            refusal: batch.refusal().cloned(),
            duplicates: batch.slots().iter().map(|slot| duplicate(slot.verdict())).collect(),
        }
    }

    /// One round of the worker, which may fail.
    pub(crate) async fn work(&self) {
        drop(self.worker.step().await);
    }

    /// Server and worker die and start again.
    pub(crate) fn crash(&self) {
        self.queue.holders_died();
        *self.ingest.lock().unwrap() = ingest(&self.clock, &self.dice, &self.queue);
    }

    pub(crate) fn pass(&self, minutes: u16) {
        self.clock.advance(Duration::from_secs(u64::from(minutes) * 60));
    }

    pub(crate) fn step_wall(&self, hours: i8) {
        self.clock.step_wall(START + i64::from(hours) * 3_600);
    }

    /// Nothing fails any more, and the worker gets to the end.
    pub(crate) async fn recover(&self) {
        self.dice.calm();
        self.queue.holders_died();
        while self.queue.queued() > 0 || !self.queue.entries().is_empty() {
            self.worker.step().await.expect("nothing fails any more");
        }
        let rest = self.queue.claim(1, Duration::ZERO).await.expect("nothing fails any more");
        assert!(rest.is_empty());
    }

    pub(crate) fn tables(&self) -> Tables {
        self.store.tables()
    }

    pub(crate) fn accepted(&self) -> u64 {
        self.queue.accepted()
    }

    pub(crate) fn failures(&self) -> BTreeMap<&'static str, u64> {
        self.dice.failures()
    }
}

fn event(spec: &Spec) -> Value {
    let mut event = json!({
        "version": if spec.poisoned() { POISON } else { "1.23.0" },
        "tool": "get_forecast",
        "status": "success",
        "timestamp_hour": EVENT_HOUR.to_string(),
        "analytics_level": "detailed",
    });
    if spec.failed {
        event["status"] = "error".into();
        event["error_type"] = format!("kind_{}", spec.error).into();
    }
    if let Some(ms) = spec.ms {
        event["response_time_ms"] = ms.into();
    }
    if let Some(identity) = spec.identity {
        event["session_id"] = "00112233445566ff".into();
        event["sequence_number"] = identity.into();
    }
    event
}
