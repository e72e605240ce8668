//! Who holds which entry: the server knows, by consumer, and hands the entries of a worker that died
//! to others after a while. This side keeps what it was given until it is acknowledged.
//!
//! Whatever talks to the server runs in a task of its own: a caller that goes away while entries are
//! on their way would otherwise leave them claimed and forgotten.

mod listen;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Arc, MutexGuard, PoisonError};
use std::time::Duration;

use redis::{Cmd, RedisResult, Value, cmd};
use stages::ports::QueueError;
use stages::{Entry, EntryId};
use tokio::sync::{Mutex, Notify};
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;

use self::listen::{LISTEN, Listener};
use super::failure::Failure;
use super::raw::{Raw, entries, entries_read};
use super::scripts::Scripts;
use super::shard::{GROUP, Shard, read};
use crate::redis_link::{Live, RedisLink, Wire};
use crate::shutdown::Tasks;

/// Most entries in one answer.
const ANSWER: usize = 2_000;
/// Events in an entry, as long as none was seen: rather ask twice than claim too much at first.
const MEAN_EVENTS: f64 = 100.0;
/// Consumers that are silent for longer, and hold nothing, are forgotten.
const SILENT: Duration = Duration::from_secs(3_600);
/// Most entries in one call that names them.
const NAMED: usize = 1_000;

/// The claims of this process.
pub(super) struct Claims {
    pub(super) link: Arc<RedisLink>,
    pub(super) scripts: Arc<Scripts>,
    pub(super) shards: Vec<Arc<Shard>>,
    /// This process, among the consumers of the group.
    consumer: String,
    claim_after: Duration,
    tasks: Tasks,
    /// Told when entries have come or were given back.
    changed: Notify,
    state: std::sync::Mutex<State>,
    /// When forsaken entries were last taken over. Held while the streams are looked through.
    looked: Mutex<Option<Instant>>,
    listeners: Vec<Listener>,
    closed: CancellationToken,
}

struct State {
    /// Entries that nobody has asked for yet, by place and shard.
    ready: BTreeMap<(u64, usize), Entry>,
    /// Shard and place of each entry that this process holds.
    held: HashMap<EntryId, (usize, u64)>,
    /// Entries that were reported as unreadable.
    unreadable: HashSet<EntryId>,
    /// Running mean of the events in an entry.
    mean_events: f64,
    /// There may be forsaken entries that can be taken over at once.
    forsaken: bool,
}

impl Claims {
    pub(super) fn new(
        link: Arc<RedisLink>,
        scripts: Arc<Scripts>,
        shards: Vec<Arc<Shard>>,
        consumer: String,
        claim_after: Duration,
        tasks: Tasks,
    ) -> Self {
        let listeners = shards.iter().map(|_| Listener::default()).collect();
        let state = State {
            ready: BTreeMap::new(),
            held: HashMap::new(),
            unreadable: HashSet::new(),
            mean_events: MEAN_EVENTS,
            forsaken: false,
        };
        Self {
            link,
            scripts,
            shards,
            consumer,
            claim_after,
            tasks,
            changed: Notify::new(),
            state: std::sync::Mutex::new(state),
            looked: Mutex::new(None),
            listeners,
            closed: CancellationToken::new(),
        }
    }

    /// See [`stages::ports::Consume::claim`].
    pub(super) async fn claim(
        self: &Arc<Self>,
        max_events: usize,
        patience: Duration,
    ) -> Result<Vec<Entry>, QueueError> {
        // A patience beyond all clocks never ends.
        let deadline = Instant::now().checked_add(patience);
        loop {
            let changed = self.changed.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            if self.closed.is_cancelled() {
                return Err(Failure::Closed.into());
            }
            let entries = self.take(max_events);
            if !entries.is_empty() {
                return Ok(entries);
            }
            let this = Arc::clone(self);
            let looking = self.tasks.spawn(async move { this.look(max_events).await });
            looking.await.unwrap_or(Err(Failure::Lost))?;
            let entries = self.take(max_events);
            let left = deadline.map_or(LISTEN, |end| end.saturating_duration_since(Instant::now()));
            if !entries.is_empty() || left.is_zero() {
                return Ok(entries);
            }
            self.listen(left.min(LISTEN), max_events);
            timeout(left.min(LISTEN), changed).await.ok();
        }
    }

