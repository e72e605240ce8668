//! Limits, seen-set and the key of client hashes, shared by the servers of an installation through
//! Redis. Nothing in there names anybody: keys hold keyed hashes only, and expire.
//!
//! Nobody waits for it for long: when it does not answer, the next calls fail at once for a moment,
//! and `if_down` of the stage says what happens then.

mod limits;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use redis::{Cmd, Value, cmd, from_redis_value};
use stages::HashKey;
use stages::ports::{SeenKey, SeenSet, SharedError};
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout};

use self::limits::Take;
use crate::http::cached::fingerprint;
use crate::http::client::Clients;
use crate::http::stats::cache::{self, SharedAnswers};
use crate::redis_link::{Demands, LinkError, RedisLink, Script, Wire};
use crate::shutdown::Tasks;

/// Longest wait for an answer.
const PATIENCE: Duration = Duration::from_secs(1);
/// For how long nothing is asked after a wait that was in vain.
const REST: Duration = Duration::from_secs(1);
/// How long a key of client hashes lives: nobody can tell today who came yesterday.
const KEY_LIFETIME: Duration = Duration::from_secs(86_400);
/// How often servers look whether the key has changed. Until all have, a client may find its limits
/// afresh.
const KEY_LOOK: Duration = Duration::from_secs(60);
const CLIENT_KEY: &str = "analytics:{clients}:key";
/// The generations of the seen-set, and the hour in which the younger one began.
const SEEN: [&str; 3] =
    ["analytics:{seen}:younger", "analytics:{seen}:older", "analytics:{seen}:began"];

/// What servers share.
pub struct RedisShared {
    way: Arc<Way>,
    takes: mpsc::Sender<Take>,
    seen: Script,
    remember: Script,
}

/// The way there.
struct Way {
    link: Arc<RedisLink>,
    /// Until when nothing is asked.
    resting: Mutex<Option<Instant>>,
}

/// It was not asked, because it did not answer a moment ago.
#[derive(Debug, thiserror::Error)]
#[error("Redis does not answer")]
struct Resting;

impl RedisShared {
    /// Connects in the background: while there is no connection, calls fail at once.
    ///
    /// # Errors
    /// When the URL cannot be read, or the server must not be used.
    pub async fn open(url: &str, tasks: &Tasks) -> Result<Arc<Self>, LinkError> {
        // Losing it costs no data.
        let demands = Demands::Relaxed { volatile: true };
        let link = RedisLink::open(url, demands, true, tasks).await?;
        let way = Arc::new(Way { link, resting: Mutex::new(None) });
        Ok(Arc::new(Self {
            takes: limits::start(Arc::clone(&way), tasks),
            way,
            seen: Script::new(&["#!lua flags=no-writes\n", include_str!("redis/seen.lua")]),
            remember: Script::new(&["#!lua\n", include_str!("redis/remember.lua")]),
        }))
    }

    /// Ends the upkeep of the connection.
    pub fn close(&self) {
        self.way.link.close();
    }

    /// Makes the servers of an installation hash clients alike, with a key that changes once a day,
    /// until stopping is asked for.
    pub async fn keep_client_key(self: Arc<Self>, clients: Arc<Clients>, tasks: Tasks) {
        let mut ticks = tokio::time::interval(KEY_LOOK);
        let mut learnt = Instant::now();
        loop {
            tokio::select! {
                _ = ticks.tick() => {}
                () = tasks.stop_asked() => return,
            }
            let Ok(fresh) = HashKey::random() else { continue };
            match self.client_key(&fresh).await {
                Ok(key) => {
                    learnt = Instant::now();
                    clients.set_key(key);
                }
                // On its own for a day: then this server's key is as old as a key may become.
                Err(_) if learnt.elapsed() >= KEY_LIFETIME => {
                    learnt = Instant::now();
                    clients.set_key(fresh);
                }
                Err(_) => {}
            }
        }
    }

