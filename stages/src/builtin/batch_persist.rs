//! `batch-persist`: decides what is new, and writes it, inside the worker's transaction.
//!
//! In this order: markers (a redelivered entry changes nothing), age (an entry that outlived the
//! identities cannot be judged), batch identities, event identities, budgets of values, rows. Keys are claimed in key
//! order, so that workers that meet wait for each other instead of deadlocking.

mod values;

use std::collections::HashMap;
use std::ops::Range;

use async_trait::async_trait;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::batch::Batch;
use crate::budget::{Budgets, OpenDimension};
use crate::context::{Cx, Services};
use crate::hash::Identity;
use crate::hour::{Day, Hour};
use crate::ports::{DeadLetter, IDENTITY_LIFETIME, Row, StoreError, StoreTx};
use crate::stage::{BuildError, Define, Form, Needs, Side, Stage, StageError};
use crate::verdict::{Code, Pointer, Reason, Verdict, codes};

const REDELIVERY: Code = Code::new("redelivery");
const EXPIRED: Code = Code::new("expired");
const REFUSED_BY_STORE: Code = Code::new("refused_by_store");

/// Bounds a transaction: its memory, and how long it keeps others waiting.
const MAX_GROUP_EVENTS: usize = 100_000;

/// Bounds what a group reads of the values that a day has.
const MAX_DAILY_VALUES: usize = 100_000;

/// The stage.
pub(crate) struct BatchPersist {
    group_events: usize,
    budgets: Budgets,
}

/// Settings of `batch-persist`.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct BatchPersistConfig {
    /// How many events the worker claims and stores at once, 1 to 100000. More is faster up to a
    /// point, and keeps other writers waiting longer. Default: 10000.
    #[schemars(range(min = 1, max = 100_000))]
    group_events: usize,
    /// Most different values that a dimension has on a UTC day. Clients choose these values, so one
    /// of them could make any number; further values of the day are stored and counted as `other`.
    daily_values: DailyValues,
}

/// Budgets of values.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
struct DailyValues {
    /// Versions of clients, 1 to 100000. Default: 500.
    #[schemars(range(min = 1, max = 100_000))]
    version: usize,
    /// Error types, 1 to 100000. Default: 500.
    #[schemars(range(min = 1, max = 100_000))]
    error_type: usize,
    /// Countries, 1 to 100000; there are 249. Default: 300.
    #[schemars(range(min = 1, max = 100_000))]
    country: usize,
}

impl Default for DailyValues {
    fn default() -> Self {
        Self { version: 500, error_type: 500, country: 300 }
    }
}

impl Default for BatchPersistConfig {
    fn default() -> Self {
        Self { group_events: 10_000, daily_values: DailyValues::default() }
    }
}

#[async_trait]
impl Stage for BatchPersist {
    async fn run(&self, batch: &mut Batch<'_>, cx: Cx<'_>) -> Result<(), StageError> {
        let tx = cx.tx.ok_or(StageError::Misplaced("batch-persist needs a store transaction"))?;
        mark_entries(batch, tx).await?;
        set_expired_aside(batch, cx.clock.hour());
        claim_batches(batch, tx).await?;
        claim_events(batch, tx).await?;
        values::fold(batch, &self.budgets, tx).await?;
        let refused = insert_events(batch, tx).await?;
        insert_dead_letters(batch, refused, tx).await?;
        Ok(())
    }

    fn group_events(&self) -> Option<usize> {
        Some(self.group_events)
    }
}

/// Keys to claim, each once and in order. Of those that repeat, the first by position is the owner.
struct Claims<K, V> {
    keys: Vec<(K, V)>,
    owners: Vec<usize>,
    repeats: Vec<usize>,
}

impl<K: Ord + Copy, V> Claims<K, V> {
    /// From keys, their values and their positions, in any order.
    fn new(mut wanted: Vec<(K, V, usize)>) -> Self {
        wanted.sort_unstable_by_key(|&(key, _, position)| (key, position));
        let mut claims = Self {
            keys: Vec::with_capacity(wanted.len()),
            owners: Vec::with_capacity(wanted.len()),
            repeats: Vec::new(),
        };
        for (key, value, position) in wanted {
            if claims.keys.last().is_some_and(|(last, _)| *last == key) {
                claims.repeats.push(position);
            } else {
                claims.keys.push((key, value));
                claims.owners.push(position);
            }
        }
        claims
    }