    /// Removes entries for good.
    pub(super) async fn acknowledge(&self, entries: &[EntryId]) -> Result<(), Failure> {
        let mut live = self.link.live()?;
        for (shard, held) in self.by_shard(entries) {
            let shard = &self.shards[shard];
            for some in held.chunks(NAMED) {
                let keys = [&shard.stream, &shard.ids, &shard.counters];
                let mut call = self.scripts.acknowledge.call(&keys);
                call.arg(GROUP);
                for (id, place) in some {
                    call.arg(id.as_bytes()).arg(place);
                }
                let done = self.scripts.acknowledge.run(&mut live.wire, &call).await;
                done.inspect_err(|error| self.link.heed(live.number, error))?;
            }
        }
        let mut state = self.state();
        for entry in entries {
            state.held.remove(entry);
        }
        Ok(())
    }

    /// Gives entries back. When the server cannot be told, it finds out by itself after a while.
    pub(super) async fn release(&self, entries: &[EntryId]) {
        let by_shard = self.by_shard(entries);
        {
            let mut state = self.state();
            for entry in entries {
                state.held.remove(entry);
            }
            state.forsaken = true;
        }
        for (shard, held) in by_shard {
            let places: Vec<_> = held.into_iter().map(|(_, place)| place).collect();
            if let Err(error) = self.give_back(shard, &places).await {
                tracing::debug!(%error, "entries were not given back; they are taken over later");
            }
        }
        self.changed.notify_waiters();
    }

    /// Gives everything back and forgets this consumer.
    pub(super) async fn close(&self) {
        self.closed.cancel();
        self.changed.notify_waiters();
        for (shard, listener) in self.shards.iter().zip(&self.listeners) {
            // Whatever is on its way has come when this is free.
            let _listener = listener.wire.lock().await;
            let Ok(mut live) = self.link.live() else { continue };
            let mut call = self.scripts.leave.call(&[&shard.stream]);
            call.arg(GROUP).arg(&self.consumer).arg(self.claim_after_ms());
            // The group may be gone, or there may never have been one.
            self.scripts.leave.run(&mut live.wire, &call).await.ok();
        }
        let mut state = self.state();
        state.ready.clear();
        state.held.clear();
    }

    /// Entries that have come, up to the one that reaches `max_events`.
    fn take(&self, max_events: usize) -> Vec<Entry> {
        let mut state = self.state();
        let (mut entries, mut events) = (Vec::new(), 0);
        while let Some(next) = state.ready.first_entry() {
            events += next.get().events.len();
            entries.push(next.remove());
            if events >= max_events {
                break;
            }
        }
        entries
    }

    /// Looks through all streams once, without waiting.
    async fn look(&self, max_events: usize) -> Result<(), Failure> {
        let mut looked = self.looked.lock().await;
        let mut live = self.link.live()?;
        let due = looked.is_none_or(|at| at.elapsed() > self.claim_after / 4);
        let forsaken = std::mem::take(&mut self.state().forsaken);
        for index in 0..self.shards.len() {
            let outcome = async {
                if due || forsaken {
                    self.take_over(index, &mut live, max_events).await?;
                }
                while let Some(count) = self.wanted(max_events) {
                    let read = self.read_new(index, count, None);
                    let raw = self.with_group(index, &mut live, read).await?;
                    let last = raw.len() < count;
                    self.absorb(index, raw, &mut live).await?;
                    if last {
                        break;
                    }
                }
                RedisResult::Ok(())
            };
            outcome.await.inspect_err(|error| self.link.heed(live.number, error))?;
        }
        if due {
            *looked = Some(Instant::now());
            self.tidy(&mut live).await;
        }
        Ok(())
    }

    /// How many entries to ask for; none when enough have come.
    fn wanted(&self, max_events: usize) -> Option<usize> {
        let state = self.state();
        let ready: usize = state.ready.values().map(|entry| entry.events.len()).sum();
        let missing = max_events.max(1).checked_sub(ready).filter(|missing| *missing > 0)?;
        Some(((missing as f64 / state.mean_events.max(1.0)).ceil() as usize).clamp(1, ANSWER))
    }

    fn read_new(&self, index: usize, count: usize, block: Option<Duration>) -> Cmd {
        let mut read = cmd("XREADGROUP");
        read.arg("GROUP").arg(GROUP).arg(&self.consumer).arg("COUNT").arg(count);
        if let Some(block) = block {
            read.arg("BLOCK").arg(u64::try_from(block.as_millis()).unwrap_or(u64::MAX).max(1));
        }
        read.arg("STREAMS").arg(&self.shards[index].stream).arg(">");
        read
    }

