//! Errors: how often, of which kind, and where.

use std::collections::BTreeMap;

use stages::ports::StoreError;

use super::super::model::{Body, Cell, ChartView, Part, Round, Table, TableRow};
use super::super::numbers::{More, by_bucket, growth, values};
use super::{Cx, UNKNOWN, rows};
use crate::charts::{Donut, Frame, Lines, Series, Unit, bar};
use crate::stats::Compare;
use crate::stats::answers::errors::{Kind, kinds};
use crate::words;

/// Most kinds that the list names.
const LISTED: usize = 20;

/// The share of calls that failed, over time.
pub(in super::super) fn error_rate(cx: &Cx<'_>) -> Part {
    let Cx { asked, numbers, .. } = cx;
    let buckets = by_bucket(asked, &asked.window, numbers.cells.iter());
    let rate = values(&buckets, |tally| tally.known_success_rate().map(|rate| 1.0 - rate));
    let failed = values(&buckets, |tally| Some(tally.failures() as f64));
    let series = [Series { name: "Error rate".to_owned(), values: rate }];
    let lines = Lines {
        frame: Frame { id: "rate" },
        time: &numbers.time,
        unit: Unit::Share,
        series: &series,
        before: None,
        releases: cx.releases,
    };
    let known = || series[0].values.iter().flatten().copied();
    let summary = match known().next() {
        None => "No calls in this period.".to_owned(),
        Some(_) => format!(
            "Between {} and {} of the calls failed in one {}.",
            words::share(known().fold(f64::INFINITY, f64::min)),
            words::share(known().fold(0.0, f64::max)),
            words::unit(numbers.time.grain).1
        ),
    };
    let cell = |value: Option<f64>, unit: Unit| {
        value.map_or_else(|| UNKNOWN.to_owned(), |value| unit.text(value))
    };
    let chart = ChartView {
        id: "rate",
        title: None,
        svg: lines.draw(),
        legend: Vec::new(),
        summary,
        head: vec!["Error rate".to_owned(), "Failed calls".to_owned()],
        rows: rows(&numbers.time, |i| {
            vec![cell(series[0].values[i], Unit::Share), cell(failed[i], Unit::Count)]
        }),
    };
    Part {
        id: "rate",
        title: "Error rate".to_owned(),
        note: String::new(),
        links: cx.api("timeseries", "&measure=calls&by=status"),
        body: vec![Body::Chart(chart)],
    }
}

/// Success and failure at a glance.
pub(in super::super) fn outcomes(cx: &Cx<'_>) -> Part {
    let total = &cx.numbers.total;
    let (good, bad) = (total.successes, total.failures());
    let label = words::percent(good, total.calls());
    let donut = Donut { frame: Frame { id: "outcomes" }, parts: &[good, bad], label: &label };
    let part = |class: &str, name: &str, calls: u64| {
        let value = format!("{} ({})", words::count(calls), words::percent(calls, total.calls()));
        (class.to_owned(), name.to_owned(), value)
    };
    let body = if total.calls() == 0 {
        Body::Missing("No calls in this period.".to_owned())
    } else {
        Body::Round(Round {
            id: "outcomes",
            title: String::new(),
            svg: donut.draw(),
            parts: vec![part("ring s0", "succeeded", good), part("ring s1", "failed", bad)],
            summary: format!("{label} of the calls succeeded."),
        })
    };
    Part {
        id: "outcomes",
        title: "Outcome".to_owned(),
        note: "Of all calls of the period.".to_owned(),
        links: cx.api("timeseries", "&measure=calls&by=status"),
        body: vec![body],
    }
}

/// What a list of kinds came from: the list, and the failed calls that named one.
pub(in super::super) struct Errors {
    pub(in super::super) part: Part,
    pub(in super::super) named: Option<u64>,
}

