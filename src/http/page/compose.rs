//! Which parts each page has, and the sentence that it opens with.

use stages::ports::StoreError;
use stages::rollup::Axis;

use super::controls::{Controls, href};
use super::model::{Body, Page, Part};
use super::numbers::{More, Numbers, growth};
use super::panels::{self, Cx, or_failed};
use super::shell::Shell;
use crate::http::problem::{Kind, Problem};
use crate::stats::tally::ranked;
use crate::stats::{Asked, Grain, Period, Query, Window};
use crate::store::read::{Filter, Range};
use crate::words;

/// Longest name that a tool can have.
const LONGEST_NAME: usize = 100;
/// Rows of a list that has a page of its own.
const SHORT_LIST: usize = 8;
/// Rows of the list that matters most.
const MANY: usize = 20;

/// A page with numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Which {
    Overview,
    Tools,
    Tool,
    Performance,
    Errors,
    Versions,
    Geography,
}

/// Puts a page together. `linked` is the question as the address has it.
pub(super) async fn page(which: Which, linked: &Query, asked: &Asked<'_>) -> Result<Page, Problem> {
    let tool = asked.query.filter.tool.clone().filter(|_| which == Which::Tool);
    if tool.as_ref().is_some_and(|tool| tool.chars().count() > LONGEST_NAME) {
        return Err(nothing_here());
    }
    let path = path(which, tool.as_deref());
    let (numbers, releases) = tokio::join!(Numbers::read(asked), panels::releases(asked));
    let numbers = numbers?;
    // Marks on a drawing are worth a question, but not a page.
    let releases = releases.unwrap_or_default();
    let cx = Cx { path: &path, linked, asked, numbers: &numbers, releases: &releases };
    if which == Which::Tool && numbers.total.calls() == 0 && !is_known(asked, &cx).await? {
        return Err(nothing_here());
    }
    let mut page = Page {
        shell: shell(which, &cx, &path),
        crumb: tool.as_ref().map(|_| ("Tools".to_owned(), href("/tools", linked))),
        heading: heading(which, &cx),
        lead: lead(which, &cx),
        controls: Some(Controls::new(&path, linked, &asked.window)),
        sheet: None,
        figures: Vec::new(),
        parts: Vec::new(),
    };
    fill(&mut page, which, &cx).await;
    Ok(page)
}

fn nothing_here() -> Problem {
    Problem::plain(Kind::NotFound, "there is nothing at this address")
}

/// The address of a page, without its question.
pub(super) fn path(which: Which, tool: Option<&str>) -> String {
    match which {
        Which::Overview => "/".to_owned(),
        Which::Tools => "/tools".to_owned(),
        Which::Tool => {
            format!("/tools/{}", crate::stats::query::Escaped(tool.unwrap_or_default()))
        }
        Which::Performance => "/performance".to_owned(),
        Which::Errors => "/errors".to_owned(),
        Which::Versions => "/versions".to_owned(),
        Which::Geography => "/geography".to_owned(),
    }
}

/// Whether a tool without calls in the period had some at another time.
async fn is_known(asked: &Asked<'_>, cx: &Cx<'_>) -> Result<bool, StoreError> {
    let Some(oldest) = asked.extent.oldest else { return Ok(false) };
    let ever = Range { from: oldest.day().start(), to: asked.window.now.plus(1) };
    let tools = asked.source.values(ever, Axis::Tool, &Filter::NONE).await?;
    Ok(cx.asked.query.filter.tool.as_ref().is_some_and(|tool| tools.contains(tool)))
}

