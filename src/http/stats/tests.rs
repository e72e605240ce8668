//! Every answer against calls that are few enough to be added up by hand: a server without a
//! listener, and what it is asked.

use std::sync::Arc;

use salvo::conn::SocketAddr;
use salvo::http::uri::Scheme;
use salvo::http::{HeaderValue, Method, ResBody, Response, StatusCode};
use salvo::{Depot, FlowCtrl, Request, Service};
use serde_json::Value;
use stages::{HashKey, ManualClock};

use super::ask::Reads;
use super::*;
use crate::stats::fake::{Call, Fake};

mod numbers;
mod questions;
mod sessions;

/// Gives the routes what the server's router gives them.
struct Inject(Arc<Reads>);

#[salvo::async_trait]
impl Handler for Inject {
    async fn handle(&self, _: &mut Request, depot: &mut Depot, _: &mut Response, _: &mut FlowCtrl) {
        depot.insert_typed(Arc::clone(&self.0));
    }
}

/// A server of `routes` at Thursday 2026-08-20T15:04:05Z.
pub(crate) struct Server {
    service: Service,
    source: Arc<Fake>,
    pub(crate) clock: Arc<ManualClock>,
}

impl Server {
    pub(crate) fn new(routes: Router, source: Fake) -> Self {
        let clock = Arc::new(ManualClock::at(1_787_238_245));
        clock.advance(std::time::Duration::from_millis(812_407));
        clock.step_wall(1_787_238_245);
        let source = Arc::new(source);
        let key = HashKey::from_bytes([5; 16]);
        let metrics = Arc::new(crate::telemetry::Metrics::new().unwrap());
        let reads = Arc::new(Reads::new(source.clone(), clock.clone(), key, metrics, None));
        let service = Service::new(Router::with_hoop(Inject(reads)).push(routes));
        Self { service, source, clock }
    }

    pub(crate) async fn ask(&self, method: Method, path: &str, etag: Option<&str>) -> Answer {
        let headers = etag.map(|etag| ("if-none-match", etag));
        self.send(method, path, headers.as_slice()).await
    }

    pub(crate) async fn send(
        &self,
        method: Method,
        path: &str,
        headers: &[(&'static str, &str)],
    ) -> Answer {
        let mut req = Request::new();
        *req.method_mut() = method;
        req.set_uri(path.parse().unwrap());
        for (name, value) in headers {
            req.headers_mut().insert(*name, HeaderValue::from_str(value).unwrap());
        }
        let at = SocketAddr::Unknown;
        let handler = self.service.hyper_handler(
            at.clone(),
            at,
            Scheme::HTTP,
            None,
            salvo::conn::ConnCtrl::new(),
            None,
        );
        let mut res = handler.handle(req).await;
        let body = match res.take_body() {
            ResBody::Once(bytes) => String::from_utf8(bytes.to_vec()).unwrap(),
            ResBody::None => String::new(),
            _ => panic!("answers are sent whole"),
        };
        Answer { status: res.status_code.unwrap(), headers: res.headers().clone(), body }
    }

    /// How many questions were put to the source.
    pub(crate) fn asked(&self) -> usize {
        self.source.asked.load(std::sync::atomic::Ordering::Relaxed)
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.ask(Method::GET, path, None).await
    }
}

pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: salvo::http::HeaderMap,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }
}

/// Six calls in the last 30 days, one before, and one that is stamped ahead of the clock.
pub(crate) fn calls() -> Vec<Call> {
    let call = Call { version: "1.23.0", ..Call::default() };
    let forecast = Call { tool: "get_forecast", ..call.clone() };
    let alerts = Call { tool: "get_alerts", ..call };
    vec![
        Call {
            hour: "2026-08-20T14",
            ms: Some(100),
            cache_hit: Some(true),
            service: "noaa",
            country: "US",
            ..forecast.clone()
        },
        Call {
            hour: "2026-08-20T14",
            ms: Some(200),
            cache_hit: Some(false),
            service: "openmeteo",
            country: "CA",
            ..forecast.clone()
        },
        Call {
            hour: "2026-08-19T10",
            ms: Some(240),
            version: "1.22.1",
            failed: true,
            error_type: "timeout",
            ..forecast
        },
        Call { hour: "2026-08-20T15", ..alerts.clone() },
        Call {
            hour: "2026-08-20T15",
            failed: true,
            service: "noaa",
            error_type: "timeout",
            ..alerts.clone()
        },
        Call { hour: "2026-08-18T03", tool: "search_location", failed: true, ..alerts.clone() },
        Call { hour: "2026-08-20T16", ..alerts.clone() },
        Call { hour: "2026-07-21T23", country: "DE", ..alerts },
    ]
}

fn server() -> Server {
    Server::new(routes(), Fake::of(calls()))
}
