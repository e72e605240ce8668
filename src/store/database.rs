//! The connections: one that writes, some that read, all made when they are first needed.
//!
//! Separate from what is done through them, so that another kind of database has one place to be
//! added.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use sea_orm::sqlx::ConnectOptions as _;
use sea_orm::sqlx::sqlite::{
    SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous,
};
use sea_orm::{
    ConnectionTrait, DatabaseConnection, DatabaseTransaction, DbBackend, QueryResult,
    SqliteTransactionMode, SqlxSqliteConnector, Statement, TransactionOptions, TransactionTrait,
    Value,
};
use stages::Clock;
use stages::ports::StoreError;

use super::error::{OpenError, store_error};
use crate::config::settings;

/// How long a statement waits for a lock that another process holds.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a caller waits for a connection. Longer than a transaction of the worker takes.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(10);
/// The writer's page cache in KiB: identities and rollups are touched all over, so their upper
/// levels should stay in memory.
const WRITER_CACHE_KIB: u32 = 64 * 1024;

/// The store. Clones share their connections.
#[derive(Clone)]
pub struct Database {
    inner: Arc<Inner>,
}

struct Inner {
    writer: DatabaseConnection,
    reader: DatabaseConnection,
    /// `None` for a database in memory, which no other process can see.
    path: Option<PathBuf>,
    clock: Arc<dyn Clock>,
}

/// How many connections there are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PoolNumbers {
    /// Open connections for reading.
    pub total: u32,
    /// Those of them that nobody uses.
    pub idle: u32,
}

impl Database {
    /// Prepares the connections. Neither connects nor asks whether there is a database: that shows
    /// with the first statement, as [`StoreError::Transient`]. Call it within a tokio runtime.
    ///
    /// # Errors
    /// When the settings cannot be understood.
    pub fn open(settings: &settings::Store, clock: Arc<dyn Clock>) -> Result<Self, OpenError> {
        let url = settings.url.expose();
        if !url.starts_with("sqlite:") {
            return Err(OpenError::Scheme);
        }
        if settings.pool == 0 {
            return Err(OpenError::NoReaders);
        }
        let options: SqliteConnectOptions = url.parse().map_err(|_| OpenError::Parameter)?;
        let options = options.busy_timeout(BUSY_TIMEOUT).disable_statement_logging();
        let writer = pool(1).connect_lazy_with(writer_options(options.clone()));
        let in_memory = url.contains(":memory:") || url.contains("mode=memory");
        let (reader, path) = if in_memory {
            // A second connection would see another database, or a shared cache full of locks.
            (writer.clone(), None)
        } else {
            let path = options.get_filename().to_owned();
            (pool(settings.pool).connect_lazy_with(reader_options(options)), Some(path))
        };
        let writer = SqlxSqliteConnector::from_sqlx_sqlite_pool(writer);
        let reader = SqlxSqliteConnector::from_sqlx_sqlite_pool(reader);
        Ok(Self { inner: Arc::new(Inner { writer, reader, path, clock }) })
    }

    /// Asks for a sign of life.
    ///
    /// # Errors
    /// When there is none.
    pub async fn ping(&self) -> Result<(), StoreError> {
        self.query("SELECT 1", []).await.map(drop)
    }

    /// How many connections there are for reading.
    pub fn pool_numbers(&self) -> PoolNumbers {
        let pool = self.inner.reader.get_sqlite_connection_pool();
        let idle = u32::try_from(pool.num_idle()).unwrap_or(u32::MAX);
        PoolNumbers { total: pool.size(), idle }
    }

    /// Waits for what is under way and closes every connection. Later statements fail.
    pub async fn close(&self) {
        self.inner.reader.get_sqlite_connection_pool().close().await;
        self.inner.writer.get_sqlite_connection_pool().close().await;
    }

    /// Opens a transaction that holds the write lock from its first moment on, so that it can never
    /// fail half-way because another writer came between.
    pub(super) async fn begin_write(&self) -> Result<DatabaseTransaction, StoreError> {
        let options = TransactionOptions {
            sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
            ..TransactionOptions::default()
        };
        self.inner.writer.begin_with_options(options).await.map_err(store_error)
    }

    /// Opens a transaction that sees one state of the store however long it reads.
    pub(super) async fn begin_read(&self) -> Result<DatabaseTransaction, StoreError> {
        self.inner.reader.begin().await.map_err(store_error)
    }

    /// Reads rows.
    pub(super) async fn query(
        &self,
        sql: &str,
        values: impl IntoIterator<Item = Value>,
    ) -> Result<Vec<QueryResult>, StoreError> {
        query(&self.inner.reader, sql, values).await
    }

    /// Runs one statement as a transaction of its own. Answers how many rows it touched.
    pub(super) async fn execute(
        &self,
        sql: &str,
        values: impl IntoIterator<Item = Value>,
    ) -> Result<u64, StoreError> {
        execute(&self.inner.writer, sql, values).await
    }

    pub(super) fn writer(&self) -> &DatabaseConnection {
        &self.inner.writer
    }

    pub(super) fn path(&self) -> Option<&Path> {
        self.inner.path.as_deref()
    }

    pub(super) fn clock(&self) -> &Arc<dyn Clock> {
        &self.inner.clock
    }
}

/// Reads rows through a connection or transaction.
pub(super) async fn query(
    db: &impl ConnectionTrait,
    sql: &str,
    values: impl IntoIterator<Item = Value>,
) -> Result<Vec<QueryResult>, StoreError> {
    db.query_all_raw(statement(sql, values)).await.map_err(store_error)
}

/// Runs a statement through a connection or transaction. Answers how many rows it touched.
pub(super) async fn execute(
    db: &impl ConnectionTrait,
    sql: &str,
    values: impl IntoIterator<Item = Value>,
) -> Result<u64, StoreError> {
    let result = db.execute_raw(statement(sql, values)).await.map_err(store_error)?;
    Ok(result.rows_affected())
}

fn statement(sql: &str, values: impl IntoIterator<Item = Value>) -> Statement {
    Statement::from_sql_and_values(DbBackend::Sqlite, sql, values)
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
