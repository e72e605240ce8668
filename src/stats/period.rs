//! Periods: the part of the grammar that says which hours are asked for.
//!
//! Ranges are half-open, in UTC, and end with the current, partial hour: events that are stamped
//! ahead of the clock appear when their hour comes.

use std::fmt;

use stages::{Day, Hour};

use super::grain::months_later;
use super::query::BadQuery;
use crate::store::read::Range;

pub(super) const GRAMMAR: &str = "one of <n>h (1 to 720 hours), <n>d (1 to 365 dates, ending today), <n>mo \
     (1 to 24 months, ending with the current one) or all";
pub(super) const MOMENT: &str =
    "a date such as 2026-08-20 or a whole hour such as 2026-08-20T14:00:00Z; the end is exclusive";

/// Hours that are told apart; further back there are only dates.
pub const MAX_HOURS: u32 = 720;
const MAX_DAYS: u32 = 365;
const MAX_MONTHS: u32 = 24;
/// Longest range between `from` and `to`, in hours: ten years. Bounds the buckets of a series.
const MAX_RANGE: i64 = 3_653 * 24;

/// A period, as asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Period {
    /// UTC hours, ending with the current one.
    Hours(u32),
    /// UTC dates, ending today.
    Days(u32),
    /// Calendar months, ending with the current one.
    Months(u32),
    /// Everything that is kept.
    All,
    /// From one hour to another, exclusive.
    Between(Range),
}

impl Period {
    /// What is shown when nothing is asked for.
    pub const DEFAULT: Self = Self::Days(30);

    /// Reads the parameters `period`, `from` and `to`.
    ///
    /// # Errors
    /// [`BadQuery`] for anything outside the grammar.
    pub fn read(
        period: Option<&str>,
        from: Option<&str>,
        to: Option<&str>,
        now: Hour,
    ) -> Result<Self, BadQuery> {
        match (period, from, to) {
            (None, None, None) => Ok(Self::DEFAULT),
            (Some(period), None, None) => Self::named(period).ok_or(BadQuery::Period),
            (None, Some(from), to) => Self::between(from, to, now),
            (None, None, Some(_)) => Err(BadQuery::NoStart),
            (Some(_), ..) => Err(BadQuery::Both),
        }
    }

    fn named(text: &str) -> Option<Self> {
        if text == "all" {
            return Some(Self::All);
        }
        let unit = text.find(|c: char| !c.is_ascii_digit())?;
        let (digits, unit) = text.split_at(unit);
        let count = |max| digits.parse().ok().filter(|n| (1..=max).contains(n));
        match unit {
            "h" => count(MAX_HOURS).map(Self::Hours),
            "d" => count(MAX_DAYS).map(Self::Days),
            "mo" => count(MAX_MONTHS).map(Self::Months),
            _ => None,
        }
    }

    fn between(from: &str, to: Option<&str>, now: Hour) -> Result<Self, BadQuery> {
        let from = moment(from, "from", now)?;
        let to = to.map_or(Ok(now.plus(1)), |to| moment(to, "to", now))?.min(now.plus(1));
        if from >= to {
            return Err(BadQuery::Empty);
        }
        if to.epoch_hours() - from.epoch_hours() > MAX_RANGE {
            return Err(BadQuery::TooLong);
        }
        Ok(Self::Between(Range { from, to }))
    }

    /// The hours that the period covers at a moment. `oldest` is where [`Period::All`] begins.
    pub fn range(self, now: Hour, oldest: Option<Hour>) -> Range {
        let today = now.day();
        let from = match self {
            Self::Hours(n) => now.plus(1 - i64::from(n)),
            Self::Days(n) => today.plus(1 - i64::from(n)).start(),
            Self::Months(n) => months_later(now, 1 - n.cast_signed()),
            Self::All => oldest.map_or(today, Hour::day).min(today).start(),
            Self::Between(range) => return range,
        };
        Range { from, to: now.plus(1) }
    }

    /// The query that asks for the period.
    pub fn query(self) -> String {
        match self {
            Self::Between(range) => format!("from={}&to={}", range.from, range.to),
            named => format!("period={named}"),
        }
    }
}

impl fmt::Display for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Hours(n) => write!(f, "{n}h"),
            Self::Days(n) => write!(f, "{n}d"),
            Self::Months(n) => write!(f, "{n}mo"),
            Self::All => f.write_str("all"),
            // The form of an interval in ISO 8601.
            Self::Between(range) => write!(f, "{}/{}", range.from, range.to),
        }
    }
}

fn moment(text: &str, name: &'static str, now: Hour) -> Result<Hour, BadQuery> {
    let at = Day::parse(text).map(Day::start).or_else(|| Hour::parse(text));
    let at = at.ok_or(BadQuery::Moment(name))?;
    let whole_day = at == at.day().start();
    if !whole_day && !hours_are_kept(at, now) {
        return Err(BadQuery::HourGone(name));
    }
    Ok(at)
}

/// Whether single hours are still known; further back there are only dates.
pub fn hours_are_kept(at: Hour, now: Hour) -> bool {
    at >= now.plus(1 - i64::from(MAX_HOURS))
}

#[cfg(test)]
mod tests;
