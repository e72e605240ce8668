//! The published client, live: the npm package as an MCP stdio server, sending over HTTPS.
//!
//! Every event that it sends must be accepted, stored and shown, at every level and in zones whose
//! hours do not begin with the UTC hour. What was sent is known from a tap inside the client (see
//! tests/client/preload.mjs) and, apart from that, from the client's own log.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use serde_json::{Value, json};

use crate::support::{
    Config, HOST, Server, documented, eventually, https_config, npm_installed, sh,
};

/// Zones, and the UTC minute at which their hours begin.
const ZONES: [(&str, &str); 4] =
    [("UTC", "00"), ("Asia/Kolkata", "30"), ("Asia/Kathmandu", "15"), ("America/St_Johns", "30")];
/// `ANALYTICS_LEVEL`, and the level that comes of it.
const LEVELS: [(Option<&str>, &str); 4] = [
    (None, "minimal"),
    (Some("minimal"), "minimal"),
    (Some("standard"), "standard"),
    (Some("detailed"), "detailed"),
];
/// Clients at work at the same time.
const SIDE_BY_SIDE: &str = "4";
const REMEDY: &str = "install Node.js 18.19 or newer with npm, or start this through tests/run.sh";
const GUIDE: &str = include_str!("../../docs/clients.md");

/// One run of the client: its settings, what it printed, and what went over the wire.
struct Run {
    zone: &'static str,
    minute: &'static str,
    level: &'static str,
    env: BTreeMap<&'static str, String>,
    home: PathBuf,
    output: Value,
}

impl Run {
    fn new(asked: Option<&str>, level: &'static str, zone: (&'static str, &'static str)) -> Self {
        let mut env = BTreeMap::from([("TZ", zone.0.to_owned())]);
        env.extend(asked.map(|level| ("ANALYTICS_LEVEL", level.to_owned())));
        let home = PathBuf::new();
        Self { zone: zone.0, minute: zone.1, level, env, home, output: Value::Null }
    }

    /// Requests and answers, as the tap saw them.
    fn wire(&self) -> Vec<Value> {
        let lines = fs::read_to_string(self.home.join("tap.jsonl")).unwrap_or_default();
        lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// Every event that was sent.
    fn events(&self) -> Vec<Value> {
        let body = |line: &Value| -> Value {
            serde_json::from_str(line["body"].as_str().unwrap()).unwrap()
        };
        self.wire()
            .iter()
            .flat_map(|line| body(line)["events"].as_array().unwrap().clone())
            .collect()
    }

    fn log(&self) -> &str {
        self.output["log"].as_str().unwrap()
    }

    /// Fails unless everything that the client did was sent, and everything sent was accepted.
    fn assert_accepted(&self) {
        let (log, of) = (self.log(), format!("{} in {}", self.level, self.zone));
        assert_eq!(self.output["code"], 0, "{of} ended badly:\n{log}");
        let events = self.events();
        let tracked = log.matches("\"Analytics event tracked\"").count();
        assert_eq!(events.len(), tracked, "{of}: sent, and counted by the client itself:\n{log}");
        let outcomes = |pairs: Vec<(&Value, &Value)>| {
            let text = |value: &Value| value.as_str().unwrap().to_owned();
            let mut pairs: Vec<_> = pairs.into_iter().map(|(a, b)| (text(a), text(b))).collect();
            pairs.sort();
            pairs
        };
        let calls = self.output["calls"].as_array().unwrap();
        assert_eq!(
            outcomes(events.iter().map(|event| (&event["tool"], &event["status"])).collect()),
            outcomes(calls.iter().map(|call| (&call[0], &call[1])).collect()),
            "{of}: an event for every call"
        );
        for event in &events {
            assert_eq!(event["analytics_level"], self.level, "{of}");
            let hour = event["timestamp_hour"].as_str().unwrap();
            assert!(hour.ends_with(&format!(":{}:00.000Z", self.minute)), "{of}: {hour}");
        }
        for line in self.wire() {
            assert_eq!((&line["status"], &line["version"]), (&json!(200), &json!("1.1")), "{line}");
            let answer: Value = serde_json::from_str(line["answer"].as_str().unwrap()).unwrap();
            assert_eq!(answer["rejected"], json!([]), "{of}");
            assert_eq!(answer["duplicates"], json!([]), "{of}");
        }
        let sent = log.matches("\"statusCode\":200").count();
        assert_eq!(sent, self.wire().len(), "{of}: the client heard of it:\n{log}");
    }
}

/// The folder with the client.
fn installed() -> &'static Path {
    static INSTALLED: OnceLock<PathBuf> = OnceLock::new();
    INSTALLED.get_or_init(|| {
        npm_installed("tests/client", "real-client", "the published client", REMEDY)
    })
}

