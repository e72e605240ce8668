//! Problem documents (RFC 9457) of the read side.

use std::error::Error;
use std::fmt;

use salvo::http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue, RETRY_AFTER};
use salvo::http::{Response, StatusCode};
use serde_json::json;
use stages::ports::StoreError;

use crate::http::cached::NO_STORE;

/// When a client may ask again after the store failed, in seconds.
const RETRY_AFTER_SECONDS: u32 = 10;

/// Why a read is not answered. Holds nothing that the client sent.
#[derive(Debug)]
pub(crate) struct Problem {
    /// HTTP status.
    pub(crate) status: StatusCode,
    /// Coarse and, here, also precise code.
    code: &'static str,
    /// For the person who reads it.
    pub(crate) detail: String,
}

impl Problem {
    /// The query is outside the grammar.
    pub(crate) fn invalid_request(detail: String) -> Self {
        Self { status: StatusCode::BAD_REQUEST, code: "invalid_request", detail }
    }

    /// Nothing is there.
    pub(crate) fn not_found(detail: &str) -> Self {
        Self { status: StatusCode::NOT_FOUND, code: "not_found", detail: detail.to_owned() }
    }

    /// A fault of this program. The cause is logged and not shown.
    pub(crate) fn internal(cause: impl fmt::Display) -> Self {
        tracing::error!(%cause, "a read failed");
        Self {
            status: StatusCode::INTERNAL_SERVER_ERROR,
            code: "internal_server_error",
            detail: "the server made a mistake; its log says which".to_owned(),
        }
    }

    /// Writes the document.
    pub(crate) fn render(&self, res: &mut Response) {
        let mut body = json!({
            "type": "about:blank",
            "title": self.status.canonical_reason().unwrap_or_default(),
            "status": self.status.as_u16(),
            "detail": self.detail,
            "error": self.code,
            "code": self.code,
            "details": [self.detail],
        });
        if self.status == StatusCode::SERVICE_UNAVAILABLE {
            body["retry_after"] = RETRY_AFTER_SECONDS.into();
        }
        self.head(res);
        let kind = HeaderValue::from_static("application/problem+json");
        res.headers_mut().insert(CONTENT_TYPE, kind);
        res.body(body.to_string());
    }

    /// Writes status and headers only, for a page that shows the problem in its own words.
    pub(crate) fn head(&self, res: &mut Response) {
        res.status_code(self.status);
        res.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static(NO_STORE));
        if self.status == StatusCode::SERVICE_UNAVAILABLE {
            res.headers_mut().insert(RETRY_AFTER, RETRY_AFTER_SECONDS.into());
        }
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        let cause = error.source().map(ToString::to_string).unwrap_or_default();
        tracing::error!(%error, cause, "the statistics cannot be read");
        Self {
            status: StatusCode::SERVICE_UNAVAILABLE,
            code: "service_unavailable",
            detail: "the statistics cannot be read at the moment; ask again later".to_owned(),
        }
    }
}
