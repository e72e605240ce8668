//! The worker's sign of life: once a second, with the lag it sees.

use std::sync::Arc;
use std::time::Duration;

use stages::Clock;

use super::lag::LagMeters;
use crate::queue::Queue;
use crate::shutdown::Tasks;

const EVERY: Duration = Duration::from_secs(1);

/// Gives signs of life until stopping is asked for.
pub struct Beat {
    queue: Arc<dyn Queue>,
    clock: Arc<dyn Clock>,
    worker: String,
    tasks: Tasks,
}

impl Beat {
    /// Signs for the worker with a name.
    pub fn new(queue: Arc<dyn Queue>, clock: Arc<dyn Clock>, worker: String, tasks: Tasks) -> Self {
        Self { queue, clock, worker, tasks }
    }

    /// Gives signs until stopping is asked for.
    pub async fn run(&self) {
        let mut meters = LagMeters::default();
        let mut ticks = tokio::time::interval(EVERY);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut silent = false;
        loop {
            tokio::select! {
                _ = ticks.tick() => {}
                () = self.tasks.stop_asked() => return,
            }
            let sign = self.sign(&mut meters).await;
            // Said once, not every second: the queue's own errors are logged where they matter.
            if let (Err(error), false) = (&sign, silent) {
                tracing::warn!(error = super::error_chain(error), "no heartbeat: queue failed");
            }
            silent = sign.is_err();
        }
    }

    async fn sign(&self, meters: &mut LagMeters) -> Result<(), stages::ports::QueueError> {
        let positions = self.queue.positions().await?;
        let lag = meters.look(self.clock.monotonic(), &positions);
        self.queue.beat(&self.worker, lag).await
    }
}
