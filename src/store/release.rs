//! What may be published of days that are over: decided once, an hour after a day closes, and kept.
//!
//! Separate from the rollups because those go on counting: a released cell is a copy of what it was
//! when its day was decided on. So late calls show up in totals, and never as one more call of a
//! country. Which cells are looked at, and how answers are made of them, says
//! [`stats::release`](crate::stats::release).

use sea_orm::DatabaseTransaction;
use stages::Day;
use stages::ports::StoreError;

use super::Database;
use super::columns;
use super::database::{execute, query};
use super::error::{damaged, store_error};
use super::lock::{Lock, LockError, Purpose};
use super::read::{Cell, Question};
use super::status::text;
use super::write::{LedgerChange, sessions};
use crate::stats::release::{OTHER, SENSITIVE};

/// Days could not be decided on.
#[derive(Debug, thiserror::Error)]
pub enum FreezeError {
    /// The lock file beside the database cannot be opened.
    #[error("the lock file of releases cannot be opened")]
    Lock(#[source] std::io::Error),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Database {
    /// Decides on every day that has been over for an hour and was not decided on: its cells with
    /// `min_cell` calls and `min_cell` batches, and its sessions when there are as many, are released,
    /// as they are now, and no others ever.
    /// Answers which days these were; none while another process is at it.
    ///
    /// # Errors
    /// When the store failed; days before that are decided on.
    pub async fn freeze(&self, min_cell: u32) -> Result<Vec<Day>, FreezeError> {
        let lock = match Lock::attempt(self, Purpose::Release).await {
            Ok(Some(lock)) => lock,
            Ok(None) => return Ok(Vec::new()),
            Err(LockError::File(error)) => return Err(FreezeError::Lock(error)),
            Err(LockError::Store(error)) => return Err(error.into()),
        };
        let frozen = self.freeze_days(min_cell, &lock).await;
        lock.release().await;
        Ok(frozen?)
    }

    async fn freeze_days(&self, min_cell: u32, lock: &Lock) -> Result<Vec<Day>, StoreError> {
        let days = self.undecided().await?;
        for day in &days {
            lock.renew().await?;
            let tx = self.write().await?;
            self.release_day(tx.tx(), *day, min_cell).await?;
            // What readers see has changed.
            tx.add_to_ledger(LedgerChange::default()).await?;
            tx.finish().await?;
        }
        Ok(days)
    }

    /// Days with cells that have been over for an hour and were not decided on.
    async fn undecided(&self) -> Result<Vec<Day>, StoreError> {
        let d = self.dialect();
        let first_open = self.clock().hour().plus(-1).day();
        let end = d.day("$1");
        // Steps from day to day, as a day has many cells.
        let sql = format!(
            "WITH RECURSIVE held(at) AS (SELECT min(day) FROM margin_day WHERE day < {end} \
             UNION ALL SELECT (SELECT min(day) FROM margin_day WHERE day > held.at AND day < {end}) \
             FROM held WHERE held.at IS NOT NULL) \
             SELECT {} FROM held WHERE at IS NOT NULL \
             AND NOT EXISTS (SELECT 1 FROM frozen_days WHERE day = held.at) ORDER BY 1",
            d.day_text("at")
        );
        let rows = self.query(&sql, [first_open.to_string().into()]).await?;
        let day = |text: String| Day::parse(&text).ok_or_else(|| damaged("a day"));
        rows.iter().map(|row| day(text(row, 0)?)).collect()
    }

    async fn release_day(
        &self,
        tx: &DatabaseTransaction,
        day: Day,
        min_cell: u32,
    ) -> Result<(), StoreError> {
        let at = self.dialect().day("$1");
        let (axes, columns) = (axes(), columns());
        // A batch may have brought both statuses of a cell, so the larger number of the two is all
        // that is certain.
        let sql = format!(
            "INSERT INTO released_day ({columns}) SELECT {columns} FROM margin_day \
             WHERE day = {at} AND value <> '{OTHER}' AND (axis, tool, value) IN \
             (SELECT axis, tool, value FROM margin_day WHERE day = {at} AND axis IN ({axes}) \
              GROUP BY axis, tool, value HAVING sum(calls) >= $2 AND max(batches) >= $2)"
        );
        execute(tx, &sql, [day.to_string().into(), i64::from(min_cell).into()]).await?;
        self.release_sessions(tx, day, min_cell).await?;
        let sql = format!("INSERT INTO frozen_days (day) VALUES ({at})");
        execute(tx, &sql, [day.to_string().into()]).await.map(drop)
    }

    /// Releases the sessions of a day, as they are now, when there are `min_cell`.
    async fn release_sessions(
        &self,
        tx: &DatabaseTransaction,
        day: Day,
        min_cell: u32,
    ) -> Result<(), StoreError> {
        let at = self.dialect().day("$1");
        let find = format!("SELECT sketch FROM sessions_day WHERE day = {at}");
        for row in query(tx, &find, [day.to_string().into()]).await? {
            let sketch: Vec<u8> = row.try_get_by_index(0).map_err(store_error)?;
            if sessions::read(sketch.clone())?.count().estimate >= u64::from(min_cell) {
                let sql = format!("UPDATE sessions_day SET released = $2 WHERE day = {at}");
                execute(tx, &sql, [day.to_string().into(), sketch.into()]).await?;
            }
        }
        Ok(())
    }

    /// Released cells of the whole days of a question's range, by its one sensitive dimension.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn released(&self, question: &Question) -> Result<Vec<Cell>, StoreError> {
        match super::read::released(question, self.dialect()) {
            Some(asked) => self.cells_of(question, asked).await,
            None => Ok(Vec::new()),
        }
    }
}

/// Counts the released cells of a day again, after the rollups of the day were: somebody may have
/// had some of their calls deleted. Which cells are released stays as it was.
pub(super) async fn recount(
    tx: &DatabaseTransaction,
    at: &str,
    day: Day,
) -> Result<(), StoreError> {
    let columns = columns();
    let now: Vec<_> = columns::measures().map(|name| format!("{name} = excluded.{name}")).collect();
    let gone = format!(
        "DELETE FROM released_day WHERE day = {at} AND NOT EXISTS \
         (SELECT 1 FROM margin_day AS m WHERE m.day = released_day.day \
          AND m.axis = released_day.axis AND m.tool = released_day.tool \
          AND m.value = released_day.value AND m.status = released_day.status)"
    );
    let again = format!(
        "INSERT INTO released_day ({columns}) SELECT {columns} FROM margin_day \
         WHERE day = {at} AND (axis, tool, value) IN \
         (SELECT axis, tool, value FROM released_day WHERE day = {at}) \
         ON CONFLICT ({key}) DO UPDATE SET {}",
        now.join(", "),
        key = columns::list(key()),
    );
    for sql in [gone, again] {
        execute(tx, &sql, [day.to_string().into()]).await?;
    }
    Ok(())
}

fn key() -> impl Iterator<Item = &'static str> {
    ["day"].into_iter().chain(columns::MARGIN)
}

fn columns() -> String {
    columns::list(key().chain(columns::measures()))
}

fn axes() -> String {
    SENSITIVE.map(|axis| format!("'{}'", axis.as_str())).join(", ")
}
