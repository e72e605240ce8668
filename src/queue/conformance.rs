//! What every queue must do. Each kind runs the same tests, on a bench of its own, and then those of
//! its own.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use stages::entry::{FORMAT, read_payload};
use stages::ports::AppendError;
use stages::units::Size;
use stages::{Entry, EntryId, Hour};

use super::{Heartbeat, Position, Queue, QueueState, Refusals, RefusedKind};
use crate::config::settings;
use crate::shutdown::Tasks;

pub(super) const NOW: i64 = 1_787_234_400;
pub(super) const NO_PATIENCE: Duration = Duration::ZERO;
/// Longer than any test runs: whoever waits for it has failed.
pub(super) const LONG: Duration = Duration::from_secs(600);

/// Where a kind of queue is tried.
#[async_trait]
pub(super) trait Bench: Send + Sync + Sized {
    /// A place that nobody has used.
    fn new() -> Self;

    fn tasks(&self) -> &Tasks;

    /// The settings of a queue on this bench.
    fn settings(&self) -> settings::Queue;

    /// Opens the queue, as another process would.
    async fn open_with(&self, settings: &settings::Queue) -> Arc<dyn Queue>;

    async fn open(&self) -> Arc<dyn Queue> {
        self.open_with(&self.settings()).await
    }

    /// Writes other bytes into an entry, behind the queue's back.
    async fn spoil(&self, entry: EntryId, payload: Vec<u8>);

    /// Lets time go by for the signs of life.
    async fn pass(&self, time: Duration);
}

pub(super) fn id(number: u64) -> EntryId {
    EntryId::from_bytes(u128::from(number).to_be_bytes())
}

/// An entry with that many events and duplicates.
pub(super) fn entry(number: u64, events: usize, door_duplicates: u32) -> Entry {
    let event = read_payload(
        r#"{"version":"1.0.0","tool":"get_forecast","status":"success","level":"minimal",
            "timestamp":1787234400,"parameters":[]}"#,
    );
    Entry {
        id: id(number),
        received: Hour::containing(NOW),
        batch_key: None,
        door_duplicates,
        events: vec![event.unwrap(); events],
    }
}

pub(super) fn ids(entries: &[Entry]) -> Vec<EntryId> {
    entries.iter().map(|entry| entry.id).collect()
}

fn size(entry: &Entry) -> u64 {
    entry.encode().unwrap().len() as u64
}

/// Claims until all of those have come.
pub(super) async fn claim_all(queue: &Arc<dyn Queue>, wanted: impl IntoIterator<Item = u64>) {
    let mut wanted: BTreeSet<_> = wanted.into_iter().map(id).collect();
    while !wanted.is_empty() {
        for entry in queue.claim(100, LONG).await.unwrap() {
            assert!(wanted.remove(&entry.id), "{} came twice or was not wanted", entry.id);
        }
    }
}

/// Runs every test on a bench.
macro_rules! conforms {
    ($bench:ty) => {
        $crate::queue::conformance::conforms!(
            $bench:
            what_was_appended_is_claimed_in_order_and_gone_once_acknowledged,
            a_claim_ends_with_the_entry_that_reaches_its_events,
            a_full_queue_refuses_and_writes_nothing,
            every_concurrent_append_is_stored_once,
            processes_share_a_queue,
            who_ends_leaves_its_claims_to_others,
            a_waiting_claim_gets_what_is_appended_or_given_back,
            entries_that_cannot_be_read_are_left_alone,
            workers_are_shown_until_they_have_been_silent_for_ten_minutes,
            refusals_add_up,
            closing_writes_what_waits_and_refuses_what_comes,
        );
    };
    ($bench:ty: $($test:ident,)+) => {
        mod conformance {
            use super::*;
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $test() {
                    $crate::queue::conformance::$test::<$bench>().await;
                }
            )+
        }
    };
}
pub(super) use conforms;

