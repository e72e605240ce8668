//! Dead letters: events that were set aside, to be looked at, tried again or dropped.
//!
//! Replay is one store transaction and never passes the queue: the letters go, their events run
//! through the worker's stages, and what fails again becomes a letter again.

use sea_orm::{QueryResult, Value};
use stages::entry::read_payload;
use stages::ports::{Outcome, StoreError};
use stages::{Batch, Code, Cx, Hour, Pipeline, StageError, Watch};

use super::Database;
use super::database::{execute, query};
use super::dialect::Dialect;
use super::error::{damaged, store_error};
use super::rows::{Column, Kind, Rows};
use super::status::{count, text};
use super::write::{LedgerChange, Past, signed};

const IDS: [Column; 1] = [("id", Kind::Bytes)];

/// A dead letter, without its payload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Letter {
    /// Its name: 32 hex digits, random.
    pub id: String,
    /// Why it was set aside.
    pub code: String,
    /// The database's own code, when it refused the event.
    pub sqlstate: Option<String>,
    /// The hour in which the event was received.
    pub received: Hour,
    /// The hour in which it was first set aside.
    pub first_seen: Hour,
    /// How often it was tried.
    pub attempts: u64,
}

/// Why nothing was replayed.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A stage failed.
    #[error(transparent)]
    Stage(#[from] StageError),
    /// A stage turned all of them away.
    #[error("a stage of the worker turned everything away ({0}); remove it from `worker`")]
    Refused(Code),
    /// A payload that this release cannot read.
    #[error("dead letter {0} was written by a newer release; replay it with that one, or drop it")]
    Unreadable(String),
}

impl Database {
    /// The dead letters that were first set aside longest ago, at most `limit`.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn dead_letters(&self, limit: u32) -> Result<Vec<Letter>, StoreError> {
        let d = self.dialect();
        let sql = format!(
            "SELECT {id}, code, sqlstate, {received}, {first_seen}, attempts \
             FROM dead_letters ORDER BY first_seen_hour, id LIMIT $1",
            id = d.hex("id"),
            received = d.hour_text("received_hour"),
            first_seen = d.hour_text("first_seen_hour"),
        );
        let mut letters = Vec::new();
        for row in self.query(&sql, [limit.into()]).await? {
            letters.push(Letter {
                id: text(&row, 0)?,
                code: text(&row, 1)?,
                sqlstate: row.try_get_by_index(2).map_err(store_error)?,
                received: hour(&row, 3)?,
                first_seen: hour(&row, 4)?,
                attempts: count(&row, 5)?,
            });
        }
        Ok(letters)
    }

    /// The scanned event of a dead letter, as JSON.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn dead_letter_payload(&self, id: &str) -> Result<Option<String>, StoreError> {
        let Some(id) = bytes_of(id) else { return Ok(None) };
        let sql = "SELECT payload FROM dead_letters WHERE id = $1";
        let rows = self.query(sql, [id.to_vec().into()]).await?;
        rows.first().map(|row| text(row, 0)).transpose()
    }

    /// Drops dead letters for good; the ledger counts them as discarded. Answers how many there
    /// were.
    ///
    /// # Errors
    /// When the store failed; then none is dropped.
    pub async fn drop_dead_letters(&self, ids: &[String]) -> Result<u64, StoreError> {
        let tx = self.write().await?;
        let (matching, ids) = matching(self.dialect(), ids);
        let sql = format!("DELETE FROM dead_letters WHERE {matching}");
        let dropped = execute(tx.tx(), &sql, ids).await?;
        let events = signed(dropped);
        let change =
            LedgerChange { dead_letter: -events, discarded: events, ..LedgerChange::default() };
        tx.add_to_ledger(change).await?;
        tx.finish().await?;
        Ok(dropped)
    }

    /// Runs the events of dead letters through the worker's stages, all in one transaction. What
    /// fails again is a dead letter again, under a new id, first seen when it was and tried once
    /// more. Answers what became of them; unknown ids are ignored.
    ///
    /// # Errors
    /// When anything but an event is at fault; then nothing has changed.
    pub async fn replay_dead_letters(
        &self,
        ids: &[String],
        worker: &Pipeline,
        watch: &dyn Watch,
    ) -> Result<Outcome, ReplayError> {
        let tx = self.write().await?;
        let mut events = Vec::new();
        let d = self.dialect();
        let (matching, ids) = matching(d, ids);
        let sql = format!(
            "DELETE FROM dead_letters WHERE {matching} \
             RETURNING {id}, payload, {received}, {first_seen}, attempts",
            id = d.hex("id"),
            received = d.hour_text("received_hour"),
            first_seen = d.hour_text("first_seen_hour"),
        );
        for row in query(tx.tx(), &sql, ids).await? {
            let payload = text(&row, 1)?;
            let Ok(event) = read_payload(&payload) else {
                return Err(ReplayError::Unreadable(text(&row, 0)?));
            };
            let past = Past { first_seen: hour(&row, 3)?, attempts: signed(count(&row, 4)?) };
            tx.remember(payload, past);
            events.push((event, hour(&row, 2)?));
        }
        // Neighbours of one hour make one group.
        events.sort_by_key(|&(_, received)| received);
        let taken = events.len();

        let mut batch = Batch::replay(events);
        let cx = Cx { clock: &**self.clock(), request: None, tx: Some(&tx) };
        worker.run(&mut batch, cx, watch).await?;
        if let Some(refusal) = batch.refusal() {
            return Err(ReplayError::Refused(refusal.code));
        }
        let mut sum = Outcome::default();
        for outcome in batch.entries().iter().map(|entry| batch.outcome(entry)) {
            sum.add(&outcome);
        }
        let mut change = LedgerChange::default();
        change.add(&sum);
        change.dead_letter -= signed(taken as u64);
        tx.add_to_ledger(change).await?;
        tx.finish().await?;
        Ok(sum)
    }
}

/// A condition on `id`, and its values. What cannot be an id names no letter. Rows are locked in
/// order, so that two that take the same letters wait for each other.
fn matching(dialect: Dialect, ids: &[String]) -> (String, Vec<Value>) {
    let mut list = Rows::new(dialect, &IDS, ids.len(), 40);
    for id in ids.iter().filter_map(|id| bytes_of(id)) {
        list.row(|row| row.bytes(&id));
    }
    let ids = dialect.rows(&IDS, 1);
    let condition = match dialect {
        Dialect::Sqlite => format!("id IN (SELECT id FROM {ids} AS r)"),
        Dialect::Postgres => format!(
            "id IN (SELECT id FROM dead_letters WHERE id IN (SELECT id FROM {ids} AS r) \
             ORDER BY id FOR UPDATE)"
        ),
    };
    (condition, list.finish())
}

/// Reads 32 hex digits.
fn bytes_of(id: &str) -> Option<[u8; 16]> {
    let number = u128::from_str_radix(id, 16).ok()?;
    (id.len() == 32).then(|| number.to_be_bytes())
}

fn hour(row: &QueryResult, column: usize) -> Result<Hour, StoreError> {
    Hour::parse(&text(row, column)?).ok_or_else(|| damaged("an hour"))
}
