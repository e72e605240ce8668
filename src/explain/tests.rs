//! Explanations are checked against what is documented, and for what they must never show.

use std::path::{Path, PathBuf};
use std::sync::Mutex;

use serde::Deserialize;
use serde_json::json;
use stages::{BuildError, Code, Define, Event, Form, ManualClock, Needs, PerEvent, Side};

use super::*;
use crate::config::{Flags, LoadArgs, load};

const NOW: i64 = 1_787_235_000; // 2026-08-20T14:10:00Z

/// A clock on which every look takes half a microsecond.
struct Ticking(Mutex<Duration>);

impl Clock for Ticking {
    fn unix_millis(&self) -> i64 {
        NOW * 1_000
    }

    fn monotonic(&self) -> Duration {
        let mut now = self.0.lock().unwrap();
        *now += Duration::from_nanos(500);
        *now
    }
}

fn configuration(file: Option<PathBuf>, registry: &Registry) -> Loaded {
    let args = LoadArgs { file, env: [], overrides: Flags::default(), registry };
    load(args).unwrap_or_else(|problems| panic!("{problems}"))
}

async fn explained(input: &str) -> Explanation {
    let registry = stages::registry();
    let loaded = configuration(None, &registry);
    let clock = Arc::new(Ticking(Mutex::default()));
    explain(&loaded, &registry, clock, &as_request(input.as_bytes())).await.unwrap()
}

fn event(changes: &[(&str, serde_json::Value)]) -> serde_json::Value {
    let mut event = json!({
        "version": "1.23.0", "tool": "get_forecast", "status": "success",
        "timestamp_hour": "2026-08-20T14:00:00Z", "analytics_level": "minimal",
    });
    for (member, value) in changes {
        event[*member] = value.clone();
    }
    event
}

/// The page shows an input and its explanation: what is documented is what is printed.
#[tokio::test]
async fn the_documented_example_is_what_is_printed() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/explain.md");
    let page = std::fs::read_to_string(&path).unwrap();
    let [before, input, documented] = page.split("```json\n").collect::<Vec<_>>()[..] else {
        panic!("two blocks of JSON are expected");
    };
    let json = input.split("```").next().unwrap();
    let printed = serde_json::to_string_pretty(&explained(json).await).unwrap();
    let after = documented.split_once("```").unwrap().1;
    let current = [before, input, &format!("{printed}\n```{after}")].join("```json\n");
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&path, &current).unwrap();
    }
    assert!(current == page, "docs/explain.md differs; run the test with UPDATE=1");
}

/// Where the scan mends an event, what it took out is not shown either.
#[tokio::test]
async fn what_was_scrubbed_is_not_shown() {
    let registry = stages::registry();
    let mut loaded = configuration(None, &registry);
    let scan = loaded.settings.ingest.iter_mut().find(|spec| spec.stage == "pii-scan").unwrap();
    scan.with = json!({ "action": "scrub" });
    let input = event(&[("error_type", json!("jo@example.org")), ("status", json!("error"))]);
    let body = json!({ "events": [input] }).to_string();
    let clock = Arc::new(Ticking(Mutex::default()));
    let explanation = explain(&loaded, &registry, clock, body.as_bytes()).await.unwrap();
    let [event] = &explanation.events[..] else { panic!("{explanation:?}") };
    assert_eq!(event.outcome, Outcome::Stored);
    let changes: Vec<_> = event.steps.iter().flat_map(|step| &step.changes).collect();
    let scrubbed = Change {
        pointer: "/error_type",
        kind: ChangeKind::Scrubbed,
        before: None,
        after: Some("EMAIL".into()),
    };
    assert_eq!(changes, [&scrubbed]);
    for shown in [serde_json::to_string(&explanation).unwrap(), explanation.in_words()] {
        assert!(!shown.contains("jo@") && !shown.contains("example.org"), "{shown}");
    }
}

