//! Small answers for people and machines that keep the service running: health, readiness, metrics
//! and receipts. The long one is in [`super::status`].

use std::sync::Arc;

use salvo::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use salvo::http::{HeaderValue, ResBody, StatusCode};
use salvo::{Request, Response, handler};
use serde::Serialize;
use stages::EntryId;
use stages::ports::Outcome;

use super::answer::{self, timestamp};
use super::facts::{Facts, in_time};
use super::problem::{Kind, Problem};
use super::state::State;
use crate::store::Receipt;
use crate::telemetry::scrape;

/// `GET /v1/health`: does the store answer?
pub(super) struct Health(pub(super) Arc<State>);

#[derive(Serialize)]
struct Healthy {
    status: &'static str,
    timestamp: String,
    /// Seconds.
    uptime: f64,
}

#[derive(Serialize)]
struct Unhealthy {
    status: &'static str,
    database: &'static str,
}

#[handler]
impl Health {
    async fn handle(&self, res: &mut Response) {
        let state = &*self.0;
        if in_time(state.store.ping()).await.is_none() {
            let body = Unhealthy { status: "unhealthy", database: "disconnected" };
            return answer::json(res, StatusCode::SERVICE_UNAVAILABLE, &body);
        }
        let uptime = state.clock.monotonic().saturating_sub(state.started);
        let body = Healthy {
            status: "healthy",
            timestamp: timestamp(state.clock.unix_millis()),
            uptime: uptime.as_secs_f64(),
        };
        answer::json(res, StatusCode::OK, &body);
    }
}

/// `GET /livez`: answers while the process lives.
pub(super) struct Livez;

#[derive(Serialize)]
struct Alive {
    status: &'static str,
}

#[handler]
impl Livez {
    async fn handle(&self, res: &mut Response) {
        answer::json(res, StatusCode::OK, &Alive { status: "alive" });
    }
}

/// `GET /readyz`: should requests be sent here?
pub(super) struct Readyz(pub(super) Arc<State>);

#[derive(Serialize, Debug, PartialEq, Eq)]
struct Ready {
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    reasons: Option<Vec<&'static str>>,
}

#[handler]
impl Readyz {
    async fn handle(&self, req: &mut Request, res: &mut Response) {
        let state = &*self.0;
        let facts = Facts::gather(state).await;
        let (fatal, degraded) = (fatal(state, &facts), degraded(state, &facts));
        let (status, code) = match (fatal.is_empty(), degraded.is_empty()) {
            (true, true) => ("ready", StatusCode::OK),
            (true, false) => ("degraded", StatusCode::OK),
            (false, _) => ("unavailable", StatusCode::SERVICE_UNAVAILABLE),
        };
        let named =
            |query: &str| query.split('&').any(|pair| pair.split('=').next() == Some("verbose"));
        let verbose = req.uri().query().is_some_and(named);
        let reasons = verbose.then(|| [fatal, degraded].concat());
        answer::json(res, code, &Ready { status, reasons });
    }
}

/// Reasons for which a load balancer must look elsewhere: nothing can be accepted durably.
fn fatal(state: &State, facts: &Facts) -> Vec<&'static str> {
    let mut reasons = Vec::new();
    if state.readiness.draining() {
        reasons.push("the process is on its way out");
    }
    if state.ingest.is_some() {
        let limits = &state.settings.queue;
        match (&facts.queue, &facts.spool) {
            (None, None) => reasons.push("the queue does not answer"),
            (None, Some(spool)) if spool.full => {
                reasons.push("the queue does not answer, and the spool is full");
            }
            (None, Some(spool)) if spool.state.failing => {
                reasons.push("the queue does not answer, and the spool cannot be written");
            }
            (None, Some(_)) => {}
            (Some(queue), _)
                if queue.events >= limits.max_events || queue.bytes >= limits.max_bytes.0 =>
            {
                reasons.push("the queue is full");
            }
            (Some(queue), _) if queue.failing => reasons.push("the queue cannot be written"),
            (Some(_), _) => {}
        }
    }
    reasons
}

