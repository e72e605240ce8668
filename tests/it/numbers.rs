//! Published numbers against exact ones computed here from what was sent.

use serde_json::Value;

use crate::support::{Event, Server, eventually, on_every_pair};

on_every_pair![
    percentiles_and_means_hold_across_many_batches,
    overview_and_tools_equal_plain_sql,
    rollups_are_verified_against_and_rebuilt_from_raw_rows,
];

/// Response times with a long tail, the same in every run.
fn times() -> Vec<u64> {
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    (0..5_000)
        .map(|_| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            let unit = (state >> 11) as f64 / (1_u64 << 53) as f64;
            (20.0 / (1.0 - unit * 0.9998)).round().min(120_000.0) as u64
        })
        .collect()
}

fn exact(sorted: &[u64], q: f64) -> f64 {
    let rank = ((q * sorted.len() as f64).ceil() as usize).clamp(1, sorted.len());
    sorted[rank - 1] as f64
}

fn percentiles_and_means_hold_across_many_batches() {
    let server = Server::start();
    let mut times = times();
    for chunk in times.chunks(37) {
        let events =
            chunk.iter().map(|&ms| Event::standard("get_forecast").with("response_time_ms", ms));
        assert_eq!(server.post(Event::batch(events)).status, 200);
    }
    server.drained();
    times.sort_unstable();
    let answer = server.get("/v1/stats/performance?period=7d").json();
    let shown = &answer["response_times"];
    let mean = times.iter().sum::<u64>() as f64 / times.len() as f64;
    let close = |got: &Value, want: f64, by: f64| {
        let got = got.as_f64().unwrap();
        assert!((got - want).abs() <= want * by, "{got} for {want}");
    };
    close(&shown["avg_ms"], mean, 1e-9);
    close(&shown["p50_ms"], exact(&times, 0.50), 0.01);
    close(&shown["p95_ms"], exact(&times, 0.95), 0.01);
    close(&shown["p99_ms"], exact(&times, 0.99), 0.01);
    server.store().assert_rollups_equal_raw_rows();
}

fn overview_and_tools_equal_plain_sql() {
    let server = Server::start();
    let mut batch = Vec::new();
    for i in 0..300_u64 {
        let tool = ["get_forecast", "get_alerts", "search_location"][(i % 3) as usize];
        let mut event = Event::standard(tool).with("version", format!("1.{}.0", i % 4));
        if i % 10 == 0 {
            event = event.with("status", "error").with("error_type", "timeout");
        }
        if i % 2 == 0 {
            event = event.with("response_time_ms", i).with("cache_hit", i % 4 == 0);
        }
        batch.push(event);
    }
    for chunk in batch.chunks(30) {
        assert_eq!(server.post(Event::batch(chunk.to_vec())).json()["count"], 30);
    }
    server.drained();
    let sql = server.store();
    let mut overview = Value::Null;
    eventually("the numbers are shown", || {
        overview = server.get("/v1/stats/overview?period=7d").json();
        overview["summary"]["total_calls"] == 300
    });
    assert_eq!(overview["summary"]["unique_versions"], 4);
    assert_eq!(overview["summary"]["success_rate"].as_f64().unwrap(), 270.0 / 300.0);
    assert_eq!(overview["cache_hit_rate"].as_f64().unwrap(), 0.5);
    assert_eq!(overview["errors"][0]["type"], "timeout");
    assert_eq!(overview["errors"][0]["count"], 30);
    let tools = server.get("/v1/stats/tools?period=7d").json();
    for tool in tools["tools"].as_array().unwrap() {
        let name = tool["name"].as_str().unwrap();
        let calls = sql.int(&format!("SELECT count(*) FROM events WHERE tool = '{name}'"));
        assert_eq!(tool["calls"], calls);
        let sum =
            sql.int(&format!("SELECT sum(response_time_ms) FROM events WHERE tool = '{name}'"));
        let timed =
            sql.int(&format!("SELECT count(response_time_ms) FROM events WHERE tool = '{name}'"));
        let mean = tool["avg_response_time_ms"].as_f64().unwrap();
        assert!((mean - sum as f64 / timed as f64).abs() < 1e-9);
    }
}

fn rollups_are_verified_against_and_rebuilt_from_raw_rows() {
    let server = Server::start();
    let event = Event::standard("get_forecast").with("response_time_ms", 70);
    server.post(Event::batch(vec![event; 20]));
    server.drained();
    let sql = server.store();
    let verify = || server.command(&["rollups", "verify"]).status.code();
    assert_eq!(verify(), Some(0));
    sql.run(
        "UPDATE rollup_day SET calls = calls + 1; DELETE FROM margin_hour WHERE axis = 'version'",
    );
    assert_eq!(verify(), Some(1));
    assert!(server.command(&["rollups", "rebuild"]).status.success());
    assert_eq!(verify(), Some(0));
    sql.assert_rollups_equal_raw_rows();
}
