//! The worker's transaction: markers, identities, rows, rollups, ledger.

use stages::ports::{Outcome, Row, Store, StoreError};
use stages::testing::scanned;
use stages::{Day, EntryId, Identity};

use super::{Fixture, Kind, entry, keyed, mixed, noon, on_every_store};
use crate::store::dialect::Dialect;
use crate::store::{Receipt, Totals};

on_every_store![
    a_row_holds_every_member_of_the_event,
    a_redelivered_entry_changes_nothing,
    what_is_not_committed_never_was,
    an_identity_is_known_under_any_day_until_it_is_given_back,
    a_batch_under_a_known_key_is_a_duplicate_on_the_next_day_too,
    a_refused_row_is_a_data_error_and_leaves_the_transaction_as_it_was,
    a_missing_table_is_not_the_fault_of_the_data,
    rollups_of_many_transactions_equal_the_raw_rows,
];

fn identities(day: Day, numbers: &[u8]) -> Vec<(Identity, Day)> {
    numbers.iter().map(|&number| (Identity::from_bytes([number; 16]), day)).collect()
}

async fn a_row_holds_every_member_of_the_event(kind: Kind) {
    let f = Fixture::new(kind).await;
    let full = scanned("get_forecast")
        .version("1.2.0")
        .error("TimeoutError")
        .hour(noon().plus(-1))
        .response_time_ms(0)
        .service("noaa")
        .cache_hit(false)
        .retry_count(2)
        .country("DE")
        .parameter("days", "7")
        .parameter("units", "\"metric \\\"x\\\"\"")
        .session("00112233445566ff", i64::MAX)
        .build();
    let bare = scanned("get_alerts").version("1.2.0").hour(noon()).build();
    f.settle(vec![entry(1, noon(), vec![full.clone(), bare])]).await;
    let (received, parameters) = match kind.dialect() {
        Dialect::Sqlite => ("received_hour".to_owned(), "json(parameters)"),
        Dialect::Postgres => (kind.dialect().hour_text("received_hour"), "parameters"),
    };
    let rows = f
        .texts(&format!(
            "SELECT CAST({make}({hour}, version, tool, status, analytics_level, response_time_ms, \
             service, CAST(cache_hit AS INTEGER), retry_count, country, {parameters}, session_id, \
             sequence_number, error_type, {received}) AS TEXT) FROM events ORDER BY tool DESC",
            make = kind.either("json_array", "jsonb_build_array"),
            hour = kind.dialect().hour_text("timestamp_hour"),
        ))
        .await;
    let read = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap();
    assert_eq!(
        read(&rows[0]),
        serde_json::json!([
            "2026-08-20T11:00:00Z",
            "1.2.0",
            "get_forecast",
            "error",
            full.level().as_str(),
            0,
            "noaa",
            0,
            2,
            "DE",
            {"days": 7, "units": "metric \"x\""},
            "00112233445566ff",
            i64::MAX,
            "TimeoutError",
            "2026-08-20T12:00:00Z"
        ])
    );
    let bare = read(&rows[1]);
    assert_eq!(bare[0], "2026-08-20T12:00:00Z");
    assert!((5..14).all(|column| bare[column].is_null()), "{bare}");
}

async fn a_redelivered_entry_changes_nothing(kind: Kind) {
    let f = Fixture::new(kind).await;
    let mut first = entry(1, noon(), mixed(1, 40));
    first.door_duplicates = 3;
    f.settle(vec![first.clone()]).await;
    f.settle(vec![entry(2, noon(), mixed(2, 10)), first]).await;
    let want = Totals { persisted: 50, duplicate: 3, dead_letter: 0, discarded: 0 };
    assert_eq!(f.db.ledger().await.unwrap(), want);
    assert_eq!(f.int("SELECT count(*) FROM events").await, 50);
    f.assert_rollups_equal_raw_rows().await;

    let receipt = f.db.receipt(EntryId::from_bytes([1; 16])).await.unwrap();
    let outcome = Outcome { persisted: 40, duplicate: 3, ..Outcome::default() };
    assert_eq!(receipt, Some(Receipt { events: 43, outcome, expired: false }));
    assert_eq!(f.db.receipt(EntryId::from_bytes([9; 16])).await.unwrap(), None);
}

async fn what_is_not_committed_never_was(kind: Kind) {
    let f = Fixture::new(kind).await;
    let watermark = f.db.watermark().await.unwrap();
    let tx = f.db.begin().await.unwrap();
    assert_eq!(tx.claim_events(&identities(noon().day(), &[1, 2])).await.unwrap(), [true, true]);
    drop(tx);
    let tx = f.db.begin().await.unwrap();
    assert_eq!(tx.claim_events(&identities(noon().day(), &[2])).await.unwrap(), [true]);
    tx.commit().await.unwrap();
    assert_eq!(f.db.watermark().await.unwrap(), watermark);
    f.settle(vec![entry(1, noon(), mixed(1, 1))]).await;
    assert_ne!(f.db.watermark().await.unwrap(), watermark);
}

