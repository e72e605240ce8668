//! What follows from a question and is kept: pages, frames, badges and pictures, in the place and by
//! the rules of the answers of the API. What is asked for again costs no question to the store, and
//! what many ask for at once is made once.
//!
//! Separate from [`endpoint`](crate::http::stats) because a page puts many questions, and shows more
//! than the days that it covers: what came before them tells which versions are new.

use std::sync::Arc;

use salvo::Depot;
use salvo::http::header::HeaderMap;
use salvo::http::{Request, Response};
use stages::Hour;

use super::query;
use crate::http::cached;
use crate::http::problem::Problem;
use crate::http::stats::ask::{Reads, reads, sent};
use crate::http::stats::cache::{Kept, Made};
use crate::http::stats::watched::Watched;
use crate::stats::freshness::Known;
use crate::stats::{Asked, Query};
use crate::store::read::{Filter, Range};

/// What a request asks, of whom, and when.
pub(super) struct Question<'r> {
    /// As the address has it.
    pub(super) query: Query,
    /// What is known of the store.
    pub(super) known: Known,
    /// The current hour.
    pub(super) now: Hour,
    reads: &'r Reads,
    source: Watched<'r>,
}

/// Something that was made from a question.
pub(super) struct Drawn {
    pub(super) body: Vec<u8>,
    /// Whether all of it could be read.
    pub(super) whole: bool,
}

impl Drawn {
    /// Something of which all could be read.
    pub(super) fn whole(body: impl Into<Vec<u8>>) -> Self {
        Self { body: body.into(), whole: true }
    }
}

/// Something to send, and for how long it may be kept outside.
pub(super) struct Shown {
    pub(super) kept: Arc<Kept>,
    lifetime: &'static str,
}

impl<'r> Question<'r> {
    /// The question of a request's parameters.
    pub(super) async fn of(req: &Request, depot: &'r Depot) -> Result<Self, Problem> {
        Self::from(sent(req), depot).await
    }

    /// The question of some parameters.
    pub(super) async fn from(sent: Vec<(&str, &str)>, depot: &'r Depot) -> Result<Self, Problem> {
        let reads = reads(depot)?;
        let now = reads.clock.hour();
        let query = query(sent, now)?;
        let known = reads.known().await?;
        Ok(Self { query, known, now, reads, source: Watched::new(reads.source.as_ref()) })
    }

    /// The question at this moment.
    pub(super) fn asked(&self) -> Result<Asked<'_>, Problem> {
        self.asked_as(self.query.clone())
    }

    /// Another question at the same moment.
    pub(super) fn asked_as(&self, query: Query) -> Result<Asked<'_>, Problem> {
        Ok(Asked::new(query, &self.source, self.known.extent, self.now)?)
    }

    /// What is kept under a name for a question, or what `make` makes.
    pub(super) async fn kept(
        &self,
        name: &str,
        asked: &Asked<'_>,
        make: impl Future<Output = Result<Drawn, Problem>>,
    ) -> Result<Shown, Problem> {
        let make = async {
            let Drawn { body, whole } = make.await?;
            // Names that nobody ever used are thought up by strangers, without end.
            let keep = whole && (asked.query.filter == Filter::NONE || self.source.has_found());
            Ok(Made { answer: Kept::new(body, None), keep })
        };
        let kept = self.reads.answers.get(&self.key(name, asked), make).await?;
        let lifetime = if asked.window.is_settled() { cached::DAY } else { cached::MINUTE };
        Ok(Shown { kept, lifetime })
    }

    /// What a page depends on: the hours that its words mean now, which of them are over, everything
    /// that happened up to their end, and how old the newest of it is.
    fn key(&self, name: &str, asked: &Asked<'_>) -> String {
        let Range { from, to } = asked.window.range;
        let extent = self.known.extent;
        let first = extent.oldest.map_or(from, |oldest| oldest.min(from));
        let generation = self.known.generation(Range { from: first, to });
        let hours = [Some(from), Some(to), Some(self.now), extent.oldest, extent.last_received];
        let hours = hours.map(|hour| hour.map_or(0, Hour::epoch_hours));
        format!("page {name}?{} {hours:?} {generation}", self.query)
    }
}

impl Shown {
    /// Sends it, or the news that the client has it already.
    pub(super) fn send(&self, asked: &HeaderMap, res: &mut Response, kind: &'static str) {
        let Kept { body, tag, .. } = &*self.kept;
        cached::respond_named(asked, res, kind, self.lifetime, body.clone(), tag);
    }
}
