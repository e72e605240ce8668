//! Windows at a fixed moment, as a table.

use stages::{Clock, ManualClock};

use super::*;

/// Thursday 2026-08-20T15:04:05Z.
fn now() -> Hour {
    ManualClock::at(1_787_238_245).hour()
}

fn hour(text: &str) -> Hour {
    Hour::parse(&format!("{text}:00:00Z")).unwrap()
}

fn window(period: Period) -> Window {
    Window::new(period, None, now(), None).unwrap()
}

fn between(from: &str, to: &str) -> Period {
    Period::Between(Range { from: hour(from), to: hour(to) })
}

#[test]
fn the_same_hours_earlier() {
    for (period, with, from, to) in [
        (Period::Hours(24), Compare::Previous, "2026-08-18T16", "2026-08-19T16"),
        (Period::Days(1), Compare::Previous, "2026-08-19T00", "2026-08-19T16"),
        (Period::Days(7), Compare::Previous, "2026-08-07T00", "2026-08-13T16"),
        // Hours of 21 July are no longer told apart: the last day is whole.
        (Period::Days(30), Compare::Previous, "2026-06-22T00", "2026-07-22T00"),
        (Period::Months(1), Compare::Previous, "2026-07-01T00", "2026-07-21T00"),
        (Period::Months(3), Compare::Previous, "2026-03-01T00", "2026-05-21T00"),
        (Period::Days(7), Compare::Year, "2025-08-14T00", "2025-08-21T00"),
        (Period::Hours(24), Compare::Year, "2025-08-19T00", "2025-08-21T00"),
        // The hour in front of the oldest one that is kept is part of a day that is not whole.
        (Period::Hours(720), Compare::Previous, "2026-06-21T00", "2026-07-21T00"),
        (
            between("2026-08-10T00", "2026-08-12T00"),
            Compare::Previous,
            "2026-08-08T00",
            "2026-08-10T00",
        ),
        (
            between("2028-02-29T00", "2028-03-01T00"),
            Compare::Year,
            "2027-02-28T00",
            "2027-03-01T00",
        ),
    ] {
        let got = window(period).compared(with).unwrap().range;
        let want = Range { from: hour(from), to: hour(to) };
        assert_eq!(
            (got.from.to_string(), got.to.to_string()),
            (want.from.to_string(), want.to.to_string()),
            "{period}"
        );
    }
    assert_eq!(window(Period::All).compared(Compare::Previous), Err(BadQuery::NothingBefore));
}

#[test]
fn hours_that_are_gone_are_compared_as_days() {
    let earlier = window(Period::Hours(24)).compared(Compare::Year).unwrap();
    assert_eq!((window(Period::Hours(24)).grain, earlier.grain), (Grain::Hour, Grain::Day));
    let earlier = window(Period::Hours(24)).compared(Compare::Previous).unwrap();
    assert_eq!(earlier.grain, Grain::Hour);
}

#[test]
fn buckets_of_hours_reach_as_far_as_hours_are_kept() {
    let grouped = |period| Window::new(period, Some(Grain::Hour), now(), None);
    assert_eq!(grouped(Period::Hours(720)).unwrap().buckets().count(), 720);
    assert_eq!(grouped(Period::Days(30)).unwrap().buckets().count(), 29 * 24 + 16);
    assert_eq!(grouped(Period::Days(31)), Err(BadQuery::HoursGone));
}

#[test]
fn what_is_cut_or_not_over_is_partial() {
    let partial = |period, group| {
        let window = Window::new(period, Some(group), now(), None).unwrap();
        let partial = window.buckets().filter(|(_, partial)| *partial);
        partial.map(|(bucket, _)| bucket.day().to_string()).collect::<Vec<_>>()
    };
    assert_eq!(partial(Period::Days(7), Grain::Day), ["2026-08-20"]);
    assert_eq!(partial(Period::Days(14), Grain::Week), ["2026-08-03", "2026-08-17"]);
    assert_eq!(partial(Period::Months(2), Grain::Month), ["2026-08-01"]);
    assert_eq!(partial(between("2026-08-03T00", "2026-08-17T00"), Grain::Week), [""; 0]);
    assert_eq!(partial(between("2026-08-18T05", "2026-08-19T00"), Grain::Day), ["2026-08-18"]);
}

#[test]
fn stretches_follow_each_other_and_leave_nothing_out() {
    for grain in Grain::ALL {
        let window = Window::new(Period::Days(30), Some(grain), now(), None).unwrap();
        for count in [1, 2, 7, 10_000] {
            let (mut from, mut buckets, mut end) = (None, Vec::new(), window.range.from);
            loop {
                let (page, next) = window.stretch(from, count);
                assert_eq!(page.range.from, end, "a page begins where the last one ended");
                end = page.range.to;
                buckets.extend(page.buckets());
                match next {
                    Some(_) => from = next,
                    None => break,
                }
            }
            assert_eq!(end, window.range.to);
            assert_eq!(buckets, window.buckets().collect::<Vec<_>>(), "{grain:?} {count}");
        }
    }
}
