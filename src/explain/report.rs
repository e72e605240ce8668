//! The explanation: what `explain --json` prints. docs/explain.md describes it, and a test holds the
//! two together; members may be added, never renamed or removed.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Serialize, Serializer};
use serde_json::{Value, json};
use stages::testing::StoredRow;
use stages::verdict::codes;
use stages::{Finding, Reason, Side, Verdict};

use super::changes::{Members, parameters};
use super::record::{Look, Run};

/// What the pipeline does with a request.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Explanation {
    /// Why the request is turned away as a whole, if it is.
    pub refused: Option<Refused>,
    /// The stages that ran, in order.
    pub stages: Vec<StageReport>,
    /// The events, in the order of the request.
    pub events: Vec<EventReport>,
}

/// Why a request is turned away as a whole.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Refused {
    /// The stage; `None` when no stage gets to see the request.
    pub stage: Option<String>,
    /// The precise code.
    pub code: &'static str,
    /// A sentence.
    pub message: String,
}

/// One stage's run over the whole request.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct StageReport {
    /// `ingest` or `worker`.
    pub list: &'static str,
    /// Its label.
    pub stage: String,
    /// Events that were still going when it began.
    pub events: usize,
    /// Events that it refused or dropped, by code; in a dry run those that it would have.
    pub counted: BTreeMap<&'static str, usize>,
    /// Microseconds that it took.
    pub took_us: f64,
}

/// What becomes of one event.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct EventReport {
    /// Its place in the request.
    pub index: usize,
    /// What becomes of it in the end.
    pub outcome: Outcome,
    /// Whether a repeat of it would be recognised.
    pub identified: bool,
    /// The stages that judged it, in order.
    pub steps: Vec<Step>,
    /// What would be stored.
    pub row: Option<Row>,
}

/// What becomes of an event in the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// A row.
    Stored,
    /// Counted before.
    Duplicate,
    /// Refused, alone or with the whole request.
    Refused,
    /// Left out on purpose.
    Discarded,
    /// Set aside by the worker.
    DeadLetter,
}

/// What one stage did with one event.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Step {
    /// `ingest` or `worker`.
    pub list: &'static str,
    /// Its label.
    pub stage: String,
    /// `pass`, `reject` or `drop`.
    pub verdict: &'static str,
    /// Why it did not pass.
    pub reason: Option<Note>,
    /// Members that are different afterwards.
    pub changes: Vec<Change>,
    /// What the client is told of repairs.
    pub warnings: Vec<Note>,
    /// Personal data that was found.
    pub findings: Vec<Found>,
}

/// A reason or a warning.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Note {
    /// The stable code.
    pub code: &'static str,
    /// The place in the event; empty for the event as a whole.
    pub pointer: String,
    /// A sentence.
    pub message: String,
}

/// A member that is different after a stage.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Change {
    /// The place in the event. `/*` stands for every member that has no known name.
    pub pointer: &'static str,
    /// What happened to it.
    pub kind: ChangeKind,
    /// The value before; absent unless it was `changed`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before: Option<Value>,
    /// The value afterwards; absent unless it was `changed`, `scrubbed` or `set`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<Value>,
}

/// What happened to a member.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ChangeKind {
    /// It has another value.
    Changed,
    /// Personal data was taken out of it. The value before is not shown.
    Scrubbed,
    /// It was not there before.
    Set,
    /// It is gone. Its value is not shown.
    Dropped,
    /// Only a keyed hash of it is kept.
    Hashed,
}

/// Personal data at a place of an event, never its value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Found {
    /// The place. Keys that are input stand as `*`.
    pub pointer: String,
    /// The kind.
    pub r#type: &'static str,
    /// The detector that found it.
    pub detector: String,
}

/// A row of the table `events`: every column with its value, in the order of docs/schema.md.
#[derive(Debug, Clone, PartialEq)]
pub struct Row(pub Vec<(&'static str, Value)>);

impl Serialize for Row {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(column, value)| (column, value)))
    }
}

impl Explanation {
    /// A body that no pipeline gets to see.
    pub(super) fn too_large(max_body: u64) -> Self {
        let refused = Refused {
            stage: None,
            code: "payload_too_large",
            message: format!("the body may have {max_body} bytes; send smaller batches"),
        };
        Self { refused: Some(refused), stages: Vec::new(), events: Vec::new() }
    }
}

/// Puts together what was seen, and the rows that were stored, in order.
pub(super) fn assemble(runs: &[Run], rows: Vec<StoredRow>) -> Explanation {
    let refused = runs.iter().find_map(|run| {
        let refusal = run.refusal.as_ref()?;
        let (code, message) = (refusal.code.as_str(), refusal.message.to_string());
        Some(Refused { stage: Some(run.label.clone()), code, message })
    });
    let (ingest, worker): (Vec<&Run>, Vec<&Run>) =
        runs.iter().partition(|run| run.side == Side::Ingest);
    let mut rows = rows.into_iter();
    let mut queued = 0;
    let count = ingest.last().map_or(0, |run| run.looks.len());
    let events = (0..count).map(|index| {
        let mut story = Story::default();
        story.follow(&ingest, index);
        if story.passes() && !worker.is_empty() {
            story.follow(&worker, queued);
            queued += 1;
        }
        let outcome = if refused.is_some() { Outcome::Refused } else { story.outcome() };
        let row = if outcome == Outcome::Stored { rows.next() } else { None };
        EventReport {
            index,
            outcome,
            identified: story.members.is_some_and(Members::is_identified),
            steps: story.steps,
            row: row.as_ref().map(Row::from),
        }
    });
    let events = events.collect();
    Explanation { refused, stages: runs.iter().map(StageReport::from).collect(), events }
}

