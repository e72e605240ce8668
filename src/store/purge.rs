//! Rows that an operator wants gone: found, deleted together with what was counted of them, and
//! overwritten on disk.

use sea_orm::{ConnectionTrait, Value};
use stages::entry::read_payload;
use stages::ports::StoreError;
use stages::{Day, HashKey, Hour};

use super::Database;
use super::database::query;
use super::dialect::Dialect;
use super::error::{damaged, store_error};
use super::rebuild::RebuildError;
use super::status::{count, text};
use crate::purge::{Condition, Filter};
use crate::sqlite_file;

/// Tables that hold anything of an event. Those with a retention may be hypertables.
const TABLES: [&str; 11] = [
    "events",
    "rollup_hour",
    "rollup_day",
    "margin_hour",
    "margin_day",
    "released_day",
    "total_day",
    "errors",
    "dimension_values",
    "sessions_day",
    "dead_letters",
];

/// Matching rows of a day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RowsOfDay {
    /// The UTC date.
    pub day: Day,
    /// Rows.
    pub rows: u64,
}

/// Rollups that cannot be made again, because the rows of their days are gone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Residue {
    /// The table.
    pub table: &'static str,
    /// Cells in which what is known of the conditions holds.
    pub cells: u64,
    /// First and last UTC date.
    pub days: (Day, Day),
}

