//! Which pages of other origins may use the API: the configured ones, named one at a time.

use std::sync::Arc;

use salvo::http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_METHOD, ORIGIN,
    VARY,
};
use salvo::http::{HeaderMap, HeaderValue, Method, StatusCode};
use salvo::{Depot, FlowCtrl, Request, Response, handler};

use super::state::State;

/// Seconds for which a browser may remember a preflight: a change of settings shows within an hour.
const MAX_AGE: &str = "3600";

/// Answers preflights, and lets configured origins read answers.
pub(super) struct Cors(pub(super) Arc<State>);

#[handler]
impl Cors {
    async fn handle(
        &self,
        req: &mut Request,
        depot: &mut Depot,
        res: &mut Response,
        ctrl: &mut FlowCtrl,
    ) {
        let origins = &self.0.settings.server.cors_origins;
        let allowed = allowed_origin(origins, req.headers());
        let preflight = is_preflight(req);
        write(res.headers_mut(), origins, allowed);
        // The router has no OPTIONS routes: an address that exists says "method not allowed".
        if preflight && res.status_code == Some(StatusCode::METHOD_NOT_ALLOWED) {
            res.status_code(StatusCode::NO_CONTENT);
            let headers = res.headers_mut();
            for (name, value) in [
                (ACCESS_CONTROL_ALLOW_METHODS, "GET, POST, OPTIONS"),
                (ACCESS_CONTROL_ALLOW_HEADERS, "Content-Type, Idempotency-Key"),
                (ACCESS_CONTROL_MAX_AGE, MAX_AGE),
            ] {
                headers.insert(name, HeaderValue::from_static(value));
            }
            ctrl.skip_rest();
            return;
        }
        ctrl.call_next(req, depot, res).await;
    }
}

fn is_preflight(req: &Request) -> bool {
    let headers = req.headers();
    *req.method() == Method::OPTIONS
        && headers.contains_key(ORIGIN)
        && headers.contains_key(ACCESS_CONTROL_REQUEST_METHOD)
}

/// The value to echo: the request's own origin when it is configured, or `*` when all are.
fn allowed_origin(origins: &[String], headers: &HeaderMap) -> Option<HeaderValue> {
    if origins.iter().any(|origin| origin == "*") {
        return Some(HeaderValue::from_static("*"));
    }
    let origin = headers.get(ORIGIN)?;
    origins.iter().any(|known| known.as_bytes() == origin.as_bytes()).then(|| origin.clone())
}

fn write(headers: &mut HeaderMap, origins: &[String], allowed: Option<HeaderValue>) {
    if origins.is_empty() {
        return;
    }
    headers.append(VARY, HeaderValue::from_static("Origin"));
    let Some(allowed) = allowed else { return };
    headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, allowed);
    let readable = "ETag, Link, Retry-After, RateLimit, RateLimit-Policy, X-Request-Id";
    headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static(readable));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_configured_origin_is_echoed_and_no_other() {
        let both = ["https://a.example".to_owned(), "https://b.example".to_owned()];
        let all = ["*".to_owned()];
        for (origins, origin, want) in [
            (&both[..], Some("https://b.example"), Some("https://b.example")),
            (&both, Some("https://c.example"), None),
            (&both, Some("https://a.example.evil"), None),
            (&both, Some("null"), None),
            (&both, None, None),
            (&all, Some("https://c.example"), Some("*")),
            (&[], Some("https://a.example"), None),
        ] {
            let mut asked = HeaderMap::new();
            if let Some(origin) = origin {
                asked.insert(ORIGIN, HeaderValue::from_static(origin));
            }
            let mut answer = HeaderMap::new();
            write(&mut answer, origins, allowed_origin(origins, &asked));
            let got = answer.get(ACCESS_CONTROL_ALLOW_ORIGIN).map(|v| v.to_str().unwrap());
            assert_eq!(got, want, "{origin:?}");
            assert_eq!(answer.contains_key(VARY), !origins.is_empty(), "{origin:?}");
        }
    }
}
