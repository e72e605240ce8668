//! The queue in a SQLite file of its own, so that its writer never waits for the store's.
//!
//! One thread writes ([`writer`]), a few connections read, and the process that holds the file's lock
//! drains ([`claims`]). Any number of processes of one host may append.

mod claims;
mod failure;
mod open;
mod rows;
mod schema;
mod statements;
#[cfg(test)]
mod tests;
mod writer;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use async_trait::async_trait;
use sea_orm::{ConnectionTrait, DatabaseConnection, DbBackend, DbErr, QueryResult, Statement};
use stages::ports::{Append, AppendError, Consume, QueueError};
use stages::{Clock, Entry, EntryId, HashKey, Hour};
use tokio::sync::{Mutex, Notify, mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use self::claims::Claims;
use self::failure::Failure;
use self::open::{Place, plain};
use self::writer::{GROUP, Job, Limits, Reply, Row, WORKER_LIFETIME_MS, Writer};
use super::{Heartbeat, Peeked, Position, Queue, QueueState, Refusals, RefusedKind};
use crate::config::settings;
use crate::shutdown::Tasks;
use crate::sqlite_file;

pub use self::open::OpenError;
pub(super) use self::rows::StoredRow;

/// Entries that are looked at together.
const PEEKED: u32 = 500;

const STATE: &str = "
SELECT queued_entries, queued_events, queued_bytes, accepted, door_duplicates,
    (SELECT received_hour FROM waiting ORDER BY seq LIMIT 1)
FROM counters";
const POSITION: &str = "
SELECT newest, (SELECT seq FROM waiting ORDER BY seq LIMIT 1) FROM counters";

/// A queue in a SQLite file.
pub struct SqliteQueue {
    jobs: mpsc::Sender<Job>,
    reader: DatabaseConnection,
    claims: Claims,
    identity_key: HashKey,
    clock: Arc<dyn Clock>,
    /// Whether the writer's last transaction failed.
    failed: Arc<AtomicBool>,
    /// Held while an entry is looked for.
    finding: Mutex<()>,
    /// Cancelled when the writer has ended.
    ended: CancellationToken,
}

/// The file that the URL of a queue names, if it names one.
pub fn file(url: &str) -> Option<PathBuf> {
    match Place::new(url, true) {
        Ok(Place::File { path, .. }) => Some(path),
        _ => None,
    }
}

/// The installation's key for identities, read from a queue that is there without waiting for who writes.
///
/// # Errors
/// See [`OpenError`].
pub fn identity_key(settings: &settings::Queue) -> Result<HashKey, OpenError> {
    Place::new(settings.url.expose(), settings.allow_volatile)?.key()
}

impl SqliteQueue {
    /// Opens the queue, creating folder, file and tables as needed, and starts its writer.
    ///
    /// The writer does not heed [`Tasks::stop`]: it ends after [`Queue::close`], or when the queue
    /// is dropped, so one of them must come before [`Tasks::finished`] is waited for.
    ///
    /// # Errors
    /// See [`OpenError`].
    pub async fn open(
        settings: &settings::Queue,
        tasks: &Tasks,
        clock: Arc<dyn Clock>,
    ) -> Result<Arc<Self>, OpenError> {
        let place = Place::new(settings.url.expose(), settings.allow_volatile)?;
        Self::open_at(place, settings, tasks, clock).await
    }

    /// Like [`SqliteQueue::open`], in a file that another setting than `queue.url` names.
    pub(super) async fn open_file(
        path: &Path,
        setting: &'static str,
        settings: &settings::Queue,
        tasks: &Tasks,
        clock: Arc<dyn Clock>,
    ) -> Result<Arc<Self>, OpenError> {
        let place = Place::File { path: path.to_owned(), setting };
        Self::open_at(place, settings, tasks, clock).await
    }

    async fn open_at(
        place: Place,
        settings: &settings::Queue,
        tasks: &Tasks,
        clock: Arc<dyn Clock>,
    ) -> Result<Arc<Self>, OpenError> {
        let opened = place.open().await?;
        let changed = Arc::new(Notify::new());
        let claims = Claims::new(opened.reader.clone(), changed.clone(), place.lock_path());
        let (jobs, waiting) = mpsc::channel(GROUP);
        let ended = CancellationToken::new();
        let failed = Arc::new(AtomicBool::new(false));
        let writer = Writer {
            place,
            connection: Some(opened.writer),
            limits: Limits {
                events: saturating(settings.max_events),
                bytes: saturating(settings.max_bytes.0),
            },
            arrived: changed,
            failed: Arc::clone(&failed),
            failed_at: tokio::time::Instant::now(),
        };
        tasks.spawn(ended.clone().cancelled_owned());
        let end = ended.clone();
        thread::Builder::new()
            .name("queue-writer".to_owned())
            .spawn(move || writer.run(waiting, end))
            .map_err(OpenError::Thread)?;
        Ok(Arc::new(Self {
            jobs,
            reader: opened.reader,
            claims,
            identity_key: opened.identity_key,
            clock,
            failed,
            finding: Mutex::new(()),
            ended,
        }))
    }

    /// Has a job done by the writer.
    async fn write(&self, job: impl FnOnce(Reply) -> Job) -> Result<(), Failure> {
        let (reply, outcome) = oneshot::channel();
        self.jobs.send(job(reply)).await.map_err(|_| Failure::Closed)?;
        // The writer answers every job it takes; it can only vanish together with the runtime,
        // and then nobody knows how far it came.
        outcome.await.unwrap_or_else(|_| Err(Failure::Lost))
    }

    async fn read(
        &self,
        sql: &str,
        values: impl IntoIterator<Item = sea_orm::Value>,
    ) -> Result<Vec<QueryResult>, QueueError> {
        let statement = Statement::from_sql_and_values(DbBackend::Sqlite, sql, values);
        self.reader.query_all_raw(statement).await.map_err(failed)
    }
}

#[async_trait]
impl Append for SqliteQueue {
    async fn append(&self, entry: &Entry) -> Result<(), AppendError> {
        let row = row(entry)?;
        Ok(self.write(|reply| Job::Append(row, reply)).await?)
    }
}

#[async_trait]
impl Consume for SqliteQueue {
    async fn claim(&self, max_events: usize, patience: Duration) -> Result<Vec<Entry>, QueueError> {
        self.claims.claim(max_events, patience).await
    }

    async fn acknowledge(&self, entries: &[EntryId]) -> Result<(), QueueError> {
        let numbers = self.claims.numbers(entries).await;
        self.write(|reply| Job::Acknowledge(numbers, reply)).await?;
        self.claims.forget(entries).await;
        Ok(())
    }

    async fn release(&self, entries: &[EntryId]) {
        self.claims.release(entries).await;
    }
}

#[async_trait]
impl Queue for SqliteQueue {
    async fn state(&self) -> Result<QueueState, QueueError> {
        let row = self.reader.query_one_raw(plain(STATE)).await.map_err(failed)?;
        let row = row.ok_or_else(|| QueueError("the queue's counters are gone".into()))?;
        let failing = self.failed.load(Ordering::Relaxed);
        Ok(QueueState { failing, ..read_state(&row).map_err(failed)? })
    }

    async fn positions(&self) -> Result<Vec<Position>, QueueError> {
        let rows = self.read(POSITION, []).await?;
        let position = |row: &QueryResult| -> Result<_, DbErr> {
            let oldest: Option<i64> = row.try_get_by_index(1)?;
            let oldest = oldest.and_then(|number| u64::try_from(number).ok());
            Ok(Position { newest: count(row, 0)?, oldest })
        };
        rows.iter().map(position).collect::<Result<_, _>>().map_err(failed)
    }

    async fn identity_key(&self) -> Result<HashKey, QueueError> {
        Ok(self.identity_key.clone())
    }

    async fn find(&self, entry: EntryId) -> Result<Option<u64>, QueueError> {
        // One at a time, so that questions never take the connections that claims need.
        let _turn = self.finding.lock().await;
        let sql = "SELECT events + door_duplicates FROM waiting WHERE entry_id = ?";
        let rows = self.read(sql, [entry.as_bytes().to_vec().into()]).await?;
        rows.first().map(|row| count(row, 0)).transpose().map_err(failed)
    }

    async fn beat(&self, worker: &str, lag: Duration) -> Result<(), QueueError> {
        let (worker, at) = (worker.to_owned(), self.clock.unix_millis());
        let lag = i64::try_from(lag.as_millis()).unwrap_or(i64::MAX);
        Ok(self.write(|reply| Job::Beat { worker, at, lag, reply }).await?)
    }

    async fn workers(&self) -> Result<Vec<Heartbeat>, QueueError> {
        let now = self.clock.unix_millis();
        // A sign from the future was given before the wall clock was set back.
        let sql = "SELECT id, beat, lag FROM workers WHERE beat BETWEEN ? AND ? ORDER BY id";
        let range = [now - WORKER_LIFETIME_MS, now + WORKER_LIFETIME_MS];
        let rows = self.read(sql, range.map(Into::into)).await?;
        rows.iter().map(|row| heartbeat(row, now)).collect::<Result<_, _>>().map_err(failed)
    }

    async fn add_refusals(&self, new: &Refusals) -> Result<(), QueueError> {
        let new = new.clone();
        Ok(self.write(|reply| Job::Refuse(new, reply)).await?)
    }

    async fn refusals(&self) -> Result<Refusals, QueueError> {
        let rows = self.read("SELECT kind, code, count FROM refusals", []).await?;
        let read = |row: &QueryResult| -> Result<_, DbErr> {
            let kind: String = row.try_get_by_index(0)?;
            let kind = RefusedKind::read(&kind);
            Ok(kind.zip(Some(row.try_get_by_index(1)?)).zip(Some(count(row, 2)?)))
        };
        let rows = rows.iter().map(read).collect::<Result<Vec<_>, _>>().map_err(failed)?;
        Ok(rows.into_iter().flatten().collect())
    }

    async fn peek(&self, show: &mut (dyn FnMut(Peeked) + Send)) -> Result<(), QueueError> {
        let mut last = 0;
        loop {
            let rows = self.after(last, PEEKED).await?;
            let Some(newest) = rows.last() else { return Ok(()) };
            last = newest.number;
            for row in rows {
                let received = Hour::parse(&row.received);
                show(Peeked {
                    id: row.id,
                    received: received.ok_or_else(|| QueueError("an entry has no hour".into()))?,
                    events: row.events,
                    place: (0, row.number),
                    entry: Entry::decode(row.id, &row.payload),
                });
            }
        }
    }

    async fn discard(&self, entries: &[Peeked]) -> Result<(), QueueError> {
        let numbers: Vec<_> = entries.iter().map(|entry| entry.place.1).collect();
        self.remove(&numbers).await
    }

    async fn scrub(&self) -> Result<Vec<String>, QueueError> {
        let undone = sqlite_file::scrub(&self.reader, "the queue").await.map_err(failed)?;
        Ok(undone.into_iter().collect())
    }

    async fn close(&self) {
        // An error means that it closes already.
        self.jobs.send(Job::Close).await.ok();
        self.ended.cancelled().await;
        if let Err(error) = self.reader.close_by_ref().await {
            tracing::warn!(%error, "the queue did not close cleanly; nothing is lost");
        }
        self.claims.end().await;
    }
}

/// Everything that can be done outside the writer is done here, in the caller's task.
fn row(entry: &Entry) -> Result<Row, AppendError> {
    let payload = entry.encode().map_err(|error| AppendError::Unavailable(error.into()))?;
    let door_duplicates = i64::from(entry.door_duplicates);
    let events = i64::try_from(entry.events.len()).unwrap_or(i64::MAX);
    Ok(Row {
        id: entry.id,
        events: events.saturating_add(door_duplicates),
        door_duplicates,
        received: entry.received.to_string(),
        payload,
    })
}

fn read_state(row: &QueryResult) -> Result<QueueState, DbErr> {
    let received: Option<String> = row.try_get_by_index(5)?;
    Ok(QueueState {
        entries: count(row, 0)?,
        events: count(row, 1)?,
        bytes: count(row, 2)?,
        accepted: count(row, 3)?,
        door_duplicates: count(row, 4)?,
        healed: 0,
        oldest_received: received.as_deref().and_then(Hour::parse),
        failing: false,
    })
}

fn heartbeat(row: &QueryResult, now: i64) -> Result<Heartbeat, DbErr> {
    let beat: i64 = row.try_get_by_index(1)?;
    Ok(Heartbeat {
        worker: row.try_get_by_index(0)?,
        age: Duration::from_millis(u64::try_from(now - beat).unwrap_or(0)),
        lag: Duration::from_millis(count(row, 2)?),
    })
}

/// A number that is never negative.
fn count(row: &QueryResult, index: usize) -> Result<u64, DbErr> {
    let number: i64 = row.try_get_by_index(index)?;
    Ok(u64::try_from(number).unwrap_or(0))
}

fn saturating(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn failed(error: DbErr) -> QueueError {
    QueueError(Box::new(error))
}
