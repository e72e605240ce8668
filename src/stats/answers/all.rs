//! `/v1/stats/all`: everything at once, in the scales of per cent.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::{Map, Value};
use stages::Hour;

use super::errors::Affecting;
use super::overview::{Overview, overview};
use super::performance::by_service;
use super::{Coverage, by_value, data_as_of, iso, series_by_tool};
use crate::stats::source::Watermark;
use crate::stats::tally::{Tally, percent, ranked, share, tally, total};
use crate::stats::{Grain, Window};
use crate::store::read::{AxisCell, ErrorCell, SeriesCell};

const MOST_COUNTRIES: usize = 20;

/// Everything that [`all`] answers from.
#[derive(Debug)]
pub struct Cells {
    /// All calls, in the store's grain for the window.
    pub series: Vec<SeriesCell>,
    /// By version.
    pub versions: Vec<AxisCell>,
    /// By service.
    pub services: Vec<AxisCell>,
    /// By country.
    pub countries: Vec<AxisCell>,
    /// Errors.
    pub errors: Vec<ErrorCell>,
}

/// The answer. Member names are those of the API, not of this code base.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct All {
    grain: Grain,
    data_as_of: Option<String>,
    coverage: Coverage,
    overview: Overview,
    /// A bucket each, with `timestamp` and the calls of every tool that had some.
    #[serde(rename = "toolUsage")]
    tool_usage: Vec<Map<String, Value>>,
    performance: Performance,
    errors: Vec<Affecting>,
    cache: Cache,
    services: BTreeMap<String, Service>,
    geo: Geo,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
struct Performance {
    by_tool: BTreeMap<String, Times>,
    /// Buckets in which a response time is known.
    timeline: Vec<TimesAt>,
}

/// In milliseconds.
#[derive(Debug, Clone, PartialEq, Serialize)]
struct Times {
    avg: f64,
    p50: u64,
    p95: u64,
    p99: u64,
}

/// In milliseconds.
#[derive(Debug, Clone, PartialEq, Serialize)]
struct TimesAt {
    timestamp: String,
    p50: u64,
    p95: u64,
    p99: u64,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
struct Cache {
    /// 0..=100, of the calls that said.
    hit_rate: f64,
    /// All calls.
    total_requests: u64,
    cache_hits: u64,
    cache_misses: u64,
    saved_requests: u64,
    /// Tools with calls that said.
    by_tool: BTreeMap<String, ToolCache>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
struct ToolCache {
    /// 0..=100.
    hit_rate: f64,
    hits: u64,
    misses: u64,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
struct Service {
    calls: u64,
    /// 0..=100, of all calls.
    percentage: f64,
    /// 0..=1, of the service's own calls.
    success_rate: f64,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
struct Geo {
    countries: Vec<Country>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
struct Country {
    code: String,
    /// The code again.
    name: String,
    calls: u64,
    /// 0..=100, of the calls that named a country.
    percentage: f64,
}

/// Answers from all cells of a window.
pub fn all(window: &Window, watermark: Watermark, cells: &Cells) -> All {
    let tools = tally(series_by_tool(&cells.series));
    let total = total(tools.values());
    let services = by_service(&cells.services);
    let countries = tally(by_value(&cells.countries));
    let located = countries.values().map(Tally::calls).sum();
    let serviced = services.values().map(Tally::calls).sum();
    let overview = overview(window, watermark, &tools, &cells.versions, &cells.errors);
    All {
        grain: window.grain,
        data_as_of: data_as_of(watermark),
        coverage: Coverage {
            service: Some(share(serviced, total.calls())),
            country: Some(share(located, total.calls())),
            ..Coverage::times_and_cache(&total)
        },
        tool_usage: tool_usage(window.grain, &cells.series),
        performance: Performance {
            by_tool: tools.iter().map(|(name, tally)| (name.to_string(), times(tally))).collect(),
            timeline: timeline(window.grain, &cells.series),
        },
        errors: overview.errors.clone(),
        cache: cache(&total, &tools),
        services: services
            .into_iter()
            .map(|(name, tally)| (service_key(name).to_owned(), service(&tally, total.calls())))
            .collect(),
        geo: Geo { countries: top_countries(&countries, located) },
        overview,
    }
}

fn tool_usage(grain: Grain, cells: &[SeriesCell]) -> Vec<Map<String, Value>> {
    let mut buckets = BTreeMap::<Hour, BTreeMap<&str, u64>>::new();
    for cell in cells.iter().filter(|cell| cell.measures.calls > 0) {
        let tools = buckets.entry(grain.floor(cell.bucket)).or_default();
        *tools.entry(&cell.tool).or_default() += cell.measures.calls;
    }
    let rows = buckets.into_iter().map(|(bucket, tools)| {
        let mut row: Map<String, Value> =
            tools.into_iter().map(|(tool, calls)| (tool.to_owned(), calls.into())).collect();
        row.insert("timestamp".to_owned(), iso(bucket).into());
        row
    });
    rows.collect()
}

fn timeline(grain: Grain, cells: &[SeriesCell]) -> Vec<TimesAt> {
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
