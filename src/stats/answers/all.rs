//! `/v1/stats/all`: everything at once, in the scales of per cent.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;
use stages::Hour;
use stages::ports::StoreError;
use stages::rollup::Axis;

use super::errors::Affecting;
use super::overview::{Overview, Parts, from_parts};
use super::performance::by_service;
use super::{Coverage, PERCENTILE_ERROR, data_as_of, iso, partial_buckets};
use crate::stats::Grain;
use crate::stats::asked::{Asked, by_tool, by_value};
use crate::stats::tally::{Tally, percent, ranked, share, tally, total};
use crate::store::read::{Cell, Detail};

const MOST_COUNTRIES: usize = 20;

/// Everything at once.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct All {
    /// Width of the buckets of `toolUsage` and `timeline`.
    grain: Grain,
    /// Hour in which the newest event was received.
    data_as_of: Option<String>,
    /// How much is known.
    coverage: Coverage,
    /// As `/v1/stats/overview` has it.
    overview: Overview,
    /// The first hours of the buckets that the period covers in part only.
    partial_buckets: Vec<String>,
    /// The buckets with calls, in order.
    // A name of the API, not of this code base.
    #[serde(rename = "toolUsage")]
    pub tool_usage: Vec<Usage>,
    /// Response times.
    performance: Performance,
    /// As the overview has them.
    errors: Vec<Affecting>,
    /// The client's cache.
    cache: Cache,
    /// By name, with `openMeteo` for `openmeteo`.
    services: BTreeMap<String, Service>,
    /// Where clients are.
    geo: Geo,
}

/// Calls in a bucket.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[schemars(rename = "AllUsage")]
pub struct Usage {
    /// First hour of the bucket.
    timestamp: String,
    /// Calls of every tool that had some.
    #[serde(flatten)]
    tools: BTreeMap<String, u64>,
}

#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[schemars(rename = "AllPerformance")]
struct Performance {
    /// Every tool with calls.
    by_tool: BTreeMap<String, Times>,
    /// Most that a percentile is off, as a share of its true value.
    percentile_error_bound: f64,
    /// Buckets in which a response time is known.
    timeline: Vec<TimesAt>,
}

/// In milliseconds; 0 when none is known.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[schemars(rename = "AllTimes")]
struct Times {
    /// Mean.
    avg: f64,
    /// Median.
    p50: u64,
    /// 95th percentile.
    p95: u64,
    /// 99th percentile.
    p99: u64,
}

/// In milliseconds.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
struct TimesAt {
    /// First hour of the bucket.
    timestamp: String,
    /// Median.
    p50: u64,
    /// 95th percentile.
    p95: u64,
    /// 99th percentile.
    p99: u64,
}

#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[schemars(rename = "AllCache")]
struct Cache {
    /// 0..=100, of the calls that said.
    hit_rate: f64,
    /// All calls.
    total_requests: u64,
    /// Calls that the cache answered.
    cache_hits: u64,
    /// Calls that it did not.
    cache_misses: u64,
    /// The same as `cache_hits`.
    saved_requests: u64,
    /// Tools with calls that said.
    by_tool: BTreeMap<String, ToolCache>,
}

#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
struct ToolCache {
    /// 0..=100.
    hit_rate: f64,
    /// Calls that the cache answered.
    hits: u64,
    /// Calls that it did not.
    misses: u64,
}

#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[schemars(rename = "AllService")]
struct Service {
    /// Calls.
    calls: u64,
    /// 0..=100, of all calls.
    percentage: f64,
    /// 0..=1, of the service's own calls.
    success_rate: f64,
}

#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
struct Geo {
    /// The twenty with most calls.
    countries: Vec<Country>,
}

#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[schemars(rename = "AllCountry")]
struct Country {
    /// ISO 3166-1 alpha-2.
    code: String,
    /// The code again.
    name: String,
    /// Calls.
    calls: u64,
    /// 0..=100, of the calls that named a country.
    percentage: f64,
}

