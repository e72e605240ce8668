//! The worker: takes entries from the queue, settles them in the store, and tells how it fares.

mod beat;
mod keeper;
mod lag;
mod settle;

pub use beat::Beat;
pub use keeper::Keeper;
pub use settle::{SettleError, Settler};

use std::sync::Arc;
use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBuilder};
use stages::ports::Consume;

use crate::shutdown::Tasks;

/// How long a claim waits for work before it looks up; it wakes at once when there is some.
const PATIENCE: Duration = Duration::from_secs(1);
const FIRST_DELAY: Duration = Duration::from_millis(50);
const LONGEST_DELAY: Duration = Duration::from_secs(10);

/// Delays between attempts: doubling, with jitter, without end.
pub fn retry_delays() -> impl Iterator<Item = Duration> + Send {
    ExponentialBuilder::default()
        .with_min_delay(FIRST_DELAY)
        .with_max_delay(LONGEST_DELAY)
        .with_jitter()
        .without_max_times()
        .build()
}

/// Drains a queue into a store until it is asked to stop.
pub struct Worker {
    queue: Arc<dyn Consume>,
    settler: Settler,
    group_events: usize,
    tasks: Tasks,
}

impl Worker {
    /// A worker that claims about `group_events` events at once.
    pub fn new(
        queue: Arc<dyn Consume>,
        settler: Settler,
        group_events: usize,
        tasks: Tasks,
    ) -> Self {
        Self { queue, settler, group_events, tasks }
    }

    /// Works until stopping is asked for. A group that was begun is finished, unless the store or
    /// the queue fails meanwhile: then it is given back and waits for the next worker.
    pub async fn run(&self) {
        let mut delays = retry_delays();
        while !self.tasks.stopping() {
            match self.step().await {
                Ok(()) => delays = retry_delays(),
                Err(error) => {
                    let delay = delays.next().unwrap_or(LONGEST_DELAY);
                    tracing::warn!(
                        error = error_chain(&error),
                        retry_in_ms = delay.as_millis(),
                        "worker could not settle a group"
                    );
                    self.pause(delay).await;
                }
            }
        }
    }

    /// Claims and settles one group; returns when it is acknowledged, or when there was no work.
    ///
    /// # Errors
    /// When queue or store failed. The group is then given back, settled or not.
    pub async fn step(&self) -> Result<(), SettleError> {
        let entries = tokio::select! {
            claimed = self.queue.claim(self.group_events, PATIENCE) => claimed?,
            () = self.tasks.stop_asked() => return Ok(()),
        };
        if entries.is_empty() {
            return Ok(());
        }
        let ids: Vec<_> = entries.iter().map(|entry| entry.id).collect();
        if let Err(error) = self.settler.settle(entries).await {
            self.queue.release(&ids).await;
            return Err(error);
        }
        // Committed. A failing acknowledgement only means that the entries come again, and their
        // markers then say that they were settled.
        if let Err(error) = self.queue.acknowledge(&ids).await {
            self.queue.release(&ids).await;
            return Err(error.into());
        }
        Ok(())
    }

    async fn pause(&self, delay: Duration) {
        tokio::select! {
            () = tokio::time::sleep(delay) => {}
            () = self.tasks.stop_asked() => {}
        }
    }
}

/// An error with its causes, in one line.
pub fn error_chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        text.push_str(": ");
        text.push_str(&inner.to_string());
        cause = inner.source();
    }
    text
}
