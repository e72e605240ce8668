//! The one task that writes. Everything that waits is written in one transaction, so that one
//! fsync serves many; separate from the queue, because nothing else may hold the write connection.

use std::ops::Range;
use std::sync::Arc;

use sea_orm::{
    ConnectionTrait, DatabaseConnection, DatabaseTransaction, DbBackend, DbErr, QueryResult,
    Statement, Value,
};
use stages::EntryId;
use tokio::sync::{Notify, mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use super::failure::Failure;
use super::open::{FULL, Place, begin, code, plain};

/// Most rows a statement inserts or deletes; far below SQLite's 32 766 bound values.
pub(super) const ROWS: usize = 128;
/// Most jobs in a transaction, and most that wait: beyond that, callers wait before the channel.
pub(super) const GROUP: usize = 1_024;
/// A worker that gave no sign of life for this long is forgotten.
pub(super) const WORKER_LIFETIME_MS: i64 = 10 * 60 * 1_000;

/// Where a job's outcome goes. A caller that went away does not undo its job.
pub(super) type Reply = oneshot::Sender<Result<(), Failure>>;

/// An entry, ready to be inserted.
pub(super) struct Row {
    /// In the order of the columns of `INSERT` below.
    pub(super) values: [Value; COLUMNS],
    /// Duplicates recognised at the door included.
    pub(super) events: i64,
    pub(super) door_duplicates: i64,
    pub(super) bytes: i64,
}

/// Number of columns that an insert fills.
pub(super) const COLUMNS: usize = 6;

/// Something to write.
pub(super) enum Job {
    /// An entry.
    Append(Row, Reply),
    /// Entries to delete.
    Acknowledge(Vec<EntryId>, Reply),
    /// A worker's sign of life: worker, wall clock and lag in milliseconds.
    Beat { worker: String, at: i64, lag: i64, reply: Reply },
    /// Nothing comes after what waits already.
    Close,
}

/// Jobs that share a transaction, by kind.
#[derive(Default)]
struct Group {
    rows: Vec<Row>,
    /// Whose rows those are; one each, in the same order.
    appenders: Vec<Reply>,
    acknowledged: Vec<EntryId>,
    beats: Vec<(String, i64, i64)>,
    /// Who waits for acknowledgements and signs of life.
    others: Vec<Reply>,
    /// Whose entry did not fit.
    refused: Vec<Reply>,
}

/// The row of `counters`.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Counters {
    accepted: i64,
    door_duplicates: i64,
    entries: i64,
    events: i64,
    bytes: i64,
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
    /// Closed together with the writer.
    pub(super) reader: DatabaseConnection,
    pub(super) limits: Limits,
    /// Told of every committed append.
    pub(super) arrived: Arc<Notify>,
    /// SQL by number of rows.
    pub(super) statements: Statements,
    /// The last transaction failed: the connection's state is uncertain, so it is replaced.
    pub(super) failed: bool,
}

/// SQL text for every number of rows up to [`ROWS`].
pub(super) struct Statements {
    insert: Vec<String>,
    delete: Vec<String>,
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
        match &outcome {
            Err(failure) if !self.failed => {
                tracing::error!(error = %failure, "the queue cannot be written");
            }
            Ok(()) if self.failed => tracing::info!("the queue is written again"),
            _ => {}
        }
        self.failed = outcome.is_err();
        // Who went away is not answered; what it asked for stays done.
        for reply in group.appenders.into_iter().chain(group.others) {
            reply.send(outcome.clone()).ok();
        }
        for reply in group.refused {
            reply.send(outcome.clone().and(Err(Failure::Full))).ok();
        }
    }

    async fn transact(&mut self, group: &mut Group) -> Result<(), Failure> {
        self.replace_failed().await.map_err(Failure::undone)?;
        let tx = begin(&self.db).await.map_err(Failure::undone)?;
        self.fill(&tx, group).await.map_err(Failure::undone)?;
        tx.commit().await.map_err(|error| match code(&error) {
            // The log had no room for the pages, and so none for the commit mark after them.
            Some(FULL) => Failure::undone(error),
            _ => Failure::Unknown(Arc::new(error)),
        })
    }

    /// SQLite rolls some failed transactions back by itself and leaves others open. A new
    /// connection has neither. In memory there is no other connection to have.
    async fn replace_failed(&mut self) -> Result<(), DbErr> {
        if self.failed && matches!(self.place, Place::File(_)) {
            self.db.close_by_ref().await?;
            self.db = self.place.connect(1).await?;
        }
        Ok(())
    }

    /// Deletes first: what it frees is room for what is appended.
    async fn fill(&self, tx: &DatabaseTransaction, group: &mut Group) -> Result<(), DbErr> {
        let before = Counters::read(tx).await?;
        let mut counters = before;
        for ids in group.acknowledged.chunks(ROWS) {
            self.delete(tx, ids, &mut counters).await?;
        }
        group.judge(self.limits, &mut counters);
        for start in (0..group.rows.len()).step_by(ROWS) {
            let end = group.rows.len().min(start + ROWS);
            self.insert(tx, &mut group.rows, start..end).await?;
        }
        if counters != before {
            counters.write(tx).await?;
        }
        for (worker, at, lag) in &group.beats {
            beat(tx, worker, *at, *lag).await?;
        }
        Ok(())
    }

    async fn insert(
        &self,
        tx: &DatabaseTransaction,
        rows: &mut [Row],
        range: Range<usize>,
    ) -> Result<(), DbErr> {
        let sql = &self.statements.insert[range.len() - 1];
        let values = rows[range].iter_mut().flat_map(|row| {
            // Each row is inserted once; its bytes need not be kept.
            std::mem::replace(&mut row.values, [const { Value::Bool(None) }; COLUMNS])
        });
        tx.execute_raw(Statement::from_sql_and_values(DbBackend::Sqlite, sql, values)).await?;
        Ok(())
    }

    async fn delete(
        &self,
        tx: &DatabaseTransaction,
        ids: &[EntryId],
        counters: &mut Counters,
    ) -> Result<(), DbErr> {
        let sql = &self.statements.delete[ids.len() - 1];
        let values = ids.iter().map(|id| Value::from(id.as_bytes().to_vec()));
        let gone = tx
            .query_all_raw(Statement::from_sql_and_values(DbBackend::Sqlite, sql, values))
            .await?;
        for row in gone {
            counters.entries -= 1;
            counters.events -= row.try_get_by_index::<i64>(0)?;
            counters.bytes -= row.try_get_by_index::<i64>(1)?;
        }
        Ok(())
    }

    async fn close(self) {
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
            Place::File(_) => self.reader.close_by_ref().await,
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
                Job::Acknowledge(ids, reply) => {
                    group.acknowledged.extend(ids);
                    group.others.push(reply);
                }
                Job::Beat { worker, at, lag, reply } => {
                    group.beats.push((worker, at, lag));
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
        let bytes: i64 = self.rows.iter().map(|row| row.bytes).sum();
        if counters.events + all > limits.events || counters.bytes + bytes > limits.bytes {
            self.set_aside(limits, *counters);
        }
        for row in &self.rows {
            counters.add(row);
        }
    }

    fn set_aside(&mut self, limits: Limits, mut counters: Counters) {
        let rows = std::mem::take(&mut self.rows);
        let appenders = std::mem::take(&mut self.appenders);
        for (row, reply) in rows.into_iter().zip(appenders) {
            let fits = counters.events + row.events <= limits.events
                && counters.bytes + row.bytes <= limits.bytes;
            if fits {
                counters.add(&row);
                self.rows.push(row);
                self.appenders.push(reply);
            } else {
                self.refused.push(reply);
            }
        }
    }
}

