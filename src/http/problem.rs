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

    /// What the kind means and what to do about it, for its page.
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::ValidationFailed => {
                "The body is JSON, but no event in it can be accepted. The member `rejected` names \
                 each event with a code and a pointer to what is wrong with it. Sending the same \
                 batch again gives the same answer."
            }
            Self::MalformedJson => {
                "The body cannot be read as JSON. Send one object with a member `events`."
            }
            Self::PayloadTooLarge => {
                "The body is larger than the server takes, as it was sent or after decoding. Send \
                 smaller batches."
            }
            Self::UnsupportedMediaType => "Send events with `Content-Type: application/json`.",
            Self::UnsupportedEncoding => {
                "Bodies may be coded with gzip, deflate, br or zstd, with one of them at a time."
            }
            Self::RateLimitExceeded => {
                "A client may send only so many requests and events a minute, and read only so \
                 often. `Retry-After` says in how many seconds to try again; `RateLimit` says what \
                 is left."
            }
            Self::ServiceUnavailable => {
                "Something that the server needs does not answer at the moment. Nothing was stored. \
                 Try again after the seconds in `Retry-After`."
            }
            Self::InvalidRequest => {
                "A parameter or header is not as described. The member `detail` names it and says \
                 what it may be."
            }
            Self::UnsupportedCombination => {
                "Each parameter is right, but what they ask for together is not counted, or no \
                 longer kept. The member `detail` says which of them to leave out."
            }
            Self::NotFound => {
                "There is nothing at this address: the path is wrong, or what it names has no data \
                 in the period."
            }
            Self::MethodNotAllowed => "The address exists; the header `Allow` names its methods.",
            Self::NotAcceptable => {
                "Answers come as JSON, CSV or lines of JSON, and the request accepts none of them. \
                 Change `Accept`, or end the path with .json, .csv or .ndjson."
            }
            Self::RequestTimeout => {
                "The body did not come in time. Nothing was stored, so it can be sent again."
            }
            Self::InternalServerError => {
                "The server failed. The fault is logged under the id in `instance` and \
                 `x-request-id`: give it to whoever runs the server."
            }
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
mod tests;
