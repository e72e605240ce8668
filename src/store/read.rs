//! The questions that pages and stats ask. All are answered from rollups, never from raw rows.

mod margins;
mod split;
mod summary;

pub(super) use margins::measures;
use stages::rollup::Measures;
use stages::{Hour, Status};

/// A half-open range of UTC hours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Range {
    /// First hour.
    pub from: Hour,
    /// First hour after the range.
    pub to: Hour,
}

/// Width of a bucket in a series.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Grain {
    /// UTC hours.
    Hour,
    /// UTC dates.
    Day,
}

/// Sum over a range for one tool, one value of an axis, and one status.
#[derive(Debug, Clone, PartialEq)]
pub struct AxisCell {
    /// Tool.
    pub tool: String,
    /// Value on the axis; empty for [`stages::rollup::Axis::Tool`] and where events carried none.
    pub value: String,
    /// Status.
    pub status: Status,
    /// What is known of the calls.
    pub measures: Measures,
}

/// Sum over one bucket for one tool and one status.
#[derive(Debug, Clone, PartialEq)]
pub struct SeriesCell {
    /// First hour of the bucket.
    pub bucket: Hour,
    /// Tool.
    pub tool: String,
    /// Status.
    pub status: Status,
    /// What is known of the calls.
    pub measures: Measures,
}

/// Errors of one tool, version and type in a range.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ErrorCell {
    /// Tool.
    pub tool: String,
    /// Version of the client.
    pub version: String,
    /// Error type.
    pub error_type: String,
    /// Calls.
    pub count: u64,
    /// First hour in the range in which it was seen.
    pub first: Hour,
    /// Last hour in the range in which it was seen.
    pub last: Hour,
}

/// Sum over one bucket for one value of an axis and one status, over all tools asked for.
#[derive(Debug, Clone, PartialEq)]
pub struct AxisSeriesCell {
    /// First hour of the bucket.
    pub bucket: Hour,
    /// Value on the axis; empty where events carried none.
    pub value: String,
    /// Status.
    pub status: Status,
    /// What is known of the calls.
    pub measures: Measures,
}
