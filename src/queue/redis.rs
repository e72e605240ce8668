//! The queue in Redis Streams: any number of servers append, any number of workers drain.
//!
//! A shard is a stream with its counters ([`shard`]). One task a shard appends ([`writer`]), workers
//! claim through a consumer group ([`claims`]), and what must change together is changed by one
//! script ([`scripts`]). Entries are numbered in the order of their arrival: nothing in the queue is
//! named by a time.

mod claims;
mod failure;
mod raw;
mod scripts;
mod shard;
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
use self::shard::{Row, Shard, Terms, read};
use self::writer::{ENTRIES, Reply, Writer};
use super::{Heartbeat, Position, Queue, QueueState, Refusals, RefusedKind};
use crate::config::settings::{self, Durability};
use crate::redis_link::{Demands, LinkError, Live, RedisLink};
use crate::shutdown::Tasks;

/// A worker that gave no sign of life for this long is forgotten.
const WORKER_LIFETIME_MS: u64 = 10 * 60 * 1_000;
/// What belongs to no shard. One hash tag, as in a cluster they may meet in one pipeline.
const META: &str = "analytics:{queue}:meta";
const WORKERS: &str = "analytics:{queue}:workers";
const REFUSALS: &str = "analytics:{queue}:refusals";
/// How much `appendfsync everysec` may lose: a write may be delayed by a second more when the disk
/// is busy (<https://redis.io/docs/latest/operate/oss_and_stack/management/persistence/>).
const EVERY_SECOND: Duration = Duration::from_secs(2);

/// Why a queue cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// There is no way to the server.
    #[error(transparent)]
    Link(#[from] LinkError),
    /// The server failed.
    #[error("the queue in Redis cannot be opened (queue.url)")]
    Failed(#[source] redis::RedisError),
    /// The operating system has no randomness.
    #[error("no random bytes from the system ({0})")]
    Random(getrandom::Error),
}

/// A queue in Redis.
pub struct RedisQueue {
    link: Arc<RedisLink>,
    scripts: Arc<Scripts>,
    claims: Arc<Claims>,
    /// Where to append, by shard; fewer than there are shards when their number was lowered. Empty
    /// once the queue is closed.
    writers: Mutex<Vec<mpsc::Sender<(Row, Reply)>>>,
    writing: tokio::sync::Mutex<Vec<JoinHandle<()>>>,
    identity_key: HashKey,
    durability: Durability,
}

impl RedisQueue {
    /// Connects, checks the server, and starts the tasks that append.
    ///
    /// They end after [`RedisQueue::close`], or when the queue is dropped, so one of them must come
    /// before [`Tasks::finished`] is waited for.
    ///
    /// # Errors
    /// See [`OpenError`].
    pub async fn open(settings: &settings::Queue, tasks: &Tasks) -> Result<Arc<Self>, OpenError> {
        let link = RedisLink::open(settings.url.expose(), demands(settings), false, tasks).await?;
        let fresh = HashKey::random().map_err(OpenError::Random)?;
        let consumer = EntryId::random().map_err(OpenError::Random)?.to_string();
        let mut live = link.live().map_err(|down| OpenError::Failed(gone(down)))?;
        let identity_key = identity_key(&mut live, &fresh).await.map_err(OpenError::Failed)?;
        let count = shard_count(&mut live, settings.shards).await.map_err(OpenError::Failed)?;

        let scripts = Arc::new(Scripts::new());
        let shards: Vec<_> = (0..count).map(|index| Arc::new(Shard::new(index))).collect();
        let writers = shards.iter().take(settings.shards as usize).map(|shard| {
            let (jobs, waiting) = mpsc::channel(ENTRIES);
            let writer = Writer {
                link: Arc::clone(&link),
                scripts: Arc::clone(&scripts),
                shard: Arc::clone(shard),
                terms: terms(settings),
                appender: None,
            };
            (jobs, tasks.spawn(writer.run(waiting)))
        });
        let (writers, writing) = writers.unzip();
        let (writers, writing) = (Mutex::new(writers), tokio::sync::Mutex::new(writing));
        let claims = Claims::new(
            Arc::clone(&link),
            Arc::clone(&scripts),
            shards,
            consumer,
            settings.claim_after.0,
            tasks.clone(),
        );
        let claims = Arc::new(claims);
        let durability = settings.durability;
        Ok(Arc::new(Self { link, scripts, claims, writers, writing, identity_key, durability }))
    }

    /// Appends an entry to the shard that its id names.
    async fn enqueue(&self, row: Row) -> Result<(), Refused> {
        let jobs = {
            let writers = self.writers.lock().unwrap_or_else(PoisonError::into_inner);
            let shard = shard_of(row.id, writers.len());
            shard.and_then(|shard| writers.get(shard)).cloned()
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
        Ok(self.enqueue(row(entry)?).await?)
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
            let field = format!("{} {code}", kind.as_str());
            add.cmd("HINCRBY").arg(REFUSALS).arg(field).arg(*count);
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
        self.link.close();
    }
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
fn shard_of(id: EntryId, shards: usize) -> Option<usize> {
    let bytes = id.as_bytes();
    let number = usize::from(u16::from_be_bytes([bytes[14], bytes[15]]));
    number.checked_rem(shards)
}

fn demands(settings: &settings::Queue) -> Demands {
    match settings.durability {
        Durability::Fsync => Demands::Fsync,
        Durability::Relaxed => Demands::Relaxed { volatile: settings.allow_volatile },
    }
}

/// Each shard has its share of the whole.
fn terms(settings: &settings::Queue) -> Terms {
    let share = |whole: u64| whole.div_ceil(u64::from(settings.shards.max(1)));
    Terms {
        max_events: share(settings.max_events),
        max_bytes: share(settings.max_bytes.0),
        replicas: settings.wait_replicas,
    }
}

/// Keeps `fresh` unless there is a key already, and reads what there is.
async fn identity_key(live: &mut Live, fresh: &HashKey) -> RedisResult<HashKey> {
    let mut keep = redis::pipe();
    keep.cmd("HSETNX").arg(META).arg("identity_key").arg(fresh.expose()).ignore();
    keep.cmd("HGET").arg(META).arg("identity_key");
    let (bytes,): ([u8; 16],) = keep.query_async(&mut live.wire).await?;
    Ok(HashKey::from_bytes(bytes))
}

/// How many shards there are: entries may still wait in those of a larger number before.
async fn shard_count(live: &mut Live, wanted: u32) -> RedisResult<u32> {
    let mut get = cmd("HGET");
    get.arg(META).arg("shards");
    let before: Option<u32> = get.query_async(&mut live.wire).await?;
    let count = before.unwrap_or(0).max(wanted);
    if before != Some(count) {
        let mut keep = cmd("HSET");
        keep.arg(META).arg("shards").arg(count);
        keep.query_async::<Value>(&mut live.wire).await?;
    }
    Ok(count)
}

fn gone(down: crate::redis_link::Down) -> redis::RedisError {
    std::io::Error::new(std::io::ErrorKind::NotConnected, down).into()
}
