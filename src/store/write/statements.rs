//! The statements of the worker's transaction, as each database takes them.

use std::sync::LazyLock;

use crate::store::dialect::Dialect;
use crate::store::rows::{Column, Kind};

pub(super) const ENTRIES: [Column; 2] = [("entry_id", Kind::Bytes), ("received_hour", Kind::Hour)];
pub(super) const IDENTITIES: [Column; 2] = [("key", Kind::Bytes), ("day", Kind::Day)];
pub(super) const HOURS: [Column; 1] = [("hour", Kind::Hour)];
pub(in crate::store) const EVENTS: [Column; 15] = [
    ("timestamp_hour", Kind::Hour),
    ("version", Kind::Text),
    ("tool", Kind::Text),
    ("status", Kind::Text),
    ("analytics_level", Kind::Text),
    ("response_time_ms", Kind::Number),
    ("service", Kind::Text),
    ("cache_hit", Kind::Flag),
    ("retry_count", Kind::Number),
    ("country", Kind::Text),
    ("parameters", Kind::Json),
    ("session_id", Kind::Text),
    ("sequence_number", Kind::Number),
    ("error_type", Kind::Text),
    ("received_hour", Kind::Hour),
];
pub(super) const PAIRS: [Column; 2] = [("day", Kind::Day), ("dimension", Kind::Text)];
pub(super) const LETTERS: [Column; 6] = [
    ("code", Kind::Text),
    ("sqlstate", Kind::Text),
    ("payload", Kind::Text),
    ("received_hour", Kind::Hour),
    ("first_seen_hour", Kind::Hour),
    ("attempts", Kind::Number),
];
pub(super) const OUTCOMES: [Column; 5] = [
    ("entry_id", Kind::Bytes),
    ("events", Kind::Number),
    ("persisted", Kind::Number),
    ("duplicate", Kind::Number),
    ("dead_letter", Kind::Number),
];

/// How keys are claimed. Either way the answer is the numbers of those that were known.
pub(super) enum Claim {
    /// With one writer: the known ones are asked for, as few are known as a rule, and the others
    /// inserted. An answer a row would cost more than the row.
    LookAndInsert { known: String, insert: String },
    /// Beside other writers: one statement, which waits for whoever has just inserted the same key
    /// and then counts it as known.
    Insert(String),
}

pub(super) struct Statements {
    pub(super) entries: Claim,
    pub(super) batches: Claim,
    pub(super) events: Claim,
    pub(super) release_events: String,
    /// The values that some dimensions have on some days, one snapshot.
    pub(super) held_values: String,
    pub(super) insert_events: String,
    pub(super) insert_letters: String,
    pub(super) settle: String,
    /// Takes the values after the shard's.
    pub(super) add_to_ledger: String,
}

impl Statements {
    pub(super) fn of(dialect: Dialect) -> &'static Self {
        static SQLITE: LazyLock<Statements> = LazyLock::new(|| Statements::new(Dialect::Sqlite));
        static POSTGRES: LazyLock<Statements> =
            LazyLock::new(|| Statements::new(Dialect::Postgres));
        dialect.either(&SQLITE, &POSTGRES)
    }

    fn new(dialect: Dialect) -> Self {
        Self {
            entries: entries(dialect),
            batches: identities(dialect, "batch_keys"),
            events: identities(dialect, "event_keys"),
            release_events: format!(
                "DELETE FROM event_keys WHERE (day, key) IN (SELECT day, key FROM {} AS r)",
                dialect.rows(&IDENTITIES, 1)
            ),
            held_values: format!(
                "SELECT {day}, v.dimension, v.value FROM {pairs} AS r \
                 CROSS JOIN dimension_values v WHERE v.day = r.day AND v.dimension = r.dimension",
                day = dialect.day_text("v.day"),
                pairs = dialect.rows(&PAIRS, 1),
            ),
            insert_events: insert(dialect, "events", &EVENTS, ""),
            insert_letters: format!(
                "INSERT INTO dead_letters (id, {columns}) SELECT {id}, {columns} FROM {rows} AS r",
                columns = names(&LETTERS),
                id = dialect.random_id(),
                rows = dialect.rows(&LETTERS, 1),
            ),
            settle: settle(dialect),
            add_to_ledger: add_to_ledger(dialect),
        }
    }
}

