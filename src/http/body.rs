//! Reading a request body: media type, coding, size and time, before anything looks inside.

use std::future::poll_fn;
use std::pin::Pin;
use std::time::Duration;

use salvo::http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE};
use salvo::http::{Body, HeaderMap, ReqBody};

use super::coding::{self, Coding, CodingError};
use super::problem::{Kind, Problem};

/// Time in which a whole body must have come. The largest takes a tenth of it on a modem.
pub(super) const PATIENCE: Duration = Duration::from_secs(10);
/// What is read and thrown away of a refused body, so that a client that is still sending gets to
/// read the answer instead of a reset connection.
const DRAIN_BYTES: u64 = 1_024 * 1_024;
/// Time for that.
const DRAIN_PATIENCE: Duration = Duration::from_secs(1);

/// How a body is to be read.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    /// Most bytes, as sent and as decoded.
    pub(super) max: u64,
    /// Time in which all of it must have come.
    pub(super) patience: Duration,
}

/// Reads and decodes a body. When it is refused, what is left of it is drained.
pub(super) async fn read(
    headers: &HeaderMap,
    body: &mut ReqBody,
    limits: Limits,
) -> Result<Vec<u8>, Problem> {
    let result = read_checked(headers, body, limits).await;
    if result.is_err() {
        drain(body).await;
    }
    result
}

async fn read_checked(
    headers: &HeaderMap,
    body: &mut ReqBody,
    limits: Limits,
) -> Result<Vec<u8>, Problem> {
    require_json(headers)?;
    let coding = coding_of(headers)?;
    let declared =
        headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
    if declared.is_some_and(|length: u64| length > limits.max) {
        return Err(too_large(limits.max));
    }
    let bytes =
        Vec::with_capacity(usize::try_from(declared.unwrap_or_default()).unwrap_or_default());
    let collected = tokio::time::timeout(limits.patience, collect(body, limits.max, bytes));
    let coded = collected.await.map_err(|_| too_slow())??;
    if coding == Coding::Identity {
        return Ok(coded);
    }
    coding::decode(coding, &coded, limits.max).map_err(|error| match error {
        CodingError::TooLarge => too_large(limits.max),
        CodingError::Damaged => malformed("the body is not what Content-Encoding says"),
    })
}

/// `application/json`, in any case and with any parameters.
fn require_json(headers: &HeaderMap) -> Result<(), Problem> {
    let mut types = headers.get_all(CONTENT_TYPE).iter();
    let (Some(media_type), None) = (types.next(), types.next()) else {
        return Err(not_json());
    };
    let essence = media_type.to_str().ok().and_then(|text| text.split(';').next());
    if essence.is_some_and(|essence| essence.trim().eq_ignore_ascii_case("application/json")) {
        return Ok(());
    }
    Err(not_json())
}

/// One coding. Codings upon codings multiply the ratio of a bomb, and no client needs them.
fn coding_of(headers: &HeaderMap) -> Result<Coding, Problem> {
    let mut codings = headers.get_all(CONTENT_ENCODING).iter();
    let Some(coding) = codings.next() else { return Ok(Coding::Identity) };
    if codings.next().is_some() {
        return Err(unknown_coding());
    }
    coding.to_str().ok().and_then(|name| Coding::named(name.trim())).ok_or_else(unknown_coding)
}

async fn collect(body: &mut ReqBody, max: u64, mut bytes: Vec<u8>) -> Result<Vec<u8>, Problem> {
    while let Some(frame) = poll_fn(|cx| Pin::new(&mut *body).poll_frame(cx)).await {
        let frame = frame.map_err(|error| match error.kind() {
            std::io::ErrorKind::TimedOut => too_slow(),
            _ => malformed("the body ended before its declared length"),
        })?;
        let Ok(data) = frame.into_data() else { continue };
        if bytes.len() as u64 + data.len() as u64 > max {
            return Err(too_large(max));
        }
        bytes.extend_from_slice(&data);
    }
    Ok(bytes)
}

async fn drain(body: &mut ReqBody) {
    let reading = async {
        let mut left = DRAIN_BYTES;
        while let Some(Ok(frame)) = poll_fn(|cx| Pin::new(&mut *body).poll_frame(cx)).await {
            let length = frame.data_ref().map_or(0, |data| data.len() as u64);
            match left.checked_sub(length) {
                Some(rest) => left = rest,
                None => return,
            }
        }
    };
    // Whether all of it came does not matter: the answer is the same, and follows now.
    drop(tokio::time::timeout(DRAIN_PATIENCE, reading).await);
}

