//! Calls in a range, from whichever rollup has them.

use std::collections::BTreeMap;

use sea_orm::{ConnectionTrait, QueryResult};
use stages::ports::StoreError;
use stages::rollup::Measures;
use stages::sketch::Sketch;
use stages::{Day, Hour, Status};

use super::plan::{Asked, ToCome, statement, sums, to_come};
use super::{Cell, Detail, Question, Range};
use crate::store::Database;
use crate::store::database::query;
use crate::store::dialect::Dialect;
use crate::store::error::{damaged, store_error};
use crate::store::status::{count, optional_count, text};

/// Where the measures begin in the answer.
const FIRST_MEASURE: usize = 4;

impl Database {
    /// Calls in the order of bucket, tool, value and status, in one statement, and a second one where
    /// distributions of today are asked for. What has no calls is left out; hours further back than
    /// hourly rollups are kept have none.
    ///
    /// The axis of error types knows no other dimension than the tool: a question that filters it by
    /// another has no answer here, see [`Database::errors`].
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn cells(&self, question: &Question) -> Result<Vec<Cell>, StoreError> {
        let now = self.clock().hour();
        let to_come = match to_come(question, now) {
            None => ToCome::NotAsked,
            // Sums of hours to come can be taken away from those of the day, distributions cannot.
            Some(range) if question.detail == Detail::Times => match self.is_empty(range).await? {
                true => ToCome::Empty,
                false => ToCome::NotAsked,
            },
            Some(range) => ToCome::Less(range),
        };
        self.cells_of(question, statement(question, self.dialect(), to_come)).await
    }

    /// Whether no call is stamped with an hour of a range.
    async fn is_empty(&self, range: Range) -> Result<bool, StoreError> {
        let d = self.dialect();
        let sql = format!(
            "SELECT 1 FROM margin_hour WHERE hour >= {} AND hour < {} LIMIT 1",
            d.hour("$1"),
            d.hour("$2")
        );
        let ends = [range.from, range.to].map(|hour| hour.to_string().into());
        Ok(self.query(&sql, ends).await?.is_empty())
    }

    /// The same by a statement that was made for the question.
    pub(in crate::store) async fn cells_of(
        &self,
        question: &Question,
        asked: Asked,
    ) -> Result<Vec<Cell>, StoreError> {
        collected(question, &self.query(&asked.sql, asked.values).await?)
    }
}

/// Calls of dates that are over, read through a transaction that goes on to write.
pub(in crate::store) async fn cells_within(
    tx: &impl ConnectionTrait,
    dialect: Dialect,
    question: &Question,
) -> Result<Vec<Cell>, StoreError> {
    let asked = statement(question, dialect, ToCome::NotAsked);
    collected(question, &query(tx, &asked.sql, asked.values).await?)
}

fn collected(question: &Question, rows: &[QueryResult]) -> Result<Vec<Cell>, StoreError> {
    let mut sums: BTreeMap<(Hour, String, String, Status), Measures> = BTreeMap::new();
    for row in rows {
        let bucket = text(row, 0)?;
        let hour = match bucket.as_str() {
            "" => Some(question.range.from),
            bucket => Day::parse(bucket).map(Day::start).or_else(|| Hour::parse(bucket)),
        };
        let hour = hour.ok_or_else(|| damaged("an hour or day"))?;
        let status = Status::read(&text(row, 3)?).ok_or_else(|| damaged("a status"))?;
        let key = (hour, text(row, 1)?, text(row, 2)?, status);
        sums.entry(key).or_default().merge(&wanted(row, question.detail)?);
    }
    let cell =
        |((bucket, tool, value, status), measures)| Cell { bucket, tool, value, status, measures };
    Ok(sums.into_iter().map(cell).collect())
}

/// Reads the measures that a question wants.
fn wanted(row: &QueryResult, detail: Detail) -> Result<Measures, StoreError> {
    match detail {
        Detail::Calls => Ok(Measures { calls: count(row, FIRST_MEASURE)?, ..Measures::default() }),
        Detail::Sums => self::added(row, FIRST_MEASURE),
        Detail::Times => measures(row, FIRST_MEASURE),
    }
}

/// Reads the sums that begin at a column.
fn added(row: &QueryResult, first: usize) -> Result<Measures, StoreError> {
    Ok(Measures {
        calls: count(row, first)?,
        batches: count(row, first + 1)?,
        cache_hits: count(row, first + 2)?,
        cache_misses: count(row, first + 3)?,
        retries: count(row, first + 4)?,
        retry_events: count(row, first + 5)?,
        time_sum: count(row, first + 6)?,
        time_count: count(row, first + 7)?,
        ..Measures::default()
    })
}

/// Reads the measures that begin at a column.
pub(in crate::store) fn measures(row: &QueryResult, first: usize) -> Result<Measures, StoreError> {
    let first_bound = first + sums(Detail::Times).len();
    let times: Vec<u8> = row.try_get_by_index(first_bound + 2).map_err(store_error)?;
    Ok(Measures {
        time_min: optional_count(row, first_bound)?,
        time_max: optional_count(row, first_bound + 1)?,
        times: Sketch::decode(&times).map_err(|_| damaged("a distribution of response times"))?,
        ..added(row, first)?
    })
}
