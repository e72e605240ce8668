//! What `/v1/status` and receipts say of the store.

use sea_orm::QueryResult;
use stages::ports::{Outcome, StoreError};
use stages::units::Span;
use stages::{Day, EntryId, Hour};

use super::Database;
use super::error::{damaged, store_error};

/// The store's part of the ledger: events since installation.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Totals {
    /// Stored.
    pub persisted: u64,
    /// Counted before; includes those recognised at the door.
    pub duplicate: u64,
    /// Set aside now.
    pub dead_letter: u64,
    /// Dropped by an operator, or left out on purpose.
    pub discarded: u64,
}

/// What became of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Receipt {
    /// Events in it, those recognised as duplicates at the door included.
    pub events: u64,
    /// What became of them.
    pub outcome: Outcome,
    /// It stayed in the queue until repeats of it could no longer be recognised; its events are
    /// dead letters.
    pub expired: bool,
}

impl Database {
    /// The sums of the ledger.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn ledger(&self) -> Result<Totals, StoreError> {
        let sums = ["persisted", "duplicate", "dead_letter", "discarded"].map(sum).join(", ");
        let rows = self.query(&format!("SELECT {sums} FROM ledger"), []).await?;
        let Some(row) = rows.first() else { return Ok(Totals::default()) };
        Ok(Totals {
            persisted: count(row, 0)?,
            duplicate: count(row, 1)?,
            dead_letter: count(row, 2)?,
            discarded: count(row, 3)?,
        })
    }

    /// What became of an entry; `None` when it was never stored or its marker is gone.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn receipt(&self, entry: EntryId) -> Result<Option<Receipt>, StoreError> {
        let sql = "SELECT events, persisted, duplicate, dead_letter, expired FROM entries \
                   WHERE entry_id = $1";
        let rows = self.query(sql, [entry.as_bytes().to_vec().into()]).await?;
        let Some(row) = rows.first() else { return Ok(None) };
        let (events, persisted, duplicate, dead_letter) =
            (count(row, 0)?, count(row, 1)?, count(row, 2)?, count(row, 3)?);
        let discarded = events.saturating_sub(persisted + duplicate + dead_letter);
        let outcome = Outcome { persisted, duplicate, dead_letter, discarded };
        let expired = row.try_get_by_index(4).map_err(store_error)?;
        Ok(Some(Receipt { events, outcome, expired }))
    }

    /// The newest hour in which an entry was received, of those that are stored.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn last_received(&self) -> Result<Option<Hour>, StoreError> {
        let newest = self.dialect().hour_text("max(received_hour)");
        let rows = self.query(&format!("SELECT {newest} FROM entries"), []).await?;
        let Some(row) = rows.first() else { return Ok(None) };
        let text: Option<String> = row.try_get_by_index(0).map_err(store_error)?;
        text.map(|text| Hour::parse(&text).ok_or_else(|| damaged("an hour"))).transpose()
    }

    /// The first hour that any rollup covers; `None` before the first event.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn oldest(&self) -> Result<Option<Hour>, StoreError> {
        let oldest = self.dialect().day_text("min(day)");
        let rows = self.query(&format!("SELECT {oldest} FROM margin_day"), []).await?;
        Ok(day(rows.first(), 0)?.map(Day::start))
    }

    /// The first and the last day of which all raw rows are there, when they are kept for `keep`.
    /// Older rows may be left over, or have come late by a replay: they do not make a whole day.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn raw_days(&self, keep: Span) -> Result<Option<(Day, Day)>, StoreError> {
        let [oldest, newest] =
            ["min", "max"].map(|f| self.dialect().day_of_hour(&format!("{f}(timestamp_hour)")));
        let rows = self.query(&format!("SELECT {oldest}, {newest} FROM events"), []).await?;
        let whole = self.clock().hour().plus(-keep.whole_hours()).day().plus(1);
        let days = day(rows.first(), 0)?.zip(day(rows.first(), 1)?);
        let days = days.map(|(oldest, newest)| (oldest.max(whole), newest));
        Ok(days.filter(|(oldest, newest)| oldest <= newest))
    }

    /// A number that is another one after every transaction that changed what readers see.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn watermark(&self) -> Result<u64, StoreError> {
        let rows = self.query(&format!("SELECT {} FROM ledger", sum("commits")), []).await?;
        rows.first().map_or(Ok(0), |row| count(row, 0))
    }
}

/// The sum of a column of the ledger. PostgreSQL adds big integers up to a type of its own.
fn sum(column: &str) -> String {
    format!("CAST(coalesce(sum({column}), 0) AS BIGINT)")
}

/// A column that holds a day, or nothing.
fn day(row: Option<&QueryResult>, column: usize) -> Result<Option<Day>, StoreError> {
    let Some(row) = row else { return Ok(None) };
    let text: Option<String> = row.try_get_by_index(column).map_err(store_error)?;
    text.map(|text| Day::parse(&text).ok_or_else(|| damaged("a day"))).transpose()
}

/// A column that counts something.
pub(super) fn count(row: &QueryResult, column: usize) -> Result<u64, StoreError> {
    let value: i64 = row.try_get_by_index(column).map_err(store_error)?;
    u64::try_from(value).map_err(|_| damaged("a negative count"))
}

/// A column that counts something, or nothing.
pub(super) fn optional_count(row: &QueryResult, column: usize) -> Result<Option<u64>, StoreError> {
    let value: Option<i64> = row.try_get_by_index(column).map_err(store_error)?;
    value.map(|value| u64::try_from(value).map_err(|_| damaged("a negative count"))).transpose()
}

/// A column that holds text.
pub(super) fn text(row: &QueryResult, column: usize) -> Result<String, StoreError> {
    row.try_get_by_index(column).map_err(store_error)
}
