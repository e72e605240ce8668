//! What queue and store say of themselves, read once for a status page or a scrape.

use std::future::Future;
use std::time::Duration;

use crate::queue::{Heartbeat, QueueState, Refusals, Spooled};

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
    /// What waits in this server's spool to be handed on to the queue.
    pub spool: Option<Spooled>,
    /// Events that were accepted while the store was read.
    pub arrived: u64,
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

/// The ledger: `accepted = persisted + duplicate + dead_letter + discarded + queued`, and `lost` when
/// the queue was set back. What cannot be read is absent.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Ledger {
    /// Events ever accepted.
    pub accepted: Option<i64>,
    /// Stored.
    pub persisted: Option<i64>,
    /// Counted before.
    pub duplicate: Option<i64>,
    /// Set aside.
    pub dead_letter: Option<i64>,
    /// Dropped by an operator.
    pub discarded: Option<i64>,
    /// Waiting in the queue.
    pub queued: Option<i64>,
    /// Upper bound of the events that were on their way while the ledger was read.
    pub in_flight: Option<i64>,
    /// `accepted` less all the others and `lost`: 0, or at most `in_flight` away from it for a moment.
    pub balance: Option<i64>,
    /// Accepted events that the queue forgot in a crash; one whose answers come after the disk
    /// forgets none.
    pub lost: Option<i64>,
}

impl Ledger {
    /// The members by name.
    pub fn members(&self) -> [(&'static str, Option<i64>); 9] {
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
    /// The queue is read before the store and after it. Whatever moves from one to the other in
    /// between is seen twice, and what is accepted in between may be seen settled only; both are
    /// bounded by what the two readings of the queue tell.
    pub async fn gather(state: &State) -> Self {
        // Before the queue, so that what is handed on in between is seen twice, but never missed.
        let spool = in_time(state.queue.spooled()).await.flatten();
        let mut queue = in_time(state.queue.state()).await;
        if let Some(queue) = queue.as_mut().filter(|queue| queue.failing) {
            // Without traffic nothing else would notice that it can be written again.
            let probe = Refusals::new();
            in_time(state.queue.add_refusals(&probe)).await;
            let after = in_time(state.queue.state()).await;
            queue.failing = after.is_none_or(|after| after.failing);
        }
        let (store, totals, last_received, workers) = tokio::join!(
            in_time(state.store.ping()),
            in_time(state.store.ledger()),
            in_time(state.store.last_received()),
            in_time(state.queue.workers()),
        );
        let after = in_time(state.queue.state()).await;
        let arrived = match (queue, after) {
            (Some(before), Some(after)) => after.accepted.saturating_sub(before.accepted),
            _ => 0,
        };
        Self {
            uptime: state.clock.monotonic().saturating_sub(state.started),
            queue,
            spool,
            arrived,
            totals,
            store_up: store.is_some(),
            last_received: last_received.flatten(),
            connections: state.store.connections(),
            workers: workers.unwrap_or_default(),
        }
    }

    /// The ledger.
    pub fn ledger(&self) -> Ledger {
        let signed = |events: u64| i64::try_from(events).unwrap_or(i64::MAX);
        let queue = |member: fn(&QueueState) -> u64| self.queue.as_ref().map(member).map(signed);
        let store = |member: fn(&Totals) -> u64| self.totals.as_ref().map(member).map(signed);
        // What waits here counts like what waits in the queue.
        let spooled = self.spool.map_or(0, |spool| signed(spool.state.events));
        let queued = queue(|queue| queue.events).map(|queued| queued + spooled);
        let ledger = Ledger {
            accepted: queue(|queue| queue.accepted).map(|accepted| accepted + spooled),
            persisted: store(|totals| totals.persisted),
            duplicate: store(|totals| totals.duplicate),
            dead_letter: store(|totals| totals.dead_letter),
            discarded: store(|totals| totals.discarded),
            queued,
            in_flight: queued.map(|queued| queued + signed(self.arrived)),
            balance: None,
            lost: None,
        };
        let settled = [ledger.persisted, ledger.duplicate, ledger.dead_letter, ledger.discarded];
        let elsewhere = settled.into_iter().chain([ledger.queued]).sum::<Option<i64>>();
        let missing = ledger.accepted.zip(elsewhere).map(|(all, elsewhere)| all - elsewhere);
        // A crash that set the queue back shows by how much at most; everything beyond is a fault
        // of the program, and stays in the balance.
        let healed = queue(|queue| queue.healed);
        let lost = missing.zip(healed).map(|(missing, healed)| missing.clamp(0, healed));
        let balance = missing.zip(lost).map(|(missing, lost)| missing - lost);
        Ledger { balance, lost: lost.or(healed.filter(|healed| *healed == 0)), ..ledger }
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
    fn what_a_crash_of_the_queue_took_is_lost_and_nothing_else_is() {
        let totals = Totals { persisted: 50, duplicate: 7, dead_letter: 3, discarded: 2 };
        for (accepted, healed, lost, balance) in
            [(70, 20, 8, 0), (70, 3, 3, 5), (62, 9, 0, 0), (60, 9, 0, -2), (70, 0, 0, 8)]
        {
            let facts = Facts {
                uptime: Duration::ZERO,
                queue: Some(QueueState { accepted, healed, ..QueueState::default() }),
                arrived: 0,
                totals: Some(totals),
                store_up: true,
                last_received: None,
                connections: None,
                workers: Vec::new(),
                spool: None,
            };
            let ledger = facts.ledger();
            assert_eq!((ledger.lost, ledger.balance), (Some(lost), Some(balance)));
            let ledger = Facts { totals: None, ..facts }.ledger();
            assert_eq!(ledger.lost, (healed == 0).then_some(0));
        }
    }

    #[test]
    fn what_waits_in_the_spool_is_accepted_and_queued() {
        let state = QueueState { events: 5, ..QueueState::default() };
        let facts = Facts {
            uptime: Duration::ZERO,
            queue: Some(QueueState { accepted: 70, events: 8, ..QueueState::default() }),
            spool: Some(Spooled { state, full: false }),
            arrived: 0,
            totals: Some(Totals { persisted: 62, ..Totals::default() }),
            store_up: true,
            last_received: None,
            connections: None,
            workers: Vec::new(),
        };
        let ledger = facts.ledger();
        let members = (ledger.accepted, ledger.queued, ledger.in_flight, ledger.balance);
        assert_eq!(members, (Some(75), Some(13), Some(13), Some(0)));
    }

    #[test]
    fn the_balance_is_what_the_equation_leaves() {
        let totals = Totals { persisted: 50, duplicate: 7, dead_letter: 3, discarded: 2 };
        for (accepted, queued, balance) in [(70, 8, 0), (62, 8, -8), (75, 8, 5)] {
            let queue = QueueState { accepted, events: queued, ..QueueState::default() };
            let facts = Facts {
                uptime: Duration::ZERO,
                queue: Some(queue),
                arrived: 3,
                totals: Some(totals),
                store_up: true,
                last_received: None,
                connections: None,
                workers: Vec::new(),
                spool: None,
            };
            let ledger = facts.ledger();
            assert_eq!(
                (ledger.balance, ledger.queued, ledger.in_flight),
                (Some(balance), Some(8), Some(11))
            );
            // With the store away the queue's side is still known.
            let ledger = Facts { totals: None, ..facts }.ledger();
            assert_eq!((ledger.accepted, ledger.balance), (Some(accepted as i64), None));
            assert_eq!(ledger.lost, Some(0));
        }
    }
}
