//! `/v1/stats/errors`, and the errors inside of the overview.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::Serialize;
use stages::ports::StoreError;
use stages::rollup::Axis;
use stages::{Hour, Status};

use super::{Coverage, data_as_of, iso};
use crate::stats::Grain;
use crate::stats::asked::{Asked, Failure, sum};
use crate::stats::query::Compare;
use crate::stats::tally::{percent, share};
use crate::store::read::{Detail, Filter, Grain as Stored, Question, Sighting};

/// Most kinds that the list names when nothing else is asked for.
pub const LISTED: usize = 20;
/// Most kinds that the overview names.
const IN_OVERVIEW: usize = 10;

/// All errors of one kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kind<'c> {
    /// Error type.
    pub name: &'c str,
    /// Calls.
    pub count: u64,
    /// The tools that reported it, most calls first, equal ones by name.
    pub tools: Vec<(&'c str, u64)>,
}

/// Errors by kind, most calls first, equal ones by name.
pub fn kinds(failures: &[Failure]) -> Vec<Kind<'_>> {
    let mut kinds = BTreeMap::<&str, BTreeMap<&str, u64>>::new();
    for failure in failures {
        let tools = kinds.entry(&failure.error_type).or_default();
        *tools.entry(&failure.tool).or_default() += failure.count;
    }
    let kinds = kinds.into_iter().map(|(name, tools)| {
        let mut tools: Vec<_> = tools.into_iter().collect();
        tools.sort_by_key(|(_, count)| Reverse(*count));
        Kind { name, count: tools.iter().map(|(_, count)| count).sum(), tools }
    });
    let mut kinds: Vec<_> = kinds.collect();
    kinds.sort_by_key(|kind| Reverse(kind.count));
    kinds
}

/// Failed calls that named a kind.
pub(super) fn named(kinds: &[Kind<'_>]) -> u64 {
    kinds.iter().map(|kind| kind.count).sum()
}

/// A kind in the overview.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[schemars(rename = "OverviewError")]
pub struct Affecting {
    /// Error type.
    pub r#type: String,
    /// Calls.
    pub count: u64,
    /// 0..=100, of all calls.
    pub percentage: f64,
    /// The tools that reported it, most calls first.
    pub affected_tools: Vec<String>,
}

/// The most frequent kinds, for the overview.
pub(super) fn affecting(kinds: &[Kind<'_>], calls: u64) -> Vec<Affecting> {
    let affecting = kinds.iter().take(IN_OVERVIEW).map(|kind| Affecting {
        r#type: kind.name.to_owned(),
        count: kind.count,
        percentage: percent(kind.count, calls),
        affected_tools: kind.tools.iter().map(|(tool, _)| (*tool).to_owned()).collect(),
    });
    affecting.collect()
}

/// The errors.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Errors {
    /// The period, normalised.
    period: String,
    /// Width of the period's buckets.
    grain: Grain,
    /// Hour in which the newest event was received.
    data_as_of: Option<String>,
    /// How much is known.
    coverage: Coverage,
    /// Most calls first.
    pub errors: Vec<Listed>,
}

/// A kind of error.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[schemars(rename = "Error")]
pub struct Listed {
    /// Error type.
    pub r#type: String,
    /// Calls.
    pub count: u64,
    /// 0..=1, of the listed errors.
    pub percentage: f64,
    /// First hour in the period in which it was seen; the date, where hours are no longer kept.
    pub first_seen: String,
    /// Last hour in the period in which it was seen; the date, where hours are no longer kept.
    pub last_seen: String,
    /// The tools that reported it, most calls first.
    pub affected_tools: Vec<String>,
    /// The versions that reported it, in order, as far as hours are kept.
    pub affected_versions: Vec<String>,
    /// Calls in the hours that are compared with, or else in those just before; `null` when nothing
    /// lies before.
    pub previous_count: Option<u64>,
    /// How much `count` is above `previous_count`, as a share of it (0.5 is half as many again, -1
    /// is none left); `null` when there was none.
    pub trend: Option<f64>,
}

/// When a kind was seen, and by which versions.
#[derive(Default)]
struct Seen<'c> {
    first: Option<Hour>,
    last: Option<Hour>,
    versions: BTreeSet<&'c str>,
}

