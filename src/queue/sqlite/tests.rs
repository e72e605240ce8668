//! The queue against what a second, plain connection sees in its file.

mod writing;

use std::path::Path;

use sea_orm::{Database, Value};
use stages::ManualClock;
use stages::entry::{FORMAT, read_payload};
use stages::units::Size;
use tempfile::TempDir;

use super::*;
use crate::config::settings::Secret;

const NOW: i64 = 1_787_234_400;
const NO_PATIENCE: Duration = Duration::ZERO;
/// Longer than any test runs: whoever waits for it has failed.
const LONG: Duration = Duration::from_secs(600);

struct Bench {
    folder: TempDir,
    tasks: Tasks,
    clock: Arc<ManualClock>,
}

impl Bench {
    fn new() -> Self {
        let clock = Arc::new(ManualClock::at(NOW));
        Self { folder: tempfile::tempdir().unwrap(), tasks: Tasks::new(), clock }
    }

    fn settings(&self) -> settings::Queue {
        // The folder is made by the queue.
        let path = self.folder.path().join("data/queue.db");
        settings::Queue {
            url: Secret::new(format!("sqlite://{}", path.display())),
            ..settings::Queue::default()
        }
    }

    async fn open(&self) -> Arc<SqliteQueue> {
        self.open_with(&self.settings()).await.unwrap()
    }

    async fn open_with(&self, settings: &settings::Queue) -> Result<Arc<SqliteQueue>, OpenError> {
        SqliteQueue::open(settings, &self.tasks, self.clock.clone()).await
    }

    async fn sql(&self) -> DatabaseConnection {
        sql(&self.folder.path().join("data/queue.db")).await
    }
}

async fn sql(path: &Path) -> DatabaseConnection {
    Database::connect(format!("sqlite://{}?mode=rwc", path.display())).await.unwrap()
}

async fn number(db: &DatabaseConnection, sql: &str) -> i64 {
    let row = db.query_one_raw(plain(sql)).await.unwrap().unwrap();
    row.try_get_by_index(0).unwrap()
}

fn id(number: u64) -> EntryId {
    EntryId::from_bytes(u128::from(number).to_be_bytes())
}

