//! Errors of the database, sorted into those that trying again can cure and those that it cannot.
//!
//! Separate because every file of the store needs it, and because the choice decides whether an
//! event is retried for ever or set aside.

use sea_orm::{DbErr, RuntimeErr, sqlx};
use stages::ports::{Cause, StoreError};

/// SQLite's primary result codes for "this data, never": CONSTRAINT and MISMATCH
/// (<https://sqlite.org/rescode.html>).
const DATA_CODES: [u32; 2] = [19, 20];

/// The store cannot be opened with the settings given. That a database is absent or broken is no
/// reason: connections are made when they are needed.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Not a SQLite URL.
    #[error("store.url is not a SQLite URL; write for instance sqlite://data/analytics.db")]
    Scheme,
    /// A SQLite URL with something that SQLite does not know.
    #[error("store.url has a parameter that SQLite does not know; leave out what follows the `?`")]
    Parameter,
    /// No connection to read through.
    #[error("store.pool is 0; at least one connection is needed for reading")]
    NoReaders,
}

/// Sorts an error of the database.
pub(super) fn store_error(error: DbErr) -> StoreError {
    match data_code(&error) {
        Some(sqlstate) => StoreError::Data { sqlstate },
        None => StoreError::Transient(Box::new(error)),
    }
}

/// The store holds something that this build never wrote.
pub(super) fn damaged(what: &str) -> StoreError {
    StoreError::Transient(Cause::from(format!("the store holds {what} that cannot be read")))
}

/// The extended result code, when the data itself was refused.
fn data_code(error: &DbErr) -> Option<String> {
    let (DbErr::Exec(cause) | DbErr::Query(cause)) = error else { return None };
    let RuntimeErr::SqlxError(cause) = cause else { return None };
    let sqlx::Error::Database(refusal) = cause.as_ref() else { return None };
    let code = refusal.code()?;
    // The low byte of an extended result code is the primary one.
    let primary = code.parse::<u32>().ok()? & 0xff;
    DATA_CODES.contains(&primary).then(|| code.into_owned())
}
