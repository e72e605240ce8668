//! Housekeeping: what has outlived its retention is deleted, a little at a time, and never on the
//! word of a wrong clock.
//!
//! Three things stand between a clock that jumps and the data: the cut-off follows the newest
//! receipt, not only the clock; a run takes at most one day of data from a table; and it stops with
//! an error when that day would be an unlikely share of the table.

use std::collections::BTreeSet;

use sea_orm::Value;
use stages::ports::{IDENTITY_LIFETIME, StoreError};
use stages::units::Span;
use stages::{Day, Hour};

use super::Database;
use super::database::execute;
use super::dialect::Dialect;
use super::error::{damaged, store_error};
use super::lock::{Lock, LockError, Purpose};
use super::status::count;
use super::timescale;
use super::write::{LedgerChange, cells};
use crate::config::settings::Retention;

/// Rows deleted in one transaction: some tens of milliseconds for which the worker waits.
const CHUNK: u64 = 5_000;
/// A table with fewer rows may lose any share of them: a share of few rows says nothing.
const SMALL_TABLE: u64 = 10_000;
/// An event may be this much older than its receipt, so its identity lives that much longer.
const ACCEPTANCE_WINDOW: Span = Span::days(3);

/// What a run did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// Another process was at it, so nothing was done here.
    pub skipped: bool,
    /// What was deleted, tables without a deletion left out.
    pub deleted: Vec<Deleted>,
}

/// Rows deleted from a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deleted {
    /// The table.
    pub table: &'static str,
    /// Days before this one are gone.
    pub before: Day,
    /// Rows.
    pub rows: u64,
}

