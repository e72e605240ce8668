//! The page with numbers: every text on it, worked out before the template lays it out.

use std::collections::BTreeMap;

use askama::Template;
use stages::Hour;

use super::chart::{Chart, Extent, Point, chart, summary};
use super::shell::Shell;
use super::words;
use crate::stats::answers::errors::kinds;
use crate::stats::asked::Failure;
use crate::stats::tally::{ranked, tally, total};
use crate::stats::{Asked, Grain, Period, Tally, Window};
use crate::store::read::{Cell, ErrorCell};

/// Most kinds of error that the page lists.
const KINDS: usize = 8;

/// Everything that the page is made from.
pub(super) struct Cells {
    /// All calls, in the store's grain for the window.
    pub(super) series: Vec<Cell>,
    /// By version.
    pub(super) versions: Vec<Cell>,
    /// Errors.
    pub(super) errors: Vec<ErrorCell>,
}

/// The page.
#[derive(Template)]
#[template(path = "overview.html")]
pub(super) struct Page {
    shell: Shell,
    /// The query that asks the API for the same period.
    query: String,
    /// `88,938 calls`, and the rest of the headline.
    headline: (String, String),
    lead: String,
    chart: Chart,
    chart_title: &'static str,
    span: String,
    summary: String,
    /// When, and how many.
    rows: Vec<(String, String)>,
    cards: Vec<Card>,
    tools: Vec<ToolRow>,
    errors: Vec<ErrorRow>,
    errors_note: String,
}

struct Card {
    term: &'static str,
    value: String,
    /// Whether `value` is a number, and not the reason why there is none.
    known: bool,
    note: String,
}

struct ToolRow {
    name: String,
    /// Per cent of the longest bar.
    bar: f64,
    calls: String,
    share: String,
    failed: String,
    /// Whether more than one call in twenty failed.
    poor: bool,
    mean: Option<String>,
    slow: Option<String>,
}

struct ErrorRow {
    kind: String,
    /// Per cent of the longest bar.
    bar: f64,
    calls: String,
    share: String,
    tools: String,
    last: String,
}

impl Page {
    pub(super) fn new(asked: &Asked<'_>, cells: &Cells) -> Self {
        let (period, window) = (asked.query.period, &asked.window);
        let tools = tally(cells.series.iter().map(|c| (c.tool.as_str(), c.status, &c.measures)));
        let total = total(tools.values());
        let points = points(window, &cells.series);
        let said = in_words(period, window);
        let calls = match total.calls() {
            0 => "No calls".to_owned(),
            n => words::counted(n, "call", "calls"),
        };
        Self {
            shell: Shell::new(&format!("{calls} {said}"), asked.extent.last_received, Some(period)),
            query: period.query(),
            headline: (calls, said),
            lead: lead(&tools, &total),
            chart: chart(window.grain, &points),
            chart_title: match window.grain {
                Grain::Hour => "Calls per hour",
                Grain::Day => "Calls per day",
                Grain::Week => "Calls per week",
                Grain::Month => "Calls per month",
            },
            span: span(window),
            summary: summary(window.grain, &points),
            rows: points.iter().rev().map(|point| row(window.grain, point)).collect(),
            cards: cards(&total, &tools, &cells.versions),
            tools: tool_rows(&tools, total.calls()),
            errors: error_rows(&cells.errors),
            errors_note: errors_note(&cells.errors, &total),
        }
    }
}

/// Calls by bucket. Every bucket of the window is there; one without cells had no calls.
fn points(window: &Window, series: &[Cell]) -> Vec<Point> {
    let mut calls = BTreeMap::<Hour, u64>::new();
    for cell in series {
        *calls.entry(window.grain.floor(cell.bucket)).or_default() += cell.measures.calls;
    }
    let extent = |bucket, end| match () {
        () if end > window.now => Extent::Running,
        () if bucket < window.range.from || end > window.range.to => Extent::Cut,
        () => Extent::Whole,
    };
    let points = window.grain.buckets(window.range).map(|bucket| Point {
        bucket,
        calls: calls.get(&bucket).copied().unwrap_or_default(),
        extent: extent(bucket, window.grain.next(bucket)),
    });
    points.collect()
}