pub(super) async fn what_was_appended_is_claimed_in_order_and_gone_once_acknowledged<B: Bench>() {
    let bench = B::new();
    let queue = bench.open().await;
    let entries = [entry(3, 2, 1), entry(1, 1, 0), entry(2, 0, 4)];
    for entry in &entries {
        queue.append(entry).await.unwrap();
    }
    let full = QueueState {
        entries: 3,
        events: 8,
        bytes: entries.iter().map(size).sum(),
        accepted: 8,
        door_duplicates: 5,
        healed: 0,
        oldest_received: Some(Hour::containing(NOW)),
        failing: false,
    };
    let position = |oldest| vec![Position { newest: 3, oldest }];
    assert_eq!(queue.state().await.unwrap(), full);
    assert_eq!(queue.positions().await.unwrap(), position(Some(1)));
    assert_eq!(queue.find(id(3)).await.unwrap(), Some(3));
    assert_eq!(queue.find(id(9)).await.unwrap(), None);
    queue.close().await;

    let queue = bench.open().await;
    assert_eq!(queue.state().await.unwrap(), full);
    assert_eq!(queue.claim(100, NO_PATIENCE).await.unwrap(), entries);
    assert_eq!(queue.claim(100, NO_PATIENCE).await.unwrap(), []);
    queue.acknowledge(&[id(3), id(2), id(77)]).await.unwrap();
    assert_eq!(queue.find(id(3)).await.unwrap(), None);
    queue.close().await;

    let queue = bench.open().await;
    let left = QueueState { entries: 1, events: 1, bytes: size(&entries[1]), ..full };
    assert_eq!(queue.state().await.unwrap(), left);
    assert_eq!(queue.positions().await.unwrap(), position(Some(2)));
    assert_eq!(queue.claim(100, NO_PATIENCE).await.unwrap(), entries[1..2]);
    queue.acknowledge(&[id(1)]).await.unwrap();
    let empty = QueueState { entries: 0, events: 0, bytes: 0, oldest_received: None, ..full };
    assert_eq!(queue.state().await.unwrap(), empty);
    assert_eq!(queue.positions().await.unwrap(), position(None));
    queue.close().await;
}

pub(super) async fn a_claim_ends_with_the_entry_that_reaches_its_events<B: Bench>() {
    let bench = B::new();
    let queue = bench.open().await;
    for (number, events) in [(1, 5), (2, 3), (3, 0), (4, 4), (5, 1)] {
        queue.append(&entry(number, events, 0)).await.unwrap();
    }
    for (max_events, want) in
        [(4, vec![id(1)]), (4, vec![id(2), id(3), id(4)]), (0, vec![id(5)]), (4, vec![])]
    {
        assert_eq!(ids(&queue.claim(max_events, NO_PATIENCE).await.unwrap()), want);
    }
    // What is given back is claimed again, and nothing else.
    queue.acknowledge(&[id(1)]).await.unwrap();
    queue.release(&[id(2), id(4), id(88)]).await;
    assert_eq!(ids(&queue.claim(3, NO_PATIENCE).await.unwrap()), [id(2)]);
    assert_eq!(ids(&queue.claim(100, NO_PATIENCE).await.unwrap()), [id(4)]);
    queue.release(&[id(2)]).await;
    assert_eq!(ids(&queue.claim(1, NO_PATIENCE).await.unwrap()), [id(2)]);
    queue.close().await;
}

pub(super) async fn a_full_queue_refuses_and_writes_nothing<B: Bench>() {
    let size = size(&entry(1, 2, 0));
    for (max_events, max_bytes) in [(5, 1_000_000), (1_000, 2 * size + size / 2)] {
        let bench = B::new();
        let limits = settings::Queue { max_events, max_bytes: Size(max_bytes), ..bench.settings() };
        let queue = bench.open_with(&limits).await;
        queue.append(&entry(1, 2, 0)).await.unwrap();
        queue.append(&entry(2, 1, 1)).await.unwrap();
        let before = queue.state().await.unwrap();
        let refused = queue.append(&entry(3, 2, 0)).await;
        assert!(matches!(refused, Err(AppendError::Full)), "{refused:?}");
        assert_eq!(queue.state().await.unwrap(), before);
        assert_eq!(ids(&queue.claim(1, NO_PATIENCE).await.unwrap()), [id(1)]);
        queue.acknowledge(&[id(1)]).await.unwrap();
        queue.append(&entry(3, 2, 0)).await.unwrap();
        assert_eq!(ids(&queue.claim(100, NO_PATIENCE).await.unwrap()), [id(2), id(3)]);
        queue.close().await;
    }
}

