//! TimescaleDB: hypertables and back, policies and their horizons. Only where the server has it; all
//! other tests of the store run on hypertables too.

use std::time::Duration;

use stages::testing::scanned;
use stages::units::Span;

use super::{Fixture, Kind, entry, key, mixed, noon};
use crate::config::settings::Retention;
use crate::store::{Horizons, MigrateError};

fn horizons() -> Horizons {
    let days = Span::days;
    Horizons { late: days(3), kept: [days(90), days(30), days(30), days(90)] }
}

async fn jobs(f: &Fixture) -> Vec<String> {
    f.texts(
        "SELECT hypertable_name || ' ' || (config->>'compress_after') \
         FROM timescaledb_information.jobs WHERE proc_name = 'policy_compression' ORDER BY 1",
    )
    .await
}

#[tokio::test]
async fn tables_become_hypertables_when_the_extension_comes_and_plain_when_it_goes() {
    if !Kind::Timescale.is_here() {
        return;
    }
    let f = Fixture::new(Kind::Postgres).await;
    f.settle(vec![entry(1, noon(), mixed(1, 300))]).await;
    assert!(f.db.hypertables().await.unwrap().is_empty());
    f.place.add_timescale();
    // Nothing is kept for long enough to be compressed, so no job of the server interferes.
    let short = Horizons { late: Span::days(3), kept: [Span::days(3); 4] };
    f.db.bring_up(&short).await.unwrap();
    assert_eq!(jobs(&f).await, Vec::<String>::new());
    let hypertables = f.db.hypertables().await.unwrap();
    let want = ["errors", "events", "margin_hour", "rollup_hour"];
    assert_eq!(hypertables.into_iter().collect::<Vec<_>>(), want);
    f.settle(vec![entry(2, noon(), mixed(2, 300))]).await;
    assert_eq!(f.int("SELECT count(*) FROM events").await, 600);
    f.assert_rollups_equal_raw_rows().await;

    f.db.migrate_down(2).await.unwrap();
    assert!(f.db.hypertables().await.unwrap().is_empty());
    assert_eq!(f.db.schema_faults().await.unwrap(), Vec::<String>::new());
    f.settle(vec![entry(3, noon(), mixed(3, 300))]).await;
    assert_eq!(f.int("SELECT count(*) FROM events").await, 900);
    f.assert_rollups_equal_raw_rows().await;
    f.db.migrate_up().await.unwrap();
    assert_eq!(f.db.hypertables().await.unwrap().len(), 4);
    f.assert_rollups_equal_raw_rows().await;
}

#[tokio::test]
async fn policies_go_by_the_horizons_and_one_that_begins_too_early_is_refused() {
    if !Kind::Timescale.is_here() {
        return;
    }
    let f = Fixture::new(Kind::Timescale).await;
    f.db.bring_up(&horizons()).await.unwrap();
    // Once more changes nothing.
    f.db.bring_up(&horizons()).await.unwrap();
    let want =
        ["errors 168:00:00", "events 168:00:00", "margin_hour 72:00:00", "rollup_hour 72:00:00"];
    assert_eq!(jobs(&f).await, want);

    // Events that are accepted for longer would be added to what is compressed.
    let late = Horizons { late: Span::days(5), ..horizons() };
    match f.db.bring_up(&late).await {
        Err(MigrateError::Horizon(short)) => {
            assert_eq!((short.after_hours, short.least_hours), (72, 120), "{short}");
        }
        other => panic!("{other:?}"),
    }
    f.run(
        "SELECT delete_job(job_id) FROM timescaledb_information.jobs \
         WHERE proc_name = 'policy_compression'",
    )
    .await;
    f.db.bring_up(&late).await.unwrap();
    assert_eq!(jobs(&f).await[3], "rollup_hour 120:00:00");

    // What somebody else drops must not be less than what the configuration keeps.
    f.run("SELECT add_retention_policy('events', INTERVAL '10 days')").await;
    match f.db.bring_up(&late).await {
        Err(MigrateError::Horizon(short)) => {
            assert_eq!((short.table.as_str(), short.least_hours), ("events", 90 * 24));
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn compressed_chunks_are_added_to_verified_rebuilt_and_dropped_like_others() {
    if !Kind::Timescale.is_here() {
        return;
    }
    let f = Fixture::new(Kind::Timescale).await;
    f.settle(vec![entry(1, noon(), mixed(1, 400))]).await;
    for table in ["events", "rollup_hour", "margin_hour", "errors"] {
        f.run(&format!("SELECT compress_chunk(c) FROM show_chunks('{table}') c")).await;
    }
    let compressed = "SELECT count(DISTINCT hypertable_name) FROM timescaledb_information.chunks \
                      WHERE is_compressed";
    assert_eq!(f.int(compressed).await, 4);
    // An entry that waited in the queue while its chunks were compressed.
    f.settle(vec![entry(2, noon(), mixed(2, 400))]).await;
    f.assert_rollups_equal_raw_rows().await;
    let today = noon().day();
    assert_eq!(f.db.verify(&key(), today.plus(-2), today.plus(1)).await.unwrap(), []);
    f.run("UPDATE rollup_hour SET calls = calls + 1").await;
    assert!(!f.db.verify(&key(), today.plus(-2), today.plus(1)).await.unwrap().is_empty());
    f.db.rebuild(&key(), today.plus(-2), today.plus(1)).await.unwrap();
    assert_eq!(f.db.verify(&key(), today.plus(-2), today.plus(1)).await.unwrap(), []);

    f.clock.advance(Duration::from_secs(200 * 24 * 3_600));
    let later = noon().plus(200 * 24);
    f.settle(vec![entry(3, later, vec![scanned("get_alerts").hour(later).build()])]).await;
    while !f.db.housekeep(&Retention::default(), None).await.unwrap().deleted.is_empty() {}
    assert_eq!(f.int("SELECT count(*) FROM events").await, 1);
    assert_eq!(f.int("SELECT count(*) FROM show_chunks('rollup_hour')").await, 1);
}
