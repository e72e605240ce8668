//! The set is the double; what is remembered is read from it.

use std::sync::Arc;

use super::*;
use crate::builtin::enqueue::{Enqueue, EnqueueConfig};
use crate::clock::ManualClock;
use crate::context::Request;
use crate::hash::{BatchKey, ClientKey};
use crate::hour::Hour;
use crate::testing::{MemoryQueue, MemorySeen, Script, scanned, services};

const HOUR: Hour = Hour::from_epoch_hours(496_454);

struct Door {
    dedup: Dedup,
    enqueue: Enqueue,
    seen: Arc<MemorySeen>,
    queue: Arc<MemoryQueue>,
    clock: Arc<ManualClock>,
    faults: Arc<Script>,
}

fn door(config: DedupConfig) -> Door {
    let (clock, faults) = (Arc::new(ManualClock::at(0)), Arc::new(Script::default()));
    let seen = Arc::new(MemorySeen::new(clock.clone(), faults.clone()));
    let queue = Arc::new(MemoryQueue::new(usize::MAX, faults.clone()));
    let services = Services { seen: seen.clone(), queue: queue.clone(), ..services() };
    let dedup = Dedup::build(config, &services).unwrap();
    let enqueue = Enqueue::build(EnqueueConfig::default(), &services).unwrap();
    Door { dedup, enqueue, seen, queue, clock, faults }
}

fn request(key: Option<u8>) -> Request {
    let batch_key = key.map(|key| BatchKey::from_bytes([key; 16]));
    let client = ClientKey::from_bytes([1; 16]);
    Request { client, batch_key, received: HOUR, country: None }
}

/// A batch of events; 0 stands for one without identity.
fn batch(identities: &[u128]) -> Batch<'static> {
    let event = |&identity: &u128| match identity {
        0 => scanned("get_alerts").build(),
        identity => scanned("get_alerts").identity(identity).build(),
    };
    Batch::replay(identities.iter().map(event).map(|event| (event, HOUR)))
}

impl Door {
    /// Sends a batch; true where a slot was dropped as a duplicate.
    async fn send(&self, key: Option<u8>, identities: &[u128]) -> Vec<bool> {
        let (request, mut batch) = (request(key), batch(identities));
        let cx = Cx { clock: &*self.clock, request: Some(&request), tx: None };
        self.dedup.run(&mut batch, cx).await.unwrap();
        self.enqueue.run(&mut batch, cx).await.unwrap();
        if batch.refusal().is_none()
            && let Some(settling) = self.dedup.settled(&batch, cx)
        {
            settling.await;
        }
        batch.slots().iter().map(|slot| !slot.passes()).collect()
    }
}

#[tokio::test]
async fn identities_decide_and_never_content() {
    let door = door(DedupConfig::default());
    let cases: [(&[u128], &[bool]); 5] = [
        (&[0, 0, 0], &[false; 3]),
        (&[0, 0, 0], &[false; 3]),
        (&[1, 2, 1, 0, 2], &[false, false, true, false, true]),
        (&[3, 2, 3], &[false, true, true]),
        (&[3, 2, 1], &[true; 3]),
    ];
    for (number, (identities, want)) in cases.into_iter().enumerate() {
        assert_eq!(door.send(None, identities).await, want, "request {number}");
    }
    assert_eq!((door.queue.accepted(), door.queue.door_duplicate()), (17, 7));
}

#[tokio::test]
async fn a_whole_batch_is_known_by_its_key() {
    let door = door(DedupConfig::default());
    assert_eq!(door.send(Some(1), &[0, 5]).await, [false, false]);
    assert_eq!(door.send(Some(1), &[0, 5]).await, [true, true]);
    assert_eq!(door.send(Some(2), &[0, 5]).await, [false, true]);
    let keys: Vec<_> = door.queue.entries().iter().map(|entry| entry.batch_key).collect();
    // The repeat brings no events and must not claim the key before the first does.
    assert_eq!(keys, [request(Some(1)).batch_key, None, request(Some(2)).batch_key]);
    assert_eq!(door.faults.visits("seen.before"), 3, "one call a batch");
}

#[tokio::test]
async fn only_what_was_queued_is_remembered() {
    let door = door(DedupConfig::default());
    door.faults.fail("append.before", 1);
    door.faults.fail("append.after", 1);
    assert_eq!(door.send(Some(1), &[5]).await, [false]);
    assert_eq!(door.send(Some(1), &[5]).await, [false]);
    assert_eq!(door.seen.keys(), []);
    assert_eq!(door.send(Some(1), &[5]).await, [false]);
    let batch_key = request(Some(1)).batch_key.unwrap();
    let event_key = Identity::from_bytes(5_u128.to_be_bytes());
    assert_eq!(door.seen.keys(), [SeenKey::Event(event_key), SeenKey::Batch(batch_key)]);
}

#[tokio::test]
async fn the_memory_is_bounded_in_time_and_number() {
    let max_keys = NonZeroUsize::new(2).unwrap();
    let door = door(DedupConfig { window: Span::seconds(10), max_keys });
    door.send(None, &[1, 2, 3]).await;
    assert_eq!(door.seen.keys().len(), 2);
    door.clock.advance(std::time::Duration::from_nanos(9_999_999_999));
    assert_eq!(door.send(None, &[3]).await, [true]);
    door.clock.advance(std::time::Duration::from_nanos(1));
    assert_eq!(door.send(None, &[3]).await, [false]);
}

#[tokio::test]
async fn an_unreachable_set_is_the_pipelines_to_judge() {
    let door = door(DedupConfig::default());
    door.faults.fail("seen.before", 1);
    let (request, mut batch) = (request(None), batch(&[1, 1]));
    let cx = Cx { clock: &*door.clock, request: Some(&request), tx: None };
    let error = door.dedup.run(&mut batch, cx).await.unwrap_err();
    assert!(matches!(error, StageError::Shared(_)));
    assert_eq!(batch.passing(), 2);
}