impl Counters {
    const READ: &str = "SELECT accepted, door_duplicates, queued_entries, queued_events, \
                        queued_bytes FROM counters";
    const WRITE: &str = "UPDATE counters SET accepted = ?, door_duplicates = ?, \
                         queued_entries = ?, queued_events = ?, queued_bytes = ?";

    /// Inside the transaction, as other processes may share the file.
    async fn read(tx: &DatabaseTransaction) -> Result<Self, DbErr> {
        let row = tx.query_one_raw(plain(Self::READ)).await?;
        let row = row.ok_or_else(|| DbErr::RecordNotFound("counters".to_owned()))?;
        let at = |index| QueryResult::try_get_by_index(&row, index);
        Ok(Self {
            accepted: at(0)?,
            door_duplicates: at(1)?,
            entries: at(2)?,
            events: at(3)?,
            bytes: at(4)?,
        })
    }

    async fn write(self, tx: &DatabaseTransaction) -> Result<(), DbErr> {
        let values = [self.accepted, self.door_duplicates, self.entries, self.events, self.bytes];
        let values = values.map(Value::from);
        tx.execute_raw(Statement::from_sql_and_values(DbBackend::Sqlite, Self::WRITE, values))
            .await?;
        Ok(())
    }

    fn add(&mut self, row: &Row) {
        self.accepted += row.events;
        self.door_duplicates += row.door_duplicates;
        self.entries += 1;
        self.events += row.events;
        self.bytes += row.bytes;
    }
}

impl Statements {
    /// Writes every text once.
    pub(super) fn new() -> Self {
        let list = |item: &str, count: usize| vec![item; count].join(",");
        let insert = |rows| {
            format!(
                "INSERT INTO entries \
                 (entry_id, events, door_duplicates, bytes, received_hour, payload) VALUES {}",
                list("(?,?,?,?,?,?)", rows)
            )
        };
        let delete = |rows| {
            format!(
                "DELETE FROM entries WHERE entry_id IN ({}) \
                 RETURNING events + door_duplicates, bytes",
                list("?", rows)
            )
        };
        Self { insert: (1..=ROWS).map(insert).collect(), delete: (1..=ROWS).map(delete).collect() }
    }
}

async fn beat(tx: &DatabaseTransaction, worker: &str, at: i64, lag: i64) -> Result<(), DbErr> {
    tx.execute_raw(Statement::from_sql_and_values(
        DbBackend::Sqlite,
        "INSERT INTO workers VALUES (?, ?, ?) \
         ON CONFLICT (id) DO UPDATE SET beat = excluded.beat, lag = excluded.lag",
        [worker.into(), at.into(), lag.into()],
    ))
    .await?;
    tx.execute_raw(Statement::from_sql_and_values(
        DbBackend::Sqlite,
        "DELETE FROM workers WHERE beat < ?",
        [(at - WORKER_LIFETIME_MS).into()],
    ))
    .await?;
    Ok(())
}
