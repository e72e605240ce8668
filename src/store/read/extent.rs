//! How far the rollups reach, and which of their days change.

use stages::ports::StoreError;
use stages::{Day, Hour};

use crate::store::Database;
use crate::store::error::{damaged, store_error};
use crate::store::status::{count, text};

/// What the store knows of its own extent.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Extent {
    /// The oldest hour that any rollup still covers; `None` before the first event.
    pub oldest: Option<Hour>,
    /// The hour in which the newest stored event was received; `None` before the first event.
    pub last_received: Option<Hour>,
    /// Another number after every transaction that changed what readers see.
    pub commits: u64,
}

impl Database {
    /// What the store knows of its own extent, in one statement.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn extent(&self) -> Result<Extent, StoreError> {
        let d = self.dialect();
        let sql = format!(
            "SELECT (SELECT {} FROM margin_day), (SELECT {} FROM entries), \
             (SELECT CAST(coalesce(sum(commits), 0) AS BIGINT) FROM ledger)",
            d.day_text("min(day)"),
            d.hour_text("max(received_hour)")
        );
        let rows = self.query(&sql, []).await?;
        let Some(row) = rows.first() else { return Ok(Extent::default()) };
        let column = |n| row.try_get_by_index::<Option<String>>(n).map_err(store_error);
        let day = |text: String| Day::parse(&text).ok_or_else(|| damaged("a day"));
        let hour = |text: String| Hour::parse(&text).ok_or_else(|| damaged("an hour"));
        Ok(Extent {
            oldest: column(0)?.map(day).transpose()?.map(Day::start),
            last_received: column(1)?.map(hour).transpose()?,
            commits: count(row, 2)?,
        })
    }

    /// Calls by day from a day on. A day's number grows with every event that is stamped with it, so
    /// it tells whether an answer about the day still holds.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn calls_by_day(&self, from: Day) -> Result<Vec<(Day, u64)>, StoreError> {
        let d = self.dialect();
        let sql = format!(
            "SELECT {}, CAST(sum(calls) AS BIGINT) FROM margin_day \
             WHERE day >= {} AND axis = 'tool' GROUP BY day ORDER BY day",
            d.day_text("day"),
            d.day("$1")
        );
        let rows = self.query(&sql, [from.to_string().into()]).await?;
        let day = |text: String| Day::parse(&text).ok_or_else(|| damaged("a day"));
        rows.iter().map(|row| Ok((day(text(row, 0)?)?, count(row, 1)?))).collect()
    }
}
