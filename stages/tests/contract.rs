//! What every registered stage promises, whatever it does, and how lists of stages are checked.
//!
//! A stage is covered the moment it is registered. It has to say something here only when it gives
//! new codes, which clients rely on, or cannot be built without settings.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use stages::ports::Store;
use stages::registry::Registered;
use stages::testing::{MemoryStore, scanned, services};
use stages::verdict::codes;
use stages::{
    Batch, ClientKey, Cx, Entry, EntryId, Form, Hour, LoadError, ManualClock, Needs, Pipeline,
    Pointer, Reason, Request, Side, Stage, StageSpec, Verdict,
};

const NOW: Hour = Hour::from_epoch_hours(496_454);
const REQUEST: Request = Request {
    client: ClientKey::from_bytes([1; 16]),
    batch_key: None,
    received: NOW,
    country: None,
};
/// Three different events that every stage lets through, at [`NOW`].
const BODY: &[u8] = br#"{"events":[
    {"version":"1.23.0","tool":"get_alerts","status":"success",
     "timestamp_hour":"2026-08-20T14:00:00Z","analytics_level":"minimal"},
    {"version":"1.23.0","tool":"get_forecast","status":"error","error_type":"timeout",
     "timestamp_hour":"2026-08-20T13:00:00Z","analytics_level":"standard"},
    {"version":"1.22.0","tool":"get_alerts","status":"success","session_id":"0123456789abcdef",
     "sequence_number":1,"timestamp_hour":"2026-08-20T14:00:00Z","analytics_level":"detailed"}]}"#;

/// Settings for stages that cannot be built without any.
fn settings(name: &str) -> Value {
    match name {
        "rate-limit" => {
            json!({ "requests_per_minute": 60, "burst": 10, "events_per_minute": 1000 })
        }
        _ => Value::Null,
    }
}

fn built(stage: &Registered) -> stages::registry::Built {
    match stage.build(settings(stage.name), &services()) {
        Ok(built) => built,
        Err(error) => panic!("`{}` needs an entry in settings(): {error}", stage.name),
    }
}

/// Runs a stage alone, with whatever either side would give it.
async fn run(stage: &dyn Stage, batch: &mut Batch<'_>) {
    let clock = ManualClock::at(NOW.unix_seconds());
    let tx = MemoryStore::default().begin().await.expect("a store without faults");
    let cx = Cx { clock: &clock, request: Some(&REQUEST), tx: Some(&*tx) };
    stage.run(batch, cx).await.expect("doubles without faults");
    if let Some(settling) = stage.settled(batch, cx) {
        settling.await;
    }
}

/// A batch of the form that a stage needs, with three events once there are any.
async fn batch_for(needs: Needs) -> Batch<'static> {
    let (Needs::Exactly(form) | Needs::AtLeast(form)) = needs;
    let mut batch = Batch::request(BODY);
    match form {
        Form::Body => {}
        Form::Parsed => {
            let registry = stages::registry();
            let parse = registry.giving(Form::Parsed, Side::Ingest).expect("a stage parses");
            run(&*built(parse).stage, &mut batch).await;
        }
        _ => {
            let events = vec![
                scanned("get_alerts").build(),
                scanned("get_forecast").error("timeout").hour(NOW.plus(-1)).build(),
                scanned("get_alerts").identity(1).build(),
            ];
            let id = EntryId::from_bytes([1; 16]);
            let entry = Entry { id, received: NOW, batch_key: None, door_duplicates: 0, events };
            batch = Batch::group([entry]);
        }
    }
    batch
}

fn needs_events(needs: Needs) -> bool {
    !matches!(needs, Needs::Exactly(Form::Body) | Needs::AtLeast(Form::Body))
}

#[test]
fn names_are_kebab_case_and_unique() {
    let mut names = BTreeSet::new();
    for stage in stages::registry().stages() {
        let name = stage.name;
        let part = |part: &str| {
            !part.is_empty() && part.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
        };
        assert!(name.split('-').all(part), "`{name}` is not kebab-case");
        assert!(names.insert(name), "`{name}` is registered twice");
        assert!(!stage.sides.is_empty(), "`{name}` may stand nowhere");
    }
}

