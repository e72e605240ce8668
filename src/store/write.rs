//! The write side: the worker's transaction, one statement a step.
//!
//! Every step takes all its rows as a few values, so the cost of a statement is paid once a group
//! and not once an event.

pub(super) mod cells;
pub(super) mod sessions;
mod statements;
mod values;

use std::collections::{BTreeSet, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use sea_orm::{DatabaseTransaction, TransactionTrait, Value};
use stages::budget::{Budgets, DimensionValue};
use stages::entry::write_payload;
use stages::ports::{DeadLetter, Outcome, Row, Settled, Store, StoreError, StoreTx};
use stages::rollup::Rollups;
use stages::{BatchKey, Day, EntryId, Hour, Identity};

pub(super) use self::statements::EVENTS;
use self::statements::{Claim, ENTRIES, HOURS, IDENTITIES, LETTERS, OUTCOMES, Statements};
use super::Database;
use super::database::{execute, query};
use super::dialect::Dialect;
use super::error::store_error;
use super::rows::{Column, Rows};

/// The code under which batch-persist sets aside what stayed in the queue too long.
const EXPIRED: &str = "expired";

/// When a dead letter was first seen and how often it was tried.
#[derive(Debug, Clone)]
pub(super) struct Past {
    pub(super) first_seen: Hour,
    pub(super) attempts: i64,
}

/// An open transaction of the worker.
pub(super) struct WriteTx {
    tx: DatabaseTransaction,
    dialect: Dialect,
    statements: &'static Statements,
    now: Hour,
    /// Hours of receipt whose entries have expired: age alone decides that, so an entry of such an
    /// hour of which nothing was stored has expired as a whole.
    expired: Mutex<BTreeSet<Hour>>,
    /// The dead letters that are being replayed, by payload. One that fails again keeps its past.
    replayed: Mutex<HashMap<String, Vec<Past>>>,
}

impl Database {
    pub(super) async fn write(&self) -> Result<WriteTx, StoreError> {
        Ok(WriteTx {
            tx: self.begin_write().await?,
            dialect: self.dialect(),
            statements: Statements::of(self.dialect()),
            now: self.clock().hour(),
            expired: Mutex::default(),
            replayed: Mutex::default(),
        })
    }
}

#[async_trait]
impl Store for Database {
    async fn begin(&self) -> Result<Box<dyn StoreTx>, StoreError> {
        Ok(Box::new(self.write().await?))
    }
}

impl WriteTx {
    pub(super) const fn tx(&self) -> &DatabaseTransaction {
        &self.tx
    }

    /// Remembers the past of a dead letter that is being replayed.
    pub(super) fn remember(&self, payload: String, past: Past) {
        lock(&self.replayed).entry(payload).or_default().push(past);
    }

    /// Adds to the ledger; a negative number takes away. Moves the watermark.
    pub(super) async fn add_to_ledger(&self, change: LedgerChange) -> Result<(), StoreError> {
        let LedgerChange { persisted, duplicate, dead_letter, discarded } = change;
        let values = [persisted, duplicate, dead_letter, discarded];
        execute(&self.tx, &self.statements.add_to_ledger, values.map(Into::into)).await.map(drop)
    }

    pub(super) async fn finish(self) -> Result<(), StoreError> {
        self.tx.commit().await.map_err(store_error)
    }

    fn rows(&self, columns: &[Column], rows: usize, row_bytes: usize) -> Rows {
        Rows::new(self.dialect, columns, rows, row_bytes)
    }

    /// Inserts keys and answers for each whether it was new.
    async fn claim<K: Copy + Sync>(
        &self,
        claim: &Claim,
        columns: &[Column],
        keys: &[K],
        write: impl Fn(&mut Rows, K) + Sync + Send,
    ) -> Result<Vec<bool>, StoreError> {
        let rows = |keep: &dyn Fn(usize) -> bool| {
            let mut rows = self.rows(columns, keys.len(), 60);
            for (_, &key) in keys.iter().enumerate().filter(|&(index, _)| keep(index)) {
                rows.row(|row| write(row, key));
            }
            rows.finish()
        };
        let everything = rows(&|_| true);
        match claim {
            Claim::Insert(sql) => self.unknown(sql, everything, keys.len()).await,
            Claim::LookAndInsert { known, insert } => {
                let new = self.unknown(known, everything.clone(), keys.len()).await?;
                let wanted =
                    if new.contains(&false) { rows(&|index| new[index]) } else { everything };
                execute(&self.tx, insert, wanted).await?;
                Ok(new)
            }
        }
    }

    /// Runs a query for the numbers of known keys. Answers for each whether it is none of them.
    async fn unknown(
        &self,
        sql: &str,
        values: Vec<Value>,
        keys: usize,
    ) -> Result<Vec<bool>, StoreError> {
        let mut new = vec![true; keys];
        for row in query(&self.tx, sql, values).await? {
            let index: i64 = row.try_get_by_index(0).map_err(store_error)?;
            if let Some(new) = usize::try_from(index).ok().and_then(|index| new.get_mut(index)) {
                *new = false;
            }
        }
        Ok(new)
    }
}

/// What a transaction adds to the ledger, in events.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct LedgerChange {
    pub(super) persisted: i64,
    pub(super) duplicate: i64,
    pub(super) dead_letter: i64,
    pub(super) discarded: i64,
}

