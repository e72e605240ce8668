//! A store in memory, with transactions.
//!
//! A transaction works on a copy of the tables and puts it in their place when it commits. Of two
//! transactions that overlap the second to commit fails, as under serialisable isolation.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;

use super::faults::{Fault, Faults};
use super::lock;
use crate::budget::{Budgets, DimensionValue, OTHER, OpenDimension};
use crate::hash::{BatchKey, EntryId, Identity};
use crate::hour::{Day, Hour};
use crate::ports::{DeadLetter, Outcome, Row, Settled, Store, StoreError, StoreTx};
use crate::rollup::{Dims, ErrorKey, Margin, Measures, Rollups};
use crate::scanned::Scanned;
use crate::sessions::Sessions;
use crate::verdict::Code;

/// The store's tables.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Tables {
    /// Entry markers.
    pub entries: BTreeMap<EntryId, StoredMarker>,
    /// Batch identities.
    pub batch_keys: BTreeMap<BatchKey, Day>,
    /// Event identities.
    pub event_keys: BTreeMap<Identity, Day>,
    /// Rows, in the order of their insertion.
    pub events: Vec<StoredRow>,
    /// Dead letters, in the order of their insertion.
    pub dead_letters: Vec<StoredLetter>,
    /// Base cells by hour.
    pub hours: BTreeMap<(Hour, Dims), Measures>,
    /// Base cells by day.
    pub days: BTreeMap<(Day, Dims), Measures>,
    /// Marginal cells by hour.
    pub hour_margins: BTreeMap<(Hour, Margin), Measures>,
    /// Marginal cells by day.
    pub day_margins: BTreeMap<(Day, Margin), Measures>,
    /// Error summary.
    pub errors: BTreeMap<ErrorKey, u64>,
    /// Sessions by day.
    pub sessions: BTreeMap<Day, Sessions>,
    /// Values of open dimensions by day, `other` left out.
    pub dimension_values: BTreeSet<DimensionValue>,
    /// Sums of the outcomes of all settled entries.
    pub ledger: Outcome,
    /// Number of commits.
    version: u64,
}

/// An entry's marker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StoredMarker {
    /// The hour in which the entry was received.
    pub received: Hour,
    /// What became of its events, once it was settled.
    pub outcome: Option<Outcome>,
}

/// An event that was inserted.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredRow {
    /// The event.
    pub event: Scanned,
    /// The hour in which it was received.
    pub received: Hour,
}

/// An event that was set aside.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredLetter {
    /// Why.
    pub code: Code,
    /// The database's own code.
    pub sqlstate: Option<String>,
    /// The event.
    pub event: Scanned,
    /// The hour in which it was received.
    pub received: Hour,
}

type Poison = dyn Fn(&Scanned) -> Option<&'static str> + Send + Sync;

/// A [`Store`] in memory.
pub struct MemoryStore {
    shared: Arc<Shared>,
}

struct Shared {
    tables: Mutex<Tables>,
    faults: Arc<dyn Faults>,
    poison: Box<Poison>,
}

impl MemoryStore {
    /// An empty store. Points: `begin.before`; `mark_entries`, `claim_batches`, `claim_events`,
    /// `release_events`, `admit_values`, `insert_events`, `insert_dead_letters`, `merge_rollups`, `settle` and
    /// `commit`, each `.before` and `.after`.
    pub fn new(faults: Arc<dyn Faults>) -> Self {
        Self::with_poison(faults, |_| None)
    }

    /// An empty store that refuses the events for which `poison` gives an SQLSTATE.
    pub fn with_poison(
        faults: Arc<dyn Faults>,
        poison: impl Fn(&Scanned) -> Option<&'static str> + Send + Sync + 'static,
    ) -> Self {
        let shared = Shared { tables: Mutex::default(), faults, poison: Box::new(poison) };
        Self { shared: Arc::new(shared) }
    }

    /// A copy of what is committed.
    pub fn tables(&self) -> Tables {
        lock(&self.shared.tables).clone()
    }
}

/// An empty store that takes everything and never fails.
impl Default for MemoryStore {
    fn default() -> Self {
        Self::new(Arc::new(()))
    }
}

impl From<Fault> for StoreError {
    fn from(fault: Fault) -> Self {
        Self::Transient(Box::new(fault))
    }
}

impl Shared {
    fn ask(&self, point: &'static str) -> Result<(), StoreError> {
        self.faults.at(point).map_or(Ok(()), |fault| Err(fault.into()))
    }
}

#[async_trait]
impl Store for MemoryStore {
    async fn begin(&self) -> Result<Box<dyn StoreTx>, StoreError> {
        self.shared.ask("begin.before")?;
        let tables = Mutex::new(self.tables());
        Ok(Box::new(MemoryTx { shared: Arc::clone(&self.shared), tables }))
    }
}

struct MemoryTx {
    shared: Arc<Shared>,
    tables: Mutex<Tables>,
}

