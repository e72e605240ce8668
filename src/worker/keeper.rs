//! Housekeeping: once an hour, what has outlived its retention is deleted.

use std::time::Duration;

use std::sync::Arc;

use crate::config::settings::Retention;
use crate::queue::Queue;
use crate::shutdown::Tasks;
use crate::store::{Database, Deleted};

const EVERY: Duration = Duration::from_secs(3_600);

/// Keeps a store's house until stopping is asked for.
pub struct Keeper {
    store: Database,
    queue: Arc<dyn Queue>,
    retention: Retention,
    tasks: Tasks,
}

impl Keeper {
    /// Keeps the house of `store`.
    pub fn new(store: Database, queue: Arc<dyn Queue>, retention: Retention, tasks: Tasks) -> Self {
        Self { store, queue, retention, tasks }
    }

    /// Keeps house until stopping is asked for.
    pub async fn run(&self) {
        let mut ticks = tokio::time::interval(EVERY);
        loop {
            tokio::select! {
                _ = ticks.tick() => self.once().await,
                () = self.tasks.stop_asked() => return,
            }
        }
    }

    async fn once(&self) {
        // Markers may go only once the queue has confirmed: without its word, nothing is deleted.
        let state = match self.queue.state().await {
            Ok(state) => state,
            Err(error) => {
                let error = super::error_chain(&error);
                return tracing::warn!(error, "housekeeping put off: queue failed");
            }
        };
        match self.store.housekeep(&self.retention, state.oldest_received).await {
            Ok(report) if report.skipped => tracing::debug!("another process keeps house"),
            Ok(report) => {
                for Deleted { table, before, rows } in report.deleted {
                    tracing::info!(table, before = %before, rows, "deleted what outlived its retention");
                }
                tracing::info!("housekeeping done");
            }
            Err(error) => {
                let error = super::error_chain(&error);
                tracing::error!(error, "housekeeping stopped; nothing more is deleted");
            }
        }
    }
}
