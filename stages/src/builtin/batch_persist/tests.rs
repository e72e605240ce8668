//! Groups run through the worker's side on the store's double, as the worker would run them.

use std::sync::Arc;

use super::*;
use crate::clock::ManualClock;
use crate::entry::Entry;
use crate::hash::{BatchKey, EntryId};
use crate::pipeline::{Pipeline, StageSpec};
use crate::ports::{Outcome, Settled, Store};
use crate::scanned::Scanned;
use crate::testing::{MemoryStore, Script, Tables, scanned, services};

const NOW: Hour = Hour::from_epoch_hours(496_454);

struct Worker {
    pipeline: Pipeline,
    store: MemoryStore,
    clock: ManualClock,
    faults: Arc<Script>,
}

/// A worker whose store refuses calls of the tool `poison`.
fn worker() -> Worker {
    let specs = ["batch-persist", "aggregate"].map(StageSpec::named);
    let registry = crate::builtin::registry();
    let pipeline = Pipeline::build(&registry, Side::Worker, &specs, &services()).unwrap();
    let faults = Arc::new(Script::default());
    let poison = |event: &Scanned| (event.tool() == "poison").then_some("22P05");
    let store = MemoryStore::with_poison(faults.clone(), poison);
    Worker { pipeline, store, clock: ManualClock::at(NOW.unix_seconds()), faults }
}

impl Worker {
    async fn process(&self, mut batch: Batch<'_>) -> Vec<Settled> {
        let tx = self.store.begin().await.unwrap();
        let cx = Cx { clock: &self.clock, request: None, tx: Some(&*tx) };
        self.pipeline.run(&mut batch, cx, &()).await.unwrap();
        let outcomes = batch.outcomes();
        tx.settle(&outcomes).await.unwrap();
        tx.commit().await.unwrap();
        outcomes
    }

    async fn group(&self, entries: &[Entry]) -> Vec<Outcome> {
        let settled = self.process(Batch::group(entries.to_vec())).await;
        settled.into_iter().map(|settled| settled.outcome).collect()
    }

    /// Rows, dead letters and the calls in the rollups.
    fn counts(&self) -> (usize, usize, u64) {
        let tables = self.store.tables();
        let calls = tables.days.values().map(|cell| cell.calls).sum();
        (tables.events.len(), tables.dead_letters.len(), calls)
    }
}

/// An entry with events of these identities; 0 stands for none.
fn entry(number: u8, identities: &[u128]) -> Entry {
    let event = |&identity: &u128| match identity {
        0 => scanned("get_alerts").build(),
        identity => scanned("get_alerts").identity(identity).build(),
    };
    entry_of(number, identities.iter().map(event).collect())
}

fn entry_of(number: u8, events: Vec<Scanned>) -> Entry {
    let id = EntryId::from_bytes([number; 16]);
    Entry { id, received: NOW, batch_key: None, door_duplicates: 0, events }
}

fn keyed(entry: Entry, key: u8) -> Entry {
    Entry { batch_key: Some(BatchKey::from_bytes([key; 16])), ..entry }
}

const fn outcome(persisted: u64, duplicate: u64, dead_letter: u64) -> Outcome {
    Outcome { persisted, duplicate, dead_letter, discarded: 0 }
}

#[tokio::test]
async fn a_redelivered_entry_changes_nothing() {
    let worker = worker();
    let first = Entry { door_duplicates: 3, ..entry(1, &[0, 0, 7]) };
    assert_eq!(worker.group(std::slice::from_ref(&first)).await, [outcome(3, 3, 0)]);
    let before = worker.store.tables();
    assert_eq!(worker.group(std::slice::from_ref(&first)).await, []);
    let after = worker.store.tables();
    assert_eq!(
        (before.events, before.ledger, before.days),
        (after.events, after.ledger, after.days)
    );
    assert_eq!((before.entries, before.event_keys), (after.entries, after.event_keys));
    // The same entry twice in one group, beside a new one.
    let second = entry(2, &[0]);
    let group = [second.clone(), first, second];
    assert_eq!(worker.group(&group).await, [outcome(1, 0, 0)]);
    assert_eq!(worker.counts(), (4, 0, 4));
}

#[tokio::test]
async fn a_redelivered_entry_of_another_age_or_with_poison_stays_redelivered() {
    let worker = worker();
    let bad = entry_of(1, vec![scanned("poison").build(), scanned("get_alerts").build()]);
    assert_eq!(worker.group(std::slice::from_ref(&bad)).await, [outcome(1, 0, 1)]);
    worker.clock.advance(std::time::Duration::from_secs(30 * 86_400));
    assert_eq!(worker.group(&[bad]).await, []);
    assert_eq!(worker.counts(), (1, 1, 1));
}

