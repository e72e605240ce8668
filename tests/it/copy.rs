//! Moving from files to servers: everything arrives, and the installation goes on as if nothing had
//! happened.

use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

use serde_json::Value;
use tempfile::TempDir;
use test_servers::{Postgres, Redis};

use crate::support::{Backends, Config, Event, Server, Sql, eventually};

const TABLES: [&str; 13] = [
    "events",
    "entries",
    "batch_keys",
    "event_keys",
    "dead_letters",
    "rollup_hour",
    "rollup_day",
    "margin_hour",
    "margin_day",
    "errors",
    "dimension_values",
    "sessions_day",
    "ledger",
];
const SESSION: &str = "00112233445566ff";
const OTHER_ID: &str = "0b7f1c52-6a34-4d8e-9d0a-0c5b0a3a7e11";
const KEY: [(&str, &str); 1] = [("idempotency-key", "once")];

/// `copy` with the old installation as the configured one.
fn copy(old: &Backends, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_weather-mcp-analytics"));
    command.arg("copy").args(["--from", &old.store]).args(arguments).env_clear();
    command.env("ANALYTICS_QUEUE__URL", &old.queue).env("ANALYTICS_STORE__URL", &old.store);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[track_caller]
fn succeeded(output: Output) -> String {
    assert!(output.status.success(), "{}", stderr(&output));
    String::from_utf8(output.stdout).unwrap()
}

#[track_caller]
fn refused(output: &Output, message: &str) {
    assert_eq!(output.status.code(), Some(1), "{}", stderr(output));
    assert!(stderr(output).contains(message), "{message}: {}", stderr(output));
    assert!(stderr(output).contains("help: "), "no advice: {}", stderr(output));
}

/// An installation on files in a folder, as its server was left.
struct Old {
    backends: Backends,
    ledger: Value,
    receipt: String,
    of_receipt: String,
    overview: Value,
    _server: Server,
}

fn repeatable() -> [String; 2] {
    let known = (0..4).map(|n| Event::detailed("get_alerts", SESSION, n));
    [
        Event::batch(known.chain([Event::minimal("get_forecast").with("event_id", OTHER_ID)])),
        Event::batch([Event::minimal("get_alerts"), Event::minimal("get_forecast")]),
    ]
}

/// Something of every kind: rows with and without optional members, identities, batch keys, repeats,
/// errors, dead letters, refusals.
fn old() -> Old {
    let mut backends = None;
    let server = Server::with_backends(Config::default(), |folder| {
        let fresh = Backends::fresh(folder);
        backends = Some(fresh.clone());
        fresh
    });
    let [events, batch] = repeatable();
    server.drained();
    for _ in 0..2 {
        assert_eq!(server.post(&events).status, 200);
        assert_eq!(server.post_with(&KEY, &batch).status, 200);
    }
    let full = |n: u64| {
        let event =
            Event::standard("get_alerts").with("response_time_ms", n).with("service", "noaa");
        event
            .with("cache_hit", n.is_multiple_of(2))
            .with("retry_count", n % 3)
            .with("country", "DE")
    };
    let receipt = server.post(Event::batch((0..60).map(full))).json()["receipt"].clone();
    let failed = Event::standard("get_alerts").with("status", "error");
    server.post(Event::batch([failed.with("error_type", "TimeoutError")]));
    let bad = [Event::minimal("get alerts!"), Event::minimal("get_alerts")];
    assert_eq!(server.post(Event::batch(bad)).json()["rejected"].as_array().unwrap().len(), 1);
    server.drained();
    let sql = server.store();
    sql.poison(Some("6.6.6"));
    let poisoned = Event::minimal("get_forecast").with("version", "6.6.6");
    server.post(Event::batch([poisoned, Event::minimal("get_forecast")]));
    eventually("there is a dead letter", || server.ledger()["dead_letter"] == 1);
    sql.heal();
    let receipt = format!("/v1/receipts/{}", receipt.as_str().unwrap());
    eventually("refusals are written", || server.ledger()["refused"]["invalid_tool"] == 1);
    let mut server = server;
    let (ledger, of_receipt) = (server.drained(), server.get(&receipt).text);
    let overview = server.get("/v1/stats/overview").json();
    server.terminate();
    Old { backends: backends.unwrap(), ledger, receipt, of_receipt, overview, _server: server }
}

/// Numbers of `GET /v1/stats/overview` that do not depend on when it is asked.
fn numbers(overview: &Value) -> Value {
    let mut overview = overview.clone();
    for member in ["generated_at", "timestamp", "period"] {
        overview.as_object_mut().unwrap().remove(member);
    }
    overview
}

fn goes_on(new_queue: Option<String>, timescale: bool) {
    let postgres = Postgres::shared();
    let old = old();
    let store = postgres.database();
    if timescale {
        postgres.sql(store.rsplit('/').next().unwrap(), "CREATE EXTENSION timescaledb");
    }
    let mut arguments = vec!["--to", store.as_str()];
    if let Some(queue) = &new_queue {
        arguments.extend(["--to-queue", queue]);
    }
    let told = succeeded(copy(&old.backends, &arguments).output().unwrap());
    assert_eq!(told.contains("counts on from"), new_queue.is_some(), "{told}");

    let (before, after) = (Sql::open(&old.backends.store), Sql::open(&store));
    for table in TABLES {
        let count = format!("SELECT count(*) FROM {table}");
        let rows = before.int(&count);
        assert!(rows > 0 || table == "dimension_values", "{table} is not tried");
        assert_eq!(after.int(&count), rows, "{table}");
    }
    assert!(!after.has_table("copy_progress"));
    after.assert_rollups_equal_raw_rows();
    if timescale {
        let hypertables = "SELECT count(*) FROM timescaledb_information.hypertables";
        assert_eq!(after.int(hypertables), 4);
    }

    let queue = new_queue.unwrap_or_else(|| old.backends.queue.clone());
    let new = Backends { queue, store: store.clone() };
    let server = Server::with_backends(Config::default(), |_| new);
    assert_eq!(server.drained(), old.ledger);
    assert_eq!(server.get(&old.receipt).text, old.of_receipt);
    eventually("pages show what they showed", || {
        numbers(&server.get("/v1/stats/overview").json()) == numbers(&old.overview)
    });

    // Repeats of what the old installation counted count no more, and what is new does.
    let [events, batch] = repeatable();
    assert_eq!(server.post(&events).status, 200);
    assert_eq!(server.post_with(&KEY, &batch).status, 200);
    assert_eq!(server.post(Event::batch([Event::minimal("get_alerts")])).status, 200);
    let count = |ledger: &Value, member: &str| ledger[member].as_u64().unwrap();
    let ledger = server.drained();
    for (member, more) in [("accepted", 8), ("duplicate", 7), ("persisted", 1), ("dead_letter", 0)]
    {
        assert_eq!(count(&ledger, member), count(&old.ledger, member) + more, "{member}");
    }
    let output = server.command(&["dead-letters", "replay", "--all"]);
    assert!(output.status.success(), "{}", stderr(&output));
    let ledger = server.drained();
    assert_eq!(count(&ledger, "persisted"), count(&old.ledger, "persisted") + 2);
    assert_eq!(after.int("SELECT count(*) FROM events") as u64, count(&ledger, "persisted"));
    after.assert_rollups_equal_raw_rows();
    for check in [["rollups", "verify"], ["migrate", "status"]] {
        let output = server.command(&check);
        assert!(output.status.success(), "{check:?}: {}", stderr(&output));
    }
}

#[test]
fn with_its_queue_in_a_file_it_goes_on_as_if_nothing_had_happened() {
    goes_on(None, false);
}

#[test]
fn with_its_queue_in_redis_it_goes_on_as_if_nothing_had_happened() {
    goes_on(Some(Redis::shared().database()), false);
}

#[test]
fn with_timescale_it_goes_on_as_if_nothing_had_happened() {
    if Postgres::shared().has_timescale() {
        goes_on(Some(Redis::shared().database()), true);
    } else {
        println!("not run: the PostgreSQL of this machine has no TimescaleDB");
    }
}

/// An installation with more rows than a page has, in every large table.
fn large() -> (TempDir, Backends) {
    let folder = tempfile::tempdir().unwrap();
    let made = Command::new(env!("CARGO_BIN_EXE_weather-mcp-analytics"))
        .args(["demo", "--into", "old", "--days", "10", "--events", "24000"])
        .current_dir(folder.path())
        .env_clear()
        .output()
        .unwrap();
    succeeded(made);
    let url = |name: &str| {
        let file: &Path = folder.path();
        format!("sqlite://{}", file.join("old").join(name).display())
    };
    let backends = Backends { queue: url("queue.db"), store: url("analytics.db") };
    (folder, backends)
}

/// Rows that a copy under way has noted.
fn noted(sql: &Sql) -> i64 {
    match sql.has_table("copy_progress") {
        true => sql.int("SELECT coalesce(sum(done), 0)::bigint FROM copy_progress"),
        false => 0,
    }
}

fn kill(mut child: Child) {
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn a_copy_that_is_killed_again_and_again_goes_on_where_it_was() {
    let (_folder, old) = large();
    let store = Postgres::shared().database();
    let queue = Redis::shared().database();
    let arguments = ["--to", &store, "--to-queue", &queue];
    let (before, after) = (Sql::open(&old.store), Sql::open(&store));
    let rows = TABLES.map(|table| before.int(&format!("SELECT count(*) FROM {table}")));
    let mut reached = 0;
    for _ in 0..4 {
        let running = copy(&old, &arguments).spawn().unwrap();
        eventually("it has come further", || noted(&after) > reached);
        kill(running);
        reached = noted(&after);
        assert!(reached < rows.iter().sum(), "it was killed too late to tell");
    }
    // Nothing starts on half of a store.
    let new = Backends { queue: old.queue.clone(), store: store.clone() };
    let mut serve = Command::new(env!("CARGO_BIN_EXE_weather-mcp-analytics"));
    serve.env("ANALYTICS_QUEUE__URL", &new.queue).env("ANALYTICS_STORE__URL", &new.store);
    serve.env("ANALYTICS_SERVER__LISTEN", "127.0.0.1:0");
    serve.env("ANALYTICS_SERVER__METRICS_LISTEN", "off");
    refused(
        &serve.output().unwrap(),
        "a copy into the store on PostgreSQL (store.url) has not ended",
    );

    succeeded(copy(&old, &arguments).output().unwrap());
    for (table, rows) in TABLES.iter().zip(rows) {
        assert_eq!(after.int(&format!("SELECT count(*) FROM {table}")), rows, "{table}");
    }
    after.assert_rollups_equal_raw_rows();
    let server = Server::with_backends(Config::default(), |_| Backends { queue, store });
    let ledger = server.drained();
    assert_eq!(ledger["persisted"], rows[0]);
    assert!(server.command(&["rollups", "verify"]).status.success());
    // Once there is a store, no other is copied over it.
    let again = copy(&old, &["--to", &server.urls().store, "--again"]).output().unwrap();
    refused(&again, "`events` of the target has rows already");
}

#[test]
fn a_source_that_changes_on_the_way_is_noticed_and_copied_anew() {
    let (_folder, old) = large();
    let store = Postgres::shared().database();
    let after = Sql::open(&store);
    let running = copy(&old, &["--to", &store]).spawn().unwrap();
    eventually("it has begun", || noted(&after) > 0);
    kill(running);
    let source = Sql::open(&old.store);
    source.run("UPDATE ledger SET commits = commits + 1");
    let output = copy(&old, &["--to", &store]).output().unwrap();
    refused(&output, "the source is not what it was when the copy began");
    succeeded(copy(&old, &["--to", &store, "--again"]).output().unwrap());
    let count = "SELECT count(*) FROM events";
    assert_eq!(after.int(count), source.int(count));
    after.assert_rollups_equal_raw_rows();
}

#[test]
fn what_stands_in_the_way_is_said_before_anything_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let in_folder = |name: &str| format!("sqlite://{}", folder.path().join(name).display());
    let mut server = Server::with(Config { role: "server", ..Config::default() });
    assert_eq!(server.post(Event::batch([Event::minimal("get_alerts")])).status, 200);
    let old = server.urls();
    let store = Postgres::shared().database();
    let to = ["--to", store.as_str()];
    let run = |old: &Backends, arguments: &[&str]| copy(old, arguments).output().unwrap();

    refused(&run(&old, &to), "--from names no store");
    let mut worker = server.beside("worker");
    worker.drained();
    // A worker gives signs of life.
    refused(&run(&old, &to), "a server or worker runs on the old queue");
    worker.terminate();
    assert_eq!(server.post(Event::batch([Event::minimal("get_alerts")])).status, 200);
    server.terminate();
    refused(&run(&old, &to), "the queue still holds 1 events");
    let mut worker = server.beside("worker");
    worker.drained();
    worker.terminate();

    refused(&run(&old, &[]), "a store is copied from a SQLite file to a PostgreSQL server");
    let missing = Backends { queue: in_folder("none.db"), ..old.clone() };
    refused(&run(&missing, &to), "there is no queue at");
    assert!(!folder.path().join("none.db").exists(), "asking makes no queue");
    let elsewhere = [to.as_slice(), &["--to-queue", "sqlite://other.db"]].concat();
    refused(&run(&old, &elsewhere), "a queue moves from a SQLite file to Redis only");
    let empty = Redis::shared().database();
    let wrong = [to.as_slice(), &["--from-queue", &empty, "--to-queue", &empty]].concat();
    refused(&run(&old, &wrong), "the queue has never accepted an event");

    // A queue or a store of another installation.
    let mut other = Server::with_backends(Config::default(), |_| Backends {
        queue: Redis::shared().database(),
        store: Postgres::shared().database(),
    });
    other.post(Event::batch([Event::minimal("get_alerts")]));
    other.drained();
    other.terminate();
    let other = other.urls();
    let occupied = [to.as_slice(), &["--to-queue", &other.queue]].concat();
    refused(&run(&old, &occupied), "the new queue has accepted events of its own");
    refused(&run(&old, &["--to", &other.store]), "`events` of the target has rows already");
    let untouched = Sql::open(&store);
    assert_eq!(noted(&untouched), 0);
    succeeded(run(&old, &to));
}
