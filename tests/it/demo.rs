//! A demo is an installation like any other.

use std::path::Path;
use std::process::{Command, Output};

use stages::Hour;
use weather_mcp_analytics::config::settings::Secret;
use weather_mcp_analytics::config::{Flags, LoadArgs, load};
use weather_mcp_analytics::demo::{Plan, Summary, run};

use crate::support::{Config, Event, Server, Sql, eventually, hour_now, on_every_pair};

const BINARY: &str = env!("CARGO_BIN_EXE_weather-mcp-analytics");

on_every_pair![a_demo_balances_and_agrees_with_itself];

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn a_demo_balances_and_agrees_with_itself() {
    // The limits that are shipped: they go by the demo's clock, wherever servers count.
    let limits = Config { requests_per_minute: 60, events_per_minute: 1_000, ..Config::default() };
    let mut server = Server::with(limits);
    server.terminate();
    // Longer than hourly rollups are kept, so that housekeeping has something to do.
    let demo = ["demo", "--days", "36", "--events", "6000", "--seed", "7"];
    let output = server.command(&demo);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let server = server.revive();
    let ledger = server.drained();
    eventually("the house was kept", || server.log().contains("housekeeping done"));
    assert!(!server.log().contains("ERROR"), "{}", server.log());
    let store = server.store();
    let rows = store.int("SELECT count(*) FROM events");
    assert_eq!(ledger["persisted"], rows);
    // A dozen clients have moods; how many events they send on average is tested where they are made.
    assert!((4_200..7_800).contains(&rows), "{rows} rows");
    assert!(ledger["duplicate"].as_i64().unwrap() > 0, "some clients send twice: {ledger}");
    let sum = |member: &str| ledger[member].as_i64().unwrap();
    assert_eq!(sum("accepted"), rows + sum("duplicate"));
    assert_eq!((sum("dead_letter"), sum("discarded"), sum("queued")), (0, 0, 0));
    for refused in ["refused", "refused_requests"] {
        assert_eq!(ledger[refused], serde_json::json!({}));
    }

    let verified = server.command(&["rollups", "verify"]);
    assert_eq!(verified.status.code(), Some(0), "{}", text(&verified.stdout));
    // Today may be too young for any.
    let days = format!(
        "SELECT count(DISTINCT date(timestamp_hour)) FROM events WHERE date(timestamp_hour) < '{}'",
        hour_now().day()
    );
    assert_eq!(store.int(&days), 35);
    let hourly = store.int("SELECT count(DISTINCT date(hour)) FROM rollup_hour");
    assert!((30..=32).contains(&hourly), "hourly rollups of {hourly} days are left");
    let markers = store.int("SELECT count(DISTINCT date(received_hour)) FROM entries");
    assert!((7..=9).contains(&markers), "markers of {markers} days are left");

    let early = store.int("SELECT count(*) FROM events WHERE received_hour < timestamp_hour");
    assert_eq!(early, 0, "nothing is received before it happens");
    assert_eq!(store.int("SELECT count(DISTINCT tool) FROM events"), 17);
    assert_eq!(store.int("SELECT count(DISTINCT analytics_level) FROM events"), 3);
    assert!(store.int("SELECT count(DISTINCT version) FROM events") >= 5);
    let calls =
        server.get("/v1/stats/overview?period=36d").json()["summary"]["total_calls"].clone();
    assert_eq!(calls, rows);
}

/// The clock really moved: every event was received in its hour or in the one after.
fn assert_received_when_it_happened(store: &Sql) {
    for times in store.texts("SELECT DISTINCT received_hour || ' ' || timestamp_hour FROM events") {
        let (received, at) = times.split_once(' ').unwrap();
        let hour = |text: &str| Hour::parse(text).unwrap().epoch_hours();
        assert!((0..=1).contains(&(hour(received) - hour(at))), "received {received} of {at}");
    }
}

