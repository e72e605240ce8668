//! What every endpoint of the statistics has in common: its parameters, its forms, its pages.
//!
//! An endpoint is a type in [`endpoints`](mod@super::endpoints); the list of them in [`super::endpoints()`] is what
//! the router, the description of the API and its tests are made from.

use std::marker::PhantomData;
use std::sync::Arc;

use async_trait::async_trait;
use salvo::http::header::{HeaderValue, LINK, VARY};
use salvo::http::{Request, Response};
use salvo::{Depot, Router, handler};
use schemars::JsonSchema;
use serde::Serialize;
use stages::rollup::Axis;

use super::ask::{Reads, parameters, reads};
use super::cache::{Kept, Made};
use super::cursor;
use super::format::{Format, csv, ndjson};
use super::watched::Watched;
use crate::http::cached;
use crate::http::problem::{Kind, Problem};
use crate::stats::freshness::Known;
use crate::stats::query::{Escaped, GRAMMAR_PARAMETERS, Parameters};
use crate::stats::{Asked, BadQuery, Query, Window};
use crate::store::read::Filter;

/// Longer names are those of no tool.
const LONGEST_NAME: usize = 100;

/// An endpoint of the statistics.
#[async_trait]
pub(crate) trait Endpoint: Send + Sync + 'static {
    /// Its path below `/v1/stats`, as the router writes it.
    const PATH: &'static str;
    /// What it answers, in a few words.
    const SUMMARY: &'static str;
    /// Parameters of the grammar that it does not take.
    const WITHOUT: &'static [&'static str] = &[];
    /// Parameters of its own.
    const OWN: &'static [&'static str] = &[];
    /// Whether its answer is made anew for every request.
    const VOLATILE: bool = false;
    /// The whole answer.
    type Answer: Serialize + JsonSchema + Send;
    /// A row of the list that tables hold.
    type Row: Serialize + JsonSchema;

    /// Answers.
    async fn answer(ask: &Ask<'_>) -> Result<Self::Answer, Problem>;

    /// The list that tables hold.
    fn rows(answer: &Self::Answer) -> &[Self::Row];

    /// The dimension by which calls are told apart.
    fn axis(_sent: &Parameters<'_>) -> Result<Axis, BadQuery> {
        Ok(Axis::Tool)
    }

    /// The buckets of a page, for an endpoint that is read in pages: those of the default, and the
    /// most that may be asked for.
    fn pages() -> Option<(usize, usize)> {
        None
    }
}

/// A request, as an endpoint sees it.
pub(crate) struct Ask<'r> {
    /// The question.
    pub(super) asked: Asked<'r>,
    /// What was sent.
    pub(super) sent: Parameters<'r>,
    /// The stretch of the question's window that is on this page.
    pub(super) page: Window,
    /// What there is to read from.
    pub(super) reads: &'r Reads,
}

/// The parameters that an endpoint takes.
pub(crate) fn takes<E: Endpoint>() -> Vec<&'static str> {
    let grammar = GRAMMAR_PARAMETERS.iter().filter(|name| !E::WITHOUT.contains(name));
    let mut takes: Vec<&'static str> = grammar.copied().collect();
    takes.extend(E::OWN);
    takes
}

/// Adds the routes of an endpoint: in the form of its `Accept`, and one for each form by suffix.
pub(super) fn routes<E: Endpoint>(router: Router) -> Router {
    let route = |suffix: &str, format| {
        super::read(&format!("{}{suffix}", E::PATH), Answer::<E> { format, endpoint: PhantomData })
    };
    let router = router.push(route("", None));
    if E::PATH.ends_with('}') {
        // The suffix is part of the name.
        return router;
    }
    Format::ALL
        .into_iter()
        .fold(router, |router, format| router.push(route(format.suffix(), Some(format))))
}

/// Answers for an endpoint.
struct Answer<E> {
    /// The form that the path asks for.
    format: Option<Format>,
    endpoint: PhantomData<fn() -> E>,
}

#[handler]
impl<E: Endpoint> Answer<E> {
    async fn handle(&self, req: &mut Request, depot: &Depot, res: &mut Response) {
        match answer::<E>(self.format, req, depot).await {
            Ok(ready) => ready.send(req, res),
            Err(problem) => problem.write(res),
        }
    }
}

/// An answer on its way.
struct Ready {
    kept: Arc<Kept>,
    format: Format,
    lifetime: &'static str,
}

impl Ready {
    fn send(self, req: &Request, res: &mut Response) {
        let headers = res.headers_mut();
        headers.append(VARY, HeaderValue::from_static("Accept, Accept-Encoding"));
        let next = self.kept.next.as_ref().map(|next| format!("<{next}>; rel=\"next\""));
        if let Some(Ok(next)) = next.map(HeaderValue::try_from) {
            headers.insert(LINK, next);
        }
        let (body, tag) = (self.kept.body.clone(), &self.kept.tag);
        let content_type = self.format.content_type();
        cached::respond_named(req.headers(), res, content_type, self.lifetime, body, tag);
    }
}

