//! Geometry against numbers worked out by hand.

use super::*;

fn points(first: &str, grain: Grain, calls: &[u64]) -> Vec<Point> {
    let first = Hour::parse(first).unwrap();
    let buckets = std::iter::successors(Some(first), |at| Some(grain.next(*at)));
    let last = calls.len() - 1;
    let points = buckets.zip(calls).enumerate();
    let extent = |i| if i == last { Extent::Running } else { Extent::Whole };
    points.map(|(i, (bucket, &calls))| Point { bucket, calls, extent: extent(i) }).collect()
}

#[test]
fn ticks_are_round_and_reach_the_top() {
    for (most, want) in [
        (0, vec![0, 1]),
        (1, vec![0, 1]),
        (3, vec![0, 1, 2, 3]),
        (5, vec![0, 1, 2, 3, 4, 5]),
        (6, vec![0, 2, 4, 6]),
        (11, vec![0, 5, 10, 15]),
        (26, vec![0, 10, 20, 30]),
        (99, vec![0, 20, 40, 60, 80, 100]),
        (3_892, vec![0, 1_000, 2_000, 3_000, 4_000]),
        (5_001, vec![0, 2_000, 4_000, 6_000]),
    ] {
        assert_eq!(ticks(most), want, "{most}");
    }
    for most in (0..5_000).chain([u64::MAX / 3, u64::MAX]) {
        let ticks = ticks(most);
        assert!(ticks.len() >= 2 && ticks.len() <= 6 && *ticks.last().unwrap() >= most, "{most}");
    }
}

#[test]
fn lines_stand_on_the_middle_of_their_buckets() {
    let chart = chart(Grain::Day, &points("2026-08-17T00:00:00Z", Grain::Day, &[10, 0, 20, 5]));
    // Four bands of 25; ticks 0, 5, 10, 15, 20.
    assert_eq!(chart.line, "M12.5 50L37.5 100L62.5 0");
    assert_eq!(chart.area, "M12.5 50L37.5 100L62.5 0L62.5 100L12.5 100Z");
    assert_eq!(chart.dashed, "M62.5 0L87.5 75");
    let mark = |x, y, label: &str, below| {
        Some(Mark { x, y, label: label.to_owned(), anchor: "middle", below })
    };
    assert_eq!(chart.peak, mark(62.5, 0.0, "20", false));
    assert_eq!(chart.now, mark(87.5, 75.0, "5", true));
    let labels: Vec<(f64, &str)> =
        chart.y_ticks.iter().map(|tick| (tick.at, tick.label.as_str())).collect();
    assert_eq!(labels, [(100.0, "0"), (75.0, "5"), (50.0, "10"), (25.0, "15"), (0.0, "20")]);
}

#[test]
fn a_chart_without_calls_is_a_flat_line_and_one_bucket_is_a_mark() {
    let flat = chart(Grain::Day, &points("2026-08-17T00:00:00Z", Grain::Day, &[0, 0, 0]));
    assert_eq!((flat.line.as_str(), flat.peak), ("M16.67 100L50 100", None));
    let one = chart(Grain::Hour, &points("2026-08-17T00:00:00Z", Grain::Hour, &[7]));
    assert_eq!((one.line.as_str(), one.dashed.as_str(), one.area.as_str()), ("", "", ""));
    assert_eq!(one.now.map(|now| (now.x, now.label)), Some((50.0, "7".to_owned())));
    let none = chart(Grain::Hour, &[]);
    assert_eq!((none.line.as_str(), none.now, none.peak), ("", None, None));
}

#[test]
fn no_drawing_holds_what_is_not_a_number() {
    for n in 1..40 {
        for calls in [0, 1, u64::MAX] {
            let chart =
                chart(Grain::Day, &points("2026-08-17T00:00:00Z", Grain::Day, &vec![calls; n]));
            let paths = [chart.line, chart.area, chart.dashed].concat();
            assert!(!paths.contains("NaN") && !paths.contains("inf"), "{paths}");
        }
    }
}

#[test]
fn time_is_labelled_at_round_moments() {
    for (grain, first, n, want) in [
        (
            Grain::Hour,
            "2026-08-19T16:00:00Z",
            24,
            vec!["18:00", "21:00", "20\u{a0}Aug", "03:00", "06:00", "09:00", "12:00", "15:00"],
        ),
        (
            Grain::Day,
            "2026-08-14T00:00:00Z",
            7,
            vec![
                "14\u{a0}Aug",
                "15\u{a0}Aug",
                "16\u{a0}Aug",
                "17\u{a0}Aug",
                "18\u{a0}Aug",
                "19\u{a0}Aug",
                "20\u{a0}Aug",
            ],
        ),
        // Mondays.
        (
            Grain::Day,
            "2026-07-22T00:00:00Z",
            30,
            vec!["27\u{a0}Jul", "3\u{a0}Aug", "10\u{a0}Aug", "17\u{a0}Aug"],
        ),
        (Grain::Month, "2026-07-01T00:00:00Z", 3, vec!["Jul 2026", "Aug 2026", "Sep 2026"]),
        // Quarters.
        (
            Grain::Month,
            "2024-09-01T00:00:00Z",
            24,
            vec![
                "Oct 2024", "Jan 2025", "Apr 2025", "Jul 2025", "Oct 2025", "Jan 2026", "Apr 2026",
                "Jul 2026",
            ],
        ),
    ] {
        let ticks = time_ticks(grain, &points(first, grain, &vec![1; n]));
        let labels: Vec<&str> = ticks.iter().map(|tick| tick.label.as_str()).collect();
        assert_eq!(labels, want);
        assert!(ticks.iter().zip(&ticks[1..]).all(|(a, b)| a.at < b.at && a.always != b.always));
    }
}

#[test]
fn the_sentence_says_what_the_drawing_shows() {
    for (grain, calls, want) in [
        (
            Grain::Day,
            &[2_225, 3_892, 3_000, 1_016][..],
            "Between 2,225 and 3,892\u{a0}calls a day: the most on Tuesday 18 August. \
             The current day has 1,016\u{a0}calls so far.",
        ),
        (
            Grain::Hour,
            &[0, 1, 0, 1],
            "Between 0 and 1\u{a0}call an hour: the most at 17 August, 01:00. \
             The current hour has 1\u{a0}call so far.",
        ),
        (
            Grain::Day,
            &[4, 4, 0],
            "4\u{a0}calls in every full day. The current day has 0\u{a0}calls so far.",
        ),
        (
            Grain::Day,
            &[4, 2],
            "4\u{a0}calls in the one full day. The current day has 2\u{a0}calls so far.",
        ),
        (
            Grain::Hour,
            &[0, 0, 3],
            "No calls in any full hour. The current hour has 3\u{a0}calls so far.",
        ),
        (Grain::Hour, &[3], "The current hour has 3\u{a0}calls so far."),
    ] {
        assert_eq!(summary(grain, &points("2026-08-17T00:00:00Z", grain, calls)), want);
    }
}
