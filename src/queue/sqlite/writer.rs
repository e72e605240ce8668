//! The one task that writes. Everything that waits is written in one transaction, so that one
//! fsync serves many; separate from the queue, because nothing else may hold the write connection.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use sea_orm::sqlx::pool::PoolConnection;
use sea_orm::sqlx::{self, AssertSqlSafe, Row as _, Sqlite, SqliteConnection};
use sea_orm::{ConnectionTrait, DatabaseConnection, DbErr};
use stages::EntryId;
use tokio::sync::{Notify, mpsc, oneshot};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::failure::Failure;
use super::open::{Place, plain};
use super::statements::{
    Query, ROWS, Statements, add_refusals, beat, begin, counters, failed, insert, undo,
};
use crate::queue::Refusals;

/// Most jobs in a transaction, and most that wait: beyond that, callers wait before the channel.
pub(super) const GROUP: usize = 1_024;
/// Time after a failure in which only an append shows that the queue can be written again.
const CONVALESCENCE: Duration = Duration::from_secs(5);
/// A worker that gave no sign of life for this long is forgotten.
pub(super) const WORKER_LIFETIME_MS: i64 = 10 * 60 * 1_000;

/// Where a job's outcome goes. A caller that went away does not undo its job.
pub(super) type Reply = oneshot::Sender<Result<(), Failure>>;

/// An entry, ready to be inserted.
pub(super) struct Row {
    pub(super) id: EntryId,
    /// Duplicates recognised at the door included.
    pub(super) events: i64,
    pub(super) door_duplicates: i64,
    pub(super) received: String,
    pub(super) payload: Vec<u8>,
}

impl Row {
    pub(super) fn bytes(&self) -> i64 {
        i64::try_from(self.payload.len()).unwrap_or(i64::MAX)
    }
}

/// Something to write.
pub(super) enum Job {
    /// An entry.
    Append(Row, Reply),
    /// Numbers of entries to delete.
    Acknowledge(Vec<i64>, Reply),
    /// A worker's sign of life: worker, wall clock and lag in milliseconds.
    Beat { worker: String, at: i64, lag: i64, reply: Reply },
    /// Refusals to add.
    Refuse(Refusals, Reply),
    /// Nothing comes after what waits already.
    Close,
}

/// Jobs that share a transaction, by kind.
#[derive(Default)]
struct Group {
    rows: Vec<Row>,
    /// Whose rows those are; one each, in the same order.
    appenders: Vec<Reply>,
    acknowledged: Vec<i64>,
    beats: Vec<(String, i64, i64)>,
    refusals: Vec<Refusals>,
    /// Who waits for acknowledgements and signs of life.
    others: Vec<Reply>,
    /// Whose entry did not fit.
    refused: Vec<Reply>,
}

/// The row of `counters`.
#[derive(Clone, Copy, Default)]
pub(super) struct Counters {
    pub(super) accepted: i64,
    pub(super) door_duplicates: i64,
    pub(super) entries: i64,
    pub(super) events: i64,
    pub(super) bytes: i64,
}

/// Bounds of the queue.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    pub(super) events: i64,
    pub(super) bytes: i64,
}

/// The writer's side of the queue.
pub(super) struct Writer {
    pub(super) place: Place,
    pub(super) db: DatabaseConnection,
    /// The one connection of `db`, held for good: a pool would test it before and after every use.
    /// Absent until it is needed, and after a failure.
    pub(super) connection: Option<PoolConnection<Sqlite>>,
    /// Closed together with the writer.
    pub(super) reader: DatabaseConnection,
    pub(super) limits: Limits,
    /// Told of every committed append.
    pub(super) arrived: Arc<Notify>,
    /// SQL by number of rows.
    pub(super) statements: Statements,
    /// The counters after the last transaction.
    pub(super) known: Option<Counters>,
    /// Whether the last transaction failed.
    pub(super) failed: Arc<AtomicBool>,
    /// When the last transaction failed that did.
    pub(super) failed_at: Instant,
}

impl Writer {
    /// Writes until the channel closes, then closes the file. `ended` is cancelled at the very end,
    /// however that comes.
    pub(super) async fn run(mut self, mut jobs: mpsc::Receiver<Job>, ended: CancellationToken) {
        let _ended = ended.drop_guard();
        let mut waiting = Vec::with_capacity(GROUP);
        while jobs.recv_many(&mut waiting, GROUP).await > 0 {
            if waiting.iter().any(|job| matches!(job, Job::Close)) {
                jobs.close();
            }
            self.write(waiting.drain(..)).await;
        }
        self.close().await;
    }

