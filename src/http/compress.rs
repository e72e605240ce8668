//! Compresses answers of pages and stats for clients that can read it.
//!
//! A layer around the handlers, which know nothing of it: they name their content by a plain `ETag`,
//! and here each coding of it gets a name of its own, as RFC 9110 (8.8.3) asks of strong tags. What
//! was compressed once is kept under that name, because it takes longer than everything else that is
//! left to do for an answer that is kept.

use std::io::Write as _;

use bytes::Bytes;
use quick_cache::Weighter;
use quick_cache::sync::Cache;
use salvo::http::header::{
    ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, ETAG,
    HeaderMap, HeaderValue, IF_NONE_MATCH, VARY,
};
use salvo::http::{ResBody, Response, StatusCode};
use salvo::{Depot, FlowCtrl, Request, handler};

use super::cached;

/// Shorter bodies fit one packet anyway.
const LEAST: usize = 1_024;
/// Where brotli's time is still below a millisecond a page.
const BROTLI_QUALITY: i32 = 5;
/// Bits of the window: more than any page has.
const BROTLI_WINDOW: i32 = 18;
/// Most bytes of compressed answers that are kept.
const CAPACITY: u64 = 16 * 1_024 * 1_024;
/// Bytes of a usual one, by which the table of them is sized.
const USUAL: usize = 8 * 1_024;

/// A content coding of answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Coding {
    Brotli,
    Gzip,
}

impl Coding {
    /// The best one that a client accepts; `None` for none at all.
    pub(super) fn accepted(headers: &HeaderMap) -> Option<Self> {
        let sent = headers.get_all(ACCEPT_ENCODING).iter().filter_map(|value| value.to_str().ok());
        let all: Vec<&str> = sent.flat_map(|value| value.split(',')).collect();
        let weight = |name: &str| {
            let named = all.iter().find_map(|one| {
                let (coding, weight) = one.split_once(';').unwrap_or((one, "q=1"));
                let weight = weight.trim().strip_prefix("q=").and_then(|q| q.parse::<f32>().ok());
                coding.trim().eq_ignore_ascii_case(name).then_some(weight.unwrap_or(1.0))
            });
            named.unwrap_or(0.0)
        };
        let (brotli, gzip) = (weight("br").max(weight("*")), weight("gzip"));
        match () {
            () if brotli > 0.0 && brotli >= gzip => Some(Self::Brotli),
            () if gzip > 0.0 => Some(Self::Gzip),
            () => None,
        }
    }

    /// As headers name it.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Brotli => "br",
            Self::Gzip => "gzip",
        }
    }

    pub(super) fn encode(self, plain: &[u8]) -> std::io::Result<Bytes> {
        let mut coded = Vec::with_capacity(plain.len() / 3);
        match self {
            Self::Brotli => {
                let parameters = brotli::enc::BrotliEncoderParams {
                    quality: BROTLI_QUALITY,
                    lgwin: BROTLI_WINDOW,
                    size_hint: plain.len(),
                    ..Default::default()
                };
                brotli::BrotliCompress(&mut &*plain, &mut coded, &parameters)?;
            }
            Self::Gzip => {
                let mut encoder =
                    flate2::write::GzEncoder::new(&mut coded, flate2::Compression::default());
                encoder.write_all(plain)?;
                encoder.finish()?;
            }
        }
        Ok(coded.into())
    }

    /// The end of a tag's name in this coding.
    fn mark(self) -> String {
        format!("-{}\"", self.name())
    }
}

/// The name of a body, and a coding of it.
type Name = (HeaderValue, Coding);

/// The bytes of a compressed body.
#[derive(Clone)]
struct Bulk;

impl Weighter<Name, Bytes> for Bulk {
    fn weight(&self, (tag, _): &Name, coded: &Bytes) -> u64 {
        (tag.len() + coded.len()) as u64
    }
}

/// The layer.
pub(super) struct Compress(Cache<Name, Bytes, Bulk>);

impl Default for Compress {
    fn default() -> Self {
        let usual = usize::try_from(CAPACITY).unwrap_or(usize::MAX) / USUAL;
        Self(Cache::with_weighter(usual, CAPACITY, Bulk))
    }
}

impl Compress {
    fn compress(&self, res: &mut Response, coding: Coding) {
        let ResBody::Once(plain) = &res.body else { return };
        let headers = res.headers();
        let kind = headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or("");
        let pictures = kind.starts_with("image/") && !kind.starts_with("image/svg");
        if plain.len() < LEAST || pictures || headers.contains_key(CONTENT_ENCODING) {
            return;
        }
        let lasting = headers.get(CACHE_CONTROL).is_some_and(|kept| kept != cached::NO_STORE);
        let coded = match headers.get(ETAG).filter(|_| lasting) {
            Some(tag) => self.0.get_or_insert_with(&(tag.clone(), coding), || coding.encode(plain)),
            None => coding.encode(plain),
        };
        match coded {
            Ok(coded) => {
                res.headers_mut().insert(CONTENT_ENCODING, HeaderValue::from_static(coding.name()));
                res.headers_mut().remove(CONTENT_LENGTH);
                res.body = ResBody::Once(coded);
            }
            // Writing to memory does not fail; should it, the plain body is as good.
            Err(error) => tracing::warn!(%error, "an answer is sent without compression"),
        }
    }
}

