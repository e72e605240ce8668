//! Versions: who is where, since when, and how fast new ones are taken up.

use std::collections::{BTreeMap, BTreeSet};

use stages::Hour;
use stages::ports::StoreError;
use stages::rollup::Axis;

use super::super::model::{Body, Cell as Shown, ChartView, Legend, Part, Table, TableRow};
use super::super::numbers::{by_bucket, time, values};
use super::tools::{failed, quantile};
use super::{Cx, Listed, UNKNOWN, rows};
use crate::charts::{Extent, Frame, Release, Series, Stack, Time, Unit, bar};
use crate::stats::asked::by_value;
use crate::stats::tally::{ranked, tally};
use crate::stats::{Asked, Tally};
use crate::store::read::{Cell, Detail, Filter, Range};
use crate::words;

/// Most areas of the drawing; what is rarer is one area together.
const AREAS: usize = 5;
/// Most versions that are marked as new: those with most calls.
const MARKED: usize = 6;
/// Most versions that the list names.
const LISTED: usize = 30;
const OTHERS: &str = "others";

/// The versions that were seen for the first time inside of the window, in the order of time.
pub(in super::super) async fn releases(asked: &Asked<'_>) -> Result<Vec<Release>, StoreError> {
    let window = &asked.window;
    let Some(oldest) = asked.extent.oldest.filter(|oldest| *oldest < window.range.from) else {
        // Everything that is known lies in the window: what was first seen at its beginning may be
        // as old as the hills.
        let first = asked.extent.oldest.map(|oldest| window.grain.floor(oldest));
        let cells = asked.series(window, Axis::Version, Detail::Calls).await?;
        return Ok(new_ones(&time(window), &cells, |_, at| Some(at) > first));
    };
    let earlier = Range { from: oldest.day().start(), to: window.range.from };
    let (cells, known) = tokio::try_join!(
        asked.series(window, Axis::Version, Detail::Calls),
        asked.source.values(earlier, Axis::Version, &Filter::NONE),
    )?;
    let known: BTreeSet<String> = known.into_iter().collect();
    Ok(new_ones(&time(window), &cells, |version, _| !known.contains(version)))
}

fn new_ones(time: &Time, cells: &[Cell], is_new: impl Fn(&str, Hour) -> bool) -> Vec<Release> {
    let mut seen = BTreeMap::<&str, (Hour, u64)>::new();
    for cell in cells.iter().filter(|cell| !cell.value.is_empty()) {
        let at = time.grain.floor(cell.bucket);
        let seen = seen.entry(&cell.value).or_insert((at, 0));
        *seen = (seen.0.min(at), seen.1 + cell.measures.calls);
    }
    let mut new: Vec<_> =
        seen.into_iter().filter(|(version, (at, _))| is_new(version, *at)).collect();
    new.sort_by_key(|(_, (_, calls))| std::cmp::Reverse(*calls));
    new.truncate(MARKED);
    new.sort_by_key(|(version, (at, _))| (*at, *version));
    let releases = new.into_iter().filter_map(|(version, (first, _))| {
        let at = time.buckets.iter().position(|bucket| bucket.at == first)?;
        Some(Release { at, version: version.to_owned() })
    });
    releases.collect()
}

/// The share of versions over time.
pub(in super::super) async fn adoption(cx: &Cx<'_>) -> Result<Part, StoreError> {
    let Cx { asked, .. } = cx;
    let cells = asked.series(&asked.window, Axis::Version, Detail::Calls).await?;
    let time = time(&asked.window);
    let tallies = tally(by_value(&cells));
    let top: Vec<&str> = ranked(&tallies).into_iter().take(AREAS).map(|(name, _)| name).collect();
    let of = |name: &str, is: &dyn Fn(&str) -> bool| {
        let cells = cells.iter().filter(|cell| !cell.value.is_empty() && is(&cell.value));
        let buckets = by_bucket(asked, &asked.window, cells);
        Series { name: name.to_owned(), values: values(&buckets, |t| Some(t.calls() as f64)) }
    };
    let mut series: Vec<Series> =
        top.iter().map(|name| of(name, &|version| version == *name)).collect();
    if tallies.len() > top.len() {
        series.push(of(OTHERS, &|version| !top.contains(&version)));
    }
    let part = |body| Part {
        id: "adoption",
        title: "Adoption".to_owned(),
        note:
            "Share of the calls that named their version. A mark is the day on which a version was \
               first seen; what the period covers in part is paler."
                .to_owned(),
        links: cx.api("timeseries", "&measure=calls&by=version"),
        body: vec![body],
    };
    if series.is_empty() {
        return Ok(part(Body::Missing("No call of this period named its version.".to_owned())));
    }
    let stack = Stack {
        frame: Frame { id: "adoption" },
        time: &time,
        series: &series,
        releases: cx.releases,
    };
    let legend = series.iter().enumerate().map(|(nth, series)| Legend {
        class: format!("stack s{nth}"),
        name: series.name.clone(),
        fixed: true,
    });
    let sum = |i: usize| series.iter().filter_map(|series| series.values[i]).sum::<f64>();
    let chart = ChartView {
        id: "adoption",
        title: None,
        svg: stack.draw(),
        legend: legend.collect(),
        summary: summary(cx.releases, &time, &series, &sum),
        head: series.iter().map(|series| series.name.clone()).collect(),
        rows: rows(&time, |i| {
            let cell = |series: &Series| match series.values[i] {
                Some(calls) if sum(i) > 0.0 => Unit::Share.text(calls / sum(i)),
                _ => UNKNOWN.to_owned(),
            };
            series.iter().map(cell).collect()
        }),
    };
    Ok(part(Body::Chart(chart)))
}

