//! The queue in Redis Streams: any number of servers append, any number of workers drain.
//!
//! A shard is a stream with its counters ([`shard`]). One task a shard appends ([`writer`]), workers
//! claim through a consumer group ([`claims`]), and what must change together is changed by one
//! script ([`scripts`]). Entries are numbered in the order of their arrival: nothing in the queue is
//! named by a time.

mod adopt;
mod claims;
mod failure;
mod open;
mod peek;
mod raw;
mod scripts;
mod shard;
mod target;
#[cfg(test)]
mod tests;
mod writer;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use redis::{RedisResult, Value, cmd};
use stages::ports::{Append, AppendError, Consume, QueueError};
use stages::{Entry, EntryId, HashKey};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

use self::claims::Claims;
use self::failure::{Failure, Refused};
use self::scripts::Scripts;
use self::shard::read;
use self::writer::Reply;
use super::spool::Spool;
use super::{Heartbeat, Peeked, Position, Queue, QueueState, Refusals, RefusedKind, Spooled};
use crate::config::settings::Durability;
use crate::redis_link::{Live, RedisLink};

/// A worker that gave no sign of life for this long is forgotten.
const WORKER_LIFETIME_MS: u64 = 10 * 60 * 1_000;
/// What belongs to no shard. One hash tag, as in a cluster they may meet in one pipeline.
const META: &str = "analytics:{queue}:meta";
const WORKERS: &str = "analytics:{queue}:workers";
const REFUSALS: &str = "analytics:{queue}:refusals";
/// How much `appendfsync everysec` may lose: a write may be delayed by a second more when the disk
/// is busy (<https://redis.io/docs/latest/operate/oss_and_stack/management/persistence/>).
const EVERY_SECOND: Duration = Duration::from_secs(2);

pub use self::open::OpenError;
pub(super) use self::shard::Row;
pub(super) use self::target::Target;
pub(super) use self::writer::Origin;

/// Where the appends of a shard go.
type Appends = mpsc::Sender<(Row, Reply)>;

/// A queue in Redis.
pub struct RedisQueue {
    link: Arc<RedisLink>,
    /// The way of the appends, perhaps the same.
    appends: Arc<RedisLink>,
    scripts: Arc<Scripts>,
    claims: Arc<Claims>,
    /// Takes what the server cannot take at the moment.
    spool: Option<Arc<Spool>>,
    /// Where to append, by shard; fewer than there are shards when their number was lowered. Empty
    /// once the queue is closed.
    writers: Mutex<Vec<Appends>>,
    writing: tokio::sync::Mutex<Vec<JoinHandle<()>>>,
    identity_key: HashKey,
    durability: Durability,
}

impl RedisQueue {
    /// Appends an entry to the shard that its id names.
    async fn enqueue(&self, row: Row) -> Result<(), Refused> {
        let jobs = {
            let writers = self.writers.lock().unwrap_or_else(PoisonError::into_inner);
            let shard = shard_of(row.id, writers.len() as u32);
            writers.get(shard as usize).cloned()
        };
        let closed = || Refused::Undone(Failure::Closed);
        let jobs = jobs.ok_or_else(closed)?;
        let (reply, outcome) = oneshot::channel();
        jobs.send((row, reply)).await.map_err(|_| closed())?;
        // The writer ends when nobody can send any more, however slowly this is waited for.
        drop(jobs);
        // The writer answers every job it takes; it can only vanish together with the runtime.
        outcome.await.unwrap_or_else(|_| Err(closed()))
    }

    /// Does something with the connection, and notices when it breaks.
    async fn with<T>(
        &self,
        action: impl AsyncFnOnce(&mut Live) -> RedisResult<T>,
    ) -> Result<T, QueueError> {
        let mut live = self.link.live().map_err(|down| QueueError(Box::new(down)))?;
        let outcome = action(&mut live).await;
        outcome.map_err(|error| {
            self.link.heed(live.number, &error);
            QueueError(Box::new(error))
        })
    }
}

#[async_trait]
impl Append for RedisQueue {
    async fn append(&self, entry: &Entry) -> Result<(), AppendError> {
        let Err(refused) = self.enqueue(row(entry)?).await else { return Ok(()) };
        match (&refused, &self.spool) {
            (Refused::Undone(failure), Some(spool)) if !matches!(failure, Failure::Closed) => {
                spool.keep(entry, None).await
            }
            // If it cannot be kept either, it stays unknown.
            (Refused::Unknown(_, origin), Some(spool)) => {
                spool.keep(entry, Some(*origin)).await.map_err(|_| refused.into())
            }
            _ => Err(refused.into()),
        }
    }
}

#[async_trait]
impl Consume for RedisQueue {
    async fn claim(&self, max_events: usize, patience: Duration) -> Result<Vec<Entry>, QueueError> {
        self.claims.claim(max_events, patience).await
    }

    async fn acknowledge(&self, entries: &[EntryId]) -> Result<(), QueueError> {
        Ok(self.claims.acknowledge(entries).await?)
    }

    async fn release(&self, entries: &[EntryId]) {
        self.claims.release(entries).await;
    }
}

#[async_trait]
impl Queue for RedisQueue {
    async fn state(&self) -> Result<QueueState, QueueError> {
        let mut all = QueueState::default();
        for shard in &self.claims.shards {
            let state = self.with(async |live| shard.state(&self.scripts, live).await).await?;
            all.entries += state.entries;
            all.events += state.events;
            all.bytes += state.bytes;
            all.accepted += state.accepted;
            all.door_duplicates += state.door_duplicates;
            all.healed += state.healed;
            all.oldest_received =
                all.oldest_received.into_iter().chain(state.oldest_received).min();
        }
        Ok(all)
    }

