//! What is counted: dimensions, measures, and the cells that one transaction adds to.
//!
//! Separate from the `aggregate` stage because the store writes cells and the read side merges them.

use compact_str::CompactString;

use crate::hour::{Day, Hour};
use crate::scanned::{Level, Scanned, Status};
use crate::sessions::Sessions;
use crate::sketch::Sketch;

/// The dimensions of a base cell. A dimension that the event does not carry is empty.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Dims {
    /// Tool.
    pub tool: CompactString,
    /// Version of the client.
    pub version: CompactString,
    /// Level.
    pub level: Level,
    /// Status.
    pub status: Status,
    /// Upstream service, or empty.
    pub service: CompactString,
    /// Country, or empty.
    pub country: CompactString,
}

impl Dims {
    /// The dimensions of an event.
    pub fn of(event: &Scanned) -> Self {
        Self {
            tool: event.tool().into(),
            version: event.version().into(),
            level: event.level(),
            status: event.status(),
            service: event.service().unwrap_or_default().into(),
            country: event.country().unwrap_or_default().into(),
        }
    }
}

/// The second dimension of a marginal cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Axis {
    /// None: by tool alone.
    Tool,
    /// By version.
    Version,
    /// By level.
    Level,
    /// By service.
    Service,
    /// By country.
    Country,
    /// By error type: failed calls that named one.
    ErrorType,
}

impl Axis {
    /// Every axis.
    pub const ALL: [Self; 6] =
        [Self::Tool, Self::Version, Self::Level, Self::Service, Self::Country, Self::ErrorType];
    /// The axes on which every call has a place.
    pub const OF_ALL_CALLS: [Self; 5] =
        [Self::Tool, Self::Version, Self::Level, Self::Service, Self::Country];

    /// The axis as stored.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Tool => "tool",
            Self::Version => "version",
            Self::Level => "level",
            Self::Service => "service",
            Self::Country => "country",
            Self::ErrorType => "error_type",
        }
    }

    /// The value of `dims` on this axis; empty for [`Axis::Tool`], and for [`Axis::ErrorType`],
    /// which is no dimension of base cells.
    pub fn value(self, dims: &Dims) -> CompactString {
        match self {
            Self::Tool | Self::ErrorType => CompactString::default(),
            Self::Version => dims.version.clone(),
            Self::Level => dims.level.as_str().into(),
            Self::Service => dims.service.clone(),
            Self::Country => dims.country.clone(),
        }
    }
}

/// A marginal cell: a tool, one other dimension, and the status.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Margin {
    /// Which other dimension.
    pub axis: Axis,
    /// Tool.
    pub tool: CompactString,
    /// Value of the other dimension.
    pub value: CompactString,
    /// Status.
    pub status: Status,
}

impl Margin {
    /// The cells of a call: one an axis, if it has a place there.
    pub fn of(event: &Scanned) -> impl Iterator<Item = Self> {
        let dims = Dims::of(event);
        let failure = (event.status() == Status::Error).then(|| event.error_type()).flatten();
        let failure = failure.map(|error_type| Self {
            axis: Axis::ErrorType,
            tool: dims.tool.clone(),
            value: error_type.into(),
            status: dims.status,
        });
        let calls = Axis::OF_ALL_CALLS.map(|axis| Self {
            axis,
            tool: dims.tool.clone(),
            value: axis.value(&dims),
            status: dims.status,
        });
        calls.into_iter().chain(failure)
    }
}

/// What is known of a set of calls. Merging two is exact.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Measures {
    /// Calls.
    pub calls: u64,
    /// Queue entries that contributed, which bounds from above how few clients did.
    pub batches: u64,
    /// Calls answered from the client's cache.
    pub cache_hits: u64,
    /// Calls that missed the client's cache.
    pub cache_misses: u64,
    /// Sum of the retries.
    pub retries: u64,
    /// Calls that said how often they retried.
    pub retry_events: u64,
    /// Sum of the response times, in milliseconds.
    pub time_sum: u64,
    /// Calls that carried a response time.
    pub time_count: u64,
    /// Shortest response time, in milliseconds.
    pub time_min: Option<u64>,
    /// Longest response time, in milliseconds.
    pub time_max: Option<u64>,
    /// Distribution of the response times.
    pub times: Sketch,
}

impl Measures {
    /// Adds one call. `batches` is the caller's to count.
    pub fn add(&mut self, event: &Scanned) {
        self.calls += 1;
        match event.cache_hit() {
            Some(true) => self.cache_hits += 1,
            Some(false) => self.cache_misses += 1,
            None => {}
        }
        if let Some(retries) = event.retry_count().and_then(|n| u64::try_from(n).ok()) {
            self.retries += retries;
            self.retry_events += 1;
        }
        if let Some(ms) = event.response_time_ms().and_then(|n| u64::try_from(n).ok()) {
            self.time_sum += ms;
            self.time_count += 1;
            self.time_min = Some(self.time_min.map_or(ms, |min| min.min(ms)));
            self.time_max = Some(self.time_max.map_or(ms, |max| max.max(ms)));
            self.times.record(ms);
        }
    }

    /// Adds the calls of another cell.
    pub fn merge(&mut self, other: &Self) {
        self.calls += other.calls;
        self.batches += other.batches;
        self.cache_hits += other.cache_hits;
        self.cache_misses += other.cache_misses;
        self.retries += other.retries;
        self.retry_events += other.retry_events;
        self.time_sum += other.time_sum;
        self.time_count += other.time_count;
        self.time_min = [self.time_min, other.time_min].into_iter().flatten().min();
        self.time_max = self.time_max.max(other.time_max);
        self.times.merge(&other.times);
    }

    /// Mean response time in milliseconds; `None` when no call carried one.
    pub fn mean(&self) -> Option<f64> {
        (self.time_count > 0).then(|| self.time_sum as f64 / self.time_count as f64)
    }

    /// Response time at a quantile (0..=1) in milliseconds, at most 1 % off, within the observed
    /// bounds; `None` when no call carried one.
    pub fn quantile(&self, q: f64) -> Option<u64> {
        let (min, max) = (self.time_min?, self.time_max?);
        self.times.quantile(q).map(|ms| ms.clamp(min, max))
    }
}

/// A row of the error summary.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ErrorKey {
    /// Hour of the calls.
    pub hour: Hour,
    /// Tool.
    pub tool: CompactString,
    /// Version of the client.
    pub version: CompactString,
    /// Error type.
    pub error_type: CompactString,
}

/// Everything that one transaction adds, each list in key order so that concurrent workers lock
/// rows in the same order.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Rollups {
    /// Base cells by hour.
    pub hours: Vec<((Hour, Dims), Measures)>,
    /// Base cells by day.
    pub days: Vec<((Day, Dims), Measures)>,
    /// Marginal cells by hour.
    pub hour_margins: Vec<((Hour, Margin), Measures)>,
    /// Marginal cells by day.
    pub day_margins: Vec<((Day, Margin), Measures)>,
    /// Error summary.
    pub errors: Vec<(ErrorKey, u64)>,
    /// Sessions by day, of the calls that named one.
    pub sessions: Vec<(Day, Sessions)>,
}