/// Runs the client for each of `runs` against `server`, trusting `ca`.
fn drive(server: &Server, ca: &Path, folder: &Path, runs: &mut [Run]) {
    let client = installed();
    let port = server.https().rsplit_once(':').unwrap().1.to_owned();
    let preload = client.join("preload.mjs").display().to_string().replace(' ', "%20");
    let mut plan = String::new();
    for (index, run) in runs.iter_mut().enumerate() {
        run.home = folder.join(format!("home-{index}"));
        fs::create_dir(&run.home).unwrap();
        run.env.extend([
            ("PATH", std::env::var("PATH").unwrap()),
            ("HOME", run.home.display().to_string()),
            ("TAP", run.home.join("tap.jsonl").display().to_string()),
            ("LOG_LEVEL", "DEBUG".to_owned()),
            ("ENABLED_TOOLS", "all".to_owned()),
            ("ANALYTICS_ENABLED", "true".to_owned()),
            ("ANALYTICS_HOST", HOST.to_owned()),
            ("ANALYTICS_ENDPOINT", format!("https://{HOST}:{port}/v1/events")),
            ("NODE_EXTRA_CA_CERTS", ca.display().to_string()),
            ("NODE_OPTIONS", format!("--import=file://{preload}")),
        ]);
        plan += &format!("{}\n", json!({ "run": index, "env": run.env, "cwd": run.home }));
    }
    let mut node = Command::new("node")
        .arg(client.join("driver.mjs"))
        .arg(client.join("node_modules/@dangahagan/weather-mcp/dist/index.js"))
        .arg(SIDE_BY_SIDE)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("node cannot be run ({error}): {REMEDY}"));
    node.stdin.take().unwrap().write_all(plan.as_bytes()).unwrap();
    let output = node.wait_with_output().unwrap();
    assert!(output.status.success(), "the driver failed; what it said is above");
    for line in String::from_utf8(output.stdout).unwrap().lines() {
        let output: Value = serde_json::from_str(line).unwrap();
        let index = output["run"].as_u64().unwrap() as usize;
        runs[index].output = output;
    }
}

/// A row of the store, as `SQL` below writes it, for an event as it was sent.
fn row(event: &Value) -> String {
    let text = |member: &str| event[member].as_str().unwrap_or("-").to_owned();
    let number = |member: &str| event[member].as_u64().map_or("-".to_owned(), |n| n.to_string());
    // Zones with half hours: the UTC hour in which their hour began.
    let (hour, _) = event["timestamp_hour"].as_str().unwrap().split_once(':').unwrap();
    let texts = ["version", "tool", "status", "analytics_level", "error_type", "session_id"];
    let numbers = ["response_time_ms", "sequence_number"];
    let mut parts = vec![format!("{hour}:00:00Z")];
    parts.extend(texts.map(text));
    parts.extend(numbers.map(number));
    parts.join(" ")
}

const SQL: &str = "SELECT timestamp_hour || ' ' || version || ' ' || tool || ' ' || status || ' ' || \
     analytics_level || ' ' || coalesce(error_type, '-') || ' ' || coalesce(session_id, '-') || ' ' || \
     coalesce(response_time_ms, '-') || ' ' || coalesce(sequence_number, '-') FROM events";

#[test]
fn every_event_of_the_published_client_is_accepted_and_shown() {
    let folder = tempfile::tempdir().unwrap();
    sh(folder.path(), &documented(GUIDE, "authority"));
    let path = |file: &str| folder.path().join(file);
    // The limits as shipped, for all of them share one address.
    let limits = Config { requests_per_minute: 60, events_per_minute: 1_000, ..Config::default() };
    let server = Server::with(https_config(&path("cert.pem"), &path("key.pem"), limits));
    let mut runs: Vec<Run> = LEVELS
        .into_iter()
        .flat_map(|(asked, level)| ZONES.map(|zone| Run::new(asked, level, zone)))
        .collect();
    drive(&server, &path("ca.pem"), folder.path(), &mut runs);

    let mut sent = Vec::new();
    for run in &runs {
        run.assert_accepted();
        assert_eq!(names(&run.output["tools"]), shipped_tools(), "what the client offers");
        let used: BTreeSet<_> =
            run.events().iter().map(|event| event["tool"].to_string()).collect();
        assert_eq!(used.len(), shipped_tools().len(), "every tool was called");
        sent.extend(run.events());
    }
    let total = sent.len();
    println!("{} clients sent {total} events", runs.len());

    let ledger = server.drained();
    for (member, want) in [("accepted", json!(total)), ("persisted", json!(total))] {
        assert_eq!(ledger[member], want, "{ledger}");
    }
    assert_eq!(ledger["refused"], json!({}), "{ledger}");
    let mut stored = server.store().texts(SQL);
    let mut want: Vec<_> = sent.iter().map(row).collect();
    stored.sort();
    want.sort();
    assert_eq!(stored, want);
    server.store().assert_rollups_equal_raw_rows();
    assert_shown(&server, &sent);
    assert_documented_levels(&runs);
}

