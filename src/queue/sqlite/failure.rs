//! How a write can fail, and what callers are told. Separate from the writer, because each waiter of
//! a transaction gets the same answer in the terms of its own port.

use std::fmt;
use std::sync::Arc;

use stages::ports::{AppendError, QueueError};

/// Why a job was not done.
#[derive(Clone, Debug)]
pub(super) enum Failure {
    /// The queue holds as much as it may.
    Full,
    /// Nothing was written.
    Undone(Arc<rusqlite::Error>),
    /// It is not known whether it was written.
    Unknown(Arc<rusqlite::Error>),
    /// The queue is closed; nothing was written.
    Closed,
    /// The writer vanished without an answer.
    Lost,
}

/// The queue is closed.
#[derive(Debug, thiserror::Error)]
#[error("the queue is closed")]
struct Closed;

/// The writer ended before it answered.
#[derive(Debug, thiserror::Error)]
#[error("the queue's writer ended without an answer")]
struct Lost;

impl Failure {
    /// The transaction was rolled back, or never began.
    pub(super) fn undone(error: rusqlite::Error) -> Self {
        Self::Undone(Arc::new(error))
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Full => f.write_str("the queue is full"),
            Self::Undone(error) => write!(f, "nothing was written: {error}"),
            Self::Unknown(error) => write!(f, "the outcome is unknown: {error}"),
            Self::Closed => Closed.fmt(f),
            Self::Lost => Lost.fmt(f),
        }
    }
}

impl From<Failure> for AppendError {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Full => Self::Full,
            Failure::Undone(error) => Self::Unavailable(Box::new(error)),
            Failure::Unknown(error) => Self::Unknown(Box::new(error)),
            Failure::Closed => Self::Unavailable(Box::new(Closed)),
            Failure::Lost => Self::Unknown(Box::new(Lost)),
        }
    }
}

impl From<Failure> for QueueError {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Undone(error) | Failure::Unknown(error) => Self(Box::new(error)),
            Failure::Full | Failure::Closed => Self(Box::new(Closed)),
            Failure::Lost => Self(Box::new(Lost)),
        }
    }
}
