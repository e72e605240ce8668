//! Removing what should never have been sent: from the queue, the dead letters, the rows and the
//! rollups made of them, and then from the disk.
//!
//! What waits in the queue is not rewritten there. It is settled, as a worker would, by stages that
//! leave the matching events out: so markers, ledger and receipts stay right whatever fails half-way,
//! and whichever kind of queue it is. What a running worker holds it stores, and that is then removed
//! with the other rows.

mod filter;
mod leave_out;

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Context, anyhow, bail};
use stages::ports::{Outcome, QueueError, Settled, Store as _};
use stages::{
    Batch, Clock, EntryId, HashKey, Pipeline, Services, Side, StageError, StageSpec, SystemClock,
    Tally, Watch,
};

pub use self::filter::{Condition, Filter};
use self::leave_out::{LeaveOut, PURGED};
use crate::config::Loaded;
use crate::queue::{Peeked, Queue};
use crate::shutdown::Tasks;
use crate::store::{Database, Residue, RowsOfDay};
use crate::worker::{Settler, Worker};

/// How long entries may take that a running worker holds.
const PATIENCE: Duration = Duration::from_secs(60);

/// What is there to be removed, or was removed.
#[derive(Debug, Default)]
pub struct Found {
    /// Rows, by UTC date.
    pub rows: Vec<RowsOfDay>,
    /// Events in the queue.
    pub queued: u64,
    /// Dead letters.
    pub letters: u64,
    /// Dead letters and queue entries that this release cannot read, and so cannot judge.
    pub unreadable: u64,
    /// Rollups of days whose rows are gone.
    pub residues: Vec<Residue>,
    /// What could not be done, a sentence each.
    pub undone: Vec<String>,
}

impl Found {
    /// Rows of all days.
    pub fn row_count(&self) -> u64 {
        self.rows.iter().map(|day| day.rows).sum()
    }

    /// Whether there is nothing to remove.
    pub fn is_empty(&self) -> bool {
        self.row_count() + self.queued + self.letters == 0
    }
}

/// Queue and store of an installation, for a command beside its servers and workers.
pub struct Place {
    loaded: Loaded,
    queue: Arc<dyn Queue>,
    identity_key: HashKey,
    store: Database,
    tasks: Tasks,
}

impl Place {
    /// Opens the queue beside the store.
    ///
    /// # Errors
    /// When the queue cannot be opened.
    pub async fn open(loaded: Loaded, store: Database) -> anyhow::Result<Self> {
        let tasks = Tasks::new();
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
        let queue = crate::app::existing_queue(&loaded.settings, &tasks, &clock).await?;
        let identity_key = queue.identity_key().await.context("the queue has no identity key")?;
        Ok(Self { loaded, queue, identity_key, store, tasks })
    }

    /// Closes both.
    pub async fn close(self) {
        self.tasks.stop();
        self.queue.close().await;
        self.store.close().await;
    }

    /// Looks for matching events everywhere, and changes nothing.
    ///
    /// # Errors
    /// When queue or store cannot be read.
    pub async fn find(&self, filter: &Filter) -> anyhow::Result<Found> {
        let (letters, unreadable) = self.store.letters_where(filter).await?;
        let (entries, queued, odd) = self.entries(filter).await?;
        drop(entries);
        Ok(Found {
            rows: self.store.rows_where(filter).await?,
            queued,
            letters: letters.len() as u64,
            unreadable: unreadable + odd,
            residues: self.store.residues(filter).await?,
            undone: Vec::new(),
        })
    }

    /// Removes matching events everywhere, and what they left on disk.
    ///
    /// # Errors
    /// When queue or store failed. What was removed until then is removed; it can be run again.
    pub async fn remove(&self, filter: &Filter) -> anyhow::Result<Found> {
        self.store.overwrite_deleted().await?;
        let mut found = Found { queued: self.settle_without(filter).await?, ..Found::default() };
        let (letters, unreadable) = self.store.letters_where(filter).await?;
        found.letters = self.store.drop_dead_letters(&letters).await?;
        found.rows = self.store.delete_rows(&self.identity_key, filter).await?;
        let (left, _, odd) = self.entries(filter).await?;
        if !left.is_empty() {
            found.undone.push(format!(
                "{} entries of the queue are held by a worker that does not come to an end; run \
                 this again",
                left.len()
            ));
        }
        found.unreadable = unreadable + odd;
        found.residues = self.store.residues(filter).await?;
        found.undone.extend(self.scrub().await?);
        Ok(found)
    }

    /// Removes from the disk what deletions left there. Answers what could not be done.
    async fn scrub(&self) -> anyhow::Result<Vec<String>> {
        let mut undone = self.queue.scrub().await.map_err(|error| anyhow!(error.0))?;
        undone.extend(self.store.scrub().await?);
        Ok(undone)
    }

