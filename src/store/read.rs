//! The questions that pages and stats ask. All are answered from rollups, never from raw rows.

mod calls;
mod extent;
mod failures;
mod plan;
mod sessions;
mod split;
mod steps;
mod values;

pub(super) use calls::{cells_within, measures};
pub use extent::Extent;
pub(super) use plan::released;
use stages::rollup::{Axis, Measures};
use stages::{Hour, Level, Status};
pub(super) use steps::held;

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

/// Which calls are asked for: those that have every value that is given.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    /// Tool.
    pub tool: Option<String>,
    /// Version of the client.
    pub version: Option<String>,
    /// Country.
    pub country: Option<String>,
    /// Upstream service.
    pub service: Option<String>,
    /// Level.
    pub level: Option<Level>,
    /// Status.
    pub status: Option<Status>,
}

impl Filter {
    /// All calls.
    pub const NONE: Self =
        Self { tool: None, version: None, country: None, service: None, level: None, status: None };

    /// The value asked for on an axis that is a dimension of its own in margins.
    pub fn on(&self, axis: Axis) -> Option<&str> {
        match axis {
            Axis::Tool | Axis::ErrorType => None,
            Axis::Version => self.version.as_deref(),
            Axis::Level => self.level.map(Level::as_str),
            Axis::Service => self.service.as_deref(),
            Axis::Country => self.country.as_deref(),
        }
    }

    /// The axes on which a value is asked for.
    pub fn axes(&self) -> impl Iterator<Item = Axis> {
        Axis::OF_ALL_CALLS.into_iter().filter(|axis| self.on(*axis).is_some())
    }
}

/// How much is read of each cell. What is not read is zero or empty.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Detail {
    /// How many calls.
    Calls,
    /// Every sum, without the distribution of response times and its bounds.
    Sums,
    /// Everything. Costs a row for each stored cell, where the others are added up by the database.
    Times,
}

/// A question: calls in a range, told apart by status, and by what `grain`, `axis` and `by_tool` add.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// When.
    pub range: Range,
    /// By bucket; `None` for the range as a whole.
    pub grain: Option<Grain>,
    /// By value on this axis; [`Axis::Tool`] adds nothing.
    pub axis: Axis,
    /// By tool. Costs as many times more rows as there are tools.
    pub by_tool: bool,
    /// Which calls.
    pub filter: Filter,
    /// How much of them.
    pub detail: Detail,
}

/// Calls of one bucket, tool, value and status.
#[derive(Debug, Clone, PartialEq)]
pub struct Cell {
    /// First hour of the bucket; that of the range when the question is not by bucket.
    pub bucket: Hour,
    /// Tool; empty when the question is not by tool.
    pub tool: String,
    /// Value on the axis; empty for [`Axis::Tool`] and where events carried none.
    pub value: String,
    /// Status.
    pub status: Status,
    /// What is known of the calls.
    pub measures: Measures,
}

/// When errors of one version and type were seen in a range.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sighting {
    /// Version of the client.
    pub version: String,
    /// Error type.
    pub error_type: String,
    /// First hour in the range in which it was seen.
    pub first: Hour,
    /// Last hour in the range in which it was seen.
    pub last: Hour,
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
}
