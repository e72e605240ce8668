//! Adding cells to the rollup tables.
//!
//! Everything but the distribution is added by the database. A distribution must be merged here, so
//! it is read first, for the cells that got response times, and written back whole.

use std::sync::LazyLock;

use sea_orm::{DatabaseTransaction, Value};
use stages::ports::StoreError;
use stages::rollup::{Dims, ErrorKey, Margin, Measures, Rollups};
use stages::sketch::Sketch;
use stages::{Day, Hour};

use crate::store::database::{execute, query};
use crate::store::error::{damaged, store_error};
use crate::store::json::JsonRows;

const DIMENSIONS: [&str; 6] = ["tool", "version", "level", "status", "service", "country"];
const MARGIN: [&str; 4] = ["axis", "tool", "value", "status"];
/// Columns that are sums.
const SUMS: [&str; 8] = [
    "calls",
    "batches",
    "cache_hits",
    "cache_misses",
    "retries",
    "retry_events",
    "time_sum",
    "time_count",
];

const ADD_ERRORS: &str = "INSERT INTO errors (hour, tool, version, error_type, count) \
    SELECT value->>0, value->>1, value->>2, value->>3, value->>4 FROM jsonb_each(?1) WHERE true \
    ON CONFLICT (hour, tool, version, error_type) DO UPDATE SET \
    count = errors.count + excluded.count";

/// A table of cells, and its statements.
struct Table {
    /// Index and stored distribution of the cells in ?1 that the table has.
    find: String,
    /// Adds the cells in ?1.
    add: String,
}

static ROLLUP_HOUR: LazyLock<Table> = LazyLock::new(|| table("rollup_hour", "hour", &DIMENSIONS));
static ROLLUP_DAY: LazyLock<Table> = LazyLock::new(|| table("rollup_day", "day", &DIMENSIONS));
static MARGIN_HOUR: LazyLock<Table> = LazyLock::new(|| table("margin_hour", "hour", &MARGIN));
static MARGIN_DAY: LazyLock<Table> = LazyLock::new(|| table("margin_day", "day", &MARGIN));

fn table(name: &str, bucket: &str, dimensions: &[&str]) -> Table {
    let keys: Vec<&str> = [bucket].iter().chain(dimensions).copied().collect();
    let width = keys.len();
    let same: Vec<String> = (0..width).map(|i| format!("t.{} = j.value->>{i}", keys[i])).collect();
    let values: Vec<String> = (0..width + SUMS.len() + 2).map(|i| format!("value->>{i}")).collect();
    let sums: Vec<String> =
        SUMS.iter().map(|sum| format!("{sum} = {name}.{sum} + excluded.{sum}")).collect();
    let extreme = |function: &str, column: &str| {
        let (old, new) = (format!("{name}.{column}"), format!("excluded.{column}"));
        format!("{column} = {function}(coalesce({old}, {new}), coalesce({new}, {old}))")
    };
    Table {
        find: format!(
            "SELECT j.key, t.times FROM jsonb_each(?1) j CROSS JOIN {name} t WHERE {}",
            same.join(" AND ")
        ),
        add: format!(
            "INSERT INTO {name} ({keys}, {columns}, time_min, time_max, times) \
             SELECT {values}, unhex(value->>{last}) FROM jsonb_each(?1) WHERE true \
             ON CONFLICT ({keys}) DO UPDATE SET {sums}, {min}, {max}, \
             times = CASE WHEN excluded.time_count > 0 THEN excluded.times ELSE {name}.times END",
            keys = keys.join(", "),
            columns = SUMS.join(", "),
            values = values.join(", "),
            last = values.len(),
            sums = sums.join(", "),
            min = extreme("min", "time_min"),
            max = extreme("max", "time_max"),
        ),
    }
}

/// Adds everything that a transaction counted.
pub(in crate::store) async fn merge(
    tx: &DatabaseTransaction,
    rollups: &Rollups,
) -> Result<(), StoreError> {
    add(tx, &ROLLUP_HOUR, &rollups.hours).await?;
    add(tx, &ROLLUP_DAY, &rollups.days).await?;
    add(tx, &MARGIN_HOUR, &rollups.hour_margins).await?;
    add(tx, &MARGIN_DAY, &rollups.day_margins).await?;
    add_errors(tx, &rollups.errors).await
}

