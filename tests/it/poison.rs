//! An event that the database refuses stays alone, and can come back.

use serde_json::json;

use crate::support::{Event, Server, on_every_pair};

on_every_pair![
    one_refused_event_among_ten_thousand_is_set_aside_and_replayed,
    a_dead_letter_holds_no_identity_and_a_dropped_one_is_discarded,
];

fn one_refused_event_among_ten_thousand_is_set_aside_and_replayed() {
    let server = Server::start();
    server.drained();
    let sql = server.store();
    sql.poison(Some("6.6.6"));
    for batch in 0..100 {
        let events = (0..100).map(|i| {
            let event = Event::standard("get_forecast").with("response_time_ms", 100 + i);
            if (batch, i) == (57, 31) { event.with("version", "6.6.6") } else { event }
        });
        assert_eq!(server.post(Event::batch(events)).json()["count"], 100);
    }
    let ledger = server.drained();
    assert_eq!((&ledger["persisted"], &ledger["dead_letter"]), (&json!(9_999), &json!(1)));
    assert_eq!(sql.int("SELECT count(*) FROM events"), 9_999);
    assert_eq!(sql.int("SELECT count(*) FROM dead_letters"), 1);
    sql.assert_rollups_equal_raw_rows();

    let listed = server.command(&["dead-letters", "list"]);
    let listed = String::from_utf8(listed.stdout).unwrap();
    assert!(listed.contains("refused_by_store"), "{listed}");

    // While the cause is there, a replay changes nothing.
    assert!(!server.command(&["dead-letters", "replay", "--all"]).status.success());
    assert_eq!(sql.int("SELECT count(*) FROM dead_letters"), 1);

    sql.heal();
    let replayed = server.command(&["dead-letters", "replay", "--all"]);
    assert!(replayed.status.success(), "{}", String::from_utf8_lossy(&replayed.stderr));
    let ledger = server.drained();
    assert_eq!((&ledger["persisted"], &ledger["dead_letter"]), (&json!(10_000), &json!(0)));
    assert_eq!(sql.int("SELECT count(*) FROM events"), 10_000);
    sql.assert_rollups_equal_raw_rows();
}

fn a_dead_letter_holds_no_identity_and_a_dropped_one_is_discarded() {
    let server = Server::start();
    server.drained();
    let sql = server.store();
    sql.poison(None);
    let event = || Event::batch([Event::detailed("get_alerts", "00112233445566ff", 1)]);
    server.post(event());
    assert_eq!(server.drained()["dead_letter"], 1);
    sql.heal();

    // The client sends the same event again, to a server whose door has forgotten it.
    let server = server.restart_forgetful();
    server.post(event());
    let ledger = server.drained();
    assert_eq!((&ledger["persisted"], &ledger["dead_letter"]), (&json!(1), &json!(1)));

    // Replayed, the dead letter is a duplicate of what was stored meanwhile.
    assert!(server.command(&["dead-letters", "replay", "--all"]).status.success());
    let ledger = server.drained();
    assert_eq!((&ledger["persisted"], &ledger["duplicate"]), (&json!(1), &json!(1)));

    let sql = server.store();
    sql.poison(None);
    server.post(Event::batch([Event::minimal("get_alerts")]));
    assert_eq!(server.drained()["dead_letter"], 1);
    let listed = server.command(&["dead-letters", "list"]).stdout;
    let listed = String::from_utf8(listed).unwrap();
    let id = listed.lines().nth(1).unwrap().split(' ').next().unwrap().to_owned();
    assert!(server.command(&["dead-letters", "drop", &id]).status.success());
    let ledger = server.drained();
    assert_eq!((&ledger["dead_letter"], &ledger["discarded"]), (&json!(0), &json!(1)));
}
