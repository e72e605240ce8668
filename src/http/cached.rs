//! Bodies that a client may keep: validators, lifetimes, and the short answer when nothing changed.

use std::hash::Hasher;

use bytes::Bytes;
use salvo::http::header::{
    CACHE_CONTROL, CONTENT_TYPE, ETAG, HeaderMap, HeaderName, HeaderValue, IF_NONE_MATCH,
};
use salvo::http::{ResBody, Response, StatusCode};
use siphasher::sip128::{Hasher128, SipHasher24};

/// How long an answer that follows the data may be kept.
pub(crate) const MINUTE: &str = "public, max-age=60";
/// How long an answer about what no longer changes may be kept.
pub(crate) const DAY: &str = "public, max-age=86400";
/// For an answer that is different every second.
pub(crate) const NO_STORE: &str = "no-store";
/// How long a file may be kept whose name changes with its content.
pub(crate) const IMMUTABLE: &str = "public, max-age=31536000, immutable";

/// A name for content: 32 hex digits that change when the content does. Not keyed, because it
/// names what everybody may read.
pub(crate) fn fingerprint(content: &[u8]) -> String {
    let mut hasher = SipHasher24::new();
    hasher.write(content);
    format!("{:032x}", hasher.finish128().as_u128())
}

/// Answers 200 with a body and its strong `ETag`, or 304 when the client has that body already.
pub(crate) fn respond(
    asked: &HeaderMap,
    res: &mut Response,
    content_type: &'static str,
    lifetime: &'static str,
    body: impl Into<Bytes>,
) {
    let body = body.into();
    let tag = fingerprint(&body);
    respond_named(asked, res, content_type, lifetime, body, &tag);
}

/// The same with a name for the body that is known already.
pub(crate) fn respond_named(
    asked: &HeaderMap,
    res: &mut Response,
    content_type: &'static str,
    lifetime: &'static str,
    body: Bytes,
    tag: &str,
) {
    let etag = format!("\"{tag}\"");
    let known = asked.get_all(IF_NONE_MATCH).iter().any(|sent| names(sent, &etag));
    set(res, CACHE_CONTROL, HeaderValue::from_static(lifetime));
    set(res, ETAG, HeaderValue::from_str(&etag).expect("quotes and hex digits are visible ASCII"));
    if known {
        res.status_code(StatusCode::NOT_MODIFIED);
    } else {
        res.status_code(StatusCode::OK);
        set(res, CONTENT_TYPE, HeaderValue::from_static(content_type));
        res.body(ResBody::Once(body));
    }
}

fn set(res: &mut Response, name: HeaderName, value: HeaderValue) {
    res.headers_mut().insert(name, value);
}

/// Whether an `If-None-Match` names the tag. The comparison is the weak one (RFC 9110, 13.1.2).
fn names(sent: &HeaderValue, etag: &str) -> bool {
    let Ok(sent) = sent.to_str() else { return false };
    let mut tags = sent.split(',').map(str::trim);
    sent.trim() == "*" || tags.any(|tag| tag.strip_prefix("W/").unwrap_or(tag) == etag)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_is_found_in_a_list_weak_or_strong() {
        for (sent, want) in [
            ("\"a\"", true),
            ("W/\"a\"", true),
            ("\"b\", \"a\"", true),
            ("*", true),
            ("\"b\"", false),
            ("a", false),
            ("", false),
        ] {
            assert_eq!(names(&HeaderValue::from_static(sent), "\"a\""), want, "{sent}");
        }
    }

    #[test]
    fn a_fingerprint_follows_the_content() {
        assert_eq!(fingerprint(b"a"), fingerprint(b"a"));
        assert_ne!(fingerprint(b"a"), fingerprint(b"b"));
        assert_eq!(fingerprint(b"").len(), 32);
    }
}