    /// The positions that do not get their key, given which keys were new.
    fn losers(self, new: Vec<bool>) -> impl Iterator<Item = usize> {
        let taken = self.owners.into_iter().zip(new).filter(|&(_, new)| !new);
        taken.map(|(position, _)| position).chain(self.repeats)
    }
}

async fn mark_entries(batch: &mut Batch<'_>, tx: &dyn StoreTx) -> Result<(), StoreError> {
    let entries = batch.entries().iter().enumerate();
    let claims = Claims::new(entries.filter_map(|(i, e)| Some((e.id?, e.received, i))).collect());
    if claims.keys.is_empty() {
        return Ok(());
    }
    let new = tx.mark_entries(&claims.keys).await?;
    for index in claims.losers(new) {
        batch.entries_mut()[index].redelivered = true;
        settle_entry(batch, index, &drop_as(REDELIVERY, "the entry was stored before"));
    }
    Ok(())
}

fn set_expired_aside(batch: &mut Batch<'_>, now: Hour) {
    let oldest = now.plus(-IDENTITY_LIFETIME.whole_hours());
    let message = "it stayed in the queue until repeats of it could no longer be recognised";
    let verdict = Verdict::Reject(Reason::new(EXPIRED, Pointer::ROOT, message));
    for index in 0..batch.entries().len() {
        let entry = &batch.entries()[index];
        if entry.id.is_some() && entry.received < oldest {
            settle_entry(batch, index, &verdict);
        }
    }
}

async fn claim_batches(batch: &mut Batch<'_>, tx: &dyn StoreTx) -> Result<(), StoreError> {
    let passing = |range: &Range<usize>| batch.slots()[range.clone()].iter().any(|s| s.passes());
    let entries = batch.entries().iter().enumerate().filter(|(_, e)| passing(&e.range));
    let claims = Claims::new(
        entries.filter_map(|(i, e)| Some((e.batch_key?, e.received.day(), i))).collect(),
    );
    if claims.keys.is_empty() {
        return Ok(());
    }
    let new = tx.claim_batches(&claims.keys).await?;
    let verdict = drop_as(codes::DUPLICATE, "the same batch was counted before");
    for index in claims.losers(new) {
        settle_entry(batch, index, &verdict);
    }
    Ok(())
}

async fn claim_events(batch: &mut Batch<'_>, tx: &dyn StoreTx) -> Result<(), StoreError> {
    let passing = batch.slots().iter().enumerate().filter(|(_, slot)| slot.passes());
    let wanted = passing.filter_map(|(index, slot)| {
        let (identity, day) = identity_of(slot.event.scanned()?)?;
        Some((identity, day, index))
    });
    let claims = Claims::new(wanted.collect());
    if claims.keys.is_empty() {
        return Ok(());
    }
    let new = tx.claim_events(&claims.keys).await?;
    for index in claims.losers(new) {
        batch.settle(index, drop_as(codes::DUPLICATE, "the same event was counted before"));
    }
    Ok(())
}

/// Writes the events that still go on. Those that the store refuses are taken out, alone; they are
/// returned with the store's code, by slot, and hold no identity any more.
async fn insert_events(
    batch: &mut Batch<'_>,
    tx: &dyn StoreTx,
) -> Result<HashMap<usize, String>, StoreError> {
    let mut slots = Vec::with_capacity(batch.passing());
    let mut rows = Vec::with_capacity(batch.passing());
    for entry in batch.entries() {
        for index in entry.range.clone() {
            let slot = &batch.slots()[index];
            if let Some(event) = slot.event.scanned().filter(|_| slot.passes()) {
                slots.push(index);
                rows.push(Row { event, received: entry.received });
            }
        }
    }
    let refused = insert_around_poison(&rows, tx).await?;

    let mut released: Vec<(Identity, Day)> =
        refused.iter().filter_map(|&(row, _)| identity_of(rows[row].event)).collect();
    if !released.is_empty() {
        released.sort_unstable();
        tx.release_events(&released).await?;
    }
    let refused: HashMap<usize, String> =
        refused.into_iter().map(|(row, sqlstate)| (slots[row], sqlstate)).collect();
    for &slot in refused.keys() {
        let reason = Reason::new(REFUSED_BY_STORE, Pointer::ROOT, "the store refuses the event");
        batch.settle(slot, Verdict::Reject(reason));
    }
    Ok(refused)
}

