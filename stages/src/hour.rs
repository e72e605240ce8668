//! UTC hours and days: the only resolution in which time is kept.
//!
//! Separate from [`crate::clock`] because these are data (columns, bucket keys), while a clock is
//! where "now" comes from.

use std::fmt;

use serde::{Deserialize, Serialize};
use time::format_description::well_known::Rfc3339;
use time::{Date, OffsetDateTime};

const SECONDS_PER_HOUR: i64 = 3_600;
const HOURS_PER_DAY: i64 = 24;
/// 1970-01-01 as a Julian day number, the zero of [`Day`].
const EPOCH_JULIAN_DAY: i32 = 2_440_588;

/// A UTC hour, counted from 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Hour(i64);

/// A UTC date, counted in days from 1970-01-01.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Day(i64);

impl Hour {
    /// The hour that is `hours` after the epoch.
    pub const fn from_epoch_hours(hours: i64) -> Self {
        Self(hours)
    }

    /// The hour that contains a Unix time in seconds.
    pub const fn containing(unix_seconds: i64) -> Self {
        Self(unix_seconds.div_euclid(SECONDS_PER_HOUR))
    }

    /// Hours since the epoch.
    pub const fn epoch_hours(self) -> i64 {
        self.0
    }

    /// Unix time, in seconds, of the start of the hour.
    pub const fn unix_seconds(self) -> i64 {
        self.0 * SECONDS_PER_HOUR
    }

    /// The date this hour lies in.
    pub const fn day(self) -> Day {
        Day(self.0.div_euclid(HOURS_PER_DAY))
    }

    /// The hour `hours` later (earlier when negative).
    pub const fn plus(self, hours: i64) -> Self {
        Self(self.0 + hours)
    }

    /// Reads the form that [`Hour`] is displayed in: `2026-08-20T14:00:00Z`.
    pub fn parse(text: &str) -> Option<Self> {
        let at = OffsetDateTime::parse(text, &Rfc3339).ok()?.unix_timestamp();
        (at % SECONDS_PER_HOUR == 0).then(|| Self::containing(at))
    }
}

impl Day {
    /// The date that is `days` after 1970-01-01.
    pub const fn from_epoch_days(days: i64) -> Self {
        Self(days)
    }

    /// Days since 1970-01-01.
    pub const fn epoch_days(self) -> i64 {
        self.0
    }

    /// The first hour of the date.
    pub const fn start(self) -> Hour {
        Hour(self.0 * HOURS_PER_DAY)
    }

    /// The date `days` later (earlier when negative).
    pub const fn plus(self, days: i64) -> Self {
        Self(self.0 + days)
    }

    /// Reads `2026-08-20`.
    pub fn parse(text: &str) -> Option<Self> {
        let format = time::macros::format_description!("[year]-[month]-[day]");
        let date = Date::parse(text, format).ok()?;
        Some(Self(i64::from(date.to_julian_day() - EPOCH_JULIAN_DAY)))
    }

    fn date(self) -> Option<Date> {
        let julian = i32::try_from(self.0).ok()?.checked_add(EPOCH_JULIAN_DAY)?;
        Date::from_julian_day(julian).ok()
    }

    /// Writes `2026-08-20` into the first ten bytes; false, and nothing, for a day outside the
    /// years 0 to 9999.
    fn write(self, text: &mut [u8]) -> bool {
        let Some(date) = self.date().filter(|date| date.year() >= 0) else { return false };
        write_digits(&mut text[..4], u64::from(date.year().unsigned_abs()));
        write_digits(&mut text[5..7], u64::from(u8::from(date.month())));
        write_digits(&mut text[8..10], u64::from(date.day()));
        true
    }
}

impl fmt::Display for Hour {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = *b"0000-00-00T00:00:00Z";
        if !self.day().write(&mut text) {
            return write!(f, "hour {}", self.0);
        }
        write_digits(&mut text[11..13], self.0.rem_euclid(HOURS_PER_DAY).unsigned_abs());
        f.write_str(std::str::from_utf8(&text).unwrap_or_default())
    }
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = *b"0000-00-00";
        if !self.write(&mut text) {
            return write!(f, "day {}", self.0);
        }
        f.write_str(std::str::from_utf8(&text).unwrap_or_default())
    }
}

/// Writes a number into as many digits as there is room for. Hours are written once a request and
/// once a row: formatting them piece by piece took four times as long.
fn write_digits(room: &mut [u8], mut number: u64) {
    for digit in room.iter_mut().rev() {
        // Below 10, so nothing is cut off.
        *digit = b'0' + (number % 10) as u8;
        number /= 10;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hours_and_days_read_back_what_they_show() {
        for (seconds, hour, day) in [
            (0, "1970-01-01T00:00:00Z", "1970-01-01"),
            (1_787_237_999, "2026-08-20T14:00:00Z", "2026-08-20"),
            (951_782_400, "2000-02-29T00:00:00Z", "2000-02-29"),
            (-1, "1969-12-31T23:00:00Z", "1969-12-31"),
        ] {
            let at = Hour::containing(seconds);
            assert_eq!(at.to_string(), hour);
            assert_eq!(at.day().to_string(), day);
            assert_eq!(Hour::parse(hour), Some(at));
            assert_eq!(Day::parse(day), Some(at.day()));
        }
    }

    #[test]
    fn an_hour_with_minutes_is_not_read() {
        assert_eq!(Hour::parse("2026-08-20T13:30:00Z"), None);
        assert_eq!(Day::parse("2026-02-30"), None);
    }
}