#[tokio::test]
async fn values_of_an_event_with_personal_data_are_never_shown() {
    let secret = "jo@example.org";
    let events = json!([
        event(&[("contact", json!(secret)), ("error_type", json!("Visible: words"))]),
        event(&[("parameters", json!({ "note": secret })), ("analytics_level", json!("detailed"))]),
        event(&[("tool", json!(secret))]),
        // Nothing personal, but dropped: shown as dropped, and no more.
        event(&[
            ("colour", json!("vermilion")),
            ("country", json!("US")),
            ("session_id", json!("cafe"))
        ]),
    ]);
    let explanation = explained(&events.to_string()).await;
    let outcomes: Vec<Outcome> = explanation.events.iter().map(|event| event.outcome).collect();
    assert_eq!(outcomes, [Outcome::Refused, Outcome::Refused, Outcome::Refused, Outcome::Stored]);
    let found: Vec<_> = explanation.events.iter().flat_map(|event| &event.steps).collect();
    let found = found.iter().flat_map(|step| &step.findings);
    let found: Vec<_> =
        found.map(|found| (&*found.pointer, found.r#type, &*found.detector)).collect();
    let want = [
        ("/*", "EMAIL", "email"),
        ("/parameters/*", "EMAIL", "email"),
        ("/tool", "EMAIL", "email"),
    ];
    assert_eq!(found, want);
    let shown = [serde_json::to_string(&explanation).unwrap(), explanation.in_words()];
    for shown in shown {
        for hidden in [secret, "Visible", "words", "colour", "vermilion", "US", "cafe"] {
            assert!(!shown.contains(hidden), "{hidden} in {shown}");
        }
    }
    let changes = &explanation.events[3].steps[3].changes;
    let dropped: Vec<_> = changes.iter().map(|change| (change.pointer, change.kind)).collect();
    let gone = ["/country", "/session_id", "/*"].map(|pointer| (pointer, ChangeKind::Dropped));
    assert_eq!(dropped, gone);
}

#[tokio::test]
async fn every_form_of_input_becomes_a_request() {
    let one = event(&[]).to_string();
    for (input, events) in [
        (one.clone(), 1),
        (format!("\u{feff} {one}\n"), 1),
        (format!("[{one},{one}]"), 2),
        (format!("{{\"events\":[{one},{one},{one}]}}"), 3),
    ] {
        let explanation = explained(&input).await;
        assert_eq!(explanation.refused, None, "{input}");
        assert_eq!(explanation.events.len(), events, "{input}");
        assert!(explanation.events.iter().all(|event| event.outcome == Outcome::Stored), "{input}");
    }
    for (input, code) in [
        ("", "malformed_json"),
        ("[1,", "malformed_json"),
        ("[]", "empty_batch"),
        ("{\"events\":[]}", "empty_batch"),
        ("{\"events\":[1,}", "malformed_json"),
        (&" ".repeat(200_000), "payload_too_large"),
    ] {
        let refused = explained(input).await.refused.map(|refused| refused.code);
        assert_eq!(refused, Some(code));
    }
}

#[tokio::test]
async fn looking_is_not_timed_and_repeats_are_recognised() {
    let told = event(&[("event_id", json!("6f1cbb3e-0e0d-4d52-9a3c-0d1a2b3c4d5e"))]);
    let explanation = explained(&json!([told, told, event(&[])]).to_string()).await;
    let took: Vec<f64> = explanation.stages.iter().map(|stage| stage.took_us).collect();
    // Half for each reading of the clock: by the runner, by limits and memory of identities, and by
    // the look before, which reads it twice and is charged for once at most.
    let want = [1.0, 1.0, 1.5, 1.0, 1.0, 1.0, 1.5, 1.0, 0.5, 1.0];
    assert_eq!(took, want);
    let ends: Vec<_> = explanation.events.iter().map(|e| (e.outcome, e.identified)).collect();
    let want = [(Outcome::Stored, true), (Outcome::Duplicate, true), (Outcome::Stored, false)];
    assert_eq!(ends, want);
}

#[derive(Default, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
struct NoSettings {}

/// What a contributor might add.
struct ForgetSession;

impl PerEvent for ForgetSession {
    fn judge(&self, event: &mut Event<'_>, _: Cx<'_>) -> stages::Verdict {
        if let Some(event) = event.scanned_mut() {
            event.drop_session();
        }
        stages::Verdict::Pass
    }
}

impl Define for ForgetSession {
    const NAME: &'static str = "forget-session";
    const SIDES: &'static [Side] = &[Side::Worker];
    const CODES: &'static [Code] = &[];
    type Config = NoSettings;

    fn needs(_: &NoSettings) -> Needs {
        Needs::AtLeast(Form::Scanned)
    }

    fn build(_: NoSettings, _: &Services) -> Result<Self, BuildError> {
        Ok(Self)
    }
}

#[tokio::test]
async fn a_stage_of_a_contributor_is_explained_like_any_other() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("pipeline.yaml");
    let shipped = crate::config::SHIPPED;
    let added = "worker:\n  - stage: forget-session\n";
    std::fs::write(&file, shipped.replacen("worker:\n", added, 1)).unwrap();
    let registry = stages::registry().with::<ForgetSession>();
    let loaded = configuration(Some(file), &registry);
    let id = ("event_id", json!("6f1cbb3e-0e0d-4d52-9a3c-0d1a2b3c4d5e"));
    let session = event(&[
        ("analytics_level", json!("detailed")),
        ("session_id", json!("00112233445566ff")),
        ("sequence_number", json!(1)),
    ]);
    let body = json!({ "events": [session, event(&[id])] }).to_string();
    let clock = Arc::new(ManualClock::at(NOW));
    let explanation = explain(&loaded, &registry, clock, body.as_bytes()).await.unwrap();
    let changes = explanation.events.iter().map(|event| {
        let step = event.steps.iter().find(|step| step.stage == "forget-session").unwrap();
        assert_eq!((step.list, step.verdict, event.outcome), ("worker", "pass", Outcome::Stored));
        step.changes.clone()
    });
    let want = [
        vec![Change::dropped("/session_id"), Change::dropped("/sequence_number")],
        vec![Change::dropped("/event_id")],
    ];
    assert_eq!(changes.collect::<Vec<_>>(), want);
    assert!(explanation.events.iter().all(|event| !event.identified));
}

#[tokio::test]
async fn what_is_printed_cannot_command_a_terminal() {
    let told =
        event(&[("status", json!("error")), ("error_type", json!("Timeout \u{9b}31m \u{7f}"))]);
    let explanation = explained(&told.to_string()).await;
    assert_eq!(explanation.events[0].outcome, Outcome::Stored);
    let words = anstream::adapter::strip_str(&explanation.in_words()).to_string();
    assert!(words.contains(r#""Timeout \u009b31m \u007f" -> "Timeout""#), "{words}");
    assert!(words.chars().all(|c| c == '\n' || !c.is_control()), "{words}");
}
