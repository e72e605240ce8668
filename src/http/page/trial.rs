//! The form of `/transparency`: what each stage would do with an event, and what would be stored.
//!
//! The real stages run on ports of their own that live as long as one trial, so nothing of it is in
//! the queue, the set of what was seen, or a limit. It is not logged, and never cached.

use std::sync::Arc;
use std::time::Duration;

use askama::Template;
use salvo::handler;
use salvo::http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue};
use salvo::http::{Request, Response, StatusCode};
use serde_json::Value;
use stages::Hour;
use tokio::sync::Semaphore;
use tokio::time::timeout;

use super::model::{
    Body, Cell, Entries, EntryView, Page, Part, Prose, Said, Table, TableRow, TrialForm,
};
use super::shell::Shell;
use super::transparency::forbid_script;
use super::{HTML, refuse};
use crate::explain::{
    Change, ChangeKind, EventReport, Explanation, Note, Outcome, Row, Step, as_request,
    explain_with,
};
use crate::http::cached::NO_STORE;
use crate::http::problem::{Kind, Problem};
use crate::http::state::State;
use crate::stats::Query;
use crate::words;

/// Largest form: an event or a few, as a browser encodes them.
const FORM_BYTES: usize = 64 * 1024;
/// Time in which a form must have come.
const PATIENCE: Duration = Duration::from_secs(10);
/// Trials at a time. Each builds a pipeline of its own, so that nothing of it can be left over.
const TRIALS: usize = 2;
/// The name of the form's field.
const FIELD: &str = "event";
/// Ids of the events that are shown, and of their rows. More would make a page that nobody reads.
const SHOWN: [(&str, &str); 8] = [
    ("event-0", "row-0"),
    ("event-1", "row-1"),
    ("event-2", "row-2"),
    ("event-3", "row-3"),
    ("event-4", "row-4"),
    ("event-5", "row-5"),
    ("event-6", "row-6"),
    ("event-7", "row-7"),
];

/// Takes the form.
pub(super) struct Trial {
    state: Arc<State>,
    turns: Semaphore,
}

#[handler]
impl Trial {
    async fn handle(&self, req: &mut Request, res: &mut Response) {
        match self.try_out(req).await {
            Ok(html) => {
                res.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(HTML));
                res.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static(NO_STORE));
                forbid_script(res);
                res.status_code(StatusCode::OK);
                res.body(html);
            }
            Err(problem) => refuse(res, &problem),
        }
    }
}

impl Trial {
    pub(super) fn new(state: &Arc<State>) -> Self {
        Self { state: Arc::clone(state), turns: Semaphore::new(TRIALS) }
    }

    async fn try_out(&self, req: &mut Request) -> Result<String, Problem> {
        let too_large = || {
            let detail =
                format!("a form has at most {FORM_BYTES} bytes; the command explain takes more");
            Problem::plain(Kind::PayloadTooLarge, detail)
        };
        let too_slow = |_| Problem::plain(Kind::RequestTimeout, "the form did not come in time");
        let reading = timeout(PATIENCE, req.payload_with_max_size(FORM_BYTES));
        let body = reading.await.map_err(too_slow)?.map_err(|_| too_large())?;
        // A form without the field says as much as one in which it is empty.
        let event = form_urlencoded::parse(body).find(|(name, _)| name == FIELD);
        let event = event.map(|(_, event)| event).unwrap_or_default();
        // It is never closed.
        let _turn = self.turns.acquire().await.map_err(Problem::internal)?;
        let (settings, clock) = (&self.state.settings, Arc::clone(&self.state.clock));
        let request = as_request(event.as_bytes());
        let explanation = explain_with(settings, &stages::registry(), clock, &request).await;
        let explanation =
            explanation.map_err(|error| Problem::internal(error.into_boxed_dyn_error()))?;
        page(&explanation, self.state.clock.hour()).render().map_err(Problem::internal)
    }
}

/// The part with the form.
pub(super) fn form_part(now: Hour) -> Part {
    Part {
        id: "try",
        title: "Try an event".to_owned(),
        note: "See what each stage does with it and what would be stored. It is kept nowhere: not in the queue, \
               not in a log, not in the memory of what was seen. This page runs no script."
            .to_owned(),
        links: Vec::new(),
        body: vec![Body::Trial(TrialForm { sample: sample(now) })],
    }
}

/// An event with something for most stages to do.
fn sample(now: Hour) -> String {
    format!(
        "{{\n  \"version\": \"1.23.0\",\n  \"tool\": \"Get_Forecast\",\n  \"status\": \"success\",\n  \
         \"timestamp_hour\": \"{now}\",\n  \"analytics_level\": \"detailed\",\n  \
         \"response_time_ms\": 120,\n  \"parameters\": {{ \"days\": 7, \"theme\": \"dark\" }},\n  \
         \"mood\": \"sunny\"\n}}"
    )
}

