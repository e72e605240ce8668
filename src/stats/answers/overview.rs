//! `/v1/stats/overview`.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;
use stages::ports::StoreError;
use stages::rollup::Axis;
use stages::sessions::Count;

use super::errors::{Affecting, affecting, kinds, named};
use super::tools::{ToolUse, tool_uses};
use super::{Comparison, Coverage, data_as_of, iso};
use crate::stats::Grain;
use crate::stats::asked::{Asked, Failure, by_tool};
use crate::stats::tally::{Tally, share, total};
use crate::store::read::Detail;

/// The overview.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Overview {
    /// The period, normalised.
    period: String,
    /// First hour.
    start_date: String,
    /// First hour after the period.
    end_date: String,
    /// Width of the period's buckets.
    grain: Grain,
    /// Hour in which the newest event was received; `null` before the first.
    data_as_of: Option<String>,
    /// How much is known.
    coverage: Coverage,
    /// All calls together.
    summary: Summary,
    /// Most calls first.
    pub tools: Vec<ToolUse>,
    /// The ten most frequent kinds.
    pub(super) errors: Vec<Affecting>,
    /// 0..=1, of the calls that said.
    cache_hit_rate: f64,
    /// The hours that are compared with.
    #[serde(skip_serializing_if = "Option::is_none")]
    comparison: Option<Comparison>,
}

#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
struct Summary {
    /// Calls.
    total_calls: u64,
    /// Versions that calls carried.
    unique_versions: usize,
    /// What is known of it: the sessions that calls came from, where clients send one. A session is
    /// a run of a client at the level `detailed`: an installation has a new one at every start, and
    /// none at other levels, so that there may be more installations than this, or fewer. Counted by
    /// whole UTC dates (today as far as it has come), all calls together: 0 for hours, and under any
    /// filter. Where small numbers are withheld, dates with fewer than `min_cell` sessions are left
    /// out, and so are those that are not over.
    active_installs: u64,
    /// How `active_installs` was found: `none` means that nothing is known.
    active_installs_method: Method,
    /// The number of sessions is within these bounds, in 95 of 100 cases; up to 384 both are the
    /// number itself. `null` when nothing is known.
    active_installs_range: Option<[u64; 2]>,
    /// 0..=1.
    success_rate: f64,
    /// Mean, in milliseconds; 0 when none is known.
    avg_response_time_ms: f64,
}

/// How a number of installations was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[schemars(rename = "InstallsMethod")]
#[serde(rename_all = "snake_case")]
enum Method {
    /// It is that of the different sessions.
    DistinctSessions,
    /// Not at all.
    None,
}

/// What an overview is made from, beside the calls by tool.
pub(super) struct Parts<'c> {
    pub(super) tools: &'c BTreeMap<&'c str, Tally>,
    pub(super) before: &'c BTreeMap<&'c str, Tally>,
    pub(super) versions: usize,
    pub(super) sessions: Option<Count>,
    pub(super) failures: &'c [Failure],
}

/// Answers.
///
/// # Errors
/// When the store cannot be read.
pub async fn overview(asked: &Asked<'_>) -> Result<Overview, StoreError> {
    let (cells, before, versions, sessions, failures) = tokio::try_join!(
        asked.cells(Axis::Tool, Detail::Sums),
        asked.cells_before(Axis::Tool, Detail::Sums),
        asked.unique_versions(),
        asked.sessions(),
        asked.failures(asked.window.range),
    )?;
    let (tools, before) = (by_tool(&cells), by_tool(&before));
    let parts = Parts { tools: &tools, before: &before, versions, sessions, failures: &failures };
    Ok(from_parts(asked, &parts))
}

pub(super) fn from_parts(asked: &Asked<'_>, parts: &Parts<'_>) -> Overview {
    let window = &asked.window;
    let total = self::total(parts.tools.values());
    let before = self::total(parts.before.values());
    let kinds = kinds(parts.failures);
    Overview {
        period: window.period.clone(),
        start_date: iso(window.range.from),
        end_date: iso(window.range.to),
        grain: window.grain,
        data_as_of: data_as_of(&asked.extent),
        coverage: Coverage {
            error_type: Some(share(named(&kinds), total.failures())),
            ..Coverage::times_and_cache(&total)
        },
        summary: Summary {
            total_calls: total.calls(),
            unique_versions: parts.versions,
            active_installs: parts.sessions.map_or(0, |count| count.estimate),
            active_installs_method: parts
                .sessions
                .map_or(Method::None, |_| Method::DistinctSessions),
            active_installs_range: parts.sessions.map(|count| [count.lower, count.upper]),
            success_rate: total.success_rate(),
            avg_response_time_ms: total.mean(),
        },
        tools: tool_uses(asked, parts.tools, parts.before),
        errors: affecting(&kinds, total.calls()),
        cache_hit_rate: total.hit_rate(),
        comparison: Comparison::of(asked, &before),
    }
}
