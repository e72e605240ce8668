//! TimescaleDB, when the database has it: compression on the server's own schedule, whole chunks at
//! the end of their retention, and a check that the two agree with what is still written.
//!
//! Retention stays with housekeeping, chunk by chunk. A policy of the extension would go by the
//! server's clock alone, and one jump of that clock would be the end of the data.

use std::collections::BTreeSet;

use migration::timescale::{HYPERTABLES, Hypertable, compresses, convert, is_enabled};
use sea_orm::ConnectionTrait;
use stages::Day;
use stages::ports::StoreError;
use stages::units::Span;

use super::Database;
use super::database::{execute, query};
use super::error::store_error;
use super::migrate::MigrateError;
use super::status::{count, text};
use crate::config::settings::Retention;

/// How long after its hour an event may still come, and how long each kind of data is kept.
#[derive(Debug, Clone)]
pub struct Horizons {
    /// The acceptance window.
    pub late: Span,
    /// Retention of events, hourly rollups and errors, in the order of the hypertables.
    pub kept: [Span; 4],
}

/// A job of the extension that does not go with what is still written or kept.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error(
    "job {job} of TimescaleDB ({what}) begins with rows of `{table}` that are {after_hours} hours \
     old, but {reason} {least_hours} hours; lengthen it with SELECT alter_job, or delete it with \
     SELECT delete_job({job})"
)]
pub struct ShortHorizon {
    /// Number of the job.
    pub job: u64,
    /// What it does.
    pub what: String,
    /// The table.
    pub table: String,
    /// When it begins.
    pub after_hours: u64,
    /// When it may.
    pub least_hours: u64,
    /// Why.
    pub reason: &'static str,
}

impl Horizons {
    /// Of a configuration: how late events are accepted, and what is kept.
    pub fn new(late: Span, retention: &Retention) -> Self {
        let Retention { raw, hourly, errors, .. } = *retention;
        Self { late, kept: [raw, hourly, hourly, errors] }
    }
}

impl Database {
    /// Turns tables into hypertables, sees to it that old chunks are compressed, and checks the
    /// horizons of every policy on them. Does nothing in a database without the extension.
    ///
    /// # Errors
    /// [`MigrateError::Horizon`] when a policy begins too early.
    pub(super) async fn use_timescale(&self, horizons: &Horizons) -> Result<(), MigrateError> {
        let db = self.writer();
        if !is_enabled(db).await.map_err(store_error)? {
            return Ok(());
        }
        convert(db).await.map_err(MigrateError::Database)?;
        if compresses(db).await.map_err(store_error)? {
            for (hypertable, kept) in HYPERTABLES.iter().zip(horizons.kept) {
                add_compression(db, hypertable, horizons.late, kept).await?;
            }
        }
        match short_horizon(db, horizons).await? {
            Some(short) => Err(MigrateError::Horizon(short)),
            None => Ok(()),
        }
    }

    /// The hypertables of this database.
    pub(super) async fn hypertables(&self) -> Result<BTreeSet<&'static str>, StoreError> {
        if !is_enabled(self.writer()).await.map_err(store_error)? {
            return Ok(BTreeSet::new());
        }
        let sql = "SELECT hypertable_name::text FROM timescaledb_information.hypertables \
                   WHERE hypertable_schema = current_schema()";
        let rows = query(self.writer(), sql, []).await?;
        let names = rows.iter().map(|row| text(row, 0)).collect::<Result<BTreeSet<_>, _>>()?;
        Ok(HYPERTABLES.iter().map(|h| h.table).filter(|table| names.contains(*table)).collect())
    }
}

/// Drops the chunks of a hypertable that end before a day. Answers how many there were.
pub(super) async fn drop_chunks(
    db: &impl ConnectionTrait,
    table: &str,
    before: Day,
) -> Result<u64, StoreError> {
    let sql = format!("SELECT count(*) FROM drop_chunks('{table}', older_than => $1::timestamptz)");
    let rows = query(db, &sql, [before.start().to_string().into()]).await?;
    rows.first().map_or(Ok(0), |row| count(row, 0))
}

/// Adds the policy that compresses a table, unless there is one. What goes before it would be
/// compressed gets none.
async fn add_compression(
    db: &impl ConnectionTrait,
    hypertable: &Hypertable,
    late: Span,
    kept: Span,
) -> Result<(), StoreError> {
    let after =
        Span::days(u64::try_from(hypertable.compress_after_days).unwrap_or_default()).max(late);
    if after >= kept {
        return Ok(());
    }
    let sql = format!(
        "SELECT add_compression_policy('{}', INTERVAL '{} hours', if_not_exists => true)",
        hypertable.table,
        after.whole_hours()
    );
    // It says something when there is one already.
    execute(db, &sql, []).await.map(drop)
}

async fn short_horizon(
    db: &impl ConnectionTrait,
    horizons: &Horizons,
) -> Result<Option<ShortHorizon>, StoreError> {
    let sql = "SELECT job_id::bigint, proc_name::text, hypertable_name::text, \
               floor(extract(epoch FROM coalesce(config->>'compress_after', config->>'drop_after') \
                 ::interval) / 3600)::bigint \
               FROM timescaledb_information.jobs \
               WHERE hypertable_schema = current_schema() \
               AND coalesce(config->>'compress_after', config->>'drop_after') IS NOT NULL \
               ORDER BY job_id";
    for row in query(db, sql, []).await? {
        let (job, what, table, after_hours) =
            (count(&row, 0)?, text(&row, 1)?, text(&row, 2)?, count(&row, 3)?);
        let Some(index) = HYPERTABLES.iter().position(|h| h.table == table) else { continue };
        let (least, reason) = if what.contains("retention") {
            (horizons.kept[index], "the configuration keeps them for")
        } else {
            (horizons.late, "events are accepted, and added to, for")
        };
        let least_hours = u64::try_from(least.whole_hours()).unwrap_or_default();
        if after_hours < least_hours {
            return Ok(Some(ShortHorizon { job, what, table, after_hours, least_hours, reason }));
        }
    }
    Ok(None)
}
