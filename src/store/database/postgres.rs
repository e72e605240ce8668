//! A PostgreSQL server: two small pools, for writing and for reading.
//!
//! What bounds a statement stands in the transaction that needs it (`SET LOCAL`), so that it also
//! holds behind a pooler that hands out connections by transaction.

use std::time::Duration;

use sea_orm::sqlx::ConnectOptions as _;
use sea_orm::sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sea_orm::{DatabaseTransaction, SqlxPostgresConnector};
use stages::ports::StoreError;

use super::{ACQUIRE_TIMEOUT, Connections, query};
use crate::store::dialect::Dialect;
use crate::store::error::OpenError;

/// The worker's transaction, housekeeping with its lease, and a migration with its lock never need
/// more at once.
const WRITERS: u32 = 4;
/// Connections that nobody needs are given back to the server.
const IDLE_TIMEOUT: Duration = Duration::from_secs(300);
const MAX_LIFETIME: Duration = Duration::from_secs(1_800);
/// Parameters of a URL that mean something to the driver. It skips others with a log line that
/// holds their value, which may be a password under a misspelt name.
const PARAMETERS: [&str; 19] = [
    "sslmode",
    "ssl-mode",
    "sslrootcert",
    "ssl-root-cert",
    "ssl-ca",
    "sslcert",
    "ssl-cert",
    "sslkey",
    "ssl-key",
    "statement-cache-capacity",
    "host",
    "hostaddr",
    "port",
    "dbname",
    "user",
    "password",
    "application_name",
    "options",
    "options[search_path]",
];

/// Time after which the server ends a transaction whose process has stopped between two statements,
/// and one that does not take its answer. Less where `queue.claim_after` is short.
const IDLE: Duration = Duration::from_secs(10);
const SILENT: Duration = Duration::from_secs(15);

/// What holds in a transaction that writes.
///
/// - A commit is on disk, whatever the server's default.
/// - Who waits for a lock gives up: the other may be stopped, and then only the server's own
///   time-outs end it, so that whoever takes over the work is not kept waiting.
const WRITING: &str = "SELECT set_config('synchronous_commit', 'on', true), \
    set_config('lock_timeout', '5s', true), \
    set_config('statement_timeout', '30s', true), \
    set_config('idle_in_transaction_session_timeout', $1, true), \
    set_config('tcp_user_timeout', $2, true)";

pub(super) fn prepare(url: &str, readers: u32) -> Result<Connections, OpenError> {
    let query = url.split_once('?').map_or("", |(_, query)| query);
    let name = |pair: &str| pair.split('=').next().unwrap_or_default().to_owned();
    let mut names = query.split('&').filter(|pair| !pair.is_empty()).map(name);
    if let Some(unknown) = names.find(|name| !PARAMETERS.contains(&name.as_str())) {
        return Err(OpenError::PostgresParameter(unknown));
    }
    let options: PgConnectOptions = url.parse().map_err(|_| OpenError::PostgresUrl)?;
    let options = match options.get_application_name() {
        Some(_) => options,
        None => options.application_name(env!("CARGO_PKG_NAME")),
    };
    let options = options.disable_statement_logging();
    let writer = pool(WRITERS).connect_lazy_with(options.clone());
    let reading = [("default_transaction_read_only", "on"), ("statement_timeout", "30s")];
    let reader = pool(readers).connect_lazy_with(options.options(reading));
    Ok(Connections {
        dialect: Dialect::Postgres,
        writer: SqlxPostgresConnector::from_sqlx_postgres_pool(writer),
        reader: SqlxPostgresConnector::from_sqlx_postgres_pool(reader),
        path: None,
    })
}

fn pool(connections: u32) -> PgPoolOptions {
    PgPoolOptions::new()
        .max_connections(connections)
        .acquire_timeout(ACQUIRE_TIMEOUT)
        .idle_timeout(IDLE_TIMEOUT)
        .max_lifetime(MAX_LIFETIME)
}

/// Bounds a transaction that writes.
pub(super) async fn bound(
    tx: &DatabaseTransaction,
    claim_after: Duration,
) -> Result<(), StoreError> {
    let millis = |time: Duration| format!("{}ms", time.as_millis());
    let idle = millis(IDLE.min(claim_after / 3));
    let silent = millis(SILENT.min(claim_after / 2));
    query(tx, WRITING, [idle.into(), silent.into()]).await.map(drop)
}