/// `in the last 30 days`
fn in_words(period: Period, window: &Window) -> String {
    match period {
        Period::Hours(1) => "in the current hour".to_owned(),
        Period::Days(1) => "today".to_owned(),
        Period::Months(1) => "this month".to_owned(),
        Period::Hours(n) => format!("in the last {n} hours"),
        Period::Days(n) => format!("in the last {n} days"),
        Period::Months(n) => format!("in the last {n} months"),
        Period::All => format!("since {}", words::long_date(window.range.from)),
        Period::Between(_) => format!("from {}", span(window)),
    }
}

/// `22 July 2026 to 20 August 2026`, both included.
fn span(window: &Window) -> String {
    let (first, last) = (window.range.from, window.range.to.plus(-1));
    let (from, to) = (words::long_date(first), words::long_date(last));
    if window.grain == Grain::Hour {
        let (from_hour, to_hour) = (words::time_of_day(first), words::time_of_day(window.range.to));
        return format!("{from}, {from_hour} to {to}, {to_hour}");
    }
    format!("{from} to {to}")
}

fn lead(tools: &BTreeMap<&str, Tally>, total: &Tally) -> String {
    let ranked = ranked(tools);
    let Some((name, top)) = ranked.first() else {
        return "Nothing was reported in this period. A longer one may show more.".to_owned();
    };
    let succeeded = words::percent(total.successes, total.calls());
    if ranked.len() == 1 {
        return format!("{succeeded} of them succeeded. All went to {name}.");
    }
    format!(
        "{succeeded} of them succeeded. The most called of {} tools is {name}, with {} of all calls.",
        ranked.len(),
        words::percent(top.calls(), total.calls()),
    )
}

fn row(grain: Grain, point: &Point) -> (String, String) {
    let when = words::bucket(grain, point.bucket);
    let when = match point.extent {
        Extent::Whole => when,
        Extent::Cut => format!("{when} (in part)"),
        Extent::Running => format!("{when} (so far)"),
    };
    (when, words::count(point.calls))
}

fn cards(total: &Tally, tools: &BTreeMap<&str, Tally>, versions: &[Cell]) -> Vec<Card> {
    let calls = total.calls();
    let timed = words::percent(total.measures.time_count, calls);
    let missing = if calls == 0 { "No data" } else { "Not reported" };
    let card = |term, value: Option<String>, note: String| Card {
        term,
        known: value.is_some(),
        value: value.unwrap_or_else(|| missing.to_owned()),
        note: if calls == 0 { String::new() } else { note },
    };
    let named = versions.iter().filter(|cell| !cell.value.is_empty());
    let versions = tally(named.map(|c| (c.value.as_str(), c.status, &c.measures)));
    let newest = ranked(&versions).first().map(|(version, tally)| {
        format!("{version} made {} of the calls", words::percent(tally.calls(), calls))
    });
    let untimed = || "no call said how long it took".to_owned();
    vec![
        card(
            "Calls",
            (calls > 0).then(|| words::count(calls)),
            format!("to {}", words::counted(tools.len() as u64, "tool", "tools")),
        ),
        card(
            "Success rate",
            (calls > 0).then(|| words::percent(total.successes, calls)),
            format!("{} failed", words::counted(total.failures(), "call", "calls")),
        ),
        card(
            "Mean response time",
            total.measures.mean().map(words::duration),
            total
                .measures
                .mean()
                .map_or_else(untimed, |_| format!("known for {timed} of the calls")),
        ),
        card(
            "Slowest 5%",
            quantile(total, 0.95).map(|slow| format!("over {slow}")),
            quantile(total, 0.5)
                .map_or_else(untimed, |half| format!("95th percentile; half take up to {half}")),
        ),
        card(
            "Versions in use",
            (!versions.is_empty()).then(|| words::count(versions.len() as u64)),
            newest.unwrap_or_else(|| "no call named its version".to_owned()),
        ),
    ]
}

