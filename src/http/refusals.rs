//! What was turned away, counted for the ledger: kept in memory and written with the queue once a
//! second, so that refusing costs no write of its own. A kill may lose that second.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::state::State;
use crate::queue::{Refusals, RefusedKind};
use crate::shutdown::Tasks;

const EVERY: Duration = Duration::from_secs(1);

/// Refusals that are not written yet.
#[derive(Debug, Default)]
pub struct Unwritten(Mutex<Refusals>);

impl Unwritten {
    /// Counts one.
    pub fn add(&self, kind: RefusedKind, code: &str) {
        let mut counts = self.lock();
        match counts.get_mut(&(kind, code.to_owned())) {
            Some(count) => *count += 1,
            None => drop(counts.insert((kind, code.to_owned()), 1)),
        }
    }

    /// Writes what was counted since the last time; keeps it when that fails.
    pub async fn write(&self, state: &State) {
        let counted = std::mem::take(&mut *self.lock());
        if counted.is_empty() {
            return;
        }
        if let Err(error) = state.queue.add_refusals(&counted).await {
            tracing::debug!(error = %error.0, "refusals are not counted yet");
            merge(&mut self.lock(), counted);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Refusals> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// All refusals of the installation, those of this process that are not written yet included.
pub(super) async fn of(state: &State) -> Refusals {
    let unwritten = state.refusals.lock().clone();
    let mut all = super::facts::in_time(state.queue.refusals()).await.unwrap_or_default();
    merge(&mut all, unwritten);
    all
}

/// The refusals of one kind by code.
pub(super) fn by_code(refusals: &Refusals, kind: RefusedKind) -> BTreeMap<String, u64> {
    let of_kind = refusals.iter().filter(|((of, _), _)| *of == kind);
    of_kind.map(|((_, code), count)| (code.clone(), *count)).collect()
}

fn merge(into: &mut Refusals, more: Refusals) {
    for (key, count) in more {
        *into.entry(key).or_default() += count;
    }
}

/// Writes refusals once a second until stopping is asked for.
pub async fn keep(state: Arc<State>, tasks: Tasks) {
    let mut ticks = tokio::time::interval(EVERY);
    loop {
        tokio::select! {
            _ = ticks.tick() => state.refusals.write(&state).await,
            () = tasks.stop_asked() => return,
        }
    }
}
