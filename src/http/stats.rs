//! `/v1/stats/…`: from a request to cells, from cells to an answer.
//!
//! What the answers say is decided in [`crate::stats::answers`]; here are routes, reads and status
//! codes only.

pub(crate) mod ask;

use salvo::http::{Request, Response};
use salvo::routing::filters;
use salvo::{Depot, Handler, Router, handler};
use serde::Serialize;
use stages::rollup::Axis;

use self::ask::{Ask, clock, source};
use super::cached;
use super::problem::{Kind, Problem};
use crate::stats::answers::{self, all, performance};
use crate::stats::tally::{tally, total};
use crate::stats::{Period, Tally};
use crate::store::read::{AxisCell, Grain};

/// Longer names are those of no tool.
const LONGEST_NAME: usize = 100;

/// The routes of the statistics. The depot must hold an `Arc<dyn Source>` and an `Arc<dyn Clock>`.
pub fn routes() -> Router {
    Router::with_path("v1/stats")
        .push(read("overview", get_overview))
        .push(read("tools", get_tools))
        .push(read("tool/{name}", get_tool))
        .push(read("errors", get_errors))
        .push(read("performance", get_performance))
        .push(read("all", get_all))
        .push(read("health", get_health))
}

/// A route that is only read.
pub(crate) fn read<H: Handler>(path: &str, handler: H) -> Router {
    use salvo::routing::Filter as _;
    Router::with_path(path).filter(filters::get().or(filters::head())).goal(handler)
}

#[handler]
async fn get_overview(req: &mut Request, depot: &Depot, res: &mut Response) {
    let answer = async {
        let ask = Ask::new(req, depot).await?;
        let cells = ask.source.by_axis(ask.window.range, Axis::Tool, None).await?;
        let versions = ask.source.by_axis(ask.window.range, Axis::Version, None).await?;
        let errors = ask.source.errors(ask.window.range, None).await?;
        let tools = tally(cells.iter().map(|c| (c.tool.as_str(), c.status, &c.measures)));
        Ok(answers::overview::overview(&ask.window, ask.watermark, &tools, &versions, &errors))
    };
    finish(answer.await, req, res);
}

#[handler]
async fn get_tools(req: &mut Request, depot: &Depot, res: &mut Response) {
    let answer = async {
        let ask = Ask::new(req, depot).await?;
        let cells = ask.source.by_axis(ask.window.range, Axis::Tool, None).await?;
        Ok(answers::overview::tools(&ask.window, ask.watermark, &cells))
    };
    finish(answer.await, req, res);
}

#[handler]
async fn get_tool(req: &mut Request, depot: &Depot, res: &mut Response) {
    let answer = async {
        let name: String = req.param("name").unwrap_or_default();
        if name.chars().count() > LONGEST_NAME {
            return Err(Problem::plain(Kind::NotFound, "there is nothing at this address"));
        }
        let Ask { source, window, watermark } = Ask::new(req, depot).await?;
        let of = Some(name.as_str());
        let days = source.series(window.range, Grain::Day, of).await?;
        let versions = source.by_axis(window.range, Axis::Version, of).await?;
        let countries = source.by_axis(window.range, Axis::Country, of).await?;
        answers::tool::tool(&window, watermark, &name, &days, &versions, &countries)
            .ok_or_else(|| Problem::plain(Kind::NotFound, "this tool has no calls in the period"))
    };
    finish(answer.await, req, res);
}

#[handler]
async fn get_errors(req: &mut Request, depot: &Depot, res: &mut Response) {
    let answer = async {
        let ask = Ask::new(req, depot).await?;
        let cells = ask.source.errors(ask.window.range, None).await?;
        let calls = ask.source.by_axis(ask.window.range, Axis::Tool, None).await?;
        Ok(answers::errors::errors(&ask.window, ask.watermark, &cells, &sum(&calls)))
    };
    finish(answer.await, req, res);
}

#[handler]
async fn get_performance(req: &mut Request, depot: &Depot, res: &mut Response) {
    let answer = async {
        let ask = Ask::new(req, depot).await?;
        let calls = ask.source.by_axis(ask.window.range, Axis::Tool, None).await?;
        let services = ask.source.by_axis(ask.window.range, Axis::Service, None).await?;
        Ok(performance::performance(&ask.window, ask.watermark, &sum(&calls), &services))
    };
    finish(answer.await, req, res);
}

#[handler]
async fn get_all(req: &mut Request, depot: &Depot, res: &mut Response) {
    let answer = async {
        let Ask { source, window, watermark } = Ask::new(req, depot).await?;
        let range = window.range;
        let cells = all::Cells {
            series: source.series(range, window.grain.stored(), None).await?,
            versions: source.by_axis(range, Axis::Version, None).await?,
            services: source.by_axis(range, Axis::Service, None).await?,
            countries: source.by_axis(range, Axis::Country, None).await?,
            errors: source.errors(range, None).await?,
        };
        Ok(all::all(&window, watermark, &cells))
    };
    finish(answer.await, req, res);
}

#[handler]
async fn get_health(req: &mut Request, depot: &Depot, res: &mut Response) {
    let answer = async {
        let (source, clock) = (source(depot)?, clock(depot)?);
        let last_day = Period::Hours(24).window(clock.hour(), None).range;
        let cells = source.by_axis(last_day, Axis::Tool, None).await?;
        let calls = cells.iter().map(|cell| cell.measures.calls).sum();
        // The clock is made at start-up, so its monotonic time is the process's.
        let uptime = clock.monotonic().as_secs();
        Ok(performance::health(source.watermark().await?, calls, uptime))
    };
    finish_as(cached::NO_STORE, answer.await, req, res);
}

fn sum(cells: &[AxisCell]) -> Tally {
    total(tally(cells.iter().map(|c| ((), c.status, &c.measures))).values())
}

fn finish(answer: Result<impl Serialize, Problem>, req: &Request, res: &mut Response) {
    finish_as(cached::MINUTE, answer, req, res);
}

fn finish_as(
    lifetime: &'static str,
    answer: Result<impl Serialize, Problem>,
    req: &Request,
    res: &mut Response,
) {
    let body = answer.and_then(|answer| serde_json::to_vec(&answer).map_err(Problem::internal));
    match body {
        Ok(body) => cached::respond(req.headers(), res, "application/json", lifetime, body),
        Err(problem) => problem.write(res),
    }
}

#[cfg(test)]
pub(crate) mod tests;
