//! TimescaleDB: which tables become hypertables when the database has the extension.
//!
//! A hypertable is cut into chunks of one UTC day: old ones are compressed, and go whole. Nothing
//! needs the extension; tables are made without it, and turned into hypertables and back here.

use sea_orm_migration::prelude::*;
use sea_orm_migration::sea_orm::{DatabaseConnection, DbBackend, Statement, TransactionTrait};

use crate::m0001_initial::{index_name, indexes, tables};

/// A table that grows with time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hypertable {
    /// The table.
    pub table: &'static str,
    /// The column that tells when.
    pub time: &'static str,
    /// Column by whose values a compressed chunk is cut into segments. Pages and stats ask by it.
    pub segment_by: &'static str,
    /// Order of the rows in a segment. Whatever is in the key and no segment must be here.
    pub order_by: &'static str,
    /// Days after which a chunk is compressed, if events are not accepted for longer.
    pub compress_after_days: i64,
}

/// Every hypertable.
pub const HYPERTABLES: [Hypertable; 4] = [
    Hypertable {
        table: "events",
        time: "timestamp_hour",
        segment_by: "tool",
        order_by: "timestamp_hour, version",
        compress_after_days: 7,
    },
    Hypertable {
        table: "rollup_hour",
        time: "hour",
        segment_by: "tool",
        order_by: "hour, version, level, status, service, country",
        compress_after_days: 3,
    },
    Hypertable {
        table: "margin_hour",
        time: "hour",
        segment_by: "axis",
        order_by: "hour, tool, value, status",
        compress_after_days: 3,
    },
    Hypertable {
        table: "errors",
        time: "hour",
        segment_by: "tool",
        order_by: "hour, version, error_type",
        compress_after_days: 7,
    },
];

/// Whether this database has the extension.
///
/// # Errors
/// When the database cannot be read.
pub async fn is_enabled(db: &impl ConnectionTrait) -> Result<bool, DbErr> {
    let sql = "SELECT 1 FROM pg_extension WHERE extname = 'timescaledb'";
    Ok(db.get_database_backend() == DbBackend::Postgres && any(db, sql).await?)
}

/// Whether the extension may compress: its build under the Apache licence cannot.
///
/// # Errors
/// When the database cannot be read.
pub async fn compresses(db: &impl ConnectionTrait) -> Result<bool, DbErr> {
    any(db, "SELECT 1 WHERE current_setting('timescaledb.license', true) = 'timescale'").await
}

/// Turns tables into hypertables, if the database has the extension; does nothing for those that
/// are. Rows are moved, and a table is locked while its rows are.
///
/// # Errors
/// When the database failed. Tables before that one are done.
pub async fn convert(db: &DatabaseConnection) -> Result<(), DbErr> {
    if !is_enabled(db).await? {
        return Ok(());
    }
    let compresses = compresses(db).await?;
    for Hypertable { table, time, segment_by, order_by, .. } in HYPERTABLES {
        if is_hypertable(db, table).await? {
            continue;
        }
        // A table at a time: together they would be one transaction for as long as all rows move.
        let tx = db.begin().await?;
        lock(&tx, table).await?;
        tx.execute_unprepared(&format!(
            "SELECT create_hypertable('{table}', '{time}', \
             chunk_time_interval => INTERVAL '1 day', create_default_indexes => false, \
             migrate_data => true)"
        ))
        .await?;
        if compresses {
            tx.execute_unprepared(&format!(
                "ALTER TABLE {table} SET (timescaledb.compress, \
                 timescaledb.compress_segmentby = '{segment_by}', \
                 timescaledb.compress_orderby = '{order_by}')"
            ))
            .await?;
        }
        tx.commit().await?;
    }
    Ok(())
}

/// Turns hypertables into plain tables, so that the extension can be left.
///
/// # Errors
/// When the database failed. Tables before that one are done.
pub async fn revert(db: &DatabaseConnection) -> Result<(), DbErr> {
    if !is_enabled(db).await? {
        return Ok(());
    }
    let backend = DbBackend::Postgres;
    let plain = tables(backend);
    for Hypertable { table, .. } in HYPERTABLES {
        let named = |made: &&TableCreateStatement| crate::schema::name_of(made) == table;
        let (true, Some(made)) = (is_hypertable(db, table).await?, plain.iter().find(named)) else {
            continue;
        };
        let tx = db.begin().await?;
        lock(&tx, table).await?;
        tx.execute_unprepared(&format!(
            "CREATE TEMPORARY TABLE kept ON COMMIT DROP AS SELECT * FROM {table}; \
             DROP TABLE {table}"
        ))
        .await?;
        tx.execute(made).await?;
        for (of, column) in indexes(backend).into_iter().filter(|(of, _)| *of == table) {
            let name = index_name(of, column);
            tx.execute(&Index::create().name(name).table(of).col(column).take()).await?;
        }
        tx.execute_unprepared(&format!("INSERT INTO {table} SELECT * FROM kept")).await?;
        tx.commit().await?;
    }
    Ok(())
}

/// Comes first, in a statement of its own: what others do between the view that a statement has of
/// the table and its reading would be missed, and a chunk that is compressed then would be empty.
async fn lock(tx: &impl ConnectionTrait, table: &str) -> Result<(), DbErr> {
    tx.execute_unprepared(&format!("LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE")).await.map(drop)
}

async fn is_hypertable(db: &impl ConnectionTrait, table: &str) -> Result<bool, DbErr> {
    any(
        db,
        &format!(
            "SELECT 1 FROM timescaledb_information.hypertables \
             WHERE hypertable_schema = current_schema() AND hypertable_name = '{table}'"
        ),
    )
    .await
}

async fn any(db: &impl ConnectionTrait, sql: &str) -> Result<bool, DbErr> {
    let statement = Statement::from_string(db.get_database_backend(), sql);
    Ok(db.query_one_raw(statement).await?.is_some())
}
