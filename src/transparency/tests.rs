//! The document against the real stages: what it allows is stored as it is, and nothing else is.

mod schema;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, TestRunner};
use serde_json::{Map, json};
use stages::{Clock, Hour, ManualClock};

use self::schema::{allowed, allows};
use super::*;
use crate::config::{Flags, LoadArgs, Loaded, load};
use crate::explain::{EventReport, Outcome, explain};

/// 2026-08-20T12:00:00Z.
const NOON: i64 = 1_787_227_200;

pub(crate) fn loaded(yaml: Option<&str>) -> Loaded {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("pipeline.yaml");
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("pipeline.yaml");
    let text = yaml.map_or_else(|| std::fs::read_to_string(shipped).unwrap(), str::to_owned);
    std::fs::write(&file, text).unwrap();
    let registry = stages::registry();
    let none: BTreeMap<String, String> = BTreeMap::new();
    let args =
        LoadArgs { file: Some(file), env: none, overrides: Flags::default(), registry: &registry };
    load(args).unwrap_or_else(|problems| panic!("{problems}"))
}

/// Things that clients might send in any place.
fn anything() -> impl Strategy<Value = Value> {
    let texts = [
        "",
        " ",
        "a",
        "A1",
        "other",
        "get_alerts",
        " Get_Alerts ",
        "noaa",
        "new_tool",
        "DE",
        "de",
        "OTHER",
        "EU",
        "U2",
        "1.2.3",
        "1.2.3.4.5",
        "v1",
        "1.2.3-rc.1+x",
        "123456789012345678901",
        "00112233445566AA",
        "0011",
        "TimeoutError: no answer",
        "timeout",
        "9lives",
        "success",
        "ERROR",
        "Detailed",
        "2026-08-20T10:15:00+05:30",
        "2026-08-20T11:00:00Z",
        "2026-08-20T11:20:00Z",
        "2020-01-01T00:00:00Z",
        "é",
    ];
    prop_oneof![
        4 => prop::sample::select(texts.map(Value::from).to_vec()),
        2 => (-3_i64..200_000).prop_map(Value::from),
        1 => prop_oneof![Just(json!(9_007_199_254_740_991_i64)), Just(json!(9_007_199_254_740_992_i64)), Just(json!(1.5))],
        1 => any::<bool>().prop_map(Value::from),
        1 => Just(Value::Null),
        1 => Just(json!({ "days": 3, "units": "metric", "place": "x", "hourly": ["a", "B"], "limit": 12345678 })),
        1 => Just(json!([1])),
    ]
}

/// An event, and whether every member of it is allowed as the document says.
fn base(level: &str, hour: Hour) -> Map<String, Value> {
    let event = json!({
        "version": "1.2.3",
        "tool": "get_alerts",
        "status": "success",
        "timestamp_hour": hour.to_string(),
        "analytics_level": level,
    });
    event.as_object().unwrap().clone()
}

fn reports(loaded: &Loaded, events: &[Map<String, Value>]) -> Vec<EventReport> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let body = json!({ "events": events }).to_string();
    let clock: Arc<dyn Clock> = Arc::new(ManualClock::at(NOON));
    let explained = runtime.block_on(explain(loaded, &stages::registry(), clock, body.as_bytes()));
    let explained = explained.unwrap();
    assert_eq!(explained.refused, None);
    explained.events
}

/// Draws values; the same ones in every run.
fn draw(strategy: &BoxedStrategy<Value>, runner: &mut TestRunner) -> Value {
    strategy.new_tree(runner).unwrap().current()
}

/// Settings that change what may be stored: other names, further parameters, names that are refused,
/// validation that only counts.
fn variants() -> [Loaded; 3] {
    let stages = |validate: &str, scan: &str| {
        format!(
            "ingest:\n  - stage: parse\n  - stage: schema-validate\n{validate}  - stage: pii-scan\n{scan}  \
             - stage: sanitise\n  - stage: dedup\n  - stage: enqueue\n"
        )
    };
    let strict = stages(
        "    with: { on_unknown: refuse, tools: [get_alerts, get_tides], services: [noaa] }\n",
        "    with: { allow: { parameters: [layer, days] } }\n",
    );
    let counting = stages("    dry_run: true\n    with: { on_unknown: refuse }\n", "");
    [loaded(None), loaded(Some(&strict)), loaded(Some(&counting))]
}