    async fn positions(&self) -> Result<Vec<Position>, QueueError> {
        let mut positions = Vec::with_capacity(self.claims.shards.len());
        for shard in &self.claims.shards {
            let state = self.with(async |live| shard.state(&self.scripts, live).await).await?;
            positions.push(state.position);
        }
        Ok(positions)
    }

    async fn identity_key(&self) -> Result<HashKey, QueueError> {
        Ok(self.identity_key.clone())
    }

    async fn find(&self, entry: EntryId) -> Result<Option<u64>, QueueError> {
        if let Some(spool) = &self.spool
            && let Some(events) = spool.find(entry).await?
        {
            return Ok(Some(events));
        }
        for shard in &self.claims.shards {
            let mut get = cmd("HGET");
            get.arg(&shard.ids).arg(entry.as_bytes());
            let held: Option<String> =
                self.with(async |live| get.query_async(&mut live.wire).await).await?;
            let events = held.as_deref().and_then(|held| held.split(' ').nth(1)?.parse().ok());
            if events.is_some() {
                return Ok(events);
            }
        }
        Ok(None)
    }

    async fn beat(&self, worker: &str, lag: Duration) -> Result<(), QueueError> {
        let lag = u64::try_from(lag.as_millis()).unwrap_or(u64::MAX);
        let mut call = self.scripts.beat.call(&[WORKERS]);
        call.arg(worker).arg(lag).arg(WORKER_LIFETIME_MS);
        self.with(async |live| self.scripts.beat.run(&mut live.wire, &call).await.map(drop)).await
    }

    async fn workers(&self) -> Result<Vec<Heartbeat>, QueueError> {
        let mut call = self.scripts.workers.call(&[WORKERS]);
        call.arg(WORKER_LIFETIME_MS);
        let workers: Vec<(String, u64, u64)> = self
            .with(async |live| read(self.scripts.workers.run(&mut live.wire, &call).await?))
            .await?;
        let mut workers: Vec<_> = workers
            .into_iter()
            .map(|(worker, age, lag)| Heartbeat {
                worker,
                age: Duration::from_millis(age),
                lag: Duration::from_millis(lag),
            })
            .collect();
        workers.sort_by(|a, b| a.worker.cmp(&b.worker));
        Ok(workers)
    }

    async fn add_refusals(&self, new: &Refusals) -> Result<(), QueueError> {
        let mut add = redis::pipe();
        for ((kind, code), count) in new {
            add.cmd("HINCRBY").arg(REFUSALS).arg(refusal_field(*kind, code)).arg(*count);
        }
        if new.is_empty() {
            return Ok(());
        }
        self.with(async |live| add.query_async::<Value>(&mut live.wire).await.map(drop)).await
    }

    async fn refusals(&self) -> Result<Refusals, QueueError> {
        let mut get = cmd("HGETALL");
        get.arg(REFUSALS);
        let counts: Vec<(String, u64)> =
            self.with(async |live| get.query_async(&mut live.wire).await).await?;
        let refusal = |(field, count): (String, u64)| {
            let (kind, code) = field.split_once(' ')?;
            Some(((RefusedKind::read(kind)?, code.to_owned()), count))
        };
        Ok(counts.into_iter().filter_map(refusal).collect())
    }

    async fn peek(&self, show: &mut (dyn FnMut(Peeked) + Send)) -> Result<(), QueueError> {
        self.look_through(show).await
    }

    async fn discard(&self, entries: &[Peeked]) -> Result<(), QueueError> {
        self.give_up(entries).await
    }

    async fn scrub(&self) -> Result<Vec<String>, QueueError> {
        self.rewrite_files().await
    }

    async fn spooled(&self) -> Result<Option<Spooled>, QueueError> {
        let Some(spool) = &self.spool else { return Ok(None) };
        let state = spool.state().await?;
        Ok(Some(Spooled { full: spool.full(&state), state }))
    }

    fn loss_window(&self) -> Duration {
        match self.durability {
            Durability::Fsync => Duration::ZERO,
            Durability::Relaxed => EVERY_SECOND,
        }
    }

    async fn close(&self) {
        // The writers finish what waits and end.
        self.writers.lock().unwrap_or_else(PoisonError::into_inner).clear();
        for writing in self.writing.lock().await.drain(..) {
            writing.await.ok();
        }
        self.claims.close().await;
        if let Some(spool) = &self.spool {
            spool.close().await;
        }
        self.appends.close();
        self.link.close();
    }
}

/// Under which name refusals are counted.
fn refusal_field(kind: RefusedKind, code: &str) -> String {
    format!("{} {code}", kind.as_str())
}

/// Everything that can be done outside the writer is done here, in the caller's task.
fn row(entry: &Entry) -> Result<Row, AppendError> {
    let payload = entry.encode().map_err(|error| AppendError::Unavailable(error.into()))?;
    let door_duplicates = u64::from(entry.door_duplicates);
    Ok(Row {
        id: entry.id,
        events: entry.events.len() as u64 + door_duplicates,
        door_duplicates,
        received: entry.received.to_string(),
        payload,
    })
}

/// Ids are random, so that any part of them spreads entries evenly.
pub(super) fn shard_of(id: EntryId, shards: u32) -> u32 {
    let [.., high, low] = *id.as_bytes();
    u32::from(u16::from_be_bytes([high, low])).checked_rem(shards).unwrap_or(0)
}
