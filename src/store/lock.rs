//! Locks between processes, for work that must not run twice at a time.
//!
//! On a file: a lock of the operating system on a file beside the database. On a server: an
//! advisory lock that a transaction holds. Both end with the process that holds them, however that
//! ends, so they can never be left behind.

use std::ffi::OsString;
use std::fs::{File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use sea_orm::{DatabaseTransaction, TransactionTrait};
use stages::ports::StoreError;

use super::Database;
use super::database::query;
use super::dialect::Dialect;
use super::error::store_error;

/// How often a lock is looked at that another process holds.
const LOOK_AGAIN: Duration = Duration::from_millis(100);
/// First key of every advisory lock of this program: "wmca".
pub(super) const ADVISORY: i32 = 0x776d_6361;

/// What a lock is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    Migrate,
    Housekeeping,
    Release,
}

impl Purpose {
    const fn name(self) -> &'static str {
        match self {
            Self::Migrate => "migrate",
            Self::Housekeeping => "housekeeping",
            Self::Release => "release",
        }
    }

    /// Second key of the advisory lock. Dates count from 1970 on, so these are none.
    const fn key(self) -> i32 {
        match self {
            Self::Migrate => -1,
            Self::Housekeeping => -2,
            Self::Release => -3,
        }
    }

    /// Time after which the server ends a holder that gives no sign of life. Whoever migrates may
    /// wait for one statement as long as it takes.
    const fn patience(self) -> &'static str {
        match self {
            Self::Migrate => "0",
            Self::Housekeeping | Self::Release => "60s",
        }
    }
}

/// A held lock. Dropping it gives it back, a moment later when it is a server's.
pub(super) enum Lock {
    /// Nobody else can reach the database.
    Alone,
    File(#[expect(dead_code, reason = "held, never read")] File),
    Advisory(DatabaseTransaction),
}

/// A lock cannot be had, for another reason than that somebody holds it.
#[derive(Debug, thiserror::Error)]
pub(super) enum LockError {
    #[error("the lock file beside the database cannot be opened")]
    File(#[from] io::Error),
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Lock {
    /// Waits until the lock is free.
    pub(super) async fn wait(db: &Database, purpose: Purpose) -> Result<Self, LockError> {
        loop {
            if let Some(lock) = Self::attempt(db, purpose).await? {
                return Ok(lock);
            }
            // A blocking wait could not be given up when the process is asked to stop.
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    }

    /// Takes the lock if it is free.
    pub(super) async fn attempt(
        db: &Database,
        purpose: Purpose,
    ) -> Result<Option<Self>, LockError> {
        if db.dialect() == Dialect::Postgres {
            return Ok(advisory(db, purpose).await?.map(Self::Advisory));
        }
        match db.path() {
            None => Ok(Some(Self::Alone)),
            Some(path) => Ok(file(path, purpose)?.map(Self::File)),
        }
    }

    /// Gives the lock back.
    pub(super) async fn release(self) {
        if let Self::Advisory(tx) = self {
            // When that fails, the connection is gone, and the lock with it.
            tx.rollback().await.ok();
        }
    }

    /// Makes sure that the lock is still held, and shows that its holder is alive.
    pub(super) async fn renew(&self) -> Result<(), StoreError> {
        match self {
            Self::Advisory(tx) => query(tx, "SELECT 1", []).await.map(drop),
            Self::Alone | Self::File(_) => Ok(()),
        }
    }
}

fn file(database: &Path, purpose: Purpose) -> io::Result<Option<File>> {
    let mut path = OsString::from(database);
    path.push(format!(".{}.lock", purpose.name()));
    let path = PathBuf::from(path);
    let file = File::options().create(true).truncate(false).write(true).open(path)?;
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

/// The transaction does nothing but hold the lock, so it keeps neither rows nor old versions alive.
async fn advisory(
    db: &Database,
    purpose: Purpose,
) -> Result<Option<DatabaseTransaction>, StoreError> {
    let tx = db.writer().begin().await.map_err(store_error)?;
    let sql = "SELECT pg_try_advisory_xact_lock($1, $2), \
               set_config('idle_in_transaction_session_timeout', $3, true)";
    let values = [ADVISORY.into(), purpose.key().into(), purpose.patience().into()];
    let rows = query(&tx, sql, values).await?;
    let held = rows.first().map_or(Ok(false), |row| row.try_get_by_index(0));
    Ok(held.map_err(store_error)?.then_some(tx))
}
