//! The queue as the spool sees it: where entries go on to, each once.

use std::sync::Arc;

use stages::EntryId;

use super::failure::Failure;
use super::scripts::Scripts;
use super::shard::{Appender, Row, Shard, Terms};
use super::shard_of;
use crate::redis_link::RedisLink;

/// The shards to which entries are appended.
pub(in crate::queue) struct Target {
    pub(in crate::queue) link: Arc<RedisLink>,
    pub(super) scripts: Arc<Scripts>,
    /// All shards, also those that get nothing any more.
    pub(super) shards: Vec<Arc<Shard>>,
    /// How many of them get something.
    pub(super) appending: u32,
    pub(super) terms: Terms,
}

impl Target {
    /// How many shards get something.
    pub(in crate::queue) const fn shards(&self) -> u32 {
        self.appending
    }

    /// The shard of an entry.
    pub(in crate::queue) fn shard_of(&self, entry: EntryId) -> u32 {
        shard_of(entry, self.appending)
    }

    /// Appends rows to a shard, each with its number among those of `sender`, until one does not fit.
    /// True for each that is in the queue.
    pub(in crate::queue) async fn append(
        &self,
        shard: u32,
        sender: Appender,
        rows: &[(u64, Row)],
    ) -> Result<Vec<bool>, Failure> {
        let live = self.link.live()?;
        let number = live.number;
        let shard = self.shard(shard);
        let outcome = shard.append(&self.scripts, live, sender, rows, self.terms, true).await;
        if let Err(Failure::Redis(error)) = &outcome {
            self.link.heed(number, error);
        }
        match outcome {
            // As full as it can be; what waits here goes on later.
            Err(failure) if failure.out_of_memory() => Ok(vec![false; rows.len()]),
            outcome => outcome,
        }
    }

    /// Closes an appender: nothing more is taken from it. Answers its last number that was taken.
    pub(in crate::queue) async fn close(
        &self,
        shard: u32,
        appender: Appender,
    ) -> Result<u64, Failure> {
        let live = self.link.live()?;
        let number = live.number;
        let closed = self.shard(shard).close(&self.scripts, live, appender, self.terms).await;
        if let Err(Failure::Redis(error)) = &closed {
            self.link.heed(number, error);
        }
        closed
    }

    /// One that is named by a row of another time may be none of today's; its keys are the same.
    fn shard(&self, index: u32) -> Arc<Shard> {
        let known = self.shards.get(index as usize);
        known.map_or_else(|| Arc::new(Shard::new(index)), Arc::clone)
    }
}