fn too_large(max: u64) -> Problem {
    let detail =
        format!("at most {max} bytes are accepted, as sent and as decoded; split the batch");
    Problem::plain(Kind::PayloadTooLarge, detail)
}

fn too_slow() -> Problem {
    Problem::plain(Kind::RequestTimeout, "the body did not come in time; send it again")
}

fn not_json() -> Problem {
    let detail = "send the batch with Content-Type: application/json";
    Problem::plain(Kind::UnsupportedMediaType, detail)
}

fn unknown_coding() -> Problem {
    let detail = "Content-Encoding may be one of identity, gzip, deflate, zstd, br";
    Problem::plain(Kind::UnsupportedEncoding, detail)
}

fn malformed(detail: &'static str) -> Problem {
    Problem::new(Kind::InvalidRequest, "malformed_body", detail)
}

#[cfg(test)]
mod tests {
    use salvo::http::HeaderValue;

    use super::*;

    const LIMITS: Limits = Limits { max: 100, patience: PATIENCE };

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(*name, HeaderValue::from_static(value));
        }
        headers
    }

    async fn code_of(pairs: &[(&'static str, &'static str)], body: Vec<u8>) -> &'static str {
        let mut body = ReqBody::Once(body.into());
        match read(&headers(pairs), &mut body, LIMITS).await {
            Ok(_) => "ok",
            Err(problem) => problem.code(),
        }
    }

    #[tokio::test]
    async fn the_media_type_must_be_json() {
        for (pairs, want) in [
            (&[("content-type", "application/json")][..], "ok"),
            (&[("content-type", "Application/JSON ; charset=utf-8")], "ok"),
            (&[("content-type", "application/vnd.api+json")], "unsupported_media_type"),
            (&[("content-type", "application/jsonx")], "unsupported_media_type"),
            (&[("content-type", "text/plain")], "unsupported_media_type"),
            (&[("content-type", "")], "unsupported_media_type"),
            (&[], "unsupported_media_type"),
            (
                &[("content-type", "application/json"), ("content-type", "text/plain")],
                "unsupported_media_type",
            ),
        ] {
            assert_eq!(code_of(pairs, b"{}".to_vec()).await, want, "{pairs:?}");
        }
    }

    #[tokio::test]
    async fn one_known_coding_is_allowed() {
        let json = ("content-type", "application/json");
        for (codings, want) in [
            (&["identity"][..], "ok"),
            (&[" IDENTITY "], "ok"),
            (&["gzip, gzip"], "unsupported_encoding"),
            (&["identity", "identity"], "unsupported_encoding"),
            (&["compress"], "unsupported_encoding"),
            (&[""], "unsupported_encoding"),
            (&["gzip"], "malformed_body"),
        ] {
            let mut pairs = vec![json];
            pairs.extend(codings.iter().map(|coding| ("content-encoding", *coding)));
            assert_eq!(code_of(&pairs, b"{}".to_vec()).await, want, "{codings:?}");
        }
    }

    #[tokio::test]
    async fn the_cap_is_inclusive_and_the_declared_length_counts() {
        let json = ("content-type", "application/json");
        assert_eq!(code_of(&[json], vec![b' '; 100]).await, "ok");
        assert_eq!(code_of(&[json], vec![b' '; 101]).await, "payload_too_large");
        let declared = [json, ("content-length", "101")];
        assert_eq!(code_of(&declared, vec![b' '; 1]).await, "payload_too_large");
    }

    #[tokio::test]
    async fn a_body_that_never_ends_is_given_up() {
        let mut body = ReqBody::Boxed { inner: Box::pin(Silent), fuse_config: None };
        let limits = Limits { max: 100, patience: Duration::ZERO };
        let headers = headers(&[("content-type", "application/json")]);
        let refused = read_checked(&headers, &mut body, limits).await.unwrap_err();
        assert_eq!(refused.code(), "request_timeout");
    }

    /// Promises bytes and never sends any.
    struct Silent;

    impl Body for Silent {
        type Data = bytes::Bytes;
        type Error = salvo::BoxedError;

        fn poll_frame(
            self: Pin<&mut Self>,
            _: &mut std::task::Context<'_>,
        ) -> std::task::Poll<
            Option<Result<salvo::http::body::Frame<bytes::Bytes>, salvo::BoxedError>>,
        > {
            std::task::Poll::Pending
        }
    }
}
