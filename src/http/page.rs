//! The pages: the numbers of the API for people, readable without script or network.
//!
//! A page is put together from parts ([`panels`]) by [`compose`], laid out by templates, and put out
//! as HTML or, for those who ask for it, as plain text.

mod asset;
mod badge;
mod compose;
mod controls;
mod embed;
mod kept;
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
mod transparency;
mod trial;

use std::sync::Arc;

use askama::Template;
use salvo::http::header::{
    ACCEPT, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderMap, HeaderValue, VARY,
};
use salvo::http::{Request, Response, StatusCode};
use salvo::{Depot, Router, handler};

use self::compose::Which;
use self::controls::href;
use self::kept::{Drawn, Question, Shown};
use self::last_good::LastGood;
use self::shell::{Empty, Message};
use super::cached;
use super::problem::Problem;
use super::state::State;
use super::stats::ask::{Reads, reads, sent};
use super::stats::read;
use crate::stats::Query;
use crate::stats::query::{GRAMMAR_PARAMETERS, Parameters};

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
        .push(transparency::routes(state))
}

/// A page with numbers.
struct Show {
    which: Which,
    last_good: Arc<LastGood>,
    url: Option<String>,
}

/// What a request for a page comes to.
enum Ready {
    Page(Shown),
    /// There is no event yet.
    Empty(String),
}

#[handler]
impl Show {
    async fn handle(&self, req: &mut Request, depot: &Depot, res: &mut Response) {
        let plain = prefers_text(req.headers());
        let kind = if plain { TEXT } else { HTML };
        match self.page(req, depot, plain).await {
            Ok(Ready::Page(page)) => {
                // Found in the depot a moment ago.
                if let (false, Ok(reads)) = (plain, reads(depot)) {
                    let now = reads.clock.unix_millis();
                    self.last_good.keep(self.address(req, reads), page.kept.body.clone(), now);
                }
                head(res);
                page.send(req.headers(), res, kind);
            }
            Ok(Ready::Empty(html)) => send(req.headers(), res, HTML, html),
            Err(problem) if plain => problem.write(res),
            Err(problem) => match self.as_it_was(&problem, req, depot) {
                Some(html) => {
                    head(res);
                    cached::respond(req.headers(), res, HTML, cached::NO_STORE, html);
                }
                None => refuse(res, &problem),
            },
        }
    }
}

impl Show {
    async fn page(&self, req: &Request, depot: &Depot, plain: bool) -> Result<Ready, Problem> {
        let question = Question::of(req, depot).await?;
        if question.known.extent.oldest.is_none() {
            let path = compose::path(self.which, self.tool(req).as_deref());
            let empty = Empty::at(&path, question.now, self.url.as_deref());
            return Ok(Ready::Empty(empty.render().map_err(Problem::internal)?));
        }
        let mut query = question.query.clone();
        let name = self.tool(req);
        query.filter.tool = name.clone().or(query.filter.tool);
        let asked = question.asked_as(query)?;
        let make = async {
            let mut page = compose::page(self.which, &question.query, &asked).await?;
            let picture = |url: &String| format!("{url}/preview.png?{}", asked.query);
            page.shell.picture = self.url.as_ref().map(picture);
            page.shell.public.clone_from(&self.url);
            let body = match plain {
                true => text::render(&page),
                false => page.render().map_err(Problem::internal)?,
            };
            Ok(Drawn { whole: page.is_whole(), body: body.into() })
        };
        let path = compose::path(self.which, name.as_deref());
        let kept = format!("{path} {}", if plain { TEXT } else { HTML });
        Ok(Ready::Page(question.kept(&kept, &asked, make).await?))
    }

    /// The tool that the page is about.
    fn tool(&self, req: &Request) -> Option<String> {
        req.param("name").filter(|_| self.which == Which::Tool)
    }

    /// The one address of a page, however it was asked for.
    fn address(&self, req: &Request, reads: &Reads) -> String {
        let path = compose::path(self.which, self.tool(req).as_deref());
        query(sent(req), reads.clock.hour()).map_or_else(|_| String::new(), |q| href(&path, &q))
    }

    /// The page as it last was, when the store is away.
    fn as_it_was(&self, problem: &Problem, req: &Request, depot: &Depot) -> Option<String> {
        let reads = reads(depot).ok()?;
        let away = problem.status() == StatusCode::SERVICE_UNAVAILABLE;
        let page = || self.last_good.get(&self.address(req, reads), reads.clock.unix_millis());
        away.then(page).flatten()
    }
}

/// The question of a request. A form sends what was left empty as well: that is no question.
fn query(mut sent: Vec<(&str, &str)>, now: stages::Hour) -> Result<Query, Problem> {
    sent.retain(|(_, value)| !value.is_empty());
    Ok(Query::read(&Parameters::read(&sent, &GRAMMAR_PARAMETERS)?, now)?)
}

/// Whether a client asks for plain text, and not for HTML: programs that take anything get HTML.
fn prefers_text(headers: &HeaderMap) -> bool {
    accept(headers).contains("text/plain") && !accept(headers).contains("text/html")
}

fn accept(headers: &HeaderMap) -> &str {
    headers.get(ACCEPT).and_then(|accept| accept.to_str().ok()).unwrap_or_default()
}

/// The file name of the icon, for pages that are laid out elsewhere.
pub(super) const fn icon() -> &'static str {
    asset::ICON.name
}

/// Answers with a problem: as a page to whoever reads pages, and as it is to programs.
pub(super) fn tell(asked: &HeaderMap, res: &mut Response, problem: &Problem) {
    if accept(asked).contains("text/html") {
        refuse(res, problem)
    } else {
        problem.write(res)
    }
    res.headers_mut().append(VARY, HeaderValue::from_static("accept"));
}

fn send(asked: &HeaderMap, res: &mut Response, kind: &'static str, body: String) {
    head(res);
    cached::respond(asked, res, kind, cached::MINUTE, body);
}

/// What is said of every page, whatever is on it.
fn head(res: &mut Response) {
    protect(res);
    res.headers_mut().append(VARY, HeaderValue::from_static("accept"));
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
