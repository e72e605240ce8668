//! `/v1/stats/tool/{name}`.

use schemars::JsonSchema;
use serde::Serialize;
use stages::ports::StoreError;
use stages::rollup::Axis;

use super::tools::ToolUse;
use super::{Comparison, Coverage, data_as_of, partial_buckets};
use crate::stats::Grain;
use crate::stats::asked::{Asked, by_value, sum};
use crate::stats::tally::{Tally, ranked, share, tally, total};
use crate::store::read::Detail;

const MOST_VERSIONS: usize = 10;
const MOST_COUNTRIES: usize = 20;

/// One tool.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Tool {
    /// The tool.
    tool: String,
    /// The period, normalised.
    period: String,
    /// Width of the buckets of `daily_data`: always a day.
    grain: Grain,
    /// Hour in which the newest event was received.
    data_as_of: Option<String>,
    /// How much is known.
    coverage: Coverage,
    /// The period as a whole.
    summary: ToolUse,
    /// The first hours of the dates that the period covers in part only.
    partial_buckets: Vec<String>,
    /// UTC dates with calls, ascending.
    pub daily_data: Vec<Date>,
    /// The ten most used.
    versions: Vec<Version>,
    /// The twenty with most calls.
    countries: Vec<Country>,
    /// The hours that are compared with.
    #[serde(skip_serializing_if = "Option::is_none")]
    comparison: Option<Comparison>,
}

/// A UTC date.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[schemars(rename = "ToolDate")]
pub struct Date {
    /// The date.
    date: String,
    /// Calls.
    calls: u64,
    /// 0..=1.
    success_rate: f64,
    /// Mean, in milliseconds; 0 when none is known.
    avg_response_time_ms: f64,
}

#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[schemars(rename = "ToolVersion")]
struct Version {
    /// The version.
    version: String,
    /// Calls.
    calls: u64,
    /// 0..=1, of the tool's calls.
    percentage: f64,
}

#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[schemars(rename = "ToolCountry")]
struct Country {
    /// ISO 3166-1 alpha-2.
    country: String,
    /// Calls.
    calls: u64,
    /// 0..=1, of the tool's calls.
    percentage: f64,
}

/// Answers about the tool that the question's filter names; `None` when it has no calls.
///
/// # Errors
/// When the store cannot be read.
pub async fn tool(asked: &Asked<'_>) -> Result<Option<Tool>, StoreError> {
    let by_day = asked.window.by(Grain::Day);
    let (days, before, versions, countries) = tokio::try_join!(
        asked.series(&by_day, Axis::Tool, Detail::Sums),
        asked.cells_before(Axis::Tool, Detail::Sums),
        asked.cells(Axis::Version, Detail::Calls),
        asked.cells(Axis::Country, Detail::Calls),
    )?;
    let days = tally(days.iter().map(|cell| (cell.bucket.day(), cell.status, &cell.measures)));
    let total = total(days.values());
    if total.calls() == 0 {
        return Ok(None);
    }
    let name = asked.query.filter.tool.clone().unwrap_or_default();
    let before = sum(&before);
    let summary = ToolUse::new(&name, &total);
    let summary = if asked.compared.is_some() { summary.compared(Some(&before)) } else { summary };
    let versions = tally(by_value(&versions));
    let countries = tally(by_value(&countries));
    let in_country = countries.values().map(Tally::calls).sum();
    let daily_data = days.iter().map(|(day, tally)| Date {
        date: day.to_string(),
        calls: tally.calls(),
        success_rate: tally.success_rate(),
        avg_response_time_ms: tally.mean(),
    });
    let versions = ranked(&versions).into_iter().take(MOST_VERSIONS);
    let top_countries = ranked(&countries).into_iter().take(MOST_COUNTRIES);
    Ok(Some(Tool {
        tool: name,
        period: asked.window.period.clone(),
        grain: Grain::Day,
        data_as_of: data_as_of(&asked.extent),
        coverage: Coverage {
            country: Some(share(in_country, total.calls())),
            ..Coverage::times(&total)
        },
        summary,
        partial_buckets: partial_buckets(&by_day),
        daily_data: daily_data.collect(),
        versions: versions
            .map(|(version, tally)| Version {
                version: version.to_owned(),
                calls: tally.calls(),
                percentage: share(tally.calls(), total.calls()),
            })
            .collect(),
        countries: top_countries
            .map(|(country, tally)| Country {
                country: country.to_owned(),
                calls: tally.calls(),
                percentage: share(tally.calls(), total.calls()),
            })
            .collect(),
        comparison: Comparison::of(asked, &before),
    }))
}
