//! Finds, creates and checks the queue's file. Separate from the queue, because this is where an
//! operator's mistakes show: every one has an error of its own that says what to do.

use std::path::{Path, PathBuf};
use std::time::Duration;

use sea_orm::sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};
use sea_orm::{
    ConnectOptions, ConnectionTrait, Database, DatabaseConnection, DatabaseTransaction, DbBackend,
    DbErr, RuntimeErr, SqliteTransactionMode, Statement, TransactionOptions, TransactionTrait,
};
use stages::HashKey;

use super::statements::ROWS;
use crate::sqlite_file::{self, Fault};

/// Version of the tables below, kept in `PRAGMA user_version`.
pub(super) const VERSION: i64 = 1;
/// "wmaq", kept in `PRAGMA application_id`: tells a queue from any other database.
const APPLICATION_ID: i64 = 0x776d_6171;
/// Time to wait for another process's write before giving up.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// Pages of log after which SQLite copies them into the file: 16 MB. Every transaction touches the
/// counters and the end of the table, so each copy saves more the longer it waits.
const CHECKPOINT_PAGES: &str = "4000";
/// Connections for claims, state and look-ups; none of them is held for long.
const READERS: u32 = 4;
/// SQLite's primary result codes (<https://www.sqlite.org/rescode.html>).
pub(super) const BUSY: i32 = 5;
pub(super) const FULL: i32 = 13;

/// The setting that names the file of a queue.
const SETTING: &str = "queue.url";

/// Ids have no index: random keys would touch a page of their own with every append. Claims and
/// acknowledgements go by number; only a receipt that is asked for early looks ids through.
///
/// The file keeps the size of its fullest moment: the pages of acknowledged entries are reused by
/// the next ones. `max_bytes` bounds that size, and vacuuming would write every page a second time.
const SCHEMA: &str = "
CREATE TABLE entries (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    entry_id BLOB NOT NULL,
    events INTEGER NOT NULL,
    door_duplicates INTEGER NOT NULL,
    bytes INTEGER NOT NULL,
    received_hour TEXT NOT NULL,
    payload BLOB NOT NULL
);
CREATE TABLE counters (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    accepted INTEGER NOT NULL,
    door_duplicates INTEGER NOT NULL,
    queued_entries INTEGER NOT NULL,
    queued_events INTEGER NOT NULL,
    queued_bytes INTEGER NOT NULL
);
INSERT INTO counters VALUES (1, 0, 0, 0, 0, 0);
CREATE TABLE meta (name TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE workers (
    id TEXT PRIMARY KEY,
    beat INTEGER NOT NULL,
    lag INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE refusals (
    kind TEXT NOT NULL,
    code TEXT NOT NULL,
    count INTEGER NOT NULL,
    PRIMARY KEY (kind, code)
) WITHOUT ROWID;
";

/// Why a queue cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// `queue.url` names something else.
    #[error("queue.url does not name a SQLite file")]
    Url,
    /// A queue in memory was not asked for explicitly.
    #[error("queue.url is sqlite::memory:, a queue that forgets everything at exit")]
    Volatile,
    /// The file cannot be used.
    #[error(transparent)]
    File(#[from] Fault),
    /// The file is a database of something else.
    #[error("{} ({setting}) is a database, but not a queue", .path.display())]
    NotAQueue {
        /// The file.
        path: PathBuf,
        /// The setting that names it.
        setting: &'static str,
    },
    /// The file was written by a newer release.
    #[error(
        "the queue {} ({setting}) has format {found} of a newer release; this one, {}, knows formats \
         up to {VERSION}",
        .path.display(),
        env!("CARGO_PKG_VERSION")
    )]
    Newer {
        /// The file.
        path: PathBuf,
        /// The setting that names it.
        setting: &'static str,
        /// Its version.
        found: i64,
    },
    /// The operating system has no randomness for the identity key.
    #[error("cannot make the installation's identity key: no random bytes from the system ({0})")]
    Random(getrandom::Error),
    /// Anything else.
    #[error("cannot open the queue {} ({setting})", .path.display())]
    Failed {
        /// The file.
        path: PathBuf,
        /// The setting that names it.
        setting: &'static str,
        /// Why.
        source: DbErr,
    },
}

