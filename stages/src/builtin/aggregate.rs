//! `aggregate`: counts what was persisted, in memory, and adds it to the rollups in one call.
//!
//! An event touches one cell, found with one look-up that allocates nothing. Everything else (days,
//! margins) is a sum of such cells, so it is merged from them once a group instead of being counted
//! again event by event. Only `batches` cannot be summed, as an entry may stand in two parts of a
//! sum: each cell remembers which entry it saw last, and entries come one after the other.

use std::collections::{BTreeMap, HashMap};
use std::hash::Hash;

use async_trait::async_trait;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::batch::Batch;
use crate::context::{Cx, Services};
use crate::hash::HashKey;
use crate::hour::{Day, Hour};
use crate::rollup::{Axis, Dims, ErrorKey, Margin, Measures, Rollups};
use crate::scanned::{Level, Scanned, Status};
use crate::sessions::Sessions;
use crate::stage::{BuildError, Define, Form, Needs, Side, Stage, StageError};
use crate::verdict::Code;

/// The stage.
pub(crate) struct Aggregate {
    identity_key: HashKey,
}

/// Settings of `aggregate`: there are none.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct AggregateConfig {}

#[async_trait]
impl Stage for Aggregate {
    async fn run(&self, batch: &mut Batch<'_>, cx: Cx<'_>) -> Result<(), StageError> {
        let tx = cx.tx.ok_or(StageError::Misplaced("aggregate needs a store transaction"))?;
        if batch.passing() > 0 {
            tx.merge_rollups(&rollups(batch, &self.identity_key)).await?;
        }
        Ok(())
    }
}

/// Counts the events of a group that still go on.
fn rollups(batch: &Batch<'_>, key: &HashKey) -> Rollups {
    let mut group = Group::default();
    for (number, entry) in batch.entries().iter().enumerate() {
        for slot in &batch.slots()[entry.range.clone()] {
            if let Some(event) = slot.event.scanned().filter(|_| slot.passes()) {
                group.add(event, number);
                if let Some(session) = event.session_id() {
                    group.sessions.entry(event.hour().day()).or_default().record(key, session);
                }
            }
        }
    }
    group.finish()
}

/// What tells base cells apart, borrowed from the event.
type BaseKey<'a> = (Hour, &'a str, &'a str, Level, Status, &'a str, &'a str);
/// Hour, tool, version and error type of a failed call.
type FailureKey<'a> = (Hour, &'a str, &'a str, &'a str);

#[derive(Default)]
struct Cell {
    measures: Measures,
    /// Number of the entry that contributed last.
    last_entry: Option<usize>,
}

impl Cell {
    /// Counts a call and the entry that it came with.
    fn count(&mut self, event: &Scanned, entry: usize) {
        self.measures.add(event);
        self.enter(entry);
    }

    /// Counts the entry, unless it was counted. True when it was not.
    fn enter(&mut self, entry: usize) -> bool {
        let new = self.last_entry != Some(entry);
        if new {
            self.last_entry = Some(entry);
            self.measures.batches += 1;
        }
        new
    }
}

/// Cells in the order in which they were met, found by key.
struct Cells<K> {
    index: HashMap<K, usize>,
    cells: Vec<Cell>,
}

impl<K> Default for Cells<K> {
    fn default() -> Self {
        Self { index: HashMap::new(), cells: Vec::new() }
    }
}

impl<K: Hash + Ord> Cells<K> {
    fn at(&mut self, key: K) -> usize {
        *self.index.entry(key).or_insert_with(|| {
            self.cells.push(Cell::default());
            self.cells.len() - 1
        })
    }

    fn sorted(mut self) -> Vec<(K, Measures)> {
        let cells = &mut self.cells;
        let take = |(key, at): (K, usize)| (key, std::mem::take(&mut cells[at].measures));
        let mut list: Vec<_> = self.index.into_iter().map(take).collect();
        list.sort_unstable_by(|(a, _), (b, _)| a.cmp(b));
        list
    }
}

/// A base cell by hour, and where the sums that it is part of stand.
struct Base {
    key: (Hour, Dims),
    cell: Cell,
    day: usize,
    hour_margins: [usize; Axis::OF_ALL_CALLS.len()],
    day_margins: [usize; Axis::OF_ALL_CALLS.len()],
}

#[derive(Default)]
struct Group<'a> {
    index: HashMap<BaseKey<'a>, usize>,
    bases: Vec<Base>,
    days: Cells<(Day, Dims)>,
    hour_margins: Cells<(Hour, Margin)>,
    day_margins: Cells<(Day, Margin)>,
    errors: HashMap<FailureKey<'a>, u64>,
    sessions: BTreeMap<Day, Sessions>,
}

