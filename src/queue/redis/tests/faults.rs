//! Faults of the server: it forgets, it is full, its group is gone, it does not answer.

use std::fs;
use std::path::Path;
use std::process::Command;

use stages::Clock;

use super::*;
use crate::queue::conformance::{LONG, NO_PATIENCE, claim_all, entry, id, ids};

fn bench_on(server: &Redis) -> StreamBench {
    StreamBench { url: server.database(), tasks: Tasks::new() }
}

impl StreamBench {
    async fn queue(&self) -> Arc<RedisQueue> {
        RedisQueue::open(&self.settings(), None, &self.tasks).await.unwrap()
    }
}

fn copy(from: &Path, to: &Path) {
    fs::remove_dir_all(to).ok();
    let status = Command::new("cp").arg("-r").args([from, to]).status().unwrap();
    assert!(status.success());
}

/// The server loses everything that it was told since `act` began, as when the power fails before
/// the disk has it, and starts again.
async fn forgetting(server: &Redis, act: impl AsyncFnOnce()) {
    let (data, kept) = (server.folder().join("appendonlydir"), server.folder().join("kept"));
    copy(&data, &kept);
    act().await;
    server.kill();
    copy(&kept, &data);
    server.start_again();
}

/// Waits until a queue is connected to the server that runs now.
async fn reconnected(queue: &RedisQueue, server: &Redis) {
    let info = server.cli(&["info", "server"]);
    let (_, run) = info.split_once("run_id:").unwrap();
    for link in [&queue.link, &queue.appends] {
        while !link.live().is_ok_and(|live| run.starts_with(&*live.run)) {
            tokio::task::yield_now().await;
        }
    }
}

#[tokio::test]
async fn what_a_crash_set_back_is_healed_by_whoever_saw_most() {
    let server = Redis::start(&[]);
    let bench = bench_on(&server);
    let (saw_ten, saw_five, fresh) =
        (bench.queue().await, bench.queue().await, bench.queue().await);
    for number in 1..=3 {
        saw_ten.append(&entry(number, 1, 0)).await.unwrap();
    }
    forgetting(&server, async || {
        for number in 4..=10 {
            saw_ten.append(&entry(number, 1, 0)).await.unwrap();
            if number == 5 {
                saw_five.state().await.unwrap();
            }
        }
    })
    .await;
    for queue in [&saw_ten, &saw_five, &fresh] {
        reconnected(queue, &server).await;
    }
    let after = |state: QueueState| (state.entries, state.accepted, state.healed);
    assert_eq!(after(fresh.state().await.unwrap()), (3, 3, 0));
    assert_eq!(after(saw_five.state().await.unwrap()), (3, 5, 2));
    // Appends of the new life do not hide what the old one had.
    fresh.append(&entry(11, 2, 0)).await.unwrap();
    assert_eq!(after(saw_ten.state().await.unwrap()), (4, 12, 7));
    for queue in [&saw_ten, &saw_five, &fresh] {
        assert_eq!(after(queue.state().await.unwrap()), (4, 12, 7));
    }
}

#[tokio::test]
async fn what_a_worker_saw_of_entries_heals_as_well() {
    let server = Redis::start(&[]);
    let bench = bench_on(&server);
    let (from, worker) = (bench.queue().await, bench.queue().await);
    from.append(&entry(1, 1, 0)).await.unwrap();
    forgetting(&server, async || {
        from.append(&entry(2, 5, 1)).await.unwrap();
        // Only the entries tell: nothing else is asked before the crash.
        assert_eq!(ids(&worker.claim(100, LONG).await.unwrap()), [id(1), id(2)]);
    })
    .await;
    reconnected(&worker, &server).await;
    let state = worker.state().await.unwrap();
    assert_eq!((state.entries, state.accepted, state.healed), (1, 7, 6));
}

#[tokio::test]
async fn an_acknowledgement_from_before_a_crash_removes_nothing_that_came_after() {
    let server = Redis::start(&[]);
    let bench = bench_on(&server);
    let queue = bench.queue().await;
    forgetting(&server, async || {
        queue.append(&entry(1, 1, 0)).await.unwrap();
        queue.append(&entry(2, 1, 0)).await.unwrap();
        assert_eq!(ids(&queue.claim(100, NO_PATIENCE).await.unwrap()), [id(1), id(2)]);
    })
    .await;
    reconnected(&queue, &server).await;
    // They stand where the forgotten ones stood.
    queue.append(&entry(3, 1, 0)).await.unwrap();
    queue.append(&entry(4, 1, 0)).await.unwrap();
    queue.acknowledge(&[id(1), id(2)]).await.unwrap();
    let state = queue.state().await.unwrap();
    assert_eq!((state.entries, state.events), (2, 2));
    assert_eq!(ids(&queue.claim(100, NO_PATIENCE).await.unwrap()), [id(3), id(4)]);
}