impl OpenError {
    /// What to do about it, when that is known.
    pub fn help(&self) -> Option<String> {
        Some(match self {
            Self::Url => "write it as sqlite://data/queue.db, without parameters".to_owned(),
            Self::Volatile => {
                "name a file, as in sqlite://data/queue.db, or set queue.allow_volatile: true"
                    .to_owned()
            }
            Self::File(fault) => fault.help(),
            Self::NotAQueue { .. } => {
                "name another file: the queue needs one of its own, apart from store.url".to_owned()
            }
            Self::Newer { setting, .. } => format!(
                "start the newer release, or name another file with {setting}; what waits in this \
                 one stays there"
            ),
            Self::Random(_) | Self::Failed { .. } => return None,
        })
    }
}

/// Where a queue lives.
#[derive(Clone, Debug)]
pub(super) enum Place {
    /// In a file.
    File {
        path: PathBuf,
        /// The setting that names it.
        setting: &'static str,
    },
    /// In memory: a single connection, as the data ends with it.
    Memory,
}

/// An open queue file.
pub(super) struct Opened {
    /// One connection.
    pub(super) writer: DatabaseConnection,
    /// The same connection when the queue is in memory.
    pub(super) reader: DatabaseConnection,
    /// The installation's key for identities.
    pub(super) identity_key: HashKey,
}

impl Place {
    /// Reads `queue.url`.
    pub(super) fn new(url: &str, allow_volatile: bool) -> Result<Self, OpenError> {
        let parsed = url.parse::<SqliteConnectOptions>();
        let (true, false, Ok(options)) = (url.starts_with("sqlite:"), url.contains('?'), parsed)
        else {
            return Err(OpenError::Url);
        };
        let path = options.get_filename().to_owned();
        match url.trim_start_matches("sqlite:").trim_start_matches("//") {
            "" => Err(OpenError::Url),
            ":memory:" if allow_volatile => Ok(Self::Memory),
            ":memory:" => Err(OpenError::Volatile),
            _ => Ok(Self::File { path, setting: SETTING }),
        }
    }

    /// The file whose lock is the right to drain.
    pub(super) fn lock_path(&self) -> Option<PathBuf> {
        match self {
            Self::File { path, .. } => {
                let mut name = path.clone().into_os_string();
                name.push(".worker.lock");
                Some(name.into())
            }
            Self::Memory => None,
        }
    }

    /// Opens the queue, and creates what is missing of it.
    pub(super) async fn open(&self) -> Result<Opened, OpenError> {
        if let Self::File { path, setting } = self {
            sqlite_file::prepare(path, setting)?;
        }
        let writer = self.connect(1).await.map_err(|error| self.explain(error))?;
        let identity_key = self.prepare(&writer).await?;
        let reader = match self {
            Self::File { .. } => {
                self.connect(READERS).await.map_err(|error| self.explain(error))?
            }
            Self::Memory => writer.clone(),
        };
        Ok(Opened { writer, reader, identity_key })
    }

    /// Connects, without looking at what is there.
    pub(super) async fn connect(&self, connections: u32) -> Result<DatabaseConnection, DbErr> {
        // A path is not always a valid address, so it is set below.
        let (url, file) = match self {
            Self::File { path, .. } => ("sqlite://queue.db", Some(path.clone())),
            Self::Memory => ("sqlite::memory:", None),
        };
        let mut options = ConnectOptions::new(url);
        options
            .min_connections(1)
            .max_connections(connections)
            .idle_timeout(None)
            .max_lifetime(None)
            .test_before_acquire(false)
            .sqlx_logging(false)
            .record_stmt_in_spans(false)
            .map_sqlx_sqlite_opts(move |options| {
                let options = match &file {
                    Some(path) => options.filename(path),
                    None => options,
                };
                options
                    .create_if_missing(true)
                    .journal_mode(SqliteJournalMode::Wal)
                    .synchronous(SqliteSynchronous::Full)
                    .busy_timeout(BUSY_TIMEOUT)
                    .pragma("wal_autocheckpoint", CHECKPOINT_PAGES)
                    // One statement for every number of rows appended, finished and deleted, and the rest.
                    .statement_cache_capacity(3 * ROWS + 16)
            });
        Database::connect(options).await
    }

