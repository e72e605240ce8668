//! `/v1/stats/performance` and `/v1/stats/health`.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{Coverage, by_value, data_as_of, iso};
use crate::stats::source::Watermark;
use crate::stats::tally::{Tally, share, tally};
use crate::stats::{Grain, Window};
use crate::store::read::AxisCell;

/// Services that the answers always name, with 0 when no call did: clients read them by name.
pub(super) const ALWAYS_NAMED: [&str; 2] = ["noaa", "openmeteo"];
/// Fewer calls than this in 24 hours count as degraded.
const FEW_CALLS: u64 = 100;

/// The performance of all tools together.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Performance {
    period: String,
    grain: Grain,
    data_as_of: Option<String>,
    coverage: Coverage,
    response_times: ResponseTimes,
    cache_performance: Cache,
    /// Calls by service; calls that named none are not there.
    service_distribution: BTreeMap<String, u64>,
}

/// In milliseconds.
#[derive(Debug, Clone, PartialEq, Serialize)]
struct ResponseTimes {
    avg_ms: f64,
    p50_ms: u64,
    p95_ms: u64,
    p99_ms: u64,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
struct Cache {
    /// 0..=1, of the calls that said.
    hit_rate: f64,
    total_hits: u64,
    total_misses: u64,
}

/// Whether events arrive.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Health {
    status: &'static str,
    uptime_seconds: u64,
    /// Calls in the last 24 hours.
    events_processed_24h: u64,
    /// Hour; `null` before the first event.
    last_event_received: Option<String>,
}

/// Answers from all calls and from cells by service.
pub fn performance(
    window: &Window,
    watermark: Watermark,
    total: &Tally,
    services: &[AxisCell],
) -> Performance {
    let services = by_service(services);
    let named = services.values().map(Tally::calls).sum();
    Performance {
        period: window.period.clone(),
        grain: window.grain,
        data_as_of: data_as_of(watermark),
        coverage: Coverage {
            service: Some(share(named, total.calls())),
            ..Coverage::times_and_cache(total)
        },
        response_times: ResponseTimes {
            avg_ms: total.mean(),
            p50_ms: total.quantile(0.5),
            p95_ms: total.quantile(0.95),
            p99_ms: total.quantile(0.99),
        },
        cache_performance: Cache {
            hit_rate: total.hit_rate(),
            total_hits: total.measures.cache_hits,
            total_misses: total.measures.cache_misses,
        },
        service_distribution: services
            .into_iter()
            .map(|(service, tally)| (service.to_owned(), tally.calls()))
            .collect(),
    }
}

/// Calls by service, with those that are always named.
pub(super) fn by_service(cells: &[AxisCell]) -> BTreeMap<&str, Tally> {
    let mut services = tally(by_value(cells));
    for service in ALWAYS_NAMED {
        services.entry(service).or_default();
    }
    services
}

/// Answers from the calls of the last 24 hours.
pub fn health(watermark: Watermark, calls: u64, uptime_seconds: u64) -> Health {
    Health {
        status: match calls {
            0 => "down",
            1..FEW_CALLS => "degraded",
            _ => "healthy",
        },
        uptime_seconds,
        events_processed_24h: calls,
        last_event_received: watermark.last_received.map(iso),
    }
}
