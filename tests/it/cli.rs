//! The command line beside a running server.

use std::process::Command;

use crate::support::{Event, Server, on_every_pair};

on_every_pair![migrations_go_up_and_down_and_tell_where_they_are,];

const BINARY: &str = env!("CARGO_BIN_EXE_weather-mcp-analytics");

#[test]
fn a_bad_file_opens_and_binds_nothing_and_says_where() {
    let folder = tempfile::tempdir().unwrap();
    let shipped = include_str!("../../pipeline.yaml");
    let broken = shipped.replacen("stage: dedup", "stage: dedupe", 1);
    assert_ne!(broken, shipped);
    std::fs::write(folder.path().join("pipeline.yaml"), &broken).unwrap();
    let line = broken.lines().position(|line| line.contains("dedupe")).unwrap() + 1;
    for command in ["serve", "check"] {
        let output = Command::new(BINARY).arg(command).current_dir(folder.path()).output().unwrap();
        let text = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(78), "{text}");
        assert!(text.contains(&format!("pipeline.yaml:{line}:")), "{text}");
        assert!(text.contains("dedup"), "{text}");
    }
    let files: Vec<_> = std::fs::read_dir(folder.path()).unwrap().collect();
    assert_eq!(files.len(), 1, "nothing was created beside the file");
}

#[test]
fn problems_are_for_people_and_for_programs() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("pipeline.yaml");
    let check = |text: &str, arguments: &[&str], variable: &str| {
        std::fs::write(&path, text).unwrap();
        let mut command = Command::new(BINARY);
        command.arg("check").args(arguments).current_dir(folder.path());
        for name in ["NO_COLOR", "CLICOLOR", "CLICOLOR_FORCE"] {
            command.env_remove(name);
        }
        command.env(variable, "1").output().unwrap()
    };
    let broken = "server:\n  lisen: 127.0.0.1:0\nstore: { pool: 0 }\n";
    // Nobody looks at a pipe, unless they ask for colour.
    for (variable, coloured) in [("UNRELATED", false), ("CLICOLOR_FORCE", true)] {
        let output = check(broken, &[], variable);
        assert_eq!(output.status.code(), Some(78));
        let text = String::from_utf8(output.stderr).unwrap();
        assert_eq!(text.contains('\u{1b}'), coloured, "{text}");
        assert!(text.contains("lisen") && text.contains("2 problems"), "{text}");
    }
    let output = check(broken, &["--format", "json"], "UNRELATED");
    assert_eq!(output.status.code(), Some(78));
    assert!(output.stderr.is_empty(), "standard output says it all");
    let json: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(json["valid"], false);
    let member = |key: &str| -> Vec<serde_json::Value> {
        json["errors"].as_array().unwrap().iter().map(|error| error[key].clone()).collect()
    };
    assert_eq!(member("code"), ["unknown_key", "out_of_range"]);
    assert_eq!(member("file"), ["pipeline.yaml", "pipeline.yaml"]);
    assert_eq!(member("line"), [2, 3]);
    assert_eq!(member("column"), [3, 16]);
    assert_eq!(json["errors"][0]["end"], serde_json::json!({ "line": 2, "column": 8 }));

    let output = check("log: { level: warn }\n", &["--format", "json"], "UNRELATED");
    assert_eq!(output.status.code(), Some(0));
    let json: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&json["valid"], &json["errors"]), (&true.into(), &serde_json::json!([])));
}

#[test]
fn wrong_usage_and_a_misspelt_variable_have_their_own_codes() {
    let code = |arguments: &[&str], variable: &str| {
        let folder = tempfile::tempdir().unwrap();
        let mut command = Command::new(BINARY);
        command.args(arguments).env(variable, "1").current_dir(folder.path());
        command.output().unwrap().status.code()
    };
    assert_eq!(code(&["--nonsense"], "UNRELATED"), Some(2));
    assert_eq!(code(&["check"], "UNRELATED"), Some(0));
    assert_eq!(code(&["check"], "ANALYTICS_ENABLED"), Some(0), "it belongs to the client");
    assert_eq!(code(&["check"], "ANALYTICS_SERVER__LISTNE"), Some(78));
    assert_eq!(code(&["healthcheck"], "ANALYTICS_SERVER__LISTEN"), Some(78));
}

fn migrations_go_up_and_down_and_tell_where_they_are() {
    let mut server = Server::start();
    server.post(Event::batch([Event::minimal("get_alerts")]));
    server.drained();
    let status = String::from_utf8(server.command(&["migrate", "status"]).stdout).unwrap();
    let steps = status.lines().filter(|line| line.starts_with("applied  ")).count();
    assert!(steps > 0, "{status}");
    server.terminate();
    assert!(server.command(&["migrate", "down", "--steps", &steps.to_string()]).status.success());
    assert!(!server.store().has_table("events"));
    assert!(server.command(&["migrate", "up"]).status.success());
    assert!(server.store().has_table("events"));
}

#[test]
fn a_health_check_tells_a_running_server_from_none() {
    let mut server = Server::start();
    let url = format!("{}/readyz", server.public);
    assert_eq!(server.command(&["healthcheck", "--url", &url]).status.code(), Some(0));
    server.terminate();
    assert_eq!(server.command(&["healthcheck", "--url", &url]).status.code(), Some(1));
}

#[test]
fn the_schema_is_printed_as_it_is_published() {
    let output = Command::new(BINARY).arg("schema").output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    let published = include_str!("../../deploy/pipeline.schema.json");
    assert!(String::from_utf8(output.stdout).unwrap() == published, "run the tests with UPDATE=1");
}

#[test]
fn scan_answers_good_lines_and_fails_over_bad_ones() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("events.jsonl");
    // More than a pipe or a buffer holds, so that reading and writing must go hand in hand.
    let good = r#"{"id":1,"event":{"tool":"get_forecast","note":"write to jo@example.org"}}"#;
    let many = format!("{good}\n").repeat(20_000);
    let scan = |text: &str| {
        std::fs::write(&file, text).unwrap();
        let mut command = Command::new(BINARY);
        command.args(["scan", "--jsonl"]).arg(&file).current_dir(folder.path()).output().unwrap()
    };
    let answer =
        r#"{"id":1,"pii":true,"findings":[{"pointer":"/*","type":"EMAIL","detector":"email"}]}"#;
    let output = scan(&many);
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(String::from_utf8(output.stdout).unwrap() == format!("{answer}\n").repeat(20_000));

    let output = scan(&format!("{good}\nmail jo@example.org\n{good}\n"));
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(String::from_utf8(output.stdout).unwrap(), format!("{answer}\n{answer}\n"));
    let complaint = String::from_utf8(output.stderr).unwrap();
    assert_eq!(
        complaint,
        "line 2: not JSON: see column 1\nerror: 1 of 3 lines could not be scanned\n"
    );
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "nothing else was made");
}
