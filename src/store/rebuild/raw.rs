//! What the raw rows of a day give, counted with the same measures as the worker counts with.

use sea_orm::{ConnectionTrait, QueryResult};
use serde_json::json;
use stages::entry::read_payload;
use stages::ports::StoreError;
use stages::rollup::{Axis, Dims, ErrorKey, Margin};
use stages::{Day, Hour, Scanned, Status};

use super::Counts;
use crate::store::database::query;
use crate::store::error::{damaged, store_error};
use crate::store::status::text;

/// Rows read at a time.
const CHUNK: i64 = 10_000;
/// One hour is one stretch of the index on `timestamp_hour`, in the order of rowids.
const RAW: &str = "SELECT rowid, version, tool, status, analytics_level, response_time_ms, service, \
    cache_hit, retry_count, country, error_type FROM events \
    WHERE timestamp_hour = ?1 AND rowid > ?2 ORDER BY rowid LIMIT ?3";

/// Counts the raw rows of a day; `batches` is 0 throughout.
pub(super) async fn expected(db: &impl ConnectionTrait, day: Day) -> Result<Counts, StoreError> {
    let mut expected = Counts::default();
    for hour in (0..24).map(|hour| day.start().plus(hour)) {
        let mut last = 0_i64;
        loop {
            let values = [hour.to_string().into(), last.into(), CHUNK.into()];
            let rows = query(db, RAW, values).await?;
            for row in &rows {
                expected.add(&event(row, hour)?);
            }
            match rows.last() {
                Some(row) => last = row.try_get_by_index(0).map_err(store_error)?,
                None => break,
            }
        }
    }
    Ok(expected)
}

/// A raw row as the event it was made from, as far as it is counted. It passed the scan once; a
/// payload is the form in which such an event is read back.
fn event(row: &QueryResult, hour: Hour) -> Result<Scanned, StoreError> {
    let number = |column| row.try_get_by_index::<Option<i64>>(column).map_err(store_error);
    let words = |column| row.try_get_by_index::<Option<String>>(column).map_err(store_error);
    let cache_hit: Option<bool> = row.try_get_by_index(7).map_err(store_error)?;
    let payload = json!({
        "version": text(row, 1)?,
        "tool": text(row, 2)?,
        "status": text(row, 3)?,
        "level": text(row, 4)?,
        "timestamp": hour.unix_seconds(),
        "error_type": words(10)?,
        "response_time_ms": number(5)?,
        "service": words(6)?,
        "cache_hit": cache_hit,
        "retry_count": number(8)?,
        "country": words(9)?,
        "parameters": [],
        "session_id": null,
        "sequence_number": null,
        "identity": null,
    });
    read_payload(&payload.to_string()).map_err(|_| damaged("a raw row"))
}

impl Counts {
    fn add(&mut self, event: &Scanned) {
        let (hour, day, dims) = (event.hour(), event.hour().day(), Dims::of(event));
        for axis in Axis::ALL {
            let margin = Margin {
                axis,
                tool: dims.tool.clone(),
                value: axis.value(&dims),
                status: dims.status,
            };
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
    }
}
