//! The worker's tasks: settling, signs of life, housekeeping.

use std::sync::Arc;

use anyhow::anyhow;
use stages::{Clock, EntryId};
use tokio::task::JoinHandle;

use super::open::Opened;
use crate::config::acceptance_window;
use crate::shutdown::Tasks;
use crate::store::{Database, Horizons};
use crate::worker::{Beat, Keeper, Settler, Worker, error_chain, retry_delays};

/// The running worker, or none.
#[derive(Default)]
pub(super) struct Running {
    settling: Option<JoinHandle<()>>,
}

impl Running {
    /// Waits until the worker has ended although nobody asked it to; for ever when there is none.
    pub(super) async fn ended(&mut self) -> anyhow::Error {
        match &mut self.settling {
            Some(task) => {
                // The panic hook has logged the place.
                drop(task.await);
                self.settling = None;
                anyhow!("the worker ended by itself; the log says where")
            }
            None => std::future::pending().await,
        }
    }

    /// Waits until the worker has finished what it was doing, once it was asked to stop.
    pub(super) async fn finished(self) {
        if let Some(task) = self.settling {
            drop(task.await);
        }
    }
}

/// Starts the tasks.
pub(super) fn spawn(opened: &Opened) -> Running {
    let (state, tasks) = (&opened.state, &opened.tasks);
    let clock: Arc<dyn Clock> = Arc::clone(&state.clock);
    let settler = Settler::new(
        Arc::clone(&opened.worker),
        Arc::new(opened.store.clone()),
        Arc::clone(&clock),
        Arc::clone(&state.metrics) as _,
    );
    let group = opened.group_events();
    let queue = Arc::clone(&opened.queue);
    let worker = Worker::new(Arc::clone(&queue) as _, settler, group, tasks.clone());
    let beat = Beat::new(Arc::clone(&queue), clock, name(), tasks.clone());
    let retention = state.settings.retention.clone();
    let horizons = Horizons::new(acceptance_window(&state.settings), &retention);
    let privacy = state.settings.privacy.clone();
    let keeper = Keeper::new(opened.store.clone(), queue, retention, privacy, tasks.clone());

    tasks.spawn(async move { beat.run().await });
    let (store, stop) = (opened.store.clone(), tasks.clone());
    let settling = tasks.spawn(async move {
        prepare(&store, &horizons, &stop).await;
        let keeping = stop.spawn(async move { keeper.run().await });
        worker.run().await;
        drop(keeping.await);
    });
    Running { settling: Some(settling) }
}

/// Brings the schema up to date, however long the store is away.
async fn prepare(store: &Database, horizons: &Horizons, tasks: &Tasks) {
    for delay in retry_delays() {
        let migrated = tokio::select! {
            migrated = store.bring_up(horizons) => migrated,
            () = tasks.stop_asked() => return,
        };
        let Err(error) = migrated else { return };
        tracing::warn!(
            error = error_chain(&error),
            retry_in_ms = delay.as_millis(),
            "the store is not ready; events wait in the queue"
        );
        tokio::select! {
            () = tokio::time::sleep(delay) => {}
            () = tasks.stop_asked() => return,
        }
    }
}

/// A name for this worker: random, so that it says nothing of the machine.
fn name() -> String {
    EntryId::random().map_or_else(|_| "worker".to_owned(), |id| id.to_string())
}
