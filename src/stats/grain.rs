//! Buckets of a series, in UTC: where one begins, and which follows.
//!
//! Separate from the store's grain because the store knows hours and days only; weeks and months are
//! sums of its days.

use schemars::JsonSchema;
use serde::Serialize;
use stages::{Day, Hour};
use time::{Date, Month, OffsetDateTime};

use crate::store::read;

/// 1970-01-01 as a Julian day number.
const EPOCH_JULIAN_DAY: i64 = 2_440_588;

/// 1970-01-01 was a Thursday: so many days after a Monday.
const EPOCH_WEEKDAY: i64 = 3;
const DAYS_PER_WEEK: i64 = 7;

/// Width of a bucket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Grain {
    /// UTC hours.
    Hour,
    /// UTC dates.
    Day,
    /// Weeks of seven UTC dates that begin on Monday, as in ISO 8601.
    Week,
    /// Calendar months in UTC.
    Month,
}

impl Grain {
    /// Every grain, from fine to coarse.
    pub const ALL: [Self; 4] = [Self::Hour, Self::Day, Self::Week, Self::Month];

    /// The grain as it is written.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Hour => "hour",
            Self::Day => "day",
            Self::Week => "week",
            Self::Month => "month",
        }
    }

    /// The grain of the store whose cells add up to buckets of this one.
    pub fn stored(self) -> read::Grain {
        match self {
            Self::Hour => read::Grain::Hour,
            Self::Day | Self::Week | Self::Month => read::Grain::Day,
        }
    }

    /// The first hour of the bucket that holds `hour`.
    pub fn floor(self, hour: Hour) -> Hour {
        match self {
            Self::Hour => hour,
            Self::Day => hour.day().start(),
            Self::Week => monday(hour.day()).start(),
            Self::Month => first_of_month(date(hour)),
        }
    }

    /// The first hour of the bucket after the one that holds `hour`.
    pub fn next(self, hour: Hour) -> Hour {
        match self {
            Self::Hour => hour.plus(1),
            Self::Day => hour.day().plus(1).start(),
            Self::Week => monday(hour.day()).plus(DAYS_PER_WEEK).start(),
            Self::Month => months_later(hour, 1),
        }
    }

    /// The buckets that a range touches, in order.
    pub fn buckets(self, range: read::Range) -> impl Iterator<Item = Hour> {
        let first = Some(self.floor(range.from)).filter(|_| range.from < range.to);
        std::iter::successors(first, move |at| Some(self.next(*at)).filter(|at| *at < range.to))
    }
}

fn monday(day: Day) -> Day {
    day.plus(-(day.epoch_days() + EPOCH_WEEKDAY).rem_euclid(DAYS_PER_WEEK))
}

/// The UTC date of an hour.
pub fn date(hour: Hour) -> Date {
    // Outside the years -9999 to 9999 there is no date; no such hour passes the door.
    OffsetDateTime::from_unix_timestamp(hour.unix_seconds())
        .unwrap_or(OffsetDateTime::UNIX_EPOCH)
        .date()
}

/// The first hour of the month that is `months` after the month of `hour` (before, when negative).
pub fn months_later(hour: Hour, months: i32) -> Hour {
    let date = date(hour);
    let counted = date.year() * 12 + i32::from(u8::from(date.month())) - 1 + months;
    let (year, month) = (counted.div_euclid(12), counted.rem_euclid(12));
    let month = (0..month).fold(Month::January, |month, _| month.next());
    Date::from_calendar_date(year, month, 1).map_or(hour, first_of_month)
}

fn first_of_month(date: Date) -> Hour {
    let first = i64::from(date.to_julian_day()) - i64::from(date.day()) + 1;
    Day::from_epoch_days(first - EPOCH_JULIAN_DAY).start()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hour(text: &str) -> Hour {
        Hour::parse(text).unwrap()
    }

    #[test]
    fn buckets_begin_at_utc_boundaries() {
        for (grain, at, floor, next) in [
            (Grain::Hour, "2026-08-20T14:00:00Z", "2026-08-20T14:00:00Z", "2026-08-20T15:00:00Z"),
            (Grain::Day, "2026-12-31T23:00:00Z", "2026-12-31T00:00:00Z", "2027-01-01T00:00:00Z"),
            (Grain::Week, "2026-12-31T23:00:00Z", "2026-12-28T00:00:00Z", "2027-01-04T00:00:00Z"),
            (Grain::Week, "2026-12-28T00:00:00Z", "2026-12-28T00:00:00Z", "2027-01-04T00:00:00Z"),
            (Grain::Week, "1969-12-31T23:00:00Z", "1969-12-29T00:00:00Z", "1970-01-05T00:00:00Z"),
            (Grain::Month, "2026-12-31T23:00:00Z", "2026-12-01T00:00:00Z", "2027-01-01T00:00:00Z"),
            (Grain::Month, "2028-02-29T01:00:00Z", "2028-02-01T00:00:00Z", "2028-03-01T00:00:00Z"),
        ] {
            assert_eq!(grain.floor(hour(at)), hour(floor));
            assert_eq!(grain.next(hour(at)), hour(next));
        }
    }

    #[test]
    fn months_are_counted_across_years() {
        let at = hour("2026-03-31T12:00:00Z");
        for (months, want) in
            [(0, "2026-03-01"), (-2, "2026-01-01"), (-3, "2025-12-01"), (-27, "2023-12-01")]
        {
            assert_eq!(months_later(at, months).day().to_string(), want);
        }
    }

    #[test]
    fn a_range_touches_its_first_and_last_bucket_even_in_part() {
        let range =
            read::Range { from: hour("2026-08-18T15:00:00Z"), to: hour("2026-08-20T01:00:00Z") };
        let days: Vec<String> = Grain::Day.buckets(range).map(|at| at.day().to_string()).collect();
        assert_eq!(days, ["2026-08-18", "2026-08-19", "2026-08-20"]);
        let empty = read::Range { from: range.to, to: range.to };
        assert_eq!(Grain::Day.buckets(empty).count(), 0);
    }
}