    /// Creates the tables, or checks those that are there, and reads the identity key.
    async fn prepare(&self, writer: &DatabaseConnection) -> Result<HashKey, OpenError> {
        let tx = begin(writer).await.map_err(|error| self.explain(error))?;
        let id = number(&tx, "PRAGMA application_id").await;
        let version = number(&tx, "PRAGMA user_version").await;
        let tables = number(&tx, "SELECT count(*) FROM sqlite_master").await;
        match (id, version, tables) {
            (Ok(APPLICATION_ID), Ok(found), Ok(_)) if found > VERSION => {
                return Err(OpenError::Newer { path: self.path(), setting: self.setting(), found });
            }
            (Ok(APPLICATION_ID), Ok(_), Ok(_)) => {}
            (Ok(0), Ok(0), Ok(0)) => {
                create(&tx).await.map_err(|error| self.explain(error))?;
            }
            (Ok(_), Ok(_), Ok(_)) => {
                return Err(OpenError::NotAQueue { path: self.path(), setting: self.setting() });
            }
            (Err(error), ..) | (_, Err(error), _) | (.., Err(error)) => {
                return Err(self.explain(error));
            }
        }
        let fresh = HashKey::random().map_err(OpenError::Random)?;
        let key = identity_key(&tx, &fresh).await.map_err(|error| self.explain(error))?;
        tx.commit().await.map_err(|error| self.explain(error))?;
        Ok(key)
    }

    fn path(&self) -> PathBuf {
        match self {
            Self::File { path, .. } => std::path::absolute(path).unwrap_or_else(|_| path.clone()),
            Self::Memory => Path::new(":memory:").to_owned(),
        }
    }

    const fn setting(&self) -> &'static str {
        match self {
            Self::File { setting, .. } => setting,
            Self::Memory => SETTING,
        }
    }

    fn explain(&self, error: DbErr) -> OpenError {
        let (path, setting) = (self.path(), self.setting());
        match extended_code(&error).and_then(|code| Fault::from_code(code, &path, setting)) {
            Some(fault) => OpenError::File(fault),
            None => OpenError::Failed { path, setting, source: error },
        }
    }
}

/// Opens a transaction that may write from its first statement on.
pub(super) async fn begin(db: &DatabaseConnection) -> Result<DatabaseTransaction, DbErr> {
    db.begin_with_options(TransactionOptions {
        sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
        ..TransactionOptions::default()
    })
    .await
}

/// SQLite's primary result code, when the failure is SQLite's.
pub(super) fn code(error: &DbErr) -> Option<i32> {
    i32::try_from(extended_code(error)? & 0xff).ok()
}

fn extended_code(error: &DbErr) -> Option<u32> {
    let (DbErr::Conn(cause) | DbErr::Exec(cause) | DbErr::Query(cause)) = error else {
        return None;
    };
    let RuntimeErr::SqlxError(cause) = cause else { return None };
    cause.as_database_error()?.code()?.parse().ok()
}

/// A statement without values.
pub(super) fn plain(sql: &str) -> Statement {
    Statement::from_string(DbBackend::Sqlite, sql)
}

async fn number(db: &impl ConnectionTrait, sql: &str) -> Result<i64, DbErr> {
    let row = db.query_one_raw(plain(sql)).await?;
    row.map_or(Ok(0), |row| row.try_get_by_index(0))
}

async fn create(tx: &DatabaseTransaction) -> Result<(), DbErr> {
    tx.execute_unprepared(SCHEMA).await?;
    tx.execute_unprepared(&format!(
        "PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = {VERSION}"
    ))
    .await?;
    Ok(())
}

/// Keeps `fresh` unless there is a key already, and reads what there is.
async fn identity_key(tx: &DatabaseTransaction, fresh: &HashKey) -> Result<HashKey, DbErr> {
    tx.execute_raw(Statement::from_sql_and_values(
        DbBackend::Sqlite,
        "INSERT INTO meta VALUES ('identity_key', ?) ON CONFLICT DO NOTHING",
        [fresh.expose().to_vec().into()],
    ))
    .await?;
    let row = tx.query_one_raw(plain("SELECT value FROM meta WHERE name = 'identity_key'")).await?;
    let bytes: Vec<u8> = row.map_or(Ok(Vec::new()), |row| row.try_get_by_index(0))?;
    let bytes = <[u8; 16]>::try_from(bytes)
        .map_err(|_| DbErr::Custom("the identity key is not 16 bytes long".to_owned()))?;
    Ok(HashKey::from_bytes(bytes))
}
