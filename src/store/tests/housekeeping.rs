//! Retention, under clocks that are right and clocks that are not.

use stages::Hour;
use stages::testing::scanned;

use super::{Fixture, Kind, NOON, entry, noon, on_every_store};
use crate::config::settings::Retention;
use crate::store::lock::{Lock, Purpose};
use crate::store::{HousekeepingError, Report};

on_every_store![
    each_table_keeps_its_days_and_loses_one_day_a_run,
    markers_stay_as_long_as_their_entry_may_come_again,
    a_clock_five_years_ahead_deletes_nothing_that_the_newest_receipt_keeps,
    a_receipt_under_a_wrong_clock_costs_one_day_a_run,
    a_large_share_of_a_large_table_stops_the_run_before_anything_is_deleted,
    only_one_keeps_house_at_a_time,
];

const YEAR: i64 = 365 * 24 * 3_600;

/// One event a day, received when it happened, from `days` days ago until noon.
async fn daily(kind: Kind, days: i64) -> Fixture {
    let f = Fixture::new(kind).await;
    for age in 0..days {
        let then = noon().plus(-24 * age);
        f.clock.step_wall(then.unix_seconds());
        let number = u8::try_from(age).unwrap();
        let event = scanned("get_alerts").error("ApiError").hour(then).identity(number.into());
        f.settle(vec![entry(number, then, vec![event.build()])]).await;
    }
    f.clock.step_wall(NOON);
    f
}

/// Runs until nothing is left to delete. Answers how many runs deleted something.
async fn settle_down(f: &Fixture, queue_oldest: Option<Hour>) -> usize {
    let mut runs = 0;
    loop {
        let report = f.db.housekeep(&Retention::default(), queue_oldest).await.unwrap();
        match report {
            // A process that a test beside this one is starting has every lock for a moment.
            Report { skipped: true, .. } => tokio::task::yield_now().await,
            Report { deleted, .. } if deleted.is_empty() => return runs,
            Report { .. } => runs += 1,
        }
    }
}

/// How many rows some of the tables have, one for each kind of retention.
async fn counts(f: &Fixture) -> [i64; 6] {
    let mut counts = [0; 6];
    let tables = ["events", "rollup_hour", "rollup_day", "errors", "event_keys", "entries"];
    for (count, table) in counts.iter_mut().zip(tables) {
        *count = f.int(&format!("SELECT count(*) FROM {table}")).await;
    }
    counts
}

async fn each_table_keeps_its_days_and_loses_one_day_a_run(kind: Kind) {
    let f = daily(kind, 100).await;
    assert_eq!(counts(&f).await, [100; 6]);
    let watermark = f.db.watermark().await.unwrap();
    f.db.housekeep(&Retention::default(), None).await.unwrap();
    assert_eq!(counts(&f).await, [99, 99, 100, 99, 99, 99]);
    assert_ne!(f.db.watermark().await.unwrap(), watermark);

    // Whole days: the first one kept is the one that retention reaches into. An event may be three
    // days older than its receipt, so event identities live ten days and not seven.
    assert_eq!(settle_down(&f, None).await, 91);
    assert_eq!(counts(&f).await, [91, 31, 100, 91, 11, 8]);
}

async fn markers_stay_as_long_as_their_entry_may_come_again(kind: Kind) {
    let f = daily(kind, 30).await;
    settle_down(&f, Some(noon().plus(-24 * 20))).await;
    assert_eq!(f.int("SELECT count(*) FROM entries").await, 21);
    settle_down(&f, None).await;
    assert_eq!(f.int("SELECT count(*) FROM entries").await, 8);
}

async fn a_clock_five_years_ahead_deletes_nothing_that_the_newest_receipt_keeps(kind: Kind) {
    let f = daily(kind, 91).await;
    settle_down(&f, None).await;
    let before = counts(&f).await;
    f.clock.step_wall(NOON + 5 * YEAR);
    // A day after the newest receipt is as far as the clock is believed.
    assert_eq!(settle_down(&f, None).await, 1);
    let after = counts(&f).await;
    let lost: Vec<i64> = before.iter().zip(after).map(|(before, after)| before - after).collect();
    assert_eq!(lost, [1, 1, 0, 1, 1, 1]);
}

async fn a_receipt_under_a_wrong_clock_costs_one_day_a_run(kind: Kind) {
    let f = daily(kind, 60).await;
    settle_down(&f, None).await;
    let before = counts(&f).await;
    f.clock.step_wall(NOON + 5 * YEAR);
    let future = noon().plus(5 * 365 * 24);
    let event = scanned("get_alerts").error("ApiError").hour(future).identity(200).build();
    f.settle(vec![entry(200, future, vec![event])]).await;
    f.db.housekeep(&Retention::default(), None).await.unwrap();
    // Every table got one row and lost one.
    assert_eq!(counts(&f).await, before);
    // A clock that is set back deletes nothing at all.
    f.clock.step_wall(NOON - 5 * YEAR);
    assert_eq!(f.db.housekeep(&Retention::default(), None).await.unwrap(), Report::default());
}

async fn a_large_share_of_a_large_table_stops_the_run_before_anything_is_deleted(kind: Kind) {
    let f = daily(kind, 100).await;
    let many = |rows: u32, day: &str| {
        format!(
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {rows}) \
             INSERT INTO events (timestamp_hour, version, tool, status, analytics_level, \
             received_hour) SELECT '{day}T05:00:00Z', '1', 'get_alerts', 'success', 'minimal', \
             '{day}T05:00:00Z' FROM n"
        )
    };
    // The oldest day is 99 days before 2026-08-20.
    f.run(&many(1_500, "2026-05-13")).await;
    f.run(&many(10_000, "2026-08-19")).await;
    let before = counts(&f).await;
    let stopped = f.db.housekeep(&Retention::default(), None).await;
    match stopped {
        Err(HousekeepingError::TooMuch { table: "events", rows: 1_501, of: 11_600, .. }) => {}
        other => panic!("{other:?}"),
    }
    assert_eq!(counts(&f).await, before);

    // Beside more rows it is a small share, and goes in more than one chunk.
    f.run(&many(60_000, "2026-08-18")).await;
    f.run(&many(4_500, "2026-05-13")).await;
    let report = f.db.housekeep(&Retention::default(), None).await.unwrap();
    let events = report.deleted.iter().find(|deleted| deleted.table == "events").unwrap();
    assert_eq!(events.rows, 6_001);
}

async fn only_one_keeps_house_at_a_time(kind: Kind) {
    let f = daily(kind, 100).await;
    let held = Lock::attempt(&f.db, Purpose::Housekeeping).await.unwrap();
    let report = f.db.housekeep(&Retention::default(), None).await.unwrap();
    assert_eq!(report, Report { skipped: true, deleted: vec![] });
    assert_eq!(counts(&f).await, [100; 6]);
    held.unwrap().release().await;
    assert!(!f.db.housekeep(&Retention::default(), None).await.unwrap().skipped);
}