#[test]
fn what_the_document_allows_is_stored_as_it_is() {
    variants().iter().for_each(allowed_is_stored);
}

fn allowed_is_stored(loaded: &Loaded) {
    let document = Document::new(&loaded.settings, &stages::registry()).unwrap();
    let mut runner = TestRunner::deterministic();
    let now = Hour::containing(NOON);
    let strategies: Vec<_> =
        document.content.fields.iter().map(|field| (field, allowed(&field.allowed))).collect();
    let (mut stored, mut found) = (0, 0);
    for round in 0..12 {
        let events: Vec<_> = (0..40)
            .map(|n: usize| {
                let level = ["minimal", "standard", "detailed"][(n + round) % 3];
                let mut event = base(level, now.plus(-(n as i64)));
                for (field, strategy) in &strategies {
                    let decided = ["timestamp_hour", "received_hour", "analytics_level"];
                    if field.levels.contains(&level)
                        && !decided.contains(&field.name)
                        && !(n + round).is_multiple_of(4)
                    {
                        event.insert(field.name.to_owned(), draw(strategy, &mut runner));
                    }
                }
                if event["status"] == "error" && !event.contains_key("error_type") {
                    event.insert("error_type".to_owned(), "timeout".into());
                }
                event
            })
            .collect();
        for (event, report) in events.iter().zip(reports(loaded, &events)) {
            let codes: Vec<_> = report
                .steps
                .iter()
                .filter_map(|step| step.reason.as_ref().map(|reason| reason.code))
                .collect();
            if codes == ["pii_detected"] {
                found += 1;
                continue;
            }
            if codes == ["duplicate"] {
                continue;
            }
            assert_eq!(report.outcome, Outcome::Stored, "{event:?}: {codes:?}");
            let row: BTreeMap<_, _> = report.row.unwrap().0.into_iter().collect();
            for (key, value) in event.iter().filter(|(_, value)| **value != json!({})) {
                assert_eq!(row[key.as_str()], *value, "{key} of {event:?}");
            }
            stored += 1;
        }
    }
    // Some of what has a form that is allowed looks like an address or a number of a card.
    assert!(stored > 300 && found < 100, "{stored} stored, {found} found");
}

#[test]
fn nothing_is_stored_that_the_document_does_not_allow() {
    variants().iter().for_each(not_allowed_is_not_stored);
}

fn not_allowed_is_not_stored(loaded: &Loaded) {
    let document = Document::new(&loaded.settings, &stages::registry()).unwrap();
    let now = Hour::containing(NOON);
    let names: Vec<_> = document
        .content
        .fields
        .iter()
        .map(|field| field.name)
        .chain(["event_id", "note"])
        .collect();
    let change = (prop::sample::select(names), anything());
    let level = prop::sample::select(vec!["minimal", "standard", "detailed"]);
    let event = (level, prop::collection::vec(change, 1..5));
    let mut runner =
        TestRunner::new(Config { cases: 25, failure_persistence: None, ..Config::default() });
    let result = runner.run(&prop::collection::vec(event, 20..40), |drawn| {
        let events: Vec<_> = drawn
            .into_iter()
            .map(|(level, changes)| {
                let mut event = base(level, now);
                event.extend(changes.into_iter().map(|(name, value)| (name.to_owned(), value)));
                event
            })
            .collect();
        for (event, report) in events.iter().zip(reports(loaded, &events)) {
            let Some(row) = report.row else { continue };
            let level =
                row.0.iter().find(|(name, _)| *name == "analytics_level").unwrap().1.clone();
            let columns: BTreeSet<_> = row.0.iter().map(|(name, _)| *name).collect();
            let fields: BTreeSet<_> =
                document.content.fields.iter().map(|field| field.name).collect();
            prop_assert_eq!(columns, fields);
            for (name, value) in &row.0 {
                let field =
                    document.content.fields.iter().find(|field| field.name == *name).unwrap();
                let absent = value.is_null() && field.required != "always";
                let defined = field.levels.iter().any(|of| level == **of);
                prop_assert!(
                    absent || (defined && allows(&field.allowed, value)),
                    "{name}: {value} of {event:?}"
                );
            }
        }
        Ok(())
    });
    if let Err(error) = result {
        panic!("{error}");
    }
}

