//! Counters and histograms that are raised while the process works.
//!
//! They stand in a registry of their own, never in a global one, so that two servers in one process
//! (as in tests) count apart. Gauges that are read from queue and store are in [`super::scrape`].

use std::sync::{PoisonError, RwLock};
use std::time::Duration;

use prometheus::{
    Error, Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGaugeVec, Opts,
    Registry,
};
use stages::{Code, Side, StageError, Tally, Watch};

/// Seconds. From a cached page to the patience of a client.
const REQUEST_BUCKETS: &[f64] =
    &[0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];

/// Seconds. A stage that only computes takes microseconds, one that writes takes milliseconds.
const STAGE_BUCKETS: &[f64] = &[1e-6, 5e-6, 2.5e-5, 1e-4, 5e-4, 2.5e-3, 0.01, 0.05, 0.25, 1.0, 5.0];

/// The counters of one stage, looked up once a batch.
struct StageMetrics {
    side: Side,
    label: String,
    events: IntCounter,
    seconds: Histogram,
}

/// Everything that is counted.
pub struct Metrics {
    registry: Registry,
    requests: IntCounterVec,
    request_seconds: HistogramVec,
    stage_events: IntCounterVec,
    stage_rejects: IntCounterVec,
    findings: IntCounterVec,
    stage_skips: IntCounterVec,
    stage_seconds: HistogramVec,
    /// Stages that have run, of a few fixed lists: a short list is searched faster than a map.
    stages: RwLock<Vec<StageMetrics>>,
    accepted: IntCounter,
    refused: IntCounterVec,
    refused_requests: IntCounterVec,
    certificate_end: IntGaugeVec,
    certificate_rereads: IntCounterVec,
    query_seconds: HistogramVec,
    query_failures: IntCounterVec,
    answers: IntCounterVec,
}

impl Metrics {
    /// Counters at zero.
    ///
    /// # Errors
    /// When two metrics have one name.
    pub fn new() -> Result<Self, Error> {
        let registry = Registry::new();
        let stage = &["side", "stage"];
        Ok(Self {
            requests: counters(
                &registry,
                "analytics_http_requests_total",
                "HTTP requests that were answered.",
                &["method", "route", "status"],
            )?,
            request_seconds: histograms(
                &registry,
                "analytics_http_request_duration_seconds",
                "Time from a request's head to its answer's head.",
                &["method", "route"],
                REQUEST_BUCKETS,
            )?,
            stage_events: counters(
                &registry,
                "analytics_stage_events_total",
                "Events that came to a stage.",
                stage,
            )?,
            stage_rejects: counters(
                &registry,
                "analytics_stage_rejects_total",
                "Events and requests that a stage refused or dropped, by code; in a dry run, would have.",
                &["side", "stage", "code"],
            )?,
            findings: counters(
                &registry,
                "analytics_pii_findings_total",
                "Findings of personal data, by type; of an event that is refused, one.",
                &["type"],
            )?,
            stage_skips: counters(
                &registry,
                "analytics_stage_skips_total",
                "Batches for which a stage was left out because its shared state was not reached.",
                stage,
            )?,
            stage_seconds: histograms(
                &registry,
                "analytics_stage_duration_seconds",
                "Time that a stage took for a batch.",
                stage,
                STAGE_BUCKETS,
            )?,
            stages: RwLock::default(),
            accepted: counter(
                &registry,
                "analytics_events_accepted_total",
                "Events accepted by this process, duplicates recognised at the door included.",
            )?,
            refused: counters(
                &registry,
                "analytics_events_refused_total",
                "Events refused by this process, by code.",
                &["code"],
            )?,
            refused_requests: counters(
                &registry,
                "analytics_requests_refused_total",
                "Ingest requests turned away whole by this process, by code.",
                &["code"],
            )?,
            certificate_end: gauges(
                &registry,
                "analytics_tls_certificate_not_after_seconds",
                "End of validity of the certificate in use, in Unix seconds, by its first name.",
                &["name"],
            )?,
            certificate_rereads: counters(
                &registry,
                "analytics_tls_certificate_rereads_total",
                "Changed certificate files that were read, by whether they could be used.",
                &["outcome"],
            )?,
            query_seconds: histograms(
                &registry,
                "analytics_store_query_duration_seconds",
                "Time that the store took to answer a question about its rollups, by question.",
                &["query"],
                REQUEST_BUCKETS,
            )?,
            query_failures: counters(
                &registry,
                "analytics_store_query_failures_total",
                "Questions about rollups that the store could not answer, by question.",
                &["query"],
            )?,
            answers: counters(
                &registry,
                "analytics_answers_total",
                "Answers of the statistics that were looked for among the kept ones: hit when one was \
                 there or being made, miss when it was made and kept, not_kept when it was made only.",
                &["outcome"],
            )?,
            registry,
        })
    }

    /// The registry, for the place that renders it.
    pub(crate) const fn registry(&self) -> &Registry {
        &self.registry
    }

    /// An HTTP request was answered. `route` is a template of the router, never a path.
    pub fn answered(&self, method: &'static str, route: &str, status: &str, took: Duration) {
        self.requests.with_label_values(&[method, route, status]).inc();
        self.request_seconds.with_label_values(&[method, route]).observe(took.as_secs_f64());
    }