async fn add<K: Key>(
    tx: &DatabaseTransaction,
    table: &Table,
    cells: &[(K, Measures)],
) -> Result<(), StoreError> {
    if cells.is_empty() {
        return Ok(());
    }
    let merged = stored_times(tx, table, cells).await?;
    let json = cells_json(cells, &merged);
    execute(tx, &table.add, [json]).await.map(drop)
}

/// For each cell that got response times and was there before: the two distributions merged.
async fn stored_times<K: Key>(
    tx: &DatabaseTransaction,
    table: &Table,
    cells: &[(K, Measures)],
) -> Result<Vec<Option<Sketch>>, StoreError> {
    let mut merged = vec![None; cells.len()];
    let timed: Vec<usize> =
        (0..cells.len()).filter(|&index| cells[index].1.time_count > 0).collect();
    if timed.is_empty() {
        return Ok(merged);
    }
    let mut keys = JsonRows::with_capacity(timed.len(), 100);
    for &index in &timed {
        keys.row(|row| cells[index].0.write(row));
    }
    for row in query(tx, &table.find, [keys.finish()]).await? {
        let position: i64 = row.try_get_by_index(0).map_err(store_error)?;
        let times: Vec<u8> = row.try_get_by_index(1).map_err(store_error)?;
        let mut times =
            Sketch::decode(&times).map_err(|_| damaged("a distribution of response times"))?;
        let position = usize::try_from(position).ok().and_then(|position| timed.get(position));
        if let Some(&index) = position {
            times.merge(&cells[index].1.times);
            merged[index] = Some(times);
        }
    }
    Ok(merged)
}

fn cells_json<K: Key>(cells: &[(K, Measures)], merged: &[Option<Sketch>]) -> Value {
    let mut json = JsonRows::with_capacity(cells.len(), 200);
    for ((key, measures), merged) in cells.iter().zip(merged) {
        json.row(|row| {
            key.write(row);
            for sum in [
                measures.calls,
                measures.batches,
                measures.cache_hits,
                measures.cache_misses,
                measures.retries,
                measures.retry_events,
                measures.time_sum,
                measures.time_count,
            ] {
                row.plain(sum);
            }
            row.optional(measures.time_min);
            row.optional(measures.time_max);
            row.bytes(&merged.as_ref().unwrap_or(&measures.times).encode());
        });
    }
    json.finish()
}

async fn add_errors(
    tx: &DatabaseTransaction,
    errors: &[(ErrorKey, u64)],
) -> Result<(), StoreError> {
    if errors.is_empty() {
        return Ok(());
    }
    let mut json = JsonRows::with_capacity(errors.len(), 100);
    for (key, count) in errors {
        json.row(|row| {
            row.hour(key.hour);
            row.text(&key.tool);
            row.text(&key.version);
            row.text(&key.error_type);
            row.plain(count);
        });
    }
    execute(tx, ADD_ERRORS, [json.finish()]).await.map(drop)
}

/// A key that can be written as the first columns of a row.
trait Key: Sync {
    fn write(&self, row: &mut JsonRows);
}

/// Hour or day.
trait Bucket: Copy + Sync {
    fn write(self, row: &mut JsonRows);
}

impl Bucket for Hour {
    fn write(self, row: &mut JsonRows) {
        row.hour(self);
    }
}

impl Bucket for Day {
    fn write(self, row: &mut JsonRows) {
        row.day(self);
    }
}

impl<B: Bucket> Key for (B, Dims) {
    fn write(&self, row: &mut JsonRows) {
        let (bucket, dims) = self;
        bucket.write(row);
        row.text(&dims.tool);
        row.text(&dims.version);
        row.text(dims.level.as_str());
        row.text(dims.status.as_str());
        row.text(&dims.service);
        row.text(&dims.country);
    }
}

impl<B: Bucket> Key for (B, Margin) {
    fn write(&self, row: &mut JsonRows) {
        let (bucket, margin) = self;
        bucket.write(row);
        row.text(margin.axis.as_str());
        row.text(&margin.tool);
        row.text(&margin.value);
        row.text(margin.status.as_str());
    }
}
