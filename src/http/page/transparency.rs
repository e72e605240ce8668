//! `/transparency` and `/v1/schema.json`: everything that is stored, made from the settings in force.

use std::sync::Arc;

use askama::Template;
use salvo::http::header::{CONTENT_SECURITY_POLICY, HeaderValue};
use salvo::http::{Request, Response};
use salvo::{Router, handler};
use stages::Hour;
use stages::units::Span;

use super::model::{Body, Entries, EntryView, Figure, Page, Part, Prose, Said};
use super::shell::{Shell, sentence};
use super::trial::{self, Trial};
use super::{HTML, TEXT, prefers_text, refuse, send, text};
use crate::http::cached;
use crate::http::get;
use crate::http::problem::Problem;
use crate::http::state::State;
use crate::stats::Query;
use crate::transparency::{Document, Field, Names, Rules, Table, words};

const JSON: &str = "application/json";
/// As for other pages, and no script: people paste what they would not send into this one. Without a
/// script only checkers connect, which look for /robots.txt from within a page.
const POLICY: &str = "default-src 'none'; style-src 'self'; img-src 'self'; connect-src 'self'; \
                      form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// The routes. They need nothing of the store.
pub(super) fn routes(state: &Arc<State>) -> Router {
    Router::new()
        .push(get("v1/schema.json", Schema(Arc::clone(&state.document))))
        .push(get("transparency", Show(Arc::clone(state))))
        .push(Router::with_path("transparency").post(Trial::new(state)))
}

struct Schema(Arc<Document>);

#[handler]
impl Schema {
    async fn handle(&self, req: &mut Request, res: &mut Response) {
        match serde_json::to_vec(&*self.0) {
            Ok(body) => cached::respond(req.headers(), res, JSON, cached::MINUTE, body),
            Err(error) => Problem::internal(error).write(res),
        }
    }
}

struct Show(Arc<State>);

#[handler]
impl Show {
    async fn handle(&self, req: &mut Request, res: &mut Response) {
        let page = page(&self.0.document, self.0.clock.hour());
        if prefers_text(req.headers()) {
            return send(req.headers(), res, TEXT, text::render(&page));
        }
        match page.render() {
            Ok(html) => {
                send(req.headers(), res, HTML, html);
                forbid_script(res);
            }
            Err(error) => refuse(res, &Problem::internal(error)),
        }
    }
}

pub(super) fn forbid_script(res: &mut Response) {
    res.headers_mut().insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
}

pub(super) fn page(document: &Document, now: Hour) -> Page {
    let content = &document.content;
    let title = "What is stored here";
    let mut shell = Shell::new(title.to_owned(), "/transparency", &Query::default(), None);
    shell.still = true;
    shell.description =
        "Every field and table, what it is for, and for how long it is kept.".to_owned();
    Page {
        shell,
        crumb: None,
        heading: (title.to_owned(), "and what is not.".to_owned()),
        lead:
            "Made from the settings that this server runs with, and tested against what it stores. \
               You can try an event of your own below: nothing of it is kept."
                .to_owned(),
        controls: None,
        sheet: None,
        figures: figures(content.fields.len(), &content.fields, &content.rules),
        parts: vec![
            never(document),
            part("fields", "Fields of an event", FIELDS, entries(content.fields.iter().map(field))),
            trial::form_part(now),
            part(
                "rules",
                "Rules",
                "What happens to whole events and small numbers.",
                rules(&content.rules),
            ),
            part("tables", "Tables", TABLES, entries(content.tables.iter().map(table))),
            fingerprint(document),
        ],
    }
}

const FIELDS: &str = "All that can be stored of an event. What a field may hold is tested against the stages: \
                      nothing else gets through.";
const TABLES: &str = "All that is kept, on the way to the store and in it. Days are deleted whole, soon after \
                      their time, counted from the newest event.";

fn part(id: &'static str, title: &str, note: &str, body: Body) -> Part {
    Part { id, title: title.to_owned(), note: note.to_owned(), links: Vec::new(), body: vec![body] }
}

