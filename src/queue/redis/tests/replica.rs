//! A replica that must have an append before it is answered.

use super::*;
use crate::queue::conformance::entry;
use crate::queue::spool::Spool;

/// A server, its replica, and a queue that waits for both.
struct Pair {
    primary: Redis,
    replica: Redis,
    settings: settings::Queue,
    tasks: Tasks,
}

impl Pair {
    fn start() -> Self {
        let primary = Redis::start(&[]);
        let port = primary.port().to_string();
        let replica = Redis::start(&["--replicaof", "127.0.0.1", &port]);
        while !replica.cli(&["info", "replication"]).contains("master_link_status:up") {
            std::thread::yield_now();
        }
        let settings = settings::Queue {
            url: Secret::new(primary.database()),
            wait_replicas: 1,
            ..settings::Queue::default()
        };
        Self { primary, replica, settings, tasks: Tasks::new() }
    }

    async fn open(&self, spool: Option<Arc<Spool>>) -> Arc<RedisQueue> {
        RedisQueue::open(&self.settings, spool, &self.tasks).await.unwrap()
    }

    /// Entries that a server holds.
    fn held(server: &Redis) -> String {
        server.cli(&["xlen", &Shard::new(0).stream]).trim().to_owned()
    }
}

#[tokio::test]
async fn an_append_is_confirmed_once_the_replica_has_it() {
    let pair = Pair::start();
    let queue = pair.open(None).await;
    for number in 1..=3 {
        queue.append(&entry(number, 1, 0)).await.unwrap();
        assert_eq!(Pair::held(&pair.replica), number.to_string());
    }
    pair.replica.pause();
    let unknown = queue.append(&entry(4, 1, 0)).await;
    assert!(matches!(unknown, Err(AppendError::Unknown(_))), "{unknown:?}");
    // It keeps nobody else waiting.
    assert_eq!(queue.state().await.unwrap().entries, 4);
    pair.replica.resume();
    while queue.append(&entry(5, 1, 0)).await.is_err() {}
    assert_eq!(Pair::held(&pair.replica), Pair::held(&pair.primary));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_spool_keeps_what_no_replica_has_confirmed() {
    let pair = Pair::start();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("spool.db");
    let clock = Arc::new(stages::SystemClock::new());
    let spool = Spool::open(&pair.settings, &path, &pair.tasks, clock).await.unwrap();
    let queue = pair.open(Some(spool)).await;
    pair.replica.pause();
    queue.append(&entry(1, 1, 0)).await.unwrap();
    let spooled = async || queue.spooled().await.unwrap().unwrap().state.entries;
    // The primary has it, and has told so, but that is not enough.
    let closed = || {
        let appender = pair.primary.cli(&["keys", "*:appender:*"]);
        appender.lines().any(|key| pair.primary.cli(&["get", key]).starts_with('x'))
    };
    while !closed() {
        tokio::task::yield_now().await;
    }
    assert_eq!((spooled().await, Pair::held(&pair.primary).as_str()), (1, "1"));
    pair.replica.resume();
    while spooled().await > 0 {
        tokio::task::yield_now().await;
    }
    assert_eq!((Pair::held(&pair.primary), Pair::held(&pair.replica)), ("1".into(), "1".into()));
    assert_eq!(queue.state().await.unwrap().accepted, 1);
}
