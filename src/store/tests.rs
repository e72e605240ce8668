//! The store against plain SQL, on every kind of database.

mod bounds;
mod concurrency;
mod housekeeping;
mod letters;
mod opening;
mod reading;
mod rebuilding;
mod releasing;
mod sessions;
mod timescale;
mod totals;
mod writing;

use std::sync::Arc;

use stages::testing::{scanned, services};
use stages::{
    BatchKey, Entry, EntryId, HashKey, Hour, Level, ManualClock, Pipeline, Scanned, Side,
    StageSpec, Status,
};
use test_servers::Postgres;

use super::Database;
use super::database::execute;
use super::dialect::Dialect;
use crate::config::settings;
use crate::worker::{SettleError, Settler};

/// 2026-08-20T12:00:00Z.
const NOON: i64 = 1_787_227_200;

/// Makes a test of each function named, on every kind of database.
macro_rules! on_every_store {
    ($($test:ident),+ $(,)?) => { $(
        mod $test {
            use super::super::Kind;

            #[tokio::test]
            async fn sqlite() {
                super::$test(Kind::Sqlite).await;
            }

            #[tokio::test]
            async fn postgres() {
                super::$test(Kind::Postgres).await;
            }

            #[tokio::test]
            async fn timescale() {
                if Kind::Timescale.is_here() {
                    super::$test(Kind::Timescale).await;
                }
            }
        }
    )+ };
}

use on_every_store;

/// Kinds of database that tests run on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Sqlite,
    Postgres,
    /// PostgreSQL with the extension.
    Timescale,
}

impl Kind {
    const fn dialect(self) -> Dialect {
        match self {
            Self::Sqlite => Dialect::Sqlite,
            Self::Postgres | Self::Timescale => Dialect::Postgres,
        }
    }

    const fn either<T: Copy>(self, sqlite: T, postgres: T) -> T {
        self.dialect().either(sqlite, postgres)
    }

    /// Whether this machine has what it needs. Said when it has not.
    #[expect(clippy::print_stdout, reason = "a test says what it leaves out")]
    fn is_here(self) -> bool {
        let here = self != Self::Timescale || Postgres::shared().has_timescale();
        if !here {
            println!("not run: the PostgreSQL of this machine has no TimescaleDB");
        }
        here
    }
}

/// A database of its own, and the clock it goes by.
struct Fixture {
    db: Database,
    clock: Arc<ManualClock>,
    place: Place,
}

/// A database that nobody has used.
struct Place {
    url: String,
    _directory: tempfile::TempDir,
}

impl Place {
    fn new(kind: Kind) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let url = match kind.dialect() {
            Dialect::Sqlite => {
                format!("sqlite://{}", directory.path().join("data/store.db").display())
            }
            Dialect::Postgres => Postgres::shared().database(),
        };
        let place = Self { url, _directory: directory };
        if kind == Kind::Timescale {
            place.add_timescale();
        }
        place
    }

    /// Creates the extension in a database of the shared server.
    fn add_timescale(&self) {
        let name = self.url.rsplit('/').next().unwrap();
        Postgres::shared().sql(name, "CREATE EXTENSION timescaledb");
    }

    fn open(&self, clock: Arc<ManualClock>) -> Database {
        Database::open(&settings_for(&self.url), clock).unwrap()
    }
}

impl Fixture {
    async fn new(kind: Kind) -> Self {
        let place = Place::new(kind);
        let clock = Arc::new(ManualClock::at(NOON));
        let db = place.open(Arc::clone(&clock));
        db.migrate_up().await.unwrap();
        Self { db, clock, place }
    }

    /// Runs entries through the worker's stages in one transaction.
    async fn settle(&self, entries: Vec<Entry>) {
        settle(&self.db, &self.clock, entries).await.unwrap();
    }

    /// The one integer that a query gives.
    async fn int(&self, sql: &str) -> i64 {
        self.db.query(sql, []).await.unwrap()[0].try_get_by_index(0).unwrap()
    }

    /// The first column of a query.
    async fn texts(&self, sql: &str) -> Vec<String> {
        let rows = self.db.query(sql, []).await.unwrap();
        rows.iter().map(|row| row.try_get_by_index(0).unwrap()).collect()
    }

    async fn run(&self, sql: &str) {
        execute(self.db.writer(), sql, []).await.unwrap();
    }

