//! What the configured pipeline does with given events, stage by stage, without storing anything.
//!
//! The real runner runs the real stages, those of contributors included: a [`Watch`](stages::Watch)
//! looks at the batch after each of them. Only the ports are others: queue, store, limits and memory
//! of identities are empty and live as long as one explanation. So the verdicts are those that a
//! client would get as the first one after a start.
//!
//! Values are shown only of what has passed the scan for personal data: of an event that holds some,
//! places and kinds alone.

mod changes;
mod record;
mod report;
#[cfg(test)]
mod tests;
mod text;

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use serde::Deserialize;
use serde::de::IgnoredAny;
use stages::ports::Consume;
use stages::testing::{MemoryQueue, MemoryStore};
use stages::{
    Batch, ClientKey, Clock, Cx, HashKey, Pipeline, Registry, Request, Scanner, Services, Side,
};

use self::record::Recorder;
pub use self::report::{
    Change, ChangeKind, EventReport, Explanation, Found, Note, Outcome, Refused, Row, StageReport,
    Step,
};
use crate::config::{Loaded, Settings};
use crate::shared::memory::{MemoryRates, MemorySeen};
use crate::worker::Settler;

/// Explains a request body, as a client would send it: see [`as_request`] for other forms.
///
/// # Errors
/// When a stage cannot be built from the configuration or fails on empty, local state: both are
/// mistakes of the stage.
pub async fn explain(
    loaded: &Loaded,
    registry: &Registry,
    clock: Arc<dyn Clock>,
    body: &[u8],
) -> anyhow::Result<Explanation> {
    explain_with(&loaded.settings, registry, clock, body).await
}

/// Like [`explain`], with settings that were checked before.
///
/// # Errors
/// As for [`explain`].
pub async fn explain_with(
    settings: &Settings,
    registry: &Registry,
    clock: Arc<dyn Clock>,
    body: &[u8],
) -> anyhow::Result<Explanation> {
    let queue = Arc::new(MemoryQueue::default());
    let services = Services {
        queue: Arc::clone(&queue) as _,
        seen: Arc::new(MemorySeen::new(Arc::clone(&clock))),
        rates: Arc::new(MemoryRates::new(Arc::clone(&clock))),
        local: None,
        identity_key: HashKey::random().context("no randomness")?,
    };
    let build = |side, specs| Pipeline::build(registry, side, specs, &services);
    let ingest = build(Side::Ingest, &settings.ingest);
    let (Ok(ingest), Ok(worker)) = (ingest, build(Side::Worker, &settings.worker)) else {
        bail!("the stages were built when the file was checked, but not now");
    };
    let max_body = ingest.max_body().unwrap_or_default();
    if body.len() as u64 > max_body {
        return Ok(Explanation::too_large(max_body));
    }
    let scanner = Scanner::of(&settings.ingest)?;
    let recorder = Arc::new(Recorder::new(clock, scanner));
    run_ingest(&ingest, &recorder, body).await?;
    let store = Arc::new(MemoryStore::default());
    run_worker(worker, &recorder, &queue, Arc::clone(&store)).await?;
    Ok(report::assemble(&recorder.runs(), store.tables().events))
}

async fn run_ingest(ingest: &Pipeline, recorder: &Recorder, body: &[u8]) -> anyhow::Result<()> {
    let request = Request {
        client: ClientKey::from_bytes([0; 16]),
        batch_key: None,
        received: recorder.hour(),
        country: None,
    };
    let mut batch = Batch::request(body);
    let cx = Cx { clock: recorder, request: Some(&request), tx: None };
    Ok(ingest.run(&mut batch, cx, recorder).await?)
}

async fn run_worker(
    worker: Pipeline,
    recorder: &Arc<Recorder>,
    queue: &MemoryQueue,
    store: Arc<MemoryStore>,
) -> anyhow::Result<()> {
    let entries = queue.claim(usize::MAX, Duration::ZERO).await?;
    if entries.is_empty() {
        return Ok(());
    }
    let (clock, watch) = (Arc::clone(recorder) as _, Arc::clone(recorder) as _);
    let settler = Settler::new(Arc::new(worker), store, clock, watch);
    Ok(settler.settle(entries).await?)
}

/// The request body for what a person has at hand: a body `{"events":[…]}` itself, an array of
/// events, or one event. Anything else is left for `parse` to judge.
pub fn as_request(input: &[u8]) -> Cow<'_, [u8]> {
    #[derive(Deserialize)]
    struct Top {
        events: Option<IgnoredAny>,
    }
    let input = input.strip_prefix("\u{feff}".as_bytes()).unwrap_or(input);
    let (before, after) = match input.trim_ascii_start().first() {
        Some(b'[') if is::<Vec<IgnoredAny>>(input, |_| true) => ("{\"events\":", "}"),
        Some(b'{') if is::<Top>(input, |top| top.events.is_none()) => ("{\"events\":[", "]}"),
        _ => return Cow::Borrowed(input),
    };
    Cow::Owned([before.as_bytes(), input, after.as_bytes()].concat())
}

/// Whether the text is JSON of a kind that `fits`.
fn is<'i, T: Deserialize<'i>>(input: &'i [u8], fits: impl Fn(T) -> bool) -> bool {
    serde_json::from_slice(input).is_ok_and(fits)
}
