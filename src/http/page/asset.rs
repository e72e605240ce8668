//! Files of the pages, as the build script made them.

use salvo::handler;
use salvo::http::header::{CONTENT_ENCODING, HeaderMap, HeaderValue};
use salvo::http::{Request, Response, StatusCode};

use crate::http::cached;
use crate::http::compress::Coding;
use crate::http::problem::{Kind, Problem};

/// A file. Its name changes with its content, so that it may be kept for ever.
pub(super) struct Asset {
    /// With a part of its fingerprint.
    pub(super) name: &'static str,
    kind: &'static str,
    plain: &'static [u8],
    brotli: &'static [u8],
    gzip: &'static [u8],
}

include!(concat!(env!("OUT_DIR"), "/assets.rs"));

impl Asset {
    fn send(&self, asked: &HeaderMap, res: &mut Response) {
        cached::respond(asked, res, self.kind, cached::IMMUTABLE, self.plain);
        if let (Some(StatusCode::OK), Some(coding)) = (res.status_code, Coding::accepted(asked)) {
            let coded = match coding {
                Coding::Brotli => self.brotli,
                Coding::Gzip => self.gzip,
            };
            res.headers_mut().insert(CONTENT_ENCODING, HeaderValue::from_static(coding.name()));
            res.body(coded);
        }
    }
}

/// `/static/{file}`
#[handler]
pub(super) async fn get_asset(req: &mut Request, res: &mut Response) {
    let name: String = req.param("file").unwrap_or_default();
    match [&STYLE, &SCRIPT, &ICON].into_iter().find(|asset| asset.name == name) {
        Some(asset) => asset.send(req.headers(), res),
        None => Problem::plain(Kind::NotFound, "there is nothing at this address").write(res),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn style_and_script_are_small() {
        let (style, script) = (STYLE.brotli.len(), SCRIPT.plain.len());
        assert!(style <= 6 * 1_024, "the stylesheet is sent as {style} bytes");
        assert!(script <= 8 * 1_024, "the script has {script} bytes, minified");
    }
}
