//! Opening, the schema, and what happens while there is no database.

use std::sync::Arc;

use stages::ManualClock;
use stages::ports::{Store, StoreError};
use test_servers::Postgres;

use super::{Fixture, Kind, NOON, Place, entry, mixed, noon, on_every_store, settings_for, settle};
use crate::store::dialect::Dialect;
use crate::store::{Database, MigrateError, OpenError, Totals};

on_every_store![
    it_opens_without_a_database_and_works_once_there_is_one,
    the_schema_goes_up_and_down_and_up,
    two_that_migrate_at_once_both_succeed,
    a_newer_schema_is_refused_unless_it_declares_this_release_compatible,
];

fn clock() -> Arc<ManualClock> {
    Arc::new(ManualClock::at(NOON))
}

#[tokio::test]
async fn settings_that_cannot_be_understood_are_refused() {
    for (url, pool, want) in [
        ("mysql://localhost/x", 4, "Err(Scheme)"),
        ("data/analytics.db", 4, "Err(Scheme)"),
        ("sqlite://data/a.db?colour=red", 4, "Err(SqliteParameter)"),
        ("sqlite://data/a.db", 0, "Err(NoReaders)"),
        ("sqlite://data/a.db", 1, "Ok(())"),
        ("postgres://u:p@localhost/x", 0, "Err(NoReaders)"),
        ("postgres://u:p@localhost:port/x", 1, "Err(PostgresUrl)"),
        ("postgres://u@h/x?passwrod=secret", 1, "Err(PostgresParameter(\"passwrod\"))"),
        ("postgres://u:p@h/x?sslmode=perhaps", 1, "Err(PostgresUrl)"),
        ("postgresql://u:p@h/x?sslmode=verify-full&sslrootcert=ca.pem", 1, "Ok(())"),
    ] {
        let mut settings = settings_for(url);
        settings.pool = pool;
        let got: Result<(), OpenError> = Database::open(&settings, clock()).map(drop);
        assert_eq!(format!("{got:?}"), want, "{url}");
    }
}

async fn it_opens_without_a_database_and_works_once_there_is_one(kind: Kind) {
    let place = Place::new(kind);
    let missing = match kind.dialect() {
        Dialect::Sqlite => None,
        Dialect::Postgres => Some(format!("{}_missing", place.url)),
    };
    let url = missing.clone().unwrap_or_else(|| place.url.clone());
    let db = Database::open(&settings_for(&url), clock()).unwrap();
    assert!(matches!(db.ping().await, Err(StoreError::Transient(_))));
    assert!(matches!(db.begin().await.err(), Some(StoreError::Transient(_))));

    // A file is made by the first migration; a database on a server is made by whoever runs it.
    if let Some(url) = missing {
        let name = url.rsplit('/').next().unwrap();
        Postgres::shared().sql("postgres", &format!("CREATE DATABASE {name}"));
    }
    db.migrate_up().await.unwrap();
    db.ping().await.unwrap();
    assert_eq!(db.ledger().await.unwrap(), Totals::default());
}

#[tokio::test]
async fn a_database_in_memory_works_over_one_connection() {
    let db = Database::open(&settings_for("sqlite::memory:"), clock()).unwrap();
    db.migrate_up().await.unwrap();
    let tx = db.begin().await.unwrap();
    assert_eq!(tx.mark_entries(&[(entry(1, noon(), vec![]).id, noon())]).await.unwrap(), [true]);
    tx.commit().await.unwrap();
    assert_eq!(db.last_received().await.unwrap(), Some(noon()));
    settle(&db, &clock(), vec![entry(2, noon(), mixed(1, 50))]).await.unwrap();
    assert_eq!(db.add_up_days().await.unwrap(), 2, "what reads while it writes has its connection");
}

async fn the_schema_goes_up_and_down_and_up(kind: Kind) {
    let f = Fixture::new(kind).await;
    f.settle(vec![entry(1, noon(), mixed(1, 5))]).await;
    assert!(f.db.migrate_status().await.unwrap().iter().all(|m| m.applied && m.known));
    // Once more changes nothing.
    f.db.migrate_up().await.unwrap();
    assert_eq!(f.db.ledger().await.unwrap().persisted, 5);

    let count = u32::try_from(f.db.migrate_status().await.unwrap().len()).unwrap();
    f.db.migrate_down(count).await.unwrap();
    assert!(f.db.migrate_status().await.unwrap().iter().all(|m| !m.applied));
    let tables = kind.either(
        "SELECT count(*) FROM sqlite_master WHERE type = 'table' \
         AND name <> 'seaql_migrations' AND name NOT LIKE 'sqlite_%'",
        "SELECT count(*) FROM pg_tables WHERE schemaname = 'public' \
         AND tablename <> 'seaql_migrations'",
    );
    assert_eq!(f.int(tables).await, 0);
    f.db.migrate_up().await.unwrap();
    assert_eq!(f.db.ledger().await.unwrap(), Totals::default());
}

async fn two_that_migrate_at_once_both_succeed(kind: Kind) {
    let place = Place::new(kind);
    let (one, two) = (place.open(clock()), place.open(clock()));
    let (one, two) = tokio::join!(one.migrate_up(), two.migrate_up());
    assert!(one.is_ok() && two.is_ok(), "{one:?} {two:?}");
}

async fn a_newer_schema_is_refused_unless_it_declares_this_release_compatible(kind: Kind) {
    let f = Fixture::new(kind).await;
    f.run("INSERT INTO seaql_migrations (version, applied_at) VALUES ('m29990101_000001_new', 0)")
        .await;
    let refused = f.db.migrate_up().await;
    assert!(matches!(&refused, Err(MigrateError::Newer(name)) if name == "m29990101_000001_new"));

    f.run("CREATE TABLE IF NOT EXISTS schema_compatibility (since TEXT NOT NULL PRIMARY KEY)")
        .await;
    f.run("DELETE FROM schema_compatibility").await;
    f.run("INSERT INTO schema_compatibility VALUES ('m29990101_000001_new')").await;
    assert!(matches!(f.db.migrate_up().await, Err(MigrateError::Newer(_))));

    f.run("UPDATE schema_compatibility SET since = (SELECT min(version) FROM seaql_migrations)")
        .await;
    f.db.migrate_up().await.unwrap();
    assert!(matches!(f.db.migrate_down(1).await, Err(MigrateError::Newer(_))));
}