fn entries(entries: impl Iterator<Item = EntryView>) -> Body {
    Body::Entries(Entries { ordered: false, entries: entries.collect() })
}

fn figures(many: usize, fields: &[Field], rules: &Rules) -> Vec<Figure> {
    let figure =
        |term, value: String, note: String| Figure { term, value, known: true, change: None, note };
    let single = fields.first().map(|field| duration(field.kept.rows)).unwrap_or_default();
    let (published, note) = match rules.min_cell {
        1 => ("Everything".to_owned(), "however few calls a number rests on".to_owned()),
        least => (
            format!("{least} calls"),
            format!("in {least} batches, of a country, version, service or error type"),
        ),
    };
    let (country, from) = match &rules.country_header {
        Some(header) => ("A proxy says", format!("in the header {header}, or the client does")),
        None => ("Clients say", "no header is believed, no address looked up".to_owned()),
    };
    vec![
        figure(
            "Addresses stored",
            "None".to_owned(),
            "nor user agents, cookies or moments".to_owned(),
        ),
        figure("Fields of an event", many.to_string(), "each with what it may hold".to_owned()),
        figure("Single events kept", single, "then only sums are left".to_owned()),
        figure("Published from", published, note),
        figure("Countries", country.to_owned(), from),
    ]
}

fn never(document: &Document) -> Part {
    let things = document.content.not_stored.iter();
    let terms = things.map(|thing| (thing.name.to_owned(), thing.fate.to_owned()));
    let body = Body::Prose(Prose { terms: terms.collect() });
    part("never", "What is not stored", "What arrives, and is not kept as it came.", body)
}

fn field(field: &Field) -> EntryView {
    let said = words::of(&field.allowed).into_iter().map(|said| Said {
        before: said.keys,
        words: said.words,
        after: if said.names.is_empty() { said.pattern.into_iter().collect() } else { said.names },
    });
    let levels = match field.levels.as_slice() {
        [_, _, _] => "at every level".to_owned(),
        [only] => format!("at level {only}"),
        levels => format!("at levels {}", levels.join(" and ")),
    };
    let sent = match field.required {
        "always" => format!("always, {levels}"),
        "never" => format!("if the client tells it, {levels}"),
        required => format!("{levels}; required {required}"),
    };
    let sent = if field.name == "received_hour" { field.required.to_owned() } else { sent };
    let kept = &field.kept;
    let places = [
        (Some(kept.rows), "single events"),
        (kept.hourly_sums, "sums by hour"),
        (kept.daily_sums, "sums by date"),
        (kept.errors, "failed calls by type"),
    ];
    let kept: Vec<String> = places
        .into_iter()
        .filter_map(|(span, place)| Some(format!("{} in {place}", duration(span?))))
        .collect();
    let mut terms = vec![
        ("May hold", said.collect()),
        ("Sent", vec![Said::words(sent)]),
        ("Kept", vec![Said::words(kept.join(", "))]),
    ];
    if let Some(floor) = field.floor.filter(|floor| *floor > 1) {
        let words = format!("only sums of {floor} calls in {floor} batches or more");
        terms.push(("Published", vec![Said::words(words)]));
    }
    EntryView {
        name: field.name.to_owned(),
        text: sentence(field.purpose),
        terms,
        ..EntryView::default()
    }
}

fn table(table: &Table) -> EntryView {
    let place = match table.place {
        "store" => "",
        "queue" => " (queue)",
        _ => " (spool)",
    };
    let columns: Vec<_> = table
        .columns
        .iter()
        .map(|column| (column.name.to_owned(), column.purpose.to_owned()))
        .collect();
    let kept = table.kept.strip_suffix(['d', 'h']).and_then(|n| n.parse::<u64>().ok());
    let kept = match kept {
        Some(_) => in_words(&table.kept),
        None => table.kept.clone(),
    };
    EntryView {
        name: format!("{}{place}", table.name),
        text: table.purpose.to_owned(),
        terms: vec![("Kept", vec![Said::words(kept)])],
        more: (!columns.is_empty()).then(|| (format!("{} columns", columns.len()), columns)),
        ..EntryView::default()
    }
}

