//! Errors as clients see them: RFC 9457 problems, with the members `error` and `details` of old.
//!
//! Nothing in a problem comes from the request: not a value, not a path, not a header.

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use salvo::http::header::{CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER};
use salvo::http::{HeaderValue, ResBody, Response, StatusCode};
use serde::Serialize;
use stages::ports::StoreError;

use super::answer::Note;
use super::middleware::REQUEST_ID;
use crate::worker::error_chain;

/// When a reader may ask again after the store failed.
const READ_RETRY_AFTER: Duration = Duration::from_secs(10);

/// The coarse kinds of error: what a client can act on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The body is JSON, but not a batch that can be taken.
    ValidationFailed,
    /// The body is not JSON.
    MalformedJson,
    /// The body is too large, as sent or as decoded.
    PayloadTooLarge,
    /// The body is not declared as JSON.
    UnsupportedMediaType,
    /// The body is coded in a way that is not understood.
    UnsupportedEncoding,
    /// Too much from this client.
    RateLimitExceeded,
    /// Cannot be done now.
    ServiceUnavailable,
    /// A parameter or header is wrong.
    InvalidRequest,
    /// The parameters are right, but not together.
    UnsupportedCombination,
    /// There is no such thing.
    NotFound,
    /// There is, but not with this method.
    MethodNotAllowed,
    /// There is, but not in a form that the client takes.
    NotAcceptable,
    /// The body did not come in time.
    RequestTimeout,
    /// The server's own fault.
    InternalServerError,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 14] = [
        Self::ValidationFailed,
        Self::MalformedJson,
        Self::PayloadTooLarge,
        Self::UnsupportedMediaType,
        Self::UnsupportedEncoding,
        Self::RateLimitExceeded,
        Self::ServiceUnavailable,
        Self::InvalidRequest,
        Self::UnsupportedCombination,
        Self::NotFound,
        Self::MethodNotAllowed,
        Self::NotAcceptable,
        Self::RequestTimeout,
        Self::InternalServerError,
    ];

    /// The member `error`.
    pub const fn error(self) -> &'static str {
        match self {
            Self::ValidationFailed => "validation_failed",
            Self::MalformedJson => "malformed_json",
            Self::PayloadTooLarge => "payload_too_large",
            Self::UnsupportedMediaType => "unsupported_media_type",
            Self::UnsupportedEncoding => "unsupported_encoding",
            Self::RateLimitExceeded => "rate_limit_exceeded",
            Self::ServiceUnavailable => "service_unavailable",
            Self::InvalidRequest => "invalid_request",
            Self::UnsupportedCombination => "unsupported_combination",
            Self::NotFound => "not_found",
            Self::MethodNotAllowed => "method_not_allowed",
            Self::NotAcceptable => "not_acceptable",
            Self::RequestTimeout => "request_timeout",
            Self::InternalServerError => "internal_server_error",
        }
    }

    /// The status.
    pub const fn status(self) -> StatusCode {
        match self {
            Self::ValidationFailed
            | Self::MalformedJson
            | Self::InvalidRequest
            | Self::UnsupportedCombination => StatusCode::BAD_REQUEST,
            Self::PayloadTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::UnsupportedMediaType | Self::UnsupportedEncoding => {
                StatusCode::UNSUPPORTED_MEDIA_TYPE
            }
            Self::RateLimitExceeded => StatusCode::TOO_MANY_REQUESTS,
            Self::ServiceUnavailable => StatusCode::SERVICE_UNAVAILABLE,
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Self::NotAcceptable => StatusCode::NOT_ACCEPTABLE,
            Self::RequestTimeout => StatusCode::REQUEST_TIMEOUT,
            Self::InternalServerError => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// The member `title`: the same words for the same kind.
    pub const fn title(self) -> &'static str {
        match self {
            Self::ValidationFailed => "The batch cannot be accepted",
            Self::MalformedJson => "The body is not JSON",
            Self::PayloadTooLarge => "The body is too large",
            Self::UnsupportedMediaType => "The body must be application/json",
            Self::UnsupportedEncoding => "The content coding is not supported",
            Self::RateLimitExceeded => "Too many requests",
            Self::ServiceUnavailable => "The service is not available",
            Self::InvalidRequest => "The request is not valid",
            Self::UnsupportedCombination => "These parameters do not go together",
            Self::NotFound => "Not found",
            Self::MethodNotAllowed => "The method is not allowed here",
            Self::NotAcceptable => "There is no such form of it",
            Self::RequestTimeout => "The request took too long",
            Self::InternalServerError => "Internal error",
        }
    }

    /// The kind for an error status that some handler or the framework set without a body.
    pub(super) fn of(status: StatusCode) -> Self {
        match status {
            StatusCode::NOT_FOUND => Self::NotFound,
            StatusCode::METHOD_NOT_ALLOWED => Self::MethodNotAllowed,
            StatusCode::NOT_ACCEPTABLE => Self::NotAcceptable,
            StatusCode::REQUEST_TIMEOUT => Self::RequestTimeout,
            StatusCode::PAYLOAD_TOO_LARGE => Self::PayloadTooLarge,
            StatusCode::UNSUPPORTED_MEDIA_TYPE => Self::UnsupportedMediaType,
            StatusCode::TOO_MANY_REQUESTS => Self::RateLimitExceeded,
            StatusCode::SERVICE_UNAVAILABLE => Self::ServiceUnavailable,
            _ if status.is_client_error() => Self::InvalidRequest,
            _ => Self::InternalServerError,
        }
    }
}

