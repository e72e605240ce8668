//! Tools, ranked.

use super::super::controls::href;
use super::super::model::{Body, Cell, Part, Table, TableRow};
use super::super::numbers::{More, by_bucket, growth, values};
use super::{Cx, Listed};
use crate::charts::{bar, sparkline};
use crate::stats::Tally;
use crate::stats::tally::ranked;
use crate::words;

/// Most tools of the list, and of the list by time, which shares its page with much else.
const LISTED: usize = 40;
const TIMED: usize = 20;

/// Above this share of failed calls a tool deserves attention: one in twenty.
const POOR: u64 = 20;

/// Tools by calls, at most `limit`.
pub(in super::super) fn tools(cx: &Cx<'_>, limit: Option<usize>) -> Part {
    let Cx { asked, numbers, .. } = cx;
    let (tools, before) = (numbers.tools(), numbers.tools_before());
    let ranked = ranked(&tools);
    let most = ranked.first().map_or(1, |(_, tally)| tally.calls());
    let compared = asked.compared.is_some();
    let mut columns = vec![("", "Tool"), ("", "Calls")];
    columns.push(if compared { ("mid", "Change") } else { ("mid", "Share") });
    columns.extend([
        ("mid", "Over time"),
        ("wide", "Failed"),
        ("wide", "Median"),
        ("", "Slowest 5%"),
    ]);
    let listed = Listed::of(ranked.len(), limit.unwrap_or(LISTED), "tool", "tools");
    let rows = ranked.iter().take(listed.shown).map(|(name, tally)| {
        let of_tool = numbers.cells.iter().filter(|cell| cell.tool == *name);
        let mut line =
            values(&by_bucket(asked, &asked.window, of_tool), |t| Some(t.calls() as f64));
        // What is still growing would look like a fall.
        if numbers.time.running().is_some() {
            line.pop();
        }
        let second = if compared {
            let before = before.get(name).map_or(0, Tally::calls);
            Cell::Change(growth(tally.calls() as f64, before as f64, More::Neither))
        } else {
            Cell::Number(words::percent(tally.calls(), numbers.total.calls()))
        };
        TableRow {
            name: (*name).to_owned(),
            href: Some(tool_page(cx, name)),
            bar: Some(bar(tally.calls(), most)),
            cells: vec![
                Cell::Rank(words::count(tally.calls())),
                second,
                Cell::Drawing(sparkline(&line)),
                failed(tally),
                Cell::known(quantile(tally, 0.5)),
                Cell::known(quantile(tally, 0.95)),
            ],
        }
    });
    let missing = "Nothing was called in this period. A longer one may show more.";
    let body = table("tools", columns, rows.collect(), listed.note, missing);
    let mut links = cx.api("tools", "");
    if limit.is_some() {
        links.insert(0, ("All tools".to_owned(), cx.page("/tools")));
    }
    Part {
        id: "tools",
        title: "Tools".to_owned(),
        note:
            "Most called first. A bar compares a tool with the first one; small lines have a scale \
               of their own. A dash means that no call said how long it took."
                .to_owned(),
        links,
        body: vec![body],
    }
}

/// How long calls of each tool take.
pub(in super::super) fn tool_times(cx: &Cx<'_>) -> Part {
    let tools = cx.numbers.tools();
    let mut timed: Vec<(&str, &Tally)> = tools
        .iter()
        .map(|(name, tally)| (*name, tally))
        .filter(|(_, t)| t.measures.time_count > 0)
        .collect();
    let slow = |tally: &Tally| tally.quantile(0.95);
    timed.sort_by_key(|(name, tally)| (std::cmp::Reverse(slow(tally)), *name));
    let most = timed.first().map_or(1, |(_, tally)| slow(tally));
    let listed = Listed::of(timed.len(), TIMED, "tool", "tools");
    let rows = timed.iter().take(listed.shown).map(|(name, tally)| TableRow {
        name: (*name).to_owned(),
        href: Some(tool_page(cx, name)),
        bar: Some(bar(slow(tally), most)),
        cells: vec![
            Cell::Rank(words::duration(slow(tally) as f64)),
            Cell::known(quantile(tally, 0.5)),
            Cell::known(quantile(tally, 0.99)),
            Cell::known(tally.measures.mean().map(words::duration)),
            Cell::Number(words::percent(tally.measures.time_count, tally.calls())),
        ],
    });
    let columns = vec![
        ("", "Tool"),
        ("", "Slowest 5%"),
        ("", "Median"),
        ("wide", "Slowest 1%"),
        ("wide", "Mean"),
        ("mid", "Calls with a time"),
    ];
    let missing = "No call of this period said how long it took.";
    let body = table("by-tool", columns, rows.collect(), listed.note, missing);
    Part {
        id: "by-tool",
        title: "By tool".to_owned(),
        note: "Slowest first. “Slowest 5%” is the time that one call in twenty exceeds.".to_owned(),
        links: cx.api_alone("response-times", "&by=tool"),
        body: vec![body],
    }
}

/// The list, or why there is none.
fn table(
    id: &'static str,
    columns: Vec<(&'static str, &'static str)>,
    rows: Vec<TableRow>,
    note: String,
    missing: &str,
) -> Body {
    if rows.is_empty() {
        return Body::Missing(missing.to_owned());
    }
    Body::Table(Table { id, title: None, columns, rows, bad: false, note })
}

fn tool_page(cx: &Cx<'_>, name: &str) -> String {
    let mut query = cx.linked.clone();
    query.filter.tool = None;
    href(&format!("/tools/{}", crate::stats::query::Escaped(name)), &query)
}

/// The share of calls that failed.
pub(super) fn failed(tally: &Tally) -> Cell {
    let share = words::percent(tally.failures(), tally.calls());
    if tally.failures() * POOR > tally.calls() { Cell::Poor(share) } else { Cell::Number(share) }
}

/// A percentile in words.
pub(super) fn quantile(tally: &Tally, q: f64) -> Option<String> {
    tally.measures.quantile(q).map(|ms| words::duration(ms as f64))
}
