//! Windows: a question's hours at a moment, their division into buckets, and the hours that they are
//! compared with.
//!
//! Separate from the grammar because the same words mean other hours an hour later.

use stages::Hour;

use super::grain::{Grain, date, months_later};
use super::period::{Period, hours_are_kept};
use super::query::{BadQuery, Compare};
use crate::store::read::Range;

/// Longest range that is shown by hours.
const HOURLY_UP_TO: i64 = 72;
/// Longest range that is shown by days, in hours.
const DAILY_UP_TO: i64 = 400 * 24;
const MONTHS_PER_YEAR: i32 = 12;
/// Hours for which events are accepted after they happened: what lies further back stays as it is.
const ACCEPTANCE_HOURS: i64 = 72;

/// The hours that a question covers, and how they are divided.
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
    asked: Period,
}

impl Window {
    /// A period at a moment, in buckets of `group` or of what suits its length. `oldest` is where
    /// everything begins.
    ///
    /// # Errors
    /// When hours are asked for that are no longer told apart.
    pub fn new(
        period: Period,
        group: Option<Grain>,
        now: Hour,
        oldest: Option<Hour>,
    ) -> Result<Self, BadQuery> {
        let range = period.range(now, oldest);
        let hours = range.to.epoch_hours() - range.from.epoch_hours();
        let grain = match group {
            Some(Grain::Hour) if !hours_are_kept(range.from, now) => {
                return Err(BadQuery::HoursGone);
            }
            Some(group) => group,
            None if hours <= HOURLY_UP_TO && hours_are_kept(range.from, now) => Grain::Hour,
            None if hours <= DAILY_UP_TO => Grain::Day,
            None => Grain::Month,
        };
        Ok(Self { period: period.to_string(), range, grain, now, asked: period })
    }

    /// The same hours in other buckets.
    pub fn by(&self, grain: Grain) -> Self {
        Self { grain, ..self.clone() }
    }

    /// The buckets, in order, each with its first hour and whether the window covers it in part only.
    pub fn buckets(&self) -> impl Iterator<Item = (Hour, bool)> {
        self.grain.buckets(self.range).map(|bucket| (bucket, self.is_partial(bucket)))
    }

    /// Whether the window covers a bucket in part only, or the bucket is not over.
    pub fn is_partial(&self, bucket: Hour) -> bool {
        let end = self.grain.next(bucket);
        bucket < self.range.from || end > self.range.to || end > self.now
    }

    /// Whether no event can change these hours any more.
    pub fn is_settled(&self) -> bool {
        self.range.to <= self.now.plus(-ACCEPTANCE_HOURS)
    }

    /// At most `count` buckets, from the one that begins at `from` on, and where the next one begins
    /// that is left out.
    pub fn stretch(&self, from: Option<Hour>, count: usize) -> (Self, Option<Hour>) {
        let from = from.unwrap_or(self.range.from).clamp(self.range.from, self.range.to);
        let rest = Range { from, to: self.range.to };
        let next = self.grain.buckets(rest).nth(count);
        let range = Range { from, to: next.unwrap_or(self.range.to) };
        (Self { range, ..self.clone() }, next)
    }

    /// The same hours, earlier. Where single hours are no longer told apart, the range is widened to
    /// whole days, which its ends tell.
    ///
    /// # Errors
    /// When nothing lies before everything.
    pub fn compared(&self, with: Compare) -> Result<Self, BadQuery> {
        let Range { from, to } = self.range;
        let length = to.epoch_hours() - from.epoch_hours();
        let earlier = match (with, self.asked) {
            (_, Period::All) => return Err(BadQuery::NothingBefore),
            (Compare::Year, _) => a_year_before(from),
            (Compare::Previous, Period::Hours(n)) => from.plus(-i64::from(n)),
            (Compare::Previous, Period::Days(n)) => from.plus(-24 * i64::from(n)),
            (Compare::Previous, Period::Months(n)) => months_later(from, -n.cast_signed()),
            (Compare::Previous, Period::Between(_)) => from.plus(-length),
        };
        let mut range = Range { from: earlier, to: earlier.plus(length).min(from) };
        let mut grain = self.grain;
        if !hours_are_kept(range.from, self.now) {
            range.from = range.from.day().start();
            grain = if grain == Grain::Hour { Grain::Day } else { grain };
        }
        if !hours_are_kept(range.to.day().start(), self.now) && range.to != range.to.day().start() {
            let next_day = range.to.day().plus(1).start();
            range.to = if next_day <= from { next_day } else { range.to.day().start() };
        }
        let period = Period::Between(range);
        Ok(Self { period: period.to_string(), range, grain, now: self.now, asked: period })
    }
}

/// The same date and hour of the year before; the last of February for a leap day.
fn a_year_before(hour: Hour) -> Hour {
    let within = hour.epoch_hours() - months_later(hour, 0).epoch_hours();
    let earlier = months_later(hour, -MONTHS_PER_YEAR).plus(within);
    if date(earlier).month() == date(hour).month() { earlier } else { earlier.plus(-24) }
}

#[cfg(test)]
mod tests;