/// Who leads now, and how long the newest version took to carry half of the calls.
fn summary(
    releases: &[Release],
    time: &Time,
    series: &[Series],
    sum: &dyn Fn(usize) -> f64,
) -> String {
    let share = |series: &Series, i: usize| {
        series.values[i].filter(|_| sum(i) > 0.0).map(|calls| calls / sum(i))
    };
    let last =
        (0..time.len()).rev().find(|i| time.buckets[*i].extent == Extent::Whole && sum(*i) > 0.0);
    let leader = last.and_then(|last| {
        let shares = series.iter().filter_map(|series| Some((share(series, last)?, &series.name)));
        let (most, name) = shares.max_by(|a, b| a.0.total_cmp(&b.0))?;
        let when = words::bucket(time.grain, time.buckets[last].at);
        let preposition = words::unit(time.grain).2;
        Some(format!("{name} made {} of the calls {preposition} {when}.", words::share(most)))
    });
    let newest = releases.last().and_then(|release| {
        let series = series.iter().find(|series| series.name == release.version)?;
        let half = (release.at..time.len()).find(|i| share(series, *i).is_some_and(|s| s >= 0.5));
        let unit = words::unit(time.grain).1;
        Some(match half {
            Some(half) => {
                let took = words::counted((half - release.at) as u64, unit, &format!("{unit}s"));
                format!("{} took {took} to carry half of them.", release.version)
            }
            None => format!("{} has not carried half of them yet.", release.version),
        })
    });
    [leader, newest].into_iter().flatten().collect::<Vec<_>>().join(" ")
}

/// Versions by calls, at most `limit`.
pub(in super::super) async fn versions(
    cx: &Cx<'_>,
    limit: Option<usize>,
) -> Result<Part, StoreError> {
    let cells = cx.asked.cells(Axis::Version, Detail::Times).await?;
    let versions = tally(by_value(&cells));
    let ranked = ranked(&versions);
    let most = ranked.first().map_or(1, |(_, tally)| tally.calls());
    let carried: u64 = versions.values().map(Tally::calls).sum();
    let listed = Listed::of(ranked.len(), limit.unwrap_or(LISTED), "version", "versions");
    let rows = ranked.iter().take(listed.shown).map(|(version, tally)| TableRow {
        name: (*version).to_owned(),
        href: Some(cx.filtered(|filter| filter.version = Some((*version).to_owned()))),
        bar: Some(bar(tally.calls(), most)),
        cells: vec![
            Shown::Rank(words::count(tally.calls())),
            Shown::Number(words::percent(tally.calls(), carried)),
            failed(tally),
            Shown::known(quantile(tally, 0.5)),
            Shown::known(quantile(tally, 0.95)),
        ],
    });
    let rows: Vec<TableRow> = rows.collect();
    let body = if rows.is_empty() {
        Body::Missing("No call of this period named its version.".to_owned())
    } else {
        let columns = vec![
            ("", "Version"),
            ("", "Calls"),
            ("", "Share"),
            ("wide", "Failed"),
            ("wide", "Median"),
            ("mid", "Slowest 5%"),
        ];
        let note = listed.note;
        Body::Table(Table { id: "versions", title: None, columns, rows, bad: false, note })
    };
    let mut links = cx.api("versions", "");
    if limit.is_some() {
        links.insert(0, ("All versions".to_owned(), cx.page("/versions")));
    }
    Ok(Part {
        id: "versions",
        title: "Versions".to_owned(),
        note: "Shares are of the calls that named their version. Choose one to see only its calls."
            .to_owned(),
        links,
        body: vec![body],
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::charts::Bucket;
    use crate::stats::Grain;
    use stages::Status;
    use stages::rollup::Measures;

    #[test]
    fn new_versions_are_marked_where_they_were_first_seen() {
        let day = |n: i64| Hour::parse("2026-08-17T00:00:00Z").unwrap().plus(24 * n);
        let buckets = (0..3).map(|n| Bucket { at: day(n), extent: Extent::Whole }).collect();
        let time = Time { grain: Grain::Day, buckets };
        let cell = |n, version: &str, calls| Cell {
            bucket: day(n),
            tool: "a".to_owned(),
            value: version.to_owned(),
            status: Status::Success,
            measures: Measures { calls, ..Measures::default() },
        };
        let cells = [cell(0, "1.0", 9), cell(2, "1.1", 1), cell(1, "1.1", 2), cell(1, "", 3)];
        let new = new_ones(&time, &cells, |version, _| version != "1.0");
        assert_eq!(new, [Release { at: 1, version: "1.1".to_owned() }]);
    }
}
