//! What bounds connections and transactions on a server: as documented, and less than the time after
//! which another worker takes over.

use std::sync::Arc;
use std::time::Duration;

use stages::ManualClock;

use super::{Fixture, Kind, NOON, settings_for};
use crate::shutdown::Tasks;
use crate::store::Database;
use crate::store::database::query;

const DOCUMENT: &str = include_str!("../../../docs/operations.md");

/// What the document says of a setting, by its column.
fn documented(setting: &str, column: usize) -> String {
    let line = DOCUMENT.lines().find(|line| line.starts_with(&format!("| `{setting}` |")));
    let cell = line.and_then(|line| line.split('|').nth(column + 1));
    cell.unwrap_or_else(|| panic!("docs/operations.md does not tell of {setting}"))
        .trim()
        .to_owned()
}

/// The value of a setting in a transaction that writes.
async fn writing(db: &Database, setting: &str) -> String {
    let tx = db.begin_write().await.unwrap();
    let rows = query(&tx, "SELECT current_setting($1)", [setting.into()]).await.unwrap();
    rows[0].try_get_by_index(0).unwrap()
}

async fn reading(db: &Database, setting: &str) -> String {
    let rows = db.query("SELECT current_setting($1)", [setting.into()]).await.unwrap();
    rows[0].try_get_by_index(0).unwrap()
}

/// A time as the server shows it; this one without a unit is in milliseconds.
fn millis(text: &str) -> u64 {
    let digits: u64 = text.trim_end_matches(char::is_alphabetic).parse().unwrap();
    if text.ends_with('s') && !text.ends_with("ms") { digits * 1_000 } else { digits }
}

#[tokio::test]
async fn time_outs_are_as_documented() {
    let f = Fixture::new(Kind::Postgres).await;
    for setting in [
        "synchronous_commit",
        "lock_timeout",
        "statement_timeout",
        "idle_in_transaction_session_timeout",
    ] {
        assert_eq!(writing(&f.db, setting).await, documented(setting, 1), "{setting}");
    }
    let (silent, told) =
        (writing(&f.db, "tcp_user_timeout").await, documented("tcp_user_timeout", 1));
    assert_eq!(millis(&silent), millis(&told));
    for setting in ["statement_timeout", "default_transaction_read_only"] {
        assert_eq!(reading(&f.db, setting).await, documented(setting, 2), "{setting}");
    }
}

#[tokio::test]
async fn a_transaction_that_is_forsaken_ends_before_somebody_takes_over() {
    let f = Fixture::new(Kind::Postgres).await;
    for claim_after in [1_000, 4_000, 29_000, 30_000, 600_000] {
        let db = f.db.clone().giving_way_within(Duration::from_millis(claim_after));
        for setting in ["idle_in_transaction_session_timeout", "tcp_user_timeout"] {
            let bound = millis(&writing(&db, setting).await);
            assert!(bound > 0 && bound < claim_after, "{setting} is {bound} of {claim_after} ms");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_more_connections_are_used_than_the_settings_say() {
    let f = Fixture::new(Kind::Postgres).await;
    let settings = crate::config::settings::Store { pool: 3, ..settings_for(&f.place.url) };
    let db = Database::open(&settings, Arc::new(ManualClock::at(NOON))).unwrap();
    let tasks = Tasks::new();
    let pause = || {
        let db = db.clone();
        tasks.spawn(async move { db.query("SELECT 1 FROM pg_sleep(0.05)", []).await.unwrap() })
    };
    let pauses: Vec<_> = (0..12).map(|_| pause()).collect();
    for pause in pauses {
        pause.await.unwrap();
    }
    assert_eq!(db.pool_numbers().total, 3);
}