impl Database {
    /// Matching rows, by day.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn rows_where(&self, filter: &Filter) -> Result<Vec<RowsOfDay>, StoreError> {
        let d = self.dialect();
        let (matching, values) = matching(d, filter, 1);
        let day = d.day_of_hour("timestamp_hour");
        let sql =
            format!("SELECT {day}, count(*) FROM events WHERE {matching} GROUP BY 1 ORDER BY 1");
        let mut days = Vec::new();
        for row in self.query(&sql, values).await? {
            let day = Day::parse(&text(&row, 0)?).ok_or_else(|| damaged("an hour"))?;
            days.push(RowsOfDay { day, rows: count(&row, 1)? });
        }
        Ok(days)
    }

    /// Deletes matching rows and counts the rest of their days again, one transaction a day: nobody
    /// ever sees rows and rollups that differ. Answers what was deleted. `key` as in
    /// [`Database::verify`].
    ///
    /// # Errors
    /// When the store failed; days before that are done.
    pub async fn delete_rows(
        &self,
        key: &HashKey,
        filter: &Filter,
    ) -> Result<Vec<RowsOfDay>, RebuildError> {
        let mut deleted = Vec::new();
        for RowsOfDay { day, .. } in self.rows_where(filter).await? {
            let d = self.dialect();
            let (matching, mut values) = matching(d, filter, 3);
            let hours = [day.start(), day.plus(1).start()].map(|hour| hour.to_string().into());
            values.splice(..0, hours);
            let sql = format!(
                "DELETE FROM events WHERE timestamp_hour >= {} AND timestamp_hour < {} AND {matching}",
                d.hour("$1"),
                d.hour("$2"),
            );
            let rows = self.rewrite_day(key, day, Some((&sql, values))).await?;
            deleted.push(RowsOfDay { day, rows });
        }
        Ok(deleted)
    }

    /// Ids of matching dead letters, and how many cannot be read.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn letters_where(&self, filter: &Filter) -> Result<(Vec<String>, u64), StoreError> {
        let d = self.dialect();
        let sql = format!(
            "SELECT {}, payload, {} FROM dead_letters",
            d.hex("id"),
            d.hour_text("received_hour")
        );
        let (mut ids, mut unreadable) = (Vec::new(), 0);
        for row in self.query(&sql, []).await? {
            let received = Hour::parse(&text(&row, 2)?).ok_or_else(|| damaged("an hour"))?;
            match read_payload(&text(&row, 1)?) {
                Ok(event) if filter.matches(&event, received) => ids.push(text(&row, 0)?),
                Ok(_) => {}
                Err(_) => unreadable += 1,
            }
        }
        Ok((ids, unreadable))
    }

    /// Cells of days before the oldest row that may hold some of what was counted of such events.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn residues(&self, filter: &Filter) -> Result<Vec<Residue>, StoreError> {
        const BASE: &[(&str, &str)] = &[
            ("version", "version"),
            ("tool", "tool"),
            ("status", "status"),
            ("analytics_level", "level"),
            ("service", "service"),
            ("country", "country"),
        ];
        const ERRORS: &[(&str, &str)] =
            &[("version", "version"), ("tool", "tool"), ("error_type", "error_type")];
        let d = self.dialect();
        let oldest = d.day_of_hour("min(timestamp_hour)");
        let rows = self.query(&format!("SELECT {oldest} FROM events"), []).await?;
        let oldest: Option<String> = match rows.first() {
            Some(row) => row.try_get_by_index(0).map_err(store_error)?,
            None => None,
        };
        // Without any row every day is one whose rows are gone.
        let oldest = oldest.unwrap_or_else(|| "9999-12-31".to_owned());
        let mut residues = Vec::new();
        let hourly = d.day_of_hour("hour");
        for (table, day, columns) in [
            ("rollup_day", d.day_text("day"), BASE),
            ("rollup_hour", hourly.clone(), BASE),
            ("errors", hourly, ERRORS),
        ] {
            let mut values: Vec<Value> = vec![oldest.clone().into()];
            let mut tests = Vec::new();
            for condition in filter.conditions() {
                let Condition::Text(name, value) = condition else { continue };
                if let Some((_, column)) = columns.iter().find(|(known, _)| known == name) {
                    values.push(value.as_str().into());
                    tests.push(format!("{column} = ${}", values.len()));
                }
            }
            if tests.is_empty() {
                continue;
            }
            let sql = format!(
                "SELECT count(*), min({day}), max({day}) FROM {table} WHERE {day} < $1 AND {}",
                tests.join(" AND ")
            );
            for row in self.query(&sql, values).await? {
                let cells = count(&row, 0)?;
                if cells > 0 {
                    let day =
                        |column| Day::parse(&text(&row, column)?).ok_or_else(|| damaged("a day"));
                    residues.push(Residue { table, cells, days: (day(1)?, day(2)?) });
                }
            }
        }
        Ok(residues)
    }

    /// From now on, what is deleted is overwritten, where the database can do that.
    ///
    /// # Errors
    /// When the store cannot be reached.
    pub async fn overwrite_deleted(&self) -> Result<(), StoreError> {
        if self.dialect() == Dialect::Sqlite {
            query(self.writer(), "PRAGMA secure_delete = ON", []).await?;
        }
        Ok(())
    }

    /// Removes what deleted rows left on disk: in free pages, in old versions of rows, in logs and in
    /// the statistics of the planner. Answers what could not be done.
    ///
    /// # Errors
    /// When the store cannot be reached.
    pub async fn scrub(&self) -> Result<Vec<String>, StoreError> {
        if self.dialect() == Dialect::Sqlite {
            let undone = sqlite_file::scrub(self.writer(), "the store").await;
            return Ok(undone.map_err(store_error)?.into_iter().collect());
        }
        let mut undone = Vec::new();
        for table in TABLES {
            let sql = format!("VACUUM (FULL, ANALYZE) {table}");
            self.writer().execute_unprepared(&sql).await.map_err(store_error)?;
        }
        for (sql, what) in [
            (
                "VACUUM (FULL) pg_catalog.pg_statistic",
                "old statistics of the planner, which name frequent values, need a superuser to be \
                 removed: VACUUM FULL pg_catalog.pg_statistic",
            ),
            (
                "CHECKPOINT",
                "a checkpoint needs a superuser or pg_checkpoint; the server makes one by itself \
                 within checkpoint_timeout",
            ),
        ] {
            if self.writer().execute_unprepared(sql).await.is_err() {
                undone.push(what.to_owned());
            }
        }
        Ok(undone)
    }
}

/// The conditions as SQL over `events`, and their values, numbered from `first` on.
fn matching(d: Dialect, filter: &Filter, first: usize) -> (String, Vec<Value>) {
    let mut values: Vec<Value> = Vec::new();
    let mut tests = Vec::new();
    for condition in filter.conditions() {
        let place = format!("${}", first + values.len());
        tests.push(match condition {
            Condition::Text(name, value) => {
                values.push(value.as_str().into());
                format!("{name} = {place}")
            }
            Condition::Number(name, value) => {
                values.push((*value).into());
                format!("{name} = {place}")
            }
            Condition::Flag(name, value) => {
                values.push((*value).into());
                format!("{name} = {place}")
            }
            Condition::Hour(name, hour) => {
                values.push(hour.to_string().into());
                format!("{name} = {}", d.hour(&place))
            }
            Condition::Parameter(key, texts) => {
                let other = format!("${}", first + values.len() + 1);
                values.extend(texts.iter().map(|text| text.as_str().into()));
                // A key is letters, digits and underscores.
                let value = d.either("(parameters->'KEY')", "(parameters->'KEY')::text");
                format!("{} IN ({place}, {other})", value.replace("KEY", key))
            }
        });
    }
    (tests.join(" AND "), values)
}