/// Answers, with at most `limit` kinds.
///
/// # Errors
/// When the store cannot be read.
pub async fn errors(asked: &Asked<'_>, limit: usize) -> Result<Errors, StoreError> {
    let range = asked.window.range;
    let earlier = match asked.compared.clone() {
        Some(compared) => Some(compared),
        None => asked.window.compared(Compare::Previous).ok(),
    };
    let before = async {
        match &earlier {
            Some(earlier) => asked.failures(earlier.range).await.map(Some),
            None => Ok(None),
        }
    };
    let (failures, before, calls, by_hour, by_day) = tokio::try_join!(
        asked.failures(range),
        before,
        asked.cells(Axis::Tool, Detail::Calls),
        by_hour(asked),
        by_day(asked),
    )?;
    let mut kinds = kinds(&failures);
    let named = named(&kinds);
    kinds.truncate(limit);
    let listed = self::named(&kinds);
    let seen = seen(&by_hour, &by_day);
    let before = before.map(|failures| counts(&failures));
    let errors = kinds.into_iter().map(|kind| {
        let seen = seen.get(kind.name);
        let hour = |at: fn(&Seen<'_>) -> Option<Hour>| seen.and_then(at).unwrap_or(range.from);
        let previous = before.as_ref().map(|before| before.get(kind.name).copied().unwrap_or(0));
        let grown = |previous: u64| (kind.count as f64 - previous as f64) / previous as f64;
        Listed {
            r#type: kind.name.to_owned(),
            count: kind.count,
            percentage: share(kind.count, listed),
            first_seen: iso(hour(|seen| seen.first)),
            last_seen: iso(hour(|seen| seen.last)),
            affected_tools: kind.tools.iter().map(|(tool, _)| (*tool).to_owned()).collect(),
            affected_versions: seen
                .map(|seen| seen.versions.iter().map(|version| (*version).to_owned()).collect())
                .unwrap_or_default(),
            previous_count: previous,
            trend: previous.filter(|previous| *previous > 0).map(grown),
        }
    });
    Ok(Errors {
        period: asked.window.period.clone(),
        grain: asked.window.grain,
        data_as_of: data_as_of(&asked.extent),
        coverage: Coverage {
            error_type: Some(share(named, sum(&calls).failures())),
            ..Coverage::default()
        },
        errors: errors.collect(),
    })
}

fn counts(failures: &[Failure]) -> BTreeMap<String, u64> {
    let mut counts = BTreeMap::new();
    for failure in failures {
        *counts.entry(failure.error_type.clone()).or_default() += failure.count;
    }
    counts
}

/// What the summary by hour knows, which goes back less far than days do.
async fn by_hour(asked: &Asked<'_>) -> Result<Vec<Sighting>, StoreError> {
    if asked.query.filter.status == Some(Status::Success) {
        return Ok(Vec::new());
    }
    asked.source.sightings(asked.window.range, &asked.query.filter).await
}

/// The days on which each kind was seen; nothing when the filter has a version, by which days do not
/// tell kinds apart.
async fn by_day(asked: &Asked<'_>) -> Result<Vec<(String, Hour)>, StoreError> {
    let Filter { tool, version: None, status: None | Some(Status::Error), .. } =
        &asked.query.filter
    else {
        return Ok(Vec::new());
    };
    let question = Question {
        range: asked.window.range,
        grain: Some(Stored::Day),
        axis: Axis::ErrorType,
        by_tool: false,
        filter: Filter { tool: tool.clone(), ..Filter::NONE },
        detail: Detail::Calls,
    };
    let cells = asked.source.cells(&question).await?;
    Ok(cells.into_iter().map(|cell| (cell.value, cell.bucket)).collect())
}

fn seen<'c>(by_hour: &'c [Sighting], by_day: &'c [(String, Hour)]) -> BTreeMap<&'c str, Seen<'c>> {
    let mut kinds = BTreeMap::<&str, Seen<'_>>::new();
    for cell in by_hour {
        let seen = kinds.entry(&cell.error_type).or_default();
        seen.first = Some(seen.first.map_or(cell.first, |first| first.min(cell.first)));
        seen.last = seen.last.max(Some(cell.last));
        seen.versions.insert(&cell.version);
    }
    for (name, day) in by_day {
        let seen = kinds.entry(name).or_default();
        // A day that the summary by hour no longer has is all that is known.
        let earlier = seen.first.is_none_or(|first| day.day() < first.day());
        seen.first = if earlier { Some(*day) } else { seen.first };
        let later = seen.last.is_none_or(|last| day.day() > last.day());
        seen.last = if later { Some(*day) } else { seen.last };
    }
    kinds
}
