//! `/v1/stats/tool/{name}`.

use serde::Serialize;

use super::{Coverage, ToolUse, by_value, data_as_of};
use crate::stats::source::Watermark;
use crate::stats::tally::{Tally, ranked, share, tally, total};
use crate::stats::{Grain, Window};
use crate::store::read::{AxisCell, SeriesCell};

const MOST_VERSIONS: usize = 10;
const MOST_COUNTRIES: usize = 20;

/// The answer.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Tool {
    tool: String,
    period: String,
    grain: Grain,
    data_as_of: Option<String>,
    coverage: Coverage,
    summary: ToolUse,
    /// UTC dates with calls, ascending.
    daily_data: Vec<Date>,
    versions: Vec<Version>,
    countries: Vec<Country>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
struct Date {
    date: String,
    calls: u64,
    /// 0..=1.
    success_rate: f64,
    /// Mean.
    avg_response_time_ms: f64,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
struct Version {
    version: String,
    calls: u64,
    /// 0..=1, of the tool's calls.
    percentage: f64,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
struct Country {
    country: String,
    calls: u64,
    /// 0..=1, of the tool's calls.
    percentage: f64,
}

/// Answers from one tool's days, versions and countries; `None` when it has no calls.
pub fn tool(
    window: &Window,
    watermark: Watermark,
    name: &str,
    days: &[SeriesCell],
    versions: &[AxisCell],
    countries: &[AxisCell],
) -> Option<Tool> {
    let days = tally(days.iter().map(|cell| (cell.bucket.day(), cell.status, &cell.measures)));
    let total = total(days.values());
    let countries = tally(by_value(countries));
    let in_country = countries.values().map(Tally::calls).sum();
    let daily_data = days.iter().map(|(day, tally)| Date {
        date: day.to_string(),
        calls: tally.calls(),
        success_rate: tally.success_rate(),
        avg_response_time_ms: tally.mean(),
    });
    (total.calls() > 0).then(|| Tool {
        tool: name.to_owned(),
        period: window.period.clone(),
        grain: Grain::Day,
        data_as_of: data_as_of(watermark),
        coverage: Coverage {
            country: Some(share(in_country, total.calls())),
            ..Coverage::times(&total)
        },
        summary: ToolUse::new(name, &total),
        daily_data: daily_data.collect(),
        versions: ranked(&tally(by_value(versions)))
            .into_iter()
            .take(MOST_VERSIONS)
            .map(|(version, tally)| Version {
                version: version.to_owned(),
                calls: tally.calls(),
                percentage: share(tally.calls(), total.calls()),
            })
            .collect(),
        countries: ranked(&countries)
            .into_iter()
            .take(MOST_COUNTRIES)
            .map(|(country, tally)| Country {
                country: country.to_owned(),
                calls: tally.calls(),
                percentage: share(tally.calls(), total.calls()),
            })
            .collect(),
    })
}
