//! The one grammar of periods, for the API and the pages.
//!
//! Ranges are half-open, in UTC, and end with the current, partial hour: events that are stamped
//! ahead of the clock appear when their hour comes.

use std::fmt;

use stages::{Day, Hour};

use super::grain::{Grain, months_later};
use crate::store::read::Range;

/// The query parameters of every statistic.
pub const PARAMETERS: [&str; 3] = ["period", "from", "to"];

const GRAMMAR: &str = "one of <n>h (1 to 720 hours), <n>d (1 to 365 dates, ending today), <n>mo \
                       (1 to 24 months, ending with the current one) or all";
const MOMENT: &str =
    "a date such as 2026-08-20 or a whole hour such as 2026-08-20T14:00:00Z; the end is exclusive";

const MAX_HOURS: u32 = 720;
const MAX_DAYS: u32 = 365;
const MAX_MONTHS: u32 = 24;
/// Longest range between `from` and `to`, in hours: ten years. Bounds the buckets of a series.
const MAX_RANGE: i64 = 3_653 * 24;
/// Longest range that is shown by hours.
const HOURLY_UP_TO: i64 = 72;
/// Longest range that is shown by days, in hours.
const DAILY_UP_TO: i64 = 400 * 24;

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

/// A period at a moment: the hours it covers, and how they are divided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Window {
    /// The period, normalised, as answers show it.
    pub period: String,
    /// The hours.
    pub range: Range,
    /// The buckets of a series over them.
    pub grain: Grain,
    /// The current hour, which is not over.
    pub now: Hour,
}

/// Why a query is refused. Says what would be right, and never repeats what was sent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadQuery {
    /// A parameter that does not exist.
    #[error("there is an unknown query parameter{} Known are `period`, `from` and `to`", did_you_mean(.nearest))]
    Unknown {
        /// The parameter that was probably meant.
        nearest: Option<&'static str>,
    },
    /// A parameter that was sent twice.
    #[error("query parameter `{0}` may be given once")]
    Repeated(&'static str),
    /// `period` beside `from` or `to`.
    #[error("`period` excludes `from` and `to`: give either a period or its ends")]
    Both,
    /// `to` without `from`.
    #[error("`to` needs `from`: where the range begins, {MOMENT}")]
    NoStart,
    /// `period` outside the grammar.
    #[error("`period` must be {GRAMMAR}; or give `from` and `to` instead")]
    Period,
    /// `from` or `to` outside the grammar.
    #[error("`{0}` must be {MOMENT}")]
    Moment(&'static str),
    /// Nothing lies between the ends, or nothing that has happened.
    #[error("`from` must lie before `to`, and not in the future")]
    Empty,
    /// Too far apart.
    #[error("`from` and `to` may lie 3653 days apart at most; `period=all` gives everything")]
    TooLong,
    /// An hour that is only known as part of its day.
    #[error("`{0}` must be a date when it lies more than 720 hours back: older hours are not kept")]
    HourGone(&'static str),
}

fn did_you_mean(nearest: &Option<&'static str>) -> String {
    nearest.map_or_else(|| ".".to_owned(), |name| format!(": did you mean `{name}`?"))
}

impl Period {
    /// What is shown when nothing is asked for.
    pub const DEFAULT: Self = Self::Days(30);

    /// Reads the query parameters of a request.
    ///
    /// # Errors
    /// [`BadQuery`] for anything outside the grammar: unknown, repeated, empty, contradictory.
    pub fn parse(query: &[(&str, &str)], now: Hour) -> Result<Self, BadQuery> {
        if let Some((name, _)) = query.iter().find(|(name, _)| !PARAMETERS.contains(name)) {
            return Err(BadQuery::Unknown { nearest: nearest(name) });
        }
        let [period, from, to] = PARAMETERS.map(|name| single(query, name));
        match (period?, from?, to?) {
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
    pub fn window(self, now: Hour, oldest: Option<Hour>) -> Window {
        let today = now.day();
        let from = match self {
            Self::Hours(n) => now.plus(1 - i64::from(n)),
            Self::Days(n) => today.plus(1 - i64::from(n)).start(),
            Self::Months(n) => months_later(now, 1 - n.cast_signed()),
            Self::All => oldest.map_or(today, Hour::day).min(today).start(),
            Self::Between(range) => range.from,
        };
        let to = if let Self::Between(range) = self { range.to } else { now.plus(1) };
        let hours = to.epoch_hours() - from.epoch_hours();
        let grain = if hours <= HOURLY_UP_TO && hours_are_kept(from, now) {
            Grain::Hour
        } else if hours <= DAILY_UP_TO {
            Grain::Day
        } else {
            Grain::Month
        };
        Window { period: self.to_string(), range: Range { from, to }, grain, now }
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

fn single<'q>(query: &[(&str, &'q str)], name: &'static str) -> Result<Option<&'q str>, BadQuery> {
    let mut values = query.iter().filter(|(key, _)| *key == name).map(|(_, value)| *value);
    match (values.next(), values.next()) {
        (value, None) => Ok(value),
        _ => Err(BadQuery::Repeated(name)),
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
fn hours_are_kept(at: Hour, now: Hour) -> bool {
    at >= now.plus(1 - i64::from(MAX_HOURS))
}

fn nearest(name: &str) -> Option<&'static str> {
    // Names are short; what is longer than any misspelling of them is not worth comparing.
    let short = name.len() <= 16;
    PARAMETERS.into_iter().find(|known| {
        let far = known.len().min(3);
        short && strsim::damerau_levenshtein(&name.to_ascii_lowercase(), known) < far
    })
}

#[cfg(test)]
mod tests;
