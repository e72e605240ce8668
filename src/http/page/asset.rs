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
    pub(super) brotli: &'static [u8],
    gzip: &'static [u8],
}

include!(concat!(env!("OUT_DIR"), "/assets.rs"));

impl Asset {
    /// Whether a name is that of this file in another release. Pages outlive the server that made
    /// them in caches, and while servers are replaced one by one, old and new pages are about.
    fn was(&self, name: &str) -> bool {
        let parts = |name: &'_ str| {
            let (stem, suffix) = name.split_once('.')?;
            let (stem, hash) = stem.rsplit_once('-')?;
            let is_hash = hash.bytes().all(|b| b.is_ascii_hexdigit());
            is_hash.then(|| (stem.to_owned(), hash.len(), suffix.to_owned()))
        };
        parts(name) == parts(self.name)
    }

    fn send(&self, asked: &HeaderMap, res: &mut Response, lifetime: &'static str) {
        cached::respond(asked, res, self.kind, lifetime, self.plain);
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
    match [&STYLE, &SCRIPT, &ICON].into_iter().find(|asset| asset.was(&name)) {
        Some(asset) => {
            let lifetime = if asset.name == name { cached::IMMUTABLE } else { cached::MINUTE };
            asset.send(req.headers(), res, lifetime);
        }
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
