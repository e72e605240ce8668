//! The description of the API, for programs at `/openapi.json` and for people at `/api-docs`, where
//! Swagger UI comes out of the binary and loads nothing from elsewhere.

use std::io::{self, Read};
use std::sync::LazyLock;

use askama::Template;
use bytes::Bytes;
use flate2::read::DeflateDecoder;
use rawzip::ZipArchive;
use salvo::http::header::{CONTENT_SECURITY_POLICY, HeaderValue};
use salvo::http::{Request, Response};
use salvo::{Router, handler};
use utoipa_swagger_ui_vendored::SWAGGER_UI_VENDORED;

use super::cached;
use super::openapi::DOCUMENT;
use super::page;
use super::problem::{Kind, Problem};
use super::stats::read;

/// Scripts and files of this server, what Swagger UI sets as styles, and the pictures inside of its
/// style sheet; requests that a reader tries go to this server.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; \
                      img-src 'self' data:; connect-src 'self'; base-uri 'none'; \
                      form-action 'none'; frame-ancestors 'none'";

/// What stands around Swagger UI.
#[derive(Template)]
#[template(path = "api-docs.html")]
struct Page {
    icon: &'static str,
}

const INIT: &str = include_str!("../../static/api-docs.js");
/// What the page loads of Swagger UI, unpacked when it is first asked for.
static FILES: LazyLock<[File; 2]> = LazyLock::new(|| {
    [
        File::unpacked("swagger-ui.css", "text/css; charset=utf-8"),
        File::unpacked("swagger-ui-bundle.js", "text/javascript; charset=utf-8"),
    ]
});

/// A file of Swagger UI.
struct File {
    name: &'static str,
    kind: &'static str,
    /// Empty when the archive does not have it.
    content: Bytes,
}

impl File {
    fn unpacked(name: &'static str, kind: &'static str) -> Self {
        let content = unpack(&format!("/dist/{name}")).unwrap_or_else(|error| {
            tracing::error!(%error, name, "a file of Swagger UI cannot be unpacked");
            Vec::new()
        });
        Self { name, kind, content: content.into() }
    }
}

fn unpack(path: &str) -> io::Result<Vec<u8>> {
    let archive = ZipArchive::from_slice(SWAGGER_UI_VENDORED).map_err(io::Error::other)?;
    let mut entries = archive.entries();
    while let Some(entry) = entries.next_entry().map_err(io::Error::other)? {
        // The folder has the version in its name.
        if entry.file_path().as_ref().ends_with(path.as_bytes()) {
            let entry = archive.get_entry(entry.wayfinder()).map_err(io::Error::other)?;
            let mut content = Vec::new();
            entry.verifying_reader(DeflateDecoder::new(entry.data())).read_to_end(&mut content)?;
            return Ok(content);
        }
    }
    Err(io::ErrorKind::NotFound.into())
}

static WRITTEN: LazyLock<Bytes> =
    LazyLock::new(|| serde_json::to_vec(&*DOCUMENT).expect("JSON values always serialise").into());

/// The routes.
pub(crate) fn routes() -> Router {
    Router::new()
        .push(read("openapi.json", get_document))
        .push(read("api-docs", get_page))
        .push(read("api-docs/{file}", get_file))
}

#[handler]
async fn get_document(req: &mut Request, res: &mut Response) {
    cached::respond(req.headers(), res, "application/json", cached::MINUTE, WRITTEN.clone());
}

#[handler]
async fn get_page(req: &mut Request, res: &mut Response) {
    match (Page { icon: page::icon() }).render() {
        Ok(html) => {
            res.headers_mut().insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
            cached::respond(req.headers(), res, "text/html; charset=utf-8", cached::MINUTE, html);
        }
        Err(error) => Problem::internal(error).write(res),
    }
}

#[handler]
async fn get_file(req: &mut Request, res: &mut Response) {
    let name: String = req.param("file").unwrap_or_default();
    if name == "init.js" {
        let kind = "text/javascript; charset=utf-8";
        return cached::respond(req.headers(), res, kind, cached::MINUTE, INIT);
    }
    match FILES.iter().find(|file| file.name == name && !file.content.is_empty()) {
        Some(file) => {
            cached::respond(req.headers(), res, file.kind, cached::DAY, file.content.clone());
        }
        None => Problem::plain(Kind::NotFound, "there is nothing at this address").write(res),
    }
}