/// An entry with that many events and duplicates.
fn entry(number: u64, events: usize, door_duplicates: u32) -> Entry {
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

fn ids(entries: &[Entry]) -> Vec<EntryId> {
    entries.iter().map(|entry| entry.id).collect()
}

#[tokio::test]
async fn what_was_appended_is_claimed_in_order_and_gone_once_acknowledged() {
    let bench = Bench::new();
    let queue = bench.open().await;
    let entries = [entry(3, 2, 1), entry(1, 1, 0), entry(2, 0, 4)];
    for entry in &entries {
        queue.append(entry).await.unwrap();
    }
    let bytes: usize = entries.iter().map(|entry| entry.encode().unwrap().len()).sum();
    let full = QueueState {
        entries: 3,
        events: 8,
        bytes: u64::try_from(bytes).unwrap(),
        accepted: 8,
        door_duplicates: 5,
        newest: 3,
        oldest: Some(1),
        oldest_received: Some(Hour::containing(NOW)),
        failing: false,
    };
    assert_eq!(queue.state().await.unwrap(), full);
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
    let left = QueueState {
        entries: 1,
        events: 1,
        bytes: u64::try_from(entries[1].encode().unwrap().len()).unwrap(),
        oldest: Some(2),
        ..full
    };
    assert_eq!(queue.state().await.unwrap(), left);
    assert_eq!(queue.claim(100, NO_PATIENCE).await.unwrap(), entries[1..2]);
    queue.acknowledge(&[id(1)]).await.unwrap();
    let empty =
        QueueState { entries: 0, events: 0, bytes: 0, oldest: None, oldest_received: None, ..full };
    assert_eq!(queue.state().await.unwrap(), empty);
}

#[tokio::test]
async fn a_claim_ends_with_the_entry_that_reaches_its_events() {
    let bench = Bench::new();
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
}

#[tokio::test]
async fn a_full_queue_refuses_and_writes_nothing() {
    let size = u64::try_from(entry(1, 2, 0).encode().unwrap().len()).unwrap();
    for (max_events, max_bytes) in [(5, 1_000_000), (1_000, 2 * size + size / 2)] {
        let bench = Bench::new();
        let limits = settings::Queue { max_events, max_bytes: Size(max_bytes), ..bench.settings() };
        let queue = bench.open_with(&limits).await.unwrap();
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
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_concurrent_append_is_stored_once() {
    let bench = Bench::new();
    let queue = bench.open().await;
    let mut appenders = Vec::new();
    for appender in 0..64 {
        let queue = queue.clone();
        appenders.push(bench.tasks.spawn(async move {
            for number in 0..200 {
                queue.append(&entry(appender * 200 + number, 1, 1)).await.unwrap();
            }
        }));
    }
    for appender in appenders {
        appender.await.unwrap();
    }
    let observer = bench.sql().await;
    for (sql, want) in [
        ("SELECT count(*) FROM entries", 12_800),
        ("SELECT count(DISTINCT entry_id) FROM entries", 12_800),
        ("SELECT accepted FROM counters", 25_600),
        ("SELECT door_duplicates FROM counters", 12_800),
        ("SELECT queued_bytes - (SELECT sum(length(payload)) FROM entries) FROM counters", 0),
    ] {
        assert_eq!(number(&observer, sql).await, want, "{sql}");
    }
}

#[tokio::test]
async fn processes_share_a_file_and_one_of_them_drains() {
    let bench = Bench::new();
    let (first, second) = (bench.open().await, bench.open().await);
    let keys = [first.identity_key().await.unwrap(), second.identity_key().await.unwrap()];
    assert_eq!(keys[0].expose(), keys[1].expose());
    first.append(&entry(1, 1, 0)).await.unwrap();
    second.append(&entry(2, 1, 0)).await.unwrap();
    assert_eq!(first.state().await.unwrap(), second.state().await.unwrap());
    assert_eq!(ids(&first.claim(1, NO_PATIENCE).await.unwrap()), [id(1)]);
    assert_eq!(second.claim(100, NO_PATIENCE).await.unwrap(), []);
    // What waits elsewhere counts against the limits here.
    let narrow = settings::Queue { max_events: 2, ..bench.settings() };
    let third = bench.open_with(&narrow).await.unwrap();
    assert!(matches!(third.append(&entry(3, 1, 0)).await, Err(AppendError::Full)));
    // Who stands by takes over, and gets what was claimed and not acknowledged.
    let waiting = bench.tasks.spawn({
        let second = second.clone();
        async move { second.claim(100, LONG).await }
    });
    first.close().await;
    assert_eq!(ids(&waiting.await.unwrap().unwrap()), [id(1), id(2)]);
    // Dropping does as well as closing.
    drop(second);
    assert_eq!(ids(&third.claim(100, NO_PATIENCE).await.unwrap()), [id(1), id(2)]);
}

#[tokio::test]
async fn a_waiting_claim_gets_what_is_appended_or_given_back() {
    let bench = Bench::new();
    let queue = bench.open().await;
    for given_back in [false, true] {
        let claim = bench.tasks.spawn({
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
}

#[tokio::test]
async fn entries_that_cannot_be_read_are_left_alone() {
    let bench = Bench::new();
    let queue = bench.open().await;
    for number in 1..=4 {
        queue.append(&entry(number, 1, 0)).await.unwrap();
    }
    let other = bench.sql().await;
    for (seq, payload) in [(1, vec![FORMAT + 1, 7, 7]), (2, vec![FORMAT]), (4, vec![])] {
        let values: [Value; 2] = [payload.into(), seq.into()];
        let sql = "UPDATE entries SET payload = ? WHERE seq = ?";
        other
            .execute_raw(Statement::from_sql_and_values(DbBackend::Sqlite, sql, values))
            .await
            .unwrap();
    }
    assert_eq!(ids(&queue.claim(1, NO_PATIENCE).await.unwrap()), [id(3)]);
    queue.acknowledge(&[id(3)]).await.unwrap();
    assert_eq!(queue.claim(1, NO_PATIENCE).await.unwrap(), []);
    let state = queue.state().await.unwrap();
    assert_eq!((state.entries, state.events, state.oldest), (3, 3, Some(1)));
}

#[tokio::test]
async fn workers_are_shown_until_they_have_been_silent_for_ten_minutes() {
    let bench = Bench::new();
    let queue = bench.open().await;
    let beat = |worker: &str, age, lag| Heartbeat {
        worker: worker.to_owned(),
        age: Duration::from_secs(age),
        lag: Duration::from_secs(lag),
    };
    queue.beat("b", Duration::from_secs(7)).await.unwrap();
    bench.clock.advance(Duration::from_secs(600));
    queue.beat("a", Duration::ZERO).await.unwrap();
    assert_eq!(queue.workers().await.unwrap(), [beat("a", 0, 0), beat("b", 600, 7)]);
    bench.clock.advance(Duration::from_secs(1));
    assert_eq!(queue.workers().await.unwrap(), [beat("a", 1, 0)]);
    queue.beat("a", Duration::from_secs(2)).await.unwrap();
    assert_eq!(queue.workers().await.unwrap(), [beat("a", 0, 2)]);
    assert_eq!(number(&bench.sql().await, "SELECT count(*) FROM workers").await, 1);
    bench.clock.step_wall(NOW);
    assert_eq!(queue.workers().await.unwrap(), []);
}

#[tokio::test]
async fn mistakes_in_the_address_are_explained() {
    let bench = Bench::new();
    let folder = bench.folder.path();
    std::fs::write(folder.join("text.db"), "not a database, but long enough to be read as one")
        .unwrap();
    let foreign = sql(&folder.join("foreign.db")).await;
    foreign.execute_unprepared("CREATE TABLE events (id INTEGER)").await.unwrap();
    bench.open().await.close().await;
    bench.sql().await.execute_unprepared("PRAGMA user_version = 2").await.unwrap();
    for (url, want) in [
        ("redis://localhost".to_owned(), "queue.url does not name a SQLite file"),
        ("sqlite://".to_owned(), "queue.url does not name a SQLite file"),
        ("sqlite://q.db?mode=ro".to_owned(), "queue.url does not name a SQLite file"),
        ("sqlite::memory:".to_owned(), "set queue.allow_volatile: true"),
        (format!("sqlite://{}/text.db/queue.db", folder.display()), "cannot create"),
        (format!("sqlite://{}", folder.display()), "needs write access"),
        (format!("sqlite://{}/text.db", folder.display()), "is not a SQLite database"),
        (format!("sqlite://{}/foreign.db", folder.display()), "apart from store.url"),
        (
            format!("sqlite://{}/data/queue.db", folder.display()),
            "has format 2, written by a newer",
        ),
    ] {
        let settings = settings::Queue { url: Secret::new(&url), ..settings::Queue::default() };
        let error = bench.open_with(&settings).await.err().expect(&url).to_string();
        assert!(error.contains(want), "{url}: {error}");
    }
}

#[tokio::test]
async fn a_queue_in_memory_works_when_it_is_asked_for() {
    let bench = Bench::new();
    let settings = settings::Queue {
        url: Secret::new("sqlite::memory:"),
        allow_volatile: true,
        ..settings::Queue::default()
    };
    let queue = bench.open_with(&settings).await.unwrap();
    queue.append(&entry(1, 1, 0)).await.unwrap();
    assert_eq!(ids(&queue.claim(1, NO_PATIENCE).await.unwrap()), [id(1)]);
    queue.acknowledge(&[id(1)]).await.unwrap();
    let state = queue.state().await.unwrap();
    assert_eq!((state.entries, state.accepted), (0, 1));
    queue.close().await;
}