/// A demo in two files of a folder, up to a fixed hour.
pub(crate) fn fixed(folder: &Path, seed: u64) -> (Summary, Sql) {
    let registry = stages::registry();
    let file = Some(concat!(env!("CARGO_MANIFEST_DIR"), "/pipeline.yaml").into());
    let args = LoadArgs { file, env: [], overrides: Flags::default(), registry: &registry };
    let mut loaded = load(args).unwrap_or_else(|problems| panic!("{problems}"));
    let url = |file| Secret::new(format!("sqlite://{}", folder.join(file).display()));
    loaded.settings.queue.url = url("queue.db");
    loaded.settings.store.url = url("analytics.db");
    let end = Hour::parse("2026-08-20T14:00:00Z").unwrap();
    let plan = Plan { seed, days: 9, events: 2_000, end };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let summary = runtime.block_on(run(&loaded, &plan, |_| {})).unwrap();
    (summary, Sql::open(loaded.settings.store.url.expose()))
}

#[test]
fn the_same_seed_gives_the_same_rollups() {
    let rollups = |seed: u64| {
        let folder = tempfile::tempdir().unwrap();
        let (summary, store) = fixed(folder.path(), seed);
        assert_eq!(store.int("SELECT count(*) FROM events"), summary.totals.persisted as i64);
        assert!(summary.refused.is_empty(), "{summary:?}");
        store.assert_rollups_equal_raw_rows();
        assert_received_when_it_happened(&store);
        let mut all = Vec::new();
        for table in ["rollup_hour", "rollup_day", "margin_hour", "margin_day"] {
            let columns = store.texts(&format!(
                "SELECT group_concat('quote(' || name || ')', '||') FROM pragma_table_info('{table}')"
            ));
            all.extend(
                store.texts(&format!("SELECT {} AS row FROM {table} ORDER BY row", columns[0])),
            );
        }
        all.extend(store.texts(
            "SELECT hour || tool || version || error_type || count AS row FROM errors ORDER BY row",
        ));
        all
    };
    let first = rollups(1);
    assert!(first.len() > 1_000, "{} cells", first.len());
    assert!(first == rollups(1), "the same seed gave other rollups");
    assert!(first != rollups(2), "another seed gave the same rollups");
}

fn demo(folder: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(BINARY);
    command.args(["demo", "--days", "3", "--events", "400"]).args(arguments);
    command.env_clear().current_dir(folder).output().unwrap()
}

#[test]
fn a_folder_is_filled_once_and_the_command_that_is_printed_serves_it() {
    let folder = tempfile::tempdir().unwrap();
    let output = demo(folder.path(), &["--into", "jo's demo"]);
    let (out, err) = (text(&output.stdout), text(&output.stderr));
    assert_eq!(output.status.code(), Some(0), "{err}");
    assert!(err.lines().count() >= 5, "progress is told without a terminal too: {err}");
    let command =
        out.lines().find(|line| line.ends_with(" serve")).unwrap_or_else(|| panic!("{out}"));
    // The same installation, asked something that ends.
    let verify = command.strip_suffix("serve").unwrap().to_owned() + "rollups verify";
    let verified = Command::new("sh").args(["-c", &verify]).current_dir(folder.path()).output();
    let verified = verified.unwrap();
    assert_eq!(
        text(&verified.stdout),
        "rollups and raw rows agree\n",
        "{}",
        text(&verified.stderr)
    );

    let again = demo(folder.path(), &["--into", "jo's demo"]);
    assert_eq!(again.status.code(), Some(1));
    assert!(text(&again.stderr).contains("jo's demo is not empty"), "{}", text(&again.stderr));
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn data_and_running_servers_are_left_alone() {
    let mut server = Server::start();
    let refused = |server: &Server, why: &str| {
        let output = server.command(&["demo", "--days", "3", "--events", "400"]);
        assert_eq!(output.status.code(), Some(1));
        let told = text(&output.stderr);
        assert!(told.contains(why) && told.contains("--into DIR"), "{told}");
    };
    eventually("the worker gives signs of life", || {
        server.get_private("/v1/status").json()["workers"].as_array().is_some_and(|w| !w.is_empty())
    });
    refused(&server, "a server or worker runs on queue.url");
    server.post(Event::batch([Event::minimal("get_alerts"), Event::minimal("get_forecast")]));
    server.drained();
    server.terminate();
    refused(&server, "queue.url has accepted 2 events");
    std::fs::remove_file(server.folder().join("queue.db")).unwrap();
    refused(&server, "store.url holds 2 events");
    assert_eq!(server.store().int("SELECT count(*) FROM events"), 2);
}
