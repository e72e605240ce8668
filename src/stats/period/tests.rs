//! The grammar as a table: what is asked for, at a fixed moment, and what follows.

use stages::Clock;
use stages::ManualClock;

use super::*;
use crate::stats::query::{PERIOD, Parameters};
use crate::stats::{Grain, Query, Window};

/// Thursday 2026-08-20T15:04:05Z.
fn now() -> Hour {
    ManualClock::at(1_787_238_245).hour()
}

fn window(query: &[(&str, &str)]) -> Result<Window, BadQuery> {
    let oldest = Hour::parse("2025-06-10T07:00:00Z");
    asked(query)?.window(now(), oldest)
}

fn asked(query: &[(&str, &str)]) -> Result<Query, BadQuery> {
    Query::read(&Parameters::read(query, &PERIOD)?, now())
}

#[test]
fn periods_are_half_open_and_end_with_the_current_hour() {
    assert_eq!(now().to_string(), "2026-08-20T15:00:00Z");
    for (asked, shown, from, grain) in [
        ("1h", "1h", "2026-08-20T15:00:00Z", Grain::Hour),
        ("24h", "24h", "2026-08-19T16:00:00Z", Grain::Hour),
        ("72h", "72h", "2026-08-17T16:00:00Z", Grain::Hour),
        ("73h", "73h", "2026-08-17T15:00:00Z", Grain::Day),
        ("720h", "720h", "2026-07-21T16:00:00Z", Grain::Day),
        ("1d", "1d", "2026-08-20T00:00:00Z", Grain::Hour),
        ("007d", "7d", "2026-08-14T00:00:00Z", Grain::Day),
        ("30d", "30d", "2026-07-22T00:00:00Z", Grain::Day),
        ("365d", "365d", "2025-08-21T00:00:00Z", Grain::Day),
        ("1mo", "1mo", "2026-08-01T00:00:00Z", Grain::Day),
        ("12mo", "12mo", "2025-09-01T00:00:00Z", Grain::Day),
        ("24mo", "24mo", "2024-09-01T00:00:00Z", Grain::Month),
        ("all", "all", "2025-06-10T00:00:00Z", Grain::Month),
    ] {
        let got = window(&[("period", asked)]).unwrap();
        assert_eq!(got.period, shown);
        assert_eq!(got.range.from.to_string(), from, "{asked}");
        assert_eq!(got.range.to.to_string(), "2026-08-20T16:00:00Z", "{asked}");
        assert_eq!(got.grain, grain, "{asked}");
    }
    assert_eq!(window(&[]), window(&[("period", "30d")]));
}

#[test]
fn all_of_nothing_is_today() {
    let got = Period::All.range(now(), None);
    assert_eq!(got.from.to_string(), "2026-08-20T00:00:00Z");
    assert_eq!(Period::All.range(now(), Some(now().plus(26))), got);
}

#[test]
fn ends_may_be_dates_or_whole_hours() {
    for (from, to, shown) in [
        ("2026-08-01", Some("2026-08-03"), "2026-08-01T00:00:00Z/2026-08-03T00:00:00Z"),
        ("2026-08-01", None, "2026-08-01T00:00:00Z/2026-08-20T16:00:00Z"),
        ("2026-08-19T05:00:00Z", Some("2026-08-20"), "2026-08-19T05:00:00Z/2026-08-20T00:00:00Z"),
        ("2026-08-19T05:00:00.000Z", None, "2026-08-19T05:00:00Z/2026-08-20T16:00:00Z"),
        ("2026-08-19T05:30:00+05:30", None, "2026-08-19T00:00:00Z/2026-08-20T16:00:00Z"),
        ("2026-08-20", Some("2999-01-01"), "2026-08-20T00:00:00Z/2026-08-20T16:00:00Z"),
    ] {
        let mut query = vec![("from", from)];
        query.extend(to.map(|to| ("to", to)));
        let period = asked(&query).unwrap().period;
        assert_eq!(window(&query).unwrap().period, shown);
        let (from, to) = shown.split_once('/').unwrap();
        assert_eq!(period.query(), format!("from={from}&to={to}"));
        assert_eq!(asked(&[("from", from), ("to", to)]).unwrap().period, period);
    }
}

