//! The queue is the double; answers and entries are compared with what the ports promise.

use std::sync::Arc;

use super::*;
use crate::clock::ManualClock;
use crate::context::Request;
use crate::country::Country;
use crate::hash::{BatchKey, ClientKey};
use crate::hour::Hour;
use crate::scanned::{Level, Scanned};
use crate::testing::{Faults, MemoryQueue, Script, scanned, services};
use crate::verdict::{Pointer, Reason, Verdict};

const HOUR: Hour = Hour::from_epoch_hours(496_454);
const REQUEST: Request = Request {
    client: ClientKey::from_bytes([1; 16]),
    batch_key: Some(BatchKey::from_bytes([2; 16])),
    received: HOUR,
    country: None,
};

/// Five events: accepted, duplicate, refused, accepted, duplicate.
fn batch() -> Batch<'static> {
    let mut batch =
        Batch::replay((1..=5).map(|id| (scanned("get_alerts").identity(id).build(), HOUR)));
    let reason = |code| Reason::new(code, Pointer::ROOT, "");
    for (slot, verdict) in [
        (1, Verdict::Drop(reason(codes::DUPLICATE))),
        (2, Verdict::Reject(reason(codes::INVALID_FIELD))),
        (4, Verdict::Drop(reason(codes::DUPLICATE))),
    ] {
        batch.settle(slot, verdict);
    }
    batch
}

async fn run(queue: &Arc<MemoryQueue>, batch: &mut Batch<'_>) {
    run_as(queue, batch, REQUEST).await;
}

async fn run_as(queue: &Arc<MemoryQueue>, batch: &mut Batch<'_>, request: Request) {
    let services = Services { queue: queue.clone(), ..services() };
    let stage = Enqueue::build(EnqueueConfig::default(), &services).unwrap();
    let clock = ManualClock::at(0);
    stage.run(batch, Cx { clock: &clock, request: Some(&request), tx: None }).await.unwrap();
}

#[tokio::test]
async fn accepted_events_leave_in_one_entry_under_the_receipt() {
    let (queue, mut batch) = (Arc::new(MemoryQueue::default()), batch());
    run(&queue, &mut batch).await;
    let want = Entry {
        id: batch.receipt().unwrap(),
        received: HOUR,
        batch_key: REQUEST.batch_key,
        door_duplicates: 2,
        events: [1, 4].map(|id| scanned("get_alerts").identity(id).build()).into(),
    };
    assert_eq!(queue.entries(), [want]);
    assert_eq!((queue.accepted(), queue.door_duplicate()), (4, 2));
    assert_eq!(batch.passing(), 2, "the answer's count outlives the events");
    assert!(batch.slots()[0].event.scanned().is_none());
}

#[tokio::test]
async fn a_proxys_country_is_for_events_that_may_have_one_and_have_none() {
    let at = |level| scanned("get_alerts").level(level);
    let events = [
        at(Level::Minimal).build(),
        at(Level::Standard).build(),
        at(Level::Standard).country("FR").build(),
        at(Level::Detailed).build(),
    ];
    for (country, want) in [
        (None, [None, None, Some("FR"), None]),
        (Country::read("de"), [None, Some("DE"), Some("FR"), Some("DE")]),
    ] {
        let queue = Arc::new(MemoryQueue::default());
        let mut batch = Batch::replay(events.iter().cloned().map(|event| (event, HOUR)));
        run_as(&queue, &mut batch, Request { country, ..REQUEST }).await;
        let entry = queue.entries().remove(0);
        let got: Vec<_> = entry.events.iter().map(Scanned::country).collect();
        assert_eq!(got, want);
    }
}

#[tokio::test]
async fn nothing_accepted_and_nothing_repeated_is_no_entry() {
    let queue = Arc::new(MemoryQueue::default());
    for events in [0, 1] {
        let mut batch = Batch::replay((0..events).map(|_| (scanned("get_alerts").build(), HOUR)));
        let reason = Reason::new(codes::INVALID_FIELD, Pointer::ROOT, "");
        batch.settle(0, Verdict::Reject(reason));
        run(&queue, &mut batch).await;
        assert_eq!((batch.receipt(), queue.entries().len()), (None, 0));
    }
}

#[tokio::test]
async fn a_failed_append_is_answered_and_never_repeated() {
    let cases = [
        (None, 1, QUEUE_FULL, 0),
        (Some("append.before"), 9, QUEUE_UNAVAILABLE, 0),
        (Some("append.after"), 9, APPEND_UNCONFIRMED, 1),
    ];
    for (point, max_events, code, entries) in cases {
        let faults = Arc::new(Script::default());
        if let Some(point) = point {
            faults.fail(point, 1);
        }
        let shared: Arc<dyn Faults> = faults.clone();
        let (queue, mut batch) = (Arc::new(MemoryQueue::new(max_events, shared)), batch());
        run(&queue, &mut batch).await;
        let refusal = batch.refusal().unwrap();
        let kind = RefusalKind::Unavailable { retry_after: Duration::from_secs(60) };
        assert_eq!((refusal.code, refusal.kind), (code, kind));
        assert_eq!((batch.receipt(), queue.entries().len()), (None, entries));
        assert_eq!(faults.visits("append.before"), 1);
    }
}
