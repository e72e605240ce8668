//! What makes a duplicate: identity, never content.

use serde_json::json;

use crate::support::{Event, Server, on_every_pair};

on_every_pair![
    fifty_identical_minimal_events_count_fifty,
    the_same_session_and_sequence_number_counts_once_at_the_door_and_in_the_store,
    an_event_id_is_an_identity_at_any_level_and_is_stored_nowhere,
    a_repeated_batch_under_one_key_counts_once,
    two_clients_with_the_same_key_lose_nothing,
    a_receipt_tells_what_became_of_a_batch,
    a_key_that_cannot_be_a_key_is_refused,
];

const SESSION: &str = "00112233445566ff";

fn fifty_identical_minimal_events_count_fifty() {
    let server = Server::start();
    for _ in 0..5 {
        let answer = server.post(Event::batch(vec![Event::minimal("get_forecast"); 10]));
        assert_eq!((answer.status, &answer.json()["count"]), (200, &json!(10)));
    }
    let ledger = server.drained();
    assert_eq!(ledger["persisted"], 50);
    assert_eq!(server.store().int("SELECT count(*) FROM events"), 50);
}

fn the_same_session_and_sequence_number_counts_once_at_the_door_and_in_the_store() {
    let mut server = Server::start();
    let twice = || Event::batch(vec![Event::detailed("get_alerts", SESSION, 7); 2]);
    let answer = server.post(twice()).json();
    assert_eq!((&answer["count"], &answer["duplicates"]), (&json!(1), &json!([1])));
    // A new process has an empty memory at the door: the store must decide.
    server.drained();
    server = server.restart_forgetful();
    let answer = server.post(twice()).json();
    assert_eq!(answer["count"], 1);
    let other_tool = Event::batch([Event::detailed("get_forecast", SESSION, 7)]);
    server.post(other_tool);
    let ledger = server.drained();
    assert_eq!((&ledger["accepted"], &ledger["persisted"]), (&json!(5), &json!(1)));
    assert_eq!(ledger["duplicate"], 4);
    assert_eq!(server.store().int("SELECT count(*) FROM events"), 1);
}

fn an_event_id_is_an_identity_at_any_level_and_is_stored_nowhere() {
    let server = Server::start();
    let id = "6f9619ff-8b86-4011-b42d-00c04fc964ff";
    let event = || Event::minimal("get_alerts").with("event_id", id);
    assert_eq!(server.post(Event::batch([event()])).json()["count"], 1);
    assert_eq!(server.post(Event::batch([event()])).json()["duplicates"], json!([0]));
    server.drained();
    let files = std::fs::read_dir(server.folder()).unwrap();
    for file in files.map(|file| file.unwrap().path()) {
        let bytes = std::fs::read(&file).unwrap_or_default();
        let raw = 0x6f96_19ff_8b86_4011_b42d_00c0_4fc9_64ff_u128.to_be_bytes();
        let found = |needle: &[u8]| bytes.windows(needle.len()).any(|window| window == needle);
        assert!(!found(id.as_bytes()) && !found(&raw), "the raw id stands in {}", file.display());
    }
}

fn a_repeated_batch_under_one_key_counts_once() {
    let mut server = Server::start();
    let body = Event::batch(vec![Event::minimal("get_forecast"); 3]);
    let key = [("idempotency-key", "batch-1")];
    let first = server.post_with(&key, &body).json();
    assert_eq!(first["count"], 3);
    let again = server.post_with(&key, &body);
    assert_eq!((again.status, &again.json()["count"]), (200, &json!(0)));
    assert_eq!(again.json()["duplicates"], json!([0, 1, 2]));
    server.drained();
    server = server.restart_forgetful();
    assert_eq!(server.post_with(&key, &body).json()["count"], 3, "the door has forgotten");
    let ledger = server.drained();
    assert_eq!((&ledger["accepted"], &ledger["persisted"]), (&json!(9), &json!(3)));

    // The same key with another body is another batch: nobody can swallow somebody else's events.
    let other = Event::batch(vec![Event::minimal("get_alerts"); 2]);
    assert_eq!(server.post_with(&key, &other).json()["count"], 2);
    assert_eq!(server.drained()["persisted"], 5);
}

fn two_clients_with_the_same_key_lose_nothing() {
    let server = Server::start();
    let key = [("idempotency-key", "1")];
    for version in ["1.22.0", "1.23.0"] {
        let event = Event::minimal("get_forecast").with("version", version);
        assert_eq!(server.post_with(&key, Event::batch([event])).json()["count"], 1);
    }
    assert_eq!(server.drained()["persisted"], 2);
}

fn a_receipt_tells_what_became_of_a_batch() {
    let server = Server::start();
    let batch = [Event::minimal("get_forecast"), Event::detailed("get_alerts", SESSION, 1)];
    let mut batch = batch.to_vec();
    batch.push(batch[1].clone());
    let receipt = server.post(Event::batch(batch)).json()["receipt"].as_str().unwrap().to_owned();
    assert_eq!(receipt.len(), 32);
    server.drained();
    let answer = server.get(&format!("/v1/receipts/{receipt}"));
    assert_eq!(
        answer.json(),
        json!({"state": "stored", "events": 3, "persisted": 2, "duplicate": 1, "dead_letter": 0})
    );
    assert_eq!(server.get(&format!("/v1/receipts/{}", "0".repeat(32))).status, 404);
    assert_eq!(server.get("/v1/receipts/nonsense").status, 400);
}

fn a_key_that_cannot_be_a_key_is_refused() {
    let server = Server::start();
    let body = Event::batch([Event::minimal("get_forecast")]);
    for key in ["with space", &"k".repeat(256)] {
        let answer = server.post_with(&[("idempotency-key", key)], &body);
        assert_eq!((answer.status, &answer.json()["error"]), (400, &json!("invalid_request")));
        assert!(!answer.text.contains(key));
    }
}
