//! A look at the store before it is needed: what trying again never cures should be said at the start,
//! not found in a log later. Changes nothing.

use std::io::ErrorKind;
use std::path::Path;
use std::time::Duration;

use sea_orm::{DbErr, RuntimeErr, sqlx};
use stages::ports::StoreError;

use super::Database;
use super::copy::is_unfinished;
use super::dialect::Dialect;
use super::migrate::{newest_unknown, states, table_exists};
use crate::advice::Advised;
use crate::sqlite_file::{self, Fault, Kind};

/// The setting that names the store.
const SETTING: &str = "store.url";
/// What is said when nothing more is known: attempts to connect end without a reason.
const SILENCE: &str = "nothing answers at its host and port";
const UNENCRYPTED: &str = "the encryption that sslmode asks for fails: it offers none, or its \
    certificate is for another name or signed by nobody that sslrootcert names";
/// How long a server on the network may take to answer before it counts as away.
const PATIENCE: Duration = Duration::from_secs(3);

/// Why the store cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum Unusable {
    /// The file cannot be used.
    #[error(transparent)]
    File(#[from] Fault),
    /// The database server does not let this process in, or is not there.
    #[error("the store {place} (store.url) cannot be reached: {reason}")]
    Away {
        /// The store.
        place: String,
        /// Why.
        reason: &'static str,
    },
    /// A newer release has changed the schema.
    #[error(
        "the store {place} (store.url) has migration {found} of a newer release; this one, {}, knows \
         migrations up to {known}",
        env!("CARGO_PKG_VERSION")
    )]
    Newer {
        /// The store.
        place: String,
        /// The newest migration of the store.
        found: String,
        /// The newest migration of this release.
        known: String,
    },
    /// A copy into the database has not ended.
    #[error("a copy into the store {place} (store.url) has not ended")]
    Unfinished {
        /// The store.
        place: String,
    },
    /// The file is a database of something else.
    #[error("{place} (store.url) is a database, but not a store of this program")]
    NotAStore {
        /// The file.
        place: String,
    },
}

impl Unusable {
    /// Whether it may pass while a worker waits: a lock is given back, a volume mounted.
    pub fn may_pass(&self) -> bool {
        match self {
            Self::File(fault) => !matches!(fault.kind, Kind::NotADatabase | Kind::Damaged),
            Self::Away { .. } | Self::Unfinished { .. } => true,
            Self::Newer { .. } | Self::NotAStore { .. } => false,
        }
    }

    /// Whether waiting is all that this program can do.
    pub fn is_elsewhere(&self) -> bool {
        match self {
            Self::File(fault) => fault.kind == Kind::Locked,
            Self::Away { .. } => true,
            Self::Unfinished { .. } | Self::Newer { .. } | Self::NotAStore { .. } => false,
        }
    }

    /// The error with its advice.
    pub fn advised(self) -> Advised {
        let help = match &self {
            Self::File(fault) => fault.help(),
            Self::Away { .. } => {
                "start the server, or mend user, password, host, port and database in store.url"
                    .to_owned()
            }
            Self::Newer { .. } => {
                "start the newer release, or take the schema back with it first: `migrate down`"
                    .to_owned()
            }
            Self::Unfinished { .. } => {
                "wait until it has ended or, if it broke off, run `copy` as before: it goes on where \
                 it stopped"
                    .to_owned()
            }
            Self::NotAStore { .. } => {
                "name another file: the store needs one of its own, apart from queue.url".to_owned()
            }
        };
        Advised::new(self, help)
    }
}

impl Database {
    /// Whether there is a store that this release can use. `false` when there is none yet.
    ///
    /// # Errors
    /// What stands in the way, as far as a look shows it.
    pub async fn examine(&self) -> Result<bool, Unusable> {
        match (self.dialect(), self.path()) {
            (Dialect::Postgres, _) => self.examine_server().await,
            (Dialect::Sqlite, Some(path)) => self.examine_file(path).await,
            (Dialect::Sqlite, None) => Ok(false),
        }
    }