pub(super) async fn every_concurrent_append_is_stored_once<B: Bench>() {
    let bench = B::new();
    let queue = bench.open().await;
    let mut appenders = Vec::new();
    for appender in 0..64 {
        let queue = queue.clone();
        appenders.push(bench.tasks().spawn(async move {
            for number in 0..50 {
                queue.append(&entry(appender * 50 + number, 1, 1)).await.unwrap();
            }
        }));
    }
    for appender in appenders {
        appender.await.unwrap();
    }
    let state = queue.state().await.unwrap();
    let bytes = 3_200 * size(&entry(1, 1, 1));
    assert_eq!((state.entries, state.events, state.bytes), (3_200, 6_400, bytes));
    assert_eq!((state.accepted, state.door_duplicates), (6_400, 3_200));
    claim_all(&queue, 0..3_200).await;
    queue.close().await;
}

pub(super) async fn processes_share_a_queue<B: Bench>() {
    let bench = B::new();
    let (first, second) = (bench.open().await, bench.open().await);
    let keys = [first.identity_key().await.unwrap(), second.identity_key().await.unwrap()];
    assert_eq!(keys[0].expose(), keys[1].expose());
    first.append(&entry(1, 1, 0)).await.unwrap();
    second.append(&entry(2, 1, 0)).await.unwrap();
    assert_eq!(first.state().await.unwrap(), second.state().await.unwrap());
    assert_eq!(second.state().await.unwrap().accepted, 2);
    // What waits elsewhere counts against the limits here.
    let narrow = settings::Queue { max_events: 2, ..bench.settings() };
    let third = bench.open_with(&narrow).await;
    assert!(matches!(third.append(&entry(3, 1, 0)).await, Err(AppendError::Full)));
    for queue in [first, second, third] {
        queue.close().await;
    }
}

pub(super) async fn who_ends_leaves_its_claims_to_others<B: Bench>() {
    let bench = B::new();
    let (first, second) = (bench.open().await, bench.open().await);
    first.append(&entry(1, 1, 0)).await.unwrap();
    first.append(&entry(2, 1, 0)).await.unwrap();
    assert_eq!(ids(&first.claim(1, NO_PATIENCE).await.unwrap()), [id(1)]);
    let waiting = bench.tasks().spawn({
        let second = second.clone();
        async move { claim_all(&second, [1, 2]).await }
    });
    first.close().await;
    waiting.await.unwrap();
    second.close().await;
}

pub(super) async fn a_waiting_claim_gets_what_is_appended_or_given_back<B: Bench>() {
    let bench = B::new();
    let queue = bench.open().await;
    for given_back in [false, true] {
        let claim = bench.tasks().spawn({
            let queue = queue.clone();
            async move { queue.claim(10, LONG).await }
        });
        tokio::task::yield_now().await;
        assert!(!claim.is_finished());
        if given_back {
            queue.release(&[id(1)]).await;
        } else {
            queue.append(&entry(1, 1, 0)).await.unwrap();
        }
        assert_eq!(ids(&claim.await.unwrap().unwrap()), [id(1)]);
    }
    queue.close().await;
}

