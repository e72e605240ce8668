//! How many different values of a dimension a day may bring.
//!
//! Clients choose versions, error types and countries themselves, so whoever wants to can make any
//! number of them, and every one is a key of rollups that are kept for years. What comes beyond the
//! budget of its day is stored and counted as [`OTHER`]: the calls stay, only their name goes. Tools
//! and services need no budget, because validation lets listed names pass and calls all others
//! [`OTHER`] already.

use compact_str::CompactString;

use crate::hour::Day;
use crate::scanned::{Scanned, Status};

/// What a value beyond the budget becomes.
pub const OTHER: &str = "other";

/// A dimension whose values clients choose.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum OpenDimension {
    /// Country.
    Country,
    /// Error type.
    ErrorType,
    /// Version of the client.
    Version,
}

impl OpenDimension {
    /// Every one.
    pub const ALL: [Self; 3] = [Self::Country, Self::ErrorType, Self::Version];

    /// The dimension as stored.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Country => "country",
            Self::ErrorType => "error_type",
            Self::Version => "version",
        }
    }

    /// Reads what [`OpenDimension::as_str`] gives.
    pub fn read(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|dimension| dimension.as_str() == text)
    }

    /// The value of an event, when it has one that needs a budget.
    pub fn value(self, event: &Scanned) -> Option<&str> {
        let value = match self {
            Self::Country => event.country(),
            // That of a call that did not fail is no part of any rollup.
            Self::ErrorType => event.error_type().filter(|_| event.status() == Status::Error),
            Self::Version => Some(event.version()),
        };
        value.filter(|value| *value != OTHER)
    }
}

/// A value that a dimension had on a day.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DimensionValue {
    /// The UTC date of the events.
    pub day: Day,
    /// The dimension.
    pub dimension: OpenDimension,
    /// The value.
    pub value: CompactString,
}

/// How many values of each dimension a day may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budgets {
    /// Countries.
    pub country: usize,
    /// Error types.
    pub error_type: usize,
    /// Versions.
    pub version: usize,
}

impl Budgets {
    /// The budget of a dimension.
    pub const fn of(&self, dimension: OpenDimension) -> usize {
        match dimension {
            OpenDimension::Country => self.country,
            OpenDimension::ErrorType => self.error_type,
            OpenDimension::Version => self.version,
        }
    }
}
