//! What the raw rows of a day give, counted with the same measures as the worker counts with.

use sea_orm::{ConnectionTrait, QueryResult};
use serde_json::json;
use stages::entry::read_payload;
use stages::ports::StoreError;
use stages::rollup::{Dims, ErrorKey, Margin};
use stages::{Day, HashKey, Hour, Scanned, Status};

use super::Counts;
use crate::store::database::{execute, query};
use crate::store::dialect::Dialect;
use crate::store::error::{damaged, store_error};
use crate::store::status::text;

/// Rows read at a time.
const CHUNK: i64 = 10_000;
const COLUMNS: &str = "version, tool, status, analytics_level, \
    CAST(response_time_ms AS BIGINT), service, cache_hit, CAST(retry_count AS BIGINT), country, \
    error_type, session_id";

/// Counts the raw rows of a day; `batches` is 0 throughout. Call it within a transaction.
pub(super) async fn expected(
    db: &impl ConnectionTrait,
    key: &HashKey,
    day: Day,
) -> Result<Counts, StoreError> {
    let mut expected = Counts::default();
    for hour in (0..24).map(|hour| day.start().plus(hour)) {
        match Dialect::of(db) {
            Dialect::Sqlite => by_rowid(db, key, hour, &mut expected).await?,
            Dialect::Postgres => by_cursor(db, key, hour, &mut expected).await?,
        }
    }
    Ok(expected)
}

/// One hour is one stretch of the index on `timestamp_hour`, in the order of rowids.
async fn by_rowid(
    db: &impl ConnectionTrait,
    key: &HashKey,
    hour: Hour,
    expected: &mut Counts,
) -> Result<(), StoreError> {
    let sql = format!(
        "SELECT {COLUMNS}, rowid FROM events \
         WHERE timestamp_hour = $1 AND rowid > $2 ORDER BY rowid LIMIT {CHUNK}"
    );
    let mut last = 0_i64;
    loop {
        let rows = query(db, &sql, [hour.to_string().into(), last.into()]).await?;
        expected.add_all(&rows, key, hour)?;
        match rows.last() {
            Some(row) => last = row.try_get_by_index(11).map_err(store_error)?,
            None => return Ok(()),
        }
    }
}

/// Rows have no order of their own, so the server remembers how far it was read.
async fn by_cursor(
    db: &impl ConnectionTrait,
    key: &HashKey,
    hour: Hour,
    expected: &mut Counts,
) -> Result<(), StoreError> {
    // A cursor's query takes no values; an hour is displayed as digits and punctuation.
    let declare = format!(
        "DECLARE raw NO SCROLL CURSOR FOR SELECT {COLUMNS} FROM events \
         WHERE timestamp_hour = '{hour}'"
    );
    execute(db, &declare, []).await?;
    loop {
        let rows = query(db, &format!("FETCH {CHUNK} FROM raw"), []).await?;
        if rows.is_empty() {
            return execute(db, "CLOSE raw", []).await.map(drop);
        }
        expected.add_all(&rows, key, hour)?;
    }
}

/// A raw row as the event it was made from, as far as it is counted. It passed the scan once; a
/// payload is the form in which such an event is read back.
fn event(row: &QueryResult, hour: Hour) -> Result<Scanned, StoreError> {
    let number = |column| row.try_get_by_index::<Option<i64>>(column).map_err(store_error);
    let words = |column| row.try_get_by_index::<Option<String>>(column).map_err(store_error);
    let cache_hit: Option<bool> = row.try_get_by_index(6).map_err(store_error)?;
    let payload = json!({
        "version": text(row, 0)?,
        "tool": text(row, 1)?,
        "status": text(row, 2)?,
        "level": text(row, 3)?,
        "timestamp": hour.unix_seconds(),
        "error_type": words(9)?,
        "response_time_ms": number(4)?,
        "service": words(5)?,
        "cache_hit": cache_hit,
        "retry_count": number(7)?,
        "country": words(8)?,
        "parameters": [],
        "session_id": words(10)?,
        "sequence_number": null,
        "identity": null,
    });
    read_payload(&payload.to_string()).map_err(|_| damaged("a raw row"))
}

impl Counts {
    fn add_all(
        &mut self,
        rows: &[QueryResult],
        key: &HashKey,
        hour: Hour,
    ) -> Result<(), StoreError> {
        rows.iter().try_for_each(|row| event(row, hour).map(|event| self.add(&event, key)))
    }

    fn add(&mut self, event: &Scanned, key: &HashKey) {
        let (hour, day, dims) = (event.hour(), event.hour().day(), Dims::of(event));
        for margin in Margin::of(event) {
            self.hour_margins.entry((hour, margin.clone())).or_default().add(event);
            self.day_margins.entry((day, margin)).or_default().add(event);
        }
        self.hours.entry((hour, dims.clone())).or_default().add(event);
        self.days.entry((day, dims)).or_default().add(event);
        if let (Status::Error, Some(error_type)) = (event.status(), event.error_type()) {
            let (tool, version) = (event.tool().into(), event.version().into());
            let key = ErrorKey { hour, tool, version, error_type: error_type.into() };
            *self.errors.entry(key).or_default() += 1;
        }
        if let Some(session) = event.session_id() {
            self.sessions.record(key, session);
        }
    }
}
