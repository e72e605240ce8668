//! The queue between server and worker: what the process needs of it beyond the stages' ports.

#[cfg(test)]
mod conformance;
pub mod redis;
pub mod spool;
pub mod sqlite;

use std::collections::BTreeMap;
use std::time::Duration;

use async_trait::async_trait;
use stages::entry::DecodeError;
use stages::ports::{Append, Consume, QueueError};
use stages::{Entry, EntryId, HashKey, Hour};

/// An entry as it lies in the queue.
#[derive(Debug)]
pub struct Peeked {
    /// Its id.
    pub id: EntryId,
    /// The hour in which it was received.
    pub received: Hour,
    /// Events that the ledger counts in it, duplicates recognised at the door included.
    pub events: u64,
    /// The part of the queue in which it lies, and its number there.
    pub place: (usize, u64),
    /// What is in it.
    pub entry: Result<Entry, DecodeError>,
}

/// What the queue knows of itself, read in one go.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct QueueState {
    /// Entries that are not acknowledged.
    pub entries: u64,
    /// Events in them, duplicates recognised at the door included: what the ledger calls queued.
    pub events: u64,
    /// Bytes in them.
    pub bytes: u64,
    /// Events ever accepted, duplicates recognised at the door included.
    pub accepted: u64,
    /// Duplicates recognised at the door, ever.
    pub door_duplicates: u64,
    /// Events by which `accepted` was raised after a crash had set it back: at most this many were
    /// lost.
    pub healed: u64,
    /// The hour in which the oldest entry that is not acknowledged was received.
    pub oldest_received: Option<Hour>,
    /// Whether this process's last write failed.
    pub failing: bool,
}

/// What waits in this server's spool.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Spooled {
    /// Entries and events that wait.
    pub state: QueueState,
    /// Whether nothing more fits.
    pub full: bool,
}

/// How far a part of the queue has come.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Position {
    /// Number of the newest entry ever appended; entries are numbered from 1.
    pub newest: u64,
    /// Number of the oldest entry that is not acknowledged.
    pub oldest: Option<u64>,
}

/// A worker's sign of life.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Heartbeat {
    /// The worker: random, new at every start.
    pub worker: String,
    /// Time since the sign was given.
    pub age: Duration,
    /// Age of the oldest entry that waits, as the worker saw it.
    pub lag: Duration,
}

/// What is counted when it is turned away.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum RefusedKind {
    /// One event of a batch.
    Event,
    /// A whole request.
    Request,
}

impl RefusedKind {
    /// The kind as stored.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Event => "event",
            Self::Request => "request",
        }
    }

    /// Reads what [`RefusedKind::as_str`] gives.
    pub fn read(text: &str) -> Option<Self> {
        [Self::Event, Self::Request].into_iter().find(|kind| kind.as_str() == text)
    }
}

/// What was turned away since installation, by kind and code. Stands outside the ledger's equation.
pub type Refusals = BTreeMap<(RefusedKind, String), u64>;

/// What a queue was to its installation: what another one needs in order to take its place.
#[derive(Clone)]
pub struct Past {
    /// The installation's key for identities. Under another one no repeat would be recognised.
    pub identity_key: HashKey,
    /// Events ever accepted, duplicates recognised at the door included.
    pub accepted: u64,
    /// Duplicates recognised at the door, ever.
    pub door_duplicates: u64,
    /// What was turned away.
    pub refusals: Refusals,
}

/// A queue.
#[async_trait]
pub trait Queue: Append + Consume {
    /// What the queue knows of itself.
    async fn state(&self) -> Result<QueueState, QueueError>;

    /// How far each part of the queue has come, always in the same order.
    async fn positions(&self) -> Result<Vec<Position>, QueueError>;

    /// The installation's key for identities, made at the first call and kept with the queue.
    async fn identity_key(&self) -> Result<HashKey, QueueError>;

    /// How many events an entry holds that is queued and not acknowledged.
    async fn find(&self, entry: EntryId) -> Result<Option<u64>, QueueError>;

    /// Gives a worker's sign of life.
    async fn beat(&self, worker: &str, lag: Duration) -> Result<(), QueueError>;

    /// The workers that gave a sign of life in the last ten minutes.
    async fn workers(&self) -> Result<Vec<Heartbeat>, QueueError>;

    /// Adds to what was turned away.
    async fn add_refusals(&self, new: &Refusals) -> Result<(), QueueError>;

    /// What was turned away.
    async fn refusals(&self) -> Result<Refusals, QueueError>;

    /// Shows every entry as it lies in the queue, oldest first, also those that a worker holds. For
    /// commands of operators.
    async fn peek(&self, show: &mut (dyn FnMut(Peeked) + Send)) -> Result<(), QueueError>;

    /// Removes entries that cannot be read, whoever looks at them, for good.
    async fn discard(&self, entries: &[Peeked]) -> Result<(), QueueError>;

    /// Removes from the disk what entries left there that are gone. Answers what could not be done, a
    /// sentence each.
    async fn scrub(&self) -> Result<Vec<String>, QueueError>;

    /// What waits in a local file to be handed on, when there is such a file.
    async fn spooled(&self) -> Result<Option<Spooled>, QueueError> {
        Ok(None)
    }

    /// How much of what was accepted last a crash of the queue may lose.
    fn loss_window(&self) -> Duration {
        Duration::ZERO
    }

    /// Finishes what is under way and closes. Appends that come later fail as unavailable.
    async fn close(&self);
}