/// Inserts rows; halves what the store refuses until single rows are left. One bad row among n costs
/// about 2 log n statements. Returns the bad rows.
async fn insert_around_poison(
    rows: &[Row<'_>],
    tx: &dyn StoreTx,
) -> Result<Vec<(usize, String)>, StoreError> {
    let mut refused = Vec::new();
    let mut pieces = Vec::new();
    if !rows.is_empty() {
        pieces.push(0..rows.len());
    }
    while let Some(Range { start, end }) = pieces.pop() {
        match tx.insert_events(&rows[start..end]).await {
            Ok(()) => {}
            Err(StoreError::Data { sqlstate }) if end - start == 1 => {
                refused.push((start, sqlstate));
            }
            Err(StoreError::Data { .. }) => {
                let middle = start.midpoint(end);
                pieces.push(middle..end);
                pieces.push(start..middle);
            }
            Err(error) => return Err(error),
        }
    }
    Ok(refused)
}

/// Sets aside whatever was rejected, here or by a stage before.
async fn insert_dead_letters(
    batch: &Batch<'_>,
    mut refused: HashMap<usize, String>,
    tx: &dyn StoreTx,
) -> Result<(), StoreError> {
    let mut letters = Vec::new();
    for entry in batch.entries().iter().filter(|entry| !entry.redelivered) {
        for index in entry.range.clone() {
            let slot = &batch.slots()[index];
            if let (Verdict::Reject(reason), Some(event)) = (slot.verdict(), slot.event.scanned()) {
                let sqlstate = refused.remove(&index);
                letters.push(DeadLetter {
                    code: reason.code,
                    sqlstate,
                    event,
                    received: entry.received,
                });
            }
        }
    }
    if letters.is_empty() { Ok(()) } else { tx.insert_dead_letters(&letters).await }
}

fn identity_of(event: &crate::scanned::Scanned) -> Option<(Identity, Day)> {
    Some((event.identity()?, event.hour().day()))
}

fn settle_entry(batch: &mut Batch<'_>, index: usize, verdict: &Verdict) {
    for slot in batch.entries()[index].range.clone() {
        batch.settle(slot, verdict.clone());
    }
}

fn drop_as(code: Code, message: &'static str) -> Verdict {
    Verdict::Drop(Reason::new(code, Pointer::ROOT, message))
}

impl Define for BatchPersist {
    const NAME: &'static str = "batch-persist";
    const SIDES: &'static [Side] = &[Side::Worker];
    const GIVES: Option<Form> = Some(Form::Persisted);
    const CODES: &'static [Code] = &[REDELIVERY, EXPIRED, codes::DUPLICATE, REFUSED_BY_STORE];
    type Config = BatchPersistConfig;

    fn needs(_: &Self::Config) -> Needs {
        Needs::Exactly(Form::Clean)
    }

    fn build(config: Self::Config, _: &Services) -> Result<Self, BuildError> {
        if !(1..=MAX_GROUP_EVENTS).contains(&config.group_events) {
            let message = format!("must be from 1 to {MAX_GROUP_EVENTS}");
            return Err(BuildError::at("group_events", message));
        }
        let DailyValues { version, error_type, country } = config.daily_values;
        let budgets = Budgets { country, error_type, version };
        for dimension in OpenDimension::ALL {
            if !(1..=MAX_DAILY_VALUES).contains(&budgets.of(dimension)) {
                let path = ["daily_values", dimension.as_str()].map(str::to_owned).to_vec();
                let message = format!("must be from 1 to {MAX_DAILY_VALUES}");
                return Err(BuildError { path, message });
            }
        }
        Ok(Self { group_events: config.group_events, budgets })
    }
}

#[cfg(test)]
mod tests;
