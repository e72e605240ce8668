//! Adding to the sessions of days, and writing them anew.
//!
//! A sketch is merged here, not by the database: it is read, merged and written back whole, under the
//! locks of the days like the distributions of [`cells`](super::cells).

use sea_orm::DatabaseTransaction;
use stages::Day;
use stages::ports::StoreError;
use stages::sessions::Sessions;

use crate::store::database::{execute, query};
use crate::store::dialect::Dialect;
use crate::store::error::{damaged, store_error};
use crate::store::rows::{Column, Kind, Rows};

const DAYS: [Column; 1] = [("day", Kind::Day)];
const SKETCHES: [Column; 2] = [("day", Kind::Day), ("sketch", Kind::Bytes)];
/// Bytes of a row at most: those of a sketch as hex digits.
const ROW_BYTES: usize = 8_300;

/// Adds sessions of days that are locked. Those that are there already change nothing.
pub(super) async fn add(
    tx: &DatabaseTransaction,
    days: &[(Day, Sessions)],
) -> Result<(), StoreError> {
    if days.is_empty() {
        return Ok(());
    }
    let mut merged = days.to_vec();
    let dialect = Dialect::of(tx);
    let mut keys = Rows::new(dialect, &DAYS, days.len(), 20);
    days.iter().for_each(|(day, _)| keys.row(|row| row.day(*day)));
    let find = format!(
        "SELECT r.n, t.sketch FROM {} AS r CROSS JOIN sessions_day AS t WHERE t.day = r.day",
        dialect.numbered_rows(&DAYS, 1)
    );
    for row in query(tx, &find, keys.finish()).await? {
        let position: i64 = row.try_get_by_index(0).map_err(store_error)?;
        let stored = read(row.try_get_by_index(1).map_err(store_error)?)?;
        let position = usize::try_from(position).ok();
        if let Some((_, sessions)) = position.and_then(|position| merged.get_mut(position)) {
            sessions.merge([&stored]);
        }
    }
    write(tx, &merged, "").await
}

/// Puts the sessions of a day that is locked in the place of those that are stored. Whether they are
/// released stays as it was.
pub(in crate::store) async fn replace(
    tx: &DatabaseTransaction,
    day: Day,
    sessions: &Sessions,
) -> Result<(), StoreError> {
    if sessions.is_empty() {
        let sql = format!("DELETE FROM sessions_day WHERE day = {}", Dialect::of(tx).day("$1"));
        return execute(tx, &sql, [day.to_string().into()]).await.map(drop);
    }
    let released = ", released = CASE WHEN length(sessions_day.released) > 0 \
        THEN excluded.sketch ELSE sessions_day.released END";
    write(tx, &[(day, sessions.clone())], released).await
}

/// Reads a stored sketch.
pub(in crate::store) fn read(bytes: Vec<u8>) -> Result<Sessions, StoreError> {
    Sessions::decode(&bytes).map_err(|_| damaged("a count of sessions"))
}

async fn write(
    tx: &DatabaseTransaction,
    days: &[(Day, Sessions)],
    more: &str,
) -> Result<(), StoreError> {
    let dialect = Dialect::of(tx);
    let mut rows = Rows::new(dialect, &SKETCHES, days.len(), ROW_BYTES);
    for (day, sessions) in days {
        rows.row(|row| {
            row.day(*day);
            row.bytes(&sessions.encode());
        });
    }
    let sql = format!(
        "INSERT INTO sessions_day (day, sketch, released) SELECT day, sketch, {nothing} \
         FROM {rows} AS r WHERE true ON CONFLICT (day) DO UPDATE SET sketch = excluded.sketch{more}",
        nothing = dialect.no_bytes(),
        rows = dialect.rows(&SKETCHES, 1),
    );
    execute(tx, &sql, rows.finish()).await.map(drop)
}