    /// Makes the database refuse events of version 6.6.6. Answers with which code.
    async fn poison(&self) -> &'static str {
        match self.db.dialect() {
            Dialect::Sqlite => {
                self.run(
                    "CREATE TRIGGER poison BEFORE INSERT ON events WHEN NEW.version = '6.6.6' \
                     BEGIN SELECT RAISE(ABORT, 'refused'); END",
                )
                .await;
                // SQLITE_CONSTRAINT_TRIGGER
                "1811"
            }
            Dialect::Postgres => {
                self.run("ALTER TABLE events ADD CONSTRAINT poison CHECK (version <> '6.6.6')")
                    .await;
                // check_violation
                "23514"
            }
        }
    }

    async fn heal(&self) {
        let sql = self
            .db
            .dialect()
            .either("DROP TRIGGER poison", "ALTER TABLE events DROP CONSTRAINT poison");
        self.run(sql).await;
    }

    /// Fails unless every rollup is what a GROUP BY over the raw rows gives, column by column.
    async fn assert_rollups_equal_raw_rows(&self) {
        const BASE: &str = "tool, version, analytics_level, status, coalesce(service, ''), \
            coalesce(country, '')";
        const RAW: &str = "count(*), count(*) FILTER (WHERE cache_hit), \
            count(*) FILTER (WHERE NOT cache_hit), \
            coalesce(sum(retry_count), 0), count(retry_count), \
            coalesce(sum(response_time_ms), 0), count(response_time_ms), min(response_time_ms), \
            max(response_time_ms)";
        const STORED: &str = "calls, cache_hits, cache_misses, retries, retry_events, time_sum, \
            time_count, time_min, time_max";
        let buckets = [("hour", "timestamp_hour"), ("day", "date(timestamp_hour)")];
        for (bucket, raw) in buckets {
            self.assert_same(
                &format!("SELECT {raw}, {BASE}, {RAW} FROM events GROUP BY 1, 2, 3, 4, 5, 6, 7"),
                &format!(
                    "SELECT {bucket}, tool, version, level, status, service, country, {STORED} \
                     FROM rollup_{bucket}"
                ),
            )
            .await;
            for (axis, value) in [
                ("tool", "''"),
                ("version", "version"),
                ("level", "analytics_level"),
                ("service", "coalesce(service, '')"),
                ("country", "coalesce(country, '')"),
            ] {
                self.assert_same(
                    &format!(
                        "SELECT {raw}, tool, {value}, status, {RAW} FROM events GROUP BY 1, 2, 3, 4"
                    ),
                    &format!(
                        "SELECT {bucket}, tool, value, status, {STORED} FROM margin_{bucket} \
                         WHERE axis = '{axis}'"
                    ),
                )
                .await;
            }
        }
        self.assert_same(
            "SELECT timestamp_hour, tool, version, error_type, count(*) FROM events \
             WHERE status = 'error' AND error_type IS NOT NULL GROUP BY 1, 2, 3, 4",
            "SELECT hour, tool, version, error_type, count FROM errors",
        )
        .await;
    }

    async fn assert_same(&self, want: &str, got: &str) {
        for (a, b) in [(want, got), (got, want)] {
            let surplus = format!("SELECT count(*) FROM ({a} EXCEPT {b}) AS odd");
            assert_eq!(self.int(&surplus).await, 0, "rows of `{a}` that are not in `{b}`");
        }
    }
}

/// Settles entries as the worker does.
async fn settle(
    db: &Database,
    clock: &Arc<ManualClock>,
    entries: Vec<Entry>,
) -> Result<(), SettleError> {
    let (store, clock) = (Arc::new(db.clone()), Arc::clone(clock));
    Settler::new(Arc::new(worker()), store, clock, Arc::new(())).settle(entries).await
}

/// The key of identities of the stages that tests run.
fn key() -> HashKey {
    services().identity_key
}

fn settings_for(url: &str) -> settings::Store {
    settings::Store { url: settings::Secret::new(url), pool: 2 }
}

fn worker() -> Pipeline {
    let specs = ["batch-persist", "aggregate"].map(StageSpec::named);
    let built = Pipeline::build(&stages::registry(), Side::Worker, &specs, &services());
    built.unwrap_or_else(|errors| panic!("{errors:?}"))
}

fn entry(number: u8, received: Hour, events: Vec<Scanned>) -> Entry {
    let id = EntryId::from_bytes([number; 16]);
    Entry { id, received, batch_key: None, door_duplicates: 0, events }
}

fn keyed(number: u8, received: Hour, key: u8, events: Vec<Scanned>) -> Entry {
    let batch_key = Some(BatchKey::from_bytes([key; 16]));
    Entry { batch_key, ..entry(number, received, events) }
}

fn noon() -> Hour {
    Hour::containing(NOON)
}

/// Events of every kind, spread over three days; the same for the same `seed`.
fn mixed(seed: i64, count: i64) -> Vec<Scanned> {
    let event = |n: i64| {
        let tools = ["get_forecast", "get_alerts", "other"];
        let tool = tools[(n % 3) as usize];
        let mut event = scanned(tool).hour(noon().plus(-(n * 7 % 50)));
        event = event.version(["1.2.0", "1.3.0"][(n % 2) as usize]);
        if n % 4 == 0 {
            event = event.status(Status::Error);
        }
        if n % 8 == 0 {
            event = event.error(["TimeoutError", "ApiError"][(n / 8 % 2) as usize]);
        }
        if n % 5 != 0 {
            event = event
                .response_time_ms(n * 37 % 5_000)
                .service(["noaa", "openmeteo"][(n % 2) as usize]);
        }
        if n % 3 == 0 {
            event = event.cache_hit(n % 2 == 0).retry_count(n % 4).country("DE");
        }
        if n % 7 == 3 {
            event = event.level(Level::Detailed).session(&format!("{:016x}", n % 11), n);
        }
        event.build()
    };
    (0..count).map(|n| event(seed * 1_000 + n)).collect()
}
