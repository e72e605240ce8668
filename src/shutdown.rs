//! Stopping in order: a value that is passed down, never a static.
//!
//! A first signal asks everyone to finish; the tasks are waited for; a second signal means now.

use std::future::Future;

use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Asks to stop, and counts the tasks that must have ended before the process may.
#[derive(Clone, Debug, Default)]
pub struct Tasks {
    stop: CancellationToken,
    tracker: TaskTracker,
}

impl Tasks {
    /// Nothing running, nothing asked.
    pub fn new() -> Self {
        Self::default()
    }

    /// Runs a task that [`Tasks::finished`] waits for.
    pub fn spawn<F>(&self, task: F) -> JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        self.tracker.spawn(task)
    }

    /// Asks everyone to stop.
    pub fn stop(&self) {
        self.stop.cancel();
    }

    /// Whether stopping was asked for.
    pub fn stopping(&self) -> bool {
        self.stop.is_cancelled()
    }

    /// Waits until stopping is asked for.
    pub async fn stop_asked(&self) {
        self.stop.cancelled().await;
    }

    /// Waits until every task has ended. No task may be added afterwards.
    pub async fn finished(&self) {
        self.tracker.close();
        self.tracker.wait().await;
    }
}