/// Reasons for which a person should look, while events are accepted all the same.
pub(super) fn degraded(state: &State, facts: &Facts) -> Vec<&'static str> {
    let mut reasons = Vec::new();
    if facts.queue.is_none() && facts.spool.is_some() {
        reasons.push("the queue does not answer; events wait in the spool of this server");
    } else if facts.queue.is_none() && state.ingest.is_none() {
        reasons.push("the queue does not answer");
    }
    if !facts.store_up {
        reasons.push("the store does not answer");
    }
    if !facts.worker_alive(state.settings.queue.claim_after.0) {
        reasons.push("no worker gives a sign of life");
    }
    if facts.workers.iter().any(|worker| worker.lag > state.settings.queue.claim_after.0) {
        reasons.push("the worker does not keep up, or cannot write; its log says why");
    }
    if !state.pipeline.valid {
        reasons.push("the newest pipeline.yaml was not taken over");
    }
    reasons
}

/// `GET /metrics`, for the private listener.
pub(super) struct Scrape(pub(super) Arc<State>);

#[handler]
impl Scrape {
    async fn handle(&self, res: &mut Response) {
        let facts = Facts::gather(&self.0).await;
        match scrape::render(&self.0.metrics, &facts) {
            Ok(text) => {
                let kind = HeaderValue::from_static(prometheus::TEXT_FORMAT);
                res.headers_mut().insert(CONTENT_TYPE, kind);
                res.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
                res.replace_body(ResBody::Once(text.into()));
            }
            Err(error) => {
                tracing::error!(%error, "the metrics could not be rendered");
                res.status_code(StatusCode::INTERNAL_SERVER_ERROR);
            }
        }
    }
}

/// `GET /v1/receipts/{receipt}`: what became of a batch?
pub(super) struct Receipts(pub(super) Arc<State>);

#[derive(Serialize, Debug, PartialEq, Eq)]
struct Fate {
    state: &'static str,
    events: u64,
    persisted: u64,
    duplicate: u64,
    dead_letter: u64,
}

#[handler]
impl Receipts {
    async fn handle(&self, req: &mut Request, res: &mut Response) {
        let entry = req.params().get("receipt").and_then(|text| text.parse::<EntryId>().ok());
        let Some(entry) = entry else {
            let detail = "a receipt is 32 hex digits, as given in the answer to the batch";
            return Problem::new(Kind::InvalidRequest, "invalid_receipt", detail).write(res);
        };
        match self.fate(entry).await {
            Ok(fate) => answer::json(res, StatusCode::OK, &fate),
            Err(problem) => problem.write(res),
        }
    }
}

impl Receipts {
    /// The store is asked first: between commit and acknowledgement an entry stands in both, and
    /// then it is stored. One that leaves the queue between the two questions is asked for again.
    async fn fate(&self, entry: EntryId) -> Result<Fate, Problem> {
        let state = &*self.0;
        let stored = in_time(state.store.receipt(entry)).await;
        if let Some(Some(receipt)) = stored {
            return Ok(settled(receipt));
        }
        let queued = in_time(state.queue.find(entry)).await;
        if let Some(Some(events)) = queued {
            let (state, outcome) = ("queued", Outcome::default());
            return Ok(fate_of(state, events, outcome));
        }
        match (in_time(state.store.receipt(entry)).await, queued) {
            (Some(Some(receipt)), _) => Ok(settled(receipt)),
            (Some(None), Some(None)) => {
                let detail = "there is no such receipt, or it is older than receipts are kept";
                Err(Problem::plain(Kind::NotFound, detail))
            }
            _ => Err(answer::unavailable("the store does not answer; ask again after a while")),
        }
    }
}

fn settled(receipt: Receipt) -> Fate {
    let state = if receipt.expired { "expired" } else { "stored" };
    fate_of(state, receipt.events, receipt.outcome)
}

const fn fate_of(state: &'static str, events: u64, outcome: Outcome) -> Fate {
    let Outcome { persisted, duplicate, dead_letter, .. } = outcome;
    Fate { state, events, persisted, duplicate, dead_letter }
}
