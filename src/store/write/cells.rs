//! Adding cells to the rollup tables.
//!
//! Everything but the distribution is added by the database. A distribution must be merged here, so
//! it is read first, for the cells that got response times, and written back whole. Nobody else may
//! write the same cells meanwhile: SQLite has one writer, and elsewhere days are locked.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use sea_orm::{DatabaseTransaction, Value};
use stages::ports::StoreError;
use stages::rollup::{Axis, Dims, ErrorKey, Margin, Measures, Rollups};
use stages::sketch::Sketch;
use stages::{Day, Hour};

use super::sessions;
use crate::store::columns::{BASE, BOUNDS, MARGIN, SUMS, TIMES, TOTAL};
use crate::store::database::{execute, query};
use crate::store::dialect::Dialect;
use crate::store::error::{damaged, store_error};
use crate::store::lock::ADVISORY;
use crate::store::rows::{Column, Kind, Rows};
use crate::store::totals::Total;

const ERRORS: [Column; 5] = [
    ("hour", Kind::Hour),
    ("tool", Kind::Text),
    ("version", Kind::Text),
    ("error_type", Kind::Text),
    ("count", Kind::Number),
];
const DAYS: [Column; 1] = [("day", Kind::Number)];
const VALUES: [Column; 3] = [("day", Kind::Day), ("dimension", Kind::Text), ("value", Kind::Text)];

/// A table of cells, and its statements.
struct Table {
    keys: Vec<Column>,
    columns: Vec<Column>,
    /// Number and stored distribution of the cells that the table has.
    find: String,
    add: String,
}

struct Tables {
    dialect: Dialect,
    rollup_hour: Table,
    rollup_day: Table,
    margin_hour: Table,
    margin_day: Table,
    total_day: Table,
    add_errors: String,
    add_values: String,
}

impl Tables {
    fn of(dialect: Dialect) -> &'static Self {
        static SQLITE: LazyLock<Tables> = LazyLock::new(|| Tables::new(Dialect::Sqlite));
        static POSTGRES: LazyLock<Tables> = LazyLock::new(|| Tables::new(Dialect::Postgres));
        dialect.either(&SQLITE, &POSTGRES)
    }

    fn new(dialect: Dialect) -> Self {
        let (hour, day) = (("hour", Kind::Hour), ("day", Kind::Day));
        Self {
            dialect,
            rollup_hour: table(dialect, "rollup_hour", hour, &BASE),
            rollup_day: table(dialect, "rollup_day", day, &BASE),
            margin_hour: table(dialect, "margin_hour", hour, &MARGIN),
            margin_day: table(dialect, "margin_day", day, &MARGIN),
            total_day: table(dialect, "total_day", day, &TOTAL),
            add_errors: format!(
                "INSERT INTO errors (hour, tool, version, error_type, count) \
                 SELECT hour, tool, version, error_type, count FROM {} AS r WHERE true \
                 ON CONFLICT (hour, tool, version, error_type) \
                 DO UPDATE SET count = errors.count + excluded.count",
                dialect.rows(&ERRORS, 1)
            ),
            add_values: format!(
                "INSERT INTO dimension_values (day, dimension, value) \
                 SELECT day, dimension, value FROM {} AS r WHERE true ON CONFLICT DO NOTHING",
                dialect.rows(&VALUES, 1)
            ),
        }
    }
}

