//! Finds, creates and checks the queue's file. Separate from the queue, because this is where an
//! operator's mistakes show: every one has an error of its own that says what to do.

use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};
use sea_orm::sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};
use sea_orm::{
    ConnectOptions, ConnectionTrait, Database, DatabaseConnection, DatabaseTransaction, DbBackend,
    DbErr, RuntimeErr, SqliteTransactionMode, Statement, TransactionOptions, TransactionTrait,
};
use stages::HashKey;
use stages::ports::Cause;

use super::schema::{APPLICATION_ID, FROM_1, OTHERS, VERSION, make};
use super::statements::STATEMENTS;
use crate::sqlite_file::{self, Fault};

/// Time to wait for another process's write before giving up.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// Pages of log after which SQLite copies them into the file: 16 MB. Every transaction touches the
/// counters and the end of the table, so each copy saves more the longer it waits.
const CHECKPOINT_PAGES: u32 = 4_000;
/// Connections for claims, state and look-ups; none of them is held for long.
const READERS: u32 = 4;

/// The setting that names the file of a queue.
const SETTING: &str = "queue.url";

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
    /// The operating system has no thread for the writer.
    #[error("cannot start the queue's writer: no thread from the system ({0})")]
    Thread(std::io::Error),
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
        source: Cause,
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
            Self::Thread(_) | Self::Random(_) | Self::Failed { .. } => return None,
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
    /// In memory, under a name that is known in this process only.
    Memory(PathBuf),
}

