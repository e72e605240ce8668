//! Compresses answers of pages and stats for clients that can read it.
//!
//! A layer around the handlers, which know nothing of it: they name their content by a plain `ETag`,
//! and here each coding of it gets a name of its own, as RFC 9110 (8.8.3) asks of strong tags.

use std::io::Write as _;

use salvo::http::header::{
    ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, ETAG, HeaderMap, HeaderValue,
    IF_NONE_MATCH, VARY,
};
use salvo::http::{ResBody, Response, StatusCode};
use salvo::{Depot, FlowCtrl, Request, handler};

/// Shorter bodies fit one packet anyway.
const LEAST: usize = 1_024;
/// Where brotli's time is still below a millisecond a page.
const BROTLI_QUALITY: i32 = 5;
/// Bits of the window: more than any page has.
const BROTLI_WINDOW: i32 = 18;

/// A content coding of answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
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

    fn encode(self, plain: &[u8]) -> std::io::Result<Vec<u8>> {
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
        Ok(coded)
    }

    /// The end of a tag's name in this coding.
    fn mark(self) -> String {
        format!("-{}\"", self.name())
    }
}

/// The layer.
pub(super) struct Compress;

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
                compress(res, coding);
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

fn compress(res: &mut Response, coding: Coding) {
    let ResBody::Once(plain) = &res.body else { return };
    let kind = res.headers().get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or("");
    let pictures = kind.starts_with("image/") && !kind.starts_with("image/svg");
    if plain.len() < LEAST || pictures || res.headers().contains_key(CONTENT_ENCODING) {
        return;
    }
    match coding.encode(plain) {
        Ok(coded) => {
            res.headers_mut().insert(CONTENT_ENCODING, HeaderValue::from_static(coding.name()));
            res.headers_mut().remove(CONTENT_LENGTH);
            res.body = ResBody::Once(coded.into());
        }
        // Writing to memory does not fail; should it, the plain body is as good.
        Err(error) => tracing::warn!(%error, "an answer is sent without compression"),
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
