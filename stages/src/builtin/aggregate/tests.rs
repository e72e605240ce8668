//! The oracle counts event by event, cell by cell, with plain maps and sets.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::*;
use crate::clock::ManualClock;
use crate::entry::Entry;
use crate::hash::EntryId;
use crate::ports::Store;
use crate::testing::{MemoryStore, ScannedBuilder, Script, scanned};
use crate::verdict::{Pointer, Reason, Verdict, codes};

const HOUR: Hour = Hour::from_epoch_hours(496_454);
const KEY: HashKey = HashKey::from_bytes([7; 16]);

fn entry(number: u8, events: Vec<Scanned>) -> Entry {
    let id = EntryId::from_bytes([number; 16]);
    Entry { id, received: HOUR, batch_key: None, door_duplicates: 0, events }
}

/// Cells with the calls and the entries that belong to them.
struct Oracle<K>(BTreeMap<K, (Measures, BTreeSet<usize>)>);

impl<K: Ord> Oracle<K> {
    fn new() -> Self {
        Self(BTreeMap::new())
    }

    fn add(&mut self, key: K, event: &Scanned, entry: usize) {
        let (measures, entries) = self.0.entry(key).or_default();
        measures.add(event);
        entries.insert(entry);
    }

    fn cells(self) -> Vec<(K, Measures)> {
        let counted = |(key, (measures, entries)): (K, (Measures, BTreeSet<usize>))| {
            (key, Measures { batches: entries.len() as u64, ..measures })
        };
        self.0.into_iter().map(counted).collect()
    }
}

fn expected(batch: &Batch<'_>) -> Rollups {
    let (mut hours, mut days) = (Oracle::new(), Oracle::new());
    let (mut hour_margins, mut day_margins) = (Oracle::new(), Oracle::new());
    let mut errors = BTreeMap::new();
    let mut named = BTreeMap::<Day, BTreeSet<&str>>::new();
    for (number, entry) in batch.entries().iter().enumerate() {
        for slot in &batch.slots()[entry.range.clone()] {
            let Some(event) = slot.event.scanned().filter(|_| slot.passes()) else { continue };
            let (hour, dims) = (event.hour(), Dims::of(event));
            for margin in Margin::of(event) {
                hour_margins.add((hour, margin.clone()), event, number);
                day_margins.add((hour.day(), margin), event, number);
            }
            if let (Status::Error, Some(error)) = (event.status(), event.error_type()) {
                let (tool, version) = (dims.tool.clone(), dims.version.clone());
                let key = ErrorKey { hour, tool, version, error_type: error.into() };
                *errors.entry(key).or_insert(0) += 1;
            }
            if let Some(session) = event.session_id() {
                named.entry(hour.day()).or_default().insert(session);
            }
            days.add((hour.day(), dims.clone()), event, number);
            hours.add((hour, dims), event, number);
        }
    }
    let sketch = |(day, named): (Day, BTreeSet<&str>)| {
        let mut sessions = Sessions::default();
        named.iter().rev().for_each(|session| sessions.record(&KEY, session));
        assert_eq!(sessions.count().estimate, named.len() as u64);
        (day, sessions)
    };
    Rollups {
        sessions: named.into_iter().map(sketch).collect(),
        hours: hours.cells(),
        days: days.cells(),
        hour_margins: hour_margins.cells(),
        day_margins: day_margins.cells(),
        errors: errors.into_iter().collect(),
    }
}

#[test]
fn an_entry_in_two_parts_of_a_sum_counts_once_in_the_sum() {
    let event = |service: &str, ms| scanned("get_alerts").service(service).response_time_ms(ms);
    let noon = |builder: ScannedBuilder| builder.hour(HOUR.plus(1)).build();
    let batch = Batch::group([
        entry(
            1,
            vec![event("noaa", 100).build(), event("usgs", 300).build(), noon(event("noaa", 5))],
        ),
        entry(2, vec![event("noaa", 200).build()]),
    ]);
    let got = rollups(&batch, &KEY);
    let shown = |measures: &Measures| {
        (measures.calls, measures.batches, measures.time_sum, measures.time_min, measures.time_max)
    };
    let hours: Vec<_> =
        got.hours.iter().map(|((hour, dims), m)| (*hour, &*dims.service, shown(m))).collect();
    assert_eq!(
        hours,
        [
            (HOUR, "noaa", (2, 2, 300, Some(100), Some(200))),
            (HOUR, "usgs", (1, 1, 300, Some(300), Some(300))),
            (HOUR.plus(1), "noaa", (1, 1, 5, Some(5), Some(5))),
        ]
    );
    let by_tool = got.day_margins.iter().filter(|((_, margin), _)| margin.axis == Axis::Tool);
    let by_tool: Vec<_> = by_tool.map(|(_, measures)| shown(measures)).collect();
    assert_eq!(by_tool, [(4, 2, 605, Some(5), Some(300))]);
    assert_eq!(got.day_margins.len(), 6, "one a day for four axes, two services");
    assert_eq!(got.hour_margins.len(), 11, "as many again for the second hour, one service less");
}

