//! The public page at `/`: the numbers of the API for people, readable without script or network.

mod chart;
mod shell;
mod view;
mod words;

use askama::Template;
use salvo::http::header::{
    CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderValue, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
};
use salvo::http::{Request, Response};
use salvo::{Depot, Router, handler};
use stages::rollup::Axis;

use self::shell::{ICON, Message, STYLESHEET};
use self::view::{Cells, Page};
use super::cached;
use super::problem::{Kind, Problem};
use super::stats::ask::{parameters, reads};
use super::stats::read;
use crate::stats::query::PERIOD;
use crate::stats::{Asked, Period, Query};
use crate::store::read::{Detail, Filter};

const HTML: &str = "text/html; charset=utf-8";
/// No script at all, nothing from elsewhere, no frame around the page.
const POLICY: &str = "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; \
                      form-action 'none'; frame-ancestors 'none'";

/// The routes of the page and its files. The depot must hold what the statistics need.
pub fn routes() -> Router {
    Router::new().push(read("", get_page)).push(read("static/{file}", get_file))
}

#[handler]
async fn get_page(req: &mut Request, depot: &Depot, res: &mut Response) {
    let page = page(req, depot).await;
    let headers = res.headers_mut();
    headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    match page {
        Ok(html) => cached::respond(req.headers(), res, HTML, cached::MINUTE, html),
        Err(problem) => {
            problem.head(res);
            res.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(HTML));
            // The message is short and fixed; should it fail, the status still says what matters.
            res.body(Message::of(&problem).render().unwrap_or_default());
        }
    }
}

async fn page(req: &Request, depot: &Depot) -> Result<String, Problem> {
    let reads = reads(depot)?;
    let now = reads.clock.hour();
    let query = Query::read(&parameters(req, &PERIOD)?, now)?;
    let extent = reads.source.extent().await?;
    if extent.oldest.is_none() {
        return shell::Empty::at(now).render().map_err(Problem::internal);
    }
    let asked = Asked::new(query, reads.source.as_ref(), extent, now)?;
    // Totals and chart are sums of the same cells, so that they agree while events arrive.
    let cells = Cells {
        series: asked.series(&asked.window, Axis::Tool, Detail::Times).await?,
        versions: asked.cells(Axis::Version, Detail::Calls).await?,
        errors: asked.source.errors(asked.window.range, &Filter::NONE).await?,
    };
    Page::new(&asked, &cells).render().map_err(Problem::internal)
}

#[handler]
async fn get_file(req: &mut Request, res: &mut Response) {
    let name: String = req.param("file").unwrap_or_default();
    match [&*STYLESHEET, &*ICON].into_iter().find(|file| file.name == name) {
        Some(file) => {
            cached::respond(req.headers(), res, file.kind, cached::IMMUTABLE, file.content);
        }
        None => Problem::plain(Kind::NotFound, "there is nothing at this address").write(res),
    }
}

/// The period links: what each says, and the page it leads to.
const PERIODS: [(&str, Period); 4] = [
    ("24 hours", Period::Hours(24)),
    ("7 days", Period::Days(7)),
    ("30 days", Period::DEFAULT),
    ("90 days", Period::Days(90)),
];

#[cfg(test)]
mod tests;