impl LedgerChange {
    pub(super) fn add(&mut self, outcome: &Outcome) {
        self.persisted += signed(outcome.persisted);
        self.duplicate += signed(outcome.duplicate);
        self.dead_letter += signed(outcome.dead_letter);
        self.discarded += signed(outcome.discarded);
    }
}

#[async_trait]
impl StoreTx for WriteTx {
    async fn mark_entries(&self, entries: &[(EntryId, Hour)]) -> Result<Vec<bool>, StoreError> {
        let write = |row: &mut Rows, (id, received): (EntryId, Hour)| {
            row.bytes(id.as_bytes());
            row.hour(received);
        };
        self.claim(&self.statements.entries, &ENTRIES, entries, write).await
    }

    async fn claim_batches(&self, keys: &[(BatchKey, Day)]) -> Result<Vec<bool>, StoreError> {
        let write = |row: &mut Rows, (key, day): (BatchKey, Day)| {
            row.bytes(key.as_bytes());
            row.day(day);
        };
        self.claim(&self.statements.batches, &IDENTITIES, keys, write).await
    }

    async fn claim_events(&self, keys: &[(Identity, Day)]) -> Result<Vec<bool>, StoreError> {
        self.claim(&self.statements.events, &IDENTITIES, keys, write_identity).await
    }

    async fn release_events(&self, keys: &[(Identity, Day)]) -> Result<(), StoreError> {
        let mut rows = self.rows(&IDENTITIES, keys.len(), 60);
        for &key in keys {
            rows.row(|row| write_identity(row, key));
        }
        execute(&self.tx, &self.statements.release_events, rows.finish()).await.map(drop)
    }

    async fn admit_values(
        &self,
        values: &[DimensionValue],
        budgets: &Budgets,
    ) -> Result<Vec<bool>, StoreError> {
        values::admit(self, values, budgets).await
    }

    async fn insert_events(&self, rows: &[Row<'_>]) -> Result<(), StoreError> {
        let mut values = self.rows(&EVENTS, rows.len(), 200);
        for row in rows {
            values.row(|values| write_event(values, row));
        }
        let values = values.finish();
        // In SQLite a statement undoes itself when it fails, but for a trigger that says otherwise;
        // PostgreSQL takes nothing more after a failure but the way back.
        let savepoint = self.tx.begin().await.map_err(store_error)?;
        match execute(&savepoint, &self.statements.insert_events, values).await {
            Ok(_) => savepoint.commit().await.map_err(store_error),
            Err(error) => {
                savepoint.rollback().await.map_err(store_error)?;
                Err(error)
            }
        }
    }

    async fn insert_dead_letters(&self, letters: &[DeadLetter<'_>]) -> Result<(), StoreError> {
        let mut rows = self.rows(&LETTERS, letters.len(), 400);
        for letter in letters {
            let payload =
                write_payload(letter.event).map_err(|e| StoreError::Transient(Box::new(e)))?;
            let past = lock(&self.replayed).get_mut(&payload).and_then(Vec::pop);
            rows.row(|row| {
                row.text(letter.code.as_str());
                row.optional_text(letter.sqlstate.as_deref());
                row.text(&payload);
                row.hour(letter.received);
                row.hour(past.as_ref().map_or(self.now, |past| past.first_seen));
                row.plain(past.map_or(1, |past| past.attempts + 1));
            });
            if letter.code.as_str() == EXPIRED {
                lock(&self.expired).insert(letter.received);
            }
        }
        execute(&self.tx, &self.statements.insert_letters, rows.finish()).await.map(drop)
    }

    async fn merge_rollups(&self, rollups: &Rollups) -> Result<(), StoreError> {
        cells::merge(&self.tx, rollups).await
    }

    async fn settle(&self, entries: &[Settled]) -> Result<(), StoreError> {
        let mut rows = self.rows(&OUTCOMES, entries.len(), 60);
        let mut change = LedgerChange::default();
        for Settled { id, outcome } in entries {
            let Outcome { persisted, duplicate, dead_letter, discarded } = outcome;
            rows.row(|row| {
                row.bytes(id.as_bytes());
                row.plain(persisted + duplicate + dead_letter + discarded);
                row.plain(persisted);
                row.plain(duplicate);
                row.plain(dead_letter);
            });
            change.add(outcome);
        }
        let mut expired = self.rows(&HOURS, 0, 0);
        lock(&self.expired).iter().for_each(|&hour| expired.row(|row| row.hour(hour)));
        let values = [rows.finish(), expired.finish()].concat();
        execute(&self.tx, &self.statements.settle, values).await?;
        self.add_to_ledger(change).await
    }

    async fn commit(self: Box<Self>) -> Result<(), StoreError> {
        self.finish().await
    }
}

fn write_identity(row: &mut Rows, (identity, day): (Identity, Day)) {
    row.bytes(identity.as_bytes());
    row.day(day);
}

fn write_event(values: &mut Rows, row: &Row<'_>) {
    let event = row.event;
    values.hour(event.hour());
    values.text(event.version());
    values.text(event.tool());
    values.text(event.status().as_str());
    values.text(event.level().as_str());
    values.optional(event.response_time_ms());
    values.optional_text(event.service());
    values.optional(event.cache_hit());
    values.optional(event.retry_count());
    values.optional_text(event.country());
    values.optional_text(event.parameters_json().as_deref());
    values.optional_text(event.session_id());
    values.optional(event.sequence_number());
    values.optional_text(event.error_type());
    values.hour(row.received);
}

/// Counts of events are far below the largest signed number; one that is not is a broken caller's.
pub(super) fn signed(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
