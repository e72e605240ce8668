//! Taking the place of another queue: its key for identities and its totals. Separate from what a
//! queue does every day, because it happens once in the life of an installation, if ever.

use redis::{Value, cmd};
use stages::ports::QueueError;

use super::shard::{DISK_MS, read};
use super::{META, REFUSALS, RedisQueue, refusal_field};
use crate::queue::{Past, Queue};

impl RedisQueue {
    /// Takes over what another queue was, if this one is new, or has taken it over before. False when
    /// it has a past of its own. Nothing else may use it at the same time, and it must be opened
    /// anew before it is used.
    ///
    /// The totals come last: whoever finds them finds everything.
    ///
    /// # Errors
    /// When the server fails. It is safe to try again.
    pub async fn adopt(&self, past: &Past) -> Result<bool, QueueError> {
        if !self.may_adopt(past).await? {
            return Ok(false);
        }
        let mut keep = redis::pipe();
        keep.cmd("HSET").arg(META).arg("identity_key").arg(past.identity_key.expose());
        for ((kind, code), count) in &past.refusals {
            keep.cmd("HSET").arg(REFUSALS).arg(refusal_field(*kind, code)).arg(*count);
        }
        self.with(async |live| keep.query_async::<Value>(&mut live.wire).await.map(drop)).await?;
        let shard = &self.claims.shards[0];
        self.with(async |live| {
            let mut call = self.scripts.adopt.call(&[&shard.counters]);
            call.arg(&*live.run).arg(past.accepted).arg(past.door_duplicates);
            let taken: u32 = read(self.scripts.adopt.run(&mut live.wire, &call).await?)?;
            if live.wait_aof {
                let mut wait = cmd("WAITAOF");
                wait.arg(1).arg(0).arg(DISK_MS);
                wait.query_async::<Value>(&mut live.wire).await?;
            }
            Ok(taken == 1)
        })
        .await
    }

    /// Whether [`RedisQueue::adopt`] would do it.
    ///
    /// # Errors
    /// When the server fails.
    pub async fn may_adopt(&self, past: &Past) -> Result<bool, QueueError> {
        let state = self.state().await?;
        let untouched = state.accepted == 0 && state.entries == 0;
        let same_key = self.identity_key().await?.expose() == past.identity_key.expose();
        Ok(untouched || (same_key && state.accepted == past.accepted && state.entries == 0))
    }
}