    /// Writes jobs in one transaction and answers them.
    async fn write(&mut self, jobs: impl Iterator<Item = Job>) {
        let mut group = Group::new(jobs);
        let outcome = self.transact(&mut group).await;
        if outcome.is_ok() && !group.appenders.is_empty() {
            self.arrived.notify_waiters();
        }
        // A small write may fit where a batch did not, so it proves nothing right after a failure.
        let proven = !group.appenders.is_empty() || self.failed_at.elapsed() > CONVALESCENCE;
        let failed_before = self.failed.load(Ordering::Relaxed);
        if outcome.is_err() {
            self.failed_at = Instant::now();
            self.failed.store(true, Ordering::Relaxed);
        } else if failed_before && proven {
            self.failed.store(false, Ordering::Relaxed);
        }
        match &outcome {
            Err(failure) if !failed_before => {
                tracing::error!(error = %failure, "the queue cannot be written");
            }
            Ok(()) if failed_before && proven => tracing::info!("the queue is written again"),
            _ => {}
        }
        // Who went away is not answered; what it asked for stays done.
        for reply in group.appenders.into_iter().chain(group.others) {
            reply.send(outcome.clone()).ok();
        }
        for reply in group.refused {
            reply.send(outcome.clone().and(Err(Failure::Full))).ok();
        }
    }

    async fn transact(&mut self, group: &mut Group) -> Result<(), Failure> {
        let mut connection = self.connect().await.map_err(Failure::undone)?;
        let done = if self.only_appends_with_room(group) {
            self.append(&mut connection, group).await
        } else {
            self.fill(&mut connection, group).await
        };
        let outcome = match done {
            Ok(counters) => {
                self.known = Some(counters);
                Ok(())
            }
            Err(error) => Err(undo(&mut connection, error).await),
        };
        match self.place {
            // In memory, readers wait for the same connection.
            Place::Memory => drop(connection),
            Place::File { .. } if outcome.is_ok() => self.connection = Some(connection),
            // SQLite rolls some failed transactions back by itself and leaves others open. A new
            // connection has neither.
            Place::File { .. } => connection.close_on_drop(),
        }
        outcome
    }

    async fn connect(&mut self) -> Result<PoolConnection<Sqlite>, DbErr> {
        match self.connection.take() {
            Some(connection) => Ok(connection),
            None => self.db.get_sqlite_connection_pool().acquire().await.map_err(failed),
        }
    }

    /// Whether a group fits without a closer look: it does when the queue was less than half full a
    /// transaction ago, whatever other processes have appended since.
    fn only_appends_with_room(&self, group: &Group) -> bool {
        let others =
            !group.acknowledged.is_empty() || !group.beats.is_empty() || !group.refusals.is_empty();
        self.known.is_some_and(|known| {
            let after = group.rows.iter().fold(known, Counters::with);
            !others
                && group.rows.len() <= ROWS
                && after.events <= self.limits.events / 2
                && after.bytes <= self.limits.bytes / 2
        })
    }

    /// The usual transaction, in one call.
    async fn append(
        &self,
        connection: &mut SqliteConnection,
        group: &mut Group,
    ) -> Result<Counters, sqlx::Error> {
        let rows = std::mem::take(&mut group.rows);
        let added = rows.iter().fold(Counters::default(), Counters::with);
        let sql = &self.statements.append[rows.len()];
        let append = added.bind(insert(sql, rows.into_iter()));
        let after = append.fetch_all(connection).await?;
        after.first().map_or(Err(sqlx::Error::RowNotFound), counters)
    }

    /// Deletes first: what it frees is room for what is appended.
    async fn fill(
        &self,
        connection: &mut SqliteConnection,
        group: &mut Group,
    ) -> Result<Counters, sqlx::Error> {
        let mut counters = begin(connection).await?;
        for numbers in group.acknowledged.chunks(ROWS) {
            self.delete(connection, numbers, &mut counters).await?;
        }
        for (worker, at, lag) in &group.beats {
            beat(connection, worker, *at, *lag).await?;
        }
        for refusals in &group.refusals {
            add_refusals(connection, refusals).await?;
        }
        group.judge(self.limits, &mut counters);
        let mut rows = std::mem::take(&mut group.rows);
        while rows.len() > ROWS {
            let sql = &self.statements.insert[ROWS];
            insert(sql, rows.drain(..ROWS)).execute(&mut *connection).await?;
        }
        let sql = &self.statements.finish[rows.len()];
        counters.bind(insert(sql, rows.into_iter())).execute(connection).await?;
        Ok(counters)
    }

