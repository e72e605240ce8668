//! What the writer says to SQLite. Separate from the writer, which decides what is written together.
//!
//! Every statement is prepared once a connection and run row by row: between them nothing is handed
//! over, so a list of rows in one statement would save next to nothing.

use std::ops::RangeInclusive;
use std::sync::Arc;

use rusqlite::{Connection, ErrorCode, Result, params};

use super::failure::Failure;
use super::writer::{Counters, Row, WORKER_LIFETIME_MS};
use crate::queue::Refusals;

/// Statements of this file, and room for more.
pub(super) const STATEMENTS: usize = 16;

/// Opens a transaction that may write from its first statement on. The counters are read inside,
/// as other processes may share the file.
pub(super) fn begin(connection: &Connection) -> Result<Counters> {
    run(connection, "BEGIN IMMEDIATE", [])?;
    connection
        .prepare_cached(
            "SELECT newest, accepted, door_duplicates, queued_entries, queued_events, queued_bytes \
             FROM counters",
        )?
        .query_row([], |row| {
            Ok(Counters {
                newest: row.get(0)?,
                accepted: row.get(1)?,
                door_duplicates: row.get(2)?,
                entries: row.get(3)?,
                events: row.get(4)?,
                bytes: row.get(5)?,
            })
        })
}

/// Writes the counters, and commits. The row is named: for an update that might change several,
/// SQLite keeps a journal of the statement, with 64 KB of memory each time.
pub(super) fn commit(connection: &Connection, counters: Counters) -> Result<()> {
    let Counters { newest, accepted, door_duplicates, entries, events, bytes } = counters;
    run(
        connection,
        "UPDATE counters SET newest = ?, accepted = ?, door_duplicates = ?, queued_entries = ?, \
         queued_events = ?, queued_bytes = ? WHERE one = 1",
        params![newest, accepted, door_duplicates, entries, events, bytes],
    )?;
    run(connection, "COMMIT", [])
}

/// Takes back what a failed transaction did, and tells whether that is certain.
pub(super) fn undo(connection: &Connection, error: rusqlite::Error) -> Failure {
    let rolled_back = connection.execute_batch("ROLLBACK").is_ok();
    // With a full disk the log had no room for the pages, and so none for the commit mark after
    // them; a busy file was never written, as only the beginning waits for it. Otherwise, without a
    // transaction to roll back, the failure may be the commit's own.
    let undone = [Some(ErrorCode::DiskFull), Some(ErrorCode::DatabaseBusy)];
    if rolled_back || undone.contains(&error.sqlite_error_code()) {
        Failure::undone(error)
    } else {
        Failure::Unknown(Arc::new(error))
    }
}

/// Appends rows under the next numbers, and answers the counters with them.
pub(super) fn append(
    connection: &Connection,
    counters: Counters,
    rows: &[Row],
) -> Result<Counters> {
    // Taken out of the cache once: that and putting it back cost as much as binding a row.
    let mut insert =
        connection.prepare_cached("INSERT INTO waiting VALUES (?, ?, ?, ?, ?, ?, ?)")?;
    rows.iter().try_fold(counters, |counters, row| {
        let counters = counters.with(row);
        insert.execute((
            counters.newest,
            row.id.as_bytes(),
            row.events - row.door_duplicates,
            row.door_duplicates,
            row.bytes(),
            &row.received,
            &row.payload,
        ))?;
        Ok(counters)
    })
}

/// Deletes rows by their numbers, and takes them off the counters.
pub(super) fn delete(
    connection: &Connection,
    numbers: RangeInclusive<i64>,
    counters: &mut Counters,
) -> Result<()> {
    let range = params![numbers.start(), numbers.end()];
    connection
        .prepare_cached(
            "SELECT count(*), coalesce(sum(events + door_duplicates), 0), coalesce(sum(bytes), 0) \
             FROM waiting WHERE seq BETWEEN ? AND ?",
        )?
        .query_row(range, |row| {
            counters.entries -= row.get::<_, i64>(0)?;
            counters.events -= row.get::<_, i64>(1)?;
            counters.bytes -= row.get::<_, i64>(2)?;
            Ok(())
        })?;
    run(connection, "DELETE FROM waiting WHERE seq BETWEEN ? AND ?", range)
}

/// A worker's sign of life. Forgets workers that gave none for long.
pub(super) fn beat(connection: &Connection, worker: &str, at: i64, lag: i64) -> Result<()> {
    run(
        connection,
        "INSERT INTO workers VALUES (?, ?, ?) \
         ON CONFLICT (id) DO UPDATE SET beat = excluded.beat, lag = excluded.lag",
        params![worker, at, lag],
    )?;
    run(connection, "DELETE FROM workers WHERE beat < ?", [at - WORKER_LIFETIME_MS])
}

pub(super) fn add_refusals(connection: &Connection, refusals: &Refusals) -> Result<()> {
    for ((kind, code), count) in refusals {
        let count = i64::try_from(*count).unwrap_or(i64::MAX);
        run(
            connection,
            "INSERT INTO refusals VALUES (?, ?, ?) \
             ON CONFLICT (kind, code) DO UPDATE SET count = count + excluded.count",
            params![kind.as_str(), code, count],
        )?;
    }
    Ok(())
}

fn run(connection: &Connection, sql: &str, values: impl rusqlite::Params) -> Result<()> {
    connection.prepare_cached(sql)?.execute(values).map(drop)
}
