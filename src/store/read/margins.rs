//! Calls by tool, and by tool with one other dimension: answered from the marginal tables.

use std::collections::BTreeMap;

use sea_orm::QueryResult;
use stages::ports::StoreError;
use stages::rollup::{Axis, Measures};
use stages::sketch::Sketch;
use stages::{Day, Hour, Status};

use super::split::split;
use super::{AxisCell, AxisSeriesCell, Grain, Range, SeriesCell};
use crate::store::Database;
use crate::store::dialect::Dialect;
use crate::store::error::damaged;
use crate::store::status::{count, optional_count, text};

/// The buckets that exist are found by stepping from one to the next, and only the wanted axis is
/// read of each: a range may be far longer than the data, and an axis is a small part of a bucket.
fn margins_sql(dialect: Dialect, grain: Grain) -> String {
    let (table, at) = match grain {
        Grain::Hour => ("margin_hour", "hour"),
        Grain::Day => ("margin_day", "day"),
    };
    let (from, to, shown) = match grain {
        Grain::Hour => (dialect.hour("$1"), dialect.hour("$2"), dialect.hour_text("m.hour")),
        Grain::Day => (dialect.day("$1"), dialect.day("$2"), dialect.day_text("m.day")),
    };
    format!(
        "WITH RECURSIVE held(at) AS (SELECT min({at}) FROM {table} WHERE {at} >= {from} AND {at} < {to} \
         UNION ALL SELECT (SELECT min({at}) FROM {table} WHERE {at} > held.at AND {at} < {to}) \
         FROM held WHERE held.at IS NOT NULL) \
         SELECT {shown}, m.tool, m.value, m.status, m.calls, m.batches, m.cache_hits, \
         m.cache_misses, m.retries, m.retry_events, m.time_sum, m.time_count, m.time_min, \
         m.time_max, m.times FROM held CROSS JOIN {table} m \
         WHERE m.{at} = held.at AND m.axis = $3 AND ($4 IS NULL OR m.tool = $4)"
    )
}

/// Where the measures begin in the answer.
const FIRST_MEASURE: usize = 4;

/// One row of a marginal table.
struct Cell {
    hour: Hour,
    tool: String,
    value: String,
    status: Status,
    measures: Measures,
}

impl Database {
    /// Calls in a range by tool, value on an axis, and status, in that order.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn by_axis(
        &self,
        range: Range,
        axis: Axis,
        tool: Option<&str>,
    ) -> Result<Vec<AxisCell>, StoreError> {
        let mut sums: BTreeMap<(String, String, Status), Measures> = BTreeMap::new();
        for cell in self.margins(range, Grain::Day, axis, tool).await? {
            let key = (cell.tool, cell.value, cell.status);
            sums.entry(key).or_default().merge(&cell.measures);
        }
        let cell = |((tool, value, status), measures)| AxisCell { tool, value, status, measures };
        Ok(sums.into_iter().map(cell).collect())
    }

    /// Calls in a range by bucket, tool and status, in that order. Buckets without calls are left
    /// out. Hours further back than hourly rollups are kept have none.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn series(
        &self,
        range: Range,
        grain: Grain,
        tool: Option<&str>,
    ) -> Result<Vec<SeriesCell>, StoreError> {
        let mut sums: BTreeMap<(Hour, String, Status), Measures> = BTreeMap::new();
        for cell in self.margins(range, grain, Axis::Tool, tool).await? {
            let key = (bucket_of(cell.hour, grain), cell.tool, cell.status);
            sums.entry(key).or_default().merge(&cell.measures);
        }
        let cell =
            |((bucket, tool, status), measures)| SeriesCell { bucket, tool, status, measures };
        Ok(sums.into_iter().map(cell).collect())
    }

    /// Calls in a range by bucket, value on an axis, and status, in that order, for one tool or all
    /// of them together. Buckets without calls are left out.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn axis_series(
        &self,
        range: Range,
        grain: Grain,
        axis: Axis,
        tool: Option<&str>,
    ) -> Result<Vec<AxisSeriesCell>, StoreError> {
        let mut sums: BTreeMap<(Hour, String, Status), Measures> = BTreeMap::new();
        for cell in self.margins(range, grain, axis, tool).await? {
            let key = (bucket_of(cell.hour, grain), cell.value, cell.status);
            sums.entry(key).or_default().merge(&cell.measures);
        }
        let cell = |((bucket, value, status), measures)| AxisSeriesCell {
            bucket,
            value,
            status,
            measures,
        };
        Ok(sums.into_iter().map(cell).collect())
    }

    /// The rows that make up a range. With day grain, whole days come from the table by day.
    async fn margins(
        &self,
        range: Range,
        grain: Grain,
        axis: Axis,
        tool: Option<&str>,
    ) -> Result<Vec<Cell>, StoreError> {
        let parts = match grain {
            Grain::Hour => vec![hours(range)],
            Grain::Day => {
                let parts = split(range);
                let days = (Grain::Day, parts.first.to_string(), parts.end.to_string());
                vec![hours(parts.head), days, hours(parts.tail)]
            }
        };
        let mut cells = Vec::new();
        for (table, from, to) in parts.into_iter().filter(|(_, from, to)| from < to) {
            let values = [from.into(), to.into(), axis.as_str().into(), tool.into()];
            let sql = margins_sql(self.dialect(), table);
            for row in self.query(&sql, values).await? {
                cells.push(cell(&row)?);
            }
        }
        Ok(cells)
    }
}

fn hours(range: Range) -> (Grain, String, String) {
    (Grain::Hour, range.from.to_string(), range.to.to_string())
}

fn bucket_of(hour: Hour, grain: Grain) -> Hour {
    match grain {
        Grain::Hour => hour,
        Grain::Day => hour.day().start(),
    }
}

fn cell(row: &QueryResult) -> Result<Cell, StoreError> {
    let bucket = text(row, 0)?;
    let hour = Hour::parse(&bucket).or_else(|| Day::parse(&bucket).map(Day::start));
    Ok(Cell {
        hour: hour.ok_or_else(|| damaged("an hour or day"))?,
        tool: text(row, 1)?,
        value: text(row, 2)?,
        status: Status::read(&text(row, 3)?).ok_or_else(|| damaged("a status"))?,
        measures: measures(row, FIRST_MEASURE)?,
    })
}

/// Reads the measures that begin at a column.
pub(in crate::store) fn measures(row: &QueryResult, first: usize) -> Result<Measures, StoreError> {
    let times: Vec<u8> =
        row.try_get_by_index(first + 10).map_err(crate::store::error::store_error)?;
    Ok(Measures {
        calls: count(row, first)?,
        batches: count(row, first + 1)?,
        cache_hits: count(row, first + 2)?,
        cache_misses: count(row, first + 3)?,
        retries: count(row, first + 4)?,
        retry_events: count(row, first + 5)?,
        time_sum: count(row, first + 6)?,
        time_count: count(row, first + 7)?,
        time_min: optional_count(row, first + 8)?,
        time_max: optional_count(row, first + 9)?,
        times: Sketch::decode(&times).map_err(|_| damaged("a distribution of response times"))?,
    })
}
