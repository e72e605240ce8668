//! Waiting for new entries: a command that blocks on the server, on a connection of its own for each
//! shard, as it would hold up all others.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use redis::Value;
use tokio::sync::Mutex;

use super::Claims;
use crate::queue::redis::failure::Failure;
use crate::queue::redis::raw::entries_read;
use crate::redis_link::Wire;

/// Longest that a command blocks on the server; closing waits for it.
pub(super) const LISTEN: Duration = Duration::from_millis(500);

/// Waits for new entries of one shard.
#[derive(Default)]
pub(super) struct Listener {
    pub(super) busy: AtomicBool,
    /// Its own connection.
    pub(super) wire: Mutex<Option<Wire>>,
}

impl Claims {
    /// Starts waiting for new entries where nobody waits yet.
    pub(super) fn listen(self: &Arc<Self>, block: Duration, max_events: usize) {
        for index in 0..self.listeners.len() {
            if self.listeners[index].busy.swap(true, Ordering::AcqRel) {
                continue;
            }
            let this = Arc::clone(self);
            self.tasks.spawn(async move {
                let listener = &this.listeners[index];
                let mut wire = listener.wire.lock().await;
                if let Err(error) = this.wait(index, &mut wire, block, max_events).await {
                    tracing::debug!(%error, "waiting for entries was interrupted");
                    *wire = None;
                }
                listener.busy.store(false, Ordering::Release);
                this.changed.notify_waiters();
            });
        }
    }

    async fn wait(
        &self,
        index: usize,
        wire: &mut Option<Wire>,
        block: Duration,
        max_events: usize,
    ) -> Result<(), Failure> {
        if self.closed.is_cancelled() {
            return Ok(());
        }
        let mut live = self.link.live()?;
        let own = match wire.take() {
            Some(own) => own,
            None => self.link.own(LISTEN).await?,
        };
        let own = wire.insert(own);
        let count = self.wanted(max_events).unwrap_or(1);
        let answer: Value = self.read_new(index, count, Some(block)).query_async(own).await?;
        Ok(self.absorb(index, entries_read(answer)?, &mut live).await?)
    }
}