fn names(columns: &[Column]) -> String {
    columns.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ")
}

/// Inserts rows. `WHERE true` keeps what follows from being read as a part of a join.
fn insert(dialect: Dialect, table: &str, columns: &[Column], conflict: &str) -> String {
    let (names, rows) = (names(columns), dialect.rows(columns, 1));
    format!("INSERT INTO {table} ({names}) SELECT {names} FROM {rows} AS r WHERE true {conflict}")
}

fn entries(dialect: Dialect) -> Claim {
    let rows = dialect.numbered_rows(&ENTRIES, 1);
    let insert = |rows: &str| {
        let no = dialect.either("0", "false");
        format!(
            "INSERT INTO entries \
             (entry_id, received_hour, events, persisted, duplicate, dead_letter, expired) \
             SELECT entry_id, received_hour, 0, 0, 0, 0, {no} FROM {rows} AS r WHERE true \
             ON CONFLICT DO NOTHING"
        )
    };
    match dialect {
        Dialect::Sqlite => Claim::LookAndInsert {
            known: format!(
                "SELECT r.n FROM {rows} AS r CROSS JOIN entries e WHERE e.entry_id = r.entry_id"
            ),
            insert: insert(&rows),
        },
        Dialect::Postgres => Claim::Insert(claim(&rows, &insert("wanted"), "entry_id")),
    }
}

fn identities(dialect: Dialect, table: &str) -> Claim {
    let rows = dialect.numbered_rows(&IDENTITIES, 1);
    let conflict = "ON CONFLICT DO NOTHING";
    match dialect {
        // A key is looked up under every day that the table holds: `day IN` makes each a step into
        // the primary key, and the days are found by stepping from one to the next.
        Dialect::Sqlite => Claim::LookAndInsert {
            known: format!(
                "WITH RECURSIVE held(day) AS (SELECT min(day) FROM {table} UNION ALL \
                 SELECT (SELECT min(k.day) FROM {table} k WHERE k.day > held.day) \
                 FROM held WHERE held.day IS NOT NULL) \
                 SELECT r.n FROM {rows} AS r WHERE EXISTS (SELECT 1 FROM {table} k \
                 WHERE k.day IN (SELECT day FROM held) AND k.key = r.key)"
            ),
            insert: insert(dialect, table, &IDENTITIES, conflict),
        },
        Dialect::Postgres => {
            let insert =
                format!("INSERT INTO {table} (key, day) SELECT key, day FROM wanted {conflict}");
            Claim::Insert(claim(&rows, &insert, "key"))
        }
    }
}

/// Inserts and answers which were not inserted, in one statement.
fn claim(rows: &str, insert: &str, key: &str) -> String {
    format!(
        "WITH wanted AS MATERIALIZED (SELECT * FROM {rows} AS r), \
         inserted AS ({insert} RETURNING {key}) \
         SELECT n FROM wanted WHERE NOT EXISTS \
         (SELECT 1 FROM inserted WHERE inserted.{key} = wanted.{key})"
    )
}

fn settle(dialect: Dialect) -> String {
    let expired = dialect.rows(&HOURS, 1 + dialect.values(&OUTCOMES));
    format!(
        "UPDATE entries SET events = r.events, persisted = r.persisted, duplicate = r.duplicate, \
         dead_letter = r.dead_letter, expired = r.persisted = 0 AND r.dead_letter > 0 \
           AND received_hour IN (SELECT hour FROM {expired} AS x) \
         FROM {rows} AS r WHERE entries.entry_id = r.entry_id",
        rows = dialect.rows(&OUTCOMES, 1)
    )
}

fn add_to_ledger(dialect: Dialect) -> String {
    // SQLite has one writer, so one row serves all. Elsewhere workers run side by side, each under
    // a process of the server; that two may share a row costs no more than a short wait.
    let shard = dialect.either("0", "pg_backend_pid() % 16");
    let sums = ["persisted", "duplicate", "dead_letter", "discarded", "commits"];
    let add: Vec<_> =
        sums.iter().map(|sum| format!("{sum} = ledger.{sum} + excluded.{sum}")).collect();
    format!(
        "INSERT INTO ledger (shard, {}) VALUES ({shard}, $1, $2, $3, $4, 1) \
         ON CONFLICT (shard) DO UPDATE SET {}",
        sums.join(", "),
        add.join(", ")
    )
}
