//! `/v1/stats/export`: the rollups themselves, for whoever wants to calculate on their own.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;
use stages::ports::StoreError;
use stages::rollup::Measures;
use stages::{Hour, Status};

use super::timeseries::By;
use super::{PERCENTILE_ERROR, Percentiles, data_as_of, iso};
use crate::stats::asked::Asked;
use crate::stats::{Grain, Window};
use crate::store::read::Detail;

/// The rollups.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Export {
    /// The period, normalised.
    period: String,
    /// Width of the buckets.
    grain: Grain,
    /// Hour in which the newest event was received.
    data_as_of: Option<String>,
    /// The dimension of `value`.
    by: By,
    /// Most that a percentile is off, as a share of its true value.
    percentile_error_bound: f64,
    /// In the order of time, tool, value and status. What has no calls is absent.
    pub rows: Vec<Row>,
}

/// Calls of one bucket, tool, value and status. Sums and counts add up over rows; percentiles do not.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[schemars(rename = "ExportRow")]
pub struct Row {
    /// First hour of the bucket.
    timestamp: String,
    /// Whether the period covers the bucket in part only, or the bucket is not over.
    partial: bool,
    /// Tool.
    tool: String,
    /// Value of the dimension; empty where calls carried none.
    value: String,
    /// `success` or `error`.
    status: &'static str,
    /// Calls.
    calls: u64,
    /// Calls that the client's cache answered.
    cache_hits: u64,
    /// Calls that it did not.
    cache_misses: u64,
    /// Sum of the retries.
    retries: u64,
    /// Calls that said how often they retried.
    retry_events: u64,
    /// Sum of the response times.
    time_sum_ms: u64,
    /// Calls that said how long they took.
    time_count: u64,
    /// Shortest.
    time_min_ms: Option<u64>,
    /// Longest.
    time_max_ms: Option<u64>,
    /// Percentiles of the response times.
    #[serde(flatten)]
    percentiles: Percentiles,
}

/// Answers about the buckets of `page`, which is a stretch of the question's window.
///
/// # Errors
/// When the store cannot be read.
pub async fn export(asked: &Asked<'_>, page: &Window, by: By) -> Result<Export, StoreError> {
    let cells = asked.series_of_tools(page, by.axis(), Detail::Times).await?;
    let mut rows = BTreeMap::<(Hour, &str, &str, Status), Measures>::new();
    for cell in &cells {
        let key =
            (page.grain.floor(cell.bucket), cell.tool.as_str(), cell.value.as_str(), cell.status);
        rows.entry(key).or_default().merge(&cell.measures);
    }
    let rows = rows.into_iter().map(|((bucket, tool, value, status), measures)| Row {
        timestamp: iso(bucket),
        partial: page.is_partial(bucket),
        tool: tool.to_owned(),
        value: value.to_owned(),
        status: status.as_str(),
        calls: measures.calls,
        cache_hits: measures.cache_hits,
        cache_misses: measures.cache_misses,
        retries: measures.retries,
        retry_events: measures.retry_events,
        time_sum_ms: measures.time_sum,
        time_count: measures.time_count,
        time_min_ms: measures.time_min,
        time_max_ms: measures.time_max,
        percentiles: Percentiles::of(&measures),
    });
    Ok(Export {
        period: asked.window.period.clone(),
        grain: asked.window.grain,
        data_as_of: data_as_of(&asked.extent),
        by,
        percentile_error_bound: PERCENTILE_ERROR,
        rows: rows.collect(),
    })
}
