//! What the writer says to SQLite. Separate from the writer, which decides what is written together.

use std::sync::Arc;

use sea_orm::sqlx::sqlite::SqliteRow;
use sea_orm::sqlx::{self, AssertSqlSafe, Row as _, Sqlite, SqliteConnection};
use sea_orm::{DbErr, RuntimeErr};

use super::failure::Failure;
use super::open::{BUSY, FULL, code};
use super::writer::{Counters, Row, WORKER_LIFETIME_MS};
use crate::queue::Refusals;

/// Most rows a statement inserts or deletes; far below SQLite's 32 766 bound values.
pub(super) const ROWS: usize = 256;

/// SQL text for every number of rows up to [`ROWS`]. What can go in one call does: every call is
/// handed to the connection's own thread and back, which under load costs more than the statement.
///
/// `OR FAIL` and no `RETURNING`, because either of them makes SQLite able to undo a single statement
/// (it copies each page into a journal in memory first) or keep its rows in a table of their own.
/// Neither is needed: whatever fails, the whole transaction is rolled back.
pub(super) struct Statements {
    pub(super) insert: Vec<Arc<str>>,
    /// Inserts, writes the counters, and commits.
    pub(super) finish: Vec<Arc<str>>,
    /// Gives what it deletes. Takes the numbers twice.
    pub(super) delete: Vec<Arc<str>>,
    /// A whole transaction that only appends; gives the counters after it.
    pub(super) append: Vec<Arc<str>>,
}

impl Statements {
    /// Writes every text once.
    pub(super) fn new() -> Self {
        let list = |item: &str, count: usize| vec![item; count].join(",");
        let insert = |rows| match rows {
            0 => String::new(),
            _ => format!(
                "INSERT OR FAIL INTO entries \
                 (entry_id, events, door_duplicates, bytes, received_hour, payload) VALUES {};",
                list("(?,?,?,?,?,?)", rows)
            ),
        };
        let finish = |rows| {
            format!(
                "{} UPDATE OR FAIL counters SET accepted = ?, door_duplicates = ?, queued_entries = ?, \
                 queued_events = ?, queued_bytes = ?; COMMIT",
                insert(rows)
            )
        };
        let append = |rows| {
            format!(
                "BEGIN IMMEDIATE; {} UPDATE OR FAIL counters SET accepted = accepted + ?, \
                 door_duplicates = door_duplicates + ?, queued_entries = queued_entries + ?, \
                 queued_events = queued_events + ?, queued_bytes = queued_bytes + ?; \
                 SELECT {COUNTERS} FROM counters; COMMIT",
                insert(rows)
            )
        };
        let delete = |rows| {
            let numbers = list("?", rows);
            format!(
                "SELECT events + door_duplicates, bytes FROM entries WHERE seq IN ({numbers}); \
                 DELETE FROM entries WHERE seq IN ({numbers})"
            )
        };
        Self {
            insert: (0..=ROWS).map(|rows| insert(rows).into()).collect(),
            finish: (0..=ROWS).map(|rows| finish(rows).into()).collect(),
            delete: (0..=ROWS).map(|rows| delete(rows).into()).collect(),
            append: (0..=ROWS).map(|rows| append(rows).into()).collect(),
        }
    }
}

/// The columns of [`Counters`], in its order.
const COUNTERS: &str = "accepted, door_duplicates, queued_entries, queued_events, queued_bytes";

pub(super) type Query<'q> = sqlx::query::Query<'q, Sqlite, sqlx::sqlite::SqliteArguments>;

/// A statement for rows, bound in the order of its columns.
pub(super) fn insert(sql: &Arc<str>, rows: impl Iterator<Item = Row>) -> Query<'static> {
    rows.fold(sqlx::query(AssertSqlSafe(Arc::clone(sql))), |query, row| {
        let bytes = row.bytes();
        query
            .bind(row.id.as_bytes().to_vec())
            .bind(row.events - row.door_duplicates)
            .bind(row.door_duplicates)
            .bind(bytes)
            .bind(row.received)
            .bind(row.payload)
    })
}

/// Opens a transaction that may write from its first statement on. The counters are read inside,
/// as other processes may share the file.
pub(super) async fn begin(connection: &mut SqliteConnection) -> Result<Counters, sqlx::Error> {
    const BEGIN: &str = "BEGIN IMMEDIATE; \
        SELECT accepted, door_duplicates, queued_entries, queued_events, queued_bytes FROM counters";
    counters(&sqlx::query(BEGIN).fetch_one(connection).await?)
}

/// Reads [`COUNTERS`].
pub(super) fn counters(row: &SqliteRow) -> Result<Counters, sqlx::Error> {
    Ok(Counters {
        accepted: row.try_get(0)?,
        door_duplicates: row.try_get(1)?,
        entries: row.try_get(2)?,
        events: row.try_get(3)?,
        bytes: row.try_get(4)?,
    })
}

/// Takes back what a failed transaction did, and tells whether that is certain.
pub(super) async fn undo(connection: &mut SqliteConnection, error: sqlx::Error) -> Failure {
    let error = failed(error);
    let rolled_back = sqlx::query("ROLLBACK").execute(connection).await.is_ok();
    // With a full disk the log had no room for the pages, and so none for the commit mark after
    // them; a busy file was never written, as only the beginning waits for it. Otherwise, without a
    // transaction to roll back, the failure may be the commit's own.
    if rolled_back || matches!(code(&error), Some(FULL | BUSY)) {
        Failure::undone(error)
    } else {
        Failure::Unknown(Arc::new(error))
    }
}

pub(super) async fn beat(
    connection: &mut SqliteConnection,
    worker: &str,
    at: i64,
    lag: i64,
) -> Result<(), sqlx::Error> {
    const BEAT: &str = "INSERT INTO workers VALUES (?, ?, ?) \
         ON CONFLICT (id) DO UPDATE SET beat = excluded.beat, lag = excluded.lag; \
         DELETE FROM workers WHERE beat < ?";
    let beat = sqlx::query(BEAT).bind(worker).bind(at).bind(lag).bind(at - WORKER_LIFETIME_MS);
    beat.execute(connection).await.map(drop)
}

pub(super) async fn add_refusals(
    connection: &mut SqliteConnection,
    refusals: &Refusals,
) -> Result<(), sqlx::Error> {
    const ADD: &str = "INSERT INTO refusals VALUES (?, ?, ?) \
         ON CONFLICT (kind, code) DO UPDATE SET count = count + excluded.count";
    for ((kind, code), count) in refusals {
        let count = i64::try_from(*count).unwrap_or(i64::MAX);
        let add = sqlx::query(ADD).bind(kind.as_str()).bind(code).bind(count);
        add.execute(&mut *connection).await?;
    }
    Ok(())
}

/// The driver's errors, as the rest of the queue knows them.
pub(super) fn failed(error: sqlx::Error) -> DbErr {
    DbErr::Exec(RuntimeErr::SqlxError(error.into()))
}
