//! The connections: some that write, some that read, all made when they are first needed.
//!
//! Separate from what is done through them. Each kind of database has a file of its own below, and
//! the SQL in which they differ stands in [`Dialect`].

mod postgres;
mod sqlite;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use sea_orm::{
    AccessMode, ConnectionTrait, DatabaseConnection, DatabaseTransaction, IsolationLevel,
    QueryResult, SqliteTransactionMode, Statement, TransactionOptions, TransactionTrait, Value,
};
use stages::Clock;
use stages::ports::StoreError;

use super::dialect::Dialect;
use super::error::{OpenError, store_error};
use crate::config::settings;

/// How long a caller waits for a connection. Longer than a transaction of the worker takes.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(10);

/// The store. Clones share their connections.
#[derive(Clone)]
pub struct Database {
    inner: Arc<Inner>,
    /// When somebody else takes over the work of a process that has stopped.
    claim_after: Duration,
}

struct Inner {
    connections: Connections,
    clock: Arc<dyn Clock>,
}

/// Connections to one database.
struct Connections {
    dialect: Dialect,
    writer: DatabaseConnection,
    reader: DatabaseConnection,
    /// The file, when there is one that other processes can see.
    path: Option<PathBuf>,
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
        if settings.pool == 0 {
            return Err(OpenError::NoReaders);
        }
        let url = settings.url.expose();
        let connections = match url.split_once(':').map(|(scheme, _)| scheme) {
            Some("sqlite") => sqlite::prepare(url, settings.pool)?,
            Some("postgres" | "postgresql") => postgres::prepare(url, settings.pool)?,
            _ => return Err(OpenError::Scheme),
        };
        let claim_after = settings::Queue::default().claim_after.0;
        Ok(Self { inner: Arc::new(Inner { connections, clock }), claim_after })
    }

    /// Lets transactions of a process that has stopped end before another one takes over its work,
    /// which it does after `queue.claim_after`.
    #[must_use]
    pub fn giving_way_within(self, claim_after: Duration) -> Self {
        Self { claim_after, ..self }
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
        let reader = &self.inner.connections.reader;
        let (total, idle) = match self.dialect() {
            Dialect::Sqlite => {
                let pool = reader.get_sqlite_connection_pool();
                (pool.size(), pool.num_idle())
            }
            Dialect::Postgres => {
                let pool = reader.get_postgres_connection_pool();
                (pool.size(), pool.num_idle())
            }
        };
        PoolNumbers { total, idle: u32::try_from(idle).unwrap_or(u32::MAX) }
    }

    /// Waits for what is under way and closes every connection. Later statements fail.
    pub async fn close(&self) {
        let Connections { reader, writer, .. } = &self.inner.connections;
        for connection in [reader, writer] {
            // Closing says goodbye; there is nothing to be done when nobody listens.
            connection.close_by_ref().await.ok();
        }
    }

    /// Opens a transaction that writes. SQLite holds the write lock from its first moment on, so
    /// that it can never fail half-way because another writer came between.
    pub(super) async fn begin_write(&self) -> Result<DatabaseTransaction, StoreError> {
        let options = TransactionOptions {
            sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
            ..TransactionOptions::default()
        };
        let tx = self.writer().begin_with_options(options).await.map_err(store_error)?;
        if self.dialect() == Dialect::Postgres {
            postgres::bound(&tx, self.claim_after).await?;
        }
        Ok(tx)
    }

    /// Opens a transaction that sees one state of the store however long it reads.
    pub(super) async fn begin_read(&self) -> Result<DatabaseTransaction, StoreError> {
        let reader = &self.inner.connections.reader;
        if self.dialect() == Dialect::Sqlite {
            return reader.begin().await.map_err(store_error);
        }
        let options = TransactionOptions {
            isolation_level: Some(IsolationLevel::RepeatableRead),
            access_mode: Some(AccessMode::ReadOnly),
            ..TransactionOptions::default()
        };
        let tx = reader.begin_with_options(options).await.map_err(store_error)?;
        execute(&tx, "SET LOCAL statement_timeout = 0", []).await?;
        Ok(tx)
    }

    /// Reads rows.
    pub(super) async fn query(
        &self,
        sql: &str,
        values: impl IntoIterator<Item = Value>,
    ) -> Result<Vec<QueryResult>, StoreError> {
        query(&self.inner.connections.reader, sql, values).await
    }

    pub(super) fn dialect(&self) -> Dialect {
        self.inner.connections.dialect
    }

    pub(super) fn writer(&self) -> &DatabaseConnection {
        &self.inner.connections.writer
    }

    pub(super) fn path(&self) -> Option<&Path> {
        self.inner.connections.path.as_deref()
    }

    pub(crate) fn clock(&self) -> &Arc<dyn Clock> {
        &self.inner.clock
    }
}

/// Reads rows through a connection or transaction.
pub(super) async fn query(
    db: &impl ConnectionTrait,
    sql: &str,
    values: impl IntoIterator<Item = Value>,
) -> Result<Vec<QueryResult>, StoreError> {
    let statement = Statement::from_sql_and_values(db.get_database_backend(), sql, values);
    db.query_all_raw(statement).await.map_err(store_error)
}

/// Runs a statement through a connection or transaction. Answers how many rows it touched.
pub(super) async fn execute(
    db: &impl ConnectionTrait,
    sql: &str,
    values: impl IntoIterator<Item = Value>,
) -> Result<u64, StoreError> {
    let statement = Statement::from_sql_and_values(db.get_database_backend(), sql, values);
    let result = db.execute_raw(statement).await.map_err(store_error)?;
    Ok(result.rows_affected())
}