async fn answer<E: Endpoint>(
    format: Option<Format>,
    req: &Request,
    depot: &Depot,
) -> Result<Ready, Problem> {
    let (name, suffix) = named(req)?;
    let format = format.or(suffix).or_else(|| Format::accepted(req.headers()));
    let format = format.ok_or_else(|| {
        let detail = "answers are application/json, text/csv or application/x-ndjson; say so in \
                      Accept, or end the path with .json, .csv or .ndjson";
        Problem::plain(Kind::NotAcceptable, detail)
    })?;
    let reads = reads(depot)?;
    let now = reads.clock.hour();
    let sent = parameters(req, &takes::<E>())?;
    let mut query = Query::read(&sent, now)?;
    query.filter.tool = name.or(query.filter.tool);
    // A page is bound to everything that decides what stands on it.
    let question = canonical::<E>(&query, &sent);
    let from = sent.get("cursor");
    let from = from.map(|text| cursor::read(&reads.key, &question, text)).transpose()?;
    let buckets = match E::pages() {
        Some((usual, most)) => sent.number("limit", most)?.unwrap_or(usual),
        None => usize::MAX,
    };
    let known = reads.known().await?;
    let named = query.filter != Filter::NONE;
    let watched = Watched::new(reads.source.as_ref());
    let asked = Asked::new(query, &watched, known.extent, now)?.told_apart_by(E::axis(&sent)?)?;
    let (page, next) = asked.window.stretch(from, buckets);
    let lifetime = lifetime::<E>(&asked.window);
    let next = next.map(|next| {
        let cursor = cursor::write(&reads.key, &question, next);
        // With the form in the path, so that whoever follows the link gets more of the same.
        format!("{}&cursor={cursor}", question.replacen('?', &format!("{}?", format.suffix()), 1))
    });
    let key = format!("{} {} {}", key(&asked, &page, &known), format.suffix(), question);
    let ask = Ask { asked, sent, page, reads };
    let make = async {
        let answer = E::answer(&ask).await?;
        let body = match format {
            Format::Json => serde_json::to_vec(&answer).map_err(Problem::internal)?,
            Format::Csv => csv(E::rows(&answer)).map_err(Problem::internal)?,
            Format::Ndjson => ndjson(E::rows(&answer)).map_err(Problem::internal)?,
        };
        // Names that nobody ever used are thought up by strangers, without end.
        let keep = !named || watched.has_found();
        Ok(Made { answer: Kept::new(body, next), keep })
    };
    let kept = if E::VOLATILE {
        Arc::new(make.await?.answer)
    } else {
        reads.answers.get(&key, make).await?
    };
    Ok(Ready { kept, format, lifetime })
}

/// What an answer depends on beside the words of its question: the hours that they mean now, and
/// whether the days that these touch have changed.
fn key(asked: &Asked<'_>, page: &Window, known: &Known) -> String {
    let mut key = String::new();
    let windows = [Some(&asked.window), Some(page), asked.compared.as_ref()];
    for range in windows.into_iter().flatten().map(|window| window.range) {
        let (from, to) = (range.from.epoch_hours(), range.to.epoch_hours());
        key.push_str(&format!("{from}-{to}-{} ", known.generation(range)));
    }
    key
}

/// The name in the path and the form that it ends with, where the path has a name.
fn named(req: &Request) -> Result<(Option<String>, Option<Format>), Problem> {
    let Some(name) = req.param::<String>("name") else { return Ok((None, None)) };
    let suffix = Format::ALL.into_iter().find(|format| name.ends_with(format.suffix()));
    let name = suffix.and_then(|format| name.strip_suffix(format.suffix())).unwrap_or(&name);
    if name.chars().count() > LONGEST_NAME {
        return Err(Problem::plain(Kind::NotFound, "there is nothing at this address"));
    }
    Ok((Some(name.to_owned()), suffix))
}

/// Path and query of a question in one canonical form, without the cursor.
fn canonical<E: Endpoint>(query: &Query, sent: &Parameters<'_>) -> String {
    let mut question = format!("/v1/stats/{}?{query}", E::PATH);
    for name in E::OWN.iter().filter(|name| **name != "cursor") {
        if let Some(value) = sent.get(name) {
            question.push_str(&format!("&{name}={}", Escaped(value)));
        }
    }
    question
}

fn lifetime<E: Endpoint>(window: &Window) -> &'static str {
    if E::VOLATILE {
        cached::NO_STORE
    } else if window.is_settled() {
        cached::DAY
    } else {
        cached::MINUTE
    }
}

/// Most rows of a list by rank.
pub(crate) const MOST_ROWS: usize = 1_000;

/// The number of rows that a list by rank may have: `usual`, unless the request says how many.
pub(super) fn limit(ask: &Ask<'_>, usual: usize) -> Result<usize, BadQuery> {
    Ok(ask.sent.number("limit", MOST_ROWS)?.unwrap_or(usual))
}
