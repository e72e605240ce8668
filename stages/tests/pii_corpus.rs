//! What the scan finds of a labelled corpus, by kind and difficulty.
//!
//! The corpus is `fixtures/personal-data.jsonl`: events as clients might send them by mistake, with
//! and without personal data, each with a label, its types, and how hard it is to tell. `easy` has
//! the data as a program would write it, `hard` has it in prose, under odd keys or beside look-alikes,
//! `adversarial` has it disguised. Floors are asserted, so that no change loses a kind unnoticed.
//!
//! `PII_CORPUS=/path/to/other.jsonl cargo test -p stages --test pii_corpus -- --nocapture` measures
//! another corpus of the same form, without floors, and lists what was told wrong.

#![expect(clippy::print_stdout, reason = "a measurement prints")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::value::RawValue;
use stages::Scanner;
use stages::event::RawEvent;

#[derive(Deserialize)]
struct Row {
    id: String,
    event: Box<RawValue>,
    pii: bool,
    #[serde(default)]
    types: Vec<String>,
    difficulty: String,
}

/// Right and all answers of a group.
#[derive(Default, Clone, Copy)]
struct Share {
    hits: usize,
    of: usize,
}

impl Share {
    fn add(&mut self, hit: bool) {
        self.hits += usize::from(hit);
        self.of += 1;
    }

    /// Of none, all.
    fn value(self) -> f64 {
        if self.of == 0 { 1.0 } else { self.hits as f64 / self.of as f64 }
    }
}

/// Answers by group: recall among events with personal data, false alarms among the others.
#[derive(Default)]
struct Score {
    recall: BTreeMap<String, Share>,
    alarms: BTreeMap<String, Share>,
}

fn own() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/personal-data.jsonl")
}

fn rows(path: &Path) -> Vec<Row> {
    let text = std::fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let rows = text.lines().filter(|line| !line.trim().is_empty());
    rows.map(|line| serde_json::from_str(line).unwrap_or_else(|e| panic!("{line}: {e}"))).collect()
}

fn score(rows: &[Row]) -> Score {
    let scanner = Scanner::from_config(Default::default()).expect("the defaults work");
    let mut score = Score::default();
    for row in rows {
        let event =
            RawEvent::read(&row.event).unwrap_or_else(|r| panic!("{}: {}", row.id, r.message));
        let findings = scanner.scan(&event);
        let told = !findings.found.is_empty() || findings.too_deep;
        let groups = if row.pii { &mut score.recall } else { &mut score.alarms };
        let kinds = row.types.iter().map(String::as_str);
        for group in ["all", &row.difficulty].into_iter().chain(kinds) {
            groups.entry(group.to_owned()).or_default().add(told);
        }
        if told != row.pii {
            let why: Vec<_> = findings.found.iter().map(|f| (f.entity, f.detector)).collect();
            let (word, of) = (if row.pii { "missed" } else { "alarm " }, &row.difficulty);
            println!("{word} {of:11} {:?} {} {why:?}", row.types, row.event.get());
        }
    }
    score
}

fn print(score: &Score) {
    for (name, groups) in [("recall", &score.recall), ("alarms", &score.alarms)] {
        for (group, share) in groups {
            println!("{name} {group:14} {:4}/{:<4} {:.3}", share.hits, share.of, share.value());
        }
    }
}

#[test]
fn kinds_are_told_apart() {
    if let Some(path) = std::env::var_os("PII_CORPUS") {
        return print(&score(&rows(Path::new(&path))));
    }
    let score = score(&rows(&own()));
    print(&score);
    let at =
        |groups: &BTreeMap<String, Share>, group| groups.get(group).copied().unwrap_or_default();
    for (group, floor) in [
        ("all", 0.95),
        ("easy", 1.0),
        ("hard", 0.96),
        ("adversarial", 0.88),
        ("COORDINATES", 0.97),
        ("SECRET", 0.97),
        ("EMAIL", 0.97),
        ("IP", 0.97),
    ] {
        let share = at(&score.recall, group);
        assert!(share.of > 0, "no event of the kind {group}");
        assert!(share.value() >= floor, "recall of {group}: {}/{}", share.hits, share.of);
    }
    for (group, ceiling) in [("all", 0.01), ("easy", 0.0)] {
        let share = at(&score.alarms, group);
        assert!(share.of > 0 && share.value() <= ceiling, "alarms: {}/{}", share.hits, share.of);
    }
}