    async fn examine_file(&self, path: &Path) -> Result<bool, Unusable> {
        if !sqlite_file::prepare(path, SETTING)? {
            return Ok(false);
        }
        let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        match self.look(&path.display().to_string()).await {
            Ok(looked) => looked,
            // What cannot be named is left to the statements that meet it.
            Err(error) => match sqlite_code(&error) {
                Some(code) => {
                    Fault::from_code(code, &path, SETTING).map_or(Ok(true), |it| Err(it.into()))
                }
                None => Ok(true),
            },
        }
    }

    async fn examine_server(&self) -> Result<bool, Unusable> {
        const PLACE: &str = "on PostgreSQL";
        let away = |reason| Unusable::Away { place: PLACE.to_owned(), reason };
        match tokio::time::timeout(PATIENCE, self.look(PLACE)).await {
            Ok(Ok(looked)) => looked,
            Ok(Err(error)) => Err(away(reason(&error))),
            Err(_) => Err(away(SILENCE)),
        }
    }

    async fn look(&self, place: &str) -> Result<Result<bool, Unusable>, StoreError> {
        let tx = self.begin_read().await?;
        let states = states(&tx).await?;
        if !table_exists(&tx, "seaql_migrations").await? {
            // A database server holds what else its owner likes.
            let foreign = self.dialect() == Dialect::Sqlite && table_exists_at_all(&tx).await?;
            let place = place.to_owned();
            return Ok(if foreign { Err(Unusable::NotAStore { place }) } else { Ok(false) });
        }
        if is_unfinished(&tx).await? {
            return Ok(Err(Unusable::Unfinished { place: place.to_owned() }));
        }
        let Some(found) = newest_unknown(&states) else { return Ok(Ok(true)) };
        if self.declares_compatible(&states).await? {
            return Ok(Ok(true));
        }
        let known = states.iter().rev().find(|state| state.known);
        let known = known.map(|state| state.name.clone()).unwrap_or_default();
        Ok(Err(Unusable::Newer { place: place.to_owned(), found, known }))
    }
}

async fn table_exists_at_all(tx: &sea_orm::DatabaseTransaction) -> Result<bool, StoreError> {
    let rows = super::database::query(tx, "SELECT 1 FROM sqlite_master LIMIT 1", []).await?;
    Ok(!rows.is_empty())
}

fn sqlx_error(error: &StoreError) -> Option<&sqlx::Error> {
    let StoreError::Transient(cause) = error else { return None };
    let (DbErr::Conn(cause) | DbErr::Exec(cause) | DbErr::Query(cause)) =
        cause.downcast_ref::<DbErr>()?
    else {
        return None;
    };
    let RuntimeErr::SqlxError(cause) = cause else { return None };
    Some(cause)
}

fn sqlite_code(error: &StoreError) -> Option<u32> {
    sqlx_error(error)?.as_database_error()?.code()?.parse().ok()
}

/// Why PostgreSQL cannot be used, in words that hold nothing of the URL
/// (<https://www.postgresql.org/docs/current/errcodes-appendix.html>).
fn reason(error: &StoreError) -> &'static str {
    let Some(error) = sqlx_error(error) else { return SILENCE };
    let state = error.as_database_error().and_then(|it| it.code());
    match (state.as_deref(), error) {
        (Some("28P01" | "28000"), _) => "it refuses this user or password",
        (Some("3D000"), _) => "it has no such database",
        (Some("42501"), _) => "this user may not read it",
        (Some("53300"), _) => "it has no connection left",
        (Some("57P03"), _) => "it is starting up or shutting down",
        (_, sqlx::Error::Tls(_)) => UNENCRYPTED,
        // A handshake that fails is an answer that cannot be understood.
        (_, sqlx::Error::Io(error)) if error.kind() == ErrorKind::InvalidData => UNENCRYPTED,
        _ => SILENCE,
    }
}
