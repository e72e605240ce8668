//! Workers side by side, as only a server has them.

use std::sync::Arc;
use std::time::Duration;

use stages::ports::{Store, StoreError};
use stages::testing::scanned;
use stages::{Day, Entry, Identity, ManualClock, Scanned};

use super::{Fixture, Kind, NOON, entry, key, keyed, mixed, noon, on_every_store, settle};
use crate::shutdown::Tasks;
use crate::store::Database;

const WORKERS: usize = 4;
const ROUNDS: usize = 12;

/// What one worker stores in one round: the same hours and days as everyone, some identities that
/// another worker stores at the same time, perhaps under another day, and a batch key likewise.
fn group(worker: usize, round: usize) -> Vec<Entry> {
    let number = u8::try_from(worker * ROUNDS + round).unwrap();
    let shared = |i: u128| -> Scanned {
        let hour = noon().plus(-24 * (worker as i64 % 2));
        let identity = i + 20 * round as u128;
        scanned("get_alerts").hour(hour).identity(identity).response_time_ms(40).build()
    };
    let seed = i64::try_from(worker * ROUNDS + round).unwrap();
    let events = mixed(seed, 120).into_iter().chain((0..20).map(shared)).collect();
    let same = keyed(number + 100, noon().plus(24 * (worker as i64 % 2)), round as u8, mixed(7, 5));
    vec![entry(number, noon(), events), same]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn workers_on_the_same_hours_never_deadlock_and_lose_nothing() {
    let f = Fixture::new(Kind::Postgres).await;
    let clock = Arc::new(ManualClock::at(NOON + 24 * 3_600));
    let workers: Vec<Database> = (0..WORKERS).map(|_| f.place.open(Arc::clone(&clock))).collect();
    let tasks = Tasks::new();
    let work = |(worker, db): (usize, Database)| {
        let clock = Arc::clone(&clock);
        tasks.spawn(async move {
            for round in 0..ROUNDS {
                settle(&db, &clock, group(worker, round)).await.unwrap();
            }
        })
    };
    let running: Vec<_> = workers.into_iter().enumerate().map(work).collect();
    for worker in running {
        worker.await.unwrap();
    }
    let totals = f.db.ledger().await.unwrap();
    // 120 events each that are nobody else's; 20 identities and one batch of 5 a round for all.
    let own = (WORKERS * ROUNDS * 120) as u64;
    assert_eq!(totals.persisted, own + (ROUNDS * 25) as u64);
    assert_eq!(totals.duplicate, ((WORKERS - 1) * ROUNDS * 25) as u64);
    assert_eq!(f.int("SELECT count(*) FROM events").await, totals.persisted as i64);
    f.assert_rollups_equal_raw_rows().await;
    // Distributions too, bucket by bucket.
    let day = noon().day();
    assert_eq!(f.db.verify(&key(), day.plus(-2), day.plus(1)).await.unwrap(), []);
    let deadlocks = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()";
    assert_eq!(f.int(deadlocks).await, 0);
    assert!(f.int("SELECT count(*) FROM ledger").await > 1, "every worker has a shard of its own");
}

on_every_store![budgets_of_values_are_exact_whoever_comes_first,];

/// Versions that nobody else brings, and some that every worker brings in the same round.
fn inventive(worker: usize, round: usize) -> Vec<Entry> {
    let own = (0..20).map(|i| format!("{worker}.{round}.{i}"));
    let shared = (0..5).map(|i| format!("9.{round}.{i}"));
    let event = |version: String| scanned("get_alerts").version(&version).hour(noon()).error("e");
    let events = own.chain(shared).map(|version| event(version).build()).collect();
    vec![entry(u8::try_from(worker * ROUNDS + round).unwrap(), noon(), events)]
}

async fn budgets_of_values_are_exact_whoever_comes_first(kind: Kind) {
    let f = Fixture::new(kind).await;
    let clock = Arc::new(ManualClock::at(NOON));
    let workers: Vec<Database> = (0..WORKERS).map(|_| f.place.open(Arc::clone(&clock))).collect();
    let tasks = Tasks::new();
    let work = |(worker, db): (usize, Database)| {
        let clock = Arc::clone(&clock);
        tasks.spawn(async move {
            for round in 0..ROUNDS {
                // The file has one writer; who waits too long for it comes again.
                while settle(&db, &clock, inventive(worker, round)).await.is_err() {}
            }
        })
    };
    let running: Vec<_> = workers.into_iter().enumerate().map(work).collect();
    for worker in running {
        worker.await.unwrap();
    }
    let brought = WORKERS * ROUNDS * 20 + ROUNDS * 5;
    assert!(brought > 500, "more than the budget");
    let versions = "FROM dimension_values WHERE dimension = 'version' AND value <> 'other'";
    assert_eq!(f.int(&format!("SELECT count(*) {versions}")).await, 500);
    let named = "FROM events WHERE version <> 'other'";
    assert_eq!(f.int(&format!("SELECT count(DISTINCT version) {named}")).await, 500);
    let strange = format!("SELECT count(*) {named} AND version NOT IN (SELECT value {versions})");
    assert_eq!(f.int(&strange).await, 0);
    // One that was admitted keeps its name in every row, whoever wrote it.
    let split = "SELECT count(*) FROM (SELECT version FROM events WHERE version LIKE '9.%' \
        GROUP BY version HAVING count(*) <> 4) AS odd";
    assert_eq!(f.int(split).await, 0);
    assert_eq!(f.int("SELECT count(*) FROM events").await, (WORKERS * ROUNDS * 25) as i64);
    f.assert_rollups_equal_raw_rows().await;
    let day = noon().day();
    assert_eq!(f.db.verify(&key(), day, day.plus(1)).await.unwrap(), []);
    f.db.rebuild(&key(), day, day.plus(1)).await.unwrap();
    f.assert_rollups_equal_raw_rows().await;
}

#[tokio::test]
async fn who_comes_second_waits_and_then_knows_the_key() {
    let f = Fixture::new(Kind::Postgres).await;
    let keys = |day: Day| [(Identity::from_bytes([7; 16]), day)];
    let day = noon().day();
    let first = f.db.begin().await.unwrap();
    assert_eq!(first.claim_events(&keys(day)).await.unwrap(), [true]);
    let second = f.db.begin().await.unwrap();
    let other_day = keys(day.plus(-1));
    let mut waiting = std::pin::pin!(second.claim_events(&other_day));
    assert!(tokio::time::timeout(Duration::from_millis(300), &mut waiting).await.is_err());
    first.commit().await.unwrap();
    assert_eq!(waiting.await.unwrap(), [false]);
}

#[tokio::test]
async fn a_worker_that_is_stopped_in_its_transaction_is_given_up() {
    let f = Fixture::new(Kind::Postgres).await;
    let marker = [(entry(1, noon(), vec![]).id, noon())];
    let stopped = f.db.begin().await.unwrap();
    stopped.mark_entries(&marker).await.unwrap();
    let mut attempts = 0;
    loop {
        let successor = f.db.begin().await.unwrap();
        match successor.mark_entries(&marker).await {
            Ok(new) => break assert_eq!(new, [true], "nothing of the stopped one is left"),
            Err(StoreError::Transient(_)) => attempts += 1,
            Err(error) => panic!("{error:?}"),
        }
        assert!(attempts < 5, "it waits for ever");
    }
    assert!(attempts > 0, "the stopped one held nothing");
    assert!(matches!(stopped.commit().await, Err(StoreError::Transient(_))));
}
