//! The release rule on a running installation: what its public sees of small cells.

use serde_json::Value;

use crate::support::{Config, Event, Pair, Queue, Server, Store, eventually, hour_now};

/// The version of few.
const RARE: &str = "9.9.1";

#[test]
fn the_public_sees_released_cells_and_other_sqlite() {
    Pair { queue: Queue::Sqlite, store: Store::Sqlite }.run(the_public_sees_released_cells);
}

#[test]
fn the_public_sees_released_cells_and_other_postgres() {
    Pair { queue: Queue::Sqlite, store: Store::Postgres }.run(the_public_sees_released_cells);
}

/// Posts calls of two days ago, each a batch of its own.
fn post(server: &Server, version: &str, batches: usize) {
    let hour = hour_now().plus(-48).to_string().replace(":00Z", ":00.000Z");
    let event = Event::standard("get_alerts")
        .with("timestamp_hour", hour)
        .with("service", if version == RARE { "openmeteo" } else { "noaa" })
        .with("version", version);
    for _ in 0..batches {
        assert_eq!(server.post(Event::batch([event.clone()])).status, 200);
    }
}

fn versions(server: &Server) -> Vec<(String, u64)> {
    let values = server.get("/v1/stats/versions?period=7d").json()["values"].take();
    let of = |value: &Value| {
        (value["value"].as_str().unwrap().to_owned(), value["calls"].as_u64().unwrap())
    };
    values.as_array().unwrap().iter().map(of).collect()
}

fn shows(server: &Server, want: &[(&str, u64)]) {
    let want: Vec<_> = want.iter().map(|(name, calls)| ((*name).to_owned(), *calls)).collect();
    let mut seen = Vec::new();
    for _ in 0..2 {
        eventually("the versions are those that are expected", || {
            seen = versions(server);
            seen.iter().map(|(_, calls)| calls).sum::<u64>()
                == want.iter().map(|(_, calls)| calls).sum::<u64>()
        });
    }
    assert_eq!(seen, want);
}

fn the_public_sees_released_cells() {
    let env = vec![("ANALYTICS_PRIVACY__MIN_CELL", "10".to_owned())];
    let server = Server::with(Config { env, ..Config::default() });
    post(&server, "1.23.0", 15);
    // One less than the rule asks for.
    post(&server, RARE, 9);
    server.drained();
    assert!(!server.log().contains("not_yet_in_force"), "{}", server.log());
    let env = vec![("ANALYTICS_PRIVACY__MIN_CELL", "10".to_owned())];
    let mut server = server;
    server.terminate();
    // A worker decides when it starts, and when an hour begins.
    let server = server.beside_with(Config { env, ..Config::default() });
    eventually("the day is decided on", || server.log().contains("may be published of a day"));
    shows(&server, &[("1.23.0", 15), ("other", 9)]);
    post(&server, RARE, 20);
    post(&server, "1.23.0", 1);
    server.drained();
    shows(&server, &[("other", 30), ("1.23.0", 15)]);

    for path in [
        "/",
        "/versions",
        "/services",
        "/tools/get_alerts",
        "/v1/stats/versions?period=7d",
        "/v1/stats/versions.csv?period=7d",
        "/v1/stats/all?period=7d",
        "/v1/stats/tool/get_alerts?period=7d",
        "/v1/stats/services.ndjson?period=7d",
        "/v1/stats/export?by=version&period=7d",
        "/v1/stats/timeseries?by=service&period=7d",
    ] {
        let text = server.get(path).text;
        assert!(!text.contains(RARE) && !text.contains("openmeteo"), "{path} names them: {text}");
    }
    let calls = |query: &str| {
        let overview = server.get(&format!("/v1/stats/overview?{query}")).json();
        overview["summary"]["total_calls"].as_u64().unwrap()
    };
    assert_eq!(calls("period=7d"), 45);
    assert_eq!(calls("period=72h"), 45);
    assert_eq!(calls("period=7d&version=1.23.0"), 15);
    assert_eq!(calls(&format!("period=7d&version={RARE}")), 0);
    // In the last hour of a day, 24 hours are that day.
    let hours = if hour_now().epoch_hours().rem_euclid(24) == 23 { 23 } else { 24 };
    let (of_version, of_countries) =
        (format!("overview?version=1.23.0&period={hours}h"), format!("countries?period={hours}h"));
    for refused in [
        "overview?version=1.23.0&service=noaa",
        "services?version=1.23.0&period=7d",
        "errors?service=noaa",
        "overview?version=1.23.0&level=standard",
        &of_version,
        &of_countries,
        "timeseries?by=version&group=hour&period=3d",
        "export?by=service&period=3d&group=hour",
    ] {
        let answer = server.get(&format!("/v1/stats/{refused}"));
        assert_eq!(answer.status, 400, "{refused}: {}", answer.text);
        assert_eq!(answer.json()["error"], "unsupported_combination", "{refused}");
    }
}
