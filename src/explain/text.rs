//! The explanation for a person's terminal. Styles are always in it; whoever prints it leaves them
//! out where they are not wanted.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use anstyle::{AnsiColor, Style};
use serde_json::Value;

use super::report::{
    Change, ChangeKind, EventReport, Explanation, Note, Outcome, Row, StageReport, Step,
};

const BOLD: Style = Style::new().bold();
const DIM: Style = Style::new().dimmed();
const GOOD: Style = AnsiColor::Green.on_default();
const BAD: Style = AnsiColor::Red.on_default().bold();
const ODD: Style = AnsiColor::Yellow.on_default();

impl Explanation {
    /// The explanation in words, with styles.
    pub fn in_words(&self) -> String {
        let mut out = String::new();
        if !self.stages.is_empty() {
            stages(&self.stages, &mut out);
        }
        if let Some(refused) = &self.refused {
            let by = refused.stage.as_ref().map(|stage| format!(" by {stage}"));
            let by = by.unwrap_or_default();
            line(&mut out, format_args!("\n{BAD}request refused{BAD:#}{by}: {}", refused.code));
            line(&mut out, format_args!("  {}", refused.message));
        }
        if !self.events.is_empty() {
            line(&mut out, format_args!("\n{}", outcomes(&self.events)));
        }
        let widest = self.stages.iter().map(|stage| stage.stage.len()).max().unwrap_or_default();
        for event in &self.events {
            one(event, widest, &mut out);
        }
        out
    }
}

fn line(out: &mut String, text: std::fmt::Arguments<'_>) {
    // Writing to a String cannot fail.
    writeln!(out, "{text}").unwrap_or_default();
}

fn stages(stages: &[StageReport], out: &mut String) {
    let widest = stages.iter().map(|stage| stage.stage.len()).max().unwrap_or_default().max(5);
    let head = format!("{:<6}  {:<widest$}  {:>6}  {:>11}", "list", "stage", "events", "time");
    line(out, format_args!("{BOLD}{head}{BOLD:#}"));
    for stage in stages {
        let StageReport { list, stage, events, counted, took_us } = stage;
        let counted: String =
            counted.iter().map(|(code, count)| format!("  {ODD}{count} {code}{ODD:#}")).collect();
        let time = format!("{took_us:.1} µs");
        line(out, format_args!("{list:<6}  {stage:<widest$}  {events:>6}  {time:>11}{counted}"));
    }
}

/// How many events came to which end.
fn outcomes(events: &[EventReport]) -> String {
    let mut ends: BTreeMap<Outcome, usize> = BTreeMap::new();
    for event in events {
        *ends.entry(event.outcome).or_default() += 1;
    }
    let ends = ends.into_iter().map(|(outcome, count)| format!("{count} {}", styled(outcome)));
    let (count, events) = (events.len(), if events.len() == 1 { "event" } else { "events" });
    format!("{count} {events}: {}", ends.collect::<Vec<_>>().join(", "))
}

fn styled(outcome: Outcome) -> String {
    let (style, outcome) = match outcome {
        Outcome::Stored => (GOOD, "stored"),
        Outcome::Duplicate => (ODD, "duplicate"),
        Outcome::Refused => (BAD, "refused"),
        Outcome::Discarded => (ODD, "discarded"),
        Outcome::DeadLetter => (BAD, "dead letter"),
    };
    format!("{style}{outcome}{style:#}")
}

fn one(event: &EventReport, widest: usize, out: &mut String) {
    let index = event.index;
    line(out, format_args!("\n{BOLD}event {index}{BOLD:#}: {}", styled(event.outcome)));
    for step in &event.steps {
        self::step(step, widest, out);
    }
    if let Some(row) = &event.row {
        stored(row, event.identified, out);
    }
}

fn step(step: &Step, widest: usize, out: &mut String) {
    let Step { stage, verdict, reason, changes, warnings, findings, .. } = step;
    let style = match *verdict {
        "pass" => GOOD,
        "drop" => ODD,
        _ => BAD,
    };
    let why = reason.as_ref().map(|reason| format!("  {}", note(reason))).unwrap_or_default();
    line(out, format_args!("  {stage:<widest$}  {style}{verdict}{style:#}{why}"));
    for found in findings {
        let (kind, pointer, detector) = (found.r#type, &found.pointer, &found.detector);
        line(
            out,
            format_args!("    {BAD}found{BAD:#} {kind} at {pointer} {DIM}by {detector}{DIM:#}"),
        );
    }
    for change in changes {
        let what = in_words(change);
        line(out, format_args!("    {} {what}", change.pointer));
    }
    for warning in warnings {
        line(out, format_args!("    {ODD}warning{ODD:#} {}", note(warning)));
    }
}

fn note(note: &Note) -> String {
    let at = if note.pointer.is_empty() { String::new() } else { format!(" at {}", note.pointer) };
    format!("{}{at}: {}", note.code, note.message)
}

fn in_words(change: &Change) -> String {
    let value = |value: &Option<Value>| value.as_ref().map(printable).unwrap_or_default();
    let (before, after) = (value(&change.before), value(&change.after));
    match change.kind {
        ChangeKind::Changed => format!("{before} {DIM}->{DIM:#} {after}"),
        ChangeKind::Scrubbed => format!("{DIM}scrubbed to{DIM:#} {after}"),
        ChangeKind::Set => format!("{DIM}set to{DIM:#} {after}"),
        ChangeKind::Dropped => format!("{DIM}dropped{DIM:#}"),
        ChangeKind::Hashed => format!("{DIM}kept as a keyed hash only{DIM:#}"),
    }
}

fn stored(row: &Row, identified: bool, out: &mut String) {
    // What cannot be told from others counts each time that it comes.
    let counted = if identified { "" } else { "  (counts again when it is sent again)" };
    line(out, format_args!("  {BOLD}row{BOLD:#}{counted}"));
    for (column, value) in row.0.iter().filter(|(_, value)| !value.is_null()) {
        line(out, format_args!("    {column:<16}  {}", printable(value)));
    }
}

/// A value as JSON that cannot command a terminal: JSON itself escapes only half of the control
/// characters.
fn printable(value: &Value) -> String {
    let mut out = String::new();
    for c in value.to_string().chars() {
        if c.is_control() {
            write!(out, "\\u{:04x}", u32::from(c)).unwrap_or_default();
        } else {
            out.push(c);
        }
    }
    out
}
