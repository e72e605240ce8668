//! What queue and store say of themselves, read once for a status page or a scrape.

use std::future::Future;
use std::time::Duration;

use crate::queue::{Heartbeat, QueueState};

use super::state::{Connections, State};
use crate::store::Totals;
use stages::Hour;

/// Time that queue and store have to answer before they count as out of reach. Health checks give
/// up after five seconds.
pub(super) const PATIENCE: Duration = Duration::from_secs(2);

/// What queue and store say of themselves. What could not be read is absent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facts {
    /// Age of the process.
    pub uptime: Duration,
    /// The queue.
    pub queue: Option<QueueState>,
    /// The store's ledger.
    pub totals: Option<Totals>,
    /// Whether the store answers.
    pub store_up: bool,
    /// The newest hour in which a stored event was received.
    pub last_received: Option<Hour>,
    /// Connections of the store.
    pub connections: Option<Connections>,
    /// Workers that gave a sign of life lately.
    pub workers: Vec<Heartbeat>,
}

/// The ledger: `accepted = persisted + duplicate + dead_letter + discarded + queued`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ledger {
    /// Events ever accepted.
    pub accepted: i64,
    /// Stored.
    pub persisted: i64,
    /// Counted before.
    pub duplicate: i64,
    /// Set aside.
    pub dead_letter: i64,
    /// Dropped by an operator.
    pub discarded: i64,
    /// Waiting in the queue.
    pub queued: i64,
    /// Upper bound of the events that stand in queue and store at once, between commit and
    /// acknowledgement: nothing that is not queued can.
    pub in_flight: i64,
    /// `accepted` less all the others: 0, or down to `-in_flight` for a moment.
    pub balance: i64,
    /// Accepted events that the queue forgot. A queue on disk forgets none.
    pub lost: i64,
}

impl Ledger {
    /// The members by name.
    pub fn members(&self) -> [(&'static str, i64); 9] {
        [
            ("accepted", self.accepted),
            ("persisted", self.persisted),
            ("duplicate", self.duplicate),
            ("dead_letter", self.dead_letter),
            ("discarded", self.discarded),
            ("queued", self.queued),
            ("in_flight", self.in_flight),
            ("balance", self.balance),
            ("lost", self.lost),
        ]
    }
}

impl Facts {
    /// Asks queue and store. Never fails: what does not answer in time is absent.
    ///
    /// The queue is read before the store: whatever moves from one to the other in between is then
    /// seen twice, never lost, and the balance stays within `in_flight`.
    pub async fn gather(state: &State) -> Self {
        let queue = in_time(state.queue.state()).await;
        let (store, totals, last_received, workers) = tokio::join!(
            in_time(state.store.ping()),
            in_time(state.store.ledger()),
            in_time(state.store.last_received()),
            in_time(state.queue.workers()),
        );
        Self {
            uptime: state.clock.monotonic().saturating_sub(state.started),
            queue,
            totals,
            store_up: store.is_some(),
            last_received: last_received.flatten(),
            connections: state.store.connections(),
            workers: workers.unwrap_or_default(),
        }
    }

    /// The ledger, when both sides of it are known.
    pub fn ledger(&self) -> Option<Ledger> {
        let (queue, totals) = (self.queue?, self.totals?);
        let [accepted, persisted, duplicate, dead_letter, discarded, queued] = [
            queue.accepted,
            totals.persisted,
            totals.duplicate,
            totals.dead_letter,
            totals.discarded,
            queue.events,
        ]
        .map(|events| i64::try_from(events).unwrap_or(i64::MAX));
        let settled = persisted.saturating_add(duplicate).saturating_add(dead_letter);
        let elsewhere = settled.saturating_add(discarded).saturating_add(queued);
        Some(Ledger {
            accepted,
            persisted,
            duplicate,
            dead_letter,
            discarded,
            queued,
            in_flight: queued,
            balance: accepted.saturating_sub(elsewhere),
            lost: 0,
        })
    }

    /// Whether a worker gave a sign of life within `limit`.
    pub fn worker_alive(&self, limit: Duration) -> bool {
        self.workers.iter().any(|worker| worker.age <= limit)
    }
}

/// A result, if it is good and comes in time. Why not is worth a debug line only: whoever depends
/// on queue or store reports its failure loudly.
pub(super) async fn in_time<T, E: std::error::Error>(
    answer: impl Future<Output = Result<T, E>>,
) -> Option<T> {
    match tokio::time::timeout(PATIENCE, answer).await {
        Ok(Ok(value)) => Some(value),
        Ok(Err(error)) => {
            tracing::debug!(%error, "queue or store did not answer a status question");
            None
        }
        Err(_) => {
            tracing::debug!("queue or store took too long for a status question");
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_balance_is_what_the_equation_leaves() {
        let totals = Totals { persisted: 50, duplicate: 7, dead_letter: 3, discarded: 2 };
        for (accepted, queued, balance) in [(70, 8, 0), (62, 8, -8), (75, 8, 5)] {
            let queue = QueueState { accepted, events: queued, ..QueueState::default() };
            let facts = Facts {
                uptime: Duration::ZERO,
                queue: Some(queue),
                totals: Some(totals),
                store_up: true,
                last_received: None,
                connections: None,
                workers: Vec::new(),
            };
            let ledger = facts.ledger().unwrap();
            assert_eq!((ledger.balance, ledger.queued, ledger.in_flight), (balance, 8, 8));
        }
    }
}
