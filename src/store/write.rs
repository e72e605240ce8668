//! The write side: the worker's transaction, one statement a step.
//!
//! Every step takes all its rows as one JSON text, so the cost of a statement is paid once a group
//! and not once an event. `jsonb_each` (SQLite 3.51, which is built in) hands out each row in binary
//! form; `json_each` would print it as text that every column parses again, at twice the time.

pub(super) mod cells;

use std::collections::{BTreeSet, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use sea_orm::{DatabaseTransaction, TransactionTrait};
use stages::entry::write_payload;
use stages::ports::{DeadLetter, Outcome, Row, Settled, Store, StoreError, StoreTx};
use stages::rollup::Rollups;
use stages::{BatchKey, Day, EntryId, Hour, Identity};

use super::Database;
use super::database::{execute, query};
use super::error::store_error;
use super::json::JsonRows;

/// The ledger row that this process adds to. SQLite has one writer, so one row serves all.
const SHARD: i64 = 0;
/// The code under which batch-persist sets aside what stayed in the queue too long.
const EXPIRED: &str = "expired";

const KNOWN_ENTRIES: &str = "SELECT j.key FROM jsonb_each(?1) j CROSS JOIN entries e \
    WHERE e.entry_id = unhex(j.value->>0)";
const INSERT_ENTRIES: &str = "INSERT INTO entries \
    (entry_id, received_hour, events, persisted, duplicate, dead_letter, expired) \
    SELECT unhex(value->>0), value->>1, 0, 0, 0, 0, 0 FROM jsonb_each(?1) WHERE true \
    ON CONFLICT DO NOTHING";

const INSERT_EVENTS: &str = "INSERT INTO events \
    (timestamp_hour, version, tool, status, analytics_level, response_time_ms, service, cache_hit, \
     retry_count, country, parameters, session_id, sequence_number, error_type, received_hour) \
    SELECT value->>0, value->>1, value->>2, value->>3, value->>4, value->>5, value->>6, value->>7, \
     value->>8, value->>9, value->>10, value->>11, value->>12, value->>13, value->>14 \
    FROM jsonb_each(?1)";

const INSERT_LETTERS: &str = "INSERT INTO dead_letters \
    (id, code, sqlstate, payload, received_hour, first_seen_hour, attempts) \
    SELECT randomblob(16), value->>0, value->>1, value->>2, value->>3, value->>4, value->>5 \
    FROM jsonb_each(?1)";

const SETTLE_ENTRIES: &str = "UPDATE entries SET events = j.value->>1, persisted = j.value->>2, \
    duplicate = j.value->>3, dead_letter = j.value->>4, \
    expired = j.value->>2 = 0 AND j.value->>4 > 0 \
      AND received_hour IN (SELECT value FROM json_each(?2)) \
    FROM jsonb_each(?1) j WHERE entry_id = unhex(j.value->>0)";

const ADD_TO_LEDGER: &str = "INSERT INTO ledger \
    (shard, persisted, duplicate, dead_letter, discarded, commits) VALUES (?1, ?2, ?3, ?4, ?5, 1) \
    ON CONFLICT (shard) DO UPDATE SET persisted = ledger.persisted + excluded.persisted, \
    duplicate = ledger.duplicate + excluded.duplicate, \
    dead_letter = ledger.dead_letter + excluded.dead_letter, \
    discarded = ledger.discarded + excluded.discarded, commits = ledger.commits + 1";

/// A table of identities by day, and its statements.
struct Identities {
    known: &'static str,
    insert: &'static str,
}

/// Looks a key up under every day that the table holds: `day IN` makes each a step into the primary
/// key, and the days are found by stepping from one to the next.
macro_rules! identities {
    ($table:literal) => {
        Identities {
            known: concat!(
                "WITH RECURSIVE held(day) AS (SELECT min(day) FROM ",
                $table,
                " UNION ALL SELECT (SELECT min(k.day) FROM ",
                $table,
                " k WHERE k.day > held.day) FROM held WHERE held.day IS NOT NULL) \
                 SELECT j.key FROM jsonb_each(?1) j WHERE EXISTS (SELECT 1 FROM ",
                $table,
                " k WHERE k.day IN (SELECT day FROM held) AND k.key = unhex(j.value->>0))"
            ),
            insert: concat!(
                "INSERT INTO ",
                $table,
                " (key, day) SELECT unhex(value->>0), value->>1 FROM jsonb_each(?1) WHERE true \
                 ON CONFLICT DO NOTHING"
            ),
        }
    };
}

const BATCHES: Identities = identities!("batch_keys");
const EVENTS: Identities = identities!("event_keys");
const RELEASE_EVENTS: &str = "DELETE FROM event_keys WHERE (day, key) IN \
    (SELECT value->>1, unhex(value->>0) FROM jsonb_each(?1))";

/// When a dead letter was first seen and how often it was tried.
#[derive(Debug, Clone)]
pub(super) struct Past {
    pub(super) first_seen: String,
    pub(super) attempts: i64,
}

/// An open transaction of the worker.
pub(super) struct WriteTx {
    tx: DatabaseTransaction,
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
        let values = [SHARD, persisted, duplicate, dead_letter, discarded];
        execute(&self.tx, ADD_TO_LEDGER, values.map(Into::into)).await.map(drop)
    }

    pub(super) async fn finish(self) -> Result<(), StoreError> {
        self.tx.commit().await.map_err(store_error)
    }

    /// Inserts keys and answers for each whether it was new. Few are known as a rule, so the known
    /// ones are asked for and the new ones are not: an answer a row would cost more than the row.
    async fn claim<K: Copy + Sync>(
        &self,
        known: &str,
        insert: &str,
        keys: &[K],
        write: impl Fn(&mut JsonRows, K) + Sync + Send,
    ) -> Result<Vec<bool>, StoreError> {
        let json = |keep: &dyn Fn(usize) -> bool| {
            let mut rows = JsonRows::with_capacity(keys.len(), 60);
            for (_, &key) in keys.iter().enumerate().filter(|&(index, _)| keep(index)) {
                rows.row(|row| write(row, key));
            }
            rows
        };
        let mut new = vec![true; keys.len()];
        let everything = json(&|_| true).finish();
        for row in query(&self.tx, known, [everything.clone()]).await? {
            let index: i64 = row.try_get_by_index(0).map_err(store_error)?;
            if let Some(new) = usize::try_from(index).ok().and_then(|index| new.get_mut(index)) {
                *new = false;
            }
        }
        let wanted =
            if new.contains(&false) { json(&|index| new[index]).finish() } else { everything };
        execute(&self.tx, insert, [wanted]).await?;
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
        let write = |row: &mut JsonRows, (id, received): (EntryId, Hour)| {
            row.bytes(id.as_bytes());
            row.hour(received);
        };
        self.claim(KNOWN_ENTRIES, INSERT_ENTRIES, entries, write).await
    }

    async fn claim_batches(&self, keys: &[(BatchKey, Day)]) -> Result<Vec<bool>, StoreError> {
        let write = |row: &mut JsonRows, (key, day): (BatchKey, Day)| {
            row.bytes(key.as_bytes());
            row.day(day);
        };
        self.claim(BATCHES.known, BATCHES.insert, keys, write).await
    }

    async fn claim_events(&self, keys: &[(Identity, Day)]) -> Result<Vec<bool>, StoreError> {
        self.claim(EVENTS.known, EVENTS.insert, keys, write_identity).await
    }

    async fn release_events(&self, keys: &[(Identity, Day)]) -> Result<(), StoreError> {
        let mut rows = JsonRows::with_capacity(keys.len(), 60);
        for &key in keys {
            rows.row(|row| write_identity(row, key));
        }
        execute(&self.tx, RELEASE_EVENTS, [rows.finish()]).await.map(drop)
    }

    async fn insert_events(&self, rows: &[Row<'_>]) -> Result<(), StoreError> {
        let mut json = JsonRows::with_capacity(rows.len(), 200);
        for row in rows {
            json.row(|json| write_event(json, row));
        }
        let json = json.finish();
        // A statement undoes itself when it fails, but for a trigger that says otherwise.
        let savepoint = self.tx.begin().await.map_err(store_error)?;
        match execute(&savepoint, INSERT_EVENTS, [json]).await {
            Ok(_) => savepoint.commit().await.map_err(store_error),
            Err(error) => {
                savepoint.rollback().await.map_err(store_error)?;
                Err(error)
            }
        }
    }

    async fn insert_dead_letters(&self, letters: &[DeadLetter<'_>]) -> Result<(), StoreError> {
        let mut rows = JsonRows::with_capacity(letters.len(), 400);
        for letter in letters {
            let payload =
                write_payload(letter.event).map_err(|e| StoreError::Transient(Box::new(e)))?;
            let past = lock(&self.replayed).get_mut(&payload).and_then(Vec::pop);
            rows.row(|row| {
                row.text(letter.code.as_str());
                row.optional_text(letter.sqlstate.as_deref());
                row.text(&payload);
                row.hour(letter.received);
                match &past {
                    Some(past) => row.text(&past.first_seen),
                    None => row.hour(self.now),
                }
                row.plain(past.map_or(1, |past| past.attempts + 1));
            });
            if letter.code.as_str() == EXPIRED {
                lock(&self.expired).insert(letter.received);
            }
        }
        execute(&self.tx, INSERT_LETTERS, [rows.finish()]).await.map(drop)
    }

    async fn merge_rollups(&self, rollups: &Rollups) -> Result<(), StoreError> {
        cells::merge(&self.tx, rollups).await
    }

    async fn settle(&self, entries: &[Settled]) -> Result<(), StoreError> {
        let mut rows = JsonRows::with_capacity(entries.len(), 60);
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
        let mut expired = JsonRows::list();
        lock(&self.expired).iter().for_each(|&hour| expired.hour(hour));
        execute(&self.tx, SETTLE_ENTRIES, [rows.finish(), expired.finish()]).await?;
        self.add_to_ledger(change).await
    }

    async fn commit(self: Box<Self>) -> Result<(), StoreError> {
        self.finish().await
    }
}

fn write_identity(row: &mut JsonRows, (identity, day): (Identity, Day)) {
    row.bytes(identity.as_bytes());
    row.day(day);
}

fn write_event(json: &mut JsonRows, row: &Row<'_>) {
    let event = row.event;
    json.hour(event.hour());
    json.text(event.version());
    json.text(event.tool());
    json.text(event.status().as_str());
    json.text(event.level().as_str());
    json.optional(event.response_time_ms());
    json.optional_text(event.service());
    json.optional(event.cache_hit());
    json.optional(event.retry_count());
    json.optional_text(event.country());
    json.optional_text(event.parameters_json().as_deref());
    json.optional_text(event.session_id());
    json.optional(event.sequence_number());
    json.optional_text(event.error_type());
    json.hour(row.received);
}

/// Counts of events are far below the largest signed number; one that is not is a broken caller's.
pub(super) fn signed(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
