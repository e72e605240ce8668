//! `/v1/stats/performance`.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;
use stages::ports::StoreError;
use stages::rollup::Axis;

use super::{Comparison, Coverage, PERCENTILE_ERROR, data_as_of};
use crate::stats::Grain;
use crate::stats::asked::{Asked, by_value, sum};
use crate::stats::tally::{Tally, share, tally};
use crate::store::read::{Cell, Detail};

/// Services that the answers always name, with 0 when no call did: clients read them by name.
const ALWAYS_NAMED: [&str; 2] = ["noaa", "openmeteo"];

/// The performance of all tools together.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Performance {
    /// The period, normalised.
    period: String,
    /// Width of the period's buckets.
    grain: Grain,
    /// Hour in which the newest event was received.
    data_as_of: Option<String>,
    /// How much is known.
    coverage: Coverage,
    /// All calls together.
    pub response_times: ResponseTimes,
    /// Most that a percentile is off, as a share of its true value.
    percentile_error_bound: f64,
    /// The client's cache.
    cache_performance: Cache,
    /// Calls by service; calls that named none are not there.
    service_distribution: BTreeMap<String, u64>,
    /// The hours that are compared with.
    #[serde(skip_serializing_if = "Option::is_none")]
    comparison: Option<Comparison>,
}

/// In milliseconds; 0 when none is known.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct ResponseTimes {
    /// Mean.
    avg_ms: f64,
    /// Median.
    p50_ms: u64,
    /// 95th percentile.
    p95_ms: u64,
    /// 99th percentile.
    p99_ms: u64,
}

#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
struct Cache {
    /// 0..=1, of the calls that said.
    hit_rate: f64,
    /// Calls that the cache answered.
    total_hits: u64,
    /// Calls that it did not.
    total_misses: u64,
}

/// Answers.
///
/// # Errors
/// When the store cannot be read.
pub async fn performance(asked: &Asked<'_>) -> Result<Performance, StoreError> {
    let (cells, before, services) = tokio::try_join!(
        asked.cells(Axis::Tool, Detail::Times),
        asked.cells_before(Axis::Tool, Detail::Sums),
        asked.cells(Axis::Service, Detail::Calls),
    )?;
    let (total, services) = (sum(&cells), by_service(&services));
    let named = services.values().map(Tally::calls).sum();
    Ok(Performance {
        period: asked.window.period.clone(),
        grain: asked.window.grain,
        data_as_of: data_as_of(&asked.extent),
        coverage: Coverage {
            service: Some(share(named, total.calls())),
            ..Coverage::times_and_cache(&total)
        },
        response_times: ResponseTimes {
            avg_ms: total.mean(),
            p50_ms: total.quantile(0.5),
            p95_ms: total.quantile(0.95),
            p99_ms: total.quantile(0.99),
        },
        percentile_error_bound: PERCENTILE_ERROR,
        cache_performance: Cache {
            hit_rate: total.hit_rate(),
            total_hits: total.measures.cache_hits,
            total_misses: total.measures.cache_misses,
        },
        service_distribution: services
            .into_iter()
            .map(|(service, tally)| (service.to_owned(), tally.calls()))
            .collect(),
        comparison: Comparison::of(asked, &sum(&before)),
    })
}

/// Calls by service, with those that are always named.
pub(super) fn by_service(cells: &[Cell]) -> BTreeMap<&str, Tally> {
    let mut services = tally(by_value(cells));
    for service in ALWAYS_NAMED {
        services.entry(service).or_default();
    }
    services
}
