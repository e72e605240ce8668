//! The queue against what a second, plain connection sees in its file.

mod writing;

use std::path::Path;

use sea_orm::{Database, Value};
use stages::ManualClock;
use tempfile::TempDir;

use super::*;
use crate::config::settings::Secret;
use crate::queue::conformance::{Bench, LONG, NO_PATIENCE, NOW, conforms, entry, id, ids};

struct FileBench {
    folder: TempDir,
    tasks: Tasks,
    clock: Arc<ManualClock>,
}

impl FileBench {
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

#[async_trait]
impl Bench for FileBench {
    fn new() -> Self {
        Self::new()
    }

    fn tasks(&self) -> &Tasks {
        &self.tasks
    }

    fn settings(&self) -> settings::Queue {
        self.settings()
    }

    async fn open_with(&self, settings: &settings::Queue) -> Arc<dyn Queue> {
        self.open_with(settings).await.unwrap()
    }

    async fn spoil(&self, entry: EntryId, payload: Vec<u8>) {
        let values: [Value; 2] = [payload.into(), entry.as_bytes().to_vec().into()];
        let sql = "UPDATE waiting SET payload = ? WHERE entry_id = ?";
        let update = Statement::from_sql_and_values(DbBackend::Sqlite, sql, values);
        self.sql().await.execute_raw(update).await.unwrap();
    }

    async fn pass(&self, time: Duration) {
        self.clock.advance(time);
    }
}

async fn sql(path: &Path) -> DatabaseConnection {
    Database::connect(format!("sqlite://{}?mode=rwc", path.display())).await.unwrap()
}

async fn number(db: &DatabaseConnection, sql: &str) -> i64 {
    let row = db.query_one_raw(plain(sql)).await.unwrap().unwrap();
    row.try_get_by_index(0).unwrap()
}

conforms!(FileBench);

#[tokio::test]
async fn one_of_the_processes_that_share_a_file_drains_it() {
    let bench = FileBench::new();
    let (first, second) = (bench.open().await, bench.open().await);
    first.append(&entry(1, 1, 0)).await.unwrap();
    second.append(&entry(2, 1, 0)).await.unwrap();
    assert_eq!(ids(&first.claim(1, NO_PATIENCE).await.unwrap()), [id(1)]);
    assert_eq!(second.claim(100, NO_PATIENCE).await.unwrap(), []);
    first.close().await;
    assert_eq!(ids(&second.claim(100, LONG).await.unwrap()), [id(1), id(2)]);
    // Dropping does as well as closing.
    drop(second);
    let third = bench.open().await;
    assert_eq!(ids(&third.claim(100, NO_PATIENCE).await.unwrap()), [id(1), id(2)]);
}

#[tokio::test]
async fn silent_workers_are_forgotten_and_clocks_that_were_set_back_show_none() {
    let bench = FileBench::new();
    let queue = bench.open().await;
    queue.beat("b", Duration::ZERO).await.unwrap();
    bench.clock.advance(Duration::from_secs(601));
    queue.beat("a", Duration::ZERO).await.unwrap();
    assert_eq!(number(&bench.sql().await, "SELECT count(*) FROM workers").await, 1);
    bench.clock.step_wall(NOW);
    assert_eq!(queue.workers().await.unwrap(), []);
}

#[tokio::test]
async fn mistakes_in_the_address_are_explained() {
    let bench = FileBench::new();
    let folder = bench.folder.path();
    std::fs::write(folder.join("text.db"), "not a database, but long enough to be read as one")
        .unwrap();
    let foreign = sql(&folder.join("foreign.db")).await;
    foreign.execute_unprepared("CREATE TABLE events (id INTEGER)").await.unwrap();
    bench.open().await.close().await;
    bench.sql().await.execute_unprepared("PRAGMA user_version = 3").await.unwrap();
    for (url, want) in [
        ("redis://localhost".to_owned(), "queue.url does not name a SQLite file"),
        ("sqlite://".to_owned(), "queue.url does not name a SQLite file"),
        ("sqlite://q.db?mode=ro".to_owned(), "queue.url does not name a SQLite file"),
        ("sqlite::memory:".to_owned(), "forgets everything at exit"),
        (format!("sqlite://{}/text.db/queue.db", folder.display()), "a file stands in its place"),
        (format!("sqlite://{}", folder.display()), "it is a folder"),
        (format!("sqlite://{}/text.db", folder.display()), "is not a SQLite database"),
        (format!("sqlite://{}/foreign.db", folder.display()), "is a database, but not a queue"),
        (format!("sqlite://{}/data/queue.db", folder.display()), "has format 3 of a newer release"),
    ] {
        let settings = settings::Queue { url: Secret::new(&url), ..settings::Queue::default() };
        let error = bench.open_with(&settings).await.err().expect(&url).to_string();
        assert!(error.contains(want), "{url}: {error}");
    }
}

/// Tables of version 1, as far as they differ, with two entries left of five.
const VERSION_1: &str = "
CREATE TABLE entries (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    entry_id BLOB NOT NULL,
    events INTEGER NOT NULL,
    door_duplicates INTEGER NOT NULL,
    bytes INTEGER NOT NULL,
    received_hour TEXT NOT NULL,
    payload BLOB NOT NULL
);
INSERT INTO entries SELECT * FROM waiting WHERE seq < 5;
UPDATE sqlite_sequence SET seq = 5;
DELETE FROM entries WHERE seq IN (1, 3);
DROP TABLE waiting;
ALTER TABLE counters DROP COLUMN newest;
UPDATE counters SET accepted = 5, queued_entries = 2, queued_events = 2,
    queued_bytes = (SELECT sum(bytes) FROM entries);
PRAGMA user_version = 1;
";

#[tokio::test]
async fn a_queue_of_the_release_before_goes_on_where_it_was() {
    let bench = FileBench::new();
    let queue = bench.open().await;
    for number in 1..=4 {
        queue.append(&entry(number, 1, 0)).await.unwrap();
    }
    queue.close().await;
    bench.sql().await.execute_unprepared(VERSION_1).await.unwrap();
    for _ in 0..2 {
        let queue = bench.open().await;
        let state = queue.state().await.unwrap();
        assert_eq!((state.entries, state.events, state.accepted), (2, 2, 5));
        let position = Position { newest: 5, oldest: Some(2) };
        assert_eq!(queue.positions().await.unwrap(), [position]);
        queue.close().await;
    }
    let queue = bench.open().await;
    queue.append(&entry(6, 1, 0)).await.unwrap();
    assert_eq!(ids(&queue.claim(100, NO_PATIENCE).await.unwrap()), [id(2), id(4), id(6)]);
    queue.acknowledge(&[id(2), id(4), id(6)]).await.unwrap();
    assert_eq!(queue.positions().await.unwrap(), [Position { newest: 6, oldest: None }]);
    let state = queue.state().await.unwrap();
    assert_eq!((state.entries, state.events, state.bytes, state.accepted), (0, 0, 0, 6));
    // A process of that release which still runs is told, instead of giving numbers of its own.
    let append = "INSERT INTO entries (entry_id) VALUES (x'00')";
    assert!(bench.sql().await.execute_unprepared(append).await.is_err());
}

#[tokio::test]
async fn a_queue_in_memory_works_when_it_is_asked_for() {
    let bench = FileBench::new();
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
