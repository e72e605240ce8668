//! Limits: what waits is asked in one call, as a script costs the server far more than a bucket does.
//! Separate from the rest, because only limits are asked for with every request.

use std::collections::HashMap;
use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use redis::from_redis_value;
use stages::ClientKey;
use stages::ports::{Bucket, RateCounter, SharedError, Taken};
use tokio::sync::{mpsc, oneshot};

use super::{RedisShared, Way};
use crate::redis_link::Script;
use crate::shutdown::Tasks;

/// Most requests in a call, and most that wait: beyond that, callers wait before the channel.
const REQUESTS: usize = 256;

/// The task that asks has ended, or its answer was none.
#[derive(Debug, thiserror::Error)]
#[error("no answer about limits")]
struct NoAnswer;

/// The limits of a request.
pub(super) struct Take {
    pub(super) client: ClientKey,
    /// Buckets, each with its cost.
    pub(super) asks: Vec<(Bucket, u64)>,
    /// Who went away is not answered; what was taken stays taken.
    pub(super) reply: oneshot::Sender<Result<Vec<Taken>, SharedError>>,
}

/// Starts to ask for what is sent, until stopping is asked for: then the last request was answered.
pub(super) fn start(way: Arc<Way>, tasks: &Tasks) -> mpsc::Sender<Take> {
    let (sender, mut takes) = mpsc::channel(REQUESTS);
    let stop = tasks.clone();
    tasks.spawn(async move {
        let limits = Limits::new(way);
        let mut waiting = Vec::with_capacity(REQUESTS);
        loop {
            let received = tokio::select! {
                received = takes.recv_many(&mut waiting, REQUESTS) => received,
                () = stop.stop_asked() => 0,
            };
            if received == 0 {
                return;
            }
            let outcome = limits.take(None, &waiting).await;
            answer(waiting.drain(..), outcome);
        }
    });
    sender
}

fn answer(
    takes: impl ExactSizeIterator<Item = Take>,
    outcome: Result<Vec<Vec<Taken>>, SharedError>,
) {
    match outcome {
        Ok(answers) => {
            for (take, taken) in takes.zip(answers) {
                take.reply.send(Ok(taken)).ok();
            }
        }
        Err(SharedError(cause)) => {
            let cause: Arc<dyn Error + Send + Sync> = cause.into();
            for take in takes {
                take.reply.send(Err(SharedError(Arc::clone(&cause).into()))).ok();
            }
        }
    }
}

/// The script, and the way to the server.
pub(super) struct Limits {
    way: Arc<Way>,
    script: Script,
}

impl Limits {
    pub(super) fn new(way: Arc<Way>) -> Self {
        Self { way, script: Script::new(&["#!lua\n", include_str!("take.lua")]) }
    }

    /// Takes tokens for requests, one after the other, at a time in microseconds; the server's, when
    /// there is none. Answers for each what [`RateCounter::take_all`] does.
    pub(super) async fn take(
        &self,
        now: Option<u64>,
        takes: &[Take],
    ) -> Result<Vec<Vec<Taken>>, SharedError> {
        let mut places = HashMap::new();
        let mut keys = Vec::new();
        for take in takes {
            for (bucket, _) in &take.asks {
                places.entry((take.client, bucket.name)).or_insert_with(|| {
                    keys.push(key(take.client, bucket.name));
                    keys.len()
                });
            }
        }
        let mut call = self.script.call(&keys);
        call.arg(now.map(|now| now.to_string()).unwrap_or_default());
        for take in takes {
            call.arg(take.asks.len());
            for (bucket, cost) in &take.asks {
                call.arg(places[&(take.client, bucket.name)]);
                call.arg(bucket.capacity).arg(bucket.per_minute.max(1)).arg(cost);
            }
        }
        let answer = self.way.run(&self.script, &call).await?;
        let answer: String = from_redis_value(answer).map_err(|error| SharedError(error.into()))?;
        read(&answer, takes).ok_or_else(|| SharedError(NoAnswer.into()))
    }
}

/// One hash tag, so that all limits can be asked at once, in a cluster too.
fn key(client: ClientKey, bucket: &str) -> String {
    format!("analytics:{{limits}}:{client}:{bucket}")
}

/// Reads what the script answers: nothing about the buckets after one that refused.
fn read(answer: &str, takes: &[Take]) -> Option<Vec<Vec<Taken>>> {
    let mut numbers = answer.split(' ').map(|number| number.parse::<u64>().ok());
    let mut next = || numbers.next().flatten();
    let mut bucket = || {
        Some(Taken {
            allowed: next()? == 1,
            remaining: next()?,
            retry_after: Duration::from_micros(next()?),
            full_after: Duration::from_micros(next()?),
        })
    };
    let of = |take: &Take| {
        let mut taken = Vec::with_capacity(take.asks.len());
        for _ in &take.asks {
            taken.push(bucket()?);
            if taken.last().is_some_and(|taken| !taken.allowed) {
                break;
            }
        }
        Some(taken)
    };
    takes.iter().map(of).collect()
}

#[async_trait]
impl RateCounter for RedisShared {
    async fn take_all(
        &self,
        client: ClientKey,
        asks: &[(Bucket, u64)],
    ) -> Result<Vec<Taken>, SharedError> {
        let (reply, answer) = oneshot::channel();
        let take = Take { client, asks: asks.to_vec(), reply };
        let ended = || SharedError(NoAnswer.into());
        self.takes.send(take).await.map_err(|_| ended())?;
        answer.await.map_err(|_| ended())?
    }
}