fn table(dialect: Dialect, name: &str, bucket: Column, dimensions: &[&'static str]) -> Table {
    let dimensions = dimensions.iter().map(|name| (*name, Kind::Text));
    let keys: Vec<Column> = std::iter::once(bucket).chain(dimensions).collect();
    let numbers = SUMS.into_iter().chain(BOUNDS).map(|name| (name, Kind::Number));
    let columns: Vec<Column> =
        keys.iter().copied().chain(numbers).chain([(TIMES, Kind::Bytes)]).collect();
    let list = |columns: &[Column]| columns.iter().map(|c| c.0).collect::<Vec<_>>().join(", ");
    let same: Vec<String> = keys.iter().map(|(key, _)| format!("t.{key} = r.{key}")).collect();
    let sums: Vec<String> =
        SUMS.iter().map(|sum| format!("{sum} = {name}.{sum} + excluded.{sum}")).collect();
    let both = |column: &str| (format!("{name}.{column}"), format!("excluded.{column}"));
    let ((old_min, new_min), (old_max, new_max)) = (both("time_min"), both("time_max"));
    Table {
        find: format!(
            "SELECT r.n, t.times FROM {} AS r CROSS JOIN {name} AS t WHERE {}",
            dialect.numbered_rows(&keys, 1),
            same.join(" AND ")
        ),
        add: format!(
            "INSERT INTO {name} ({all}) SELECT {all} FROM {rows} AS r WHERE true \
             ON CONFLICT ({keys}) DO UPDATE SET {sums}, time_min = {min}, time_max = {max}, \
             times = CASE WHEN excluded.time_count > 0 THEN excluded.times ELSE {name}.times END",
            all = list(&columns),
            rows = dialect.rows(&columns, 1),
            keys = list(&keys),
            sums = sums.join(", "),
            min = dialect.least(&old_min, &new_min),
            max = dialect.greatest(&old_max, &new_max),
        ),
        keys,
        columns,
    }
}

/// Adds everything that a transaction counted.
pub(in crate::store) async fn merge(
    tx: &DatabaseTransaction,
    rollups: &Rollups,
) -> Result<(), StoreError> {
    let tables = Tables::of(Dialect::of(tx));
    let days: BTreeSet<Day> = rollups.days.iter().map(|((day, _), _)| *day).collect();
    let of_hours = rollups.hours.iter().map(|((hour, _), _)| hour.day());
    lock_days(tx, &days.into_iter().chain(of_hours).collect()).await?;
    add(tx, &tables.rollup_hour, &rollups.hours).await?;
    add(tx, &tables.rollup_day, &rollups.days).await?;
    add(tx, &tables.margin_hour, &rollups.hour_margins).await?;
    add(tx, &tables.margin_day, &rollups.day_margins).await?;
    add_errors(tx, tables, &rollups.errors).await?;
    add_values(tx, tables, &rollups.day_margins).await?;
    sessions::add(tx, &rollups.sessions).await
}

/// Adds totals, of which there are none yet.
pub(in crate::store) async fn put_totals(
    tx: &DatabaseTransaction,
    totals: &[((Day, Total), Measures)],
) -> Result<(), StoreError> {
    add(tx, &Tables::of(Dialect::of(tx)).total_day, totals).await
}

/// Keeps everyone else from writing cells of these days until the transaction ends.
///
/// Everybody locks in the order of the days and writes after that, so two that meet wait for each
/// other and never in a circle. A lock a cell would not let more happen at once: some cells are in
/// every group.
pub(in crate::store) async fn lock_days(
    tx: &DatabaseTransaction,
    days: &BTreeSet<Day>,
) -> Result<(), StoreError> {
    let dialect = Dialect::of(tx);
    if dialect == Dialect::Sqlite || days.is_empty() {
        return Ok(());
    }
    let mut rows = Rows::new(dialect, &DAYS, days.len(), 10);
    for day in days {
        rows.row(|row| row.plain(day.epoch_days()));
    }
    let sql = format!(
        "SELECT count(pg_advisory_xact_lock({ADVISORY}, day::int4)) \
         FROM (SELECT day FROM {} AS r ORDER BY day OFFSET 0) AS ordered",
        dialect.rows(&DAYS, 1)
    );
    query(tx, &sql, rows.finish()).await.map(drop)
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
    let values = values(Dialect::of(tx), table, cells, &merged);
    execute(tx, &table.add, values).await.map(drop)
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
    let mut keys = Rows::new(Dialect::of(tx), &table.keys, timed.len(), 100);
    for &index in &timed {
        keys.row(|row| cells[index].0.write(row));
    }
    for row in query(tx, &table.find, keys.finish()).await? {
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

fn values<K: Key>(
    dialect: Dialect,
    table: &Table,
    cells: &[(K, Measures)],
    merged: &[Option<Sketch>],
) -> Vec<Value> {
    let mut rows = Rows::new(dialect, &table.columns, cells.len(), 200);
    for ((key, measures), merged) in cells.iter().zip(merged) {
        rows.row(|row| {
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
    rows.finish()
}

async fn add_errors(
    tx: &DatabaseTransaction,
    tables: &Tables,
    errors: &[(ErrorKey, u64)],
) -> Result<(), StoreError> {
    if errors.is_empty() {
        return Ok(());
    }
    let mut rows = Rows::new(tables.dialect, &ERRORS, errors.len(), 100);
    for (key, count) in errors {
        rows.row(|row| {
            row.hour(key.hour);
            row.text(&key.tool);
            row.text(&key.version);
            row.text(&key.error_type);
            row.plain(count);
        });
    }
    execute(tx, &tables.add_errors, rows.finish()).await.map(drop)
}

/// Notes which values each dimension had on a day, so that they can be counted without reading the
/// cells.
async fn add_values(
    tx: &DatabaseTransaction,
    tables: &Tables,
    margins: &[((Day, Margin), Measures)],
) -> Result<(), StoreError> {
    let named = margins.iter().map(|((day, margin), _)| match margin.axis {
        Axis::Tool => (*day, margin.axis, &margin.tool),
        axis => (*day, axis, &margin.value),
    });
    let values: BTreeSet<_> = named.filter(|(.., value)| !value.is_empty()).collect();
    if values.is_empty() {
        return Ok(());
    }
    let mut rows = Rows::new(tables.dialect, &VALUES, values.len(), 50);
    for (day, axis, value) in values {
        rows.row(|row| {
            row.day(day);
            row.text(axis.as_str());
            row.text(value);
        });
    }
    execute(tx, &tables.add_values, rows.finish()).await.map(drop)
}

/// A key that can be written as the first columns of a row.
trait Key: Sync {
    fn write(&self, row: &mut Rows);
}

/// Hour or day.
trait Bucket: Copy + Sync {
    fn write(self, row: &mut Rows);
}

impl Bucket for Hour {
    fn write(self, row: &mut Rows) {
        row.hour(self);
    }
}

impl Bucket for Day {
    fn write(self, row: &mut Rows) {
        row.day(self);
    }
}

impl<B: Bucket> Key for (B, Dims) {
    fn write(&self, row: &mut Rows) {
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
    fn write(&self, row: &mut Rows) {
        let (bucket, margin) = self;
        bucket.write(row);
        row.text(margin.axis.as_str());
        row.text(&margin.tool);
        row.text(&margin.value);
        row.text(margin.status.as_str());
    }
}

impl<B: Bucket> Key for (B, Total) {
    fn write(&self, row: &mut Rows) {
        let (bucket, total) = self;
        bucket.write(row);
        row.text(total.axis.as_str());
        row.text(&total.value);
        row.text(total.status.as_str());
    }
}
