//! One shard: a stream, its counters and what stands beside them, all in one slot of a cluster, so
//! that one script changes them together.

use std::sync::{Mutex, MutexGuard, PoisonError};

use redis::{Cmd, FromRedisValue, RedisResult, Value, from_redis_value};
use stages::{EntryId, Hour};

use super::failure::Failure;
use super::scripts::Scripts;
use crate::queue::Position;
use crate::redis_link::{Live, Script, unknown_script};

/// The consumer group of the workers.
pub(super) const GROUP: &str = "workers";
/// How long the last number of an appender is kept after its last append: far longer than an entry
/// can wait anywhere without expiring.
const APPENDER_LIFETIME_SECONDS: u64 = 30 * 86_400;
/// How long WAITAOF and WAIT wait, in milliseconds; together less than a connection waits for its
/// answer. A disk that is asked once a second takes that long, a replica that is well a moment.
pub(super) const DISK_MS: u64 = 3_000;
const REPLICAS_MS: u64 = 1_000;

/// Names an appender: random, and another one after every append of which the outcome is unknown.
pub(in crate::queue) type Appender = EntryId;

pub(super) struct Shard {
    pub(super) index: u32,
    pub(super) stream: String,
    pub(super) ids: String,
    pub(super) counters: String,
    tag: String,
    known: Mutex<Known>,
}

/// What was last heard of the shard: heals its counters after a crash that set them back.
#[derive(Default)]
struct Known {
    run: String,
    accepted: u64,
}

/// An entry to append.
pub(in crate::queue) struct Row {
    pub(in crate::queue) id: EntryId,
    /// Duplicates recognised at the door included.
    pub(in crate::queue) events: u64,
    pub(in crate::queue) door_duplicates: u64,
    pub(in crate::queue) received: String,
    pub(in crate::queue) payload: Vec<u8>,
}

/// How appends are made.
#[derive(Debug, Clone, Copy)]
pub(super) struct Terms {
    /// Most events in a shard.
    pub(super) max_events: u64,
    /// Most bytes in a shard.
    pub(super) max_bytes: u64,
    /// Replicas that must confirm.
    pub(super) replicas: u32,
}

/// What a shard knows of itself.
pub(super) struct ShardState {
    pub(super) accepted: u64,
    pub(super) door_duplicates: u64,
    pub(super) entries: u64,
    pub(super) events: u64,
    pub(super) bytes: u64,
    pub(super) healed: u64,
    pub(super) position: Position,
    pub(super) oldest_received: Option<Hour>,
}

impl Shard {
    pub(super) fn new(index: u32) -> Self {
        let tag = format!("analytics:{{queue{index}}}");
        Self {
            index,
            stream: format!("{tag}:stream"),
            ids: format!("{tag}:ids"),
            counters: format!("{tag}:counters"),
            tag,
            known: Mutex::default(),
        }
    }

    /// Appends rows, each with its number among those of `appender`, in one round trip. True for
    /// each that is in the queue, false for each for which there is no room.
    pub(super) async fn append(
        &self,
        scripts: &Scripts,
        mut live: Live,
        appender: Appender,
        rows: &[(u64, Row)],
        terms: Terms,
        stop_when_full: bool,
    ) -> Result<Vec<bool>, Failure> {
        let appender = self.appender(appender);
        let keys = [&self.stream, &self.ids, &self.counters, &appender];
        let mut call = scripts.append.call(&keys);
        self.begin(&mut call, &live);
        call.arg(terms.max_events).arg(terms.max_bytes).arg(if stop_when_full { "1" } else { "" });
        call.arg(APPENDER_LIFETIME_SECONDS);
        for (number, row) in rows {
            call.arg(number).arg(row.id.as_bytes()).arg(row.events).arg(row.door_duplicates);
            call.arg(&row.received).arg(&row.payload);
        }
        let answer = confirmed(&scripts.append, &mut live, call, terms.replicas).await?;
        let (run, accepted, fits): (String, u64, String) = read(answer)?;
        self.learn(run, accepted);
        Ok(fits.bytes().map(|fit| fit == b'1').collect())
    }

