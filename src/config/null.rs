//! Services that lead nowhere: stages can be built with them and so be checked, without a queue,
//! a database or a network.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use stages::ports::{
    Append, AppendError, Bucket, RateCounter, SeenKey, SeenSet, SharedError, Taken,
};
use stages::{ClientKey, Entry, HashKey, Services};

struct Nowhere;

const WHY: &str = "the pipeline was built for a check only";

/// Services for a check.
pub(super) fn services() -> Services {
    Services {
        queue: Arc::new(Nowhere),
        seen: Arc::new(Nowhere),
        rates: Arc::new(Nowhere),
        local: None,
        identity_key: HashKey::from_bytes([0; 16]),
    }
}

#[async_trait]
impl Append for Nowhere {
    async fn append(&self, _: &Entry) -> Result<(), AppendError> {
        Err(AppendError::Unavailable(WHY.into()))
    }
}

#[async_trait]
impl SeenSet for Nowhere {
    async fn seen(&self, _: &[SeenKey], _: Duration) -> Result<Vec<bool>, SharedError> {
        Err(SharedError(WHY.into()))
    }

    async fn remember(&self, _: &[SeenKey], _: Duration, _: usize) -> Result<(), SharedError> {
        Err(SharedError(WHY.into()))
    }
}

#[async_trait]
impl RateCounter for Nowhere {
    async fn take_all(&self, _: ClientKey, _: &[(Bucket, u64)]) -> Result<Vec<Taken>, SharedError> {
        Err(SharedError(WHY.into()))
    }
}
