//! One group of entries, one transaction.
//!
//! Separate from the loop so that a simulation can drive it step by step.

use std::sync::Arc;

use stages::ports::{QueueError, Store, StoreError};
use stages::{Batch, Clock, Cx, Entry, Pipeline, StageError, Watch};

/// Why a group was not settled. Nothing of it is lost: it stays in the queue.
#[derive(Debug, thiserror::Error)]
pub enum SettleError {
    /// The queue failed.
    #[error(transparent)]
    Queue(#[from] QueueError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A stage failed.
    #[error(transparent)]
    Stage(#[from] StageError),
    /// A stage turned the whole group away, which no stage of the worker may do.
    #[error("a stage of the worker turned the whole group away ({0}); remove it from `worker`")]
    Refused(stages::Code),
}

/// Runs the worker's stages over groups.
pub struct Settler {
    pipeline: Arc<Pipeline>,
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    watch: Arc<dyn Watch>,
}

impl Settler {
    /// Puts together what a group needs.
    pub fn new(
        pipeline: Arc<Pipeline>,
        store: Arc<dyn Store>,
        clock: Arc<dyn Clock>,
        watch: Arc<dyn Watch>,
    ) -> Self {
        Self { pipeline, store, clock, watch }
    }

    /// Settles a group: markers, identities, rows, dead letters, rollups and ledger become visible
    /// together, or not at all. When `Ok` is returned they are on disk.
    ///
    /// # Errors
    /// When something failed; the outcome of a failed commit may be either, which the markers tell
    /// when the entries come again.
    pub async fn settle(&self, entries: Vec<Entry>) -> Result<(), SettleError> {
        let tx = self.store.begin().await?;
        let mut batch = Batch::group(entries);
        let cx = Cx { clock: &*self.clock, request: None, tx: Some(&*tx) };
        self.pipeline.run(&mut batch, cx, &*self.watch).await?;
        if let Some(refusal) = batch.refusal() {
            return Err(SettleError::Refused(refusal.code));
        }
        tx.settle(&batch.outcomes()).await?;
        tx.commit().await?;
        Ok(())
    }
}
