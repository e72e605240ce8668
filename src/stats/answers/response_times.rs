//! `/v1/stats/response-times`: how long calls take, told apart by any dimension.
//!
//! Separate from the lists by dimension, because percentiles cost a row for each stored cell, where
//! everything that those tell is added up by the database.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;
use stages::ports::StoreError;

use super::timeseries::By;
use super::{Coverage, PERCENTILE_ERROR, data_as_of};
use crate::stats::Grain;
use crate::stats::asked::{Asked, sum};
use crate::stats::tally::{Tally, ranked, share};
use crate::store::read::Detail;

/// Response times by a dimension.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct ByDimension {
    /// The period, normalised.
    period: String,
    /// Width of the period's buckets.
    grain: Grain,
    /// Hour in which the newest event was received.
    data_as_of: Option<String>,
    /// How much is known.
    coverage: Coverage,
    /// By what calls are told apart.
    by: By,
    /// Most that a percentile is off, as a share of its true value.
    percentile_error_bound: f64,
    /// Most calls first. In milliseconds; `null` when no call said how long it took.
    pub values: Vec<Times>,
}

/// Response times of the calls with one value.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Times {
    /// The value; `all` when calls are not told apart.
    name: String,
    /// Calls.
    calls: u64,
    /// 0..=1, of these calls: those that said how long they took.
    timed: f64,
    /// Mean.
    avg_ms: Option<f64>,
    /// Median.
    p50_ms: Option<u64>,
    /// 95th percentile.
    p95_ms: Option<u64>,
    /// 99th percentile.
    p99_ms: Option<u64>,
}

/// Answers with at most `limit` values.
///
/// # Errors
/// When the store cannot be read.
pub async fn response_times(
    asked: &Asked<'_>,
    by: By,
    limit: usize,
) -> Result<ByDimension, StoreError> {
    let cells = asked.cells(by.axis(), Detail::Times).await?;
    let mut tallies = BTreeMap::<&str, Tally>::new();
    for cell in &cells {
        if let Some(value) = by.value(cell) {
            tallies.entry(value).or_default().add(cell.status, &cell.measures);
        }
    }
    let values = ranked(&tallies).into_iter().take(limit);
    Ok(ByDimension {
        period: asked.window.period.clone(),
        grain: asked.window.grain,
        data_as_of: data_as_of(&asked.extent),
        coverage: Coverage::times(&sum(&cells)),
        by,
        percentile_error_bound: PERCENTILE_ERROR,
        values: values.map(|(name, tally)| times(name, tally)).collect(),
    })
}

fn times(name: &str, tally: &Tally) -> Times {
    let measures = &tally.measures;
    Times {
        name: name.to_owned(),
        calls: tally.calls(),
        timed: share(measures.time_count, tally.calls()),
        avg_ms: measures.mean(),
        p50_ms: measures.quantile(0.5),
        p95_ms: measures.quantile(0.95),
        p99_ms: measures.quantile(0.99),
    }
}