    /// Events were accepted, duplicates recognised at the door included.
    pub fn accepted(&self, events: u64) {
        self.accepted.inc_by(events);
    }

    /// An event was refused.
    pub fn refused(&self, code: Code) {
        self.refused.with_label_values(&[code.as_str()]).inc();
    }

    /// A whole ingest request was turned away.
    pub fn refused_request(&self, code: &'static str) {
        self.refused_requests.with_label_values(&[code]).inc();
    }

    /// A certificate is in use from now on, until `not_after` in Unix seconds.
    pub fn certificate(&self, names: &[String], not_after: i64) {
        let name = names.first().map_or("", String::as_str);
        self.certificate_end.reset();
        self.certificate_end.with_label_values(&[name]).set(not_after);
    }

    /// Changed certificate files were read.
    pub fn certificate_reread(&self, good: bool) {
        let outcome = if good { "used" } else { "refused" };
        self.certificate_rereads.with_label_values(&[outcome]).inc();
    }

    /// The store was asked about its rollups.
    pub fn queried(&self, query: &'static str, answered: bool, took: Duration) {
        self.query_seconds.with_label_values(&[query]).observe(took.as_secs_f64());
        if !answered {
            self.query_failures.with_label_values(&[query]).inc();
        }
    }

    /// An answer was looked for among the kept ones.
    pub fn answer_looked_up(&self, outcome: &'static str) {
        self.answers.with_label_values(&[outcome]).inc();
    }

    fn stage(&self, side: Side, label: &str, count: impl Fn(&StageMetrics)) {
        let find = |known: &&StageMetrics| known.side == side && known.label == label;
        let known = self.stages.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(stage) = known.iter().find(find) {
            return count(stage);
        }
        drop(known);
        let labels = [side.as_str(), label];
        let stage = StageMetrics {
            side,
            label: label.to_owned(),
            events: self.stage_events.with_label_values(&labels),
            seconds: self.stage_seconds.with_label_values(&labels),
        };
        count(&stage);
        // Two threads may both add it: the handles are the same counter, so nothing is lost.
        self.stages.write().unwrap_or_else(PoisonError::into_inner).push(stage);
    }
}

impl Watch for Metrics {
    fn ran(&self, side: Side, label: &str, tally: &Tally, took: Duration) {
        self.stage(side, label, |stage| {
            stage.events.inc_by(tally.entered as u64);
            stage.seconds.observe(took.as_secs_f64());
        });
        for (code, count) in &tally.by_code {
            let labels = [side.as_str(), label, code.as_str()];
            self.stage_rejects.with_label_values(&labels).inc_by(*count as u64);
        }
        for (kind, count) in &tally.found {
            self.findings.with_label_values(&[kind.as_str()]).inc_by(*count as u64);
        }
    }

    fn skipped(&self, side: Side, label: &str, _: &StageError) {
        self.stage_skips.with_label_values(&[side.as_str(), label]).inc();
    }
}

fn counter(registry: &Registry, name: &str, help: &str) -> Result<IntCounter, Error> {
    let counter = IntCounter::new(name, help)?;
    registry.register(Box::new(counter.clone()))?;
    Ok(counter)
}

fn counters(
    registry: &Registry,
    name: &str,
    help: &str,
    labels: &[&str],
) -> Result<IntCounterVec, Error> {
    let counters = IntCounterVec::new(Opts::new(name, help), labels)?;
    registry.register(Box::new(counters.clone()))?;
    Ok(counters)
}

fn gauges(
    registry: &Registry,
    name: &str,
    help: &str,
    labels: &[&str],
) -> Result<IntGaugeVec, Error> {
    let gauges = IntGaugeVec::new(Opts::new(name, help), labels)?;
    registry.register(Box::new(gauges.clone()))?;
    Ok(gauges)
}

fn histograms(
    registry: &Registry,
    name: &str,
    help: &str,
    labels: &[&str],
    buckets: &[f64],
) -> Result<HistogramVec, Error> {
    let options = HistogramOpts::new(name, help).buckets(buckets.to_vec());
    let histograms = HistogramVec::new(options, labels)?;
    registry.register(Box::new(histograms.clone()))?;
    Ok(histograms)
}

#[cfg(test)]
mod tests {
    use stages::Entity;

    use super::*;

    #[test]
    fn a_stage_is_counted_by_side_label_and_code() {
        let metrics = Metrics::new().unwrap();
        let by_code = vec![(Code::new("duplicate"), 2)];
        let tally = Tally { entered: 5, by_code, found: vec![(Entity::Email, 3)] };
        metrics.ran(Side::Ingest, "dedup", &tally, Duration::from_millis(1));
        metrics.ran(Side::Ingest, "dedup", &tally, Duration::from_millis(1));
        metrics.ran(Side::Worker, "dedup", &tally, Duration::from_millis(1));
        for (side, events, rejects) in [("ingest", 10, 4), ("worker", 5, 2)] {
            assert_eq!(metrics.stage_events.with_label_values(&[side, "dedup"]).get(), events);
            let labels = [side, "dedup", "duplicate"];
            assert_eq!(metrics.stage_rejects.with_label_values(&labels).get(), rejects);
        }
        assert_eq!(metrics.findings.with_label_values(&["EMAIL"]).get(), 9);
    }
}
