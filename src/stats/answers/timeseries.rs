//! `/v1/stats/timeseries`: any measure by any dimension, over time.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;
use stages::Hour;
use stages::ports::StoreError;
use stages::rollup::{Axis, Measures};

use super::{Coverage, PERCENTILE_ERROR, data_as_of, iso};
use crate::stats::asked::{Asked, sum};
use crate::stats::query::Compare;
use crate::stats::tally::{Tally, share};
use crate::stats::{Grain, Window};
use crate::store::read::{Cell, Detail};

/// What is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Measure {
    /// Calls.
    Calls,
    /// Calls that failed.
    Failures,
    /// 0..=1, of all calls.
    SuccessRate,
    /// Mean response time, in milliseconds.
    AvgResponseTimeMs,
    /// Median response time, in milliseconds.
    P50Ms,
    /// 95th percentile of response times, in milliseconds.
    P95Ms,
    /// 99th percentile of response times, in milliseconds.
    P99Ms,
    /// 0..=1, of the calls that said.
    CacheHitRate,
    /// Mean number of retries, of the calls that said.
    AvgRetries,
}

impl Measure {
    /// Every measure.
    pub const ALL: [Self; 9] = [
        Self::Calls,
        Self::Failures,
        Self::SuccessRate,
        Self::AvgResponseTimeMs,
        Self::P50Ms,
        Self::P95Ms,
        Self::P99Ms,
        Self::CacheHitRate,
        Self::AvgRetries,
    ];

    /// The measure as it is written.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Calls => "calls",
            Self::Failures => "failures",
            Self::SuccessRate => "success_rate",
            Self::AvgResponseTimeMs => "avg_response_time_ms",
            Self::P50Ms => "p50_ms",
            Self::P95Ms => "p95_ms",
            Self::P99Ms => "p99_ms",
            Self::CacheHitRate => "cache_hit_rate",
            Self::AvgRetries => "avg_retries",
        }
    }

    const fn detail(self) -> Detail {
        match self {
            Self::Calls | Self::Failures | Self::SuccessRate => Detail::Calls,
            Self::AvgResponseTimeMs | Self::CacheHitRate | Self::AvgRetries => Detail::Sums,
            Self::P50Ms | Self::P95Ms | Self::P99Ms => Detail::Times,
        }
    }

    /// Calls that carried what is measured.
    fn carried(self, tally: &Tally) -> u64 {
        match self.detail() {
            Detail::Calls => tally.calls(),
            Detail::Times => tally.measures.time_count,
            Detail::Sums => match self {
                Self::CacheHitRate => tally.cache_lookups(),
                Self::AvgRetries => tally.measures.retry_events,
                _ => tally.measures.time_count,
            },
        }
    }

    /// The measure of a set of calls; `None` when none of them carried it. Counts are never `None`.
    fn of(self, tally: &Tally) -> Option<f64> {
        let Measures { retries, retry_events, .. } = tally.measures;
        let quantile = |q| tally.measures.quantile(q).map(|ms| ms as f64);
        match self {
            Self::Calls => Some(tally.calls() as f64),
            Self::Failures => Some(tally.failures() as f64),
            Self::SuccessRate => tally.known_success_rate(),
            Self::AvgResponseTimeMs => tally.measures.mean(),
            Self::P50Ms => quantile(0.5),
            Self::P95Ms => quantile(0.95),
            Self::P99Ms => quantile(0.99),
            Self::CacheHitRate => tally.known_hit_rate(),
            Self::AvgRetries => (retry_events > 0).then(|| share(retries, retry_events)),
        }
    }
}

/// By what calls are told apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum By {
    /// By nothing: all calls together.
    None,
    /// By tool.
    Tool,
    /// By version.
    Version,
    /// By country.
    Country,
    /// By service.
    Service,
    /// By level.
    Level,
    /// By status.
    Status,
}

impl By {
    /// Every dimension.
    pub const ALL: [Self; 7] = [
        Self::None,
        Self::Tool,
        Self::Version,
        Self::Country,
        Self::Service,
        Self::Level,
        Self::Status,
    ];

    /// The dimension as it is written.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Tool => "tool",
            Self::Version => "version",
            Self::Country => "country",
            Self::Service => "service",
            Self::Level => "level",
            Self::Status => "status",
        }
    }

    /// The axis that tells them apart, beside tool and status.
    pub const fn axis(self) -> Axis {
        match self {
            Self::None | Self::Tool | Self::Status => Axis::Tool,
            Self::Version => Axis::Version,
            Self::Country => Axis::Country,
            Self::Service => Axis::Service,
            Self::Level => Axis::Level,
        }
    }

    /// The value of a cell; `None` when its calls carried none.
    pub(super) fn value(self, cell: &Cell) -> Option<&str> {
        match self {
            Self::None => Some(ALL_CALLS),
            Self::Tool => Some(&cell.tool),
            Self::Status => Some(cell.status.as_str()),
            _ => Some(cell.value.as_str()).filter(|value| !value.is_empty()),
        }
    }
}

