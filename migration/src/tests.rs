//! The schema as SQLite itself describes it.

use sea_orm_migration::sea_orm::{
    ConnectionTrait, Database, DatabaseConnection, DbBackend, Statement,
};
use sea_orm_migration::{MigratorTrait, SchemaManager};

use super::Migrator;

const MEASURES: &str = "calls! batches! cache_hits! cache_misses! retries! retry_events! \
                        time_sum! time_count! time_min time_max times!";

/// Table, and its columns: `*` is part of the key, `!` must not be absent.
fn expected() -> Vec<(String, String)> {
    let bucketed = |name: &str, key: &str, rest: &str| (name.to_owned(), format!("{key} {rest}"));
    let rollup = "tool* version* level* status* service* country*";
    let margin = "axis* tool* value* status*";
    let mut tables = vec![
        bucketed("batch_keys", "day*", "key*"),
        bucketed(
            "dead_letters",
            "id*",
            "code! sqlstate payload! received_hour! first_seen_hour! attempts!",
        ),
        bucketed("dimension_values", "day*", "dimension* value*"),
        bucketed(
            "entries",
            "entry_id*",
            "received_hour! events! persisted! duplicate! dead_letter! expired!",
        ),
        bucketed("errors", "hour*", "tool* version* error_type* count!"),
        bucketed("event_keys", "day*", "key*"),
        bucketed(
            "events",
            "timestamp_hour! version! tool! status! analytics_level!",
            "response_time_ms service cache_hit retry_count country parameters session_id \
             sequence_number error_type received_hour!",
        ),
        ("frozen_days".to_owned(), "day*".to_owned()),
        bucketed("ledger", "shard*", "persisted! duplicate! dead_letter! discarded! commits!"),
    ];
    for (name, bucket, key) in [
        ("margin_day", "day*", margin),
        ("margin_hour", "hour*", margin),
        ("released_day", "day*", margin),
        ("rollup_day", "day*", rollup),
        ("rollup_hour", "hour*", rollup),
    ] {
        tables.push(bucketed(name, bucket, &format!("{key} {MEASURES}")));
    }
    tables.push(bucketed("sessions_day", "day*", "sketch! released!"));
    tables.push(bucketed("total_day", "day*", &format!("axis* value* status* {MEASURES}")));
    tables
}

async fn texts(db: &DatabaseConnection, sql: &str) -> Vec<String> {
    let rows = db.query_all_raw(Statement::from_string(DbBackend::Sqlite, sql)).await.unwrap();
    rows.iter().map(|row| row.try_get_by_index(0).unwrap()).collect()
}

async fn tables(db: &DatabaseConnection) -> Vec<(String, String)> {
    let names = texts(
        db,
        "SELECT name FROM sqlite_master WHERE type = 'table' AND name <> 'seaql_migrations' \
         AND name NOT LIKE 'sqlite%' ORDER BY name",
    );
    let mut tables = Vec::new();
    for name in names.await {
        let columns = format!(
            "SELECT name || iif(pk > 0, '*', iif(\"notnull\", '!', '')) \
             FROM pragma_table_info('{name}') ORDER BY cid"
        );
        tables.push((name, texts(db, &columns).await.join(" ")));
    }
    tables
}

#[tokio::test]
async fn the_schema_goes_up_and_down_and_up_again() {
    let db = Database::connect("sqlite::memory:").await.unwrap();
    for _ in 0..2 {
        Migrator::up(&db, None).await.unwrap();
        assert_eq!(tables(&db).await, expected());
        let indexes = "SELECT tbl_name || '.' || name FROM sqlite_master WHERE type = 'index' \
                       AND sql IS NOT NULL ORDER BY 1";
        let want = [
            "entries.entries_received_hour",
            "errors.errors_sightings",
            "events.events_timestamp_hour",
            "margin_day.margin_day_sums",
        ];
        assert_eq!(texts(&db, indexes).await, want);
        // Every table with a key is stored in its order; only `events` has none.
        let ordered = "SELECT name FROM pragma_table_list WHERE schema = 'main' AND wr = 0 \
                       AND name NOT LIKE 'sqlite%' AND name <> 'seaql_migrations'";
        assert_eq!(texts(&db, ordered).await, ["events"]);
        // A second run finds nothing to do.
        Migrator::up(&db, None).await.unwrap();
        Migrator::down(&db, None).await.unwrap();
        let left = texts(&db, "SELECT name FROM sqlite_master WHERE type IN ('table', 'index')");
        let left = left.await;
        let left: Vec<_> = left.iter().filter(|name| !name.starts_with("sqlite_")).collect();
        assert_eq!(left, ["seaql_migrations"]);
    }
}

#[tokio::test]
async fn a_status_that_is_none_is_refused() {
    let db = Database::connect("sqlite::memory:").await.unwrap();
    Migrator::up(&db, None).await.unwrap();
    for (status, accepted) in [("success", true), ("error", true), ("Success", false)] {
        let insert = format!(
            "INSERT INTO events (timestamp_hour, version, tool, status, analytics_level, \
             received_hour) VALUES ('h', 'v', 't', '{status}', 'minimal', 'h')"
        );
        assert_eq!(db.execute_unprepared(&insert).await.is_ok(), accepted, "{status}");
    }
    assert!(SchemaManager::new(&db).has_table("dimension_values").await.unwrap());
}
