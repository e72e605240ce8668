//! What happens around every request: its id, its log line and count, and a net under its handler.

use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::Poll;
use std::time::Duration;

use salvo::http::header::{
    CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_SECURITY_POLICY, REFERRER_POLICY,
    X_CONTENT_TYPE_OPTIONS,
};
use salvo::http::{HeaderName, HeaderValue, Method, StatusCode};
use salvo::{Depot, FlowCtrl, Request, Response, handler};
use stages::HashKey;
use stages::ports::Bucket;

use super::page;
use super::problem::{Kind, Problem, whole_seconds};
use super::quota;
use super::state::State;
use super::stats::ask::Reads;

/// The header with the server-made id of a request.
pub const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// What an API answer may do in a browser: nothing. Pages set their own policy.
const API_POLICY: &str = "default-src 'none'; frame-ancestors 'none'";

/// Headers that an answer to a batch has, so that their table is made once.
const USUAL_HEADERS: usize = 14;

/// The label of requests that no route matches.
const UNMATCHED: &str = "unmatched";

/// Names requests: a keyed hash of a counter is unique, tells nothing and costs no system call.
pub struct RequestIds {
    key: HashKey,
    next: AtomicU64,
}

impl RequestIds {
    /// With a key that is made anew at every start.
    pub const fn new(key: HashKey) -> Self {
        Self { key, next: AtomicU64::new(0) }
    }

    fn next(&self) -> HeaderValue {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let id = stages::hash::hex(&self.key.hash("request", &[&number.to_be_bytes()]));
        HeaderValue::from_bytes(&id).expect("hex digits are visible ASCII")
    }
}

/// Outermost: names, times, counts and logs a request, and answers for a handler that panicked or
/// left an error without words.
pub(super) struct Observe(pub(super) Arc<State>);

#[handler]
impl Observe {
    async fn handle(
        &self,
        req: &mut Request,
        depot: &mut Depot,
        res: &mut Response,
        ctrl: &mut FlowCtrl,
    ) {
        let started = self.0.clock.monotonic();
        let id = self.0.request_ids.next();
        // The router has decided already: only an unmatched request has a status by now.
        let exact = is_exact(req.uri().path());
        let routed = res.status_code.is_none() && exact;
        greet(res, &id);
        if !exact {
            res.status_code(StatusCode::NOT_FOUND);
        } else if caught(ctrl.call_next(req, depot, res)).await.is_err() {
            res.status_code(StatusCode::INTERNAL_SERVER_ERROR);
            res.headers_mut().remove(CONTENT_ENCODING);
            res.headers_mut().remove(CONTENT_LENGTH);
            res.take_body();
        }
        ctrl.skip_rest();
        let status = res.status_code.unwrap_or(StatusCode::OK);
        let failed = status.is_client_error() || status.is_server_error();
        if failed && res.body.is_none() {
            page::tell(req.headers(), res, &Problem::of_status(status));
        }
        let route = if routed { format!("/{}", req.matched_path()) } else { UNMATCHED.to_owned() };
        let took = self.0.clock.monotonic().saturating_sub(started);
        self.record(method_of(req), &route, status, took, &id);
    }
}

impl Observe {
    fn record(
        &self,
        method: &'static str,
        route: &str,
        status: StatusCode,
        took: Duration,
        id: &HeaderValue,
    ) {
        self.0.metrics.answered(method, route, status.as_str(), took);
        let (status, id) = (status.as_u16(), id.to_str().unwrap_or_default());
        let duration_ms = took.as_secs_f64() * 1e3;
        if status >= 500 {
            tracing::info!(method, route, status, duration_ms, request.id = id, "request failed");
        } else {
            tracing::debug!(method, route, status, duration_ms, request.id = id, "request");
        }
    }
}

/// The router takes `/v1//events/` for `/v1/events`. Here one thing has one address.
fn is_exact(path: &str) -> bool {
    path == "/" || !(path.ends_with('/') || path.contains("//"))
}

fn greet(res: &mut Response, id: &HeaderValue) {
    let headers = res.headers_mut();
    headers.reserve(USUAL_HEADERS);
    headers.insert(REQUEST_ID, id.clone());
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(API_POLICY));
}

/// A method as a label: one of a fixed list, so that a client cannot make series.
fn method_of(req: &Request) -> &'static str {
    match *req.method() {
        Method::GET => "GET",
        Method::POST => "POST",
        Method::HEAD => "HEAD",
        Method::OPTIONS => "OPTIONS",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        _ => "other",
    }
}

/// The panic hook has logged the place already; the connection and the other requests go on.
struct Panicked;

async fn caught<F: Future>(future: F) -> Result<F::Output, Panicked> {
    let mut future = pin!(future);
    poll_fn(|cx| match catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(cx))) {
        Ok(poll) => poll.map(Ok),
        Err(_) => Poll::Ready(Err(Panicked)),
    })
    .await
}

/// Limits how often a client reads pages and stats.
pub(super) struct ReadLimit(pub(super) Arc<State>);

#[handler]
impl ReadLimit {
    async fn handle(&self, req: &mut Request, res: &mut Response) {
        let limit = u64::from(self.0.settings.server.read_limit);
        if limit == 0 {
            return;
        }
        let bucket = Bucket { name: "reads", capacity: limit, per_minute: limit };
        let client = self.0.clients.key_of(req);
        let taken = match self.0.rates.take(client, bucket, 1).await {
            Ok(taken) => taken,
            // Reading is harmless: rather too much of it than none.
            Err(error) => {
                tracing::warn!(error = %error.0, "reads are not limited");
                return;
            }
        };
        let quota = stages::Quota {
            name: "reads",
            limit,
            window_seconds: 60,
            remaining: taken.remaining,
            reset_seconds: whole_seconds(taken.full_after),
        };
        quota::write(res.headers_mut(), &[quota]);
        if !taken.allowed {
            let detail = format!("at most {limit} reads a minute; come back later");
            let problem = Problem::plain(Kind::RateLimitExceeded, detail);
            page::tell(req.headers(), res, &problem.retry_after(taken.retry_after));
        }
    }
}

/// Gives stats and pages what they read from.
pub(super) struct Inject(pub(super) Arc<Reads>);

#[handler]
impl Inject {
    async fn handle(&self, depot: &mut Depot) {
        depot.insert_typed(Arc::clone(&self.0));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_thing_has_one_address() {
        for (path, want) in [
            ("/", true),
            ("/v1/events", true),
            ("/v1/events/", false),
            ("/v1//events", false),
            ("//v1/events", false),
            ("//", false),
        ] {
            assert_eq!(is_exact(path), want, "{path}");
        }
    }

    #[test]
    fn request_ids_are_hex_and_differ() {
        let ids = RequestIds::new(HashKey::from_bytes([3; 16]));
        let (one, other) = (ids.next(), ids.next());
        assert_ne!(one, other);
        for id in [one, other] {
            assert_eq!(id.len(), 32);
            assert!(id.as_bytes().iter().all(u8::is_ascii_hexdigit));
        }
    }
}
