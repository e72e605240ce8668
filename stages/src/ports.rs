//! The traits through which stages reach what is outside the process.
//!
//! The root package implements them for SQLite, memory and, in larger installations, Redis and
//! PostgreSQL; [`crate::testing`] implements them for tests. A stage makes one port call a batch.

use std::error::Error;
use std::time::Duration;

use async_trait::async_trait;

use crate::budget::{Budgets, DimensionValue};
use crate::entry::Entry;
use crate::hash::{BatchKey, ClientKey, EntryId, Identity};
use crate::hour::{Day, Hour};
use crate::rollup::Rollups;
use crate::scanned::Scanned;
use crate::units::Span;
use crate::verdict::Code;

/// How long after its receipt an entry can still be told from a repeat: the acceptance window of
/// 3 days and 4 days of grace. batch-persist sets older entries aside instead of guessing.
///
/// Housekeeping may forget batch identities once their day of receipt is further back than this,
/// and event identities once their day is further back than this *and* the acceptance window
/// together, because an event may be that much older than its receipt.
pub const IDENTITY_LIFETIME: Span = Span::days(7);

/// The cause of a failure outside the process.
pub type Cause = Box<dyn Error + Send + Sync>;

/// Why an append failed.
#[derive(Debug, thiserror::Error)]
pub enum AppendError {
    /// The queue holds as much as it may.
    #[error("the queue is full")]
    Full,
    /// Nothing was written.
    #[error("the queue cannot be reached")]
    Unavailable(#[source] Cause),
    /// It is not known whether the entry was written. It must not be appended again.
    #[error("the queue did not confirm the append")]
    Unknown(#[source] Cause),
}

/// The queue, as the server sees it.
#[async_trait]
pub trait Append: Send + Sync {
    /// Writes an entry. `Ok` means that it is on disk, together with the counters for `accepted`
    /// and for duplicates recognised at the door.
    async fn append(&self, entry: &Entry) -> Result<(), AppendError>;
}

/// A failure of the queue, as the worker sees it.
#[derive(Debug, thiserror::Error)]
#[error("the queue failed")]
pub struct QueueError(#[from] pub Cause);

/// The queue, as the worker sees it.
#[async_trait]
pub trait Consume: Send + Sync {
    /// Claims entries up to about `max_events` events (at least one entry, if there is one), oldest
    /// first. What is claimed is not given to anyone else until it is released or its holder dies.
    /// Waits until there is work or `patience` has passed; empty when it has.
    async fn claim(&self, max_events: usize, patience: Duration) -> Result<Vec<Entry>, QueueError>;

    /// Removes entries for good. Unknown ones are ignored.
    async fn acknowledge(&self, entries: &[EntryId]) -> Result<(), QueueError>;

    /// Gives claimed entries back, unprocessed.
    async fn release(&self, entries: &[EntryId]);
}

/// What a [`SeenSet`] remembers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SeenKey {
    /// A whole batch.
    Batch(BatchKey),
    /// One event.
    Event(Identity),
}

/// A failure of a shared counter or set.
#[derive(Debug, thiserror::Error)]
#[error("shared state cannot be reached")]
pub struct SharedError(#[from] pub Cause);

/// A bounded memory of what was accepted lately. It only makes answers better: the store decides.
///
/// Keys are forgotten in the order in which they were remembered; asking does not refresh them. The
/// key of a batch is remembered after those of its events, so it never goes before them: a repeat
/// of the batch is recognised as a whole, or its events are new to the set as well.
#[async_trait]
pub trait SeenSet: Send + Sync {
    /// Which of `keys` were seen within `window`.
    async fn seen(&self, keys: &[SeenKey], window: Duration) -> Result<Vec<bool>, SharedError>;

    /// Remembers `keys` for at least `window`, and at most `max_keys` altogether.
    async fn remember(
        &self,
        keys: &[SeenKey],
        window: Duration,
        max_keys: usize,
    ) -> Result<(), SharedError>;
}

/// A token bucket's shape.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bucket {
    /// Distinguishes the limits of a pipeline from each other.
    pub name: &'static str,
    /// Most tokens it holds.
    pub capacity: u64,
    /// Tokens it gains in a minute.
    pub per_minute: u64,
}

/// A bucket's answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Taken {
    /// Whether the tokens were taken.
    pub allowed: bool,
    /// Whole tokens left, 0 when in debt.
    pub remaining: u64,
    /// Time until a request would pass; zero when it passed.
    pub retry_after: Duration,
    /// Time until the bucket is full again.
    pub full_after: Duration,
}

/// Token buckets per client.
#[async_trait]
pub trait RateCounter: Send + Sync {
    /// Takes tokens from a client's buckets, each with its cost, in order and at once, until one
    /// refuses; later ones are left alone and not answered. A bucket passes while at least one token
    /// is there, and its balance may then go below zero: a client is never refused for the size of
    /// one batch, it pays by waiting longer.
    async fn take_all(
        &self,
        client: ClientKey,
        asks: &[(Bucket, u64)],
    ) -> Result<Vec<Taken>, SharedError>;