/// An error on its way to a client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    kind: Kind,
    status: StatusCode,
    code: &'static str,
    detail: Cow<'static, str>,
    details: Vec<String>,
    rejected: Vec<Note>,
    retry_after: Option<u64>,
}

#[derive(Serialize)]
struct Wire<'a> {
    r#type: Type,
    title: &'static str,
    status: u16,
    detail: &'a str,
    instance: &'a str,
    error: &'static str,
    code: &'static str,
    details: &'a [String],
    #[serde(skip_serializing_if = "<[Note]>::is_empty")]
    rejected: &'a [Note],
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_after: Option<u64>,
}

/// `/problems/<error>`.
struct Type(&'static str);

impl Serialize for Type {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("/problems/{}", self.0))
    }
}

impl Problem {
    /// A problem. `code` is precise, `detail` says what is wrong and what to do.
    pub fn new(kind: Kind, code: &'static str, detail: impl Into<Cow<'static, str>>) -> Self {
        Self {
            kind,
            status: kind.status(),
            code,
            detail: detail.into(),
            details: Vec::new(),
            rejected: Vec::new(),
            retry_after: None,
        }
    }

    /// A problem whose precise code is the kind's own name.
    pub fn plain(kind: Kind, detail: impl Into<Cow<'static, str>>) -> Self {
        Self::new(kind, kind.error(), detail)
    }

    /// A fault of this program. The cause is logged and not shown.
    pub(super) fn internal(cause: impl fmt::Display) -> Self {
        tracing::error!(%cause, "a request failed");
        Self::of_status(StatusCode::INTERNAL_SERVER_ERROR)
    }

    /// The problem for an error status without a body.
    pub(super) fn of_status(status: StatusCode) -> Self {
        let detail = match status {
            StatusCode::NOT_FOUND => "there is nothing at this address",
            StatusCode::METHOD_NOT_ALLOWED => "the methods for this address are in Allow",
            _ if status.is_client_error() => "the request cannot be understood",
            _ => "the server failed; the fault is logged under the request id",
        };
        Self { status, ..Self::plain(Kind::of(status), detail) }
    }

    /// With the time after which it is worth trying again; at least one second.
    #[must_use]
    pub fn retry_after(mut self, after: Duration) -> Self {
        self.retry_after = Some(whole_seconds(after).max(1));
        self
    }

    /// With the refused events, and a text for each.
    #[must_use]
    pub(super) fn rejected(mut self, rejected: Vec<Note>) -> Self {
        self.details = rejected.iter().map(Note::in_words).collect();
        self.rejected = rejected;
        self
    }

    /// The status.
    pub(super) const fn status(&self) -> StatusCode {
        self.status
    }

    /// What is wrong and what to do.
    pub(super) fn detail(&self) -> &str {
        &self.detail
    }

    /// The precise code.
    pub const fn code(&self) -> &'static str {
        self.code
    }

    /// Makes it the answer. The request id is taken from the answer's own header.
    pub fn write(&self, res: &mut Response) {
        let body = self.to_json(res.headers().get(REQUEST_ID));
        self.head(res);
        let kind = HeaderValue::from_static("application/problem+json");
        res.headers_mut().insert(CONTENT_TYPE, kind);
        res.replace_body(ResBody::Once(body.into()));
    }

    /// Sets status and headers only, for a page that shows the problem in its own words.
    pub(super) fn head(&self, res: &mut Response) {
        let headers = res.headers_mut();
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if let Some(seconds) = self.retry_after {
            headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        res.status_code(self.status);
    }

    fn to_json(&self, request_id: Option<&HeaderValue>) -> Vec<u8> {
        let alone = [self.detail.clone().into_owned()];
        let wire = Wire {
            r#type: Type(self.kind.error()),
            title: self.kind.title(),
            status: self.status.as_u16(),
            detail: &self.detail,
            instance: request_id.and_then(|id| id.to_str().ok()).unwrap_or_default(),
            error: self.kind.error(),
            code: self.code,
            details: if self.details.is_empty() { &alone } else { &self.details },
            rejected: &self.rejected,
            retry_after: self.retry_after,
        };
        serde_json::to_vec(&wire).expect("strings and numbers always serialise")
    }
}

