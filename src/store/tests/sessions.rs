//! How many sessions there were, against plain SQL over the raw rows.

use stages::rollup::Rollups;
use stages::sessions::{Count, Sessions};
use stages::testing::scanned;
use stages::{Hour, Level, Scanned};

use super::{Fixture, Kind, entry, key, mixed, noon, on_every_store};
use crate::purge::{Condition, Filter};
use crate::stats::Source;
use crate::stats::release::Published;
use crate::store::write::cells;

on_every_store![
    they_are_those_of_the_raw_rows_over_any_days,
    many_are_within_their_bounds,
    calls_without_one_cost_nothing_and_leave_no_row,
    no_session_is_in_what_is_stored,
    a_damaged_sketch_is_told_and_not_counted,
    those_of_deleted_rows_are_gone,
    a_day_is_released_once_with_as_many_as_it_takes,
];

fn id(number: u64) -> String {
    format!("{:016x}", number.wrapping_mul(0x9e37_79b9_7f4a_7c15))
}

/// A call of a session.
fn call(number: u64, hour: Hour) -> Scanned {
    scanned("get_alerts").level(Level::Detailed).session(&id(number), 1).hour(hour).build()
}

fn calls(numbers: std::ops::Range<u64>, hour: Hour) -> Vec<Scanned> {
    numbers.map(|number| call(number, hour)).collect()
}

fn exactly(number: u64) -> Count {
    Count { estimate: number, lower: number, upper: number }
}

async fn they_are_those_of_the_raw_rows_over_any_days(kind: Kind) {
    let f = Fixture::new(kind).await;
    for number in 1..4 {
        f.settle(vec![entry(number, noon(), mixed(number.into(), 200))]).await;
    }
    f.settle(vec![entry(9, noon(), calls(0..40, noon().plus(-48)))]).await;
    let today = noon().day();
    for (from, to) in [(-3, 1), (-2, -1), (-1, 0), (0, 1), (-2, 0), (1, 2), (0, 0)] {
        let (from, to) = (today.plus(from), today.plus(to));
        let sql = format!(
            "SELECT count(DISTINCT session_id) FROM events \
             WHERE timestamp_hour >= '{}' AND timestamp_hour < '{}'",
            from.start(),
            to.start()
        );
        let want = f.int(&sql).await as u64;
        let got = f.db.sessions(from, to).await.unwrap();
        assert_eq!(got.count(), exactly(want), "{from} up to {to}");
    }
    assert!(f.int("SELECT count(DISTINCT session_id) FROM events").await > 40);
}

async fn many_are_within_their_bounds(kind: Kind) {
    let f = Fixture::new(kind).await;
    let yesterday = noon().plus(-24);
    // They overlap, within a day and from day to day.
    for (number, numbers, hour) in [
        (1, 0..900, yesterday),
        (2, 600..1_500, yesterday),
        (3, 1_200..2_500, noon()),
        (4, 1_300..1_400, noon()),
    ] {
        f.settle(vec![entry(number, noon(), calls(numbers, hour))]).await;
    }
    let today = noon().day();
    for (from, to, want) in [(-1, 0, 1_500), (0, 1, 1_300), (-1, 1, 2_500)] {
        let got = f.db.sessions(today.plus(from), today.plus(to)).await.unwrap().count();
        let Count { estimate, lower, upper } = got;
        assert!(
            lower <= want && want <= upper && lower <= estimate && estimate <= upper,
            "{got:?}"
        );
    }
    assert_eq!(f.db.verify(&key(), today.plus(-1), today.plus(1)).await.unwrap(), []);
    f.run("DELETE FROM sessions_day").await;
    let found = f.db.verify(&key(), today.plus(-1), today.plus(1)).await.unwrap();
    let found: Vec<_> = found.iter().map(|it| (it.table, it.key.as_str(), it.stored)).collect();
    let missing = |day| ("sessions_day", day, None);
    assert_eq!(found, [missing("2026-08-19"), missing("2026-08-20")]);
    f.db.rebuild(&key(), today.plus(-1), today.plus(1)).await.unwrap();
    assert_eq!(f.db.verify(&key(), today.plus(-1), today.plus(1)).await.unwrap(), []);
}

async fn calls_without_one_cost_nothing_and_leave_no_row(kind: Kind) {
    let f = Fixture::new(kind).await;
    // A statement about sessions would fail now.
    f.run("ALTER TABLE sessions_day RENAME TO elsewhere").await;
    let events = (0..20).map(|_| scanned("get_alerts").hour(noon()).build()).collect();
    f.settle(vec![entry(1, noon(), events)]).await;
    f.run("ALTER TABLE elsewhere RENAME TO sessions_day").await;
    let today = noon().day();
    assert_eq!(f.int("SELECT count(*) FROM events").await, 20);
    assert_eq!(f.int("SELECT count(*) FROM sessions_day").await, 0);
    assert!(f.db.sessions(today, today.plus(1)).await.unwrap().is_empty());
    assert_eq!(f.db.verify(&key(), today, today.plus(1)).await.unwrap(), []);
}