/// Answers.
///
/// # Errors
/// When the store cannot be read.
pub async fn all(asked: &Asked<'_>) -> Result<All, StoreError> {
    let (series, before, versions, sessions, services, countries, failures) = tokio::try_join!(
        asked.series(&asked.window, Axis::Tool, Detail::Times),
        asked.cells_before(Axis::Tool, Detail::Sums),
        asked.unique_versions(),
        asked.sessions(),
        asked.cells(Axis::Service, Detail::Calls),
        asked.cells(Axis::Country, Detail::Calls),
        asked.failures(asked.window.range),
    )?;
    let (tools, before) = (by_tool(&series), by_tool(&before));
    let total = total(tools.values());
    let services = by_service(&services);
    let countries = tally(by_value(&countries));
    let located = countries.values().map(Tally::calls).sum();
    let serviced = services.values().map(Tally::calls).sum();
    let parts = Parts { tools: &tools, before: &before, versions, sessions, failures: &failures };
    let overview = from_parts(asked, &parts);
    Ok(All {
        grain: asked.window.grain,
        data_as_of: data_as_of(&asked.extent),
        coverage: Coverage {
            service: Some(share(serviced, total.calls())),
            country: Some(share(located, total.calls())),
            ..Coverage::times_and_cache(&total)
        },
        partial_buckets: partial_buckets(&asked.window),
        tool_usage: tool_usage(asked.window.grain, &series),
        performance: Performance {
            by_tool: tools.iter().map(|(name, tally)| (name.to_string(), times(tally))).collect(),
            percentile_error_bound: PERCENTILE_ERROR,
            timeline: timeline(asked.window.grain, &series),
        },
        errors: overview.errors.clone(),
        cache: cache(&total, &tools),
        services: services
            .into_iter()
            .map(|(name, tally)| (service_key(name).to_owned(), service(&tally, total.calls())))
            .collect(),
        geo: Geo { countries: top_countries(&countries, located) },
        overview,
    })
}

fn tool_usage(grain: Grain, cells: &[Cell]) -> Vec<Usage> {
    let mut buckets = BTreeMap::<Hour, BTreeMap<String, u64>>::new();
    for cell in cells {
        let tools = buckets.entry(grain.floor(cell.bucket)).or_default();
        *tools.entry(cell.tool.clone()).or_default() += cell.measures.calls;
    }
    buckets.into_iter().map(|(bucket, tools)| Usage { timestamp: iso(bucket), tools }).collect()
}

fn timeline(grain: Grain, cells: &[Cell]) -> Vec<TimesAt> {
    let by_bucket = cells.iter().map(|c| (grain.floor(c.bucket), c.status, &c.measures));
    let buckets = tally(by_bucket).into_iter().filter(|(_, tally)| tally.measures.time_count > 0);
    let points = buckets.map(|(bucket, tally)| TimesAt {
        timestamp: iso(bucket),
        p50: tally.quantile(0.5),
        p95: tally.quantile(0.95),
        p99: tally.quantile(0.99),
    });
    points.collect()
}

fn times(tally: &Tally) -> Times {
    Times {
        avg: tally.mean(),
        p50: tally.quantile(0.5),
        p95: tally.quantile(0.95),
        p99: tally.quantile(0.99),
    }
}

fn cache(total: &Tally, tools: &BTreeMap<&str, Tally>) -> Cache {
    let said = tools.iter().filter(|(_, tally)| tally.cache_lookups() > 0);
    let by_tool = said.map(|(name, tally)| {
        let (hits, misses) = (tally.measures.cache_hits, tally.measures.cache_misses);
        let hit_rate = percent(hits, tally.cache_lookups());
        (name.to_string(), ToolCache { hit_rate, hits, misses })
    });
    Cache {
        hit_rate: percent(total.measures.cache_hits, total.cache_lookups()),
        total_requests: total.calls(),
        cache_hits: total.measures.cache_hits,
        cache_misses: total.measures.cache_misses,
        saved_requests: total.measures.cache_hits,
        by_tool: by_tool.collect(),
    }
}

/// The name of a service as a member of this answer.
fn service_key(service: &str) -> &str {
    if service == "openmeteo" { "openMeteo" } else { service }
}

fn service(tally: &Tally, calls: u64) -> Service {
    Service {
        calls: tally.calls(),
        percentage: percent(tally.calls(), calls),
        success_rate: tally.success_rate(),
    }
}

fn top_countries(countries: &BTreeMap<&str, Tally>, located: u64) -> Vec<Country> {
    let top = ranked(countries).into_iter().take(MOST_COUNTRIES);
    let top = top.map(|(code, tally)| Country {
        code: code.to_owned(),
        name: code.to_owned(),
        calls: tally.calls(),
        percentage: percent(tally.calls(), located),
    });
    top.collect()
}