    /// Entries with matching events, how many of these there are, and how many entries cannot be
    /// read.
    async fn entries(&self, filter: &Filter) -> Result<(HashSet<EntryId>, u64, u64), QueueError> {
        let (mut entries, mut events, mut unreadable) = (HashSet::new(), 0, 0);
        let mut look = |peeked: Peeked| match peeked.entry {
            Ok(entry) => {
                let matching =
                    entry.events.iter().filter(|event| filter.matches(event, entry.received));
                let count = matching.count() as u64;
                if count > 0 {
                    events += count;
                    entries.insert(entry.id);
                }
            }
            Err(_) => unreadable += 1,
        };
        self.queue.peek(&mut look).await?;
        Ok((entries, events, unreadable))
    }

    /// Settles the queue, leaving matching events out, until none of the entries is there that hold
    /// some now. Answers how many were left out.
    async fn settle_without(&self, filter: &Filter) -> anyhow::Result<u64> {
        let (entries, ..) = self.entries(filter).await?;
        if entries.is_empty() {
            return Ok(0);
        }
        let left_out = Arc::new(LeftOut::default());
        let pipeline = self.worker_without(filter)?;
        let group = pipeline.group_events().unwrap_or(1_000);
        let settler = Settler::new(
            Arc::new(pipeline),
            Arc::new(self.store.clone()),
            Arc::clone(self.store.clock()),
            Arc::clone(&left_out) as _,
        );
        let worker = Worker::new(Arc::clone(&self.queue) as _, settler, group, self.tasks.clone());
        let clock = self.store.clock();
        let deadline = clock.monotonic() + PATIENCE;
        while clock.monotonic() < deadline {
            worker.step().await?;
            let (left, ..) = self.entries(filter).await?;
            if left.is_disjoint(&entries) {
                break;
            }
        }
        Ok(left_out.0.load(Ordering::Relaxed))
    }

    /// The worker's stages as they are configured, and one before them that leaves events out.
    fn worker_without(&self, filter: &Filter) -> anyhow::Result<Pipeline> {
        let registry = stages::registry().with::<LeaveOut>();
        let mut specs = self.loaded.settings.worker.clone();
        specs.insert(
            0,
            StageSpec { with: LeaveOut::config(filter), ..StageSpec::named(LeaveOut::STAGE) },
        );
        let services =
            Services { identity_key: self.identity_key.clone(), ..stages::testing::services() };
        let Ok(pipeline) = Pipeline::build(&registry, Side::Worker, &specs, &services) else {
            bail!("the stages of `worker` cannot be built");
        };
        Ok(pipeline)
    }

    /// Entries that cannot be read, with the events that the ledger counts in them.
    ///
    /// # Errors
    /// When the queue cannot be read.
    pub async fn unreadable(&self) -> anyhow::Result<Vec<Peeked>> {
        let mut unreadable = Vec::new();
        let mut look = |peeked: Peeked| {
            if peeked.entry.is_err() {
                unreadable.push(peeked);
            }
        };
        self.queue.peek(&mut look).await?;
        Ok(unreadable)
    }

    /// Gives up entries that cannot be read. The store takes note of each first, so that the ledger
    /// stays right when this is cut short. Answers what could not be done.
    ///
    /// # Errors
    /// When queue or store failed.
    pub async fn discard(&self, entries: &[Peeked]) -> anyhow::Result<Vec<String>> {
        let tx = self.store.begin().await?;
        let mut markers: Vec<_> = entries.iter().map(|entry| (entry.id, entry.received)).collect();
        markers.sort_unstable();
        let new = tx.mark_entries(&markers).await?;
        let new: HashSet<EntryId> =
            markers.iter().zip(new).filter(|(_, new)| *new).map(|((id, _), _)| *id).collect();
        let settled = |entry: &Peeked| Settled {
            id: entry.id,
            outcome: Outcome { discarded: entry.events, ..Outcome::default() },
        };
        let settled: Vec<_> =
            entries.iter().filter(|entry| new.contains(&entry.id)).map(settled).collect();
        tx.settle(&settled).await?;
        tx.commit().await?;
        self.queue.discard(entries).await?;
        self.scrub().await
    }
}

/// Counts what was left out.
#[derive(Default)]
struct LeftOut(AtomicU64);

impl Watch for LeftOut {
    fn ran(&self, _: Side, _: &str, tally: &Tally, _: Duration) {
        let purged = tally.by_code.iter().filter(|(code, _)| *code == PURGED);
        let count: usize = purged.map(|(_, count)| count).sum();
        self.0.fetch_add(count as u64, Ordering::Relaxed);
    }

    fn saw(&self, _: Side, _: &str, _: &Batch<'_>) {}

    fn skipped(&self, _: Side, _: &str, _: &StageError) {}
}