#[test]
fn hours_are_shown_only_while_they_are_kept() {
    for (from, to, grain) in
        [("2026-07-22", "2026-07-24", Grain::Hour), ("2026-07-21", "2026-07-23", Grain::Day)]
    {
        assert_eq!(window(&[("from", from), ("to", to)]).unwrap().grain, grain, "{from}");
    }
}

#[test]
fn everything_else_is_refused_by_name_and_never_repeated() {
    let unknown = |nearest| BadQuery::Unknown { nearest, known: PERIOD.to_vec() };
    let table: &[(&[(&str, &str)], BadQuery)] = &[
        (&[("period", "")], BadQuery::Period),
        (&[("period", "0d")], BadQuery::Period),
        (&[("period", "366d")], BadQuery::Period),
        (&[("period", "721h")], BadQuery::Period),
        (&[("period", "25mo")], BadQuery::Period),
        (&[("period", "0mo")], BadQuery::Period),
        (&[("period", "7")], BadQuery::Period),
        (&[("period", "d")], BadQuery::Period),
        (&[("period", "7D")], BadQuery::Period),
        (&[("period", "+7d")], BadQuery::Period),
        (&[("period", " 7d")], BadQuery::Period),
        (&[("period", "7.5d")], BadQuery::Period),
        (&[("period", "99999999999d")], BadQuery::Period),
        (&[("period", "٧d")], BadQuery::Period),
        (&[("period", "ALL")], BadQuery::Period),
        (&[("period", "7d"), ("period", "30d")], BadQuery::Repeated("period")),
        (&[("from", "2026-08-01"), ("from", "2026-08-01")], BadQuery::Repeated("from")),
        (&[("period", "7d"), ("from", "2026-08-01")], BadQuery::Both),
        (&[("period", "7d"), ("to", "2026-08-01")], BadQuery::Both),
        (&[("to", "2026-08-01")], BadQuery::NoStart),
        (&[("from", "")], BadQuery::Moment("from")),
        (&[("from", "2026-02-30")], BadQuery::Moment("from")),
        (&[("from", "2026-08-19T05:30:00Z")], BadQuery::Moment("from")),
        (&[("from", "2026-08-01"), ("to", "tomorrow")], BadQuery::Moment("to")),
        (&[("from", "2026-08-02"), ("to", "2026-08-02")], BadQuery::Empty),
        (&[("from", "2026-08-02"), ("to", "2026-08-01")], BadQuery::Empty),
        (&[("from", "2026-08-21")], BadQuery::Empty),
        (&[("from", "2016-01-01")], BadQuery::TooLong),
        (&[("from", "2026-07-01T05:00:00Z")], BadQuery::HourGone("from")),
        (&[("perido", "7d")], unknown(Some("period"))),
        (&[("From", "2026-08-01")], unknown(Some("from"))),
        (&[("t0", "2026-08-01")], unknown(Some("to"))),
        (&[("verbose", "1")], unknown(None)),
        (&[("", "")], unknown(None)),
    ];
    for (query, want) in table {
        let got = window(query).unwrap_err();
        assert_eq!(&got, want, "{query:?}");
    }
    let shown = window(&[("period", "secret")]).unwrap_err().to_string();
    assert!(shown.starts_with("`period` must be one of <n>h (1 to 720 hours)"), "{shown}");
    assert!(!shown.contains("secret"));
    assert_eq!(
        window(&[("perido", "7d")]).unwrap_err().to_string(),
        "there is an unknown query parameter: did you mean `period`? \
         Known are `period`, `from` and `to`"
    );
}