/// Kinds of error by calls, at most `limit`.
pub(in super::super) async fn errors(
    cx: &Cx<'_>,
    limit: Option<usize>,
) -> Result<Errors, StoreError> {
    let asked = cx.asked;
    let part = |more: &str, body, links| Part {
        id: "errors",
        title: "Kinds of error".to_owned(),
        note: format!(
            "As the client names them. Messages and parameters are never part of it.{more}"
        ),
        links,
        body: vec![body],
    };
    let mut links = cx.api("errors", "");
    if limit.is_some() {
        links.insert(0, ("All errors".to_owned(), cx.page("/errors")));
    }
    if !asked.knows_errors() {
        let why = "Kinds of error are counted by tool and version only. Remove the filter by country, \
                   service or level to see them.";
        return Ok(Errors { part: part("", Body::Missing(why.to_owned()), links), named: None });
    }
    let oldest = asked.extent.oldest;
    let earlier = match &asked.compared {
        // Nothing is known from before the oldest number, so nothing has grown.
        Some(compared) => {
            Some(compared.clone()).filter(|c| oldest.is_some_and(|oldest| oldest < c.range.to))
        }
        // Where nobody asked for it, a change is shown only where it rests on all of the hours before.
        None => {
            let before = asked.window.compared(Compare::Previous).ok();
            before.filter(|c| oldest.is_some_and(|oldest| oldest.day().start() <= c.range.from))
        }
    };
    let compared = asked.compared.is_some() || earlier.is_some();
    let before = async {
        match &earlier {
            Some(earlier) => asked.failures(earlier.range).await,
            None => Ok(Vec::new()),
        }
    };
    let seen = asked.source.sightings(asked.window.range, &asked.query.filter);
    let (failures, before, seen) =
        tokio::try_join!(asked.failures(asked.window.range), before, seen)?;
    let mut versions = BTreeMap::<&str, usize>::new();
    for sighting in &seen {
        *versions.entry(&sighting.error_type).or_default() += 1;
    }
    let before: BTreeMap<String, u64> =
        kinds(&before).into_iter().map(|kind| (kind.name.to_owned(), kind.count)).collect();
    let kinds = kinds(&failures);
    let named: u64 = kinds.iter().map(|kind| kind.count).sum();
    let shown = limit.unwrap_or(LISTED);
    let most = kinds.first().map_or(1, |kind| kind.count);
    // Of one tool, the list of tools would say nothing.
    let of_tools = asked.query.filter.tool.is_none();
    let rows = kinds.iter().take(shown).map(|kind| {
        let earlier = before.get(kind.name).copied().unwrap_or_default();
        let change = || Cell::Change(growth(kind.count as f64, earlier as f64, More::Worse));
        let versions = versions.get(kind.name).map(usize::to_string);
        let cells = [
            Some(Cell::Rank(words::count(kind.count))),
            compared.then(change),
            Some(Cell::Number(words::percent(kind.count, named))),
            of_tools.then(|| Cell::Number(tools_of(kind))),
            Some(Cell::known(versions)),
        ];
        TableRow {
            name: kind.name.to_owned(),
            href: None,
            bar: Some(bar(kind.count, most)),
            cells: cells.into_iter().flatten().collect(),
        }
    });
    let rows: Vec<TableRow> = rows.collect();
    let columns = [
        Some(("", "Kind")),
        Some(("", "Calls")),
        compared.then_some(("", "Change")),
        Some((if compared { "wide" } else { "" }, "Share")),
        of_tools.then_some(("wide", "Tools")),
        Some(("mid", "Versions")),
    ];
    let columns = columns.into_iter().flatten().collect();
    let body = if rows.is_empty() {
        Body::Missing("No kind of error was named in this period.".to_owned())
    } else {
        let note = note(&kinds, shown, cx.numbers.total.failures().saturating_sub(named));
        Body::Table(Table { id: "errors", title: None, columns, rows, bad: true, note })
    };
    let more = match (&asked.compared, &earlier) {
        (None, Some(_)) => " Changes are against as many hours before.",
        _ => "",
    };
    Ok(Errors { part: part(more, body, links), named: Some(named) })
}

/// `get_forecast +2`
fn tools_of(kind: &Kind<'_>) -> String {
    match kind.tools.as_slice() {
        [] => String::new(),
        [(only, _)] => (*only).to_owned(),
        [(first, _), others @ ..] => format!("{first} +{}", others.len()),
    }
}

fn note(kinds: &[Kind<'_>], shown: usize, unnamed: u64) -> String {
    let mut notes = Vec::new();
    if kinds.len() > shown {
        let calls: u64 = kinds[shown..].iter().map(|kind| kind.count).sum();
        notes.push(format!(
            "{} more with {}.",
            words::counted((kinds.len() - shown) as u64, "kind", "kinds"),
            words::counted(calls, "call", "calls")
        ));
    }
    if unnamed > 0 {
        let calls = words::counted(unnamed, "failed call", "failed calls");
        notes.push(format!("{calls} did not say what went wrong."));
    }
    notes.join(" ")
}
