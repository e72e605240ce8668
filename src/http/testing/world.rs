//! Queue, store and limits of a test, all in memory: each says what the test has put there.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use stages::ports::*;
use stages::{ClientKey, Entry, EntryId, HashKey, Hour};

use super::{NOW, down};
use crate::http::state::StoreStatus;
use crate::queue::{Heartbeat, Peeked, Position, Queue, QueueState, Refusals, Spooled};
use crate::store::{Receipt, Totals};

/// Everything outside the process, as the test wants it.
#[derive(Default)]
pub(in crate::http) struct World {
    pub(in crate::http) queue: Mutex<Option<QueueState>>,
    pub(in crate::http) spooled: Mutex<Option<Spooled>>,
    pub(in crate::http) queued: Mutex<Vec<(EntryId, u64)>>,
    pub(in crate::http) workers: Mutex<Vec<Heartbeat>>,
    pub(in crate::http) store: Mutex<Option<Totals>>,
    pub(in crate::http) receipts: Mutex<Vec<(EntryId, Receipt)>>,
    reads: AtomicU64,
}

#[async_trait]
impl Append for World {
    async fn append(&self, _: &Entry) -> Result<(), AppendError> {
        Err(AppendError::Full)
    }
}

#[async_trait]
impl Consume for World {
    async fn claim(&self, _: usize, _: Duration) -> Result<Vec<Entry>, QueueError> {
        Ok(Vec::new())
    }

    async fn acknowledge(&self, _: &[EntryId]) -> Result<(), QueueError> {
        Ok(())
    }

    async fn release(&self, _: &[EntryId]) {}
}

#[async_trait]
impl Queue for World {
    async fn state(&self) -> Result<QueueState, QueueError> {
        self.queue.lock().unwrap().ok_or(QueueError(down()))
    }

    async fn positions(&self) -> Result<Vec<Position>, QueueError> {
        Err(QueueError(down()))
    }

    async fn spooled(&self) -> Result<Option<Spooled>, QueueError> {
        Ok(*self.spooled.lock().unwrap())
    }

    async fn identity_key(&self) -> Result<HashKey, QueueError> {
        Err(QueueError(down()))
    }

    async fn find(&self, entry: EntryId) -> Result<Option<u64>, QueueError> {
        self.state().await?;
        Ok(self.queued.lock().unwrap().iter().find(|(id, _)| *id == entry).map(|(_, n)| *n))
    }

    async fn beat(&self, _: &str, _: Duration) -> Result<(), QueueError> {
        Ok(())
    }

    async fn add_refusals(&self, _: &Refusals) -> Result<(), QueueError> {
        self.state().await.map(drop)
    }

    async fn refusals(&self) -> Result<Refusals, QueueError> {
        self.state().await.map(|_| Refusals::new())
    }

    async fn workers(&self) -> Result<Vec<Heartbeat>, QueueError> {
        Ok(self.workers.lock().unwrap().clone())
    }

    async fn peek(&self, _: &mut (dyn FnMut(Peeked) + Send)) -> Result<(), QueueError> {
        Ok(())
    }

    async fn discard(&self, _: &[Peeked]) -> Result<(), QueueError> {
        Ok(())
    }

    async fn scrub(&self) -> Result<Vec<String>, QueueError> {
        Ok(Vec::new())
    }

    async fn close(&self) {}
}

#[async_trait]
impl StoreStatus for World {
    async fn ledger(&self) -> Result<Totals, StoreError> {
        self.store.lock().unwrap().ok_or(StoreError::Transient(down()))
    }

    async fn receipt(&self, entry: EntryId) -> Result<Option<Receipt>, StoreError> {
        self.ledger().await?;
        Ok(self.receipts.lock().unwrap().iter().find(|(id, _)| *id == entry).map(|(_, r)| *r))
    }

    async fn last_received(&self) -> Result<Option<Hour>, StoreError> {
        self.ledger().await.map(|_| Some(Hour::containing(NOW)))
    }

    async fn ping(&self) -> Result<(), StoreError> {
        self.ledger().await.map(drop)
    }
}

#[async_trait]
impl SeenSet for World {
    async fn seen(&self, keys: &[SeenKey], _: Duration) -> Result<Vec<bool>, SharedError> {
        Ok(vec![false; keys.len()])
    }

    async fn remember(&self, _: &[SeenKey], _: Duration, _: usize) -> Result<(), SharedError> {
        Ok(())
    }
}

/// Counts all clients as one and never refills.
#[async_trait]
impl RateCounter for World {
    async fn take_all(
        &self,
        _: ClientKey,
        asks: &[(Bucket, u64)],
    ) -> Result<Vec<Taken>, SharedError> {
        let (bucket, _) = asks[0];
        let taken = self.reads.fetch_add(1, Ordering::Relaxed) + 1;
        let remaining = bucket.capacity.saturating_sub(taken);
        let wait =
            if taken > bucket.capacity { Duration::from_millis(1_500) } else { Duration::ZERO };
        Ok(vec![Taken {
            allowed: wait.is_zero(),
            remaining,
            retry_after: wait,
            full_after: Duration::from_secs(taken),
        }])
    }
}