#[test]
fn only_failures_with_a_type_are_in_the_error_summary() {
    let events = vec![
        scanned("get_alerts").error("timeout").build(),
        scanned("get_alerts").error("timeout").status(Status::Success).build(),
        scanned("get_alerts").status(Status::Error).build(),
        scanned("get_alerts").error("timeout").build(),
    ];
    let errors = rollups(&Batch::group([entry(1, events)]), &KEY).errors;
    let errors: Vec<_> = errors.iter().map(|(key, count)| (&*key.error_type, *count)).collect();
    assert_eq!(errors, [("timeout", 2)]);
}

#[tokio::test]
async fn one_call_or_none() {
    let faults = std::sync::Arc::new(Script::default());
    let store = MemoryStore::new(faults.clone());
    let clock = ManualClock::at(0);
    for (events, calls) in [(vec![], 0), (vec![scanned("get_alerts").build()], 1)] {
        let tx = store.begin().await.unwrap();
        let mut batch = Batch::group([entry(1, events)]);
        let cx = Cx { clock: &clock, request: None, tx: Some(&*tx) };
        Aggregate { identity_key: KEY }.run(&mut batch, cx).await.unwrap();
        assert_eq!(faults.visits("merge_rollups.before"), calls);
    }
}

fn event() -> impl Strategy<Value = Scanned> {
    let pick = |names: &'static [&'static str]| proptest::sample::select(names);
    let level = proptest::sample::select(&[Level::Minimal, Level::Detailed][..]);
    let measures = (
        proptest::option::of(0_i64..2_000),
        proptest::option::of(any::<bool>()),
        proptest::option::of(0_i64..4),
    );
    let session = proptest::option::of((0_u64..30).prop_map(|n| format!("{n:016x}")));
    let dims = (pick(&["get_alerts", "other"]), pick(&["1.0.0", "2.0.0"]), level);
    let more = (pick(&["", "noaa", "usgs"]), pick(&["", "CA"]), pick(&["", "timeout", "api"]));
    (dims, more, measures, 0_i64..50, session).prop_map(|(dims, more, measures, hours, session)| {
        let mut event = scanned(dims.0).version(dims.1).level(dims.2).hour(HOUR.plus(hours));
        let set = |event: ScannedBuilder, value: &str, with: fn(ScannedBuilder, &str) -> _| {
            if value.is_empty() { event } else { with(event, value) }
        };
        event = set(event, more.0, ScannedBuilder::service);
        event = set(event, more.1, ScannedBuilder::country);
        event = set(event, more.2, ScannedBuilder::error);
        event = session.iter().fold(event, |event, session| event.session(session, 1));
        event = measures.0.into_iter().fold(event, ScannedBuilder::response_time_ms);
        event = measures.1.into_iter().fold(event, ScannedBuilder::cache_hit);
        measures.2.into_iter().fold(event, ScannedBuilder::retry_count).build()
    })
}

proptest! {
    #[test]
    fn agrees_with_counting_one_by_one(
        groups in proptest::collection::vec(proptest::collection::vec((event(), 0..10), 0..20), 0..8),
    ) {
        let kept: Vec<i32> = groups.iter().flatten().map(|(_, keep)| *keep).collect();
        let entries = groups.into_iter().enumerate().map(|(number, events)| {
            entry(number as u8, events.into_iter().map(|(event, _)| event).collect())
        });
        let mut batch = Batch::group(entries);
        for (slot, keep) in kept.into_iter().enumerate() {
            if keep == 0 {
                let reason = Reason::new(codes::DUPLICATE, Pointer::ROOT, "");
                batch.settle(slot, Verdict::Drop(reason));
            }
        }
        prop_assert_eq!(rollups(&batch, &KEY), expected(&batch));
    }
}