async fn no_session_is_in_what_is_stored(kind: Kind) {
    let f = Fixture::new(kind).await;
    f.settle(vec![entry(1, noon(), calls(1..30, noon()))]).await;
    let hex = f.db.dialect().hex("sketch");
    let stored = f.texts(&format!("SELECT {hex} FROM sessions_day")).await.remove(0);
    for number in 1..30 {
        let as_text: String = id(number).bytes().map(|byte| format!("{byte:02x}")).collect();
        assert!(!stored.contains(&id(number)) && !stored.contains(&as_text), "{number}");
    }
}

async fn a_damaged_sketch_is_told_and_not_counted(kind: Kind) {
    let f = Fixture::new(kind).await;
    f.settle(vec![entry(1, noon(), calls(0..3, noon()))]).await;
    f.run(&format!("UPDATE sessions_day SET sketch = {}", kind.either("x'0102'", "'\\x0102'")))
        .await;
    let today = noon().day();
    let error = f.db.sessions(today, today.plus(1)).await.unwrap_err();
    assert!(format!("{:?}", error).contains("a count of sessions"), "{error:?}");
}

async fn those_of_deleted_rows_are_gone(kind: Kind) {
    let f = Fixture::new(kind).await;
    let (today, hour) = (noon().day(), noon());
    f.settle(vec![entry(1, hour, calls(0..12, hour)), entry(2, hour, calls(5..7, hour.plus(-24)))])
        .await;
    for (number, left) in [(5, 11), (11, 10)] {
        let condition: Condition = format!("session_id={}", id(number)).parse().unwrap();
        f.db.delete_rows(&key(), &Filter::new(vec![condition]).unwrap()).await.unwrap();
        let sessions = f.db.sessions(today.plus(-1), today.plus(1)).await.unwrap();
        assert_eq!(sessions.count(), exactly(left));
    }
    f.db.delete_rows(&key(), &Filter::new(vec!["tool=get_alerts".parse().unwrap()]).unwrap())
        .await
        .unwrap();
    assert_eq!(f.int("SELECT count(*) FROM sessions_day").await, 0);
}

async fn a_day_is_released_once_with_as_many_as_it_takes(kind: Kind) {
    const MIN_CELL: u32 = 10;
    let f = Fixture::new(kind).await;
    let today = noon().day();
    let at = |days: i64| noon().plus(24 * days);
    // Few, just enough, and enough on a day that is not over.
    for (number, numbers, days) in
        [(1, 0..9, -3), (2, 100..110, -2), (3, 105..120, -1), (4, 0..50, 0)]
    {
        f.settle(vec![entry(number, noon(), calls(numbers, at(days)))]).await;
    }
    let published = Published(f.db.clone());
    let shown = async |from: i64, to: i64| {
        published.sessions(today.plus(from), today.plus(to)).await.unwrap().count()
    };
    assert_eq!(shown(-3, 1).await, exactly(0), "nothing is decided yet");
    assert_eq!(f.db.freeze(MIN_CELL).await.unwrap().len(), 3);
    assert_eq!(shown(-3, 1).await, exactly(20));
    assert_eq!(shown(-3, -2).await, exactly(0));
    assert_eq!(shown(-2, -1).await, exactly(10));
    // What comes late is counted, and not published; not even when a small day becomes large.
    f.settle(vec![
        entry(5, noon(), calls(200..230, at(-2))),
        entry(6, noon(), calls(0..30, at(-3))),
    ])
    .await;
    f.db.freeze(MIN_CELL).await.unwrap();
    assert_eq!(shown(-3, 1).await, exactly(20));
    let all = f.db.sessions(today.plus(-3), today.plus(1)).await.unwrap();
    assert_eq!(all.count(), exactly(50 + 20 + 30));
    // Counted again, a day stays what it was decided to be, with what is there.
    f.run(&format!("DELETE FROM events WHERE session_id = '{}'", id(100))).await;
    f.db.rebuild(&key(), today.plus(-3), today.plus(1)).await.unwrap();
    assert_eq!(shown(-3, -2).await, exactly(0));
    assert_eq!(shown(-2, -1).await, exactly(39));
}

#[tokio::test]
async fn the_same_group_twice_counts_once() {
    let f = Fixture::new(Kind::Sqlite).await;
    let mut sessions = Sessions::default();
    (0..20).for_each(|number| sessions.record(&key(), &id(number)));
    let day = noon().day();
    for _ in 0..2 {
        let tx = f.db.write().await.unwrap();
        let rollups = Rollups { sessions: vec![(day, sessions.clone())], ..Rollups::default() };
        cells::merge(tx.tx(), &rollups).await.unwrap();
        tx.finish().await.unwrap();
    }
    assert_eq!(f.db.sessions(day, day.plus(1)).await.unwrap().count(), exactly(20));
}
