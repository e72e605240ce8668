//! The one task that appends to a shard. What waits goes in one round trip, so that one fsync serves
//! many; separate from the queue, because nothing else may count its entries.

use std::sync::Arc;

use tokio::sync::{mpsc, oneshot};

use super::failure::{Failure, Refused};
use super::scripts::Scripts;
use super::shard::{Appender, Row, Shard, Terms};
use crate::redis_link::RedisLink;

/// Most entries in a round trip, and most that wait: beyond that, callers wait before the channel.
pub(super) const ENTRIES: usize = 1_024;

/// Where an append's outcome goes.
pub(super) type Reply = oneshot::Sender<Result<(), Refused>>;

/// Which append of which appender an entry was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::queue) struct Origin {
    pub(in crate::queue) shard: u32,
    pub(in crate::queue) appender: Appender,
    pub(in crate::queue) number: u64,
}

/// The appends of one shard.
pub(super) struct Writer {
    pub(super) link: Arc<RedisLink>,
    pub(super) scripts: Arc<Scripts>,
    pub(super) shard: Arc<Shard>,
    pub(super) terms: Terms,
    /// Under which name entries are numbered, and the next number. Absent until it is needed, and
    /// after an append of which the outcome is unknown.
    pub(super) appender: Option<(Appender, u64)>,
}

impl Writer {
    /// Appends until the channel closes.
    pub(super) async fn run(mut self, mut jobs: mpsc::Receiver<(Row, Reply)>) {
        let mut waiting = Vec::with_capacity(ENTRIES);
        let mut failing = false;
        while jobs.recv_many(&mut waiting, ENTRIES).await > 0 {
            let (rows, replies): (Vec<_>, Vec<_>) = waiting.drain(..).unzip();
            let outcome = self.append(rows).await;
            // Said once; the link tells of lost connections.
            if let Err(Refused::Undone(failure) | Refused::Unknown(failure, _)) = &outcome
                && !failing
                && !matches!(failure, Failure::Down(_))
            {
                tracing::error!(error = %failure, "the queue cannot be written");
            }
            failing = outcome.is_err();
            answer(replies, outcome);
        }
    }

    async fn append(&mut self, rows: Vec<Row>) -> Result<Vec<bool>, Refused> {
        let live = self.link.live().map_err(|down| Refused::Undone(down.into()))?;
        let (appender, first) = match self.appender {
            Some(known) => known,
            // Random bytes that cannot be had are a failure before anything was sent.
            None => (Appender::random().map_err(|_| Refused::Undone(Failure::Lost))?, 1),
        };
        let (number, in_cluster) = (live.number, live.run.is_empty());
        let rows: Vec<_> = (first..).zip(rows).collect();
        self.appender = None;
        let outcome =
            self.shard.append(&self.scripts, live, appender, &rows, self.terms, false).await;
        if let Err(Failure::Redis(error)) = &outcome {
            self.link.heed(number, error);
        }
        match outcome {
            Ok(fits) => {
                self.appender = Some((appender, first + rows.len() as u64));
                Ok(fits)
            }
            // To a cluster the driver repeats calls by itself, and tells of the last one only.
            Err(failure) if in_cluster || !failure.undone() => {
                let origin = Origin { shard: self.shard.index, appender, number: first };
                Err(Refused::Unknown(failure, origin))
            }
            Err(failure) if failure.out_of_memory() => Err(Refused::Full),
            Err(failure) => Err(Refused::Undone(failure)),
        }
    }
}

/// Who went away is not answered; what it asked for stays done.
fn answer(replies: Vec<Reply>, outcome: Result<Vec<bool>, Refused>) {
    match outcome {
        Ok(fits) => {
            for (reply, fits) in replies.into_iter().zip(fits) {
                reply.send(if fits { Ok(()) } else { Err(Refused::Full) }).ok();
            }
        }
        Err(refused) => {
            for (reply, place) in replies.into_iter().zip(0..) {
                reply.send(Err(refused.clone().of(place))).ok();
            }
        }
    }
}
