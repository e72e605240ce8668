//! The tables of the queue's file, and how those of earlier releases become them.

use sea_orm::{ConnectionTrait, DatabaseTransaction, DbErr};

/// Version of the tables below, kept in `PRAGMA user_version`.
pub(super) const VERSION: i64 = 2;
/// "wmaq", kept in `PRAGMA application_id`: tells a queue from any other database.
pub(super) const APPLICATION_ID: i64 = 0x776d_6171;

/// Entries are numbered by `counters.newest`. SQLite's own AUTOINCREMENT never gives a number twice
/// either, but keeps the last one in another table: one more page with every append.
///
/// Ids have no index: random keys would touch a page of their own with every append. Claims and
/// acknowledgements go by number; only a receipt that is asked for early looks ids through.
///
/// The file keeps the size of its fullest moment: the pages of acknowledged entries are reused by
/// the next ones. `max_bytes` bounds that size, and vacuuming would write every page a second time.
const WAITING: &str = "
CREATE TABLE waiting (
    seq INTEGER PRIMARY KEY,
    entry_id BLOB NOT NULL,
    events INTEGER NOT NULL,
    door_duplicates INTEGER NOT NULL,
    bytes INTEGER NOT NULL,
    received_hour TEXT NOT NULL,
    payload BLOB NOT NULL
)";
pub(super) const OTHERS: &str = "
CREATE TABLE counters (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    accepted INTEGER NOT NULL,
    door_duplicates INTEGER NOT NULL,
    queued_entries INTEGER NOT NULL,
    queued_events INTEGER NOT NULL,
    queued_bytes INTEGER NOT NULL,
    newest INTEGER NOT NULL
);
INSERT INTO counters VALUES (1, 0, 0, 0, 0, 0, 0);
CREATE TABLE meta (name TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE workers (
    id TEXT PRIMARY KEY,
    beat INTEGER NOT NULL,
    lag INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE refusals (
    kind TEXT NOT NULL,
    code TEXT NOT NULL,
    count INTEGER NOT NULL,
    PRIMARY KEY (kind, code)
) WITHOUT ROWID;
";

/// From version 1, where SQLite numbered entries. They move to a table of another name: a process of
/// the release before that still runs then fails to append, instead of giving numbers of its own.
pub(super) const FROM_1: &str = "
ALTER TABLE counters ADD COLUMN newest INTEGER NOT NULL DEFAULT 0;
UPDATE counters SET
    newest = coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'entries'), 0);
INSERT INTO waiting SELECT * FROM entries;
DROP TABLE entries;
";

/// Makes what is missing: the table of entries, and what `rest` says.
pub(super) async fn make(tx: &DatabaseTransaction, rest: &str) -> Result<(), DbErr> {
    tx.execute_unprepared(WAITING).await?;
    tx.execute_unprepared(rest).await?;
    tx.execute_unprepared(&format!(
        "PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = {VERSION}"
    ))
    .await?;
    Ok(())
}
