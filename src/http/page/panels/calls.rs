//! Calls over time: of all tools together, and of the most called ones.

use super::super::model::{Body, ChartView, Legend, Part};
use super::super::numbers::{aligned, by_bucket, time, values};
use super::{Cx, UNKNOWN, rows};
use crate::charts::{Extent, Frame, Lines, Series, Time, Unit};
use crate::stats::tally::ranked;
use crate::stats::{Grain, Tally};
use crate::words;

/// Most lines of one drawing.
const LINES: usize = 4;

/// `Calls per day`
fn title(grain: Grain) -> String {
    format!("Calls per {}", words::unit(grain).1)
}

/// Calls over time, and those of the hours that are compared with.
pub(in super::super) fn calls(cx: &Cx<'_>) -> Part {
    let Cx { asked, numbers, .. } = cx;
    let calls = |tally: &Tally| Some(tally.calls() as f64);
    let now = values(&by_bucket(asked, &asked.window, numbers.cells.iter()), calls);
    let before = asked.compared.as_ref().map(|compared| {
        let before = values(&by_bucket(asked, compared, numbers.before.iter()), calls);
        aligned(before, numbers.time.len())
    });
    let title = title(numbers.time.grain);
    let series = [Series { name: "Calls".to_owned(), values: now }];
    let lines = Lines {
        frame: Frame { id: "calls" },
        time: &numbers.time,
        unit: Unit::Count,
        series: &series,
        before: before.as_deref(),
        releases: cx.releases,
    };
    let mut head = vec!["Calls".to_owned()];
    head.extend(before.as_ref().map(|_| "Before".to_owned()));
    let cell = |value: Option<f64>| {
        value.map_or_else(|| UNKNOWN.to_owned(), |calls| Unit::Count.text(calls))
    };
    let mut legend = Vec::new();
    if before.is_some() {
        legend.push(Legend {
            class: "line s0".to_owned(),
            name: "This period".to_owned(),
            fixed: true,
        });
        legend.push(Legend { class: "before".to_owned(), name: before_name(cx), fixed: true });
    }
    let chart = ChartView {
        id: "calls",
        title: None,
        svg: lines.draw(),
        legend,
        summary: summary(&numbers.time, &series[0].values),
        head,
        rows: rows(&numbers.time, |i| {
            let before = before.as_ref().map(|before| cell(before[i]));
            std::iter::once(cell(series[0].values[i])).chain(before).collect()
        }),
    };
    Part {
        id: "calls",
        title,
        note: String::new(),
        links: cx.api("timeseries", "&measure=calls"),
        body: vec![Body::Chart(chart)],
    }
}

fn before_name(cx: &Cx<'_>) -> String {
    let compared = cx.asked.compared.as_ref().map(time);
    let first = compared.and_then(|time| time.buckets.first().copied());
    first.map_or_else(String::new, |first| format!("From {}", words::long_date(first.at)))
}

/// Calls of the most called tools over time.
pub(in super::super) fn calls_of_tools(cx: &Cx<'_>) -> Part {
    let Cx { asked, numbers, .. } = cx;
    let tools = numbers.tools();
    let top: Vec<&str> = ranked(&tools).into_iter().take(LINES).map(|(name, _)| name).collect();
    let series: Vec<Series> = top
        .iter()
        .map(|tool| {
            let of_tool = numbers.cells.iter().filter(|cell| cell.tool == *tool);
            let buckets = by_bucket(asked, &asked.window, of_tool);
            Series {
                name: (*tool).to_owned(),
                values: values(&buckets, |t| Some(t.calls() as f64)),
            }
        })
        .collect();
    let lines = Lines {
        frame: Frame { id: "calls" },
        time: &numbers.time,
        unit: Unit::Count,
        series: &series,
        before: None,
        releases: cx.releases,
    };
    let legend = top.iter().enumerate().map(|(nth, tool)| Legend {
        class: format!("line s{nth}"),
        name: (*tool).to_owned(),
        fixed: top.len() == 1,
    });
    let body = if series.is_empty() {
        Body::Missing("Nothing was called in this period.".to_owned())
    } else {
        Body::Chart(ChartView {
            id: "calls",
            title: None,
            svg: lines.draw(),
            legend: legend.collect(),
            summary: format!(
                "The most called {}: {} of all calls.",
                if top.len() == 1 { "tool".to_owned() } else { format!("{} tools", top.len()) },
                words::percent(
                    top.iter().filter_map(|tool| tools.get(tool)).map(Tally::calls).sum(),
                    numbers.total.calls()
                )
            ),
            head: top.iter().map(|tool| (*tool).to_owned()).collect(),
            rows: rows(&numbers.time, |i| {
                let cell = |series: &Series| {
                    series.values[i].map_or_else(|| UNKNOWN.to_owned(), |v| Unit::Count.text(v))
                };
                series.iter().map(cell).collect()
            }),
        })
    };
    Part {
        id: "calls",
        title: title(numbers.time.grain),
        note: String::new(),
        links: cx.api("timeseries", "&measure=calls&by=tool"),
        body: vec![body],
    }
}