#[test]
fn codes_are_what_clients_know() {
    let mut all = BTreeSet::new();
    for stage in stages::registry().stages() {
        let mut own = BTreeSet::new();
        for code in stage.codes.iter().map(|code| code.as_str()) {
            let snake = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_';
            assert!(!code.is_empty() && code.bytes().all(snake), "`{code}` is not snake_case");
            assert!(own.insert(code), "`{}` lists `{code}` twice", stage.name);
        }
        all.extend(own);
    }
    let all: Vec<&str> = all.into_iter().collect();
    assert_eq!(all.join("\n"), CODES.trim());
}

#[test]
fn schemas_describe_every_property_and_allow_no_others() {
    for stage in stages::registry().stages() {
        let (name, schema) = (stage.name, Value::from(stage.schema()));
        assert_eq!(schema["type"], "object", "`{name}`");
        check_schema(name, &schema);
        for (definition, schema) in schema["$defs"].as_object().into_iter().flatten() {
            check_schema(&format!("{name}: {definition}"), schema);
        }
    }
}

fn check_schema(place: &str, schema: &Value) {
    if schema["type"] == "object"
        && schema.get("additionalProperties").is_none_or(Value::is_boolean)
    {
        assert_eq!(schema["additionalProperties"], false, "`{place}` allows unknown keys");
    }
    for (key, property) in schema["properties"].as_object().into_iter().flatten() {
        let text = property["description"].as_str().unwrap_or_default();
        assert!(!text.is_empty(), "`{place}.{key}` has no description");
        check_schema(&format!("{place}.{key}"), property);
    }
}

#[test]
fn defaults_build_or_say_which_key_is_needed() {
    for stage in stages::registry().stages() {
        for with in [Value::Null, json!({})] {
            let Err(error) = stage.build(with, &services()) else { continue };
            let schema = Value::from(stage.schema());
            let mut keys = schema["properties"].as_object().into_iter().flatten();
            let named = keys.any(|(key, _)| error.message.contains(key.as_str()));
            assert!(named, "`{}` does not say what it needs: {}", stage.name, error.message);
        }
        built(stage);
    }
}

#[test]
fn an_unknown_key_is_refused_at_its_place() {
    for stage in stages::registry().stages() {
        let mut with = settings(stage.name);
        if with.is_null() {
            with = json!({});
        }
        with["no_such_key"] = json!(1);
        let error = stage.build(with, &services()).err().expect(stage.name);
        assert_eq!(error.path, ["no_such_key"], "`{}`", stage.name);
    }
}

#[tokio::test]
async fn an_empty_batch_is_fine() {
    for stage in stages::registry().stages() {
        let built = built(stage);
        if needs_events(built.needs) {
            let mut batch = Batch::group([]);
            run(&*built.stage, &mut batch).await;
            assert_eq!((batch.slots().len(), batch.refusal()), (0, None), "`{}`", stage.name);
        }
    }
}

#[tokio::test]
async fn clean_events_pass_and_keep_their_places() {
    for stage in stages::registry().stages() {
        let (name, built) = (stage.name, built(stage));
        let mut batch = batch_for(built.needs).await;
        run(&*built.stage, &mut batch).await;
        assert_eq!(batch.refusal(), None, "`{name}`");
        if needs_events(built.needs) || stage.gives == Some(Form::Parsed) {
            assert_eq!((batch.slots().len(), batch.passing()), (3, 3), "`{name}`");
        }
        let tools: Vec<&str> =
            batch.slots().iter().filter_map(|s| Some(s.event.scanned()?.tool())).collect();
        let gone = tools.is_empty();
        assert!(gone || tools == ["get_alerts", "get_forecast", "get_alerts"], "`{name}`");
    }
}