impl MemoryTx {
    /// One operation between its two points.
    fn step<T>(
        &self,
        [before, after]: [&'static str; 2],
        operation: impl FnOnce(&mut Tables) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        self.shared.ask(before)?;
        let answer = operation(&mut lock(&self.tables))?;
        self.shared.ask(after)?;
        Ok(answer)
    }
}

/// The points around an operation.
macro_rules! around {
    ($operation:literal) => {
        [concat!($operation, ".before"), concat!($operation, ".after")]
    };
}

/// Inserts what is not there yet; true where it was new.
fn claim<K: Ord + Copy, V: Copy>(table: &mut BTreeMap<K, V>, keys: &[(K, V)]) -> Vec<bool> {
    let mut insert = |&(key, value): &(K, V)| {
        let new = !table.contains_key(&key);
        table.entry(key).or_insert(value);
        new
    };
    keys.iter().map(&mut insert).collect()
}

fn merge<K: Ord + Clone>(table: &mut BTreeMap<K, Measures>, cells: &[(K, Measures)]) {
    for (key, measures) in cells {
        table.entry(key.clone()).or_default().merge(measures);
    }
}

#[async_trait]
impl StoreTx for MemoryTx {
    async fn mark_entries(&self, entries: &[(EntryId, Hour)]) -> Result<Vec<bool>, StoreError> {
        let marker = |&(id, received)| (id, StoredMarker { received, outcome: None });
        let markers: Vec<_> = entries.iter().map(marker).collect();
        self.step(around!("mark_entries"), |tables| Ok(claim(&mut tables.entries, &markers)))
    }

    async fn claim_batches(&self, keys: &[(BatchKey, Day)]) -> Result<Vec<bool>, StoreError> {
        self.step(around!("claim_batches"), |tables| Ok(claim(&mut tables.batch_keys, keys)))
    }

    async fn claim_events(&self, keys: &[(Identity, Day)]) -> Result<Vec<bool>, StoreError> {
        self.step(around!("claim_events"), |tables| Ok(claim(&mut tables.event_keys, keys)))
    }

    async fn release_events(&self, keys: &[(Identity, Day)]) -> Result<(), StoreError> {
        self.step(around!("release_events"), |tables| {
            for (identity, _) in keys {
                tables.event_keys.remove(identity);
            }
            Ok(())
        })
    }

    async fn admit_values(
        &self,
        values: &[DimensionValue],
        budgets: &Budgets,
    ) -> Result<Vec<bool>, StoreError> {
        self.step(around!("admit_values"), |tables| {
            let mut held = tables.dimension_values.clone();
            let mut admit = |value: &DimensionValue| {
                let same = |other: &&DimensionValue| {
                    (other.day, other.dimension) == (value.day, value.dimension)
                };
                let room = held.iter().filter(same).count() < budgets.of(value.dimension);
                held.contains(value) || (room && held.insert(value.clone()))
            };
            Ok(values.iter().map(&mut admit).collect())
        })
    }

    async fn insert_events(&self, rows: &[Row<'_>]) -> Result<(), StoreError> {
        self.step(around!("insert_events"), |tables| {
            if let Some(sqlstate) = rows.iter().find_map(|row| (self.shared.poison)(row.event)) {
                return Err(StoreError::Data { sqlstate: sqlstate.to_owned() });
            }
            let stored =
                |row: &Row<'_>| StoredRow { event: row.event.clone(), received: row.received };
            tables.events.extend(rows.iter().map(stored));
            Ok(())
        })
    }

    async fn insert_dead_letters(&self, letters: &[DeadLetter<'_>]) -> Result<(), StoreError> {
        self.step(around!("insert_dead_letters"), |tables| {
            tables.dead_letters.extend(letters.iter().map(|letter| StoredLetter {
                code: letter.code,
                sqlstate: letter.sqlstate.clone(),
                event: letter.event.clone(),
                received: letter.received,
            }));
            Ok(())
        })
    }

    async fn merge_rollups(&self, rollups: &Rollups) -> Result<(), StoreError> {
        self.step(around!("merge_rollups"), |tables| {
            merge(&mut tables.hours, &rollups.hours);
            merge(&mut tables.days, &rollups.days);
            merge(&mut tables.hour_margins, &rollups.hour_margins);
            merge(&mut tables.day_margins, &rollups.day_margins);
            for ((day, margin), _) in &rollups.day_margins {
                let dimension = OpenDimension::read(margin.axis.as_str());
                let named = !margin.value.is_empty() && margin.value != OTHER;
                tables.dimension_values.extend(dimension.filter(|_| named).map(|dimension| {
                    DimensionValue { day: *day, dimension, value: margin.value.clone() }
                }));
            }
            for (key, count) in &rollups.errors {
                *tables.errors.entry(key.clone()).or_default() += count;
            }
            for (day, sessions) in &rollups.sessions {
                tables.sessions.entry(*day).or_default().merge([sessions]);
            }
            Ok(())
        })
    }

    async fn settle(&self, entries: &[Settled]) -> Result<(), StoreError> {
        self.step(around!("settle"), |tables| {
            for Settled { id, outcome } in entries {
                if let Some(marker) = tables.entries.get_mut(id) {
                    marker.outcome = Some(*outcome);
                }
                let ledger = &mut tables.ledger;
                ledger.add(outcome);
            }
            Ok(())
        })
    }

    async fn commit(self: Box<Self>) -> Result<(), StoreError> {
        self.step(around!("commit"), |tables| {
            let mut committed = lock(&self.shared.tables);
            if committed.version != tables.version {
                return Err(Fault("a transaction that overlapped with another").into());
            }
            tables.version += 1;
            *committed = std::mem::take(tables);
            Ok(())
        })
    }
}