async fn an_identity_is_known_under_any_day_until_it_is_given_back(kind: Kind) {
    let f = Fixture::new(kind).await;
    let today = noon().day();
    let tx = f.db.begin().await.unwrap();
    for (day, numbers, want) in [
        (today, &[1, 2, 3][..], &[true, true, true][..]),
        (today.plus(-3), &[4], &[true]),
        (today.plus(-1), &[0, 1, 4, 5], &[true, false, false, true]),
        (today.plus(1), &[5], &[false]),
    ] {
        let got = tx.claim_events(&identities(day, numbers)).await.unwrap();
        assert_eq!(got, want, "{day} {numbers:?}");
    }
    // Under another day than it was claimed: it is not there, so nothing is given back.
    tx.release_events(&identities(today.plus(-1), &[1])).await.unwrap();
    assert_eq!(tx.claim_events(&identities(today, &[1])).await.unwrap(), [false]);
    tx.release_events(&identities(today, &[1, 2])).await.unwrap();
    let got = tx.claim_events(&identities(today, &[1, 2, 3])).await.unwrap();
    assert_eq!(got, [true, true, false]);
    tx.commit().await.unwrap();
    assert_eq!(f.int("SELECT count(*) FROM event_keys").await, 6);
}

async fn a_batch_under_a_known_key_is_a_duplicate_on_the_next_day_too(kind: Kind) {
    let f = Fixture::new(kind).await;
    f.settle(vec![keyed(1, noon(), 7, mixed(1, 4))]).await;
    let (tomorrow, other) =
        (keyed(2, noon().plus(24), 7, mixed(1, 4)), keyed(3, noon(), 8, mixed(1, 4)));
    f.settle(vec![tomorrow, other]).await;
    let want = Totals { persisted: 8, duplicate: 4, ..Totals::default() };
    assert_eq!(f.db.ledger().await.unwrap(), want);
    f.assert_rollups_equal_raw_rows().await;
}

async fn a_refused_row_is_a_data_error_and_leaves_the_transaction_as_it_was(kind: Kind) {
    let f = Fixture::new(kind).await;
    let poison = f.poison().await;
    let mut refused = vec![("6.6.6", poison)];
    if kind == Kind::Sqlite {
        // A trigger that fails without undoing its statement: the savepoint must.
        f.run(
            "CREATE TRIGGER rude BEFORE INSERT ON events WHEN NEW.version = '7.7.7' \
             BEGIN SELECT RAISE(FAIL, 'refused'); END",
        )
        .await;
        refused.push(("7.7.7", poison));
    } else {
        // character_not_in_repertoire
        refused.push(("a text with \0", "22021"));
    }
    let good = scanned("get_forecast").build();
    let tx = f.db.begin().await.unwrap();
    tx.insert_events(&[Row { event: &good, received: noon() }]).await.unwrap();
    for (version, code) in refused {
        let bad = scanned("get_forecast").version(version).build();
        let rows = [&good, &bad, &good].map(|event| Row { event, received: noon() });
        let refused = tx.insert_events(&rows).await;
        let data = matches!(&refused, Err(StoreError::Data { sqlstate }) if sqlstate == code);
        assert!(data, "{version}: {refused:?}");
    }
    tx.insert_events(&[Row { event: &good, received: noon() }]).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(f.int("SELECT count(*) FROM events").await, 2);
}

async fn a_missing_table_is_not_the_fault_of_the_data(kind: Kind) {
    let f = Fixture::new(kind).await;
    f.run("ALTER TABLE events RENAME TO elsewhere").await;
    let tx = f.db.begin().await.unwrap();
    let event = scanned("get_forecast").build();
    let failed = tx.insert_events(&[Row { event: &event, received: noon() }]).await;
    assert!(matches!(failed, Err(StoreError::Transient(_))));
}

async fn rollups_of_many_transactions_equal_the_raw_rows(kind: Kind) {
    let f = Fixture::new(kind).await;
    for group in 0..6 {
        let number = u8::try_from(group).unwrap();
        f.settle(vec![
            entry(2 * number, noon(), mixed(group, 150)),
            entry(2 * number + 1, noon(), mixed(group + 1, 40)),
        ])
        .await;
    }
    assert_eq!(f.db.ledger().await.unwrap().persisted, 6 * 190);
    f.assert_rollups_equal_raw_rows().await;
    // Twelve entries, each with events of every kind on the day before.
    let batches = "SELECT min(batches) FROM margin_day \
                   WHERE axis = 'tool' AND status = 'success' AND day = '2026-08-19'";
    assert_eq!(f.int(batches).await, 12);
}
