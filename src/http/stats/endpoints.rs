//! The endpoints: for each its path, its parameters, its answer, and the list that its tables hold.

use async_trait::async_trait;
use stages::rollup::Axis;

use super::endpoint::{Ask, Endpoint, MOST_ROWS, limit};
use crate::http::problem::{Kind, Problem};
use crate::stats::answers::timeseries::{By, Measure};
use crate::stats::answers::{
    all, breakdown, errors, export, health, histogram, overview, performance, response_times,
    timeseries, tool, tools,
};
use crate::stats::asked::sum;
use crate::stats::query::{GRAMMAR_PARAMETERS, Parameters};
use crate::stats::{Asked, BadQuery, Period, Query};
use crate::store::read::Detail;

/// Buckets on a page of a series, and the most that may be asked for: a usual period is one page.
const SERIES_PAGE: (usize, usize) = (1_000, 1_000);
/// Buckets on a page of the export.
const EXPORT_PAGE: (usize, usize) = (31, 1_000);

pub(crate) struct Overview;

#[async_trait]
impl Endpoint for Overview {
    const PATH: &'static str = "overview";
    const SUMMARY: &'static str =
        "Everything on one page: totals, tools and errors. Tables hold the tools.";
    type Answer = overview::Overview;
    type Row = tools::ToolUse;

    async fn answer(ask: &Ask<'_>) -> Result<Self::Answer, Problem> {
        Ok(overview::overview(&ask.asked).await?)
    }

    fn rows(answer: &Self::Answer) -> &[Self::Row] {
        &answer.tools
    }
}

pub(crate) struct Tools;

#[async_trait]
impl Endpoint for Tools {
    const PATH: &'static str = "tools";
    const SUMMARY: &'static str = "Calls by tool. Tables hold the tools.";
    const OWN: &'static [&'static str] = &["limit"];
    type Answer = tools::Tools;
    type Row = tools::ToolUse;

    async fn answer(ask: &Ask<'_>) -> Result<Self::Answer, Problem> {
        Ok(tools::tools(&ask.asked, limit(ask, MOST_ROWS)?).await?)
    }

    fn rows(answer: &Self::Answer) -> &[Self::Row] {
        &answer.tools
    }
}

pub(crate) struct Tool;

#[async_trait]
impl Endpoint for Tool {
    const PATH: &'static str = "tool/{name}";
    const SUMMARY: &'static str = "One tool: by day, version and country. Tables hold the days.";
    const WITHOUT: &'static [&'static str] = &["tool"];
    type Answer = tool::Tool;
    type Row = tool::Date;

    async fn answer(ask: &Ask<'_>) -> Result<Self::Answer, Problem> {
        let found = tool::tool(&ask.asked).await?;
        found.ok_or_else(|| Problem::plain(Kind::NotFound, "this tool has no calls in the period"))
    }

    fn rows(answer: &Self::Answer) -> &[Self::Row] {
        &answer.daily_data
    }
}

pub(crate) struct Errors;

#[async_trait]
impl Endpoint for Errors {
    const PATH: &'static str = "errors";
    const SUMMARY: &'static str = "Failed calls by kind of error. Tables hold the kinds.";
    const OWN: &'static [&'static str] = &["limit"];
    type Answer = errors::Errors;
    type Row = errors::Listed;

    fn axis(_: &Parameters<'_>) -> Result<Axis, BadQuery> {
        Ok(Axis::ErrorType)
    }

    async fn answer(ask: &Ask<'_>) -> Result<Self::Answer, Problem> {
        if !ask.asked.knows_errors() {
            let detail = "kinds of error are counted by tool and version only: leave out `country`, \
                          `service` and `level`";
            return Err(Problem::plain(Kind::UnsupportedCombination, detail));
        }
        Ok(errors::errors(&ask.asked, limit(ask, errors::LISTED)?).await?)
    }

    fn rows(answer: &Self::Answer) -> &[Self::Row] {
        &answer.errors
    }
}

pub(crate) struct Performance;

