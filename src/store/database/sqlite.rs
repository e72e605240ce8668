//! A SQLite file: one connection that writes, some that read.

use std::path::PathBuf;
use std::time::Duration;

use sea_orm::SqlxSqliteConnector;
use sea_orm::sqlx::ConnectOptions as _;
use sea_orm::sqlx::sqlite::{
    SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous,
};

use super::{ACQUIRE_TIMEOUT, Connections};
use crate::store::dialect::Dialect;
use crate::store::error::OpenError;

/// How long a statement waits for a lock that another process holds.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// The writer's page cache in KiB: identities and rollups are touched all over, so their upper
/// levels should stay in memory.
const WRITER_CACHE_KIB: u32 = 64 * 1024;

pub(super) fn prepare(url: &str, readers: u32) -> Result<Connections, OpenError> {
    let options: SqliteConnectOptions = url.parse().map_err(|_| OpenError::SqliteParameter)?;
    let options = options.busy_timeout(BUSY_TIMEOUT).disable_statement_logging();
    let writer = pool(1).connect_lazy_with(writer_options(options.clone()));
    let in_memory = url.contains(":memory:") || url.contains("mode=memory");
    let (reader, path): (_, Option<PathBuf>) = if in_memory {
        // A second connection would see another database, or a shared cache full of locks.
        (writer.clone(), None)
    } else {
        let path = options.get_filename().to_owned();
        (pool(readers).connect_lazy_with(reader_options(options)), Some(path))
    };
    Ok(Connections {
        dialect: Dialect::Sqlite,
        writer: SqlxSqliteConnector::from_sqlx_sqlite_pool(writer),
        reader: SqlxSqliteConnector::from_sqlx_sqlite_pool(reader),
        path,
    })
}

fn pool(connections: u32) -> SqlitePoolOptions {
    // A connection to a file does not go stale, and one to memory must not be closed at all.
    SqlitePoolOptions::new()
        .max_connections(connections)
        .acquire_timeout(ACQUIRE_TIMEOUT)
        .idle_timeout(None)
        .max_lifetime(None)
        .test_before_acquire(false)
}

fn writer_options(options: SqliteConnectOptions) -> SqliteConnectOptions {
    options
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .pragma("cache_size", format!("-{WRITER_CACHE_KIB}"))
}

fn reader_options(options: SqliteConnectOptions) -> SqliteConnectOptions {
    options.create_if_missing(false).pragma("query_only", "ON")
}
