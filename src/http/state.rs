//! What the handlers work with. Filled in by [`crate::app`], shared by all of them.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use stages::ports::{RateCounter, StoreError};
use stages::{Clock, EntryId, HashKey, Hour, Pipeline};
use tokio::sync::watch;

use super::client::Clients;
use super::facts::Facts;
use super::middleware::RequestIds;
use super::refusals::Unwritten;
use super::stats::cache::SharedAnswers;
use crate::config::Settings;
use crate::queue::Queue;
use crate::store::{Receipt, Totals};
use crate::telemetry::Metrics;
use crate::transparency::Document;

/// What the handlers work with.
pub struct State {
    /// The settings in force.
    pub settings: Arc<Settings>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Monotonic time at which the process started.
    pub started: Duration,
    /// The ingest side; absent in a process that only works.
    pub ingest: Option<Ingest>,
    /// The queue.
    pub queue: Arc<dyn Queue>,
    /// The store, as far as status and receipts need it.
    pub store: Arc<dyn StoreStatus>,
    /// Counters.
    pub metrics: Arc<Metrics>,
    /// Answers that servers keep together, when there is a place for them.
    pub shared_answers: Option<Arc<dyn SharedAnswers>>,
    /// Limits per client, for reads.
    pub rates: Arc<dyn RateCounter>,
    /// Makes client keys from addresses.
    pub clients: Arc<Clients>,
    /// Names requests.
    pub request_ids: RequestIds,
    /// The key of batch identities, the same in every server of an installation.
    pub identity_key: HashKey,
    /// What was turned away and is not written yet.
    pub refusals: Unwritten,
    /// Whether the process is on its way out.
    pub readiness: Readiness,
    /// The pipeline.yaml in force.
    pub pipeline: PipelineStatus,
    /// What is published about what is stored.
    pub document: Arc<Document>,
    /// What the public listener shows of the totals when small cells are withheld.
    pub closed_hour: ClosedHour,
}

/// The ingest side.
pub struct Ingest {
    /// The stages of `ingest`.
    pub pipeline: Pipeline,
    /// Most bytes of a request body, as sent and as decoded.
    pub max_body: u64,
}

/// Whether the process is on its way out.
#[derive(Debug, Default)]
pub struct Readiness(AtomicBool);

impl Readiness {
    /// From now on load balancers are told to look elsewhere.
    pub fn drain(&self) {
        self.0.store(true, Ordering::Release);
    }

    /// Whether the process is on its way out.
    pub fn draining(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

/// The pipeline.yaml in force.
#[derive(Debug, Clone)]
pub struct PipelineStatus {
    /// When it was loaded, in Unix milliseconds.
    pub loaded_at: i64,
    /// Whether the newest attempt to load one succeeded.
    pub valid: bool,
    /// Why it did not.
    pub last_error: Option<String>,
}

/// Totals as they were when the last hour closed. Polling them singles nobody out: they move once
/// an hour, and not at a moment that a reader chooses.
#[derive(Debug)]
pub struct ClosedHour(watch::Sender<Option<Arc<Facts>>>);

impl Default for ClosedHour {
    fn default() -> Self {
        Self(watch::Sender::new(None))
    }
}

impl ClosedHour {
    pub(super) fn publish(&self, facts: Facts) {
        self.0.send_replace(Some(Arc::new(facts)));
    }

    pub(super) fn get(&self) -> Option<Arc<Facts>> {
        self.0.borrow().clone()
    }
}

/// Connections of the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Connections {
    /// Open.
    pub total: u64,
    /// Open and unused.
    pub idle: u64,
    /// Callers that wait for one.
    pub waiting: u64,
}

/// The store, as far as status and receipts need it.
#[async_trait]
pub trait StoreStatus: Send + Sync {
    /// What became of events, since installation.
    async fn ledger(&self) -> Result<Totals, StoreError>;

    /// What became of an entry; `None` when its marker is not there (any more).
    async fn receipt(&self, entry: EntryId) -> Result<Option<Receipt>, StoreError>;

    /// The newest hour in which a stored event was received.
    async fn last_received(&self) -> Result<Option<Hour>, StoreError>;

    /// Whether the store answers.
    async fn ping(&self) -> Result<(), StoreError>;

    /// Connections, where the driver knows.
    fn connections(&self) -> Option<Connections> {
        None
    }
}