#[test]
fn tables_are_those_that_the_migrations_make() {
    let document = Document::new(&loaded(None).settings, &stages::registry()).unwrap();
    let told: BTreeMap<_, BTreeSet<_>> = document
        .content
        .tables
        .iter()
        .filter(|table| table.place == "store" && table.name != "seaql_migrations")
        .map(|table| (table.name, table.columns.iter().map(|column| column.name).collect()))
        .collect();
    for backend in [sea_orm::DbBackend::Sqlite, sea_orm::DbBackend::Postgres] {
        let made = migration::expected(backend);
        let made: BTreeMap<_, BTreeSet<_>> = made
            .iter()
            .map(|shape| (&*shape.name, shape.columns.iter().map(String::as_str).collect()))
            .collect();
        assert_eq!(told, made);
    }
}

#[test]
fn everything_has_a_purpose_and_an_end() {
    let redis = loaded(Some("queue: { url: 'redis://127.0.0.1:1/0' }"));
    for loaded in [loaded(None), redis] {
        let Content { fields, tables, .. } =
            Document::new(&loaded.settings, &stages::registry()).unwrap().content;
        for table in &tables {
            let told = table.columns.iter().all(|column| !column.purpose.is_empty());
            assert!(told && !table.purpose.is_empty() && !table.kept.is_empty(), "{}", table.name);
            let place = (table.place, table.name);
            assert_eq!(tables.iter().filter(|t| (t.place, t.name) == place).count(), 1);
        }
        for field in &fields {
            assert!(!field.purpose.is_empty(), "{}", field.name);
            for said in words::of(&field.allowed) {
                assert!(!said.words.is_empty(), "{}", field.name);
            }
        }
    }
}

#[test]
fn it_follows_the_settings_and_so_does_its_hash() {
    let document = |yaml| Document::new(&loaded(yaml).settings, &stages::registry()).unwrap();
    let shipped = document(None);
    assert_eq!(shipped, document(None));
    let built_in = document(Some("log: {level: warn}"));
    assert_eq!(
        shipped.content.fields, built_in.content.fields,
        "the built-in file is the shipped one"
    );
    assert_eq!(shipped.content.rules, built_in.content.rules);
    assert_eq!(shipped.content.rules.daily_values["version"], 500);
    let window = shipped.content.rules.window.as_ref().unwrap();
    assert_eq!((&*window.back, &*window.ahead), ("3d", "26h"));

    let other = document(Some("privacy: {min_cell: 10}\nretention: {raw: 30d, daily: 800d}\n"));
    assert_ne!(other.hash, shipped.hash);
    assert_eq!(other.content.rules.min_cell, 10);
    let version = other.content.fields.iter().find(|field| field.name == "version").unwrap();
    assert_eq!((version.floor, json!(version.kept)["rows"].as_str()), (Some(10), Some("30d")));
    let kept = |name| &*other.content.tables.iter().find(|table| table.name == name).unwrap().kept;
    assert_eq!(
        (kept("events"), kept("dimension_values"), kept("event_keys")),
        ("30d", "800d", "10d")
    );

    let [_, strict, counting] = variants();
    let of =
        |loaded: &Loaded| Document::new(&loaded.settings, &stages::registry()).unwrap().content;
    let strict = of(&strict);
    assert_eq!(strict.rules.unknown_names, Names::Refuse);
    let parameters = strict.fields.iter().find(|field| field.name == "parameters").unwrap();
    assert!(parameters.allowed["properties"]["layer"].is_object());
    assert_eq!(of(&counting).rules.unknown_names, Names::Keep);
    assert_eq!(of(&counting).rules.window, None);
}