/// The stats API and the page show every event.
fn assert_shown(server: &Server, sent: &[Value]) {
    let mut calls: BTreeMap<&str, u64> = BTreeMap::new();
    for event in sent {
        *calls.entry(event["tool"].as_str().unwrap()).or_default() += 1;
    }
    let mut overview = Value::Null;
    eventually("the overview shows all calls", || {
        overview = server.get("/v1/stats/overview?period=7d").json();
        overview["summary"]["total_calls"] == sent.len()
    });
    let mut errors: BTreeMap<&str, u64> = BTreeMap::new();
    for event in sent.iter().filter(|event| event["status"] == "error") {
        *errors.entry(event["error_type"].as_str().unwrap()).or_default() += 1;
    }
    let answer = server.get("/v1/stats/errors?period=7d").json();
    assert_eq!(counts(&answer["errors"], "type", "count"), errors);
    let tools = server.get("/v1/stats/tools?period=7d").json();
    assert_eq!(counts(&tools["tools"], "name", "calls"), calls);
    // Names may break at their underscores.
    let page = server.get("/?period=7d").text.replace("<wbr>", "");
    for tool in calls.keys() {
        assert!(page.contains(tool), "{tool} is not on the page");
    }
}

fn counts<'a>(list: &'a Value, name: &str, number: &str) -> BTreeMap<&'a str, u64> {
    let items = list.as_array().unwrap().iter();
    items.map(|item| (item[name].as_str().unwrap(), item[number].as_u64().unwrap())).collect()
}

/// docs/clients.md tells for each level what is sent; so does the wire.
fn assert_documented_levels(runs: &[Run]) {
    for level in ["minimal", "standard", "detailed"] {
        let of_level = runs.iter().filter(|run| run.level == level);
        let sent: BTreeSet<String> = of_level
            .flat_map(Run::events)
            .flat_map(|event| event.as_object().unwrap().keys().cloned().collect::<Vec<_>>())
            .collect();
        let row = GUIDE.lines().find(|line| line.starts_with(&format!("| `{level}` |")));
        let told: BTreeSet<String> =
            row.unwrap().split('`').skip(3).step_by(2).map(str::to_owned).collect();
        assert_eq!(sent, told, "{level}");
    }
}

/// The tools of the shipped pipeline.yaml.
fn shipped_tools() -> BTreeSet<String> {
    let file: Value = serde_yaml::from_str(include_str!("../../pipeline.yaml")).unwrap();
    let stages = file["ingest"].as_array().unwrap();
    let stage = stages.iter().find(|stage| stage["stage"] == "schema-validate").unwrap();
    names(&stage["with"]["tools"])
}

fn names(list: &Value) -> BTreeSet<String> {
    list.as_array().unwrap().iter().map(|name| name.as_str().unwrap().to_owned()).collect()
}

#[test]
fn the_published_client_takes_a_self_signed_certificate_that_it_was_given() {
    let folder = tempfile::tempdir().unwrap();
    sh(folder.path(), &documented(GUIDE, "self-signed"));
    let path = |file: &str| folder.path().join(file);
    let server = Server::with(https_config(&path("cert.pem"), &path("key.pem"), Config::default()));
    let mut runs = [Run::new(None, "minimal", ZONES[0])];
    drive(&server, &path("cert.pem"), folder.path(), &mut runs);
    runs[0].assert_accepted();
    assert_eq!(server.drained()["persisted"], runs[0].events().len());
    let config = installed().join("node_modules/@dangahagan/weather-mcp/dist/analytics/config.js");
    let config = fs::read_to_string(config).unwrap();
    let (_, rest) = config.split_once("DEFAULT_ENDPOINT = '").unwrap();
    let (endpoint, _) = rest.split_once('\'').unwrap();
    assert!(GUIDE.contains(endpoint), "the guide names the default endpoint, {endpoint}");
}
