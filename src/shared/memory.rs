//! Limits and seen-set of a single process, in memory. Both are bounded, whatever clients send:
//! what was used longest ago makes room. Nothing in here is ever written anywhere.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use lru::LruCache;
use stages::bucket::TokenBucket;
use stages::ports::{Bucket, RateCounter, SeenKey, SeenSet, SharedError, Taken};
use stages::{ClientKey, Clock};

/// Most clients whose limits are kept; beyond that the one that was silent longest starts afresh.
/// About 10 MB for each bucket when all are there.
const MAX_CLIENTS: usize = 100_000;

/// A seen-set in memory.
pub struct MemorySeen {
    clock: Arc<dyn Clock>,
    /// Monotonic time at which each key was remembered, oldest first: looking does not reorder.
    keys: Mutex<LruCache<SeenKey, Duration>>,
}

impl MemorySeen {
    /// Nothing seen.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        // Unbounded in name: the bound comes with each call, and memory only when it is needed.
        Self { clock, keys: Mutex::new(LruCache::unbounded()) }
    }
}

#[async_trait]
impl SeenSet for MemorySeen {
    async fn seen(&self, keys: &[SeenKey], window: Duration) -> Result<Vec<bool>, SharedError> {
        let now = self.clock.monotonic();
        let known = lock(&self.keys);
        let recent = |at: &Duration| now.saturating_sub(*at) < window;
        Ok(keys.iter().map(|key| known.peek(key).is_some_and(recent)).collect())
    }

    async fn remember(
        &self,
        keys: &[SeenKey],
        _: Duration,
        max_keys: usize,
    ) -> Result<(), SharedError> {
        let now = self.clock.monotonic();
        let mut known = lock(&self.keys);
        for key in keys {
            known.put(*key, now);
        }
        while known.len() > max_keys {
            known.pop_lru();
        }
        Ok(())
    }
}

/// Token buckets in memory.
pub struct MemoryRates {
    clock: Arc<dyn Clock>,
    max_clients: usize,
    /// By name of the bucket, then by client, the one that was silent longest first.
    buckets: Mutex<HashMap<&'static str, LruCache<ClientKey, TokenBucket>>>,
}

impl MemoryRates {
    /// All buckets full.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self::bounded(clock, MAX_CLIENTS)
    }

    fn bounded(clock: Arc<dyn Clock>, max_clients: usize) -> Self {
        Self { clock, max_clients, buckets: Mutex::default() }
    }
}

#[async_trait]
impl RateCounter for MemoryRates {
    async fn take_all(
        &self,
        client: ClientKey,
        asks: &[(Bucket, u64)],
    ) -> Result<Vec<Taken>, SharedError> {
        let now = self.clock.monotonic();
        let mut buckets = lock(&self.buckets);
        let mut answers = Vec::with_capacity(asks.len());
        for &(bucket, cost) in asks {
            let clients = buckets.entry(bucket.name).or_insert_with(LruCache::unbounded);
            let known = clients.get_or_insert_mut(client, TokenBucket::default);
            let taken = known.take(bucket, now, cost);
            if clients.len() > self.max_clients {
                clients.pop_lru();
            }
            answers.push(taken);
            if !taken.allowed {
                break;
            }
        }
        Ok(answers)
    }
}

/// Nothing in here can be left half-changed, so a panic elsewhere does no harm.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use stages::{BatchKey, Identity, ManualClock};

    use super::*;

    fn batch(number: u8) -> SeenKey {
        SeenKey::Batch(BatchKey::from_bytes([number; 16]))
    }

    fn event(number: u8) -> SeenKey {
        SeenKey::Event(Identity::from_bytes([number; 16]))
    }

    #[tokio::test]
    async fn keys_are_known_within_the_window_and_kinds_are_kept_apart() {
        let clock = Arc::new(ManualClock::at(0));
        let seen = MemorySeen::new(clock.clone());
        let window = Duration::from_secs(10);
        seen.remember(&[batch(1), event(2)], window, 100).await.unwrap();
        clock.advance(Duration::from_secs(4));
        seen.remember(&[event(3)], window, 100).await.unwrap();
        let keys = [batch(1), event(1), event(2), batch(2), event(3)];
        for (wait, want) in [
            (5, [true, false, true, false, true]),
            (1, [false, false, false, false, true]),
            (4, [false, false, false, false, false]),
        ] {
            clock.advance(Duration::from_secs(wait));
            // The wall clock does not matter.
            clock.step_wall(0);
            assert_eq!(seen.seen(&keys, window).await.unwrap(), want);
        }
        seen.remember(&[event(2)], window, 100).await.unwrap();
        assert_eq!(seen.seen(&[event(2)], window).await.unwrap(), [true]);
    }

    #[tokio::test]
    async fn the_keys_remembered_last_are_kept() {
        let seen = MemorySeen::new(Arc::new(ManualClock::at(0)));
        let window = Duration::from_secs(10);
        seen.remember(&[event(1), event(2), event(3)], window, 3).await.unwrap();
        // Looking does not keep a key; remembering it again does.
        assert_eq!(seen.seen(&[event(2)], window).await.unwrap(), [true]);
        seen.remember(&[event(1), event(4)], window, 3).await.unwrap();
        let keys = [event(1), event(2), event(3), event(4)];
        assert_eq!(seen.seen(&keys, window).await.unwrap(), [true, false, true, true]);
        seen.remember(&[event(5)], window, 1).await.unwrap();
        assert_eq!(seen.seen(&keys, window).await.unwrap(), [false; 4]);
    }

    fn client(number: u8) -> ClientKey {
        ClientKey::from_bytes([number; 16])
    }

    const EVENTS: Bucket = Bucket { name: "events", capacity: 10, per_minute: 60 };
    const REQUESTS: Bucket = Bucket { name: "requests", capacity: 1, per_minute: 60 };

    #[tokio::test]
    async fn a_client_may_owe_and_then_waits_in_monotonic_time() {
        let clock = Arc::new(ManualClock::at(0));
        let rates = MemoryRates::new(clock.clone());
        let taken = |allowed, remaining, retry_after, full_after| Taken {
            allowed,
            remaining,
            retry_after: Duration::from_secs(retry_after),
            full_after: Duration::from_secs(full_after),
        };
        for (wait, who, bucket, cost, want) in [
            (0, 1, EVENTS, 4, taken(true, 6, 0, 4)),
            (0, 1, EVENTS, 20, taken(true, 0, 0, 24)),
            (0, 1, EVENTS, 1, taken(false, 0, 15, 24)),
            (0, 1, REQUESTS, 1, taken(true, 0, 0, 1)),
            (0, 2, EVENTS, 1, taken(true, 9, 0, 1)),
            (14, 1, EVENTS, 1, taken(false, 0, 1, 10)),
            (1, 1, EVENTS, 1, taken(true, 0, 0, 10)),
        ] {
            clock.advance(Duration::from_secs(wait));
            clock.step_wall(0);
            assert_eq!(rates.take(client(who), bucket, cost).await.unwrap(), want);
        }
    }

    #[tokio::test]
    async fn the_client_that_was_silent_longest_makes_room() {
        let rates = MemoryRates::bounded(Arc::new(ManualClock::at(0)), 2);
        for (who, allowed) in
            [(1, true), (2, true), (1, false), (3, true), (1, false), (2, true), (3, true)]
        {
            let taken = rates.take(client(who), REQUESTS, 1).await.unwrap();
            assert_eq!(taken.allowed, allowed, "client {who}");
        }
        assert_eq!(lock(&rates.buckets)["requests"].len(), 2);
    }
}