fn rules(rules: &Rules) -> Body {
    let data = &rules.personal_data;
    let mut found = match data.action.as_str() {
        "scrub" => "The name of its type is put in its place.",
        "drop-field" => "The member that holds it is left out.",
        _ => "The event is refused.",
    }
    .to_owned();
    let others = data.exceptions.iter().map(|other| format!("{}: {}", other.of, other.action));
    let mut add = |what: &str, items: Vec<String>| {
        if !items.is_empty() {
            found.push_str(&format!(" {what}: {}.", items.join(", ")));
        }
    };
    add("Otherwise for", others.collect());
    add("Not searched", data.not_searched.clone());
    add("Searched with further detectors", data.detectors.clone());
    if data.permitted > 0 {
        let texts =
            crate::words::counted(data.permitted as u64, "text or pattern", "texts or patterns");
        found.push_str(&format!(" {texts} of the operator's count as harmless."));
    }
    let parameters = match data.unknown_parameters.as_str() {
        "reject" => "The event is refused.",
        _ => "They are searched and then dropped.",
    };
    let names = match rules.unknown_names {
        Names::Other => "It counts as other.",
        Names::Refuse => "The event is refused.",
        Names::Keep => "It is stored, if it has the form of a name.",
    };
    let window = rules.window.as_ref().map_or_else(
        || "Any.".to_owned(),
        |window| {
            let (back, ahead) = (in_words(&window.back), in_words(&window.ahead));
            format!("From {back} before the current hour to {ahead} after it. Others are refused.")
        },
    );
    let budgets = rules.daily_values.iter();
    let budgets = budgets.map(|(name, most)| format!("{} of {name}", crate::words::count(*most)));
    let small = match rules.min_cell {
        1 => "Every number is published, also one that rests on a single call.".to_owned(),
        least => format!(
            "Numbers about a country, version, service or error type are published for whole dates that are \
             over, when {least} calls in {least} batches stand behind them. All others count as other, for ever."
        ),
    };
    let country = match &rules.country_header {
        Some(header) => format!(
            "From the event, or else from the header {header}, which is believed from a proxy of the operator \
             only. No address is looked up."
        ),
        None => {
            "From the event alone: no header is believed, and no address is looked up.".to_owned()
        }
    };
    let terms = [
        ("An event that holds personal data", found),
        ("Parameters that are not listed", parameters.to_owned()),
        ("A tool or service with another name", names.to_owned()),
        ("Hours in which a call may lie", window),
        (
            "Most different values on a date",
            budgets.collect::<Vec<_>>().join(", ") + "; further ones are other.",
        ),
        ("Small numbers", small),
        ("Countries", country),
    ];
    let terms = terms.into_iter().map(|(term, said)| (term.to_owned(), said));
    Body::Prose(Prose { terms: terms.collect() })
}

fn fingerprint(document: &Document) -> Part {
    let stages = document.content.stages.join(", ");
    let check = "curl -s ADDRESS/v1/schema.json | jq -cj 'del(.hash)' | sha256sum";
    let terms = [
        ("SHA-256", document.hash.clone()),
        ("To make it again", check.to_owned()),
        ("Stages that an event passes", stages),
    ];
    let terms = terms.into_iter().map(|(term, said)| (term.to_owned(), said));
    Part {
        links: vec![("JSON".to_owned(), "/v1/schema.json".to_owned())],
        ..part(
            "hash",
            "Fingerprint",
            "Changes when anything on this page does. Note it, and compare it later.",
            Body::Prose(Prose { terms: terms.collect() }),
        )
    }
}

/// `90 days`
fn duration(span: Span) -> String {
    in_words(&span.to_string())
}

/// `90d` as `90 days`; what is no such duration stays as it is.
fn in_words(span: &str) -> String {
    let of = |unit: char| span.strip_suffix(unit).and_then(|n| n.parse::<u64>().ok());
    match (of('d'), of('h')) {
        (Some(days), _) => crate::words::counted(days, "day", "days"),
        (_, Some(hours)) => crate::words::counted(hours, "hour", "hours"),
        _ => span.to_owned(),
    }
}

#[cfg(test)]
mod tests;
