//! What a start says when nothing stands in its way: the banner, and notes about an environment that
//! was made for something else.

use std::net::SocketAddr;
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::support::{Config, Place, Server, eventually};

const BINARY: &str = env!("CARGO_BIN_EXE_weather-mcp-analytics");
const VERSION: &str = env!("CARGO_PKG_VERSION");

#[test]
fn half_a_configuration_in_the_environment_names_the_other_half() {
    let place = Place::new();
    for (variable, message) in [
        (
            "ANALYTICS_SERVER__TLS__CERT",
            "error[missing_key]: `server.tls` lacks the keys `listen` and `key`\n\
             --> environment variable ANALYTICS_SERVER__TLS__CERT\n \
             = help: add what is missing, or remove all of `server.tls`\n",
        ),
        ("ANALYTICS_SERVER__LISTNE", "did you mean `ANALYTICS_SERVER__LISTEN`?"),
    ] {
        let ended = place.serve(&[(variable, "/secret/cert.pem")]);
        assert_eq!(ended.code, Some(78), "{}", ended.stderr);
        assert!(ended.stderr.contains(message), "{}", ended.stderr);
        assert!(!ended.stderr.contains("secret"), "{}", ended.stderr);
    }
    assert_eq!(std::fs::read_dir(place.folder.path()).unwrap().count(), 0, "nothing was made");
}

#[test]
fn variables_of_the_client_in_the_same_shell_are_none_of_its_business() {
    let clients = [
        ("ANALYTICS_ENABLED", "true"),
        ("ANALYTICS_LEVEL", "detailed"),
        ("ANALYTICS_ENDPOINT", "https://analytics.example.org/v1/events"),
        ("ANALYTICS_SALT", "secret"),
    ];
    let place = Place::new();
    let (with, without) = (place.run(&[], &["check"], &clients), place.run(&[], &["check"], &[]));
    assert_eq!((with.code, with.stderr.as_str()), (Some(0), ""));
    assert_eq!(with.stdout, without.stdout);
}

/// Messages of the log with a code.
fn noted(server: &Server, code: &str) -> Vec<String> {
    let lines = server.log();
    let lines = lines.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    lines
        .filter(|line| line["code"] == code)
        .map(|line| {
            format!("{} {}", line["level"].as_str().unwrap(), line["message"].as_str().unwrap())
        })
        .collect()
}

#[test]
fn names_of_the_former_server_lead_to_their_equivalents_and_stop_nothing() {
    let env = ["PORT", "DB_HOST", "DB_PASSWORD", "LOG_LEVEL", "NODE_ENV"];
    let env = env.map(|name| (name, "hunter2".to_owned())).to_vec();
    let server = Server::with(Config { env, ..Config::default() });
    assert_eq!(
        noted(&server, "former_variable"),
        [
            "INFO PORT is not read here; the equivalent is ANALYTICS_SERVER__LISTEN: an address such \
             as 0.0.0.0:3000",
            "INFO LOG_LEVEL is not read here; the equivalent is ANALYTICS_LOG__LEVEL: error, warn, \
             info, debug or trace",
            "INFO NODE_ENV is not read here, and nothing has to stand for it",
        ]
    );
    assert!(!server.log().contains("hunter2"), "values are never shown");
    assert_eq!(
        noted(&server, "built_in_pipeline"),
        ["INFO there is no ./pipeline.yaml: the built-in one is used"]
    );
}

#[test]
fn a_public_address_that_shows_everything_is_warned_of() {
    let warned = |min_cell: &str| {
        let env =
            [("ANALYTICS_SERVER__LISTEN", "0.0.0.0:0"), ("ANALYTICS_PRIVACY__MIN_CELL", min_cell)];
        let place = Place::new();
        place.run(&[], &["check"], &env).stdout.contains("`server.listen` is reachable from other")
    };
    assert!(warned("1"));
    assert!(!warned("10"));
}

/// A terminal of its own, which `script` (util-linux) provides.
#[test]
fn the_banner_of_a_terminal_leads_to_the_first_event() {
    let place = Place::new();
    let command = format!("echo $$ > pid; exec {BINARY} serve");
    let mut terminal = Command::new("script")
        .args(["--quiet", "--flush", "--return", "--command", &command, "shown"])
        .current_dir(place.folder.path())
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("ANALYTICS_LOG__LEVEL", "warn")
        .env("ANALYTICS_SERVER__LISTEN", "127.0.0.1:0")
        .env("ANALYTICS_SERVER__METRICS_LISTEN", "127.0.0.1:0")
        .env("ANALYTICS_SERVER__DRAIN_DELAY", "0s")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let mut shown = String::new();
    eventually("the banner is there", || {
        shown =
            std::fs::read_to_string(place.path("shown")).unwrap_or_default().replace("\r\n", "\n");
        shown.contains("Ctrl-C stops.\n")
    });
    // `script` puts a line of its own first.
    let shown = shown.split_once('\n').unwrap().1.to_owned();
    let address = |name: &str| -> SocketAddr {
        let line = shown.lines().find(|line| line.trim_start().starts_with(name)).expect(name);
        let host = line.split("http://").nth(1).unwrap().split('/').next().unwrap();
        host.parse().unwrap()
    };
    let (page, metrics) = (address("Page"), address("Metrics"));
    let curl = format!(
        "curl -sS http://{page}/v1/events -H 'content-type: application/json' -d '{{\"events\":[{{\n  \
         \"version\":\"1.23.0\",\"tool\":\"get_forecast\",\"status\":\"success\",\n  \
         \"timestamp_hour\":\"'\"$(date -u +%Y-%m-%dT%H:00:00Z)\"'\",\"analytics_level\":\"minimal\"}}]}}'\n"
    );
    let want = format!(
        "weather-mcp-analytics {VERSION}\n\n\
         \x20 Page            http://{page}/\n\
         \x20 Metrics         http://{metrics}/metrics\n\
         \x20 Queue           {}\n\
         \x20 Store           {}\n\
         \x20 Roles           server and worker\n\
         \x20 Configuration   built in (there is no ./pipeline.yaml)\n\n\
         Send a first event from another terminal, then open the page:\n\n{curl}\n\
         Ctrl-C stops.\n\n",
        place.path("data/queue.db"),
        place.path("data/analytics.db"),
    );
    assert_eq!(shown, want);

    // What is shown works when it is pasted.
    let pasted = Command::new("sh").args(["-c", &curl]).output().unwrap();
    let answer: Value = serde_json::from_slice(&pasted.stdout).expect("an answer");
    assert_eq!((&answer["status"], &answer["count"]), (&Value::from("accepted"), &Value::from(1)));

    let pid = std::fs::read_to_string(place.path("pid")).unwrap();
    assert!(Command::new("kill").args(["-INT", pid.trim()]).status().unwrap().success());
    assert_eq!(terminal.wait().unwrap().code(), Some(0));
}
