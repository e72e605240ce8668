//! Numbers and times in words, as pages, charts and badges show them.
//!
//! Separate from the API, which gives the same numbers unrounded. Rounding never turns "almost"
//! into "all" or "few" into "none".

use stages::Hour;

use crate::stats::Grain;
use crate::stats::grain::date;

/// Keeps a number and its unit on one line.
const NBSP: char = '\u{a0}';
/// What a number of times ends with.
pub const TIMES: char = '×';

/// `88,938`
pub fn count(n: u64) -> String {
    let digits = n.to_string();
    let mut shown = String::with_capacity(digits.len() + digits.len() / 3);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            shown.push(',');
        }
        shown.push(digit);
    }
    shown
}

/// `1 call`, `2,000 calls`
pub fn counted(n: u64, one: &str, many: &str) -> String {
    format!("{}{NBSP}{}", count(n), if n == 1 { one } else { many })
}

/// `98.6%`: to a tenth, but 0% and 100% only where it is none and all.
pub fn percent(part: u64, whole: u64) -> String {
    if part == 0 || whole == 0 {
        return "0%".to_owned();
    }
    if part >= whole {
        return "100%".to_owned();
    }
    let tenths = (u128::from(part) * 2_000 / u128::from(whole)).div_ceil(2).clamp(1, 999);
    format!("{}.{}%", tenths / 10, tenths % 10)
}

/// A part of a whole, 0..=1, with the same rule: `98.6%`.
pub fn share(of: f64) -> String {
    const WHOLE: u64 = 1_000_000_000;
    let part = of * WHOLE as f64;
    // What is no number becomes 0; whatever is above nothing is at least the least there is.
    percent(if part > 0.0 { (part as u64).max(1) } else { 0 }, WHOLE)
}

/// By how much something has grown or shrunk, as a share of what it was: `8.4%`, `200.0%`. From ten
/// times as much on, how many times that is: `25×`.
pub fn growth(by: f64) -> String {
    let tenths = (by.abs() * 1_000.0).round();
    match tenths {
        0.0 => "0%".to_owned(),
        ..9_000.0 => format!("{:.1}%", tenths / 10.0),
        _ => format!("{}{TIMES}", count((by + 1.0).round() as u64)),
    }
}

/// `318 ms`, `1.7 s`
pub fn duration(ms: f64) -> String {
    if ms < 999.5 { format!("{ms:.0}{NBSP}ms") } else { format!("{:.1}{NBSP}s", ms / 1_000.0) }
}

/// A number on an axis: `4,000`, `25k`, `1.5M`.
pub fn axis(n: u64) -> String {
    match n {
        0..10_000 => count(n),
        10_000..1_000_000 => format!("{}k", n as f64 / 1e3),
        1_000_000..1_000_000_000 => format!("{}M", n as f64 / 1e6),
        _ => format!("{}G", n as f64 / 1e9),
    }
}

/// `20 August 2026`
pub fn long_date(hour: Hour) -> String {
    let date = date(hour);
    format!("{} {} {}", date.day(), date.month(), date.year())
}

/// Both ends of some dates, without what they share: `1 to 19 October 2026`.
pub fn dates(first: Hour, last: Hour) -> String {
    let (from, to) = (date(first), date(last));
    let until = long_date(last);
    match () {
        () if from == to => until,
        () if (from.year(), from.month()) == (to.year(), to.month()) => {
            format!("{} to {until}", from.day())
        }
        () if from.year() == to.year() => format!("{} {} to {until}", from.day(), from.month()),
        () => format!("{} to {until}", long_date(first)),
    }
}

/// Both ends of some hours: `20 August 2026, 03:00 to 15:00`. `to` is the first hour after them.
pub fn hours(first: Hour, to: Hour) -> String {
    let (from, until) = (time_of_day(first), time_of_day(to));
    let (from_date, to_date) = (date(first), date(to));
    if from_date == to_date {
        return format!("{}, {from} to {until}", long_date(first));
    }
    let begin = match from_date.year() == to_date.year() {
        true => format!("{} {}", from_date.day(), from_date.month()),
        false => long_date(first),
    };
    format!("{begin}, {from} to {}, {until}", long_date(to))
}

/// `20 Aug`
pub fn short_date(hour: Hour) -> String {
    let date = date(hour);
    format!("{}{NBSP}{}", date.day(), &short_month(hour))
}

/// `Aug`
pub fn short_month(hour: Hour) -> String {
    date(hour).month().to_string().chars().take(3).collect()
}

/// `15:00`
pub fn time_of_day(hour: Hour) -> String {
    format!("{:02}:00", hour.epoch_hours().rem_euclid(24))
}

/// Buckets as a choice: `Hour`.
pub fn grain(grain: Grain) -> &'static str {
    match grain {
        Grain::Hour => "Hour",
        Grain::Day => "Day",
        Grain::Week => "Week",
        Grain::Month => "Month",
    }
}