/// One event on its way through the stages.
#[derive(Default)]
struct Story<'r> {
    steps: Vec<Step>,
    last: Option<(Side, &'r Look)>,
    /// The event in its latest form.
    members: Option<&'r Members>,
}

impl<'r> Story<'r> {
    /// Follows the event with an index through the stages of one list.
    fn follow(&mut self, runs: &[&'r Run], index: usize) {
        let mut warned = 0;
        for run in runs {
            let Some(look) = run.looks.get(index) else { continue };
            // A refused event is judged no more, but personal data replaces any other reason.
            let judged =
                self.last.is_none_or(|(_, last)| last.passes() || last.verdict != look.verdict);
            if judged {
                self.steps.push(self.step(run, look, warned));
            }
            warned = look.warnings.len();
            self.last = Some((run.side, look));
            if !look.members.is_gone() {
                self.members = Some(&look.members);
            }
        }
    }

    fn step(&self, run: &Run, look: &Look, warned: usize) -> Step {
        let (verdict, reason) = match &look.verdict {
            Verdict::Pass => ("pass", None),
            Verdict::Reject(reason) => ("reject", Some(reason)),
            Verdict::Drop(reason) => ("drop", Some(reason)),
        };
        let changes = self.members.map(|before| before.changes(&look.members));
        let warnings: Vec<Note> = look.warnings.iter().skip(warned).map(Note::from).collect();
        let mut changes = changes.unwrap_or_default();
        changes.iter_mut().for_each(|change| change.hide_scrubbed(&warnings));
        Step {
            list: run.side.as_str(),
            stage: run.label.clone(),
            verdict,
            reason: reason.map(Note::from),
            changes,
            warnings,
            findings: look.findings.clone(),
        }
    }

    fn passes(&self) -> bool {
        self.last.is_some_and(|(_, look)| look.passes())
    }

    fn outcome(&self) -> Outcome {
        match self.last.map(|(side, look)| (side, &look.verdict)) {
            Some((Side::Worker, Verdict::Pass)) => Outcome::Stored,
            Some((Side::Worker, Verdict::Reject(_))) => Outcome::DeadLetter,
            Some((_, Verdict::Drop(reason))) if reason.code == codes::DUPLICATE => {
                Outcome::Duplicate
            }
            Some((_, Verdict::Drop(_))) => Outcome::Discarded,
            _ => Outcome::Refused,
        }
    }
}

impl From<&Run> for StageReport {
    fn from(run: &Run) -> Self {
        Self {
            list: run.side.as_str(),
            stage: run.label.clone(),
            events: run.tally.entered,
            counted: run.tally.by_code.iter().map(|(code, n)| (code.as_str(), *n)).collect(),
            took_us: micros(run.took),
        }
    }
}

/// With one digit: clocks tell no more.
fn micros(took: Duration) -> f64 {
    (took.as_secs_f64() * 1e7).round() / 10.0
}

impl From<&Reason> for Note {
    fn from(reason: &Reason) -> Self {
        Self {
            code: reason.code.as_str(),
            pointer: reason.pointer.as_str().to_owned(),
            message: reason.message.clone().into_owned(),
        }
    }
}

impl From<&Finding<'_>> for Found {
    fn from(finding: &Finding<'_>) -> Self {
        Self {
            pointer: finding.pointer.as_str().to_owned(),
            r#type: finding.entity.as_str(),
            detector: finding.detector.to_owned(),
        }
    }
}

impl From<&StoredRow> for Row {
    fn from(row: &StoredRow) -> Self {
        let event = &row.event;
        Self(vec![
            ("timestamp_hour", json!(event.hour().to_string())),
            ("version", json!(event.version())),
            ("tool", json!(event.tool())),
            ("status", json!(event.status().as_str())),
            ("analytics_level", json!(event.level().as_str())),
            ("response_time_ms", json!(event.response_time_ms())),
            ("service", json!(event.service())),
            ("cache_hit", json!(event.cache_hit())),
            ("retry_count", json!(event.retry_count())),
            ("country", json!(event.country())),
            ("parameters", json!(parameters(event))),
            ("session_id", json!(event.session_id())),
            ("sequence_number", json!(event.sequence_number())),
            ("error_type", json!(event.error_type())),
            ("received_hour", json!(row.received.to_string())),
        ])
    }
}

impl Change {
    pub(super) const fn dropped(pointer: &'static str) -> Self {
        Self { pointer, kind: ChangeKind::Dropped, before: None, after: None }
    }

    pub(super) const fn set(pointer: &'static str, after: Value) -> Self {
        Self { pointer, kind: ChangeKind::Set, before: None, after: Some(after) }
    }

    pub(super) const fn made(pointer: &'static str, before: Value, after: Value) -> Self {
        Self { pointer, kind: ChangeKind::Changed, before: Some(before), after: Some(after) }
    }

    /// What held personal data before a stage took it out is not shown.
    fn hide_scrubbed(&mut self, warnings: &[Note]) {
        let scrubbed = |note: &Note| note.code == "pii_scrubbed" && note.pointer == self.pointer;
        if self.kind == ChangeKind::Changed && warnings.iter().any(scrubbed) {
            self.kind = ChangeKind::Scrubbed;
            self.before = None;
        }
    }

    pub(super) fn is_of_session(&self) -> bool {
        matches!(self.pointer, "/session_id" | "/sequence_number")
    }
}
