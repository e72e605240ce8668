//! Doubles of the state that servers share: what was seen, and limits that never bite.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;

use super::faults::{Fault, Faults};
use super::lock;
use crate::clock::{Clock, ManualClock};
use crate::hash::ClientKey;
use crate::ports::{Bucket, RateCounter, SeenKey, SeenSet, SharedError, Taken};

/// A [`SeenSet`] in memory.
pub struct MemorySeen {
    clock: Arc<dyn Clock>,
    faults: Arc<dyn Faults>,
    state: Mutex<SeenState>,
}

#[derive(Default)]
struct SeenState {
    /// When a key was remembered.
    at: HashMap<SeenKey, Duration>,
    /// Keys, oldest first.
    order: VecDeque<SeenKey>,
}

impl MemorySeen {
    /// An empty set. Points: `seen.before`, `remember.before`, `remember.after`.
    pub fn new(clock: Arc<dyn Clock>, faults: Arc<dyn Faults>) -> Self {
        Self { clock, faults, state: Mutex::default() }
    }

    /// The keys that are remembered, oldest first.
    pub fn keys(&self) -> Vec<SeenKey> {
        lock(&self.state).order.iter().copied().collect()
    }

    fn ask(&self, point: &'static str) -> Result<(), SharedError> {
        self.faults.at(point).map_or(Ok(()), |fault| Err(fault.into()))
    }
}

/// An empty set under a clock that stands still, which never fails.
impl Default for MemorySeen {
    fn default() -> Self {
        Self::new(Arc::new(ManualClock::at(0)), Arc::new(()))
    }
}

impl From<Fault> for SharedError {
    fn from(fault: Fault) -> Self {
        Self(Box::new(fault))
    }
}

#[async_trait]
impl SeenSet for MemorySeen {
    async fn seen(&self, keys: &[SeenKey], window: Duration) -> Result<Vec<bool>, SharedError> {
        self.ask("seen.before")?;
        let now = self.clock.monotonic();
        let state = lock(&self.state);
        let fresh = |key| state.at.get(key).is_some_and(|&at| now.saturating_sub(at) < window);
        Ok(keys.iter().map(fresh).collect())
    }

    async fn remember(
        &self,
        keys: &[SeenKey],
        _: Duration,
        max_keys: usize,
    ) -> Result<(), SharedError> {
        self.ask("remember.before")?;
        let now = self.clock.monotonic();
        {
            let mut state = lock(&self.state);
            for &key in keys {
                if state.at.insert(key, now).is_some() {
                    state.order.retain(|&known| known != key);
                }
                state.order.push_back(key);
            }
            while state.order.len() > max_keys {
                let oldest = state.order.pop_front();
                oldest.map(|key| state.at.remove(&key));
            }
        }
        self.ask("remember.after")
    }
}

/// A [`RateCounter`] that lets everything through.
#[derive(Debug, Clone, Copy, Default)]
pub struct OpenRates;

#[async_trait]
impl RateCounter for OpenRates {
    async fn take_all(
        &self,
        _: ClientKey,
        asks: &[(Bucket, u64)],
    ) -> Result<Vec<Taken>, SharedError> {
        let open = |(bucket, _): &(Bucket, u64)| Taken {
            allowed: true,
            remaining: bucket.capacity,
            retry_after: Duration::ZERO,
            full_after: Duration::ZERO,
        };
        Ok(asks.iter().map(open).collect())
    }
}
