//! The spool between a client's entry and a server that comes and goes.

use std::fs;
use std::process::Command;

use stages::ports::Append;
use stages::{Hour, SystemClock};
use tempfile::TempDir;
use test_servers::Redis;

use super::*;
use crate::config::settings::Secret;
use crate::queue::conformance::{NO_PATIENCE, claim_all, entry, id, ids};
use crate::queue::redis::RedisQueue;

struct Bench {
    server: Redis,
    url: String,
    folder: TempDir,
    tasks: Tasks,
}

impl Bench {
    fn new() -> Self {
        let server = Redis::start(&[]);
        let url = server.database();
        Self { server, url, folder: tempfile::tempdir().unwrap(), tasks: Tasks::new() }
    }

    fn settings(&self) -> settings::Queue {
        settings::Queue { url: Secret::new(&self.url), ..settings::Queue::default() }
    }

    async fn spool(&self, settings: &settings::Queue) -> Arc<Spool> {
        let path = self.folder.path().join("spool.db");
        Spool::open(settings, &path, &self.tasks, Arc::new(SystemClock::new())).await.unwrap()
    }

    async fn open(&self) -> Arc<RedisQueue> {
        self.open_with(&self.settings()).await
    }

    async fn open_with(&self, settings: &settings::Queue) -> Arc<RedisQueue> {
        let spool = self.spool(settings).await;
        RedisQueue::open(settings, Some(spool), &self.tasks).await.unwrap()
    }

    /// Without a spool, as a worker has it.
    async fn observer(&self) -> Arc<dyn Queue> {
        RedisQueue::open(&self.settings(), None, &self.tasks).await.unwrap()
    }
}

/// Events that wait in the spool.
async fn spooled(queue: &RedisQueue) -> u64 {
    queue.spooled().await.unwrap().unwrap().state.events
}

