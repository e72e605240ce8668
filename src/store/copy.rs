//! Moving a store from a file to a server: every table in pages, each page in one transaction with
//! the note of how far it got, so that a copy that broke off goes on where it stopped.
//!
//! The source is read at one moment and never changed. As long as the notes are there the target is
//! no store yet: [`Database::bring_up`] refuses it, and nobody writes into half of one.

mod tables;

use sea_orm::{ConnectionTrait, DatabaseTransaction, QueryResult};
use stages::ports::StoreError;
use stages::{Day, Hour};

use self::tables::{TABLES, Table};
use super::Database;
use super::database::{execute, query};
use super::dialect::Dialect;
use super::error::{damaged, store_error};
use super::lock::{Lock, LockError, Purpose};
use super::migrate::{MigrateError, table_exists};
use super::rows::{Kind, Rows};
use super::status::{count, text};
use super::write::signed;

/// Rows read and written at a time. Rows with a distribution of response times may have kilobytes.
const PAGE: usize = 5_000;
/// Bytes of a usual row.
const ROW_BYTES: usize = 200;
/// Where the notes of a copy under way are kept.
const NOTES: &str = "copy_progress";
/// The note that tells of which source the others are.
const SOURCE: &str = "source";

/// What was copied of a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Copied {
    /// The table.
    pub table: &'static str,
    /// Its rows, those of earlier attempts included.
    pub rows: u64,
}

