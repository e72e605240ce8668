//! `dedup`: recognises at the door what was accepted lately, so that the answer can say so.
//!
//! Best effort: the worker's transaction decides what counts. Only identities are compared, never
//! content, because minimal events of one hour are alike by design and all count.

use std::collections::HashSet;
use std::num::NonZeroUsize;
use std::sync::Arc;

use async_trait::async_trait;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::batch::Batch;
use crate::context::{Cx, Services};
use crate::hash::Identity;
use crate::ports::{SeenKey, SeenSet};
use crate::stage::{BuildError, Define, Form, Needs, Settling, Side, Stage, StageError};
use crate::units::Span;
use crate::verdict::{Code, Pointer, Reason, Verdict, codes};

/// The stage.
pub(crate) struct Dedup {
    seen: Arc<dyn SeenSet>,
    config: DedupConfig,
}

/// Settings of `dedup`.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct DedupConfig {
    /// How long identities are remembered at the door. Default: `24h`.
    window: Span,
    /// Most identities that are remembered; the oldest go first. Default: 1000000.
    max_keys: NonZeroUsize,
}

impl Default for DedupConfig {
    fn default() -> Self {
        Self { window: Span::hours(24), max_keys: NonZeroUsize::MIN.saturating_add(999_999) }
    }
}

#[async_trait]
impl Stage for Dedup {
    async fn run(&self, batch: &mut Batch<'_>, cx: Cx<'_>) -> Result<(), StageError> {
        let batch_key = cx.request.and_then(|request| request.batch_key);
        let events = identities(batch);
        let event_keys = events.iter().map(|&(_, identity)| SeenKey::Event(identity));
        let keys: Vec<SeenKey> =
            batch_key.map(SeenKey::Batch).into_iter().chain(event_keys).collect();
        if keys.is_empty() || batch.passing() == 0 {
            return Ok(());
        }
        let mut seen = self.seen.seen(&keys, self.config.window.0).await?.into_iter();
        if batch_key.is_some() && seen.next() == Some(true) {
            batch.judge(|_| duplicate("the same batch was accepted before"));
            return Ok(());
        }
        let mut first = HashSet::with_capacity(events.len());
        for ((slot, identity), seen) in events.into_iter().zip(seen) {
            if seen {
                batch.settle(slot, duplicate("the same event was accepted before"));
            } else if !first.insert(identity) {
                batch.settle(slot, duplicate("the same event stands earlier in this batch"));
            }
        }
        Ok(())
    }

    fn settled<'a>(&'a self, batch: &'a Batch<'_>, cx: Cx<'a>) -> Option<Settling<'a>> {
        if batch.receipt().is_none() || batch.passing() == 0 {
            return None;
        }
        let mut keys: Vec<SeenKey> = batch.queued().iter().copied().map(SeenKey::Event).collect();
        // Last, so that the set forgets it last: see `SeenSet`.
        keys.extend(cx.request.and_then(|request| request.batch_key).map(SeenKey::Batch));
        if keys.is_empty() {
            return None;
        }
        let Span(window) = self.config.window;
        Some(Box::pin(async move {
            // The events are safe in the queue; what is not remembered is told apart in the store.
            self.seen.remember(&keys, window, self.config.max_keys.get()).await.ok();
        }))
    }
}

/// The identities of the events that still go on, with their slots.
fn identities(batch: &Batch<'_>) -> Vec<(usize, Identity)> {
    let passing = batch.slots().iter().enumerate().filter(|(_, slot)| slot.passes());
    passing.filter_map(|(index, slot)| Some((index, slot.event.scanned()?.identity()?))).collect()
}

fn duplicate(message: &'static str) -> Verdict {
    Verdict::Drop(Reason::new(codes::DUPLICATE, Pointer::ROOT, message))
}

impl Define for Dedup {
    const NAME: &'static str = "dedup";
    const SIDES: &'static [Side] = &[Side::Ingest];
    const DRY_RUN: bool = true;
    const CODES: &'static [Code] = &[codes::DUPLICATE];
    type Config = DedupConfig;

    fn needs(_: &Self::Config) -> Needs {
        Needs::AtLeast(Form::Scanned)
    }

    fn build(config: Self::Config, services: &Services) -> Result<Self, BuildError> {
        if config.window.0.is_zero() {
            return Err(BuildError::at("window", "must be longer than zero, for instance 24h"));
        }
        Ok(Self { seen: Arc::clone(&services.seen), config })
    }
}

#[cfg(test)]
mod tests;