#[async_trait]
impl Endpoint for Performance {
    const PATH: &'static str = "performance";
    const SUMMARY: &'static str =
        "Response times, cache and services of all calls together. Tables hold the response times.";
    type Answer = performance::Performance;
    type Row = performance::ResponseTimes;

    async fn answer(ask: &Ask<'_>) -> Result<Self::Answer, Problem> {
        Ok(performance::performance(&ask.asked).await?)
    }

    fn rows(answer: &Self::Answer) -> &[Self::Row] {
        std::slice::from_ref(&answer.response_times)
    }
}

pub(crate) struct All;

#[async_trait]
impl Endpoint for All {
    const PATH: &'static str = "all";
    const SUMMARY: &'static str = "Everything at once, for one request of a page. Tables hold the calls of each tool over time.";
    type Answer = all::All;
    type Row = all::Usage;

    async fn answer(ask: &Ask<'_>) -> Result<Self::Answer, Problem> {
        Ok(all::all(&ask.asked).await?)
    }

    fn rows(answer: &Self::Answer) -> &[Self::Row] {
        &answer.tool_usage
    }
}

pub(crate) struct Versions;

#[async_trait]
impl Endpoint for Versions {
    const PATH: &'static str = "versions";
    const SUMMARY: &'static str = "Calls by version of the client, and how versions are adopted over time. Tables hold the versions.";
    const OWN: &'static [&'static str] = &["limit"];
    type Answer = breakdown::Versions;
    type Row = breakdown::Value;

    fn axis(_: &Parameters<'_>) -> Result<Axis, BadQuery> {
        Ok(Axis::Version)
    }

    async fn answer(ask: &Ask<'_>) -> Result<Self::Answer, Problem> {
        Ok(breakdown::versions(&ask.asked, limit(ask, MOST_ROWS)?).await?)
    }

    fn rows(answer: &Self::Answer) -> &[Self::Row] {
        &answer.breakdown.values
    }
}

/// Makes an endpoint that breaks calls down by one dimension.
macro_rules! by_dimension {
    ($name:ident, $path:literal, $axis:expr, $summary:literal) => {
        pub(crate) struct $name;

        #[async_trait]
        impl Endpoint for $name {
            const PATH: &'static str = $path;
            const SUMMARY: &'static str = $summary;
            const OWN: &'static [&'static str] = &["limit"];
            type Answer = breakdown::Breakdown;
            type Row = breakdown::Value;

            fn axis(_: &Parameters<'_>) -> Result<Axis, BadQuery> {
                Ok($axis)
            }

            async fn answer(ask: &Ask<'_>) -> Result<Self::Answer, Problem> {
                Ok(breakdown::breakdown(&ask.asked, $axis, limit(ask, MOST_ROWS)?).await?)
            }

            fn rows(answer: &Self::Answer) -> &[Self::Row] {
                &answer.values
            }
        }
    };
}

by_dimension!(
    Countries,
    "countries",
    Axis::Country,
    "Calls by country. Tables hold the countries."
);
by_dimension!(
    Services,
    "services",
    Axis::Service,
    "Calls by upstream service. Tables hold the services."
);
by_dimension!(
    Levels,
    "levels",
    Axis::Level,
    "Calls by level of detail that clients chose. Tables hold the levels."
);

/// The dimension of the parameter `by`.
fn by(sent: &Parameters<'_>) -> Result<By, BadQuery> {
    Ok(sent.word("by", &By::ALL, By::as_str)?.unwrap_or(By::None))
}

pub(crate) struct ResponseTimes;

#[async_trait]
impl Endpoint for ResponseTimes {
    const PATH: &'static str = "response-times";
    const SUMMARY: &'static str =
        "Mean and percentiles of response times by any dimension. Tables hold its values.";
    const WITHOUT: &'static [&'static str] = &["compare"];
    const OWN: &'static [&'static str] = &["by", "limit"];
    type Answer = response_times::ByDimension;
    type Row = response_times::Times;

    fn axis(sent: &Parameters<'_>) -> Result<Axis, BadQuery> {
        Ok(by(sent)?.axis())
    }

    async fn answer(ask: &Ask<'_>) -> Result<Self::Answer, Problem> {
        let (by, limit) = (by(&ask.sent)?, limit(ask, MOST_ROWS)?);
        Ok(response_times::response_times(&ask.asked, by, limit).await?)
    }

    fn rows(answer: &Self::Answer) -> &[Self::Row] {
        &answer.values
    }
}