/// An open queue file.
pub(super) struct Opened {
    pub(super) writer: Connection,
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
        let path = options.get_filename();
        match url.trim_start_matches("sqlite:").trim_start_matches("//") {
            "" => Err(OpenError::Url),
            ":memory:" if allow_volatile => Ok(Self::Memory(shared(path))),
            ":memory:" => Err(OpenError::Volatile),
            _ => Ok(Self::File { path: path.to_owned(), setting: SETTING }),
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
            Self::Memory(_) => None,
        }
    }

    /// Opens the queue, and creates what is missing of it.
    pub(super) async fn open(&self) -> Result<Opened, OpenError> {
        if let Self::File { path, setting } = self {
            sqlite_file::prepare(path, setting)?;
        }
        // One makes the file before others come: of several that turn its log on, all but one would
        // find it locked.
        let writer = self.first().map_err(|source| self.explain_writer(source))?;
        let reader = self.connect().await.map_err(|error| self.explain(error))?;
        let identity_key = self.prepare(&reader).await?;
        Ok(Opened { writer, reader, identity_key })
    }

    /// The identity key of a queue that is there.
    pub(super) fn key(&self) -> Result<HashKey, OpenError> {
        let read = || {
            let connection = self.open_with(OpenFlags::empty())?;
            let id: i64 = connection.query_row("PRAGMA application_id", [], |row| row.get(0))?;
            if id != APPLICATION_ID {
                return Ok(None);
            }
            let sql = "SELECT value FROM meta WHERE name = 'identity_key'";
            connection.query_row(sql, [], |row| row.get(0)).map(Some)
        };
        let key: Option<[u8; 16]> = read().map_err(|error| self.explain_writer(error))?;
        key.map(HashKey::from_bytes).ok_or_else(|| self.not_a_queue())
    }

    fn not_a_queue(&self) -> OpenError {
        OpenError::NotAQueue { path: self.path(), setting: self.setting() }
    }

    /// The writer's first connection, to a file that may not be there yet.
    fn first(&self) -> rusqlite::Result<Connection> {
        let connection = self.open_with(OpenFlags::SQLITE_OPEN_CREATE)?;
        connection.pragma_update(None, "journal_mode", "WAL")?;
        Ok(connection)
    }

    /// The writer's connection, to a queue that is there.
    pub(super) fn writer(&self) -> rusqlite::Result<Connection> {
        self.open_with(OpenFlags::empty())
    }

    fn open_with(&self, more: OpenFlags) -> rusqlite::Result<Connection> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
            | OpenFlags::SQLITE_OPEN_NO_MUTEX
            | OpenFlags::SQLITE_OPEN_URI
            | more;
        let connection = Connection::open_with_flags(self.name(), flags)?;
        connection.busy_timeout(BUSY_TIMEOUT)?;
        connection.pragma_update(None, "synchronous", "FULL")?;
        connection.pragma_update(None, "wal_autocheckpoint", CHECKPOINT_PAGES)?;
        connection.set_prepared_statement_cache_capacity(STATEMENTS);
        Ok(connection)
    }

    /// Connections for everybody else, without a look at what is there.
    async fn connect(&self) -> Result<DatabaseConnection, DbErr> {
        let name = self.name().to_owned();
        // A path is not always a valid address, so it is set below.
        let mut options = ConnectOptions::new("sqlite://queue.db");
        options
            .min_connections(1)
            .max_connections(READERS)
            .idle_timeout(None)
            .max_lifetime(None)
            .test_before_acquire(false)
            .sqlx_logging(false)
            .record_stmt_in_spans(false)
            .map_sqlx_sqlite_opts(move |options| {
                options
                    .filename(&name)
                    .create_if_missing(true)
                    .journal_mode(SqliteJournalMode::Wal)
                    .synchronous(SqliteSynchronous::Full)
                    .busy_timeout(BUSY_TIMEOUT)
            });
        Database::connect(options).await
    }

    /// Creates the tables, or checks those that are there, and reads the identity key.
    async fn prepare(&self, db: &DatabaseConnection) -> Result<HashKey, OpenError> {
        let tx = begin(db).await.map_err(|error| self.explain(error))?;
        let id = number(&tx, "PRAGMA application_id").await;
        let version = number(&tx, "PRAGMA user_version").await;
        let tables = number(&tx, "SELECT count(*) FROM sqlite_master").await;
        match (id, version, tables) {
            (Ok(APPLICATION_ID), Ok(found), Ok(_)) if found > VERSION => {
                return Err(OpenError::Newer { path: self.path(), setting: self.setting(), found });
            }
            (Ok(APPLICATION_ID), Ok(VERSION), Ok(_)) => {}
            (Ok(APPLICATION_ID), Ok(_), Ok(_)) => {
                make(&tx, FROM_1).await.map_err(|error| self.explain(error))?;
            }
            (Ok(0), Ok(0), Ok(0)) => {
                make(&tx, OTHERS).await.map_err(|error| self.explain(error))?;
            }
            (Ok(_), Ok(_), Ok(_)) => return Err(self.not_a_queue()),
            (Err(error), ..) | (_, Err(error), _) | (.., Err(error)) => {
                return Err(self.explain(error));
            }
        }
        let fresh = HashKey::random().map_err(OpenError::Random)?;
        let key = identity_key(&tx, &fresh).await.map_err(|error| self.explain(error))?;
        tx.commit().await.map_err(|error| self.explain(error))?;
        Ok(key)
    }

    /// What SQLite knows it by.
    fn name(&self) -> &Path {
        match self {
            Self::File { path, .. } | Self::Memory(path) => path,
        }
    }

    fn path(&self) -> PathBuf {
        match self {
            Self::File { path, .. } => std::path::absolute(path).unwrap_or_else(|_| path.clone()),
            Self::Memory(_) => Path::new(":memory:").to_owned(),
        }
    }

    const fn setting(&self) -> &'static str {
        match self {
            Self::File { setting, .. } => setting,
            Self::Memory(_) => SETTING,
        }
    }

    fn explain(&self, error: DbErr) -> OpenError {
        let (path, setting) = (self.path(), self.setting());
        match extended_code(&error).and_then(|code| Fault::from_code(code, &path, setting)) {
            Some(fault) => OpenError::File(fault),
            None => OpenError::Failed { path, setting, source: error.into() },
        }
    }

    fn explain_writer(&self, error: rusqlite::Error) -> OpenError {
        let (path, setting) = (self.path(), self.setting());
        let code = error.sqlite_error().and_then(|error| error.extended_code.try_into().ok());
        match code.and_then(|code| Fault::from_code(code, &path, setting)) {
            Some(fault) => OpenError::File(fault),
            None => OpenError::Failed { path, setting, source: error.into() },
        }
    }
}

/// The name of a database in memory that several connections of this process share: the driver's, in
/// a file system of SQLite's own (<https://sqlite.org/src/doc/trunk/src/memdb.c>).
fn shared(name: &Path) -> PathBuf {
    let name = name.to_string_lossy();
    format!("file:/{}?vfs=memdb", name.trim_start_matches("file:")).into()
}

/// Opens a transaction that may write from its first statement on.
async fn begin(db: &DatabaseConnection) -> Result<DatabaseTransaction, DbErr> {
    db.begin_with_options(TransactionOptions {
        sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
        ..TransactionOptions::default()
    })
    .await
}

/// SQLite's result code, when the failure is SQLite's.
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
