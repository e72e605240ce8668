//! The one thread that writes. Everything that waits is written in one transaction, so that one
//! fsync serves many; separate from the queue, because nothing else may hold the write connection.
//!
//! A thread and not a task, because its work is to wait for the disk. Handed to a driver's thread one
//! statement at a time, as readers do it, a transaction wakes both sides some ten times.

use std::ops::RangeInclusive;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rusqlite::Connection;
use stages::EntryId;
use tokio::sync::{Notify, mpsc, oneshot};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::failure::Failure;
use super::open::Place;
use super::statements::{add_refusals, append, beat, begin, commit, delete, undo};
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
    /// Number of the newest entry ever appended.
    pub(super) newest: i64,
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
    /// Absent after a failure.
    pub(super) connection: Option<Connection>,
    pub(super) limits: Limits,
    /// Told of every committed append.
    pub(super) arrived: Arc<Notify>,
    /// Whether the last transaction failed.
    pub(super) failed: Arc<AtomicBool>,
    /// When the last transaction failed that did.
    pub(super) failed_at: Instant,
}

impl Writer {
    /// Writes until the channel closes, then closes the file. `ended` is cancelled at the very end,
    /// however that comes.
    pub(super) fn run(mut self, mut jobs: mpsc::Receiver<Job>, ended: CancellationToken) {
        let _ended = ended.drop_guard();
        let mut waiting = Vec::with_capacity(GROUP);
        while jobs.blocking_recv_many(&mut waiting, GROUP) > 0 {
            if waiting.iter().any(|job| matches!(job, Job::Close)) {
                jobs.close();
            }
            self.write(waiting.drain(..));
        }
        self.close();
    }

    /// Writes jobs in one transaction and answers them.
    fn write(&mut self, jobs: impl Iterator<Item = Job>) {
        let mut group = Group::new(jobs);
        let outcome = self.transact(&mut group);
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

    fn transact(&mut self, group: &mut Group) -> Result<(), Failure> {
        let connection = match self.connection.take() {
            Some(connection) => connection,
            None => self.place.writer().map_err(Failure::undone)?,
        };
        // SQLite rolls some failed transactions back by itself and leaves others open. A new
        // connection has neither, so that this one is not kept after a failure.
        self.fill(&connection, group).map_err(|error| undo(&connection, error))?;
        self.connection = Some(connection);
        Ok(())
    }

    /// Deletes first: what it frees is room for what is appended.
    fn fill(&self, connection: &Connection, group: &mut Group) -> rusqlite::Result<()> {
        let mut counters = begin(connection)?;
        for numbers in runs(&mut group.acknowledged) {
            delete(connection, numbers, &mut counters)?;
        }
        for (worker, at, lag) in &group.beats {
            beat(connection, worker, *at, *lag)?;
        }
        for refusals in &group.refusals {
            add_refusals(connection, refusals)?;
        }
        group.judge(self.limits, counters);
        commit(connection, append(connection, counters, &group.rows)?)
    }

    fn close(self) {
        let Some(connection) = self.connection else { return };
        // Leaves one file without a log beside it, which is what a backup expects.
        let checkpoint = "PRAGMA wal_checkpoint(TRUNCATE)";
        let closed = connection.query_row(checkpoint, [], |_| Ok(()));
        let closed = closed.and_then(|()| connection.close().map_err(|(_, error)| error));
        if let Err(error) = closed {
            tracing::warn!(%error, "the queue did not close cleanly; nothing is lost");
        }
    }
}

/// Numbers as ranges without gaps. What one worker acknowledges is one range, more or less.
fn runs(numbers: &mut [i64]) -> impl Iterator<Item = RangeInclusive<i64>> {
    numbers.sort_unstable();
    let runs = numbers.chunk_by(|number, next| next - number <= 1);
    runs.filter_map(|run| Some(*run.first()?..=*run.last()?))
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

    /// Sets aside who does not fit.
    fn judge(&mut self, limits: Limits, mut counters: Counters) {
        let all = self.rows.iter().fold(counters, Counters::with);
        if all.events <= limits.events && all.bytes <= limits.bytes {
            return;
        }
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
    pub(super) fn with(self, row: &Row) -> Self {
        Self {
            newest: self.newest + 1,
            accepted: self.accepted + row.events,
            door_duplicates: self.door_duplicates + row.door_duplicates,
            entries: self.entries + 1,
            events: self.events + row.events,
            bytes: self.bytes + row.bytes(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_become_ranges_without_gaps() {
        for (numbers, want) in [
            (vec![], vec![]),
            (vec![7], vec![7..=7]),
            (vec![3, 1, 2, 2], vec![1..=3]),
            (vec![9, 1, 8, 3, 4], vec![1..=1, 3..=4, 8..=9]),
        ] {
            assert_eq!(runs(&mut numbers.clone()).collect::<Vec<_>>(), want, "{numbers:?}");
        }
    }
}
