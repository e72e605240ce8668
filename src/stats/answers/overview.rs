//! `/v1/stats/overview` and `/v1/stats/tools`.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::errors::{Affecting, affecting};
use super::{Coverage, ToolUse, by_tool, data_as_of, iso};
use crate::stats::source::Watermark;
use crate::stats::tally::{Tally, ranked, tally, total};
use crate::stats::{Grain, Window};
use crate::store::read::{AxisCell, ErrorCell};

/// The overview.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Overview {
    period: String,
    /// First hour.
    start_date: String,
    /// First hour after the period.
    end_date: String,
    grain: Grain,
    data_as_of: Option<String>,
    coverage: Coverage,
    summary: Summary,
    /// Most calls first.
    tools: Vec<ToolUse>,
    pub(super) errors: Vec<Affecting>,
    /// 0..=1, of the calls that said.
    cache_hit_rate: f64,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
struct Summary {
    total_calls: u64,
    unique_versions: usize,
    /// Always 0: no event carries anything from which installations could be counted.
    active_installs: u64,
    active_installs_method: &'static str,
    /// 0..=1.
    success_rate: f64,
    /// Mean.
    avg_response_time_ms: f64,
}

/// The tools alone.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Tools {
    period: String,
    grain: Grain,
    data_as_of: Option<String>,
    coverage: Coverage,
    tools: Vec<ToolUse>,
}

/// Answers from calls by tool, cells by version, and errors.
pub fn overview(
    window: &Window,
    watermark: Watermark,
    tools: &BTreeMap<&str, Tally>,
    versions: &[AxisCell],
    errors: &[ErrorCell],
) -> Overview {
    let total = total(tools.values());
    Overview {
        period: window.period.clone(),
        start_date: iso(window.range.from),
        end_date: iso(window.range.to),
        grain: window.grain,
        data_as_of: data_as_of(watermark),
        coverage: Coverage::times_and_cache(&total),
        summary: Summary {
            total_calls: total.calls(),
            unique_versions: unique_values(versions),
            active_installs: 0,
            active_installs_method: "none",
            success_rate: total.success_rate(),
            avg_response_time_ms: total.mean(),
        },
        tools: tool_uses(tools),
        errors: affecting(errors, total.calls()),
        cache_hit_rate: total.hit_rate(),
    }
}

/// Answers from cells by tool.
pub fn tools(window: &Window, watermark: Watermark, cells: &[AxisCell]) -> Tools {
    let tools = tally(by_tool(cells));
    Tools {
        period: window.period.clone(),
        grain: window.grain,
        data_as_of: data_as_of(watermark),
        coverage: Coverage::times(&total(tools.values())),
        tools: tool_uses(&tools),
    }
}

/// How many values of their axis the cells name.
pub fn unique_values(cells: &[AxisCell]) -> usize {
    let named = cells.iter().filter(|cell| !cell.value.is_empty() && cell.measures.calls > 0);
    named.map(|cell| cell.value.as_str()).collect::<BTreeSet<_>>().len()
}

fn tool_uses(tools: &BTreeMap<&str, Tally>) -> Vec<ToolUse> {
    ranked(tools).into_iter().map(|(name, tally)| ToolUse::new(name, tally)).collect()
}
