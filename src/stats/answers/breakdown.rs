//! `/v1/stats/versions`, `/countries`, `/services` and `/levels`: calls by one dimension.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;
use stages::Hour;
use stages::ports::StoreError;
use stages::rollup::Axis;

use super::{Before, Comparison, Coverage, data_as_of, iso, partial_buckets};
use crate::stats::asked::{Asked, by_value, sum};
use crate::stats::tally::{Tally, ranked, share, tally};
use crate::stats::{Grain, Window};
use crate::store::read::{Cell, Detail};

/// Calls by one dimension.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Breakdown {
    /// The period, normalised.
    period: String,
    /// Width of the period's buckets.
    grain: Grain,
    /// Hour in which the newest event was received.
    data_as_of: Option<String>,
    /// How much is known.
    coverage: Coverage,
    /// The dimension.
    dimension: &'static str,
    /// All calls, also those that did not carry the dimension.
    total_calls: u64,
    /// Most calls first.
    pub values: Vec<Value>,
    /// The hours that are compared with.
    #[serde(skip_serializing_if = "Option::is_none")]
    comparison: Option<Comparison>,
}

/// Calls with one value.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[schemars(rename = "BreakdownValue")]
pub struct Value {
    /// The value.
    pub value: String,
    /// Calls.
    pub calls: u64,
    /// 0..=1, of the calls that carried the dimension.
    pub share: f64,
    /// 0..=1, of the value's own calls.
    pub success_rate: f64,
    /// Mean, in milliseconds; `null` when none is known.
    pub avg_response_time_ms: Option<f64>,
    /// The same in the hours that are compared with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub previous: Option<Before>,
}

/// Versions, and how they were adopted.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Versions {
    /// The versions.
    #[serde(flatten)]
    pub breakdown: Breakdown,
    /// The first hours of the buckets of `adoption` that the period covers in part only.
    partial_buckets: Vec<String>,
    /// Calls of each version over time, in the order of time and version. A bucket in which a version
    /// has no calls is absent.
    adoption: Vec<Adoption>,
}

/// Calls of a version in a bucket.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
struct Adoption {
    /// First hour of the bucket.
    timestamp: String,
    /// Version.
    version: String,
    /// Calls.
    calls: u64,
    /// 0..=1, of the bucket's calls.
    share: f64,
}

/// Answers by an axis, with at most `limit` values.
///
/// # Errors
/// When the store cannot be read.
pub async fn breakdown(
    asked: &Asked<'_>,
    axis: Axis,
    limit: usize,
) -> Result<Breakdown, StoreError> {
    let (cells, before) =
        tokio::try_join!(asked.cells(axis, Detail::Sums), asked.cells_before(axis, Detail::Sums),)?;
    Ok(from_cells(asked, axis, limit, &cells, &before))
}

/// Answers by version, with at most `limit` versions in the list.
///
/// # Errors
/// When the store cannot be read.
pub async fn versions(asked: &Asked<'_>, limit: usize) -> Result<Versions, StoreError> {
    let axis = Axis::Version;
    let (series, before) = tokio::try_join!(
        asked.series(&asked.window, axis, Detail::Sums),
        asked.cells_before(axis, Detail::Sums),
    )?;
    Ok(Versions {
        breakdown: from_cells(asked, axis, limit, &series, &before),
        partial_buckets: partial_buckets(&asked.window),
        adoption: adoption(&asked.window, &series),
    })
}

fn from_cells(
    asked: &Asked<'_>,
    axis: Axis,
    limit: usize,
    cells: &[Cell],
    before: &[Cell],
) -> Breakdown {
    let (total, values) = (sum(cells), tally(by_value(cells)));
    let carried = values.values().map(Tally::calls).sum();
    let earlier = tally(by_value(before));
    let none = Tally::default();
    let values = ranked(&values).into_iter().take(limit).map(|(value, tally)| Value {
        value: value.to_owned(),
        calls: tally.calls(),
        share: share(tally.calls(), carried),
        success_rate: tally.success_rate(),
        avg_response_time_ms: tally.measures.mean(),
        previous: asked.compared.as_ref().map(|_| Before::new(earlier.get(value).unwrap_or(&none))),
    });
    Breakdown {
        period: asked.window.period.clone(),
        grain: asked.window.grain,
        data_as_of: data_as_of(&asked.extent),
        coverage: Coverage {
            dimension: Some(share(carried, total.calls())),
            ..Coverage::times(&total)
        },
        dimension: axis.as_str(),
        total_calls: total.calls(),
        values: values.collect(),
        comparison: Comparison::of(asked, &sum(before)),
    }
}

fn adoption(window: &Window, series: &[Cell]) -> Vec<Adoption> {
    let mut buckets = BTreeMap::<Hour, BTreeMap<&str, u64>>::new();
    for cell in series {
        let bucket = buckets.entry(window.grain.floor(cell.bucket)).or_default();
        *bucket.entry(&cell.value).or_default() += cell.measures.calls;
    }
    let mut rows = Vec::new();
    for (bucket, versions) in buckets {
        let total = versions.values().sum();
        rows.extend(versions.into_iter().map(|(version, calls)| Adoption {
            timestamp: iso(bucket),
            version: version.to_owned(),
            calls,
            share: share(calls, total),
        }));
    }
    rows
}
