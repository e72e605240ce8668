//! `/v1/stats/tools`, and the list of tools inside of the overview.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;
use stages::ports::StoreError;
use stages::rollup::Axis;

use super::{Before, Comparison, Coverage, data_as_of};
use crate::stats::Grain;
use crate::stats::asked::{Asked, by_tool};
use crate::stats::tally::{Tally, ranked, total};
use crate::store::read::Detail;

/// What one tool did.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct ToolUse {
    /// Tool.
    pub name: String,
    /// Calls.
    pub calls: u64,
    /// 0..=1.
    pub success_rate: f64,
    /// Mean, in milliseconds; 0 when none is known.
    pub avg_response_time_ms: f64,
    /// The same in the hours that are compared with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub previous: Option<Before>,
}

impl ToolUse {
    pub(super) fn new(name: &str, tally: &Tally) -> Self {
        Self {
            name: name.to_owned(),
            calls: tally.calls(),
            success_rate: tally.success_rate(),
            avg_response_time_ms: tally.mean(),
            previous: None,
        }
    }

    pub(super) fn compared(self, before: Option<&Tally>) -> Self {
        Self { previous: Some(Before::new(before.unwrap_or(&Tally::default()))), ..self }
    }
}

/// The tools.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Tools {
    /// The period, normalised.
    period: String,
    /// Width of the period's buckets.
    grain: Grain,
    /// Hour in which the newest event was received.
    data_as_of: Option<String>,
    /// How much is known.
    coverage: Coverage,
    /// Most calls first.
    pub tools: Vec<ToolUse>,
    /// The hours that are compared with.
    #[serde(skip_serializing_if = "Option::is_none")]
    comparison: Option<Comparison>,
}

/// Answers, with at most `limit` tools.
///
/// # Errors
/// When the store cannot be read.
pub async fn tools(asked: &Asked<'_>, limit: usize) -> Result<Tools, StoreError> {
    let (cells, before) = tokio::try_join!(
        asked.cells(Axis::Tool, Detail::Sums),
        asked.cells_before(Axis::Tool, Detail::Sums),
    )?;
    let (tools, before) = (by_tool(&cells), by_tool(&before));
    let mut list = tool_uses(asked, &tools, &before);
    list.truncate(limit);
    Ok(Tools {
        period: asked.window.period.clone(),
        grain: asked.window.grain,
        data_as_of: data_as_of(&asked.extent),
        coverage: Coverage::times(&total(tools.values())),
        tools: list,
        comparison: Comparison::of(asked, &total(before.values())),
    })
}

/// Tools with calls now, most first.
pub(super) fn tool_uses(
    asked: &Asked<'_>,
    tools: &BTreeMap<&str, Tally>,
    before: &BTreeMap<&str, Tally>,
) -> Vec<ToolUse> {
    let uses = ranked(tools).into_iter().map(|(name, tally)| {
        let tool = ToolUse::new(name, tally);
        if asked.compared.is_some() { tool.compared(before.get(name)) } else { tool }
    });
    uses.collect()
}
