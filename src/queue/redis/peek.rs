//! What an operator's commands do with the queue past all claims: look through it, give up what cannot
//! be read, and have the server write its files anew.

use std::time::Duration;

use redis::{RedisResult, Value, cmd};
use stages::ports::QueueError;
use stages::{Entry, Hour};
use tokio::time::{Instant, sleep};

use super::RedisQueue;
use super::raw::{Raw, entries};
use super::shard::{GROUP, read};
use crate::queue::Peeked;
use crate::redis_link::Wire;

/// Entries that are looked at together.
const PEEKED: usize = 500;
/// Time in which the server must have written its files.
const PATIENCE: Duration = Duration::from_secs(60);
const PAUSE: Duration = Duration::from_millis(100);

impl RedisQueue {
    pub(super) async fn look_through(
        &self,
        show: &mut (dyn FnMut(Peeked) + Send),
    ) -> Result<(), QueueError> {
        for (index, shard) in self.claims.shards.iter().enumerate() {
            let mut from = "-".to_owned();
            loop {
                let mut range = cmd("XRANGE");
                range.arg(&shard.stream).arg(&from).arg("+").arg("COUNT").arg(PEEKED);
                let answer: Value =
                    self.with(async |live| range.query_async(&mut live.wire).await).await?;
                let raw = entries(answer).map_err(|error| QueueError(Box::new(error)))?;
                let Some(newest) = raw.last() else { break };
                from = format!("({}-0", newest.place);
                for raw in raw {
                    show(self.peeked(index, raw).await?);
                }
            }
        }
        Ok(())
    }

    async fn peeked(&self, shard: usize, raw: Raw) -> Result<Peeked, QueueError> {
        let entry = Entry::decode(raw.id, &raw.payload);
        let received = raw.received().ok_or_else(|| QueueError("an entry has no hour".into()))?;
        let events = match &entry {
            Ok(entry) => entry.events.len() as u64 + u64::from(entry.door_duplicates),
            Err(_) => self.events_of(shard, &raw).await?,
        };
        Ok(Peeked { id: raw.id, received, events, place: (shard, raw.place), entry })
    }

    /// How many events the counters have for an entry that cannot be read.
    async fn events_of(&self, shard: usize, raw: &Raw) -> Result<u64, QueueError> {
        let mut get = cmd("HGET");
        get.arg(&self.claims.shards[shard].ids).arg(raw.id.as_bytes());
        let held: Option<String> =
            self.with(async |live| get.query_async(&mut live.wire).await).await?;
        Ok(held.and_then(|held| held.split(' ').nth(1)?.parse().ok()).unwrap_or(0))
    }

    pub(super) async fn give_up(&self, entries: &[Peeked]) -> Result<(), QueueError> {
        for entry in entries {
            let (shard, place) = entry.place;
            let shard = &self.claims.shards[shard];
            let mut call =
                self.scripts.acknowledge.call(&[&shard.stream, &shard.ids, &shard.counters]);
            call.arg(GROUP).arg(entry.id.as_bytes()).arg(place);
            let run = async |live: &mut crate::redis_link::Live| {
                self.scripts.acknowledge.run(&mut live.wire, &call).await.map(drop)
            };
            self.with(run).await?;
        }
        Ok(())
    }

    /// Has the server write its log, and its snapshot if it makes any, from what it holds now.
    pub(super) async fn rewrite_files(&self) -> Result<Vec<String>, QueueError> {
        let mut live = self.link.live().map_err(|down| QueueError(Box::new(down)))?;
        if matches!(live.wire, Wire::Many(_)) {
            let advice = "a cluster's nodes write their files anew when each is told BGREWRITEAOF";
            return Ok(vec![advice.to_owned()]);
        }
        let mut undone = Vec::new();
        if let Err(error) = rewritten(&mut live.wire, "BGREWRITEAOF", "aof_rewrite").await {
            undone.push(format!("Redis did not write its log anew (BGREWRITEAOF: {error})"));
        }
        if saves(&mut live.wire).await.unwrap_or(true)
            && let Err(error) = rewritten(&mut live.wire, "BGSAVE", "rdb_bgsave").await
        {
            undone.push(format!("Redis did not write its snapshot anew (BGSAVE: {error})"));
        }
        Ok(undone)
    }
}

/// Whether the server makes snapshots.
async fn saves(wire: &mut Wire) -> RedisResult<bool> {
    let mut get = cmd("CONFIG");
    let answer: Vec<String> = get.arg("GET").arg("save").query_async(wire).await?;
    Ok(answer.get(1).is_some_and(|when| !when.is_empty()))
}

/// Has something written in the background, and waits for its end.
async fn rewritten(wire: &mut Wire, command: &str, state: &str) -> Result<(), String> {
    let said = |error: redis::RedisError| error.to_string();
    cmd(command).query_async::<Value>(wire).await.map_err(said)?;
    let deadline = Instant::now() + PATIENCE;
    loop {
        let mut info = cmd("INFO");
        let answer: Value = info.arg("persistence").query_async(wire).await.map_err(said)?;
        let info: String = read(answer).map_err(said)?;
        let is = |name: &str, value: &str| {
            info.lines().any(|line| line.trim_end() == format!("{name}:{value}"))
        };
        let busy = is(&format!("{state}_in_progress"), "1") || is("aof_rewrite_scheduled", "1");
        if !busy {
            let status = if state == "aof_rewrite" {
                "aof_last_bgrewrite_status"
            } else {
                "rdb_last_bgsave_status"
            };
            return if is(status, "ok") { Ok(()) } else { Err("it failed".to_owned()) };
        }
        if Instant::now() > deadline {
            return Err("it takes too long".to_owned());
        }
        sleep(PAUSE).await;
    }
}

impl Raw {
    /// The hour in which the entry was received.
    fn received(&self) -> Option<Hour> {
        Hour::parse(self.marks().rsplit(' ').next()?)
    }
}