    /// Closes an appender. Answers the number of the last entry that was taken from it, and that has
    /// reached what an append must reach.
    pub(super) async fn close(
        &self,
        scripts: &Scripts,
        mut live: Live,
        appender: Appender,
        terms: Terms,
    ) -> Result<u64, Failure> {
        let mut call = scripts.close.call(&[self.appender(appender)]);
        call.arg(APPENDER_LIFETIME_SECONDS);
        Ok(read(confirmed(&scripts.close, &mut live, call, terms.replicas).await?)?)
    }

    fn appender(&self, appender: Appender) -> String {
        format!("{}:appender:{appender}", self.tag)
    }

    pub(super) async fn state(
        &self,
        scripts: &Scripts,
        live: &mut Live,
    ) -> RedisResult<ShardState> {
        let mut call = scripts.state.call(&[&self.stream, &self.counters]);
        self.begin(&mut call, live);
        let answer = scripts.state.run(&mut live.wire, &call).await?;
        type Answer = (String, u64, u64, u64, u64, u64, u64, u64, String, String);
        let (run, accepted, door_duplicates, entries, events, bytes, healed, newest, oldest, hour): Answer =
            read(answer)?;
        self.learn(run, accepted);
        Ok(ShardState {
            accepted,
            door_duplicates,
            entries,
            events,
            bytes,
            healed,
            position: Position { newest, oldest: oldest.parse().ok() },
            oldest_received: Hour::parse(&hour),
        })
    }

    /// Takes note of what an entry carries.
    pub(super) fn hint(&self, run: &str, accepted: u64) {
        let mut known = self.known();
        if known.run.is_empty() {
            run.clone_into(&mut known.run);
        }
        // What another life of the server says is worth nothing until a script has spoken.
        if known.run == run {
            known.accepted = known.accepted.max(accepted);
        }
    }

    /// Takes note of what a script answered: whatever was known before, it has been told.
    fn learn(&self, run: String, accepted: u64) {
        let mut known = self.known();
        let accepted = if known.run == run { known.accepted.max(accepted) } else { accepted };
        *known = Known { run, accepted };
    }

    fn begin(&self, call: &mut Cmd, live: &Live) {
        let known = self.known();
        call.arg(&*live.run).arg(&known.run).arg(known.accepted);
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Makes a call, and waits until the disk and replicas have it where they must.
async fn confirmed(
    script: &Script,
    live: &mut Live,
    call: Cmd,
    replicas: u32,
) -> Result<Value, Failure> {
    if !live.wait_aof && replicas == 0 {
        return Ok(script.run(&mut live.wire, &call).await?);
    }
    let mut pipeline = redis::pipe();
    pipeline.add_command(call);
    if live.wait_aof {
        pipeline.cmd("WAITAOF").arg(1).arg(0).arg(DISK_MS);
    }
    if replicas > 0 {
        pipeline.cmd("WAIT").arg(replicas).arg(REPLICAS_MS);
    }
    let answers = match pipeline.query_async::<Vec<Value>>(&mut live.wire).await {
        Err(error) if unknown_script(&error) => {
            script.load(&mut live.wire).await?;
            pipeline.query_async(&mut live.wire).await?
        }
        answers => answers?,
    };
    let mut answers = answers.into_iter();
    let answer = answers.next().unwrap_or_default();
    if live.wait_aof {
        let (disks, _): (u32, u32) = read(answers.next().unwrap_or_default())?;
        if disks == 0 {
            return Err(Failure::Unconfirmed);
        }
    }
    if replicas > 0 && read::<u32>(answers.next().unwrap_or_default())? < replicas {
        return Err(Failure::Unconfirmed);
    }
    Ok(answer)
}

/// Reads an answer.
pub(super) fn read<T: FromRedisValue>(answer: Value) -> RedisResult<T> {
    Ok(from_redis_value(answer)?)
}
