//! Everything that speaks HTTP. The routes stand here on one screen.
//!
//! The public listener takes events and shows what became of them; the private one shows operators
//! the exact numbers. [`serve`] puts the layers around a router that every request passes.

mod answer;
mod body;
pub mod cached;
pub mod client;
mod coding;
mod compress;
mod cors;
mod docs;
pub mod facts;
mod ingest;
pub mod middleware;
mod openapi;
mod ops;
pub mod page;
pub mod problem;
mod quota;
pub mod refusals;
pub mod serve;
pub mod state;
pub mod stats;
pub mod status;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
pub mod tls;

use std::sync::Arc;

use salvo::routing::{Filter, filters};
use salvo::{Handler, Router};

use self::compress::Compress;
use self::ingest::Events;
use self::middleware::{Inject, ReadLimit};
use self::ops::{Health, Livez, Readyz, Receipts, Scrape};
use self::state::State;
use self::stats::ask::Reads;
use self::status::{Reader, Status};
use crate::stats::Source;

/// Routes of the public listener. `source` answers what stats and pages ask.
pub fn router(state: &Arc<State>, source: Arc<dyn Source>) -> Router {
    let s = || Arc::clone(state);
    let clock = Arc::clone(&state.clock);
    let key = state.identity_key.clone();
    let (metrics, shared) = (Arc::clone(&state.metrics), state.shared_answers.clone());
    let inject = Inject(Arc::new(Reads::new(source, clock, key, metrics, shared)));
    let reads = Router::new()
        .hoop(Compress::default())
        .hoop(ReadLimit(s()))
        .push(get("v1/status", Status { state: s(), reader: Reader::Public }))
        .push(get("v1/receipts/{receipt}", Receipts(s())))
        .push(docs::routes())
        .push(
            Router::new()
                .hoop(inject)
                .push(stats::routes())
                .push(page::routes(state.settings.share.url.as_deref()))
                .push(page::routes_of(state)),
        );
    Router::new()
        .push(Router::with_path("v1/events").post(Events(s())))
        .push(get("v1/health", Health(s())))
        .push(get("livez", Livez))
        .push(get("readyz", Readyz(s())))
        .push(reads)
}

/// Routes of the private listener.
pub fn private_router(state: &Arc<State>) -> Router {
    let s = || Arc::clone(state);
    Router::new()
        .push(get("metrics", Scrape(s())))
        .push(get("livez", Livez))
        .push(get("readyz", Readyz(s())))
        .push(get("v1/health", Health(s())))
        .push(get("v1/status", Status { state: s(), reader: Reader::Private }))
}

/// A route that answers GET, and HEAD as the same without a body.
pub fn get(path: &str, handler: impl Handler) -> Router {
    Router::with_path(path).filter(filters::get().or(filters::head())).goal(handler)
}
