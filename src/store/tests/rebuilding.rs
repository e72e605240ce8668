//! Rollups compared with, and rebuilt from, raw rows.

use stages::units::Span;

use super::{Fixture, Kind, entry, key, mixed, noon, on_every_store};
use crate::store::{Difference, RebuildError};

on_every_store![
    rollups_as_the_worker_wrote_them_have_no_difference,
    every_kind_of_damage_is_found_and_rebuilt,
    a_difference_names_its_cell_and_both_numbers,
    days_without_their_raw_rows_are_refused_and_left_alone,
    only_days_within_the_retention_of_raw_rows_are_whole,
    hourly_rows_past_their_retention_are_neither_missed_nor_made_again,
];

/// A distribution that holds nothing.
fn no_times(kind: Kind) -> &'static str {
    kind.either("x'01'", "'\\x01'::bytea")
}

async fn filled(kind: Kind) -> Fixture {
    let f = Fixture::new(kind).await;
    f.settle(vec![entry(1, noon(), mixed(1, 200)), entry(2, noon(), mixed(2, 200))]).await;
    f
}

async fn rollups_as_the_worker_wrote_them_have_no_difference(kind: Kind) {
    let f = filled(kind).await;
    let today = noon().day();
    assert_eq!(f.db.verify(&key(), today.plus(-2), today.plus(1)).await.unwrap(), []);
}

async fn every_kind_of_damage_is_found_and_rebuilt(kind: Kind) {
    let f = filled(kind).await;
    let today = noon().day();
    let (from, to) = (today.plus(-2), today.plus(1));
    let batches = "SELECT CAST(sum(batches) AS BIGINT) FROM rollup_day";
    let before = f.int(batches).await;
    let watermark = f.db.watermark().await.unwrap();
    // Damage, the table it is in, and how many cells it is in.
    for (damage, table, cells) in [
        (
            "UPDATE rollup_hour SET calls = calls + 1",
            "rollup_hour",
            "SELECT count(*) FROM rollup_hour",
        ),
        (
            "UPDATE rollup_day SET time_sum = time_sum + 1",
            "rollup_day",
            "SELECT count(*) FROM rollup_day",
        ),
        (
            &format!(
                "UPDATE margin_hour SET times = {} WHERE axis = 'tool' AND time_count > 0",
                no_times(kind)
            ),
            "margin_hour",
            "SELECT count(*) FROM margin_hour WHERE axis = 'tool' AND time_count > 0",
        ),
        (
            "DELETE FROM margin_day WHERE axis = 'level'",
            "margin_day",
            "SELECT count(DISTINCT day || tool || status || level) FROM rollup_day",
        ),
        (
            &format!("UPDATE sessions_day SET sketch = {}", kind.either("x''", "''::bytea")),
            "sessions_day",
            "SELECT count(*) FROM sessions_day",
        ),
        (
            "UPDATE errors SET error_type = 'Nonsense' || error_type",
            "errors",
            "SELECT 2 * count(*) FROM errors",
        ),
    ] {
        f.run(damage).await;
        let found = f.db.verify(&key(), from, to).await.unwrap();
        assert!(found.iter().all(|difference| difference.table == table), "{damage}: {found:?}");
        assert_eq!(i64::try_from(found.len()).unwrap(), f.int(cells).await, "{damage}");
        f.db.rebuild(&key(), from, to).await.unwrap();
        assert_eq!(f.db.verify(&key(), from, to).await.unwrap(), [], "{damage}");
        f.assert_rollups_equal_raw_rows().await;
    }
    assert_eq!(f.int(batches).await, before);
    assert_ne!(f.db.watermark().await.unwrap(), watermark);
}

async fn a_difference_names_its_cell_and_both_numbers(kind: Kind) {
    let f = filled(kind).await;
    let today = noon().day();
    f.run(&format!(
        "INSERT INTO margin_day (day, axis, tool, value, status, calls, batches, cache_hits, \
         cache_misses, retries, retry_events, time_sum, time_count, times) \
         VALUES ('2026-08-20', 'tool', 'ghost', '', 'success', 5, 1, 0, 0, 0, 0, 0, 0, {})",
        no_times(kind)
    ))
    .await;
    let want = Difference {
        table: "margin_day",
        key: "2026-08-20 / tool / ghost /  / success".to_owned(),
        stored: Some(5),
        raw: None,
    };
    assert_eq!(f.db.verify(&key(), today, today.plus(1)).await.unwrap(), [want]);
}

async fn days_without_their_raw_rows_are_refused_and_left_alone(kind: Kind) {
    let f = filled(kind).await;
    let today = noon().day();
    f.run("DELETE FROM events WHERE timestamp_hour < '2026-08-20T00:00:00Z'").await;
    let rows = f.int("SELECT count(*) FROM rollup_day").await;
    for result in [
        f.db.verify(&key(), today.plus(-1), today.plus(1)).await.map(drop),
        f.db.rebuild(&key(), today.plus(-1), today.plus(1)).await,
    ] {
        let gone = matches!(result, Err(RebuildError::RawGone { oldest, .. }) if oldest == today);
        assert!(gone, "{result:?}");
    }
    assert_eq!(f.int("SELECT count(*) FROM rollup_day").await, rows);
    f.run("DELETE FROM events").await;
    assert!(matches!(f.db.rebuild(&key(), today, today.plus(1)).await, Err(RebuildError::NoRaw)));
}

async fn only_days_within_the_retention_of_raw_rows_are_whole(kind: Kind) {
    let f = filled(kind).await;
    let today = noon().day();
    for (keep, want) in
        [(90, (today.plus(-2), today)), (2, (today.plus(-1), today)), (1, (today, today))]
    {
        assert_eq!(f.db.raw_days(Span::days(keep)).await.unwrap(), Some(want), "{keep} days");
    }
    // A row that came late, as by a replay, makes no whole day.
    f.run("DELETE FROM events WHERE timestamp_hour >= '2026-08-19T00:00:00Z'").await;
    assert_eq!(f.db.raw_days(Span::days(1)).await.unwrap(), None);
}

async fn hourly_rows_past_their_retention_are_neither_missed_nor_made_again(kind: Kind) {
    let f = filled(kind).await;
    let today = noon().day();
    for table in ["rollup_hour", "margin_hour", "errors"] {
        f.run(&format!("DELETE FROM {table} WHERE hour < '2026-08-20T00:00:00Z'")).await;
    }
    let rows = f.int("SELECT count(*) FROM rollup_hour").await;
    let (from, to) = (today.plus(-2), today.plus(1));
    assert_eq!(f.db.verify(&key(), from, to).await.unwrap(), []);
    f.db.rebuild(&key(), from, to).await.unwrap();
    assert_eq!(f.int("SELECT count(*) FROM rollup_hour").await, rows);
}