async fn until_forwarded(queue: &RedisQueue) {
    while spooled(queue).await > 0 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_comes_while_the_queue_is_away_goes_on_when_it_is_back() {
    let bench = Bench::new();
    let queue = bench.open().await;
    queue.append(&entry(1, 1, 0)).await.unwrap();
    bench.server.kill();
    for number in 2..=300 {
        queue.append(&entry(number, 1, 1)).await.unwrap();
    }
    assert_eq!(spooled(&queue).await, 598);
    assert_eq!(queue.find(id(77)).await.unwrap(), Some(2));
    assert!(queue.state().await.is_err());
    bench.server.start_again();
    until_forwarded(&queue).await;
    let observer = bench.observer().await;
    let state = observer.state().await.unwrap();
    assert_eq!((state.entries, state.events, state.accepted, state.healed), (300, 599, 599, 0));
    claim_all(&observer, 1..=300).await;
    // The spool is at rest again.
    queue.append(&entry(301, 1, 0)).await.unwrap();
    assert_eq!(spooled(&queue).await, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_append_without_an_answer_counts_once_whether_it_came_through_or_not() {
    let bench = Bench::new();
    let queue = bench.open().await;
    let observer = bench.observer().await;
    for came_through in [true, false] {
        let before = observer.state().await.unwrap();
        let first = before.accepted + 1;
        bench.server.pause();
        let appends: Vec<_> = (first..first + 3)
            .map(|number| {
                let queue = Arc::clone(&queue);
                bench.tasks.spawn(async move { queue.append(&entry(number, 1, 0)).await })
            })
            .collect();
        for append in appends {
            append.await.unwrap().unwrap();
        }
        assert_eq!(spooled(&queue).await, 3);
        if came_through {
            // What was sent is still in the sockets of the paused server.
            bench.server.resume();
        } else {
            bench.server.kill();
            bench.server.start_again();
        }
        until_forwarded(&queue).await;
        while observer.state().await.is_err() {
            tokio::task::yield_now().await;
        }
        let state = observer.state().await.unwrap();
        assert_eq!(state.accepted - before.accepted, 3, "came through: {came_through}");
        assert_eq!(state.entries - before.entries, 3);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_filled_spool_outlives_its_server_and_goes_on_once() {
    let bench = Bench::new();
    let queue = bench.open().await;
    bench.server.kill();
    for number in 1..=20 {
        queue.append(&entry(number, 1, 0)).await.unwrap();
    }
    // A copy of the file is what a power cut would leave; rows that were handed on in the
    // meantime are in it once more.
    let (file, copy) = (bench.folder.path().join("spool.db"), bench.folder.path().join("copy"));
    fs::create_dir(&copy).unwrap();
    queue.close().await;
    assert!(Command::new("cp").arg(&file).arg(&copy).status().unwrap().success());
    bench.server.start_again();
    let queue = bench.open().await;
    until_forwarded(&queue).await;
    queue.close().await;
    let observer = bench.observer().await;
    assert_eq!(observer.state().await.unwrap().accepted, 20);
    // The sender of the rows is in the file: it was written before any of them went on.
    let sender = note(&file).await;
    fs::copy(copy.join("spool.db"), &file).unwrap();
    let spool = bench.spool(&bench.settings()).await;
    spool.file.set_note(SENDER, sender).await.unwrap();
    spool.close().await;
    let queue = bench.open().await;
    until_forwarded(&queue).await;
    let state = observer.state().await.unwrap();
    assert_eq!((state.entries, state.accepted), (20, 20));
}

async fn note(file: &Path) -> Vec<u8> {
    let bench = settings::Queue::default();
    let tasks = Tasks::new();
    let spool = Spool::open(&bench, file, &tasks, Arc::new(SystemClock::new())).await.unwrap();
    let note = spool.file.note(SENDER).await.unwrap().unwrap();
    spool.close().await;
    note
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_starts_without_its_queue_once_it_knows_the_key() {
    let bench = Bench::new();
    bench.server.kill();
    let settings = bench.settings();
    let spool = bench.spool(&settings).await;
    let first = RedisQueue::open(&settings, Some(spool), &bench.tasks).await;
    assert!(first.is_err(), "nobody knows the key yet");
    bench.server.start_again();
    let queue = bench.open().await;
    let key = queue.identity_key().await.unwrap();
    queue.close().await;
    bench.server.kill();
    let queue = bench.open().await;
    assert_eq!(queue.identity_key().await.unwrap().expose(), key.expose());
    queue.append(&entry(1, 1, 0)).await.unwrap();
    bench.server.start_again();
    until_forwarded(&queue).await;
    let observer = bench.observer().await;
    assert_eq!(ids(&observer.claim(10, NO_PATIENCE).await.unwrap()), [id(1)]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_spool_refuses_and_a_full_queue_is_waited_for() {
    let bench = Bench::new();
    let narrow = settings::Queue { max_events: 3, ..bench.settings() };
    let queue = bench.open_with(&narrow).await;
    let append = async |number| queue.append(&entry(number, 1, 0)).await;
    append(1).await.unwrap();
    append(2).await.unwrap();
    bench.server.kill();
    for number in 3..=5 {
        append(number).await.unwrap();
    }
    assert!(matches!(append(6).await, Err(AppendError::Full)));
    let spool = queue.spooled().await.unwrap().unwrap();
    assert!(spool.full && !spool.state.failing);
    bench.server.start_again();
    // There is room for one of three.
    while spooled(&queue).await > 2 {
        tokio::task::yield_now().await;
    }
    let observer = bench.observer().await;
    assert_eq!(ids(&observer.claim(10, NO_PATIENCE).await.unwrap()), [id(1), id(2), id(3)]);
    observer.acknowledge(&[id(1), id(2), id(3)]).await.unwrap();
    until_forwarded(&queue).await;
    let state = observer.state().await.unwrap();
    assert_eq!((state.entries, state.accepted), (2, 5));
}

#[test]
fn the_file_is_where_it_is_expected() {
    use settings::Spool::{At, Off, On};
    for (spool, store, want) in [
        (On, "postgres://host/analytics", Some("data/spool.db")),
        (On, "sqlite://data/analytics.db", Some("data/spool.db")),
        (On, "sqlite:///var/lib/a%20b/analytics.db?mode=rwc", Some("/var/lib/a b/spool.db")),
        (On, "sqlite://analytics.db", Some("spool.db")),
        (On, "sqlite::memory:", Some("data/spool.db")),
        (At("/var/spool.db".into()), "sqlite://analytics.db", Some("/var/spool.db")),
        (Off, "sqlite://analytics.db", None),
    ] {
        let mut settings = Settings::default();
        settings.store.url = Secret::new(store);
        settings.queue.spool = spool;
        assert_eq!(file(&settings), want.map(PathBuf::from), "{store}");
    }
}

#[test]
fn what_is_written_before_a_payload_is_read_back() {
    let origin = Origin { shard: 7, appender: id(9), number: u64::MAX - 1 };
    for before in [None, Some(origin)] {
        let payload = [prefix(before), b"payload".to_vec()].concat();
        assert_eq!(split(&payload), Some((before, &b"payload"[..])));
    }
    for damaged in [&b""[..], &[2], &[1, 0, 0], &[3; 40]] {
        assert_eq!(split(damaged), None, "{damaged:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hours_and_duplicates_go_on_with_the_entry() {
    let bench = Bench::new();
    let queue = bench.open().await;
    bench.server.kill();
    let mut sent = entry(1, 2, 5);
    sent.received = Hour::containing(1_787_000_000);
    queue.append(&sent).await.unwrap();
    bench.server.start_again();
    until_forwarded(&queue).await;
    let observer = bench.observer().await;
    let state = observer.state().await.unwrap();
    assert_eq!((state.events, state.door_duplicates), (7, 5));
    assert_eq!(state.oldest_received, Some(sent.received));
    assert_eq!(observer.claim(1, NO_PATIENCE).await.unwrap(), [sent]);
}