pub(super) async fn entries_that_cannot_be_read_are_left_alone<B: Bench>() {
    let bench = B::new();
    let queue = bench.open().await;
    for number in 1..=4 {
        queue.append(&entry(number, 1, 0)).await.unwrap();
    }
    for (number, payload) in [(1, vec![FORMAT + 1, 7, 7]), (2, vec![FORMAT]), (4, vec![])] {
        bench.spoil(id(number), payload).await;
    }
    assert_eq!(ids(&queue.claim(10, NO_PATIENCE).await.unwrap()), [id(3)]);
    queue.acknowledge(&[id(3)]).await.unwrap();
    assert_eq!(queue.claim(1, NO_PATIENCE).await.unwrap(), []);
    let state = queue.state().await.unwrap();
    assert_eq!((state.entries, state.events), (3, 3));
    assert_eq!(queue.positions().await.unwrap()[0].oldest, Some(1));
    // Somebody who can read them gets them.
    queue.close().await;
    let queue = bench.open().await;
    for number in [1, 2, 4] {
        bench.spoil(id(number), entry(number, 1, 0).encode().unwrap()).await;
    }
    claim_all(&queue, [1, 2, 4]).await;
    queue.close().await;
}

pub(super) async fn workers_are_shown_until_they_have_been_silent_for_ten_minutes<B: Bench>() {
    let bench = B::new();
    let queue = bench.open().await;
    // Whole seconds: some benches have a clock that goes on by itself.
    let shown = async || -> Vec<(String, u64, u64)> {
        let seconds = |beat: Heartbeat| (beat.worker, beat.age.as_secs(), beat.lag.as_secs());
        queue.workers().await.unwrap().into_iter().map(seconds).collect()
    };
    let beat = |worker: &str, age, lag| (worker.to_owned(), age, lag);
    queue.beat("b", Duration::from_secs(7)).await.unwrap();
    bench.pass(Duration::from_secs(595)).await;
    queue.beat("a", Duration::ZERO).await.unwrap();
    assert_eq!(shown().await, [beat("a", 0, 0), beat("b", 595, 7)]);
    bench.pass(Duration::from_secs(6)).await;
    assert_eq!(shown().await, [beat("a", 6, 0)]);
    queue.beat("a", Duration::from_secs(2)).await.unwrap();
    assert_eq!(shown().await, [beat("a", 0, 2)]);
    queue.close().await;
}

pub(super) async fn refusals_add_up<B: Bench>() {
    let bench = B::new();
    let queue = bench.open().await;
    let of = |counts: &[(RefusedKind, &str, u64)]| -> Refusals {
        counts.iter().map(|&(kind, code, count)| ((kind, code.to_owned()), count)).collect()
    };
    let first = [(RefusedKind::Event, "pii_detected", 2), (RefusedKind::Request, "too_deep", 1)];
    queue.add_refusals(&of(&first)).await.unwrap();
    queue.add_refusals(&of(&[(RefusedKind::Event, "pii_detected", 5)])).await.unwrap();
    queue.add_refusals(&Refusals::new()).await.unwrap();
    let sum = [(RefusedKind::Event, "pii_detected", 7), (RefusedKind::Request, "too_deep", 1)];
    assert_eq!(queue.refusals().await.unwrap(), of(&sum));
    queue.close().await;
}

pub(super) async fn closing_writes_what_waits_and_refuses_what_comes<B: Bench>() {
    let bench = B::new();
    let queue = bench.open().await;
    let entries: Vec<_> = (1..=50).map(|number| entry(number, 1, 0)).collect();
    {
        // Polled in order: the appends are on their way before the queue is told to close.
        let mut appends: Vec<_> = entries.iter().map(|entry| queue.append(entry)).collect();
        for append in &mut appends {
            let pending = std::future::poll_fn(|cx| {
                std::task::Poll::Ready(append.as_mut().poll(cx).is_pending())
            });
            assert!(pending.await);
        }
        queue.close().await;
        for append in appends {
            append.await.unwrap();
        }
    }
    queue.close().await;
    assert!(matches!(queue.append(&entry(51, 1, 0)).await, Err(AppendError::Unavailable(_))));
    assert!(queue.claim(1, LONG).await.is_err());
    bench.tasks().finished().await;
    let queue = bench.open().await;
    assert_eq!(queue.state().await.unwrap().entries, 50);
    queue.close().await;
}