/// Why a store was not copied.
#[derive(Debug, thiserror::Error)]
pub enum CopyError {
    /// From something else than a file, or to something else than a server.
    #[error("a store is copied from a SQLite file to a PostgreSQL server")]
    Direction,
    /// The source is not of this release.
    #[error("the schema of the source is not up to date")]
    Outdated,
    /// Somebody migrates the target, or copies into it.
    #[error("another process migrates the target or copies into it")]
    Busy,
    /// The target is in use.
    #[error("`{0}` of the target has rows already, which no copy put there")]
    NotEmpty(&'static str),
    /// Something wrote to the source since the copy began.
    #[error("the source is not what it was when the copy began")]
    Changed,
    /// What arrived is not what was sent.
    #[error("`{table}` did not arrive as it was sent: {sent} became {arrived}")]
    Differs {
        /// The table.
        table: &'static str,
        /// Rows, sums, lengths and bounds of its columns in the source.
        sent: String,
        /// The same in the target.
        arrived: String,
    },
    /// The schema of the target cannot be made.
    #[error(transparent)]
    Migrate(#[from] MigrateError),
    /// A database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Is told how a copy comes on.
pub trait Progress {
    /// So many rows are to be copied altogether.
    fn begin(&mut self, rows: u64);
    /// So many rows of a table are done, counted from the last call.
    fn step(&mut self, table: &'static str, rows: u64);
    /// Everything is there and is compared with the source.
    fn verify(&mut self);
}

/// A copy under way. Nobody else migrates the target, or copies into it, as long as it lives.
pub struct Copying<'d> {
    source: &'d Database,
    target: &'d Database,
    /// Sees the source at one moment.
    from: DatabaseTransaction,
    /// What tells that moment from others.
    mark: String,
    lock: Lock,
}

impl<'d> Copying<'d> {
    /// Prepares the target: it must be empty, or hold what an earlier copy of the same source left.
    /// With `again`, what an earlier copy left is removed first.
    ///
    /// # Errors
    /// See [`CopyError`].
    pub async fn begin(
        source: &'d Database,
        target: &'d Database,
        again: bool,
    ) -> Result<Self, CopyError> {
        if (source.dialect(), target.dialect()) != (Dialect::Sqlite, Dialect::Postgres) {
            return Err(CopyError::Direction);
        }
        if source.migrate_status().await?.iter().any(|migration| !migration.applied) {
            return Err(CopyError::Outdated);
        }
        target.migrate_up().await?;
        let lock = match Lock::attempt(target, Purpose::Migrate).await {
            Ok(Some(lock)) => lock,
            Ok(None) => return Err(CopyError::Busy),
            Err(LockError::Store(error)) => return Err(error.into()),
            Err(LockError::File(error)) => return Err(MigrateError::Directory(error).into()),
        };
        let mark = mark(source).await?;
        let from = source.begin_read().await?;
        prepare(target, &mark, again).await?;
        Ok(Self { source, target, from, mark, lock })
    }

    /// Copies what is not there yet, and compares what arrived with what was sent.
    ///
    /// # Errors
    /// See [`CopyError`]. What was copied stays, and the next attempt goes on from there.
    pub async fn run(&self, progress: &mut dyn Progress) -> Result<Vec<Copied>, CopyError> {
        let mut copied = Vec::new();
        for table in &TABLES {
            copied.push(Copied { table: table.name, rows: size(&self.from, table).await? });
        }
        progress.begin(copied.iter().map(|it| it.rows).sum());
        for table in &TABLES {
            self.copy(table, progress).await?;
        }
        progress.verify();
        for table in &TABLES {
            self.compare(table).await?;
        }
        Ok(copied)
    }

    async fn copy(&self, table: &Table, progress: &mut dyn Progress) -> Result<(), StoreError> {
        const NOTE: &str = "INSERT INTO copy_progress (name, position, done) VALUES ($1, $2, $3) \
            ON CONFLICT (name) DO UPDATE SET position = excluded.position, done = excluded.done";
        let insert = table.insert(self.target.dialect());
        let (mut position, mut done) = match self.noted(table.name).await? {
            Some((position, done)) => (Some(position), done),
            None => (None, 0),
        };
        progress.step(table.name, done);
        loop {
            let (sql, values) = table.page(position.as_deref(), PAGE)?;
            let page = query(&self.from, &sql, values).await?;
            let Some(last) = page.last() else { return Ok(()) };
            let reached = table.position(last)?;
            let mut rows = Rows::new(self.target.dialect(), table.columns, page.len(), ROW_BYTES);
            for row in &page {
                rows.try_row(|rows| transfer(row, table, rows))?;
            }
            done += page.len() as u64;
            let tx = self.target.begin_write().await?;
            execute(&tx, &insert, rows.finish()).await?;
            let note = [table.name.into(), reached.clone().into(), signed(done).into()];
            execute(&tx, NOTE, note).await?;
            tx.commit().await.map_err(store_error)?;
            progress.step(table.name, page.len() as u64);
            position = Some(reached);
        }
    }

    /// How far an earlier attempt came with a table: where, and how many rows.
    async fn noted(&self, table: &str) -> Result<Option<(String, u64)>, StoreError> {
        let sql = "SELECT position, done FROM copy_progress WHERE name = $1";
        let notes = query(self.target.writer(), sql, [table.into()]).await?;
        notes.first().map(|note| Ok((text(note, 0)?, count(note, 1)?))).transpose()
    }

    async fn compare(&self, table: &Table) -> Result<(), CopyError> {
        let [sent, arrived] = [
            query(&self.from, &table.tally(Dialect::Sqlite), []).await?,
            query(self.target.writer(), &table.tally(Dialect::Postgres), []).await?,
        ]
        .map(|rows| rows.first().map_or_else(|| Ok(String::new()), |row| text(row, 0)));
        let (sent, arrived) = (sent?, arrived?);
        if sent == arrived {
            return Ok(());
        }
        Err(CopyError::Differs { table: table.name, sent, arrived })
    }

    /// Makes a store of the target, if the source is still what it was.
    ///
    /// # Errors
    /// [`CopyError::Changed`] when it is not.
    pub async fn finish(self) -> Result<(), CopyError> {
        if mark(self.source).await? != self.mark {
            return Err(CopyError::Changed);
        }
        let db = self.target.writer();
        // What the planner knows of the tables is from when they were empty.
        for table in &TABLES {
            execute(db, &format!("ANALYZE {}", table.name), []).await?;
        }
        execute(db, &format!("DROP TABLE {NOTES}"), []).await?;
        self.lock.release().await;
        Ok(())
    }
}

/// Whether a copy into this database has begun and not ended.
pub(super) async fn is_unfinished(db: &impl ConnectionTrait) -> Result<bool, StoreError> {
    table_exists(db, NOTES).await
}

/// What is another text after every transaction of the worker, of housekeeping or of an operator.
async fn mark(source: &Database) -> Result<String, StoreError> {
    let (totals, commits) = (source.ledger().await?, source.watermark().await?);
    Ok(format!(
        "{commits} {} {} {} {}",
        totals.persisted, totals.duplicate, totals.dead_letter, totals.discarded
    ))
}

/// Finds the target empty, or with notes of the same source.
async fn prepare(target: &Database, mark: &str, again: bool) -> Result<(), CopyError> {
    let tx = target.begin_write().await?;
    if is_unfinished(&tx).await? {
        if again {
            let names: Vec<_> = TABLES.iter().map(|table| table.name).collect();
            execute(&tx, &format!("TRUNCATE {}", names.join(", ")), []).await?;
            execute(&tx, &format!("DELETE FROM {NOTES}"), []).await?;
        } else {
            let sql = format!("SELECT position FROM {NOTES} WHERE name = '{SOURCE}'");
            let notes = query(&tx, &sql, []).await?;
            let same =
                notes.first().map(|note| text(note, 0)).transpose()?.as_deref() == Some(mark);
            return if same { Ok(()) } else { Err(CopyError::Changed) };
        }
    } else {
        for table in &TABLES {
            let sql = format!("SELECT 1 FROM {} LIMIT 1", table.name);
            if !query(&tx, &sql, []).await?.is_empty() {
                return Err(CopyError::NotEmpty(table.name));
            }
        }
        let make = format!(
            "CREATE TABLE {NOTES} (name text PRIMARY KEY, position text NOT NULL, \
             done bigint NOT NULL)"
        );
        execute(&tx, &make, []).await?;
    }
    let note = format!("INSERT INTO {NOTES} VALUES ('{SOURCE}', $1, 0)");
    execute(&tx, &note, [mark.into()]).await?;
    tx.commit().await.map_err(|error| store_error(error).into())
}

/// Writes what one row of a file holds.
fn transfer(row: &QueryResult, table: &Table, rows: &mut Rows) -> Result<(), StoreError> {
    for (at, (_, kind)) in table.columns.iter().enumerate() {
        match kind {
            Kind::Text | Kind::Json => {
                let value: Option<String> = row.try_get_by_index(at).map_err(store_error)?;
                rows.optional_text(value.as_deref());
            }
            Kind::Number => {
                rows.optional(row.try_get_by_index::<Option<i64>>(at).map_err(store_error)?);
            }
            Kind::Flag => {
                rows.optional(row.try_get_by_index::<Option<bool>>(at).map_err(store_error)?);
            }
            Kind::Bytes => rows.bytes(&row.try_get_by_index::<Vec<u8>>(at).map_err(store_error)?),
            Kind::Hour => {
                rows.hour(Hour::parse(&text(row, at)?).ok_or_else(|| damaged("an hour"))?);
            }
            Kind::Day => rows.day(Day::parse(&text(row, at)?).ok_or_else(|| damaged("a day"))?),
        }
    }
    Ok(())
}

async fn size(db: &impl ConnectionTrait, table: &Table) -> Result<u64, StoreError> {
    let rows = query(db, &format!("SELECT count(*) FROM {}", table.name), []).await?;
    rows.first().map_or(Ok(0), |row| count(row, 0))
}