#[tokio::test]
async fn the_first_of_repeated_batches_counts() {
    let worker = worker();
    let group =
        [keyed(entry(9, &[0, 0]), 1), keyed(entry(1, &[0, 0]), 1), keyed(entry(2, &[0]), 2)];
    let want = [outcome(2, 0, 0), outcome(0, 2, 0), outcome(1, 0, 0)];
    assert_eq!(worker.group(&group).await, want);
    // Across groups and midnight.
    let late = Entry { received: NOW.plus(24), ..keyed(entry(3, &[0, 0]), 1) };
    assert_eq!(worker.group(&[late]).await, [outcome(0, 2, 0)]);
    assert_eq!(worker.counts(), (3, 0, 3));
}

#[tokio::test]
async fn the_first_of_repeated_events_counts() {
    let worker = worker();
    // Entry ids and identities run against the positions, so that sorting by key would show.
    let group = [entry(9, &[8, 0, 7, 8]), entry(1, &[7, 6, 0])];
    assert_eq!(worker.group(&group).await, [outcome(3, 1, 0), outcome(2, 1, 0)]);
    let next = Entry { door_duplicates: 1, ..entry(2, &[6, 5, 0]) };
    assert_eq!(worker.group(&[next]).await, [outcome(2, 2, 0)]);
    let Tables { events, event_keys, ledger, .. } = worker.store.tables();
    assert_eq!((events.len(), event_keys.len(), ledger), (7, 4, outcome(7, 4, 0)));
}

#[tokio::test]
async fn poison_stays_alone() {
    let worker = worker();
    let poison = scanned("poison").identity(77).build();
    let entries: Vec<Entry> = (0..100_u8)
        .map(|number| {
            let mut events: Vec<Scanned> = vec![scanned("get_alerts").build(); 100];
            if number == 66 {
                events[66] = poison.clone();
            }
            entry_of(number, events)
        })
        .collect();
    let outcomes = worker.group(&entries).await;
    for (number, got) in outcomes.into_iter().enumerate() {
        assert_eq!(got, if number == 66 { outcome(99, 0, 1) } else { outcome(100, 0, 0) });
    }
    assert_eq!(worker.counts(), (9_999, 1, 9_999));
    // Two halves at each of the at most 14 = ceil(log2 10000) levels, and the whole.
    assert!(worker.faults.visits("insert_events.before") <= 29);
    assert_eq!(worker.faults.visits("insert_dead_letters.before"), 1);

    let tables = worker.store.tables();
    let letter = &tables.dead_letters[0];
    assert_eq!((letter.code, letter.sqlstate.as_deref()), (REFUSED_BY_STORE, Some("22P05")));
    assert_eq!((&letter.event, letter.received), (&poison, NOW));
    assert!(tables.event_keys.is_empty(), "a dead letter holds no identity");
}

#[tokio::test]
async fn every_poisoned_event_is_isolated() {
    let worker = worker();
    let tools = ["poison", "a", "poison", "poison", "b", "c", "poison"];
    let events = tools.map(|tool| scanned(tool).build()).into();
    assert_eq!(worker.group(&[entry_of(1, events)]).await, [outcome(3, 0, 4)]);
    let stored = worker.store.tables().events;
    let stored: Vec<_> = stored.iter().map(|row| row.event.tool()).collect();
    assert_eq!(stored, ["a", "b", "c"]);
}

#[tokio::test]
async fn an_entry_that_outlived_the_identities_is_set_aside() {
    let worker = worker();
    let aged =
        |number, hours: i64| Entry { received: NOW.plus(-hours), ..keyed(entry(number, &[5]), 5) };
    // Seven days are just young enough; the older one holds no key against it.
    let group = [aged(1, 7 * 24 + 1), aged(2, 7 * 24)];
    assert_eq!(worker.group(&group).await, [outcome(0, 0, 1), outcome(1, 0, 0)]);
    let letter = worker.store.tables().dead_letters.remove(0);
    assert_eq!((letter.code, letter.sqlstate), (EXPIRED, None));
    assert_eq!(letter.received, NOW.plus(-(7 * 24 + 1)));
    assert_eq!(worker.store.tables().event_keys.len(), 1);
}

#[tokio::test]
async fn dead_letters_are_replayed_without_markers_and_at_any_age() {
    let worker = worker();
    worker.group(&[entry(1, &[5])]).await;
    let event = |identity| scanned("get_alerts").identity(identity).build();
    let old = NOW.plus(-1_000);
    let letters = [(event(5), old), (event(6), old), (scanned("poison").build(), NOW)];
    let mut batch = Batch::replay(letters);
    let tx = worker.store.begin().await.unwrap();
    let cx = Cx { clock: &worker.clock, request: None, tx: Some(&*tx) };
    worker.pipeline.run(&mut batch, cx, &()).await.unwrap();
    tx.commit().await.unwrap();
    let outcomes: Vec<Outcome> = batch.entries().iter().map(|e| batch.outcome(e)).collect();
    assert_eq!(outcomes, [outcome(1, 1, 0), outcome(0, 0, 1)]);
    assert_eq!(batch.outcomes(), []);
    assert_eq!(worker.faults.visits("mark_entries.before"), 1, "by the group alone");
    let tables = worker.store.tables();
    assert_eq!((tables.events[1].received, tables.entries.len()), (old, 1));
}

