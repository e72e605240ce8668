//! The page about the server itself: whether it receives, and where every event went.

use std::collections::BTreeMap;
use std::sync::Arc;

use askama::Template;
use salvo::handler;
use salvo::http::{Request, Response};

use super::model::{Body, Cell, Figure, Page, Part, Prose, Table, TableRow};
use super::shell::Shell;
use super::{HTML, TEXT, prefers_text, protect, refuse, text};
use crate::http::cached;
use crate::http::problem::Problem;
use crate::http::state::State;
use crate::http::status::{Reader, Status, View};
use crate::stats::Query;
use crate::words;

const SECONDS_PER_MINUTE: u64 = 60;
const SECONDS_PER_HOUR: u64 = 3_600;
const SECONDS_PER_DAY: u64 = 86_400;

/// What the members of the ledger mean, in the order in which they add up.
const LEDGER: [(&str, &str, &str); 7] = [
    ("accepted", "Accepted", "answered with 200, and on disk before the answer left"),
    ("persisted", "Stored", "counted in the numbers of these pages"),
    ("duplicate", "Duplicates", "sent again, and not counted again"),
    ("dead_letter", "Set aside", "could not be stored; an operator can look at them and try again"),
    ("discarded", "Discarded", "dropped by an operator before they were stored"),
    ("queued", "Waiting", "accepted and not stored yet"),
    ("balance", "Missing", "what the lines above leave: 0, but for a moment under load"),
];

/// `/status`
pub(super) struct StatusPage(pub(super) Arc<State>);

#[handler]
impl StatusPage {
    async fn handle(&self, req: &mut Request, res: &mut Response) {
        let status = Status { state: Arc::clone(&self.0), reader: Reader::Public };
        let page = page(&status.view().await);
        let plain = prefers_text(req.headers());
        let body = if plain {
            Ok((TEXT, text::render(&page)))
        } else {
            page.render().map(|html| (HTML, html)).map_err(Problem::internal)
        };
        match body {
            Ok((kind, body)) => {
                protect(res);
                cached::respond(req.headers(), res, kind, cached::NO_STORE, body);
            }
            Err(problem) => refuse(res, &problem),
        }
    }
}

fn page(view: &View) -> Page {
    let healthy = view.status == "healthy";
    let heading = if healthy {
        ("Everything works.".to_owned(), String::new())
    } else {
        ("Something is not as it should be.".to_owned(), String::new())
    };
    let mut shell =
        Shell::new(heading.0.trim_end_matches('.').to_owned(), "/status", &Query::default(), None);
    shell.description =
        "Whether events arrive and are counted: queue, workers, and what became of each event."
            .to_owned();
    shell.live = true;
    Page {
        shell,
        crumb: None,
        heading,
        lead: format!(
            "The server has been up for {}. {}",
            age(view.uptime_seconds),
            if view.database.connected {
                "Events are accepted, and the store answers."
            } else {
                "The store does not answer: events are accepted and wait in the queue."
            }
        ),
        controls: None,
        sheet: None,
        figures: figures(view),
        parts: [ledger(view), workers(view), refused(view), pipeline(view)]
            .into_iter()
            .flatten()
            .collect(),
    }
}

fn number(n: i64) -> Option<String> {
    u64::try_from(n).ok().map(words::count)
}

fn figure(term: &'static str, value: Option<String>, note: &str) -> Figure {
    Figure {
        term,
        known: value.is_some(),
        value: value.unwrap_or_else(|| "Not known".to_owned()),
        change: None,
        note: note.to_owned(),
    }
}

fn figures(view: &View) -> Vec<Figure> {
    let last = view.last_event_received.as_deref().and_then(stages::Hour::parse);
    let last =
        last.map(|hour| format!("{}, {}", words::short_date(hour), words::time_of_day(hour)));
    let lag = view.workers.iter().map(|worker| worker.lag_seconds).max().unwrap_or(-1);
    vec![
        figure("Events stored", number(view.events_processed), "since installation"),
        figure("Newest event", last, "hour of receipt, UTC"),
        figure("Waiting", number(view.queue.depth), "events in the queue"),
        figure("Lag", u64::try_from(lag).ok().map(age), "between acceptance and the numbers"),
        figure("Workers", Some(view.workers.len().to_string()), "with a heartbeat"),
    ]
}

