//! Opening a queue: connecting, learning what the installation agreed on, and starting the tasks.

use std::sync::{Arc, Mutex};

use redis::{RedisResult, Value, cmd};
use stages::ports::QueueError;
use stages::{EntryId, HashKey};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::claims::Claims;
use super::scripts::Scripts;
use super::shard::{Shard, Terms};
use super::target::Target;
use super::writer::{ENTRIES, Writer};
use super::{Appends, META, RedisQueue};
use crate::config::settings::{self, Durability};
use crate::queue::spool::Spool;
use crate::redis_link::{Demands, Down, LinkError, Live, RedisLink};
use crate::shutdown::Tasks;

/// Why a queue cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// There is no way to the server.
    #[error(transparent)]
    Link(#[from] LinkError),
    /// The server failed.
    #[error("the queue in Redis cannot be opened (queue.url)")]
    Failed(#[source] redis::RedisError),
    /// The spool failed.
    #[error("the spool of queue.url cannot be used")]
    Spool(#[source] QueueError),
    /// The operating system has no randomness.
    #[error("no random bytes from the system ({0})")]
    Random(getrandom::Error),
}

impl RedisQueue {
    /// Connects, checks the server, and starts the tasks that append.
    ///
    /// They end after [`Queue::close`](crate::queue::Queue::close), or when the queue is dropped, so one of them must come
    /// before [`Tasks::finished`] is waited for. With a spool that knows the installation's key the
    /// server may be away.
    ///
    /// # Errors
    /// See [`OpenError`].
    pub async fn open(
        settings: &settings::Queue,
        spool: Option<Arc<Spool>>,
        tasks: &Tasks,
    ) -> Result<Arc<Self>, OpenError> {
        let known_key = match &spool {
            Some(spool) => spool.known_key().await.map_err(OpenError::Spool)?,
            None => None,
        };
        let (url, patient) = (settings.url.expose(), known_key.is_some());
        let link = RedisLink::open(url, demands(settings), patient, tasks).await?;
        let (identity_key, count) = match (link.live(), known_key) {
            (Ok(mut live), known_key) => {
                let key = match known_key {
                    Some(key) => key,
                    None => HashKey::random().map_err(OpenError::Random)?,
                };
                let key = identity_key(&mut live, &key).await.map_err(OpenError::Failed)?;
                let count = shard_count(&mut live, settings.shards).await;
                (key, count.map_err(OpenError::Failed)?)
            }
            (Err(_), Some(known_key)) => (known_key, settings.shards),
            (Err(down), None) => return Err(OpenError::Failed(gone(down))),
        };
        if let Some(spool) = &spool {
            spool.learn_key(&identity_key).await.map_err(OpenError::Spool)?;
        }
        let consumer = EntryId::random().map_err(OpenError::Random)?.to_string();
        // Who waits for disks or replicas keeps everybody behind it waiting, so appends then have a
        // connection of their own.
        let waits = settings.durability == Durability::Fsync || settings.wait_replicas > 0;
        let appends = match waits {
            true => RedisLink::open(url, demands(settings), true, tasks).await?,
            false => Arc::clone(&link),
        };
        let scripts = Arc::new(Scripts::new());
        let shards: Vec<_> = (0..count).map(|index| Arc::new(Shard::new(index))).collect();
        let target = Arc::new(Target {
            link: Arc::clone(&appends),
            scripts: Arc::clone(&scripts),
            shards: shards.clone(),
            appending: settings.shards,
            terms: terms(settings),
        });
        let (writers, writing) = writers(&target, tasks);
        if let Some(spool) = &spool {
            tasks.spawn(Arc::clone(spool).forward(target));
        }
        let claims = Claims::new(
            Arc::clone(&link),
            Arc::clone(&scripts),
            shards,
            consumer,
            settings.claim_after.0,
            tasks.clone(),
        );
        Ok(Arc::new(Self {
            link,
            appends,
            scripts,
            claims: Arc::new(claims),
            spool,
            writers: Mutex::new(writers),
            writing: tokio::sync::Mutex::new(writing),
            identity_key,
            durability: settings.durability,
        }))
    }
}

/// Starts the tasks that append, one a shard.
fn writers(target: &Target, tasks: &Tasks) -> (Vec<Appends>, Vec<JoinHandle<()>>) {
    let appending = target.shards.iter().take(target.appending as usize);
    let started = appending.map(|shard| {
        let (jobs, waiting) = mpsc::channel(ENTRIES);
        let writer = Writer {
            link: Arc::clone(&target.link),
            scripts: Arc::clone(&target.scripts),
            shard: Arc::clone(shard),
            terms: target.terms,
            appender: None,
        };
        (jobs, tasks.spawn(writer.run(waiting)))
    });
    started.unzip()
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

fn gone(down: Down) -> redis::RedisError {
    std::io::Error::new(std::io::ErrorKind::NotConnected, down).into()
}
