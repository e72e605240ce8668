//! What must be stored, by plain bookkeeping over what was posted.

use std::collections::{BTreeMap, BTreeSet};

use proptest::test_runner::TestCaseError;
use proptest::{prop_assert, prop_assert_eq};

use stages::budget::{DimensionValue, OTHER, OpenDimension};

use super::Spec;
use super::world::{ERROR_TYPES, Posted, World};

/// An entry that reached the queue: the client was told so, or was told that nobody knows.
struct Appended {
    key: Option<u8>,
    /// The whole post: what the client would repeat.
    post: Vec<Spec>,
    /// Events that were queued.
    events: Vec<Spec>,
    door_duplicates: u64,
}

#[derive(Default)]
pub(crate) struct Model {
    posts: Vec<(Option<u8>, Vec<Spec>)>,
    appended: Vec<Appended>,
}

/// Two posts are the same batch when key and body are the same.
fn same_batch(a: &Appended, key: Option<u8>, events: &[Spec]) -> bool {
    key.is_some() && a.key == key && format!("{:?}", a.post) == format!("{events:?}")
}

impl Model {
    /// A post that was made before.
    pub(crate) fn post(&self, index: usize) -> Option<(Option<u8>, Vec<Spec>)> {
        self.posts.get(index).cloned()
    }

    /// Notes what was posted, and checks the answer.
    pub(crate) fn posted(&mut self, posted: Posted) -> Result<(), TestCaseError> {
        self.posts.push((posted.key, posted.events.clone()));
        let code = posted.refusal.as_ref().map(|refusal| refusal.code.as_str());
        prop_assert!(matches!(code, None | Some("queue_unavailable" | "append_unconfirmed")));
        self.check_duplicates(&posted)?;
        if code == Some("queue_unavailable") {
            return Ok(());
        }
        let flags = posted.duplicates.iter();
        let queued = posted.events.iter().zip(flags).filter(|(_, duplicate)| !**duplicate);
        self.appended.push(Appended {
            key: posted.key,
            events: queued.map(|(event, _)| event.clone()).collect(),
            door_duplicates: posted.duplicates.iter().filter(|duplicate| **duplicate).count()
                as u64,
            post: posted.events,
        });
        Ok(())
    }

    /// What the door calls a duplicate must be one: the door may forget, but never invent.
    fn check_duplicates(&self, posted: &Posted) -> Result<(), TestCaseError> {
        let repeated = self.appended.iter().any(|a| same_batch(a, posted.key, &posted.events));
        let mut known: BTreeSet<u8> = self
            .appended
            .iter()
            .flat_map(|a| &a.events)
            .filter_map(|event| event.identity)
            .collect();
        for (event, duplicate) in posted.events.iter().zip(&posted.duplicates) {
            let seen = event.identity.is_some_and(|identity| !known.insert(identity));
            prop_assert!(!duplicate || seen || repeated, "{event:?} is no duplicate");
        }
        Ok(())
    }

    /// Compares everything that is stored with what must be.
    pub(crate) fn check(&self, world: &World) -> Result<(), TestCaseError> {
        let tables = world.tables();
        let total = |a: &Appended| a.events.len() as u64 + a.door_duplicates;
        let accepted: u64 = self.appended.iter().map(total).sum();
        prop_assert_eq!(world.accepted(), accepted);

        let (mut identities, mut stored, mut poisoned) = (BTreeSet::new(), Vec::new(), 0_u64);
        for (index, entry) in self.appended.iter().enumerate() {
            let before = &self.appended[..index];
            // A post of which the door knew every event brought nothing, not even its key.
            let brought = |a: &&Appended| !a.events.is_empty();
            if before.iter().filter(brought).any(|a| same_batch(a, entry.key, &entry.post)) {
                continue;
            }
            for event in &entry.events {
                if event.poisoned() {
                    poisoned += 1;
                } else if event.identity.is_none_or(|identity| identities.insert(identity)) {
                    stored.push(event);
                }
            }
        }
        let ledger = tables.ledger;
        prop_assert_eq!(ledger.persisted, stored.len() as u64);
        prop_assert_eq!(tables.events.len(), stored.len());
        prop_assert_eq!(ledger.dead_letter, tables.dead_letters.len() as u64);
        // Of equal poisoned events in one group only the first is tried; either way none is stored.
        prop_assert!(ledger.dead_letter <= poisoned);
        prop_assert!((ledger.dead_letter > 0) == (poisoned > 0));
        prop_assert_eq!(ledger.discarded, 0);
        let settled = ledger.persisted + ledger.duplicate + ledger.dead_letter;
        prop_assert_eq!(accepted, settled, "the ledger balances");
        check_budget(&tables, &stored, poisoned)?;
        check_rollups(&tables, &stored)
    }
}

