//! Dead letters: events that were set aside, to be looked at, tried again or dropped.
//!
//! Replay is one store transaction and never passes the queue: the letters go, their events run
//! through the worker's stages, and what fails again becomes a letter again.

use stages::entry::read_payload;
use stages::ports::{Outcome, StoreError};
use stages::{Batch, Code, Cx, Hour, Pipeline, StageError, Watch};

use super::Database;
use super::database::{execute, query};
use super::error::{damaged, store_error};
use super::json::JsonRows;
use super::status::{count, text};
use super::write::{LedgerChange, Past, signed};

const LIST: &str = "SELECT lower(hex(id)), code, sqlstate, received_hour, first_seen_hour, attempts \
    FROM dead_letters ORDER BY first_seen_hour, id LIMIT ?1";
const SHOW: &str = "SELECT payload FROM dead_letters WHERE id = unhex(?1)";
const DROP: &str = "DELETE FROM dead_letters WHERE id IN (SELECT unhex(value) FROM json_each(?1))";
const TAKE: &str = "DELETE FROM dead_letters WHERE id IN (SELECT unhex(value) FROM json_each(?1)) \
    RETURNING lower(hex(id)), payload, received_hour, first_seen_hour, attempts";

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
        let hour = |text: String| Hour::parse(&text).ok_or_else(|| damaged("an hour"));
        let mut letters = Vec::new();
        for row in self.query(LIST, [limit.into()]).await? {
            letters.push(Letter {
                id: text(&row, 0)?,
                code: text(&row, 1)?,
                sqlstate: row.try_get_by_index(2).map_err(store_error)?,
                received: hour(text(&row, 3)?)?,
                first_seen: hour(text(&row, 4)?)?,
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
        self.query(SHOW, [id.into()]).await?.first().map(|row| text(row, 0)).transpose()
    }

    /// Drops dead letters for good; the ledger counts them as discarded. Answers how many there
    /// were.
    ///
    /// # Errors
    /// When the store failed; then none is dropped.
    pub async fn drop_dead_letters(&self, ids: &[String]) -> Result<u64, StoreError> {
        let tx = self.write().await?;
        let dropped = execute(tx.tx(), DROP, [list(ids)]).await?;
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
        for row in query(tx.tx(), TAKE, [list(ids)]).await? {
            let payload = text(&row, 1)?;
            let Ok(event) = read_payload(&payload) else {
                return Err(ReplayError::Unreadable(text(&row, 0)?));
            };
            let received = Hour::parse(&text(&row, 2)?).ok_or_else(|| damaged("an hour"))?;
            let past = Past { first_seen: text(&row, 3)?, attempts: signed(count(&row, 4)?) };
            tx.remember(payload, past);
            events.push((event, received));
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

fn list(ids: &[String]) -> sea_orm::Value {
    let mut list = JsonRows::list();
    ids.iter().for_each(|id| list.text(id));
    list.finish()
}