    /// The key that all servers use now; `fresh`, if there is none.
    ///
    /// # Errors
    /// When Redis does not answer within a second.
    pub async fn client_key(&self, fresh: &HashKey) -> Result<HashKey, SharedError> {
        let mut keep = cmd("SET");
        keep.arg(CLIENT_KEY).arg(fresh.expose()).arg("NX").arg("EX").arg(KEY_LIFETIME.as_secs());
        // GET tells the key before, and that there was none by nothing.
        keep.arg("GET");
        let before = self.way.ask(async |wire| keep.query_async(wire).await).await?;
        if before == Value::Nil {
            return Ok(fresh.clone());
        }
        let bytes: [u8; 16] =
            from_redis_value(before).map_err(|error| SharedError(error.into()))?;
        Ok(HashKey::from_bytes(bytes))
    }
}

impl Way {
    async fn run(&self, script: &Script, call: &Cmd) -> Result<Value, SharedError> {
        self.ask(async |wire| script.run(wire, call).await).await
    }

    async fn ask(
        &self,
        question: impl AsyncFnOnce(&mut Wire) -> redis::RedisResult<Value>,
    ) -> Result<Value, SharedError> {
        if self.resting().is_some_and(|until| Instant::now() < until) {
            return Err(SharedError(Resting.into()));
        }
        let mut live = self.link.live().map_err(|down| SharedError(down.into()))?;
        match timeout(PATIENCE, question(&mut live.wire)).await {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(error)) => {
                self.link.heed(live.number, &error);
                Err(SharedError(error.into()))
            }
            Err(_) => {
                *self.resting() = Some(Instant::now() + REST);
                Err(SharedError(Resting.into()))
            }
        }
    }

    fn resting(&self) -> std::sync::MutexGuard<'_, Option<Instant>> {
        self.resting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Remembers for longer than it is asked to, up to twice as long: what was accepted then is a
/// duplicate all the same, and the store would call it one.
#[async_trait]
impl SeenSet for RedisShared {
    async fn seen(&self, keys: &[SeenKey], _: Duration) -> Result<Vec<bool>, SharedError> {
        let mut call = self.seen.call(&SEEN[..2]);
        for key in keys {
            call.arg(&member(key)[..]);
        }
        let answer = self.way.run(&self.seen, &call).await?;
        let answer: String = from_redis_value(answer).map_err(|error| SharedError(error.into()))?;
        Ok(answer.bytes().map(|known| known == b'1').collect())
    }

    async fn remember(
        &self,
        keys: &[SeenKey],
        window: Duration,
        max_keys: usize,
    ) -> Result<(), SharedError> {
        let mut call = self.remember.call(&SEEN);
        call.arg(window.as_secs().div_ceil(3_600).max(1)).arg((max_keys / 2).max(1));
        for key in keys {
            call.arg(&member(key)[..]);
        }
        self.way.run(&self.remember, &call).await.map(drop)
    }
}

/// Answers of the statistics. They are public, so their keys need no secret; what cannot be reached
/// is not there.
#[async_trait]
impl SharedAnswers for RedisShared {
    async fn get(&self, key: &str) -> Option<Vec<u8>> {
        let mut get = cmd("GET");
        get.arg(answer_key(key));
        let found = self.way.ask(async |wire| get.query_async(wire).await).await.ok()?;
        from_redis_value(found).ok()
    }

    async fn put(&self, key: &str, value: &[u8]) {
        let mut set = cmd("SET");
        set.arg(answer_key(key)).arg(value).arg("PX").arg(cache::LIFETIME.as_millis() as u64);
        // Not kept is not lost: it is made again.
        self.way.ask(async |wire| set.query_async(wire).await).await.ok();
    }
}

fn answer_key(key: &str) -> String {
    format!("analytics:answers:{}", fingerprint(key.as_bytes()))
}

fn member(key: &SeenKey) -> [u8; 17] {
    let (kind, hash) = match key {
        SeenKey::Batch(key) => (b'b', key.as_bytes()),
        SeenKey::Event(key) => (b'e', key.as_bytes()),
    };
    let mut member = [kind; 17];
    member[1..].copy_from_slice(hash);
    member
}

#[cfg(test)]
mod tests;