fn ledger(view: &View) -> Option<Part> {
    let members: BTreeMap<&str, Option<i64>> = view.ledger.known.members().into_iter().collect();
    let rows = LEDGER.into_iter().map(|(member, name, meaning)| TableRow {
        name: name.to_owned(),
        href: None,
        bar: None,
        cells: vec![
            members.get(member).copied().flatten().map_or(Cell::Unknown, |n| Cell::Rank(signed(n))),
            Cell::Text(meaning.to_owned()),
        ],
    });
    Some(Part {
        id: "ledger",
        title: "Where every event went".to_owned(),
        note: "Accepted is the sum of the lines below it, at any time and after any failure."
            .to_owned(),
        links: vec![("JSON".to_owned(), "/v1/status".to_owned())],
        body: vec![Body::Table(Table {
            id: "ledger",
            title: None,
            columns: vec![("", "Events"), ("", "Since installation"), ("wide text", "Meaning")],
            rows: rows.collect(),
            bad: false,
            note: String::new(),
        })],
    })
}

fn signed(n: i64) -> String {
    let sign = if n < 0 { "−" } else { "" };
    format!("{sign}{}", words::count(n.unsigned_abs()))
}

fn workers(view: &View) -> Option<Part> {
    let rows = view.workers.iter().map(|worker| TableRow {
        name: worker.id.clone(),
        href: None,
        bar: None,
        cells: vec![
            Cell::Number(format!("{} ago", age(worker.heartbeat_age_seconds))),
            Cell::known(u64::try_from(worker.lag_seconds).ok().map(age)),
        ],
    });
    (!view.workers.is_empty()).then(|| Part {
        id: "workers",
        title: "Workers".to_owned(),
        note: "They take events out of the queue and store them.".to_owned(),
        links: Vec::new(),
        body: vec![Body::Table(Table {
            id: "workers",
            title: None,
            columns: vec![("", "Worker"), ("", "Heartbeat"), ("", "Lag")],
            rows: rows.collect(),
            bad: false,
            note: String::new(),
        })],
    })
}

fn refused(view: &View) -> Option<Part> {
    let of = |what: &'static str, codes: &BTreeMap<String, u64>| {
        let rows = codes.iter().map(|(code, n)| TableRow {
            name: code.clone(),
            href: None,
            bar: None,
            cells: vec![Cell::Rank(words::count(*n)), Cell::Number(what.to_owned())],
        });
        rows.collect::<Vec<TableRow>>()
    };
    let mut rows = of("events", &view.ledger.refused);
    rows.extend(of("requests", &view.ledger.refused_requests));
    (!rows.is_empty()).then(|| Part {
        id: "refused",
        title: "Turned away".to_owned(),
        note: "By reason. Nothing of what was turned away is kept.".to_owned(),
        links: Vec::new(),
        body: vec![Body::Table(Table {
            id: "refused",
            title: None,
            columns: vec![("", "Reason"), ("", "How many"), ("", "Of what")],
            rows,
            bad: false,
            note: String::new(),
        })],
    })
}

fn pipeline(view: &View) -> Option<Part> {
    let mut terms = vec![("Loaded".to_owned(), moment(&view.pipeline.loaded_at))];
    if !view.pipeline.valid {
        terms.push((
            "The newest file is not in force".to_owned(),
            view.pipeline.last_error.clone().unwrap_or_default(),
        ));
    }
    let window = view.queue.loss_window_seconds;
    let promise = if window == 0 {
        "An event that was answered with 200 survives a crash of any process.".to_owned()
    } else {
        format!("A crash of the queue may lose what was accepted in the last {}.", age(window))
    };
    terms.push(("Durability".to_owned(), promise));
    Some(Part {
        id: "pipeline",
        title: "Pipeline".to_owned(),
        note: "What an operator has declared in pipeline.yaml.".to_owned(),
        links: Vec::new(),
        body: vec![Body::Prose(Prose { terms })],
    })
}

/// `2026-08-20T14:30:00.000Z` as `20 August 2026, 14:30 UTC`.
fn moment(timestamp: &str) -> String {
    let parts = timestamp.split_once('T').and_then(|(date, time)| {
        let midnight = stages::Hour::parse(&format!("{date}T00:00:00Z"))?;
        Some(format!("{}, {} UTC", words::long_date(midnight), time.get(..5)?))
    });
    parts.unwrap_or_else(|| timestamp.to_owned())
}

/// `3 seconds`, `5 minutes`, `2 days`
fn age(seconds: u64) -> String {
    match seconds {
        0..SECONDS_PER_MINUTE => words::counted(seconds, "second", "seconds"),
        SECONDS_PER_MINUTE..SECONDS_PER_HOUR => {
            words::counted(seconds / SECONDS_PER_MINUTE, "minute", "minutes")
        }
        SECONDS_PER_HOUR..SECONDS_PER_DAY => {
            words::counted(seconds / SECONDS_PER_HOUR, "hour", "hours")
        }
        _ => words::counted(seconds / SECONDS_PER_DAY, "day", "days"),
    }
}
