//! Errors of the database, sorted into those that trying again can cure and those that it cannot.
//!
//! Separate because every file of the store needs it, and because the choice decides whether an
//! event is retried for ever or set aside.

use sea_orm::sqlx::postgres::PgDatabaseError;
use sea_orm::{DbErr, RuntimeErr, sqlx};
use stages::ports::{Cause, StoreError};

/// SQLite's primary result codes for "this data, never": CONSTRAINT and MISMATCH
/// (<https://sqlite.org/rescode.html>).
const DATA_CODES: [u32; 2] = [19, 20];
/// The classes of SQLSTATE that say the same: data exception, integrity constraint violation
/// (<https://www.postgresql.org/docs/current/errcodes-appendix.html>).
const DATA_CLASSES: [&str; 2] = ["22", "23"];

/// The store cannot be opened with the settings given. That a database is absent or broken is no
/// reason: connections are made when they are needed.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The URL of something else.
    #[error(
        "store.url is neither a SQLite nor a PostgreSQL URL; write for instance \
         sqlite://data/analytics.db or postgres://user:password@host/database"
    )]
    Scheme,
    /// A SQLite URL with something that SQLite does not know.
    #[error("store.url has a parameter that SQLite does not know; leave out what follows the `?`")]
    SqliteParameter,
    /// A PostgreSQL URL with a parameter of an unknown name.
    #[error(
        "store.url has the parameter `{0}`, which is unknown; known are for instance sslmode, \
         sslrootcert and application_name"
    )]
    PostgresParameter(String),
    /// A PostgreSQL URL that cannot be read.
    #[error(
        "store.url is not a PostgreSQL URL; write it as \
         postgres://user:password@host:5432/database?sslmode=require, with special characters of \
         the password in percent-encoding"
    )]
    PostgresUrl,
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

/// SQLSTATE or extended result code, when the data itself was refused.
fn data_code(error: &DbErr) -> Option<String> {
    let (DbErr::Exec(cause) | DbErr::Query(cause)) = error else { return None };
    let RuntimeErr::SqlxError(cause) = cause else { return None };
    let sqlx::Error::Database(refusal) = cause.as_ref() else { return None };
    let code = refusal.code()?;
    let of_data = match refusal.try_downcast_ref::<PgDatabaseError>() {
        Some(_) => DATA_CLASSES.iter().any(|class| code.starts_with(class)),
        // The low byte of an extended result code is the primary one.
        None => DATA_CODES.contains(&(code.parse::<u32>().ok()? & 0xff)),
    };
    of_data.then(|| code.into_owned())
}