/// The value when calls are not told apart.
const ALL_CALLS: &str = "all";

/// A measure over time.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Timeseries {
    /// The period, normalised.
    period: String,
    /// Width of the buckets.
    grain: Grain,
    /// Hour in which the newest event was received.
    data_as_of: Option<String>,
    /// How much is known, of the buckets on this page.
    coverage: Coverage,
    /// What is measured.
    measure: Measure,
    /// By what calls are told apart.
    by: By,
    /// Most that a percentile is off, as a share of its true value; 0 for measures that are exact.
    error_bound: f64,
    /// In the order of time and value. When calls are not told apart, every bucket is there; else a
    /// bucket in which a value has no calls is absent.
    pub points: Vec<Point>,
    /// The same of the hours that are compared with.
    #[serde(skip_serializing_if = "Option::is_none")]
    comparison: Option<Earlier>,
}

/// A measure in a bucket.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Point {
    /// First hour of the bucket.
    timestamp: String,
    /// Whether the period covers the bucket in part only, or the bucket is not over.
    partial: bool,
    /// The value of the dimension; `all` when calls are not told apart.
    name: String,
    /// The measure; `null` when no call carried it.
    value: Option<f64>,
    /// With a percentile all of them: they come from the same counts, and are read together.
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    percentiles: Option<Percentiles>,
}

/// Response times of the same calls, in milliseconds.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
struct Percentiles {
    /// Where the measure is a percentile: the median; `null` when no call carried it.
    p50_ms: Option<u64>,
    /// The same: the 95th percentile.
    p95_ms: Option<u64>,
    /// The same: the 99th percentile.
    p99_ms: Option<u64>,
}

impl Percentiles {
    fn of(tally: &Tally) -> Self {
        let [p50_ms, p95_ms, p99_ms] = [0.5, 0.95, 0.99].map(|q| tally.measures.quantile(q));
        Self { p50_ms, p95_ms, p99_ms }
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[schemars(rename = "TimeseriesComparison")]
struct Earlier {
    /// Which hours these are.
    compare: Compare,
    /// Width of the buckets: days, where single hours are no longer kept.
    grain: Grain,
    /// First hour.
    start_date: String,
    /// First hour after them.
    end_date: String,
    /// As above.
    points: Vec<Point>,
}

/// Answers about the buckets of `page`, which is a stretch of the question's window.
///
/// # Errors
/// When the store cannot be read.
pub async fn timeseries(
    asked: &Asked<'_>,
    page: &Window,
    measure: Measure,
    by: By,
) -> Result<Timeseries, StoreError> {
    let before = async {
        match &asked.compared {
            Some(compared) => asked.series(compared, by.axis(), measure.detail()).await,
            None => Ok(Vec::new()),
        }
    };
    let (cells, before) =
        tokio::try_join!(asked.series(page, by.axis(), measure.detail()), before)?;
    let total = sum(&cells);
    let comparison = asked.query.compare.zip(asked.compared.as_ref());
    Ok(Timeseries {
        period: asked.window.period.clone(),
        grain: asked.window.grain,
        data_as_of: data_as_of(&asked.extent),
        coverage: Coverage {
            measure: Some(share(measure.carried(&total), total.calls())),
            dimension: Some(share(carried(by, &cells), total.calls())),
            ..Coverage::default()
        },
        measure,
        by,
        error_bound: if measure.detail() == Detail::Times { PERCENTILE_ERROR } else { 0.0 },
        points: points(page, measure, by, &cells),
        comparison: comparison.map(|(compare, window)| Earlier {
            compare,
            grain: window.grain,
            start_date: iso(window.range.from),
            end_date: iso(window.range.to),
            points: points(window, measure, by, &before),
        }),
    })
}

fn carried(by: By, cells: &[Cell]) -> u64 {
    cells.iter().filter(|cell| by.value(cell).is_some()).map(|cell| cell.measures.calls).sum()
}

fn points(window: &Window, measure: Measure, by: By, cells: &[Cell]) -> Vec<Point> {
    let mut tallies = BTreeMap::<(Hour, &str), Tally>::new();
    if by == By::None {
        tallies.extend(window.buckets().map(|(bucket, _)| ((bucket, ALL_CALLS), Tally::default())));
    }
    for cell in cells {
        let Some(value) = by.value(cell) else { continue };
        let key = (window.grain.floor(cell.bucket), value);
        tallies.entry(key).or_default().add(cell.status, &cell.measures);
    }
    let points = tallies.into_iter().map(|((bucket, name), tally)| Point {
        timestamp: iso(bucket),
        partial: window.is_partial(bucket),
        name: name.to_owned(),
        value: measure.of(&tally),
        percentiles: (measure.detail() == Detail::Times).then(|| Percentiles::of(&tally)),
    });
    points.collect()
}
