//! A queue in memory.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;

use super::faults::{Fault, Faults};
use super::lock;
use crate::entry::Entry;
use crate::hash::EntryId;
use crate::ports::{Append, AppendError, Consume, QueueError};

/// [`Append`] and [`Consume`] in memory: the queue's whole life in one lock.
pub struct MemoryQueue {
    max_events: usize,
    faults: Arc<dyn Faults>,
    state: Mutex<QueueState>,
}

#[derive(Default)]
struct QueueState {
    /// Oldest first.
    entries: Vec<Entry>,
    claimed: BTreeSet<EntryId>,
    accepted: u64,
    door_duplicate: u64,
}

impl MemoryQueue {
    /// An empty queue for `max_events` events. Points: `append`, `claim` and `acknowledge`, each
    /// `.before` and `.after`.
    pub fn new(max_events: usize, faults: Arc<dyn Faults>) -> Self {
        Self { max_events, faults, state: Mutex::default() }
    }

    /// Events accepted since the beginning, with duplicates recognised at the door.
    pub fn accepted(&self) -> u64 {
        lock(&self.state).accepted
    }

    /// Duplicates recognised at the door since the beginning.
    pub fn door_duplicate(&self) -> u64 {
        lock(&self.state).door_duplicate
    }

    /// What is queued now, in events as the ledger counts them: with the duplicates recognised at
    /// the door, which settle with their entry.
    pub fn queued(&self) -> u64 {
        lock(&self.state).entries.iter().map(weight).sum()
    }

    /// The entries that are there, claimed or not, oldest first.
    pub fn entries(&self) -> Vec<Entry> {
        lock(&self.state).entries.clone()
    }

    /// Puts back whatever is claimed, as if every holder had died.
    pub fn holders_died(&self) {
        lock(&self.state).claimed.clear();
    }

    fn ask(&self, point: &'static str) -> Result<(), QueueError> {
        self.faults.at(point).map_or(Ok(()), |fault| Err(fault.into()))
    }
}

/// A queue without bounds that never fails.
impl Default for MemoryQueue {
    fn default() -> Self {
        Self::new(usize::MAX, Arc::new(()))
    }
}

impl From<Fault> for QueueError {
    fn from(fault: Fault) -> Self {
        Self(Box::new(fault))
    }
}

fn weight(entry: &Entry) -> u64 {
    entry.events.len() as u64 + u64::from(entry.door_duplicates)
}

#[async_trait]
impl Append for MemoryQueue {
    async fn append(&self, entry: &Entry) -> Result<(), AppendError> {
        if let Some(fault) = self.faults.at("append.before") {
            return Err(AppendError::Unavailable(Box::new(fault)));
        }
        {
            let mut state = lock(&self.state);
            let held: usize = state.entries.iter().map(|entry| entry.events.len()).sum();
            if held + entry.events.len() > self.max_events {
                return Err(AppendError::Full);
            }
            state.accepted += weight(entry);
            state.door_duplicate += u64::from(entry.door_duplicates);
            state.entries.push(entry.clone());
        }
        match self.faults.at("append.after") {
            Some(fault) => Err(AppendError::Unknown(Box::new(fault))),
            None => Ok(()),
        }
    }
}

#[async_trait]
impl Consume for MemoryQueue {
    /// Never waits: empty at once when there is nothing to claim.
    async fn claim(&self, max_events: usize, _: Duration) -> Result<Vec<Entry>, QueueError> {
        self.ask("claim.before")?;
        let mut claimed: Vec<Entry> = Vec::new();
        {
            let mut state = lock(&self.state);
            let QueueState { entries, claimed: held, .. } = &mut *state;
            let mut events = 0;
            for entry in entries.iter() {
                if held.contains(&entry.id) {
                    continue;
                }
                if !claimed.is_empty() && events + entry.events.len() > max_events {
                    break;
                }
                events += entry.events.len();
                held.insert(entry.id);
                claimed.push(entry.clone());
            }
        }
        self.ask("claim.after")?;
        Ok(claimed)
    }

    async fn acknowledge(&self, entries: &[EntryId]) -> Result<(), QueueError> {
        self.ask("acknowledge.before")?;
        {
            let mut state = lock(&self.state);
            state.entries.retain(|entry| !entries.contains(&entry.id));
            state.claimed.retain(|id| !entries.contains(id));
        }
        self.ask("acknowledge.after")
    }

    async fn release(&self, entries: &[EntryId]) {
        lock(&self.state).claimed.retain(|id| !entries.contains(id));
    }
}
