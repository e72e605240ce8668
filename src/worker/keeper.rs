//! Housekeeping: at the start and whenever an hour begins, what has outlived its retention is deleted,
//! what may be published of days that are over is decided, and these are added up.

use std::sync::Arc;
use std::time::Duration;

use stages::Clock;

use crate::config::settings::{Privacy, Retention};
use crate::queue::Queue;
use crate::shutdown::Tasks;
use crate::store::{Database, Deleted};

const MILLIS_PER_HOUR: i64 = 3_600_000;

/// Keeps a store's house until stopping is asked for.
pub struct Keeper {
    store: Database,
    queue: Arc<dyn Queue>,
    retention: Retention,
    privacy: Privacy,
    tasks: Tasks,
}

impl Keeper {
    /// Keeps the house of `store`.
    pub fn new(
        store: Database,
        queue: Arc<dyn Queue>,
        retention: Retention,
        privacy: Privacy,
        tasks: Tasks,
    ) -> Self {
        Self { store, queue, retention, privacy, tasks }
    }

    /// Keeps house until stopping is asked for.
    pub async fn run(&self) {
        loop {
            self.release().await;
            self.add_up().await;
            self.delete().await;
            tokio::select! {
                () = tokio::time::sleep(until_next_hour(self.store.clock().as_ref())) => {}
                () = self.tasks.stop_asked() => return,
            }
        }
    }

    async fn release(&self) {
        if self.privacy.min_cell == 1 {
            return;
        }
        match self.store.freeze(self.privacy.min_cell).await {
            Ok(days) => {
                for day in days {
                    tracing::info!(day = %day, "decided what may be published of a day");
                }
            }
            Err(error) => {
                let error = super::error_chain(&error);
                tracing::error!(
                    error,
                    "could not decide what may be published of days that are over"
                );
            }
        }
    }

    async fn add_up(&self) {
        match self.store.add_up_days().await {
            Ok(days) => tracing::debug!(days, "added up days that are over"),
            Err(error) => {
                let error = super::error_chain(&error);
                tracing::warn!(
                    error,
                    "days that are over are not added up, which makes pages slower"
                );
            }
        }
    }

    async fn delete(&self) {
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

fn until_next_hour(clock: &dyn Clock) -> Duration {
    let left = MILLIS_PER_HOUR - clock.unix_millis().rem_euclid(MILLIS_PER_HOUR);
    Duration::from_millis(u64::try_from(left).unwrap_or_default())
}
