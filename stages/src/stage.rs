//! What a stage is.
//!
//! [`Stage`] is called once a batch, so dispatch and boxing cost some ten nanoseconds a batch and
//! the loop over events inside is plain code. Most stages judge one event at a time and need no
//! I/O: they implement [`PerEvent`] and are lifted.

use std::future::Future;
use std::pin::Pin;

use async_trait::async_trait;
use schemars::JsonSchema;
use serde::de::DeserializeOwned;

use crate::batch::{Batch, Event};
use crate::context::{Cx, Services};
use crate::ports::{SharedError, StoreError};
use crate::verdict::{Code, Verdict};

/// One step of a pipeline, called once a batch.
#[async_trait]
pub trait Stage: Send + Sync {
    /// Judges and changes the events of a batch.
    ///
    /// # Errors
    /// Only when infrastructure failed. What is wrong with an event is a [`Verdict`], what is wrong
    /// with a request a [`crate::Refusal`].
    async fn run(&self, batch: &mut Batch<'_>, cx: Cx<'_>) -> Result<(), StageError>;

    /// Bytes of the largest decoded body that the stage wants to be given; `None` when it reads no
    /// body. What is larger is turned away (413) before a pipeline runs.
    fn max_body(&self) -> Option<u64> {
        None
    }

    /// How many events the worker should claim at once, when the stage has a say in it.
    fn group_events(&self) -> Option<usize> {
        None
    }

    /// What is to be done after every stage of the side succeeded and nothing was refused as a whole.
    /// Few stages have something to do then, and none of the others pays for the question.
    fn settled<'a>(&'a self, _batch: &'a Batch<'_>, _cx: Cx<'a>) -> Option<Settling<'a>> {
        None
    }
}

/// See [`Stage::settled`].
pub type Settling<'a> = Pin<Box<dyn Future<Output = ()> + Send + 'a>>;

/// A stage that looks at one event at a time.
pub trait PerEvent: Send + Sync {
    /// Judges one event that still goes on.
    fn judge(&self, event: &mut Event<'_>, cx: Cx<'_>) -> Verdict;
}

#[async_trait]
impl<T: PerEvent> Stage for T {
    async fn run(&self, batch: &mut Batch<'_>, cx: Cx<'_>) -> Result<(), StageError> {
        batch.judge(|event| self.judge(event, cx));
        Ok(())
    }
}

/// Infrastructure failed under a stage.
#[derive(Debug, thiserror::Error)]
pub enum StageError {
    /// A shared counter or set cannot be reached.
    #[error(transparent)]
    Shared(#[from] SharedError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The stage was run where it cannot run; load-time checks prevent it.
    #[error("{0}")]
    Misplaced(&'static str),
    /// The operating system failed.
    #[error("the operating system failed")]
    System(#[source] crate::ports::Cause),
}

/// The two lists of pipeline.yaml.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// In the server, once a request.
    Ingest,
    /// In the worker, once a claimed group, inside one transaction.
    Worker,
}

impl Side {
    /// The list's name in pipeline.yaml.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ingest => "ingest",
            Self::Worker => "worker",
        }
    }
}

/// How far the events of a batch have come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Form {
    /// A request body.
    Body,
    /// Raw events.
    Parsed,
    /// Events that were scanned for personal data.
    Scanned,
    /// Scanned events in their final, storable form.
    Clean,
    /// On disk in the queue.
    Queued,
    /// Rows of the store.
    Persisted,
    /// Counted in the rollups.
    Aggregated,
}

impl Form {
    /// The form in words, for messages.
    pub const fn describe(self) -> &'static str {
        match self {
            Self::Body => "an unparsed request body",
            Self::Parsed => "parsed events",
            Self::Scanned => "scanned events",
            Self::Clean => "sanitised events",
            Self::Queued => "queued events",
            Self::Persisted => "persisted events",
            Self::Aggregated => "aggregated events",
        }
    }
}

/// Where a stage may stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Needs {
    /// Only where events have exactly this form.
    Exactly(Form),
    /// Wherever events have this form or a later one.
    AtLeast(Form),
}

/// A stage cannot be built from its configuration.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct BuildError {
    /// Where in `with`, as keys and indexes: `["tools", "3"]`.
    pub path: Vec<String>,
    /// What is wrong and what to do.
    pub message: String,
}

impl BuildError {
    /// An error at a key of `with`.
    pub fn at(key: &str, message: impl Into<String>) -> Self {
        Self { path: vec![key.to_owned()], message: message.into() }
    }
}

/// What the registry must know of a stage.
pub trait Define: Stage + Sized + 'static {
    /// The stage's name in pipeline.yaml: kebab-case.
    const NAME: &'static str;
    /// The lists it may stand in.
    const SIDES: &'static [Side];
    /// The form it gives to events; `None` when it leaves it.
    const GIVES: Option<Form> = None;
    /// Whether it may run with `dry_run: true`. Not for stages that others rely on.
    const DRY_RUN: bool = false;
    /// Every code it can give as a reason or warning.
    const CODES: &'static [Code];

    /// Its `with` section. Document every field: the text becomes the schema's description.
    type Config: DeserializeOwned + JsonSchema + Default;

    /// The form that events must have where it stands.
    fn needs(config: &Self::Config) -> Needs;

    /// Builds the stage.
    ///
    /// # Errors
    /// When the configuration is well-formed but cannot work.
    fn build(config: Self::Config, services: &Services) -> Result<Self, BuildError>;
}
