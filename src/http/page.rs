//! The pages: the numbers of the API for people, readable without script or network.
//!
//! A page is put together from parts ([`panels`]) by [`compose`], laid out by templates, and put out
//! as HTML or, for those who ask for it, as plain text.

mod asset;
mod badge;
mod compose;
mod controls;
mod embed;
mod last_good;
mod method;
mod model;
mod numbers;
mod panels;
mod picture;
mod problems;
mod shell;
mod status;
mod text;

use std::sync::Arc;

use askama::Template;
use salvo::http::header::{
    ACCEPT, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderMap, HeaderValue, VARY,
};
use salvo::http::{Request, Response, StatusCode};
use salvo::{Depot, Router, handler};

use self::compose::Which;
use self::last_good::LastGood;
use self::model::Page;
use self::shell::{Empty, Message};
use super::cached;
use super::problem::Problem;
use super::state::State;
use super::stats::ask::{reads, sent};
use super::stats::read;
use crate::stats::query::{GRAMMAR_PARAMETERS, Parameters};
use crate::stats::{Asked, Query};

const HTML: &str = "text/html; charset=utf-8";
const TEXT: &str = "text/plain; charset=utf-8";
/// Only what this server sends, nothing inside of the page, and no frame around it.
const POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; \
                      connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// The routes of the pages and their files. The depot must hold what the statistics need; `url` is
/// where the public reaches them, without which previews have no picture.
pub fn routes(url: Option<&str>) -> Router {
    let last_good = Arc::new(LastGood::default());
    let page = |path, which| {
        let last_good = Arc::clone(&last_good);
        read(path, Show { which, last_good, url: url.map(str::to_owned) })
    };
    Router::new()
        .push(page("", Which::Overview))
        .push(page("tools", Which::Tools))
        .push(page("tools/{name}", Which::Tool))
        .push(page("performance", Which::Performance))
        .push(page("errors", Which::Errors))
        .push(page("versions", Which::Versions))
        .push(page("geography", Which::Geography))
        .push(read("methodology", method::get_methodology))
        .push(read("preview.png", picture::get_picture))
        .push(read("static/{file}", asset::get_asset))
        .push(problems::route())
}

/// The routes that depend on the server's state and settings: the page about the server itself, and
/// what other pages may show.
pub fn routes_of(state: &Arc<State>) -> Router {
    Router::new()
        .push(read("status", status::StatusPage(Arc::clone(state))))
        .push(read("badge/{file}", badge::GetBadge(Arc::clone(state))))
        .push(read("embed/{part}", embed::GetEmbed(Arc::clone(state))))
}

/// A page with numbers.
struct Show {
    which: Which,
    last_good: Arc<LastGood>,
    url: Option<String>,
}

/// A page that is ready to be sent.
enum Ready {
    Page(Box<Page>),
    Empty(Empty),
}

impl Ready {
    fn html(&self) -> Result<String, Problem> {
        let html = match self {
            Self::Page(page) => page.render(),
            Self::Empty(empty) => empty.render(),
        };
        html.map_err(Problem::internal)
    }
}

#[handler]
impl Show {
    async fn handle(&self, req: &mut Request, depot: &Depot, res: &mut Response) {
        let plain = prefers_text(req.headers());
        let address = req.uri().to_string();
        let answer: Result<(&'static str, String), Problem> = async {
            let ready = self.page(req, depot).await?;
            match &ready {
                Ready::Page(page) if plain => Ok((TEXT, text::render(page))),
                ready => Ok((HTML, ready.html()?)),
            }
        }
        .await;
        match answer {
            Ok((kind, body)) => {
                if let (HTML, Some(now)) = (kind, now(depot)) {
                    self.last_good.keep(address, &body, now);
                }
                send(req.headers(), res, kind, body);
            }
            Err(problem) if problem.status() == StatusCode::SERVICE_UNAVAILABLE && !plain => {
                match now(depot).and_then(|now| self.last_good.get(&address, now)) {
                    Some(html) => {
                        send(req.headers(), res, HTML, html);
                        let headers = res.headers_mut();
                        headers.insert(
                            salvo::http::header::CACHE_CONTROL,
                            HeaderValue::from_static(cached::NO_STORE),
                        );
                    }
                    None => refuse(res, &problem),
                }
            }
            Err(problem) if plain => problem.write(res),
            Err(problem) => refuse(res, &problem),
        }
    }
}

impl Show {
    async fn page(&self, req: &Request, depot: &Depot) -> Result<Ready, Problem> {
        let reads = reads(depot)?;
        let now = reads.clock.hour();
        let query = query(sent(req), now)?;
        let extent = reads.source.extent().await?;
        if extent.oldest.is_none() {
            return Ok(Ready::Empty(Empty::at(now)));
        }
        let mut asked = query.clone();
        let name: Option<String> = req.param("name");
        if let (Which::Tool, Some(name)) = (self.which, &name) {
            asked.filter.tool = Some(name.clone());
        }
        let asked = Asked::new(asked, &*reads.source, extent, now)?;
        let mut page = compose::page(self.which, &query, &asked).await?;
        let picture = |url: &String| format!("{url}/preview.png?{}", asked.query);
        page.shell.picture = self.url.as_ref().map(picture);
        Ok(Ready::Page(Box::new(page)))
    }
}

/// Unix milliseconds.
fn now(depot: &Depot) -> Option<i64> {
    reads(depot).ok().map(|reads| reads.clock.unix_millis())
}

/// The question of a request. A form sends what was left empty as well: that is no question.
fn query(mut sent: Vec<(&str, &str)>, now: stages::Hour) -> Result<Query, Problem> {
    sent.retain(|(_, value)| !value.is_empty());
    Ok(Query::read(&Parameters::read(&sent, &GRAMMAR_PARAMETERS)?, now)?)
}

/// Whether a client asks for plain text, and not for HTML: programs that take anything get HTML.
fn prefers_text(headers: &HeaderMap) -> bool {
    let accept = headers.get(ACCEPT).and_then(|accept| accept.to_str().ok()).unwrap_or_default();
    accept.contains("text/plain") && !accept.contains("text/html")
}

fn send(asked: &HeaderMap, res: &mut Response, kind: &'static str, body: String) {
    protect(res);
    res.headers_mut().append(VARY, HeaderValue::from_static("accept"));
    cached::respond(asked, res, kind, cached::MINUTE, body);
}

fn refuse(res: &mut Response, problem: &Problem) {
    problem.head(res);
    protect(res);
    res.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(HTML));
    // The message is short and fixed; should it fail, the status still says what matters.
    res.body(Message::of(problem).render().unwrap_or_default());
}

fn protect(res: &mut Response) {
    res.headers_mut().insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
}

#[cfg(test)]
mod palette;
#[cfg(test)]
mod tests;