/// Article, name, and the preposition of a bucket: `a day`, `on Thursday 20 August`.
pub fn unit(grain: Grain) -> (&'static str, &'static str, &'static str) {
    match grain {
        Grain::Hour => ("an", "hour", "at"),
        Grain::Day => ("a", "day", "on"),
        Grain::Week => ("a", "week", "in the"),
        Grain::Month => ("a", "month", "in"),
    }
}

/// A bucket in a sentence: `Thursday 20 August`, `20 August, 15:00`, `August 2026`.
pub fn bucket(grain: Grain, hour: Hour) -> String {
    let date = date(hour);
    match grain {
        Grain::Hour => format!("{} {}, {}", date.day(), date.month(), time_of_day(hour)),
        Grain::Day => format!("{} {} {}", date.weekday(), date.day(), date.month()),
        Grain::Week => format!("week of {} {}", date.day(), date.month()),
        Grain::Month => format!("{} {}", date.month(), date.year()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_shown_as_people_read_them() {
        for (n, want, short) in [
            (0, "0", "0"),
            (999, "999", "999"),
            (1_000, "1,000", "1,000"),
            (25_000, "25,000", "25k"),
            (1_500_000, "1,500,000", "1.5M"),
            (2_000_000_000, "2,000,000,000", "2G"),
        ] {
            assert_eq!((count(n).as_str(), axis(n).as_str()), (want, short));
        }
        assert_eq!(counted(1, "call", "calls"), "1\u{a0}call");
        assert_eq!(counted(2_000, "call", "calls"), "2,000\u{a0}calls");
    }

    #[test]
    fn almost_is_not_all_and_few_is_not_none() {
        for (part, whole, want) in [
            (0, 0, "0%"),
            (0, 7, "0%"),
            (7, 7, "100%"),
            (1, 3, "33.3%"),
            (2, 3, "66.7%"),
            (1, 2, "50.0%"),
            (1, 100_000, "0.1%"),
            (99_999, 100_000, "99.9%"),
            (u64::MAX - 1, u64::MAX, "99.9%"),
            (1, 800, "0.1%"),
            (3, 2_000, "0.2%"),
        ] {
            assert_eq!(percent(part, whole), want, "{part} of {whole}");
        }
    }

    #[test]
    fn times_have_the_unit_that_fits() {
        for (ms, want) in [
            (0.0, "0\u{a0}ms"),
            (318.4, "318\u{a0}ms"),
            (999.4, "999\u{a0}ms"),
            (999.6, "1.0\u{a0}s"),
            (1_749.0, "1.7\u{a0}s"),
        ] {
            assert_eq!(duration(ms), want);
        }
    }

    #[test]
    fn what_has_grown_much_is_so_many_times_as_much() {
        for (by, want) in [
            (0.0, "0%"),
            (0.084, "8.4%"),
            (-0.5, "50.0%"),
            (8.99, "899.0%"),
            (9.0, "10×"),
            (2_499.0, "2,500×"),
        ] {
            assert_eq!(growth(by), want, "{by}");
        }
    }

    #[test]
    fn ranges_name_once_what_their_ends_share() {
        let at = |hour: &str| Hour::parse(&format!("{hour}:00:00Z")).unwrap();
        for (first, last, want) in [
            ("2026-10-19T00", "2026-10-19T23", "19 October 2026"),
            ("2026-10-01T00", "2026-10-19T23", "1 to 19 October 2026"),
            ("2026-10-25T00", "2026-11-23T23", "25 October to 23 November 2026"),
            ("2025-10-01T00", "2026-10-01T23", "1 October 2025 to 1 October 2026"),
        ] {
            assert_eq!(dates(at(first), at(last)), want);
        }
        for (first, to, want) in [
            ("2026-10-19T01", "2026-10-19T15", "19 October 2026, 01:00 to 15:00"),
            ("2026-10-19T01", "2026-10-20T01", "19 October, 01:00 to 20 October 2026, 01:00"),
            ("2025-12-31T01", "2026-01-01T01", "31 December 2025, 01:00 to 1 January 2026, 01:00"),
        ] {
            assert_eq!(hours(at(first), at(to)), want);
        }
    }

    #[test]
    fn buckets_are_named_in_utc() {
        let at = Hour::parse("2026-08-20T15:00:00Z").unwrap();
        assert_eq!(bucket(Grain::Hour, at), "20 August, 15:00");
        assert_eq!(bucket(Grain::Day, at), "Thursday 20 August");
        assert_eq!(bucket(Grain::Month, at), "August 2026");
        assert_eq!(short_date(at), "20\u{a0}Aug");
        assert_eq!(long_date(at), "20 August 2026");
    }
}
