//! What servers share through Redis, seen from outside: a client's limits, identities that were
//! accepted lately, and what each stage does while Redis is away (`if_down`).

use std::path::Path;

use serde_json::json;
use test_servers::Redis;

use crate::support::{Answer, Backends, Config, Event, Server, eventually};

const SHIPPED: &str = include_str!("../../pipeline.yaml");

fn one() -> String {
    Event::batch([Event::minimal("get_alerts")])
}

/// Few requests a minute, and none on top.
fn config(role: &'static str, requests_per_minute: u64) -> Config {
    let env = vec![("ANALYTICS_STAGE__RATE_LIMIT__BURST", "0".to_owned())];
    Config { role, requests_per_minute, env, ..Config::default() }
}

fn two_servers(limit: u64) -> [Server; 2] {
    let queue = Redis::shared().database();
    let first = Server::with_backends(config("all", limit), |folder| Backends {
        queue,
        ..Backends::fresh(folder)
    });
    let second = first.elsewhere(config("server", limit));
    [first, second]
}

#[test]
fn a_client_has_one_limit_however_many_servers_it_asks() {
    let servers = two_servers(6);
    let statuses: Vec<u16> = (0..10).map(|number| servers[number % 2].post(one()).status).collect();
    assert_eq!(statuses, [200, 200, 200, 200, 200, 200, 429, 429, 429, 429]);
    // A server that has just started knows it too.
    let [first, second] = servers;
    let second = second.restart();
    let refused = second.post(one());
    assert_eq!(
        (refused.status, refused.json()["code"].as_str()),
        (429, Some("rate_limit_exceeded"))
    );
    assert!(refused.header("retry-after").is_some());
    assert_eq!(first.drained()["accepted"], 6);
}

#[test]
fn events_are_counted_together_too() {
    let queue = Redis::shared().database();
    let config = || Config { events_per_minute: 25, ..Config::default() };
    let first =
        Server::with_backends(config(), |folder| Backends { queue, ..Backends::fresh(folder) });
    let second = first.elsewhere(Config { role: "server", ..config() });
    let ten = || Event::batch(vec![Event::minimal("get_alerts"); 10]);
    // The third overdraws what is left; then it is the client's turn to wait.
    let statuses = [&first, &second, &first, &second].map(|server| server.post(ten()).status);
    assert_eq!(statuses, [200, 200, 200, 429]);
}

#[test]
fn what_one_server_accepted_another_one_recognises() {
    let [first, second] = two_servers(1_000);
    let event = |number| Event::detailed("get_alerts", "0123456789abcdef", number);
    let key = [("idempotency-key", "one-and-only")];
    assert_eq!(first.post(Event::batch([event(1), event(2)])).json()["count"], 2);
    assert_eq!(first.post_with(&key, one()).json()["count"], 1);
    let second = second.restart();
    let answer = second.post(Event::batch([event(2), event(3)])).json();
    assert_eq!((&answer["count"], &answer["duplicates"]), (&json!(1), &json!([0])));
    let answer = second.post_with(&key, one()).json();
    assert_eq!((&answer["count"], &answer["duplicates"]), (&json!(0), &json!([0])));
    let ledger = first.drained();
    assert_eq!((&ledger["persisted"], &ledger["duplicate"]), (&json!(4), &json!(2)));
}

/// The shipped file, in which one stage does something else while Redis is away.
fn write_pipeline(folder: &Path, stage: &str, if_down: &str) {
    let mut at = None;
    let lines = SHIPPED.lines().map(|line| {
        let name = line.trim().strip_prefix("- stage: ").or(line.trim().strip_prefix("label: "));
        at = name.or(at);
        match line {
            "    if_down: local" if at == Some(stage) => format!("    if_down: {if_down}\n"),
            line => format!("{line}\n"),
        }
    });
    let file: String = lines.collect();
    assert!(if_down == "local" || file != SHIPPED, "{stage} stays as it is");
    std::fs::write(folder.join("pipeline.yaml"), file).unwrap();
}

#[test]
fn each_stage_does_what_if_down_says_while_redis_is_away() {
    let redis = Redis::start(&[]);
    let start = |stage: &str, if_down: &str| {
        let queue = redis.database();
        Server::with_backends(config("all", 3), |folder| {
            write_pipeline(folder, stage, if_down);
            Backends { queue, ..Backends::fresh(folder) }
        })
    };
    let limit = ["fail", "skip", "local"].map(|if_down| start("rate-limit", if_down));
    let events = start("rate-limit-events", "fail");
    let dedup = ["fail", "skip", "local"].map(|if_down| start("dedup", if_down));
    let all = || limit.iter().chain([&events]).chain(&dedup);
    redis.kill();
    for server in all() {
        eventually("it has noticed", || {
            server.get_private("/v1/status").json()["queue"]["depth"] == -1
        });
        assert_eq!(server.get("/readyz").status, 200, "the spool takes what is accepted");
    }

    let posted = |server: &Server| [(); 5].map(|()| server.post(one()).status);
    assert_eq!(posted(&limit[0]), [503; 5]);
    assert_eq!(posted(&limit[1]), [200; 5]);
    assert_eq!(posted(&limit[2]), [200, 200, 200, 429, 429]);
    assert_eq!(posted(&events), [503, 503, 503, 429, 429]);
    let refused = limit[0].post(one());
    assert_eq!(refused.json()["error"], "service_unavailable");
    assert!(refused.header("retry-after").is_some());

    let named = || Event::batch([Event::detailed("get_alerts", "0123456789abcdef", 7)]);
    let answer = |answer: Answer| {
        let body = answer.json();
        (answer.status, body["count"].clone(), body["duplicates"].clone())
    };
    assert_eq!(dedup[0].post(named()).status, 503);
    // An event without an identity has nothing to be asked for.
    assert_eq!(dedup[0].post(one()).status, 200);
    assert_eq!(answer(dedup[1].post(named())), (200, json!(1), json!([])));
    assert_eq!(answer(dedup[1].post(named())), (200, json!(1), json!([])));
    assert_eq!(answer(dedup[2].post(named())), (200, json!(1), json!([])));
    assert_eq!(answer(dedup[2].post(named())), (200, json!(0), json!([0])));

    redis.start_again();
    // Whatever the door said, everything counts once.
    let settled = |server: &Server| {
        let ledger = server.drained();
        ["persisted", "duplicate"].map(|member| ledger[member].as_u64().unwrap())
    };
    let want = [[0, 0], [5, 0], [3, 0], [0, 0], [1, 0], [1, 1], [1, 1]];
    for (server, want) in all().zip(want) {
        eventually("it is connected again", || {
            server.get_private("/v1/status").json()["queue"]["depth"] != -1
        });
        assert_eq!(settled(server), want);
    }
    // Limits start afresh: those of Redis were empty.
    assert_eq!(posted(&limit[0]), [200, 200, 200, 429, 429]);
}
