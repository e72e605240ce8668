//! A full queue and a full disk: 503 with Retry-After, and nothing acknowledged that is not stored.

use serde_json::json;

use crate::support::{Config, Event, Server};

#[test]
fn a_full_queue_is_said_and_keeps_what_it_has() {
    let server = Server::with(Config { role: "server", max_events: 25, ..Config::default() });
    let post = || server.post(Event::batch(vec![Event::minimal("get_alerts"); 10]));
    assert_eq!((post().status, post().status), (200, 200));
    let refused = post();
    assert_eq!((refused.status, &refused.json()["code"]), (503, &json!("queue_full")));
    assert_eq!(refused.json()["error"], "service_unavailable");
    let seconds: u64 = refused.header("retry-after").unwrap().parse().unwrap();
    assert_eq!(refused.json()["retry_after"], seconds);
    assert_eq!(server.get("/readyz").status, 200, "a batch of five would still fit");
    let ledger = server.ledger();
    assert_eq!((&ledger["accepted"], &ledger["queued"]), (&json!(20), &json!(20)));

    let worker = server.beside("worker");
    assert_eq!(server.drained()["persisted"], 20);
    assert_eq!(post().status, 200, "there is room again");
    drop(worker);
}

/// The size of a file stands in for the size of a disk: past it every write fails.
#[test]
fn a_full_disk_refuses_and_recovers() {
    // Blocks of 512 bytes; the signal that would end the process is ignored, so writes just fail.
    let limited = "trap '' XFSZ; ulimit -f 3000; exec \"$@\"";
    let wrapper = ["sh", "-c", limited, "sh"].map(str::to_owned).to_vec();
    let server = Server::with(Config { role: "server", wrapper, ..Config::default() });
    let mut accepted = 0;
    let mut refused = 0;
    for _ in 0..2_000 {
        let events = vec![Event::detailed("get_alerts", "00112233445566ff", 0); 1];
        let events = events.into_iter().chain(vec![Event::minimal("get_forecast"); 99]);
        let answer = server.post(Event::batch(events));
        match answer.status {
            200 => {
                accepted += answer.json()["count"].as_i64().unwrap()
                    + answer.json()["duplicates"].as_array().unwrap().len() as i64
            }
            503 => {
                assert!(answer.header("retry-after").is_some());
                refused += 1;
                if refused > 20 {
                    break;
                }
            }
            other => panic!("{other}: {}", answer.text),
        }
    }
    assert!(refused > 20, "the disk never became full");
    let ready = server.get("/readyz?verbose");
    assert_eq!(ready.status, 503, "{}", ready.text);
    // With room again, everything acknowledged is there.
    let worker = server.beside("all");
    let ledger = worker.drained();
    assert_eq!(ledger["accepted"], accepted);
    assert_eq!(
        ledger["persisted"].as_i64().unwrap() + ledger["duplicate"].as_i64().unwrap(),
        accepted
    );
}

#[test]
fn a_client_over_its_limit_is_told_when_to_come_back() {
    let server = Server::with(Config { requests_per_minute: 3, ..Config::default() });
    let post = || server.post(Event::batch([Event::minimal("get_alerts")]));
    // The shipped burst of 10 stands on top of the rate.
    let first = post();
    assert_eq!(first.header("x-ratelimit-limit"), Some("13"));
    for left in (0..12).rev() {
        let answer = post();
        assert_eq!(answer.status, 200, "{left} left: {}", answer.text);
        assert_eq!(answer.header("x-ratelimit-remaining"), Some(left.to_string().as_str()));
    }
    let refused = post();
    assert_eq!((refused.status, &refused.json()["error"]), (429, &json!("rate_limit_exceeded")));
    let seconds: u64 = refused.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=20).contains(&seconds), "one request returns every 20 seconds, not {seconds}");
    assert!(refused.header("ratelimit").is_some() && refused.header("ratelimit-policy").is_some());
    assert_eq!(server.get("/v1/health").status, 200, "health is exempt");
}

#[test]
fn a_batch_may_take_the_event_limit_into_debt() {
    let server = Server::with(Config { events_per_minute: 60, ..Config::default() });
    let post = |events| server.post(Event::batch(vec![Event::minimal("get_alerts"); events]));
    assert_eq!(post(59).status, 200);
    assert_eq!(post(100).status, 200, "the balance was positive");
    let refused = post(1);
    assert_eq!(refused.status, 429);
    let seconds: u64 = refused.header("retry-after").unwrap().parse().unwrap();
    assert!((95..=101).contains(&seconds), "99 events of debt and one more, not {seconds}");
}
