//! On which queue and store a test runs. What depends on them runs on every pair, with the same
//! numbers; everything else runs once, on the files of a first start.

use std::cell::Cell;
use std::path::Path;

use test_servers::{Postgres, Redis};

/// Kinds of queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Queue {
    Sqlite,
    Redis,
}

/// Kinds of store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Store {
    Sqlite,
    Postgres,
}

/// A queue and a store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Pair {
    pub(crate) queue: Queue,
    pub(crate) store: Store,
}

thread_local! {
    static PAIR: Cell<Pair> =
        const { Cell::new(Pair { queue: Queue::Sqlite, store: Store::Sqlite }) };
}

impl Pair {
    /// The pair on which the test of this thread runs.
    pub(crate) fn current() -> Self {
        PAIR.get()
    }

    /// Runs a test on this pair.
    pub(crate) fn run(self, test: fn()) {
        PAIR.set(self);
        test();
    }
}

/// Where queue and store of one installation live.
#[derive(Clone)]
pub(crate) struct Backends {
    pub(crate) queue: String,
    pub(crate) store: String,
}

impl Backends {
    /// A queue and a store of the current pair that nobody has used; files are made in `folder`.
    pub(crate) fn fresh(folder: &Path) -> Self {
        let file = |name| format!("sqlite://{}", folder.join(name).display());
        let pair = Pair::current();
        let queue = match pair.queue {
            Queue::Sqlite => file("queue.db"),
            Queue::Redis => Redis::shared().database(),
        };
        let store = match pair.store {
            Store::Sqlite => file("analytics.db"),
            Store::Postgres => Postgres::shared().database(),
        };
        Self { queue, store }
    }
}

/// Makes a test of each function named, on every pair of backends.
macro_rules! on_every_pair {
    ($($test:ident),+ $(,)?) => { $(
        mod $test {
            use crate::support::{Pair, Queue, Store};

            #[test]
            fn queue_sqlite_store_sqlite() {
                Pair { queue: Queue::Sqlite, store: Store::Sqlite }.run(super::$test);
            }

            #[test]
            fn queue_sqlite_store_postgres() {
                Pair { queue: Queue::Sqlite, store: Store::Postgres }.run(super::$test);
            }

            #[test]
            fn queue_redis_store_sqlite() {
                Pair { queue: Queue::Redis, store: Store::Sqlite }.run(super::$test);
            }

            #[test]
            fn queue_redis_store_postgres() {
                Pair { queue: Queue::Redis, store: Store::Postgres }.run(super::$test);
            }
        }
    )+ };
}

pub(crate) use on_every_pair;
