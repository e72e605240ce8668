//! What a read asks for, and of whom.

use std::sync::Arc;

use salvo::Depot;
use salvo::http::Request;
use stages::{Clock, HashKey};

use super::cache::{Answers, SharedAnswers};
use crate::http::problem::{Kind, Problem};
use crate::stats::freshness::{Freshness, Known};
use crate::stats::query::Parameters;
use crate::stats::{BadQuery, Source};
use crate::telemetry::Metrics;
use crate::telemetry::queries::Timed;

/// What stats and pages read from.
pub(crate) struct Reads {
    /// The rollups.
    pub source: Arc<dyn Source>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Signs cursors; the same in every server of an installation.
    pub key: HashKey,
    /// Answers that are kept.
    pub answers: Answers,
    freshness: Freshness,
}

impl Reads {
    /// Reads from rollups. Answers are kept here, and in a place that servers share if there is one.
    pub(crate) fn new(
        source: Arc<dyn Source>,
        clock: Arc<dyn Clock>,
        key: HashKey,
        metrics: Arc<Metrics>,
        shared: Option<Arc<dyn SharedAnswers>>,
    ) -> Self {
        let source = Arc::new(Timed::new(source, Arc::clone(&metrics), Arc::clone(&clock)));
        let answers = Answers::new(shared, Arc::clone(&clock), metrics);
        Self { source, clock, key, answers, freshness: Freshness::default() }
    }

    /// What is known of the store, at most a second old.
    pub(crate) async fn known(&self) -> Result<Known, Problem> {
        Ok(self.freshness.look(self.source.as_ref(), self.clock.as_ref()).await?)
    }
}

/// What the router was given to read from.
pub(crate) fn reads(depot: &Depot) -> Result<&Reads, Problem> {
    let reads = depot.get_typed::<Arc<Reads>>();
    reads.map(Arc::as_ref).map_err(|_| Problem::internal("the depot holds nothing to read from"))
}

/// The parameters of a request's query, decoded.
pub(crate) fn sent(req: &Request) -> Vec<(&str, &str)> {
    let mut sent: Vec<(&str, &str)> =
        req.queries().flat_iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    // The map has no order; with several faults, always report the same one.
    sent.sort_unstable();
    sent
}

/// The parameters of a request, of which only `known` may be given.
pub(crate) fn parameters<'r>(
    req: &'r Request,
    known: &[&'static str],
) -> Result<Parameters<'r>, Problem> {
    Ok(Parameters::read(&sent(req), known)?)
}

/// A query is refused.
impl From<BadQuery> for Problem {
    fn from(bad: BadQuery) -> Self {
        let kind =
            if bad.is_combination() { Kind::UnsupportedCombination } else { Kind::InvalidRequest };
        Self::plain(kind, bad.to_string())
    }
}
