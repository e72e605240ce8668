//! What a stage is given: the services it is built with, and the context of one run.

use std::sync::Arc;

use crate::clock::Clock;
use crate::country::Country;
use crate::hash::{BatchKey, ClientKey, HashKey};
use crate::hour::Hour;
use crate::ports::{Append, RateCounter, SeenSet, StoreTx};

/// The ports that stages are built with.
#[derive(Clone)]
pub struct Services {
    /// The queue, as the server sees it.
    pub queue: Arc<dyn Append>,
    /// Recently accepted identities.
    pub seen: Arc<dyn SeenSet>,
    /// Limits per client.
    pub rates: Arc<dyn RateCounter>,
    /// State of this process only, for stages with `if_down: local`. Absent when all state is.
    pub local: Option<Local>,
    /// The key of event identities, shared by every server of an installation.
    pub identity_key: HashKey,
}

/// State of this process only.
#[derive(Clone)]
pub struct Local {
    /// Recently accepted identities.
    pub seen: Arc<dyn SeenSet>,
    /// Limits per client.
    pub rates: Arc<dyn RateCounter>,
}

/// What is known of a request beside its body.
#[derive(Debug, Clone, Copy)]
pub struct Request {
    /// Who sent it.
    pub client: ClientKey,
    /// Identity of the whole batch, when the client gave one.
    pub batch_key: Option<BatchKey>,
    /// When it came.
    pub received: Hour,
    /// Where it came from, when a believed proxy said so.
    pub country: Option<Country>,
}

/// The context of one run through a pipeline.
#[derive(Clone, Copy)]
pub struct Cx<'a> {
    /// Time.
    pub clock: &'a dyn Clock,
    /// The request; at the door only.
    pub request: Option<&'a Request>,
    /// The open store transaction; in the worker only.
    pub tx: Option<&'a dyn StoreTx>,
}