/// The answer to a form.
pub(super) fn page(explanation: &Explanation, now: Hour) -> Page {
    let heading = heading(explanation);
    let mut shell = Shell::new(heading.1.clone(), "/transparency", &Query::default(), None);
    shell.still = true;
    shell.canonical = None;
    let events = &explanation.events;
    let parts = explanation.refused.iter().map(|refused| {
        let by = refused.stage.as_ref().map(|stage| format!(" by {stage}")).unwrap_or_default();
        let terms = vec![(format!("Refused{by}: {}", refused.code), refused.message.clone())];
        part("refused", "The whole request", Body::Prose(Prose { terms }))
    });
    let parts = parts.chain(events.iter().zip(SHOWN).map(|(it, ids)| event(it, ids, events.len())));
    let again = Part {
        title: "Try another one".to_owned(),
        note: "Your browser's way back leads to what you have written; it is not repeated here."
            .to_owned(),
        ..form_part(now)
    };
    let more = events.len().saturating_sub(SHOWN.len());
    let lead = match more {
        0 => "What each stage would do with it, in order. Nothing was kept.".to_owned(),
        more => format!(
            "What each stage would do with the first {}; {} more are not shown, and the command explain shows \
             them all. Nothing was kept.",
            SHOWN.len(),
            words::count(more as u64)
        ),
    };
    Page {
        shell,
        crumb: Some(("What is stored here".to_owned(), "/transparency".to_owned())),
        heading,
        lead,
        controls: None,
        sheet: None,
        figures: Vec::new(),
        parts: parts.chain([again]).collect(),
    }
}

fn heading(explanation: &Explanation) -> (String, String) {
    let text = match (&explanation.refused, explanation.events.as_slice()) {
        (Some(_), _) | (None, []) => "It would be refused.".to_owned(),
        (None, [event]) => format!("It would be {}.", outcome(event.outcome)),
        (None, events) => {
            let stored = events.iter().filter(|event| event.outcome == Outcome::Stored).count();
            format!("{stored} of {} events would be stored.", events.len())
        }
    };
    (String::new(), text)
}

const fn outcome(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Stored => "stored",
        Outcome::Duplicate => "taken for a repeat",
        Outcome::Refused => "refused",
        Outcome::Discarded => "left out",
        Outcome::DeadLetter => "set aside",
    }
}

fn part(id: &'static str, title: &str, body: Body) -> Part {
    Part { id, title: title.to_owned(), note: String::new(), links: Vec::new(), body: vec![body] }
}

fn event(event: &EventReport, (id, row_id): (&'static str, &'static str), many: usize) -> Part {
    let name = if many == 1 { "Your event".to_owned() } else { format!("Event {}", event.index) };
    let steps = Entries { ordered: true, entries: event.steps.iter().map(step).collect() };
    let mut body: Vec<Body> =
        event.row.iter().map(|row| Body::Table(stored(row, row_id))).collect();
    body.push(Body::Entries(steps));
    let again = match (event.outcome, event.identified) {
        (Outcome::Stored, true) => "A repeat of it would be recognised, and count once.",
        (Outcome::Stored, false) => "It has no identity: sent again, it counts again.",
        _ => "",
    };
    Part {
        note: again.to_owned(),
        body,
        ..part(id, &format!("{name}: {}", outcome(event.outcome)), Body::Failed)
    }
}

/// The row, without what would be empty.
fn stored(row: &Row, id: &'static str) -> Table {
    let rows = row.0.iter().filter(|(_, value)| !value.is_null()).map(|(column, value)| TableRow {
        name: (*column).to_owned(),
        href: None,
        bar: None,
        cells: vec![Cell::Text(shown(value))],
    });
    Table {
        id,
        title: Some("What would be stored".to_owned()),
        columns: vec![("", "Column"), ("text", "Value")],
        rows: rows.collect(),
        bad: false,
        note: String::new(),
    }
}

fn step(step: &Step) -> EntryView {
    let verdict = match step.verdict {
        "reject" => "Refuses it",
        "drop" => "Leaves it out",
        _ => "Lets it pass",
    };
    let text = match &step.reason {
        Some(reason) => format!("{verdict}: {}.", note(reason)),
        None => format!("{verdict}."),
    };
    let lines = |lines: Vec<Said>| (!lines.is_empty()).then_some(lines);
    let found = step.findings.iter().map(|found| Said {
        words: format!("{}, by the detector {}, at", found.r#type, found.detector),
        after: vec![found.pointer.clone()],
        ..Said::default()
    });
    let warnings = step.warnings.iter().map(|warning| Said {
        before: vec![warning.pointer.clone()],
        words: format!("{} ({})", warning.message, warning.code),
        ..Said::default()
    });
    let terms = [
        ("Found", lines(found.collect())),
        ("Changed", lines(step.changes.iter().map(change).collect())),
        ("Told the client", lines(warnings.collect())),
    ];
    let terms = terms.into_iter().filter_map(|(term, lines)| Some((term, lines?))).collect();
    EntryView {
        name: step.stage.clone(),
        text,
        bad: step.verdict != "pass",
        terms,
        ..EntryView::default()
    }
}

fn note(note: &Note) -> String {
    let at = if note.pointer.is_empty() { String::new() } else { format!(" at {}", note.pointer) };
    format!("{} ({}{at})", note.message, note.code)
}

/// What it was before is not repeated: it may hold what nobody should have sent.
fn change(change: &Change) -> Said {
    let after = change.after.as_ref().map(shown).unwrap_or_default();
    let words = match change.kind {
        ChangeKind::Changed | ChangeKind::Scrubbed => format!("becomes {after}"),
        ChangeKind::Set => format!("set to {after}"),
        ChangeKind::Dropped => "dropped".to_owned(),
        ChangeKind::Hashed => "kept as a keyed hash only".to_owned(),
    };
    // All members without a known name, which are input themselves.
    let place = if change.pointer == "/*" { "other members" } else { change.pointer };
    Said { before: vec![place.to_owned()], words, after: Vec::new() }
}

fn shown(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
