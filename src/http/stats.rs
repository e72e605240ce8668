//! `/v1/stats/…`: from a request to a question, from its answer to bytes.
//!
//! What the answers say is decided in [`crate::stats::answers`]; here are routes, parameters, forms
//! and status codes only.

pub(crate) mod ask;
pub mod cache;
mod cursor;
pub(crate) mod endpoint;
mod endpoints;
pub(crate) mod format;
pub(crate) mod watched;

use salvo::routing::filters;
use salvo::{Handler, Router};

use self::endpoint::Endpoint;
use self::endpoints::{
    All, Countries, Errors, Export, Health, Histogram, Levels, Overview, Performance,
    ResponseTimes, Services, Timeseries, Tool, Tools, Versions,
};

/// Does something for every endpoint of the statistics, in the order of the documentation.
pub(crate) trait Visit {
    /// An endpoint.
    fn endpoint<E: Endpoint>(self) -> Self;
}

/// The endpoints: the one list from which routes and documentation are made.
pub(crate) fn endpoints<V: Visit>(visit: V) -> V {
    visit
        .endpoint::<Overview>()
        .endpoint::<Tools>()
        .endpoint::<Tool>()
        .endpoint::<Errors>()
        .endpoint::<Performance>()
        .endpoint::<All>()
        .endpoint::<Versions>()
        .endpoint::<Countries>()
        .endpoint::<Services>()
        .endpoint::<Levels>()
        .endpoint::<ResponseTimes>()
        .endpoint::<Histogram>()
        .endpoint::<Timeseries>()
        .endpoint::<Export>()
        .endpoint::<Health>()
}

struct Routes(Router);

impl Visit for Routes {
    fn endpoint<E: Endpoint>(self) -> Self {
        Self(endpoint::routes::<E>(self.0))
    }
}

/// The routes of the statistics. The depot must hold what they read from, an `Arc<Reads>`.
pub fn routes() -> Router {
    endpoints(Routes(Router::with_path("v1/stats"))).0
}

/// A route that is only read.
pub(crate) fn read<H: Handler>(path: &str, handler: H) -> Router {
    use salvo::routing::Filter as _;
    Router::with_path(path).filter(filters::get().or(filters::head())).goal(handler)
}

#[cfg(test)]
pub(crate) mod tests;