/// A read failed because the store did. The cause is logged and not shown.
impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        tracing::error!(error = error_chain(&error), "the statistics cannot be read");
        let detail = "the statistics cannot be read at the moment; ask again later";
        Self::plain(Kind::ServiceUnavailable, detail).retry_after(READ_RETRY_AFTER)
    }
}

/// Seconds, rounded up, so that nobody comes back too early.
pub(super) fn whole_seconds(duration: Duration) -> u64 {
    duration.as_secs() + u64::from(duration.subsec_nanos() > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(problem: &Problem) -> String {
        let id = HeaderValue::from_static("00112233445566778899aabbccddeeff");
        String::from_utf8(problem.to_json(Some(&id))).unwrap()
    }

    #[test]
    fn a_problem_has_the_members_of_the_rfc_and_those_of_old() {
        let problem = Problem::plain(Kind::NotFound, "there is no such receipt");
        assert_eq!(
            shown(&problem),
            r#"{"type":"/problems/not_found","title":"Not found","status":404,"detail":"there is no such receipt","instance":"00112233445566778899aabbccddeeff","error":"not_found","code":"not_found","details":["there is no such receipt"]}"#
        );
    }

    #[test]
    fn refused_events_and_waiting_times_are_members_too() {
        let note = Note::new(2, "pii_detected", "/parameters/*", "PII in a parameter");
        let problem = Problem::new(Kind::ValidationFailed, "pii_detected", "nothing acceptable")
            .rejected(vec![note])
            .retry_after(Duration::from_millis(1_001));
        assert_eq!(
            shown(&problem),
            r#"{"type":"/problems/validation_failed","title":"The batch cannot be accepted","status":400,"detail":"nothing acceptable","instance":"00112233445566778899aabbccddeeff","error":"validation_failed","code":"pii_detected","details":["Event 2: PII in a parameter"],"rejected":[{"index":2,"code":"pii_detected","pointer":"/events/2/parameters/*","message":"PII in a parameter"}],"retry_after":2}"#
        );
    }

    #[test]
    fn waiting_times_are_rounded_up_and_never_zero() {
        for (millis, want) in [(0, 1), (1, 1), (1_000, 1), (1_001, 2), (59_999, 60)] {
            let problem = Problem::plain(Kind::RateLimitExceeded, "wait")
                .retry_after(Duration::from_millis(millis));
            assert_eq!(problem.retry_after, Some(want), "{millis}");
        }
    }

    #[test]
    fn kinds_and_statuses_are_as_documented() {
        let table: Vec<_> =
            Kind::ALL.iter().map(|kind| (kind.error(), kind.status().as_u16())).collect();
        assert_eq!(
            table,
            [
                ("validation_failed", 400),
                ("malformed_json", 400),
                ("payload_too_large", 413),
                ("unsupported_media_type", 415),
                ("unsupported_encoding", 415),
                ("rate_limit_exceeded", 429),
                ("service_unavailable", 503),
                ("invalid_request", 400),
                ("unsupported_combination", 400),
                ("not_found", 404),
                ("method_not_allowed", 405),
                ("not_acceptable", 406),
                ("request_timeout", 408),
                ("internal_server_error", 500),
            ]
        );
    }

    #[test]
    fn a_status_without_a_body_becomes_the_problem_of_its_kind() {
        for (status, want) in [
            (StatusCode::NOT_FOUND, Kind::NotFound),
            (StatusCode::METHOD_NOT_ALLOWED, Kind::MethodNotAllowed),
            (StatusCode::PAYLOAD_TOO_LARGE, Kind::PayloadTooLarge),
            (StatusCode::BAD_REQUEST, Kind::InvalidRequest),
            (StatusCode::IM_A_TEAPOT, Kind::InvalidRequest),
            (StatusCode::UNSUPPORTED_MEDIA_TYPE, Kind::UnsupportedMediaType),
            (StatusCode::SERVICE_UNAVAILABLE, Kind::ServiceUnavailable),
            (StatusCode::BAD_GATEWAY, Kind::InternalServerError),
        ] {
            let problem = Problem::of_status(status);
            assert_eq!((problem.kind, problem.status), (want, status));
        }
    }
}