fn quantile(tally: &Tally, q: f64) -> Option<String> {
    tally.measures.quantile(q).map(|ms| words::duration(ms as f64))
}

fn tool_rows(tools: &BTreeMap<&str, Tally>, calls: u64) -> Vec<ToolRow> {
    let ranked = ranked(tools);
    let most = ranked.first().map_or(1, |(_, tally)| tally.calls());
    let rows = ranked.into_iter().map(|(name, tally)| ToolRow {
        name: name.to_owned(),
        bar: bar(tally.calls(), most),
        calls: words::count(tally.calls()),
        share: words::percent(tally.calls(), calls),
        failed: words::percent(tally.failures(), tally.calls()),
        poor: tally.failures() * 20 > tally.calls(),
        mean: tally.measures.mean().map(words::duration),
        slow: quantile(tally, 0.95),
    });
    rows.collect()
}

/// Length of a bar in per cent of the longest, to a tenth, and never so short that it is not seen.
fn bar(part: u64, most: u64) -> f64 {
    ((part as f64 * 1_000.0 / most as f64).round() / 10.0).max(0.5)
}

fn failures(cells: &[ErrorCell]) -> Vec<Failure> {
    let failure = |cell: &ErrorCell| Failure {
        tool: cell.tool.clone(),
        error_type: cell.error_type.clone(),
        count: cell.count,
    };
    cells.iter().map(failure).collect()
}

/// `20 Aug, 15:00`: the last hour in which a kind was seen.
fn last_seen(cells: &[ErrorCell], kind: &str) -> String {
    let last = cells.iter().filter(|cell| cell.error_type == kind).map(|cell| cell.last).max();
    let shown = |last| format!("{}, {}", words::short_date(last), words::time_of_day(last));
    last.map(shown).unwrap_or_default()
}

fn error_rows(cells: &[ErrorCell]) -> Vec<ErrorRow> {
    let failures = failures(cells);
    let kinds = kinds(&failures);
    let named: u64 = kinds.iter().map(|kind| kind.count).sum();
    let most = kinds.first().map_or(1, |kind| kind.count);
    let rows = kinds.into_iter().take(KINDS).map(|kind| ErrorRow {
        kind: kind.name.to_owned(),
        bar: bar(kind.count, most),
        calls: words::count(kind.count),
        share: words::percent(kind.count, named),
        tools: tools_of(&kind.tools),
        last: last_seen(cells, kind.name),
    });
    rows.collect()
}

/// `get_forecast`, and `get_forecast +3` when three more reported it.
fn tools_of(tools: &[(&str, u64)]) -> String {
    match tools {
        [] => String::new(),
        [(only, _)] => (*only).to_owned(),
        [(first, _), others @ ..] => format!("{first} +{}", others.len()),
    }
}

fn errors_note(cells: &[ErrorCell], total: &Tally) -> String {
    let failures = failures(cells);
    let kinds = kinds(&failures);
    let named: u64 = kinds.iter().map(|kind| kind.count).sum();
    let mut notes = Vec::new();
    if kinds.len() > KINDS {
        let (more, calls) = (kinds.len() - KINDS, kinds[KINDS..].iter().map(|kind| kind.count));
        notes.push(format!(
            "{} more with {}.",
            words::counted(more as u64, "kind", "kinds"),
            words::counted(calls.sum(), "call", "calls")
        ));
    }
    let unnamed = total.failures().saturating_sub(named);
    if unnamed > 0 {
        let calls = words::counted(unnamed, "failed call", "failed calls");
        notes.push(format!("{calls} did not say what went wrong."));
    }
    notes.join(" ")
}