#[tokio::test]
async fn a_group_that_is_gone_is_made_again_from_the_first_entry_on() {
    let bench = StreamBench::new();
    let queue: Arc<dyn Queue> = bench.queue().await;
    for number in 1..=3 {
        queue.append(&entry(number, 1, 0)).await.unwrap();
    }
    assert_eq!(ids(&queue.claim(1, NO_PATIENCE).await.unwrap()), [id(1)]);
    let stream = Shard::new(0).stream;
    let mut destroy = cmd("XGROUP");
    destroy.arg("DESTROY").arg(&stream).arg("workers");
    destroy.query_async::<Value>(&mut bench.plain().await).await.unwrap();
    // The first one is held here, and so not given out again here.
    claim_all(&queue, [2, 3]).await;
    queue.acknowledge(&[id(1)]).await.unwrap();
    let other: Arc<dyn Queue> = bench.queue().await;
    queue.close().await;
    claim_all(&other, [2, 3]).await;
    other.acknowledge(&[id(2), id(3)]).await.unwrap();
    assert_eq!(other.state().await.unwrap().entries, 0);
}

#[tokio::test]
async fn entries_of_a_holder_that_vanished_are_taken_over_after_a_while() {
    let bench = StreamBench::new();
    let claim_after = stages::units::Span::seconds(1);
    let settings = settings::Queue { claim_after, ..bench.settings() };
    let open = async || RedisQueue::open(&settings, None, &bench.tasks).await.unwrap();
    let (vanishes, stays) = (open().await, open().await);
    for number in 1..=20 {
        vanishes.append(&entry(number, 1, 0)).await.unwrap();
    }
    assert_eq!(vanishes.claim(10, NO_PATIENCE).await.unwrap().len(), 10);
    let clock = stages::SystemClock::new();
    let stays: Arc<dyn Queue> = stays;
    claim_all(&stays, 1..=20).await;
    assert!(clock.monotonic() > Duration::from_millis(900), "the holder was given its time");
    // What it does once it is back changes nothing.
    vanishes.acknowledge(&[id(1), id(2)]).await.unwrap();
    vanishes.release(&[id(3)]).await;
    let acknowledged: Vec<_> = (1..=20).map(id).collect();
    stays.acknowledge(&acknowledged).await.unwrap();
    let state = stays.state().await.unwrap();
    assert_eq!((state.entries, state.events, state.bytes), (0, 0, 0));
}

#[tokio::test]
async fn a_server_without_memory_refuses_and_still_drains() {
    let server = Redis::start(&[]);
    let bench = bench_on(&server);
    let queue = bench.queue().await;
    queue.append(&entry(1, 1, 0)).await.unwrap();
    server.cli(&["config", "set", "maxmemory", "1"]);
    let refused = queue.append(&entry(2, 1, 0)).await;
    assert!(matches!(refused, Err(AppendError::Full)), "{refused:?}");
    queue.beat("worker", Duration::ZERO).await.unwrap();
    assert_eq!(ids(&queue.claim(100, NO_PATIENCE).await.unwrap()), [id(1)]);
    queue.release(&[id(1)]).await;
    assert_eq!(ids(&queue.claim(100, NO_PATIENCE).await.unwrap()), [id(1)]);
    queue.acknowledge(&[id(1)]).await.unwrap();
    let state = queue.state().await.unwrap();
    assert_eq!((state.entries, state.accepted), (0, 1));
    server.cli(&["config", "set", "maxmemory", "0"]);
    queue.append(&entry(2, 1, 0)).await.unwrap();
}

#[tokio::test]
async fn an_append_without_an_answer_is_unknown_and_one_that_was_never_sent_is_not() {
    let server = Redis::start(&[]);
    let bench = bench_on(&server);
    let queue = bench.queue().await;
    server.pause();
    let unknown = queue.append(&entry(1, 1, 0)).await;
    assert!(matches!(unknown, Err(AppendError::Unknown(_))), "{unknown:?}");
    server.kill();
    let unsent = queue.append(&entry(2, 1, 0)).await;
    assert!(matches!(unsent, Err(AppendError::Unavailable(_))), "{unsent:?}");
    server.start_again();
    reconnected(&queue, &server).await;
    queue.append(&entry(3, 1, 0)).await.unwrap();
}

#[tokio::test]
async fn who_waits_for_entries_does_not_keep_asking() {
    let server = Redis::start(&[]);
    let bench = bench_on(&server);
    let queue = bench.queue().await;
    let asked = || -> u64 {
        let stats = server.cli(&["info", "commandstats"]);
        let (_, stats) = stats.split_once("cmdstat_xreadgroup:calls=").unwrap();
        stats.split_once(',').unwrap().0.parse().unwrap()
    };
    assert_eq!(queue.claim(100, NO_PATIENCE).await.unwrap(), []);
    let before = asked();
    assert_eq!(queue.claim(100, Duration::from_secs(2)).await.unwrap(), []);
    // It looks once in half a second, and listens in between.
    assert!(asked() - before <= 20, "asked {} times", asked() - before);
}