    /// Takes tokens from one bucket; see [`RateCounter::take_all`].
    async fn take(
        &self,
        client: ClientKey,
        bucket: Bucket,
        cost: u64,
    ) -> Result<Taken, SharedError> {
        let taken = self.take_all(client, &[(bucket, cost)]).await?;
        taken.first().copied().ok_or_else(|| SharedError("no bucket answered".into()))
    }
}

/// A failure of the store.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The store refuses the data itself (SQLSTATE class 22 or 23, SQLite CONSTRAINT or MISMATCH).
    /// Trying again cannot help.
    #[error("the store refuses the data ({sqlstate})")]
    Data {
        /// SQLSTATE, or SQLite's extended result code.
        sqlstate: String,
    },
    /// Anything else: connection, lock, time-out, full disk. Trying again may help.
    #[error("the store failed")]
    Transient(#[source] Cause),
}

/// One event on its way into `events`.
#[derive(Clone, Copy)]
pub struct Row<'a> {
    /// The event.
    pub event: &'a Scanned,
    /// The hour in which it was received.
    pub received: Hour,
}

/// An event that the store will not take, or that came too late.
pub struct DeadLetter<'a> {
    /// Why.
    pub code: Code,
    /// The database's own code, when it refused the event.
    pub sqlstate: Option<String>,
    /// The scanned event.
    pub event: &'a Scanned,
    /// The hour in which it was received.
    pub received: Hour,
}

/// What became of an entry's events.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Outcome {
    /// Stored.
    pub persisted: u64,
    /// Counted before.
    pub duplicate: u64,
    /// Set aside.
    pub dead_letter: u64,
    /// Left out on purpose, by a stage that an operator put before batch-persist.
    pub discarded: u64,
}

impl Outcome {
    /// Adds another one.
    pub fn add(&mut self, other: &Self) {
        self.persisted += other.persisted;
        self.duplicate += other.duplicate;
        self.dead_letter += other.dead_letter;
        self.discarded += other.discarded;
    }
}

/// An entry and what became of its events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settled {
    /// The entry.
    pub id: EntryId,
    /// What became of its events. Duplicates include those recognised at the door.
    pub outcome: Outcome,
}

/// An open store transaction: everything through it becomes visible at once, or never.
#[async_trait]
pub trait StoreTx: Send + Sync {
    /// Inserts the markers of entries. Answers for each whether it was new; one that was not is a
    /// redelivery and must change nothing. The caller passes each entry once, in key order.
    async fn mark_entries(&self, entries: &[(EntryId, Hour)]) -> Result<Vec<bool>, StoreError>;

    /// Claims batch identities. True where it was new. The day of receipt only says when the
    /// identity may be forgotten: a repeat after midnight is a repeat. The caller passes each
    /// identity once.
    async fn claim_batches(&self, keys: &[(BatchKey, Day)]) -> Result<Vec<bool>, StoreError>;

    /// Claims event identities. True where it was new. The day of the event only says when the
    /// identity may be forgotten. The caller passes each identity once, in key order.
    async fn claim_events(&self, keys: &[(Identity, Day)]) -> Result<Vec<bool>, StoreError>;

    /// Gives identities back: a dead letter holds none.
    async fn release_events(&self, keys: &[(Identity, Day)]) -> Result<(), StoreError>;

    /// Admits values of dimensions, as many of a day as its budget holds. True where a value is there
    /// already, or may come in with this transaction; the others are to be called
    /// [`OTHER`](crate::budget::OTHER). It is there once [`StoreTx::merge_rollups`] has counted it.
    /// The caller passes each value once, by day and dimension in order, and of these the first first.
    async fn admit_values(
        &self,
        values: &[DimensionValue],
        budgets: &Budgets,
    ) -> Result<Vec<bool>, StoreError>;

    /// Inserts rows, all or none: on a data error the transaction is as it was before the call.
    async fn insert_events(&self, rows: &[Row<'_>]) -> Result<(), StoreError>;

    /// Inserts dead letters.
    async fn insert_dead_letters(&self, letters: &[DeadLetter<'_>]) -> Result<(), StoreError>;

    /// Adds to rollups and error summary, in key order.
    async fn merge_rollups(&self, rollups: &Rollups) -> Result<(), StoreError>;

    /// Writes what became of entries into their markers, and the sums into the ledger.
    async fn settle(&self, entries: &[Settled]) -> Result<(), StoreError>;

    /// Makes everything visible and durable.
    async fn commit(self: Box<Self>) -> Result<(), StoreError>;
}

/// The store, as the worker sees it.
#[async_trait]
pub trait Store: Send + Sync {
    /// Opens a transaction. Dropping it without a commit undoes it.
    async fn begin(&self) -> Result<Box<dyn StoreTx>, StoreError>;
}
