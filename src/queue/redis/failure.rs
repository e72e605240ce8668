//! How talking to the server can fail, and what callers are told. What matters of a failed append is
//! whether it is certain that nothing was written.

use redis::{ErrorKind, RedisError};
use stages::ports::{AppendError, QueueError};

use super::writer::Origin;
use crate::redis_link::Down;

/// Why something was not done.
#[derive(Debug, Clone, thiserror::Error)]
pub(in crate::queue) enum Failure {
    #[error(transparent)]
    Down(#[from] Down),
    #[error(transparent)]
    Redis(#[from] RedisError),
    /// Written, but neither on disk nor on enough replicas in time.
    #[error("the write was not confirmed by disk and replicas in time")]
    Unconfirmed,
    #[error("the queue is closed")]
    Closed,
    /// A task of the queue ended without an answer.
    #[error("the queue's task ended without an answer")]
    Lost,
}

/// What became of an append that failed.
#[derive(Debug, Clone)]
pub(super) enum Refused {
    /// The queue holds as much as it may.
    Full,
    /// Nothing was written.
    Undone(Failure),
    /// It is not known whether it was written.
    Unknown(Failure, Origin),
}

impl Refused {
    /// The same for an entry further back in the same call.
    pub(super) fn of(self, place: u64) -> Self {
        match self {
            Self::Unknown(failure, origin) => {
                Self::Unknown(failure, Origin { number: origin.number + place, ..origin })
            }
            refused => refused,
        }
    }
}

impl Failure {
    /// Whether the server said that it did not even begin, or was never asked.
    pub(super) fn undone(&self) -> bool {
        /// Answers that come before a script's first write.
        const BEFORE: [&str; 14] = [
            "OOM",
            "MISCONF",
            "READONLY",
            "LOADING",
            "MASTERDOWN",
            "NOREPLICAS",
            "CLUSTERDOWN",
            "MOVED",
            "ASK",
            "TRYAGAIN",
            "BUSY",
            "NOAUTH",
            "NOSCRIPT",
            "CLOSED",
        ];
        match self {
            Self::Down(_) | Self::Closed => true,
            Self::Redis(error) => {
                error.kind() == ErrorKind::ClusterConnectionNotFound
                    || error.code().is_some_and(|code| BEFORE.contains(&code))
            }
            Self::Unconfirmed | Self::Lost => false,
        }
    }

    /// Whether the server has no memory left.
    pub(super) fn out_of_memory(&self) -> bool {
        matches!(self, Self::Redis(error) if error.code() == Some("OOM"))
    }
}

impl From<Refused> for AppendError {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::Full => Self::Full,
            Refused::Undone(failure) => Self::Unavailable(Box::new(failure)),
            Refused::Unknown(failure, _) => Self::Unknown(Box::new(failure)),
        }
    }
}

impl From<Failure> for QueueError {
    fn from(failure: Failure) -> Self {
        Self(Box::new(failure))
    }
}
