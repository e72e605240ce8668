//! Requests that the real client sent, recorded, with their hours moved to now.

use serde_json::Value;
use stages::Hour;

use crate::support::{Server, hour_now, on_every_pair};

on_every_pair![every_recorded_request_of_the_real_client_is_accepted_whole,];

const REQUESTS: &str = include_str!("../fixtures/client-requests.jsonl");

fn every_recorded_request_of_the_real_client_is_accepted_whole() {
    let server = Server::start();
    let mut sent = 0;
    for line in REQUESTS.lines() {
        let request: Value = serde_json::from_str(line).unwrap();
        let body = moved_to_now(request["body"].as_str().unwrap(), request["at"].as_str().unwrap());
        let events =
            serde_json::from_str::<Value>(&body).unwrap()["events"].as_array().unwrap().len();
        let answer =
            server.post_with(&[("user-agent", request["user_agent"].as_str().unwrap())], body);
        let json = answer.json();
        assert_eq!(answer.status, 200, "{}: {json}", request["case"]);
        assert_eq!(json["count"], events, "{}: {json}", request["case"]);
        sent += events;
    }
    assert!(sent > 100, "the fixture holds {sent} events");
    let ledger = server.drained();
    assert_eq!(ledger["persisted"], sent);
    assert_eq!(server.store().int("SELECT count(*) FROM events"), sent as i64);
}

/// Moves every hour of a body by the time that has passed since it was recorded; the minutes that
/// half-hour zones leave stay.
fn moved_to_now(body: &str, recorded: &str) -> String {
    let hour_of = |text: &str| Hour::parse(&format!("{}:00:00Z", text.split_at(13).0)).unwrap();
    let recorded = hour_of(recorded);
    let shift = hour_now().epoch_hours() - recorded.epoch_hours();
    let mut body: Value = serde_json::from_str(body).unwrap();
    for event in body["events"].as_array_mut().unwrap() {
        let text = event["timestamp_hour"].as_str().unwrap();
        let (moved, minutes) = (hour_of(text).plus(shift).to_string(), text.split_at(13).1);
        event["timestamp_hour"] = format!("{}{minutes}", moved.split_at(13).0).into();
    }
    body.to_string()
}