/// A run stopped.
#[derive(Debug, thiserror::Error)]
pub enum HousekeepingError {
    /// So much of a table would go that something is wrong: the clock, the retention, or the data.
    #[error(
        "{rows} of {of} rows of `{table}` would be deleted as older than {before}, so nothing is: \
         check the clock of this host and the `retention` settings"
    )]
    TooMuch {
        /// The table.
        table: &'static str,
        /// Days before this one would go.
        before: Day,
        /// Rows that would go.
        rows: u64,
        /// Rows there are.
        of: u64,
    },
    /// The lock file beside the database cannot be opened.
    #[error("the lock file of housekeeping cannot be opened")]
    Lock(#[source] std::io::Error),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A table with a retention.
struct Subject {
    table: &'static str,
    /// The column that tells the age of a row: an hour or a day.
    column: &'static str,
    /// What names a row.
    key: &'static str,
    keep: Span,
}

fn subjects(retention: &Retention) -> [Subject; 13] {
    const BASE: &str = "tool, version, level, status, service, country";
    const MARGIN: &str = "axis, tool, value, status";
    let event_identity = Span(IDENTITY_LIFETIME.0 + ACCEPTANCE_WINDOW.0);
    let subject = |table, column, key, keep| Subject { table, column, key, keep };
    [
        subject("events", "timestamp_hour", "rowid", retention.raw),
        subject("rollup_hour", "hour", BASE, retention.hourly),
        subject("margin_hour", "hour", MARGIN, retention.hourly),
        subject("rollup_day", "day", BASE, retention.daily),
        subject("margin_day", "day", MARGIN, retention.daily),
        subject("released_day", "day", MARGIN, retention.daily),
        subject("total_day", "day", "axis, value, status", retention.daily),
        subject("dimension_values", "day", "dimension, value", retention.daily),
        subject("sessions_day", "day", "day", retention.daily),
        subject("errors", "hour", "tool, version, error_type", retention.errors),
        subject("batch_keys", "day", "key", IDENTITY_LIFETIME),
        subject("event_keys", "day", "key", event_identity),
        subject("entries", "received_hour", "entry_id", IDENTITY_LIFETIME),
    ]
}

/// For how long the rows of each table live that has an end.
pub fn lifetimes(retention: &Retention) -> impl Iterator<Item = (&'static str, Span)> {
    subjects(retention).into_iter().map(|subject| (subject.table, subject.keep))
}

impl Subject {
    /// The first day that is kept. Days go whole, so that what is left of one is all of it.
    fn cut_off(&self, base: Hour, queue_oldest: Option<Hour>) -> Day {
        let day = base.plus(-self.keep.whole_hours()).day();
        match queue_oldest {
            // A marker may go only once its entry cannot come again.
            Some(oldest) if self.table == "entries" => day.min(oldest.day()),
            _ => day,
        }
    }

    /// A day as the column's values compare with it: the fragment for value 1, and the value.
    fn boundary(&self, dialect: Dialect, day: Day) -> (String, Value) {
        if self.column == "day" {
            (dialect.day("$1"), day.to_string().into())
        } else {
            (dialect.hour("$1"), day.start().to_string().into())
        }
    }

    /// Whether its rows are cells, which nobody may add to while they go.
    fn has_cells(&self) -> bool {
        ["rollup_", "margin_", "sessions_"].iter().any(|cells| self.table.starts_with(cells))
    }

    /// How many of `total` rows may go: a tenth, or twice a day's fair share where so few days are
    /// kept that a day is about a tenth.
    fn most(&self, total: u64) -> u64 {
        let days = self.keep.0.as_secs().div_ceil(86_400).max(1);
        (total / 10).max(total.saturating_mul(2) / (days + 1))
    }
}

impl Database {
    /// Deletes what has outlived its retention: of each table at most the oldest day it holds.
    /// `queue_oldest` is the hour in which the oldest entry in the queue was received; markers from
    /// then on are kept. Does nothing while another process is at it.
    ///
    /// # Errors
    /// Before anything is deleted when too large a share of a table would go; see
    /// [`HousekeepingError::TooMuch`].
    pub async fn housekeep(
        &self,
        retention: &Retention,
        queue_oldest: Option<Hour>,
    ) -> Result<Report, HousekeepingError> {
        let lock = match Lock::attempt(self, Purpose::Housekeeping).await {
            Ok(Some(lock)) => lock,
            Ok(None) => return Ok(Report { skipped: true, ..Report::default() }),
            Err(LockError::File(error)) => return Err(HousekeepingError::Lock(error)),
            Err(LockError::Store(error)) => return Err(error.into()),
        };
        let report = self.keep_house(retention, queue_oldest, &lock).await;
        lock.release().await;
        report
    }

    async fn keep_house(
        &self,
        retention: &Retention,
        queue_oldest: Option<Hour>,
        lock: &Lock,
    ) -> Result<Report, HousekeepingError> {
        // Without a receipt there is nothing to hold the clock against.
        let Some(newest) = self.last_received().await? else { return Ok(Report::default()) };
        let base = self.clock().hour().min(newest.plus(24));

        let mut plan = Vec::new();
        for subject in subjects(retention) {
            let cut_off = subject.cut_off(base, queue_oldest);
            if let Some((before, rows)) = self.plan(&subject, cut_off).await? {
                plan.push((subject, before, rows));
            }
        }
        let mut report = Report::default();
        let hypertables = self.hypertables().await?;
        for (subject, before, planned) in plan {
            let rows = if hypertables.contains(subject.table) {
                self.drop_chunks(&subject, before, planned, lock).await?
            } else {
                self.delete(&subject, before, lock).await?
            };
            if rows > 0 {
                report.deleted.push(Deleted { table: subject.table, before, rows });
            }
        }
        if !report.deleted.is_empty() {
            let tx = self.write().await?;
            tx.add_to_ledger(LedgerChange::default()).await?;
            tx.finish().await?;
        }
        Ok(report)
    }

    /// The day before which rows of a table go in this run, and how many, if any do.
    async fn plan(
        &self,
        subject: &Subject,
        cut_off: Day,
    ) -> Result<Option<(Day, u64)>, HousekeepingError> {
        let Subject { table, column, .. } = *subject;
        let dialect = self.dialect();
        let oldest = match column {
            "day" => dialect.day_text("min(day)"),
            hour => dialect.hour_text(&format!("min({hour})")),
        };
        let oldest = self.query(&format!("SELECT {oldest} FROM {table}"), []).await?;
        let Some(row) = oldest.first() else { return Ok(None) };
        let oldest: Option<String> = row.try_get_by_index(0).map_err(store_error)?;
        let Some(oldest) = oldest else { return Ok(None) };
        let oldest = day_of(&oldest).ok_or_else(|| damaged("an hour or day"))?;
        if oldest >= cut_off {
            return Ok(None);
        }
        let before = cut_off.min(oldest.plus(1));
        let (bound, value) = subject.boundary(dialect, before);
        let rows = format!("SELECT count(*) FROM {table} WHERE {column} < {bound}");
        let rows = self.number(&rows, [value]).await?;
        let of = self.number(&format!("SELECT count(*) FROM {table}"), []).await?;
        if of >= SMALL_TABLE && rows > subject.most(of) {
            return Err(HousekeepingError::TooMuch { table, before, rows, of });
        }
        Ok(Some((before, rows)))
    }

    /// Drops the chunks of a hypertable that end before a day. One that reaches beyond it stays,
    /// all of it.
    async fn drop_chunks(
        &self,
        subject: &Subject,
        before: Day,
        rows: u64,
        lock: &Lock,
    ) -> Result<u64, StoreError> {
        lock.renew().await?;
        let tx = self.begin_write().await?;
        if subject.has_cells() {
            cells::lock_days(&tx, &BTreeSet::from([before.plus(-1)])).await?;
        }
        let chunks = timescale::drop_chunks(&tx, subject.table, before).await?;
        tx.commit().await.map_err(store_error)?;
        Ok(if chunks > 0 { rows } else { 0 })
    }

    async fn delete(&self, subject: &Subject, before: Day, lock: &Lock) -> Result<u64, StoreError> {
        let Subject { table, column, key, .. } = *subject;
        let key = if ["rowid", column].contains(&key) {
            key.to_owned()
        } else {
            format!("{column}, {key}")
        };
        let (bound, value) = subject.boundary(self.dialect(), before);
        let sql = self.dialect().delete_some(table, column, &key, &bound, CHUNK);
        let days = BTreeSet::from([before.plus(-1)]);
        let mut deleted = 0;
        loop {
            lock.renew().await?;
            // Each chunk is a transaction of its own, so the worker gets its turns.
            let tx = self.begin_write().await?;
            if subject.has_cells() {
                cells::lock_days(&tx, &days).await?;
            }
            let rows = execute(&tx, &sql, [value.clone()]).await?;
            tx.commit().await.map_err(store_error)?;
            deleted += rows;
            if rows < CHUNK {
                return Ok(deleted);
            }
        }
    }

    async fn number(
        &self,
        sql: &str,
        values: impl IntoIterator<Item = Value>,
    ) -> Result<u64, StoreError> {
        self.query(sql, values).await?.first().map_or(Ok(0), |row| count(row, 0))
    }
}

fn day_of(bucket: &str) -> Option<Day> {
    Day::parse(bucket).or_else(|| Hour::parse(bucket).map(Hour::day))
}