    /// Runs a command that needs the group, and makes the group when it is gone: from the first
    /// entry on, so that none is passed over. What was processed already is recognised in the store.
    async fn with_group(&self, index: usize, live: &mut Live, read: Cmd) -> RedisResult<Vec<Raw>> {
        let answer = match read.query_async(&mut live.wire).await {
            Err(error) if error.code() == Some("NOGROUP") => {
                self.make_group(index, &mut live.wire).await?;
                read.query_async(&mut live.wire).await?
            }
            answer => answer?,
        };
        entries_read(answer)
    }

    async fn make_group(&self, index: usize, wire: &mut Wire) -> RedisResult<()> {
        let mut call = self.scripts.group.call(&[&self.shards[index].stream]);
        call.arg(GROUP);
        self.scripts.group.run(wire, &call).await.map(drop)
    }

    /// Takes over entries that their holders have forsaken, until enough have come.
    async fn take_over(&self, index: usize, live: &mut Live, max_events: usize) -> RedisResult<()> {
        let mut cursor = "0-0".to_owned();
        loop {
            let Some(count) = self.wanted(max_events) else {
                self.state().forsaken = true;
                return Ok(());
            };
            let mut claim = cmd("XAUTOCLAIM");
            claim.arg(&self.shards[index].stream).arg(GROUP).arg(&self.consumer);
            claim.arg(self.claim_after_ms()).arg(&cursor).arg("COUNT").arg(count);
            let answer: Value = match claim.query_async(&mut live.wire).await {
                // Then nobody holds anything.
                Err(error) if error.code() == Some("NOGROUP") => return Ok(()),
                answer => answer?,
            };
            let (next, raw, _): (String, Value, Value) = read(answer)?;
            self.absorb(index, entries(raw)?, live).await?;
            if next == "0-0" {
                return Ok(());
            }
            cursor = next;
        }
    }

    /// Keeps entries that have come until somebody asks for them.
    async fn absorb(&self, index: usize, raw: Vec<Raw>, live: &mut Live) -> RedisResult<()> {
        let (mut unreadable, mut came) = (Vec::new(), false);
        {
            let mut state = self.state();
            for raw in raw {
                if let Some((run, accepted)) = raw.evidence() {
                    self.shards[index].hint(run, accepted);
                }
                // Taken over from this process itself, which is slow but not dead.
                if state.held.contains_key(&raw.id) {
                    continue;
                }
                match Entry::decode(raw.id, &raw.payload) {
                    Ok(entry) => {
                        let events = entry.events.len() as f64;
                        state.mean_events += (events - state.mean_events) / 16.0;
                        state.held.insert(raw.id, (index, raw.place));
                        state.ready.insert((raw.place, index), entry);
                        came = true;
                    }
                    Err(error) => {
                        if state.unreadable.insert(raw.id) {
                            tracing::error!(entry = %raw.id, %error, "left to others: cannot be read");
                        }
                        unreadable.push(raw.place);
                    }
                }
            }
        }
        // Who looks in vain must not wake itself, or it would look again at once, for ever.
        if came {
            self.changed.notify_waiters();
        }
        if unreadable.is_empty() { Ok(()) } else { self.tell(index, &unreadable, live).await }
    }

    async fn give_back(&self, index: usize, places: &[u64]) -> Result<(), Failure> {
        let mut live = self.link.live()?;
        let told = self.tell(index, places, &mut live).await;
        Ok(told.inspect_err(|error| self.link.heed(live.number, error))?)
    }

    async fn tell(&self, index: usize, places: &[u64], live: &mut Live) -> RedisResult<()> {
        for some in places.chunks(NAMED) {
            let mut call = self.scripts.release.call(&[&self.shards[index].stream]);
            call.arg(GROUP).arg(&self.consumer).arg(self.claim_after_ms()).arg(some);
            self.scripts.release.run(&mut live.wire, &call).await?;
        }
        Ok(())
    }

    async fn tidy(&self, live: &mut Live) {
        for shard in &self.shards {
            let mut call = self.scripts.tidy.call(&[&shard.stream]);
            call.arg(GROUP).arg(SILENT.as_millis() as u64);
            // Nothing depends on it, and it comes again.
            self.scripts.tidy.run(&mut live.wire, &call).await.ok();
        }
    }

    fn by_shard(&self, entries: &[EntryId]) -> BTreeMap<usize, Vec<(EntryId, u64)>> {
        let state = self.state();
        let mut by_shard = BTreeMap::<_, Vec<_>>::new();
        for entry in entries {
            if let Some(&(shard, place)) = state.held.get(entry) {
                by_shard.entry(shard).or_default().push((*entry, place));
            }
        }
        by_shard
    }

    fn claim_after_ms(&self) -> u64 {
        u64::try_from(self.claim_after.as_millis()).unwrap_or(u64::MAX)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