/// The parts. Those that read for themselves fail for themselves.
async fn fill(page: &mut Page, which: Which, cx: &Cx<'_>) {
    match which {
        Which::Overview => {
            page.sheet = Some(panels::calls(cx));
            let tools = cx.numbers.tools().len() as u64;
            let to = format!("to {}", words::counted(tools, "tool", "tools"));
            page.figures = panels::figures(cx.numbers, to);
            let (week, versions, errors, places) = tokio::join!(
                panels::week(cx),
                panels::versions(cx, Some(SHORT_LIST)),
                panels::errors(cx, Some(SHORT_LIST)),
                panels::places(cx, Some(SHORT_LIST)),
            );
            page.parts = vec![
                panels::tools(cx, Some(MANY)),
                or_failed("week", "Hours of the week", week),
                or_failed("versions", "Versions", versions),
                or_failed("errors", "Kinds of error", errors.map(|errors| errors.part)),
                or_failed("countries", "Countries", places),
            ];
        }
        Which::Tools => {
            page.sheet = Some(panels::calls_of_tools(cx));
            page.parts = vec![panels::tools(cx, None)];
        }
        Which::Tool => {
            page.sheet = Some(panels::calls(cx));
            page.figures = panels::figures(cx.numbers, "in this period".to_owned());
            let (week, versions, errors, places) = tokio::join!(
                panels::week(cx),
                panels::versions(cx, Some(SHORT_LIST)),
                panels::errors(cx, Some(SHORT_LIST)),
                panels::places(cx, Some(SHORT_LIST)),
            );
            page.parts = vec![
                panels::response_times(cx),
                panels::distribution(cx),
                or_failed("versions", "Versions", versions),
                or_failed("errors", "Kinds of error", errors.map(|errors| errors.part)),
                or_failed("week", "Hours of the week", week),
                or_failed("countries", "Countries", places),
            ];
        }
        Which::Performance => {
            page.sheet = Some(panels::response_times(cx));
            page.figures = panels::of_times(cx.numbers);
            let services = panels::services(cx).await;
            page.parts = vec![
                panels::distribution(cx),
                panels::tool_times(cx),
                panels::cache(cx),
                or_failed("services", "Services", services),
            ];
        }
        Which::Errors => {
            page.sheet = Some(panels::error_rate(cx));
            let errors = panels::errors(cx, None).await;
            let named = errors.as_ref().ok().and_then(|errors| errors.named);
            page.figures = panels::of_errors(cx.numbers, named);
            page.parts = vec![
                or_failed("errors", "Kinds of error", errors.map(|errors| errors.part)),
                panels::outcomes(cx),
            ];
        }
        Which::Versions => {
            let (adoption, versions) =
                tokio::join!(panels::adoption(cx), panels::versions(cx, None));
            page.sheet = Some(or_failed("adoption", "Adoption", adoption));
            page.parts = vec![or_failed("versions", "Versions", versions)];
        }
        Which::Geography => {
            let (map, places) = tokio::join!(panels::world_map(cx), panels::places(cx, None));
            page.sheet = Some(or_failed("map", "Calls by country", map));
            page.parts = vec![or_failed("countries", "Countries", places)];
            same_reason_once(page);
        }
    }
}

/// When the map has nothing to show, the list has the same reason.
fn same_reason_once(page: &mut Page) {
    let missing = |part: &Part| matches!(part.body.as_slice(), [Body::Missing(_)]);
    if page.sheet.as_ref().is_some_and(missing) && page.parts.iter().all(missing) {
        page.parts.clear();
    }
}

fn shell(which: Which, cx: &Cx<'_>, path: &str) -> Shell {
    let name = match which {
        Which::Overview => "Usage",
        Which::Tools => "Tools",
        Which::Tool => cx.asked.query.filter.tool.as_deref().unwrap_or_default(),
        Which::Performance => "Performance",
        Which::Errors => "Errors",
        Which::Versions => "Versions",
        Which::Geography => "Geography",
    };
    let said = in_words(cx.linked.period, &cx.asked.window);
    let mut shell =
        Shell::new(format!("{name} {said}"), path, cx.linked, cx.asked.extent.last_received);
    let (calls, total) = (cx.numbers.total.calls(), &cx.numbers.total);
    shell.description = format!(
        "{} {said}, of which {} succeeded.",
        words::counted(calls, "call", "calls"),
        words::percent(total.successes, calls)
    );
    shell
}

