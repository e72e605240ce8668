//! `/v1/stats/histogram`: how many calls took how long.

use schemars::JsonSchema;
use serde::Serialize;
use stages::ports::StoreError;
use stages::rollup::{Axis, Measures};

use super::{Coverage, data_as_of};
use crate::stats::Grain;
use crate::stats::asked::{Asked, sum};
use crate::stats::tally::share;
use crate::store::read::Detail;

/// The ends of the ranges in milliseconds: those of OpenTelemetry's metrics of MCP servers
/// (`mcp.server.operation.duration`), as far as times are told apart.
pub const ENDS: [u64; 13] =
    [10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000, 30_000, 60_000, 120_000];

/// Calls by response time.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Histogram {
    /// The period, normalised.
    period: String,
    /// Width of the period's buckets.
    grain: Grain,
    /// Hour in which the newest event was received.
    data_as_of: Option<String>,
    /// How much is known.
    coverage: Coverage,
    /// From fast to slow.
    pub ranges: Vec<Slot>,
}

/// A range of response times.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[schemars(rename = "HistogramRange")]
pub struct Slot {
    /// The longest time of the range, in milliseconds. It begins after the end of the one before. A
    /// time within 1% of an end may stand on its other side; longer times are not told apart.
    up_to_ms: u64,
    /// Calls.
    calls: u64,
    /// 0..=1, of the calls that said how long they took.
    share: f64,
}

/// Calls that took up to each of [`ENDS`], and longer than the end before.
pub fn counts(measures: &Measures) -> [u64; ENDS.len()] {
    let mut counts = [0; ENDS.len()];
    for (low, _, count) in measures.times.buckets() {
        let at = ENDS.iter().position(|end| low <= *end).unwrap_or(ENDS.len() - 1);
        counts[at] += count;
    }
    counts
}

/// Answers.
///
/// # Errors
/// When the store cannot be read.
pub async fn histogram(asked: &Asked<'_>) -> Result<Histogram, StoreError> {
    let total = sum(&asked.cells(Axis::Tool, Detail::Times).await?);
    let counts = counts(&total.measures);
    let timed = counts.iter().sum();
    let slots = ENDS.into_iter().zip(counts);
    Ok(Histogram {
        period: asked.window.period.clone(),
        grain: asked.window.grain,
        data_as_of: data_as_of(&asked.extent),
        coverage: Coverage::times(&total),
        ranges: slots
            .map(|(up_to_ms, calls)| Slot { up_to_ms, calls, share: share(calls, timed) })
            .collect(),
    })
}
