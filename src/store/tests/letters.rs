//! Dead letters: set aside alone, listed, replayed, dropped.

use std::time::Duration;

use stages::EntryId;
use stages::ports::Outcome;
use stages::testing::scanned;

use super::{Fixture, Kind, entry, mixed, noon, on_every_store, worker};
use crate::store::Totals;

on_every_store![
    a_refused_event_is_set_aside_and_its_neighbours_go_through,
    a_letter_that_fails_again_keeps_its_past_and_one_that_succeeds_is_counted,
    a_letter_whose_event_was_stored_meanwhile_is_a_duplicate,
    a_dropped_letter_is_discarded,
    an_entry_that_came_too_late_is_expired_and_its_events_can_be_replayed,
];

async fn ids(f: &Fixture) -> Vec<String> {
    f.texts(&format!("SELECT {} FROM dead_letters", f.db.dialect().hex("id"))).await
}

/// One refused event between neighbours, set aside at noon.
async fn with_a_letter(kind: Kind) -> (Fixture, Vec<String>) {
    let f = Fixture::new(kind).await;
    f.poison().await;
    let mut events = mixed(1, 30);
    let bad = scanned("get_alerts").version("6.6.6").hour(noon()).identity(1).response_time_ms(70);
    events.insert(17, bad.build());
    f.settle(vec![entry(1, noon(), events)]).await;
    let ids = ids(&f).await;
    (f, ids)
}

async fn a_refused_event_is_set_aside_and_its_neighbours_go_through(kind: Kind) {
    let (f, ids) = with_a_letter(kind).await;
    let want = Totals { persisted: 30, dead_letter: 1, ..Totals::default() };
    assert_eq!(f.db.ledger().await.unwrap(), want);
    assert_eq!(f.int("SELECT count(*) FROM events").await, 30);
    assert_eq!(f.int("SELECT count(*) FROM event_keys").await, 0, "a letter holds no identity");
    f.assert_rollups_equal_raw_rows().await;

    let letters = f.db.dead_letters(10).await.unwrap();
    assert_eq!(letters.len(), 1);
    let letter = &letters[0];
    assert_eq!((&letter.id, letter.code.as_str()), (&ids[0], "refused_by_store"));
    assert_eq!(letter.sqlstate.as_deref(), Some(kind.either("1811", "23514")));
    assert_eq!((letter.received, letter.first_seen, letter.attempts), (noon(), noon(), 1));
    assert_eq!(f.db.dead_letters(0).await.unwrap(), []);
    let payload = f.db.dead_letter_payload(&ids[0]).await.unwrap().unwrap();
    assert!(payload.contains("\"6.6.6\""));
    assert_eq!(f.db.dead_letter_payload("nonsense").await.unwrap(), None);
}

async fn a_letter_that_fails_again_keeps_its_past_and_one_that_succeeds_is_counted(kind: Kind) {
    let (f, ids) = with_a_letter(kind).await;
    f.clock.advance(Duration::from_secs(20 * 24 * 3_600));
    let outcome = f.db.replay_dead_letters(&ids, &worker(), &()).await.unwrap();
    assert_eq!(outcome, Outcome { dead_letter: 1, ..Outcome::default() });
    let again = f.db.dead_letters(10).await.unwrap();
    assert_eq!((again[0].first_seen, again[0].attempts, again.len()), (noon(), 2, 1));
    let want = Totals { persisted: 30, dead_letter: 1, ..Totals::default() };
    assert_eq!(f.db.ledger().await.unwrap(), want);

    f.heal().await;
    let ids = vec![again[0].id.clone()];
    let outcome = f.db.replay_dead_letters(&ids, &worker(), &()).await.unwrap();
    assert_eq!(outcome, Outcome { persisted: 1, ..Outcome::default() });
    let want = Totals { persisted: 31, ..Totals::default() };
    assert_eq!(f.db.ledger().await.unwrap(), want);
    assert_eq!(f.int("SELECT count(*) FROM dead_letters").await, 0);
    assert_eq!(f.int("SELECT count(*) FROM event_keys").await, 1);
    f.assert_rollups_equal_raw_rows().await;
    // Unknown by now.
    let outcome = f.db.replay_dead_letters(&ids, &worker(), &()).await.unwrap();
    assert_eq!(outcome, Outcome::default());
}

async fn a_letter_whose_event_was_stored_meanwhile_is_a_duplicate(kind: Kind) {
    let (f, ids) = with_a_letter(kind).await;
    let same = scanned("get_alerts").version("1.0.0").hour(noon()).identity(1).build();
    f.settle(vec![entry(2, noon(), vec![same])]).await;
    f.heal().await;
    let outcome = f.db.replay_dead_letters(&ids, &worker(), &()).await.unwrap();
    assert_eq!(outcome, Outcome { duplicate: 1, ..Outcome::default() });
    let want = Totals { persisted: 31, duplicate: 1, ..Totals::default() };
    assert_eq!(f.db.ledger().await.unwrap(), want);
    f.assert_rollups_equal_raw_rows().await;
}

async fn a_dropped_letter_is_discarded(kind: Kind) {
    let (f, ids) = with_a_letter(kind).await;
    assert_eq!(f.db.drop_dead_letters(&ids).await.unwrap(), 1);
    assert_eq!(f.db.drop_dead_letters(&ids).await.unwrap(), 0);
    let want = Totals { persisted: 30, discarded: 1, ..Totals::default() };
    assert_eq!(f.db.ledger().await.unwrap(), want);
}

async fn an_entry_that_came_too_late_is_expired_and_its_events_can_be_replayed(kind: Kind) {
    let f = Fixture::new(kind).await;
    let late = entry(1, noon().plus(-24 * 30), mixed(1, 3));
    f.settle(vec![late, entry(2, noon(), mixed(2, 2))]).await;
    let late = f.db.receipt(EntryId::from_bytes([1; 16])).await.unwrap().unwrap();
    assert_eq!((late.events, late.outcome.dead_letter, late.expired), (3, 3, true));
    let other = f.db.receipt(EntryId::from_bytes([2; 16])).await.unwrap().unwrap();
    assert_eq!((other.events, other.outcome.persisted, other.expired), (2, 2, false));

    let ids = ids(&f).await;
    let outcome = f.db.replay_dead_letters(&ids, &worker(), &()).await.unwrap();
    assert_eq!(outcome, Outcome { persisted: 3, ..Outcome::default() });
    f.assert_rollups_equal_raw_rows().await;
}