/// The number that a page comes down to, and what it is.
fn heading(which: Which, cx: &Cx<'_>) -> (String, String) {
    let total = &cx.numbers.total;
    let said = in_words(cx.linked.period, &cx.asked.window);
    let calls = match total.calls() {
        0 => "No calls".to_owned(),
        n => words::counted(n, "call", "calls"),
    };
    match which {
        Which::Overview => (calls, format!("{said}{}", compared(cx))),
        Which::Tool => (cx.asked.query.filter.tool.clone().unwrap_or_default(), String::new()),
        Which::Tools => {
            let tools = cx.numbers.tools().len() as u64;
            (words::counted(tools, "tool", "tools"), format!("took {} {said}.", lower(&calls)))
        }
        Which::Performance => match total.measures.quantile(0.5) {
            Some(ms) => (
                words::duration(ms as f64),
                format!("is what half of the calls stay below, {said}."),
            ),
            None => ("No times".to_owned(), format!("were reported {said}.")),
        },
        Which::Errors => match total.calls() {
            0 => (calls, format!("{said}.")),
            n => (words::percent(total.failures(), n), format!("of the calls failed {said}.")),
        },
        Which::Versions => ("Who is where:".to_owned(), format!("versions {said}.")),
        Which::Geography => ("Where calls come from,".to_owned(), format!("{said}.")),
    }
}

fn lower(text: &str) -> String {
    text.strip_prefix('N').map_or_else(|| text.to_owned(), |rest| format!("n{rest}"))
}

/// `, 8.4% more than before.`
fn compared(cx: &Cx<'_>) -> String {
    let now = cx.numbers.total.calls() as f64;
    let before = cx.numbers.total_before.as_ref().map(|before| before.calls() as f64);
    match before.and_then(|before| growth(now, before, More::Neither)) {
        Some(change) if change.arrow == "=" => ", as many as before.".to_owned(),
        Some(change) if change.amount.ends_with(words::TIMES) => {
            format!(", {} as many as before.", change.amount)
        }
        Some(change) if change.arrow == "▲" => format!(", {} more than before.", change.amount),
        Some(change) => format!(", {} fewer than before.", change.amount),
        None => ".".to_owned(),
    }
}

fn lead(which: Which, cx: &Cx<'_>) -> String {
    let total = &cx.numbers.total;
    if total.calls() == 0 {
        return "Nothing was reported in this period, or the filters leave nothing of it. A longer \
                period may show more."
            .to_owned();
    }
    // The heading names a range that was chosen by its ends.
    let span = match cx.linked.period {
        Period::Between(_) => "All times are UTC".to_owned(),
        _ => format!("{}, UTC", span(&cx.asked.window)),
    };
    let succeeded = words::percent(total.successes, total.calls());
    match which {
        Which::Overview => {
            let tools = cx.numbers.tools();
            let ranked = ranked(&tools);
            match ranked.as_slice() {
                [(name, _)] => {
                    format!("{succeeded} of them succeeded. All went to {name}. {span}.")
                }
                [(name, top), ..] => format!(
                    "{succeeded} of them succeeded. The most called of {} tools is {name}, with {} of all \
                     calls. {span}.",
                    ranked.len(),
                    words::percent(top.calls(), total.calls()),
                ),
                [] => String::new(),
            }
        }
        Which::Tool => format!(
            "{} {}{} {succeeded} of them succeeded. {span}.",
            words::counted(total.calls(), "call", "calls"),
            in_words(cx.linked.period, &cx.asked.window),
            compared(cx),
        ),
        Which::Tools => {
            format!("{succeeded} of the calls succeeded. Choose a tool to see more of it. {span}.")
        }
        Which::Performance => format!(
            "{} of the calls said how long they took; every number here rests on those. {span}.",
            words::percent(total.measures.time_count, total.calls())
        ),
        Which::Errors => format!(
            "{} of {}. {span}.",
            words::counted(total.failures(), "failed call", "failed calls"),
            words::counted(total.calls(), "call", "calls"),
        ),
        Which::Versions | Which::Geography => {
            format!("{}. {span}.", words::counted(total.calls(), "call", "calls"))
        }
    }
}

/// `in the last 30 days`
pub(super) fn in_words(period: Period, window: &Window) -> String {
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

/// `22 July to 20 August 2026`, both included.
fn span(window: &Window) -> String {
    let Range { from, to } = window.range;
    let of_days = [from, to].iter().all(|hour| *hour == hour.day().start());
    if window.grain == Grain::Hour && !of_days {
        return words::hours(from, to);
    }
    words::dates(from, to.plus(-1))
}
