//! A page for each kind of problem, to which its `type` leads.

use askama::Template;
use salvo::http::header::{CONTENT_SECURITY_POLICY, HeaderValue};
use salvo::http::{Request, Response};
use salvo::{Router, handler};

use super::shell::Message;
use super::{HTML, POLICY, tell};
use crate::http::cached;
use crate::http::problem::{Kind, Problem};
use crate::http::stats::read;

pub(super) fn route() -> Router {
    read("problems/{kind}", get_problem)
}

#[handler]
async fn get_problem(req: &mut Request, res: &mut Response) {
    let name: String = req.param("kind").unwrap_or_default();
    let kind = Kind::ALL.into_iter().find(|kind| kind.error() == name);
    let page = kind.map(|kind| Message::about(kind).render().map_err(Problem::internal));
    match page {
        Some(Ok(html)) => {
            res.headers_mut().insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
            cached::respond(req.headers(), res, HTML, cached::MINUTE, html);
        }
        Some(Err(problem)) => problem.write(res),
        None => {
            let problem = Problem::plain(Kind::NotFound, "there is nothing at this address");
            tell(req.headers(), res, &problem);
        }
    }
}