#[handler]
impl Compress {
    async fn handle(
        &self,
        req: &mut Request,
        depot: &mut Depot,
        res: &mut Response,
        ctrl: &mut FlowCtrl,
    ) {
        let coding = Coding::accepted(req.headers());
        let marked = coding.is_some_and(|coding| unmark(req.headers_mut(), coding));
        ctrl.call_next(req, depot, res).await;
        res.headers_mut().append(VARY, HeaderValue::from_static("accept-encoding"));
        let Some(coding) = coding else { return };
        match res.status_code {
            Some(StatusCode::NOT_MODIFIED) if marked => mark(res.headers_mut(), coding),
            Some(StatusCode::NOT_MODIFIED) => {}
            _ => {
                self.compress(res, coding);
                if res.headers().contains_key(CONTENT_ENCODING) {
                    mark(res.headers_mut(), coding);
                }
            }
        }
    }
}

/// Makes the tags of this coding, which a client sent back, those that handlers know.
fn unmark(headers: &mut HeaderMap, coding: Coding) -> bool {
    let Some(sent) = headers.get(IF_NONE_MATCH).and_then(|sent| sent.to_str().ok()) else {
        return false;
    };
    let plain = sent.replace(&coding.mark(), "\"");
    let marked = plain != sent;
    if let (true, Ok(plain)) = (marked, HeaderValue::from_str(&plain)) {
        headers.insert(IF_NONE_MATCH, plain);
    }
    marked
}

fn mark(headers: &mut HeaderMap, coding: Coding) {
    let tag = headers.get(ETAG).and_then(|tag| tag.to_str().ok());
    let marked =
        tag.and_then(|tag| tag.strip_suffix('"')).map(|tag| tag.to_owned() + &coding.mark());
    if let Some(Ok(marked)) = marked.map(|tag| HeaderValue::from_str(&tag)) {
        headers.insert(ETAG, marked);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(name: salvo::http::HeaderName, value: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(name, HeaderValue::from_static(value))])
    }

    #[test]
    fn the_best_coding_that_is_accepted_is_taken() {
        for (sent, want) in [
            ("gzip, deflate, br, zstd", Some(Coding::Brotli)),
            ("gzip;q=1.0, br;q=0.5", Some(Coding::Gzip)),
            ("GZIP", Some(Coding::Gzip)),
            ("br;q=0, gzip", Some(Coding::Gzip)),
            ("*", Some(Coding::Brotli)),
            ("identity", None),
            ("gzip;q=0", None),
            ("", None),
        ] {
            assert_eq!(Coding::accepted(&headers(ACCEPT_ENCODING, sent)), want, "{sent}");
        }
    }

    #[test]
    fn every_coding_has_a_tag_of_its_own() {
        let mut answer = headers(ETAG, "\"abc\"");
        mark(&mut answer, Coding::Brotli);
        assert_eq!(answer[ETAG], "\"abc-br\"");
        let mut asked = headers(IF_NONE_MATCH, "\"x\", \"abc-br\"");
        assert!(!unmark(&mut asked, Coding::Gzip));
        assert!(unmark(&mut asked, Coding::Brotli));
        assert_eq!(asked[IF_NONE_MATCH], "\"x\", \"abc\"");
    }

    #[test]
    fn what_lasts_is_compressed_once_and_what_does_not_is_not_kept() {
        let layer = Compress::default();
        let sent = |tag: &'static str, lifetime: &'static str, body: &str| {
            let mut res = Response::new();
            res.headers_mut().insert(ETAG, HeaderValue::from_static(tag));
            res.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static(lifetime));
            res.body(body.repeat(LEAST));
            layer.compress(&mut res, Coding::Gzip);
            match res.take_body() {
                ResBody::Once(bytes) => bytes,
                _ => panic!("answers are sent whole"),
            }
        };
        let first = sent("\"a\"", cached::MINUTE, "1");
        // A tag stands for a body, so this one is not even looked at.
        assert_eq!(sent("\"a\"", cached::MINUTE, "2"), first);
        assert_ne!(sent("\"b\"", cached::MINUTE, "2"), first);
        assert_ne!(sent("\"c\"", cached::NO_STORE, "1"), sent("\"c\"", cached::NO_STORE, "2"));
    }

    #[test]
    fn what_is_compressed_can_be_read_again() {
        use std::io::Read as _;
        let plain = "calls ".repeat(1_000).into_bytes();
        let mut back = Vec::new();
        let coded = Coding::Gzip.encode(&plain).unwrap();
        flate2::read::GzDecoder::new(&*coded).read_to_end(&mut back).unwrap();
        assert_eq!(back, plain);
        back.clear();
        let coded = Coding::Brotli.encode(&plain).unwrap();
        brotli_decompressor::BrotliDecompress(&mut &*coded, &mut back).unwrap();
        assert_eq!(back, plain);
        assert!(coded.len() * 20 < plain.len());
    }
}