/// What the drawing shows, in words.
pub(in super::super) fn summary(time: &Time, calls: &[Option<f64>]) -> String {
    let (article, unit, preposition) = words::unit(time.grain);
    let said = |n: f64| words::counted(n as u64, "call", "calls");
    let known = || (0..time.len()).filter_map(|i| calls[i].map(|calls| (i, calls)));
    let whole: Vec<(usize, f64)> =
        known().filter(|(i, _)| time.buckets[*i].extent == Extent::Whole).collect();
    let least = whole.iter().map(|(_, calls)| *calls).fold(f64::INFINITY, f64::min);
    // Of equal buckets the first.
    let most = whole.iter().rev().max_by(|a, b| a.1.total_cmp(&b.1));
    let past = most.map(|(i, most)| match *most {
        0.0 => format!("No calls in any full {unit}."),
        n if n == least && whole.len() == 1 => format!("{} in the one full {unit}.", said(n)),
        n if n == least => format!("{} in every full {unit}.", said(n)),
        n => format!(
            "Between {} and {} {article} {unit}: the most {preposition} {}.",
            words::count(least as u64),
            said(n),
            words::bucket(time.grain, time.buckets[*i].at),
        ),
    });
    let unknown = known().next().filter(|(first, _)| *first > 0);
    let unknown = unknown.map(|(first, _)| {
        format!(
            "Nothing is known from before {}.",
            words::bucket(time.grain, time.buckets[first].at)
        )
    });
    let running = time.running().and_then(|i| calls[i]);
    let running = running.map(|calls| format!("The current {unit} has {} so far.", said(calls)));
    [past, unknown, running].into_iter().flatten().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::charts::Bucket;
    use stages::Hour;

    fn time(first: &str, grain: Grain, n: usize) -> Time {
        let first = Hour::parse(first).unwrap();
        let at = std::iter::successors(Some(first), |at| Some(grain.next(*at)));
        let extent = |i| if i + 1 == n { Extent::Running } else { Extent::Whole };
        let buckets = at.take(n).enumerate().map(|(i, at)| Bucket { at, extent: extent(i) });
        Time { grain, buckets: buckets.collect() }
    }

    #[test]
    fn the_sentence_says_what_the_drawing_shows() {
        for (grain, calls, want) in [
            (
                Grain::Day,
                vec![Some(2_225.0), Some(3_892.0), Some(3_000.0), Some(1_016.0)],
                "Between 2,225 and 3,892 calls a day: the most on Tuesday 18 August. \
                 The current day has 1,016 calls so far.",
            ),
            (
                Grain::Hour,
                vec![Some(0.0), Some(1.0), Some(0.0), Some(1.0)],
                "Between 0 and 1 call an hour: the most at 17 August, 01:00. \
                 The current hour has 1 call so far.",
            ),
            (
                Grain::Day,
                vec![Some(0.0), Some(0.0), Some(2.0)],
                "No calls in any full day. The current day has 2 calls so far.",
            ),
            (
                Grain::Day,
                vec![Some(7.0), Some(1.0)],
                "7 calls in the one full day. The current day has 1 call so far.",
            ),
            (
                Grain::Day,
                vec![None, Some(7.0), Some(7.0), Some(1.0)],
                "7 calls in every full day. Nothing is known from before Tuesday 18 August. \
                 The current day has 1 call so far.",
            ),
            (Grain::Week, vec![Some(1.0)], "The current week has 1 call so far."),
        ] {
            let time = time("2026-08-17T00:00:00Z", grain, calls.len());
            assert_eq!(summary(&time, &calls).replace('\u{a0}', " "), want);
        }
    }
}
