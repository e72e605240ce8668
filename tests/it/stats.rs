//! The statistics against a brute-force oracle over the raw rows: random events go through the real
//! pipeline, random questions to every endpoint, and each number is counted again from the rows that
//! the worker wrote. Each answer is held against the served description of the API as well.

mod oracle;
mod published;
mod questions;
mod rows;

use test_servers::Description;

use self::oracle::close;
use self::questions::{Dice, Question};
use self::rows::Rows;
use crate::support::{Event, Pair, Queue, Server, Store, eventually, hour_now};

/// Questions to each store; many more with `STATS_QUESTIONS` set.
const QUESTIONS: usize = 400;

#[test]
fn every_answer_is_what_the_raw_rows_give_sqlite() {
    Pair { queue: Queue::Sqlite, store: Store::Sqlite }.run(every_answer);
}

#[test]
fn every_answer_is_what_the_raw_rows_give_postgres() {
    Pair { queue: Queue::Sqlite, store: Store::Postgres }.run(every_answer);
}

fn every_answer() {
    let server = Server::start();
    let mut dice = Dice::new(20_260_820);
    let events: Vec<Event> = (0..1_500).map(|_| questions::event(&mut dice)).collect();
    for batch in events.chunks(75) {
        let answer = server.post(Event::batch(batch.to_vec()));
        assert_eq!(answer.json()["count"], batch.len(), "{}", answer.text);
    }
    server.drained();
    let rows = Rows::read(&server.store());
    assert_eq!(rows.len(), events.len());
    server.store().assert_rollups_equal_raw_rows();
    let description = Description::new(server.get("/openapi.json").json());
    let asked = std::env::var("STATS_QUESTIONS").ok().and_then(|n| n.parse().ok());
    for _ in 0..asked.unwrap_or(QUESTIONS) {
        let question = Question::random(&mut dice);
        let now = hour_now();
        let answer = server.get(&question.path());
        let (path, kind) = (description.path_of(&question.path()), answer.header("content-type"));
        let faults = description.faults(path, answer.status, kind.unwrap(), &answer.text);
        assert!(faults.is_empty(), "{question:?}: {faults:?}");
        if hour_now() == now {
            oracle::judge(&question, now, &rows, &answer);
        }
    }
}

/// What the server before this one answered wrong, with the numbers that it got wrong.
#[test]
fn known_wrong_answers_are_right() {
    let server = Server::start();
    let call = |tool: &str, ms: u64| Event::standard(tool).with("response_time_ms", ms);
    // A mean of means would be 505; a mean by calls that counts those without a time, 700.
    server.post(Event::batch(vec![call("get_forecast", 10); 99]));
    server.post(Event::batch([call("get_forecast", 1_000)]));
    server.post(Event::batch([call("get_alerts", 100)]));
    server.post(Event::batch([call("get_alerts", 1_000), Event::standard("get_alerts")]));
    // A percentile that is replaced by that of the newest batch would be 50, and p99 1.2 times p95.
    for ms in [9_000, 50] {
        server.post(Event::batch(vec![call("search_location", ms); 10]));
    }
    server.drained();
    let all = server.get("/v1/stats/all?period=24h").json();
    let by_tool = &all["performance"]["by_tool"];
    close(&by_tool["get_forecast"]["avg"], Some(19.9), "mean of means");
    close(&by_tool["get_alerts"]["avg"], Some(550.0), "mean over calls without a time");
    let p95 = by_tool["search_location"]["p95"].as_f64().unwrap();
    assert!((p95 - 9_000.0).abs() <= 90.0, "{p95}");
    assert_eq!(by_tool["search_location"]["p99"], by_tool["search_location"]["p95"]);
    // Each service has a rate of its own.
    let noaa = Event::standard("get_forecast").with("service", "noaa");
    let failed = Event::standard("get_forecast")
        .with("service", "openmeteo")
        .with("status", "error")
        .with("error_type", "timeout");
    server.post(Event::batch([noaa, failed]));
    eventually("the services are shown", || {
        let services = server.get("/v1/stats/all?period=24h").json()["services"].take();
        services["noaa"]["success_rate"] == 1.0
            && services["openMeteo"]["success_rate"] == 0.0
            && services["openMeteo"]["calls"] == 1
    });
    // Seven days are seven dates.
    let week = server.get("/v1/stats/timeseries?period=7d&group=day").json();
    assert_eq!(week["points"].as_array().unwrap().len(), 7);
}

/// A page of a dashboard that many look at is answered from memory, until its numbers change.
#[test]
fn kept_answers_are_counted_and_follow_the_data() {
    let server = Server::start();
    server.post(Event::batch(vec![Event::minimal("get_alerts"); 5]));
    server.drained();
    let path = "/v1/stats/overview?period=7d";
    let total = || server.get(path).json()["summary"]["total_calls"].clone();
    eventually("the numbers are shown", || total() == 5);
    for _ in 0..100 {
        assert_eq!(total(), 5);
    }
    let metrics = server.get_private("/metrics").text;
    let count = |outcome: &str| -> f64 {
        let name = format!("analytics_answers_total{{outcome=\"{outcome}\"}} ");
        let line = metrics.lines().find_map(|line| line.strip_prefix(name.as_str()));
        line.map_or(0.0, |number| number.parse().unwrap())
    };
    let rate = count("hit") / (count("hit") + count("miss") + count("not_kept"));
    assert!(rate > 0.8, "{rate}");
    assert!(
        metrics.contains("analytics_store_query_duration_seconds_count{query=\"calls_by_tool\"}")
    );
    server.post(Event::batch([Event::minimal("get_alerts")]));
    server.drained();
    eventually("the change is shown", || total() == 6);
}
