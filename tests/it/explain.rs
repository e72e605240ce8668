//! `explain` says what the server does.

use std::process::Command;
use std::sync::Arc;

use serde_json::{Value, json};
use stages::SystemClock;
use weather_mcp_analytics::config::{Flags, LoadArgs, load};
use weather_mcp_analytics::explain::{Explanation, Step, explain};

use crate::support::{Config, Event, Server, hour_now};

const BINARY: &str = env!("CARGO_BIN_EXE_weather-mcp-analytics");
const CASES: &str = include_str!("../fixtures/contract.jsonl");

#[test]
fn its_verdicts_are_those_of_the_server() {
    // What other cases sent must not matter: an explanation starts from nothing, too.
    let forgetful = ("ANALYTICS_STAGE__DEDUP__WINDOW", "1ms".to_owned());
    let server = Server::with(Config { env: vec![forgetful], ..Config::default() });
    let yesterday = hour_now().day().plus(-1).to_string();
    let (mut compared, mut differ) = (0, Vec::new());
    for line in CASES.lines() {
        let case: Value = serde_json::from_str(&line.replace("{{DAY}}", &yesterday)).unwrap();
        // Headers are not explained.
        let Some(body) = case["body"].as_str() else { continue };
        if case["path"] != "/v1/events" || case["method"] != "POST" || case["headers"].is_object() {
            continue;
        }
        compared += 1;
        let answer = server.post(body);
        let (answered, explained) = (of_answer(&answer.json()), of_explanation(&explained(body)));
        if answered != explained {
            differ.push(format!("{}: {answered} but {explained}", case["name"]));
        }
    }
    assert!(differ.is_empty(), "{}", differ.join("\n"));
    assert!(compared > 100, "{compared} cases");
}

fn explained(body: &str) -> Explanation {
    let registry = stages::registry();
    let file = Some(concat!(env!("CARGO_MANIFEST_DIR"), "/pipeline.yaml").into());
    let args = LoadArgs { file, env: [], overrides: Flags::default(), registry: &registry };
    let loaded = load(args).unwrap_or_else(|problems| panic!("{problems}"));
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let clock = Arc::new(SystemClock::new());
    runtime.block_on(explain(&loaded, &registry, clock, body.as_bytes())).unwrap()
}

/// What an answer says of each event, or of the whole request.
fn of_answer(answer: &Value) -> Value {
    match (answer.get("error"), answer.get("rejected")) {
        (Some(_), None) => json!({ "refused": answer["code"] }),
        (error, rejected) => json!({
            "count": if error.is_some() { json!(0) } else { answer["count"].clone() },
            "duplicates": answer.get("duplicates").cloned().unwrap_or(json!([])),
            "warnings": answer.get("warnings").cloned().unwrap_or(json!([])),
            "rejected": rejected,
        }),
    }
}

fn of_explanation(explanation: &Explanation) -> Value {
    if let Some(refused) = &explanation.refused {
        return json!({ "refused": refused.code });
    }
    let (mut count, mut duplicates) = (0, Vec::new());
    let (mut rejected, mut warnings) = (Vec::new(), Vec::new());
    for event in &explanation.events {
        let note = |note: &weather_mcp_analytics::explain::Note| {
            let pointer = format!("/events/{}{}", event.index, note.pointer);
            json!({
                "index": event.index, "code": note.code, "pointer": pointer, "message": note.message
            })
        };
        let steps: Vec<&Step> = event.steps.iter().filter(|step| step.list == "ingest").collect();
        let last = steps.last().unwrap();
        match last.verdict {
            "pass" => {
                count += 1;
                warnings.extend(steps.iter().flat_map(|step| &step.warnings).map(note));
            }
            "drop" => duplicates.push(event.index),
            _ => rejected.push(note(last.reason.as_ref().unwrap())),
        }
    }
    json!({ "count": count, "duplicates": duplicates, "warnings": warnings, "rejected": rejected })
}

#[test]
fn a_row_is_what_the_server_stores() {
    let event = Event::detailed(" Get_Forecast ", "00112233445566FF", 7)
        .with("status", "error")
        .with("error_type", "Timeout: no answer")
        .with("response_time_ms", 150_000)
        .with("service", "new_service")
        .with("cache_hit", false)
        .with("retry_count", 2)
        .with("country", "us")
        .with("parameters", json!({ "days": 3, "note": "x" }));
    let body = Event::batch([event]);
    let server = Server::start();
    assert_eq!(server.post(&body).status, 200);
    server.drained();
    let stored = server.store().texts(
        "SELECT json_object('timestamp_hour', timestamp_hour, 'version', version, 'tool', tool, \
         'status', status, 'analytics_level', analytics_level, 'response_time_ms', \
         response_time_ms, 'service', service, 'cache_hit', cache_hit, 'retry_count', retry_count, \
         'country', country, 'parameters', json(parameters), 'session_id', session_id, \
         'sequence_number', sequence_number, 'error_type', error_type, 'received_hour', \
         received_hour) FROM events",
    );
    let mut stored: Value = serde_json::from_str(&stored[0]).unwrap();
    let explanation = serde_json::to_value(explained(&body)).unwrap();
    let mut row = explanation["events"][0]["row"].clone();
    // SQLite writes a truth as a number.
    stored["cache_hit"] = (stored["cache_hit"] == 1).into();
    // The hour may have turned between the two.
    assert!(row["received_hour"].is_string());
    row["received_hour"] = stored["received_hour"].clone();
    assert_eq!(row, stored);
}

#[test]
fn colour_comes_when_it_is_wanted_and_nothing_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let body = Event::batch([Event::minimal("get_alerts")]);
    std::fs::write(folder.path().join("body.json"), body).unwrap();
    let run = |arguments: &[&str], variable: &str| {
        let mut command = Command::new(BINARY);
        command.arg("explain").args(arguments).arg("body.json").env_clear();
        let output = command.env(variable, "1").current_dir(folder.path()).output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    let (plain, colour) = (run(&[], "X"), run(&["--color", "always"], "NO_COLOR"));
    assert!(plain.contains("1 event: 1 stored") && !plain.contains('\u{1b}'), "{plain}");
    assert!(colour.contains("\u{1b}[32mstored\u{1b}[0m"), "{colour}");
    assert!(!run(&["--color", "never"], "CLICOLOR_FORCE").contains('\u{1b}'));
    assert!(run(&[], "CLICOLOR_FORCE").contains('\u{1b}'));
    let json: Value = serde_json::from_str(&run(&["--json"], "CLICOLOR_FORCE")).unwrap();
    assert_eq!(json["events"][0]["outcome"], "stored");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "nothing else was made");
}

#[test]
fn a_file_that_is_not_there_is_named() {
    let output = Command::new(BINARY).args(["explain", "nowhere.json"]).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(text.starts_with("error: cannot read nowhere.json: "), "{text}");
}