pub(crate) struct Histogram;

#[async_trait]
impl Endpoint for Histogram {
    const PATH: &'static str = "histogram";
    const SUMMARY: &'static str = "Calls by response time. Tables hold the ranges.";
    const WITHOUT: &'static [&'static str] = &["compare"];
    type Answer = histogram::Histogram;
    type Row = histogram::Slot;

    async fn answer(ask: &Ask<'_>) -> Result<Self::Answer, Problem> {
        Ok(histogram::histogram(&ask.asked).await?)
    }

    fn rows(answer: &Self::Answer) -> &[Self::Row] {
        &answer.ranges
    }
}

pub(crate) struct Timeseries;

#[async_trait]
impl Endpoint for Timeseries {
    const PATH: &'static str = "timeseries";
    const SUMMARY: &'static str =
        "Any measure by any dimension, over time. Tables hold the points.";
    const OWN: &'static [&'static str] = &["measure", "by", "limit", "cursor"];
    type Answer = timeseries::Timeseries;
    type Row = timeseries::Point;

    fn axis(sent: &Parameters<'_>) -> Result<Axis, BadQuery> {
        Ok(by(sent)?.axis())
    }

    async fn answer(ask: &Ask<'_>) -> Result<Self::Answer, Problem> {
        let measure = ask.sent.word("measure", &Measure::ALL, Measure::as_str)?;
        let measure = measure.unwrap_or(Measure::Calls);
        let by = by(&ask.sent)?;
        Ok(timeseries::timeseries(&ask.asked, &ask.page, measure, by).await?)
    }

    fn rows(answer: &Self::Answer) -> &[Self::Row] {
        &answer.points
    }

    fn pages() -> Option<(usize, usize)> {
        Some(SERIES_PAGE)
    }
}

pub(crate) struct Export;

#[async_trait]
impl Endpoint for Export {
    const PATH: &'static str = "export";
    const SUMMARY: &'static str = "The rollups themselves, by time, tool, status and one dimension, in pages. Tables hold the rows.";
    const WITHOUT: &'static [&'static str] = &["compare"];
    const OWN: &'static [&'static str] = &["by", "limit", "cursor"];
    type Answer = export::Export;
    type Row = export::Row;

    fn axis(sent: &Parameters<'_>) -> Result<Axis, BadQuery> {
        Ok(by(sent)?.axis())
    }

    async fn answer(ask: &Ask<'_>) -> Result<Self::Answer, Problem> {
        Ok(export::export(&ask.asked, &ask.page, by(&ask.sent)?).await?)
    }

    fn rows(answer: &Self::Answer) -> &[Self::Row] {
        &answer.rows
    }

    fn pages() -> Option<(usize, usize)> {
        Some(EXPORT_PAGE)
    }
}

pub(crate) struct Health;

#[async_trait]
impl Endpoint for Health {
    const PATH: &'static str = "health";
    const SUMMARY: &'static str = "Whether events arrive. Tables hold the answer as one row.";
    const WITHOUT: &'static [&'static str] = &GRAMMAR_PARAMETERS;
    const VOLATILE: bool = true;
    type Answer = health::Health;
    type Row = health::Health;

    async fn answer(ask: &Ask<'_>) -> Result<Self::Answer, Problem> {
        let Asked { extent, source, .. } = ask.asked;
        let (clock, last_day) = (&ask.reads.clock, Period::Hours(24));
        let query = Query { period: last_day, ..Query::default() };
        let day = Asked::new(query, source, extent, clock.hour())?;
        let calls = sum(&day.cells(Axis::Tool, Detail::Calls).await?).calls();
        // The clock is made at start-up, so its monotonic time is the process's.
        Ok(health::health(&extent, calls, clock.monotonic().as_secs()))
    }

    fn rows(answer: &Self::Answer) -> &[Self::Row] {
        std::slice::from_ref(answer)
    }
}
