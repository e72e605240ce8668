//! The answers of the statistics API: their exact members and scales, and how each number follows
//! from cells.
//!
//! Scales differ between answers because clients of the API rely on them: a rate is 0..=1
//! everywhere except in [`all`], and `percentage` is stated beside each. Where a shape has no
//! `null`, a number that is not known is 0; `coverage` then says how much is known. Members that
//! came later say `null`.

pub mod all;
pub mod breakdown;
pub mod errors;
pub mod export;
pub mod health;
pub mod histogram;
pub mod overview;
pub mod performance;
pub mod response_times;
pub mod timeseries;
pub mod tool;
pub mod tools;

use schemars::JsonSchema;
use serde::Serialize;
use stages::Hour;
use stages::rollup::Measures;

use super::asked::Asked;
use super::query::Compare;
use super::tally::{Tally, share};
use super::window::Window;
use crate::store::read::Extent;

/// Most that a percentile is off, as a share of its true value: half the width of the widest bucket
/// of the histogram it is read from (see [`stages::sketch`]).
pub const PERCENTILE_ERROR: f64 = 0.01;

/// Calls of the hours that are compared with.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Before {
    /// Calls.
    pub calls: u64,
    /// 0..=1; `null` without calls.
    pub success_rate: Option<f64>,
    /// Mean, in milliseconds; `null` when none is known.
    pub avg_response_time_ms: Option<f64>,
}

impl Before {
    fn new(tally: &Tally) -> Self {
        Self {
            calls: tally.calls(),
            success_rate: tally.known_success_rate(),
            avg_response_time_ms: tally.measures.mean(),
        }
    }
}

/// All calls of the hours that are compared with.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Comparison {
    /// Which hours these are.
    pub compare: Compare,
    /// First hour. Where single hours are no longer kept, the range is widened to whole days.
    pub start_date: String,
    /// First hour after them.
    pub end_date: String,
    /// Calls.
    pub total_calls: u64,
    /// 0..=1; `null` without calls.
    pub success_rate: Option<f64>,
    /// Mean, in milliseconds; `null` when none is known.
    pub avg_response_time_ms: Option<f64>,
    /// 0..=1, of the calls that said; `null` when none did.
    pub cache_hit_rate: Option<f64>,
}

impl Comparison {
    /// What the compared hours come to; `None` when nothing is compared.
    fn of(asked: &Asked<'_>, total: &Tally) -> Option<Self> {
        let (compare, window) = asked.query.compare.zip(asked.compared.as_ref())?;
        Some(Self {
            compare,
            start_date: iso(window.range.from),
            end_date: iso(window.range.to),
            total_calls: total.calls(),
            success_rate: total.known_success_rate(),
            avg_response_time_ms: total.measures.mean(),
            cache_hit_rate: total.known_hit_rate(),
        })
    }
}

/// Share of the calls that carried what an answer rests on, each 0..=1. Only the members that the
/// answer rests on are there.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, JsonSchema)]
pub struct Coverage {
    /// Of all calls: said how long they took.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub response_time: Option<f64>,
    /// Of all calls: said whether the client's cache answered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cache: Option<f64>,
    /// Of all calls: named the service behind the tool.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service: Option<f64>,
    /// Of all calls: named a country.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub country: Option<f64>,
    /// Of the failed calls: named a kind of error that can be told apart under the filter.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error_type: Option<f64>,
    /// Of all calls: carried the dimension that the answer is broken down by.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dimension: Option<f64>,
    /// Of all calls: carried what is measured.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub measure: Option<f64>,
}

impl Coverage {
    fn times(total: &Tally) -> Self {
        let known = share(total.measures.time_count, total.calls());
        Self { response_time: Some(known), ..Self::default() }
    }

    fn times_and_cache(total: &Tally) -> Self {
        let known = share(total.cache_lookups(), total.calls());
        Self { cache: Some(known), ..Self::times(total) }
    }
}

/// Percentiles in milliseconds, at most [`PERCENTILE_ERROR`] off.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, JsonSchema)]
pub struct Percentiles {
    /// Half of the calls took up to this long; `null` when none is known.
    pub p50_ms: Option<u64>,
    /// 95 of 100 calls took up to this long.
    pub p95_ms: Option<u64>,
    /// 99 of 100 calls took up to this long.
    pub p99_ms: Option<u64>,
}

impl Percentiles {
    fn of(measures: &Measures) -> Self {
        let [p50_ms, p95_ms, p99_ms] = [0.5, 0.95, 0.99].map(|q| measures.quantile(q));
        Self { p50_ms, p95_ms, p99_ms }
    }
}

/// The hour of the newest event that an answer can hold; `null` before the first.
fn data_as_of(extent: &Extent) -> Option<String> {
    extent.last_received.map(iso)
}

/// The first hours of the buckets that the window covers in part only.
fn partial_buckets(window: &Window) -> Vec<String> {
    window.buckets().filter(|(_, partial)| *partial).map(|(bucket, _)| iso(bucket)).collect()
}

/// An hour in the form of the API: RFC 3339 with milliseconds.
fn iso(hour: Hour) -> String {
    hour.to_string().replace('Z', ".000Z")
}