/// As many types of error are admitted as came, or as the budget holds. One that was admitted has
/// all of its events, and the others are `other` together.
fn check_budget(
    tables: &stages::testing::Tables,
    stored: &[&Spec],
    poisoned: u64,
) -> Result<(), TestCaseError> {
    let kind = |event: &&&Spec| event.failed.then(|| format!("kind_{}", event.error));
    let came: BTreeSet<String> = stored.iter().filter_map(|event| kind(&event)).collect();
    let is_error = |value: &&DimensionValue| value.dimension == OpenDimension::ErrorType;
    let admitted = tables.dimension_values.iter().filter(is_error);
    let admitted: BTreeSet<String> = admitted.map(|value| value.value.to_string()).collect();
    prop_assert!(admitted.is_subset(&came));
    // One that the store refuses in the end may have stood in another one's way in its group.
    let most = came.len().min(ERROR_TYPES);
    prop_assert!(admitted.len() == most || (poisoned > 0 && admitted.len() < most));
    let mut want = BTreeMap::<String, u64>::new();
    for kind in stored.iter().filter_map(|event| kind(&event)) {
        let kind = if admitted.contains(&kind) { kind } else { OTHER.to_owned() };
        *want.entry(kind).or_default() += 1;
    }
    let mut got = BTreeMap::<String, u64>::new();
    for (key, count) in &tables.errors {
        *got.entry(key.error_type.to_string()).or_default() += count;
    }
    if poisoned == 0 {
        prop_assert_eq!(got, want);
        return Ok(());
    }
    // Who stood in its way is gone, and the next of its kind comes in: some have its name, and not all.
    prop_assert_eq!(got.values().sum::<u64>(), want.values().sum::<u64>());
    for (kind, count) in got.iter().filter(|(kind, _)| *kind != OTHER) {
        prop_assert!(want.get(kind).is_some_and(|most| count <= most), "{kind}: {count}");
    }
    Ok(())
}

/// Every rollup table must sum up to the stored events.
fn check_rollups(tables: &stages::testing::Tables, stored: &[&Spec]) -> Result<(), TestCaseError> {
    let mut want = BTreeMap::<bool, (u64, u64, u64)>::new();
    for event in stored {
        let (calls, timed, sum) = want.entry(event.failed).or_default();
        *calls += 1;
        *timed += u64::from(event.ms.is_some());
        *sum += event.ms.map_or(0, u64::from);
    }
    let failed = |status: stages::Status| status == stages::Status::Error;
    let cells = [
        tables.hours.iter().map(|((_, dims), m)| (failed(dims.status), m)).collect::<Vec<_>>(),
        tables.days.iter().map(|((_, dims), m)| (failed(dims.status), m)).collect(),
        tables
            .hour_margins
            .iter()
            .filter(|((_, margin), _)| margin.axis == stages::rollup::Axis::Version)
            .map(|((_, margin), m)| (failed(margin.status), m))
            .collect(),
        tables
            .day_margins
            .iter()
            .filter(|((_, margin), _)| margin.axis == stages::rollup::Axis::Tool)
            .map(|((_, margin), m)| (failed(margin.status), m))
            .collect(),
    ];
    for table in cells {
        let mut got = BTreeMap::<bool, (u64, u64, u64)>::new();
        for (failed, measures) in table {
            let (calls, timed, sum) = got.entry(failed).or_default();
            *calls += measures.calls;
            *timed += measures.time_count;
            *sum += measures.time_sum;
            prop_assert_eq!(measures.times.count(), measures.time_count);
        }
        prop_assert_eq!(&got, &want);
    }
    let errors: u64 = tables.errors.values().sum();
    prop_assert_eq!(errors, stored.iter().filter(|event| event.failed).count() as u64);
    Ok(())
}