    async fn delete(
        &self,
        connection: &mut SqliteConnection,
        numbers: &[i64],
        counters: &mut Counters,
    ) -> Result<(), sqlx::Error> {
        let sql = AssertSqlSafe(Arc::clone(&self.statements.delete[numbers.len()]));
        let twice = numbers.iter().chain(numbers);
        let delete = twice.fold(sqlx::query(sql), |query, number| query.bind(*number));
        for row in delete.fetch_all(connection).await? {
            counters.entries -= 1;
            counters.events -= row.try_get::<i64, _>(0)?;
            counters.bytes -= row.try_get::<i64, _>(1)?;
        }
        Ok(())
    }

    async fn close(mut self) {
        // Back to its pool, which waits for it when it closes.
        self.connection = None;
        let results = [
            self.reader_closed().await,
            // Leaves one file without a log beside it, which is what a backup expects.
            self.db.execute_raw(plain("PRAGMA wal_checkpoint(TRUNCATE)")).await.map(|_| ()),
            self.db.close_by_ref().await,
        ];
        for error in results.into_iter().filter_map(Result::err) {
            tracing::warn!(%error, "the queue did not close cleanly; nothing is lost");
        }
    }

    /// In memory, reader and writer are the same connection.
    async fn reader_closed(&self) -> Result<(), DbErr> {
        match self.place {
            Place::File { .. } => self.reader.close_by_ref().await,
            Place::Memory => Ok(()),
        }
    }
}

impl Group {
    fn new(jobs: impl Iterator<Item = Job>) -> Self {
        let mut group = Self::default();
        for job in jobs {
            match job {
                Job::Append(row, reply) => {
                    group.rows.push(row);
                    group.appenders.push(reply);
                }
                Job::Acknowledge(numbers, reply) => {
                    group.acknowledged.extend(numbers);
                    group.others.push(reply);
                }
                Job::Beat { worker, at, lag, reply } => {
                    group.beats.push((worker, at, lag));
                    group.others.push(reply);
                }
                Job::Refuse(refusals, reply) => {
                    group.refusals.push(refusals);
                    group.others.push(reply);
                }
                Job::Close => {}
            }
        }
        group
    }

    /// Counts what fits and sets aside who does not.
    fn judge(&mut self, limits: Limits, counters: &mut Counters) {
        let all: i64 = self.rows.iter().map(|row| row.events).sum();
        let bytes: i64 = self.rows.iter().map(|row| row.bytes()).sum();
        if counters.events + all > limits.events || counters.bytes + bytes > limits.bytes {
            self.set_aside(limits, *counters);
        }
        *counters = self.rows.iter().fold(*counters, Counters::with);
    }

    fn set_aside(&mut self, limits: Limits, mut counters: Counters) {
        let rows = std::mem::take(&mut self.rows);
        let appenders = std::mem::take(&mut self.appenders);
        for (row, reply) in rows.into_iter().zip(appenders) {
            let fits = counters.events + row.events <= limits.events
                && counters.bytes + row.bytes() <= limits.bytes;
            if fits {
                counters = counters.with(&row);
                self.rows.push(row);
                self.appenders.push(reply);
            } else {
                self.refused.push(reply);
            }
        }
    }
}

impl Counters {
    /// These and a row.
    fn with(self, row: &Row) -> Self {
        Self {
            accepted: self.accepted + row.events,
            door_duplicates: self.door_duplicates + row.door_duplicates,
            entries: self.entries + 1,
            events: self.events + row.events,
            bytes: self.bytes + row.bytes(),
        }
    }

    /// Binds them in the order of their columns.
    fn bind(self, query: Query<'_>) -> Query<'_> {
        query
            .bind(self.accepted)
            .bind(self.door_duplicates)
            .bind(self.entries)
            .bind(self.events)
            .bind(self.bytes)
    }
}