#[tokio::test]
async fn settled_slots_stay_settled() {
    let verdicts = [
        Verdict::Drop(Reason::new(codes::DUPLICATE, Pointer::ROOT, "set by the test")),
        Verdict::Reject(Reason::new(codes::INVALID_FIELD, Pointer::ROOT, "set by the test")),
    ];
    for stage in stages::registry().stages() {
        let (name, built) = (stage.name, built(stage));
        if !needs_events(built.needs) {
            continue;
        }
        let mut batch = batch_for(built.needs).await;
        for (slot, verdict) in verdicts.iter().enumerate() {
            batch.settle(slot, verdict.clone());
        }
        run(&*built.stage, &mut batch).await;
        let got: Vec<_> = batch.slots().iter().map(|slot| slot.verdict().clone()).collect();
        assert_eq!(got, [verdicts[0].clone(), verdicts[1].clone(), Verdict::Pass], "`{name}`");
    }
}

// Lists of stages.

const DEFAULT_INGEST: &[&str] = &[
    "rate-limit:requests",
    "parse",
    "rate-limit:events",
    "schema-validate",
    "pii-scan",
    "sanitise",
    "dedup",
    "enqueue",
];

/// A list, written as `stage` or, for the two uses of rate-limit, `stage:what`.
fn specs(names: &[&str]) -> Vec<StageSpec> {
    let spec = |name: &&str| match name.split_once(':') {
        None => StageSpec { with: settings(name), ..StageSpec::named(name) },
        Some((stage, what)) => StageSpec {
            label: Some(format!("{stage}-{what}")),
            with: json!({ format!("{what}_per_minute"): 60 }),
            ..StageSpec::named(stage)
        },
    };
    names.iter().map(spec).collect()
}

fn load(side: Side, specs: &[StageSpec]) -> Result<Pipeline, Vec<LoadError>> {
    Pipeline::build(&stages::registry(), side, specs, &services())
}