#[tokio::test]
async fn what_stages_before_it_decided_is_kept() {
    let worker = worker();
    let mut batch = Batch::group([entry(1, &[1, 2, 3])]);
    let reason = |code| Reason::new(code, Pointer::ROOT, "");
    batch.settle(0, Verdict::Reject(reason(codes::INVALID_TOOL)));
    batch.settle(1, Verdict::Drop(reason(codes::INVALID_FIELD)));
    let settled = worker.process(batch).await;
    assert_eq!(settled[0].outcome, Outcome { discarded: 1, ..outcome(1, 0, 1) });
    let tables = worker.store.tables();
    assert_eq!(tables.dead_letters[0].code, codes::INVALID_TOOL);
    assert_eq!((tables.event_keys.len(), tables.events.len()), (1, 1));
}

#[tokio::test]
async fn any_other_failure_is_left_to_the_worker() {
    // A first run finds the points; then each of them fails once.
    let group =
        || [keyed(entry(1, &[1]), 1), entry_of(2, vec![scanned("poison").identity(2).build()])];
    let clean = worker();
    clean.group(&group()).await;
    let steps = clean.faults.steps();
    assert!(steps > 20, "the group visits every operation");
    for step in 1..=steps {
        let worker = worker();
        worker.faults.fail_step(step);
        let Ok(tx) = worker.store.begin().await else { continue };
        let cx = Cx { clock: &worker.clock, request: None, tx: Some(&*tx) };
        let mut batch = Batch::group(group());
        let result = worker.pipeline.run(&mut batch, cx, &()).await;
        drop(tx);
        if result.is_err() {
            assert_eq!(worker.store.tables(), Tables::default(), "step {step}");
            worker.group(&group()).await;
            assert_eq!(worker.store.tables(), clean.store.tables(), "step {step}");
        }
    }
}

#[test]
fn the_group_size_is_bounded_and_known_to_the_worker() {
    let build = |events| {
        let config = BatchPersistConfig { group_events: events, ..Default::default() };
        BatchPersist::build(config, &services())
    };
    for bad in [0, MAX_GROUP_EVENTS + 1] {
        assert_eq!(build(bad).err().unwrap().path, ["group_events"]);
    }
    assert_eq!(build(1).unwrap().group_events(), Some(1));
    assert_eq!(worker().pipeline.group_events(), Some(10_000));
}

#[tokio::test]
async fn values_beyond_the_budget_of_their_day_are_other_in_rows_and_rollups() {
    let registry = crate::builtin::registry();
    let mut persist = StageSpec::named("batch-persist");
    persist.with = serde_json::json!({ "daily_values": { "version": 2, "error_type": 1 } });
    let specs = [persist, StageSpec::named("aggregate")];
    let pipeline = Pipeline::build(&registry, Side::Worker, &specs, &services()).unwrap();
    let worker = Worker { pipeline, ..worker() };
    let event = |version: &str| scanned("get_alerts").version(version);
    let first = entry_of(1, vec![event("3").build(), event("1").build(), event("2").build()]);
    worker.group(&[first]).await;
    let yesterday = event("2").hour(NOW.plus(-24));
    let events = vec![
        event("1").error("b").build(),
        event("other").error("a").build(),
        event("2").error("b").build(),
        yesterday.error("a").build(),
    ];
    worker.group(&[entry_of(2, events)]).await;
    let tables = worker.store.tables();
    let rows: Vec<_> = tables
        .events
        .iter()
        .map(|row| (row.event.version(), row.event.error_type().unwrap_or_default()))
        .collect();
    let second = [("1", "b"), ("other", "other"), ("other", "b"), ("2", "a")];
    assert_eq!(rows, [[("3", ""), ("1", ""), ("other", "")].as_slice(), &second].concat());
    let errors: Vec<_> = tables
        .errors
        .iter()
        .map(|(key, n)| (key.version.as_str(), key.error_type.as_str(), *n))
        .collect();
    assert_eq!(errors, [("2", "a", 1), ("1", "b", 1), ("other", "b", 1), ("other", "other", 1)]);
    // `other` itself takes nobody's place.
    assert_eq!(tables.dimension_values.len(), 2 + 1 + 2);
}

#[test]
fn budgets_have_bounds() {
    for (with, path) in [
        (serde_json::json!({ "daily_values": { "version": 0 } }), "version"),
        (serde_json::json!({ "daily_values": { "country": 100_001 } }), "country"),
    ] {
        let config = serde_json::from_value(with).unwrap();
        let error = BatchPersist::build(config, &services()).err().unwrap();
        assert_eq!(error.path, ["daily_values", path]);
    }
}
