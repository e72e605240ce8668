//! Shared state against the bucket of a single process, and against a second server on it.

use std::collections::HashMap;

use proptest::prelude::*;
use stages::bucket::TokenBucket;
use stages::ports::{Bucket, RateCounter, Taken};
use stages::{BatchKey, ClientKey, Identity};
use test_servers::Redis;
use tokio::sync::oneshot;

use super::limits::Limits;
use super::*;

const WINDOW: Duration = Duration::from_secs(24 * 3_600);

fn client(number: u8) -> ClientKey {
    ClientKey::from_bytes([number; 16])
}

const fn bucket(name: &'static str, capacity: u64, per_minute: u64) -> Bucket {
    Bucket { name, capacity, per_minute }
}

async fn opened(url: &str, tasks: &Tasks) -> Arc<RedisShared> {
    RedisShared::open(url, tasks).await.unwrap()
}

/// What a process of its own would answer: buckets by client and name.
#[derive(Default)]
struct Model(HashMap<(ClientKey, &'static str), TokenBucket>);

impl Model {
    fn take(&mut self, client: ClientKey, asks: &[(Bucket, u64)], now: Duration) -> Vec<Taken> {
        let mut taken = Vec::new();
        for &(shape, cost) in asks {
            let bucket = self.0.entry((client, shape.name)).or_default();
            taken.push(bucket.take(shape, now, cost));
            if taken.last().is_some_and(|taken| !taken.allowed) {
                break;
            }
        }
        taken
    }
}

#[test]
fn limits_agree_with_those_of_a_single_process_however_they_are_asked_together() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    // Not durable: thousands of steps.
    let server = Redis::start(&["--appendonly", "no"]);
    let request = (0_u8..3, 0_u64..200, proptest::bool::ANY);
    let group = (0_u64..20_000_000, proptest::collection::vec(request, 1..6));
    let groups = proptest::collection::vec(group, 1..40);
    // Rates that divide a minute into whole microseconds, as the model counts nanoseconds.
    let rate = proptest::sample::select(vec![1_u64, 2, 3, 10, 60, 96, 600, 1_000, 1_500]);
    let config =
        ProptestConfig { cases: 40, failure_persistence: None, ..ProptestConfig::default() };
    let tasks = Tasks::new();
    let shared = runtime.block_on(opened(&server.database(), &tasks));
    let limits = Limits::new(Arc::clone(&shared.way));
    proptest!(config, |(capacity in 1_u64..300, rate in rate, groups in groups)| {
        server.cli(&["flushall"]);
        let (requests, events) = (bucket("requests", 3, 60), bucket("events", capacity, rate));
        let (mut model, mut now) = (Model::default(), 1_800_000_000_000_000_u64);
        for (pause, group) in groups {
            now += pause;
            let takes: Vec<Take> = group.into_iter().map(|(who, cost, both)| {
                let asks = [(requests, 1), (events, cost)];
                let asks = if both { asks.to_vec() } else { asks[1..].to_vec() };
                Take { client: client(who), asks, reply: oneshot::channel().0 }
            }).collect();
            let got = runtime.block_on(limits.take(Some(now), &takes)).unwrap();
            let at = Duration::from_micros(now);
            let want: Vec<_> =
                takes.iter().map(|take| model.take(take.client, &take.asks, at)).collect();
            prop_assert_eq!(got, want);
        }
    });
}

#[tokio::test]
async fn limits_of_a_request_are_taken_together_up_to_the_one_that_refuses() {
    let (url, tasks) = (Redis::shared().database(), Tasks::new());
    let (one, other) = (opened(&url, &tasks).await, opened(&url, &tasks).await);
    let (requests, events) = (bucket("requests", 3, 1), bucket("events", 10, 1));
    let allowed = |taken: Vec<Taken>| -> Vec<(bool, u64)> {
        taken.into_iter().map(|taken| (taken.allowed, taken.remaining)).collect()
    };
    for (shared, who, asks, want) in [
        (&one, 1, [(requests, 1), (events, 4)], vec![(true, 2), (true, 6)]),
        // Another server goes on where the first one stopped, into debt.
        (&other, 1, [(requests, 1), (events, 20)], vec![(true, 1), (true, 0)]),
        (&one, 1, [(requests, 1), (events, 1)], vec![(true, 0), (false, 0)]),
        // What refuses first is the last that is asked.
        (&one, 1, [(requests, 1), (events, 1)], vec![(false, 0)]),
        (&other, 2, [(requests, 1), (events, 1)], vec![(true, 2), (true, 9)]),
    ] {
        assert_eq!(allowed(shared.take_all(client(who), &asks).await.unwrap()), want);
    }
}

#[tokio::test]
async fn full_buckets_leave_nothing_behind() {
    let server = Redis::start(&[]);
    let tasks = Tasks::new();
    let shared = opened(&server.database(), &tasks).await;
    let fast = bucket("requests", 60_000, 60_000_000);
    assert!(shared.take(client(1), fast, 1).await.unwrap().allowed);
    let slow = bucket("events", 60, 60);
    assert!(shared.take(client(1), slow, 30).await.unwrap().allowed);
    let lifetime = |name: &str| -> i64 {
        let key = format!("analytics:{{limits}}:{}:{name}", client(1));
        server.cli(&["pttl", &key]).trim().parse().unwrap()
    };
    // A second longer than it takes to fill up.
    assert!((0..=1_001).contains(&lifetime("requests")), "{}", lifetime("requests"));
    assert!((20_000..=31_000).contains(&lifetime("events")), "{}", lifetime("events"));
}

fn event(number: u8) -> SeenKey {
    SeenKey::Event(Identity::from_bytes([number; 16]))
}

fn batch(number: u8) -> SeenKey {
    SeenKey::Batch(BatchKey::from_bytes([number; 16]))
}

#[tokio::test]
async fn what_one_server_remembers_the_other_has_seen() {
    let (url, tasks) = (Redis::shared().database(), Tasks::new());
    let (one, other) = (opened(&url, &tasks).await, opened(&url, &tasks).await);
    let keys = [event(1), batch(1), event(2), batch(2)];
    assert_eq!(other.seen(&keys, WINDOW).await.unwrap(), [false; 4]);
    one.remember(&[event(1), batch(2)], WINDOW, 100).await.unwrap();
    assert_eq!(other.seen(&keys, WINDOW).await.unwrap(), [true, false, false, true]);
}

#[tokio::test]
async fn what_was_remembered_last_is_kept_and_the_rest_is_bounded() {
    let server = Redis::start(&[]);
    let tasks = Tasks::new();
    let shared = opened(&server.database(), &tasks).await;
    for number in 0..200 {
        shared.remember(&[event(number), batch(number)], WINDOW, 20).await.unwrap();
        let kept = [event(number), batch(number), event(number.saturating_sub(4))];
        assert_eq!(shared.seen(&kept, WINDOW).await.unwrap(), [true; 3], "after {number}");
        let kept = |key: &str| -> usize { server.cli(&["scard", key]).trim().parse().unwrap() };
        assert!(kept(SEEN[0]) + kept(SEEN[1]) <= 20);
    }
    assert_eq!(shared.seen(&[event(0), batch(0)], WINDOW).await.unwrap(), [false; 2]);
    // It expires, at a full hour: the time tells nothing.
    let until: u64 = server.cli(&["expiretime", SEEN[0]]).trim().parse().unwrap();
    assert_eq!(until % 3_600, 0);
    // Two windows later everything is forgotten: the generation began long ago.
    server.cli(&["set", SEEN[2], "1"]);
    shared.remember(&[event(250)], WINDOW, 1_000).await.unwrap();
    server.cli(&["set", SEEN[2], "1"]);
    shared.remember(&[event(251)], WINDOW, 1_000).await.unwrap();
    let keys = [event(199), event(250), event(251)];
    assert_eq!(shared.seen(&keys, WINDOW).await.unwrap(), [false, true, true]);
}

#[tokio::test]
async fn servers_share_the_key_of_client_hashes() {
    let server = Redis::start(&[]);
    let tasks = Tasks::new();
    let url = server.database();
    let (one, other) = (opened(&url, &tasks).await, opened(&url, &tasks).await);
    let fresh = |byte| HashKey::from_bytes([byte; 16]);
    assert_eq!(one.client_key(&fresh(1)).await.unwrap().expose(), &[1; 16]);
    assert_eq!(other.client_key(&fresh(2)).await.unwrap().expose(), &[1; 16]);
    let left: u64 = server.cli(&["ttl", CLIENT_KEY]).trim().parse().unwrap();
    assert!((86_000..=86_400).contains(&left));
    server.cli(&["del", CLIENT_KEY]);
    assert_eq!(other.client_key(&fresh(3)).await.unwrap().expose(), &[3; 16]);
    assert_eq!(one.client_key(&fresh(4)).await.unwrap().expose(), &[3; 16]);
}

#[tokio::test]
async fn what_does_not_answer_fails_at_once_after_the_first_wait() {
    let server = Redis::start(&[]);
    let tasks = Tasks::new();
    let shared = opened(&server.database(), &tasks).await;
    let shape = bucket("requests", 10, 10);
    assert!(shared.take(client(1), shape, 1).await.is_ok());
    server.pause();
    let error = shared.take(client(1), shape, 1).await.err().unwrap();
    assert_eq!(error.0.to_string(), Resting.to_string(), "{error:?}");
    // Without waiting: the paused server could not have failed so fast.
    let all = fails_many_times(&shared, shape);
    assert!(timeout(PATIENCE / 2, all).await.is_ok());
    server.resume();
    while shared.take(client(1), shape, 1).await.is_err() {
        tokio::task::yield_now().await;
    }
}

async fn fails_many_times(shared: &RedisShared, shape: Bucket) {
    for _ in 0..1_000 {
        assert!(shared.take(client(1), shape, 1).await.is_err());
    }
}