impl<'a> Group<'a> {
    fn add(&mut self, event: &'a Scanned, entry: usize) {
        let hour = event.hour();
        let (tool, version) = (event.tool(), event.version());
        let service = event.service().unwrap_or_default();
        let country = event.country().unwrap_or_default();
        let key = (hour, tool, version, event.level(), event.status(), service, country);
        let at = match self.index.get(&key) {
            Some(&at) => at,
            None => {
                let at = self.open(event);
                self.index.insert(key, at);
                at
            }
        };
        self.bases[at].cell.measures.add(event);
        if self.bases[at].cell.enter(entry) {
            self.enter_sums(at, entry);
        }
        if let (Status::Error, Some(error_type)) = (event.status(), event.error_type()) {
            *self.errors.entry((hour, tool, version, error_type)).or_default() += 1;
            self.add_failure(event, error_type, entry);
        }
    }

    /// The error type is no dimension of base cells, so its margins are counted call by call.
    fn add_failure(&mut self, event: &Scanned, error_type: &str, entry: usize) {
        let margin = Margin {
            axis: Axis::ErrorType,
            tool: event.tool().into(),
            value: error_type.into(),
            status: event.status(),
        };
        let at = self.hour_margins.at((event.hour(), margin.clone()));
        self.hour_margins.cells[at].count(event, entry);
        let at = self.day_margins.at((event.hour().day(), margin));
        self.day_margins.cells[at].count(event, entry);
    }

    /// Opens the base cell of an event, and the sums that it is part of.
    fn open(&mut self, event: &Scanned) -> usize {
        let (hour, dims) = (event.hour(), Dims::of(event));
        let margin = |axis: Axis| Margin {
            axis,
            tool: dims.tool.clone(),
            value: axis.value(&dims),
            status: dims.status,
        };
        self.bases.push(Base {
            day: self.days.at((hour.day(), dims.clone())),
            hour_margins: Axis::OF_ALL_CALLS.map(|axis| self.hour_margins.at((hour, margin(axis)))),
            day_margins: Axis::OF_ALL_CALLS
                .map(|axis| self.day_margins.at((hour.day(), margin(axis)))),
            key: (hour, dims),
            cell: Cell::default(),
        });
        self.bases.len() - 1
    }

    fn enter_sums(&mut self, base: usize, entry: usize) {
        let base = &self.bases[base];
        self.days.cells[base.day].enter(entry);
        for (hourly, daily) in base.hour_margins.into_iter().zip(base.day_margins) {
            self.hour_margins.cells[hourly].enter(entry);
            self.day_margins.cells[daily].enter(entry);
        }
    }

    fn finish(mut self) -> Rollups {
        for base in &self.bases {
            // The sums have counted their entries themselves.
            let part = &base.cell.measures;
            add_but_batches(&mut self.days.cells[base.day].measures, part);
            for (hourly, daily) in base.hour_margins.into_iter().zip(base.day_margins) {
                add_but_batches(&mut self.hour_margins.cells[hourly].measures, part);
                add_but_batches(&mut self.day_margins.cells[daily].measures, part);
            }
        }
        let mut hours: Vec<_> =
            self.bases.into_iter().map(|base| (base.key, base.cell.measures)).collect();
        hours.sort_unstable_by(|(a, _), (b, _)| a.cmp(b));
        Rollups {
            hours,
            days: self.days.sorted(),
            hour_margins: self.hour_margins.sorted(),
            day_margins: self.day_margins.sorted(),
            errors: sorted_errors(self.errors),
            sessions: self.sessions.into_iter().collect(),
        }
    }
}

fn add_but_batches(sum: &mut Measures, part: &Measures) {
    let batches = sum.batches;
    sum.merge(part);
    sum.batches = batches;
}

fn sorted_errors(errors: HashMap<FailureKey<'_>, u64>) -> Vec<(ErrorKey, u64)> {
    let own = |((hour, tool, version, error_type), count): (FailureKey<'_>, u64)| {
        let (tool, version) = (tool.into(), version.into());
        (ErrorKey { hour, tool, version, error_type: error_type.into() }, count)
    };
    let mut list: Vec<_> = errors.into_iter().map(own).collect();
    list.sort_unstable();
    list
}

impl Define for Aggregate {
    const NAME: &'static str = "aggregate";
    const SIDES: &'static [Side] = &[Side::Worker];
    const GIVES: Option<Form> = Some(Form::Aggregated);
    const CODES: &'static [Code] = &[];
    type Config = AggregateConfig;

    fn needs(_: &Self::Config) -> Needs {
        Needs::Exactly(Form::Persisted)
    }

    fn build(_: Self::Config, services: &Services) -> Result<Self, BuildError> {
        Ok(Self { identity_key: services.identity_key.clone() })
    }
}

#[cfg(test)]
mod tests;
