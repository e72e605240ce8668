//! What a read asks for, and of whom.

use std::sync::Arc;

use salvo::Depot;
use salvo::http::Request;
use stages::Clock;

use crate::http::problem::{Kind, Problem};
use crate::stats::{Period, Source, Watermark, Window};

/// A period of the rollups, as a request asks for it.
pub(crate) struct Ask<'d> {
    /// The rollups.
    pub(crate) source: &'d dyn Source,
    /// The hours.
    pub(crate) window: Window,
    /// How far the rollups reach.
    pub(crate) watermark: Watermark,
}

impl<'d> Ask<'d> {
    /// Reads the query first, so that a bad one costs no database access.
    pub(crate) async fn new(req: &Request, depot: &'d Depot) -> Result<Self, Problem> {
        let (source, clock) = (source(depot)?, clock(depot)?);
        let now = clock.hour();
        let period = period(req, clock)?;
        let watermark = source.watermark().await?;
        Ok(Self { source, window: period.window(now, watermark.oldest), watermark })
    }
}

/// The period that a request names.
pub(crate) fn period(req: &Request, clock: &dyn Clock) -> Result<Period, Problem> {
    let mut query: Vec<(&str, &str)> =
        req.queries().flat_iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    // The map has no order; with several faults, always report the same one.
    query.sort_unstable();
    Period::parse(&query, clock.hour())
        .map_err(|bad| Problem::plain(Kind::InvalidRequest, bad.to_string()))
}

/// The rollups that the router was given.
pub(crate) fn source(depot: &Depot) -> Result<&dyn Source, Problem> {
    let source = depot.get_typed::<Arc<dyn Source>>();
    source.map(Arc::as_ref).map_err(|_| Problem::internal("the depot holds no rollups"))
}

/// The clock that the router was given.
pub(crate) fn clock(depot: &Depot) -> Result<&dyn Clock, Problem> {
    let clock = depot.get_typed::<Arc<dyn Clock>>();
    clock.map(Arc::as_ref).map_err(|_| Problem::internal("the depot holds no clock"))
}
