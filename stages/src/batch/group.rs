//! The worker's side of a batch: claimed entries or replayed dead letters, and what became of them.
//!
//! Separate from the request's side because a request has no entries and a group has no answer.

use std::ops::Range;

use super::{Batch, Body};
use crate::entry::Entry;
use crate::hash::{BatchKey, EntryId};
use crate::hour::Hour;
use crate::ports::{Outcome, Settled};
use crate::scanned::Scanned;
use crate::verdict::{Verdict, codes};

/// One queue entry within a worker's group.
#[derive(Debug, Clone)]
pub struct GroupEntry {
    /// The entry; `None` for replayed dead letters, which have no marker and never expire.
    pub id: Option<EntryId>,
    /// The hour in which the entry was received.
    pub received: Hour,
    /// Identity of the whole batch.
    pub batch_key: Option<BatchKey>,
    /// Duplicates recognised at the door.
    pub door_duplicates: u32,
    /// The entry's slots in the batch.
    pub range: Range<usize>,
    /// Set by batch-persist when the marker was already there: nothing of the entry may count.
    pub redelivered: bool,
}

impl<'b> Batch<'b> {
    /// A worker's group: the events of several entries, in order.
    pub fn group(entries: impl IntoIterator<Item = Entry>) -> Self {
        let mut batch = Self::request(&[]);
        for entry in entries {
            let start = batch.slots.len();
            for event in entry.events {
                batch.push(Body::Scanned(event));
            }
            batch.entries.push(GroupEntry {
                id: Some(entry.id),
                received: entry.received,
                batch_key: entry.batch_key,
                door_duplicates: entry.door_duplicates,
                range: start..batch.slots.len(),
                redelivered: false,
            });
        }
        batch
    }

    /// Dead letters to be tried again: each event with the hour in which it was received, in order.
    /// Neighbours of the same hour stand together as one entry without a name.
    pub fn replay(events: impl IntoIterator<Item = (Scanned, Hour)>) -> Self {
        let mut batch = Self::request(&[]);
        for (event, received) in events {
            let index = batch.slots.len();
            batch.push(Body::Scanned(event));
            match batch.entries.last_mut() {
                Some(entry) if entry.received == received => entry.range.end = index + 1,
                _ => batch.entries.push(GroupEntry {
                    id: None,
                    received,
                    batch_key: None,
                    door_duplicates: 0,
                    range: index..index + 1,
                    redelivered: false,
                }),
            }
        }
        batch
    }

    /// The entries of a worker's group.
    pub fn entries(&self) -> &[GroupEntry] {
        &self.entries
    }

    pub(crate) fn entries_mut(&mut self) -> &mut [GroupEntry] {
        &mut self.entries
    }

    /// What became of the events of one entry, once the worker's side has run.
    pub fn outcome(&self, entry: &GroupEntry) -> Outcome {
        let mut outcome =
            Outcome { duplicate: u64::from(entry.door_duplicates), ..Outcome::default() };
        for slot in self.slots.get(entry.range.clone()).unwrap_or_default() {
            match slot.verdict() {
                Verdict::Pass => outcome.persisted += 1,
                Verdict::Reject(_) => outcome.dead_letter += 1,
                Verdict::Drop(reason) if reason.code == codes::DUPLICATE => outcome.duplicate += 1,
                Verdict::Drop(_) => outcome.discarded += 1,
            }
        }
        outcome
    }

    /// What became of every entry, once the worker's side has run. Redelivered entries are left
    /// out: their events were accounted for when the marker was written.
    pub fn outcomes(&self) -> Vec<Settled> {
        let counted = self.entries.iter().filter(|entry| !entry.redelivered);
        counted
            .filter_map(|entry| Some(Settled { id: entry.id?, outcome: self.outcome(entry) }))
            .collect()
    }
}