#[tokio::test]
async fn one_appender_appends_a_number_once() {
    let bench = StreamBench::new();
    let queue = bench.queue().await;
    let shard = &queue.claims.shards[0];
    let append = async |appender, numbers: std::ops::RangeInclusive<u64>, max_events, stop| {
        let rows: Vec<_> =
            numbers.map(|n| (n, row(&entry(n, 1 + (n % 2) as usize, 0)).unwrap())).collect();
        let terms = Terms { max_events, max_bytes: u64::MAX >> 12, replicas: 0 };
        let live = queue.link.live().unwrap();
        shard.append(&queue.scripts, live, appender, &rows, terms, stop).await
    };
    let (a, b) = (id(100), id(101));
    assert_eq!(append(a, 1..=2, 100, false).await.unwrap(), [true, true]);
    assert_eq!(append(a, 1..=3, 100, false).await.unwrap(), [true, true, true]);
    assert_eq!(append(b, 2..=2, 100, false).await.unwrap(), [true]);
    let places = |claimed: Vec<Entry>| ids(&claimed);
    let claimed = places(queue.claim(100, NO_PATIENCE).await.unwrap());
    assert_eq!(claimed, [id(1), id(2), id(3)], "one process never holds an id twice");
    assert_eq!(queue.state().await.unwrap().entries, 4);
    // Events of 4 to 6: 1, 2, 1. There is room for two.
    let full = queue.state().await.unwrap().events + 2;
    assert_eq!(append(a, 4..=6, full, true).await.unwrap(), [true, false, false]);
    assert_eq!(append(a, 4..=6, full + 1, false).await.unwrap(), [true, true, false]);
}

#[tokio::test]
async fn shards_share_the_load_and_outlive_their_number() {
    let bench = StreamBench::new();
    let with = |shards| settings::Queue { shards, max_events: 400, ..bench.settings() };
    let queue = RedisQueue::open(&with(4), None, &bench.tasks).await.unwrap();
    for number in 0..100 {
        queue.append(&entry(number, 1, 0)).await.unwrap();
    }
    assert_eq!(queue.positions().await.unwrap().iter().map(|at| at.newest).max(), Some(25));
    assert_eq!(queue.find(id(77)).await.unwrap(), Some(1));
    queue.close().await;
    // A quarter of the room each.
    let queue =
        RedisQueue::open(&settings::Queue { max_events: 100, ..with(4) }, None, &bench.tasks).await;
    assert!(matches!(queue.unwrap().append(&entry(200, 1, 0)).await, Err(AppendError::Full)));
    let one: Arc<dyn Queue> = RedisQueue::open(&with(1), None, &bench.tasks).await.unwrap();
    one.append(&entry(300, 1, 0)).await.unwrap();
    claim_all(&one, (0..100).chain([300])).await;
    let all: Vec<_> = (0..100).chain([300]).map(id).collect();
    one.acknowledge(&all).await.unwrap();
    let state = one.state().await.unwrap();
    assert_eq!((state.entries, state.events, state.bytes, state.accepted), (0, 0, 0, 101));
}

#[tokio::test]
async fn mistakes_are_explained() {
    let server = Redis::start(&["--maxmemory-policy", "allkeys-lru"]);
    let locked = Redis::start(&["--requirepass", "secret"]);
    let relaxed = Redis::start(&["--appendfsync", "everysec"]);
    let open = async |url: String, durability| {
        let settings =
            settings::Queue { url: Secret::new(url), durability, ..settings::Queue::default() };
        let error = RedisQueue::open(&settings, None, &Tasks::new()).await.err();
        error.map(|error| crate::worker::error_chain(&error)).unwrap_or_default()
    };
    let at = |rest: &str| format!("redis://{rest}");
    let locked_at = |user: &str| at(&format!("{user}127.0.0.1:{}", locked.port()));
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    for (url, durability, want) in [
        (at(""), Durability::Fsync, "queue.url names no host, or a database that is no number"),
        (
            at("localhost:6379/x"),
            Durability::Fsync,
            "queue.url names no host, or a database that is no number",
        ),
        (at(&nobody.to_string()), Durability::Fsync, "cannot reach the Redis server at 127.0.0.1:"),
        (server.database(), Durability::Relaxed, "set `maxmemory-policy noeviction`"),
        (locked_at(""), Durability::Fsync, "check user and password"),
        (locked_at(":wrong@"), Durability::Fsync, "check user and password"),
        (locked_at(":secret@"), Durability::Fsync, ""),
        (relaxed.database(), Durability::Fsync, "its appendfsync is everysec"),
        (relaxed.database(), Durability::Relaxed, ""),
    ] {
        let error = open(url.clone(), durability).await;
        assert!(error.contains(want) && error.is_empty() == want.is_empty(), "{url}: {error}");
        assert!(!error.contains("secret") && !error.contains("wrong"), "{error}");
    }
}