/// Position and code of one thing that is wrong with a list.
type Wrong = (Option<usize>, &'static str);
/// A list, and everything that is wrong with it.
type Case = (&'static [&'static str], &'static [Wrong]);

fn wrong(side: Side, names: &[&str]) -> Vec<Wrong> {
    let errors = load(side, &specs(names)).err().unwrap_or_default();
    errors.into_iter().map(|error| (error.index, error.code)).collect()
}

#[test]
fn both_documented_orders_load() {
    let as_designed =
        ["parse", "schema-validate", "pii-scan", "sanitise", "dedup", "rate-limit", "enqueue"];
    for names in [DEFAULT_INGEST, &as_designed] {
        assert_eq!(wrong(Side::Ingest, names), []);
    }
    let pipeline = load(Side::Ingest, &specs(DEFAULT_INGEST)).ok().unwrap();
    let labels: Vec<&str> = pipeline.labels().collect();
    assert_eq!(labels, DEFAULT_INGEST.iter().map(|n| n.replace(':', "-")).collect::<Vec<_>>());
    assert_eq!(pipeline.group_events(), None);
    let worker = load(Side::Worker, &specs(&["batch-persist", "aggregate"])).ok().unwrap();
    assert_eq!(worker.group_events(), Some(10_000));
}

#[test]
fn lists_that_cannot_work_are_refused() {
    const ORDER: &str = "wrong_order";
    const MISSING: &str = "missing_stage";
    let ingest: &[Case] = &[
        // No pii-scan: what follows would get unscanned events.
        (&["parse", "schema-validate", "sanitise", "dedup", "enqueue"], &[(Some(2), ORDER)]),
        (&["parse", "schema-validate", "enqueue"], &[(Some(2), ORDER)]),
        // No enqueue.
        (&["parse", "pii-scan", "sanitise", "dedup"], &[(None, MISSING)]),
        // enqueue is not last.
        (&["parse", "pii-scan", "sanitise", "enqueue", "dedup"], &[(Some(4), ORDER)]),
        // parse twice.
        (&["parse", "parse", "pii-scan", "sanitise", "enqueue"], &[(Some(1), "repeated_label")]),
        // Events are limited before they can be counted.
        (&["rate-limit:events", "parse", "pii-scan", "sanitise", "enqueue"], &[(Some(0), ORDER)]),
        (&["parse", "dedup", "pii-scan", "sanitise", "enqueue"], &[(Some(1), ORDER)]),
        (&["pii-scan", "sanitise", "enqueue"], &[(Some(0), ORDER)]),
        (&["parse", "pii-scan", "sanitise", "aggregate", "enqueue"], &[(Some(3), "wrong_list")]),
        (&[], &[(None, MISSING)]),
        // A stage that stands too early is reported, and not the one it should stand behind.
        (&["parse", "sanitise", "pii-scan", "enqueue"], &[(Some(1), ORDER)]),
        (&["enqueue", "parse", "pii-scan", "sanitise"], &[(Some(0), ORDER)]),
        (&["pii-scan", "parse", "enqueue", "sanitise"], &[(Some(0), ORDER), (Some(2), ORDER)]),
        (&["sanitise", "parse", "enqueue"], &[(Some(0), ORDER)]),
        // Where a stage is unknown, it may be the one that is missed.
        (&["parse", "nonsense", "sanitise"], &[(Some(1), "unknown_stage")]),
        (
            &["parse", "nonsense", "parse"],
            &[(Some(1), "unknown_stage"), (Some(2), "repeated_label")],
        ),
    ];
    for (names, want) in ingest {
        assert_eq!(wrong(Side::Ingest, names), *want, "{names:?}");
    }
    let worker: &[Case] = &[
        (&["batch-persist"], &[(None, MISSING)]),
        (&["aggregate"], &[(Some(0), ORDER)]),
        (&["aggregate", "batch-persist"], &[(Some(0), ORDER)]),
        (&["batch-persist", "aggregate", "aggregate"], &[(Some(2), "repeated_label")]),
        (&[], &[(None, MISSING)]),
    ];
    for (names, want) in worker {
        assert_eq!(wrong(Side::Worker, names), *want, "{names:?}");
    }
}

#[test]
fn everything_wrong_is_said_at_once_and_in_words() {
    let mut list = specs(&["parse", "pii-scann", "sanitise", "dedup", "enqueue", "batch-persist"]);
    list[0].dry_run = true;
    list[3].with = json!({ "window": "soon" });
    list[4].with = json!({ "no_such_key": 1 });
    let errors = load(Side::Ingest, &list).err().unwrap();
    let got: Vec<_> = errors
        .iter()
        .map(|error| (error.index.unwrap(), error.code, error.path.join("."), error.side))
        .collect();
    let at = |index, code, path: &str| (index, code, path.to_owned(), Side::Ingest);
    assert_eq!(
        got,
        [
            at(0, "no_dry_run", "dry_run"),
            at(1, "unknown_stage", "stage"),
            at(3, "invalid_setting", "with.window"),
            at(4, "invalid_setting", "with.no_such_key"),
            at(5, "wrong_list", "stage"),
        ]
    );
    assert_eq!(errors[4].help.as_deref(), Some("move it to `worker`"));
}

#[test]
fn a_wrong_order_says_which_stage_goes_where() {
    for (names, want) in [
        (&["parse", "enqueue"][..], "put `pii-scan` and `sanitise` before it"),
        (&["enqueue", "parse", "pii-scan", "sanitise"], "move it down, behind `sanitise`"),
        (&["sanitise", "parse", "enqueue"], "put `pii-scan` before it, and move it behind `parse`"),
        (&["parse", "pii-scan", "sanitise", "enqueue", "dedup"], "move it up, before `enqueue`"),
        (&["parse"], "add them at the end of the list, in this order"),
    ] {
        let errors = load(Side::Ingest, &specs(names)).err().unwrap();
        assert_eq!(errors[0].help.as_deref(), Some(want), "{names:?}");
    }
}

/// Every code, in order. Clients, dashboards and alerts rely on them: add, never rename.
const CODES: &str = "
append_unconfirmed
batch_rejected
batch_too_large
country_dropped
duplicate
empty_batch
error_type_required
error_type_shortened
expired
invalid_field
invalid_service
invalid_tool
malformed_json
missing_field
null_value
parameter_dropped
pii_detected
pii_dropped
pii_scrubbed
queue_full
queue_unavailable
rate_limit_exceeded
redelivery
refused_by_store
response_time_clamped
response_time_dropped
service_counted_as_other
timestamp_floored
timestamp_not_rounded
timestamp_out_of_window
too_deep
tool_counted_as_other
unstorable
";
