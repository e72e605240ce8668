//! The text of `/metrics`: what was counted, and what queue and store say at this moment.
//!
//! The gauges live in a registry that is made for each scrape, so that a number which cannot be
//! read is absent instead of old.

use prometheus::{Error, GaugeVec, IntGaugeVec, Opts, Registry, TextEncoder};

use super::{Metrics, process};
use crate::http::facts::Facts;

/// Renders the counters and what is known now, in Prometheus' text format.
///
/// # Errors
/// When two metrics have one name.
pub fn render(metrics: &Metrics, facts: &Facts) -> Result<String, Error> {
    let gauges = Gauges(Registry::new());
    gauges.labelled(
        "analytics_build_info",
        "Always 1; the release is in the label.",
        "version",
        [(env!("CARGO_PKG_VERSION"), 1)],
    )?;
    gauges.whole(
        "analytics_queue_up",
        "1 when the queue answers.",
        u64::from(facts.queue.is_some()),
    )?;
    gauges.whole("analytics_store_up", "1 when the store answers.", u64::from(facts.store_up))?;
    gauges.whole("analytics_uptime_seconds", "Age of the process.", facts.uptime.as_secs())?;
    if let Some(bytes) = process::resident_bytes() {
        gauges.whole("analytics_process_resident_bytes", "Resident memory.", bytes)?;
    }
    if let Some(queue) = &facts.queue {
        gauges.whole("analytics_queue_entries", "Entries not acknowledged.", queue.entries)?;
        gauges.whole("analytics_queue_events", "Events in them.", queue.events)?;
        gauges.whole("analytics_queue_bytes", "Bytes in them.", queue.bytes)?;
    }
    if let Some(spool) = &facts.spool {
        let help = "Events that wait in this server's spool.";
        gauges.whole("analytics_spool_events", help, spool.state.events)?;
    }
    let known = |(member, events): (&'static str, Option<i64>)| Some((member, events?));
    let members = facts.ledger().members().into_iter().filter_map(known);
    gauges.labelled("analytics_ledger_events", "The ledger, in events.", "member", members)?;
    let age = facts.workers.iter().map(|beat| (beat.worker.as_str(), beat.age.as_secs_f64()));
    gauges.seconds(
        "analytics_worker_heartbeat_age_seconds",
        "Time since a worker's sign of life.",
        age,
    )?;
    let lag = facts.workers.iter().map(|beat| (beat.worker.as_str(), beat.lag.as_secs_f64()));
    gauges.seconds("analytics_worker_lag_seconds", "Age of the oldest waiting entry.", lag)?;

    let mut families = metrics.registry().gather();
    families.extend(gauges.0.gather());
    families.sort_by(|a, b| a.name().cmp(b.name()));
    TextEncoder::new().encode_to_string(&families)
}

struct Gauges(Registry);

impl Gauges {
    fn whole(&self, name: &str, help: &str, value: u64) -> Result<(), Error> {
        let gauge = prometheus::IntGauge::new(name, help)?;
        gauge.set(i64::try_from(value).unwrap_or(i64::MAX));
        self.0.register(Box::new(gauge))
    }

    fn labelled<'a>(
        &self,
        name: &str,
        help: &str,
        label: &str,
        values: impl IntoIterator<Item = (&'a str, i64)>,
    ) -> Result<(), Error> {
        let gauges = IntGaugeVec::new(Opts::new(name, help), &[label])?;
        for (of, value) in values {
            gauges.with_label_values(&[of]).set(value);
        }
        self.0.register(Box::new(gauges))
    }

    fn seconds<'a>(
        &self,
        name: &str,
        help: &str,
        workers: impl IntoIterator<Item = (&'a str, f64)>,
    ) -> Result<(), Error> {
        let gauges = GaugeVec::new(Opts::new(name, help), &["worker"])?;
        for (worker, value) in workers {
            gauges.with_label_values(&[worker]).set(value);
        }
        self.0.register(Box::new(gauges))
    }
}
