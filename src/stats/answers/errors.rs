//! `/v1/stats/errors`, and the errors inside of the overview.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use serde::Serialize;
use stages::Hour;

use super::{Coverage, data_as_of, iso};
use crate::stats::source::Watermark;
use crate::stats::tally::{Tally, percent, share};
use crate::stats::{Grain, Window};
use crate::store::read::ErrorCell;

/// Most kinds that the list names.
const LISTED: usize = 20;
/// Most kinds that the overview names.
const IN_OVERVIEW: usize = 10;

/// All errors of one kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kind<'c> {
    /// Error type.
    pub name: &'c str,
    /// Calls.
    pub count: u64,
    /// Last hour in which it was seen.
    pub last: Hour,
    /// The tools that reported it, most calls first, equal ones by name.
    pub tools: Vec<(&'c str, u64)>,
}

/// Errors by kind, most calls first, equal ones by name.
pub fn kinds(cells: &[ErrorCell]) -> Vec<Kind<'_>> {
    let mut kinds = BTreeMap::<&str, (u64, Hour, BTreeMap<&str, u64>)>::new();
    for cell in cells {
        let kind = kinds.entry(&cell.error_type).or_insert((0, cell.last, BTreeMap::new()));
        kind.0 += cell.count;
        kind.1 = kind.1.max(cell.last);
        *kind.2.entry(&cell.tool).or_default() += cell.count;
    }
    let kinds = kinds.into_iter().map(|(name, (count, last, tools))| {
        let mut tools: Vec<_> = tools.into_iter().collect();
        tools.sort_by_key(|(_, count)| Reverse(*count));
        Kind { name, count, last, tools }
    });
    let mut kinds: Vec<_> = kinds.collect();
    kinds.sort_by_key(|kind| Reverse(kind.count));
    kinds
}

/// A kind in the overview.
#[derive(Debug, Clone, PartialEq, Serialize)]
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
pub(super) fn affecting(cells: &[ErrorCell], calls: u64) -> Vec<Affecting> {
    let kinds = kinds(cells).into_iter().take(IN_OVERVIEW);
    let affecting = kinds.map(|kind| Affecting {
        r#type: kind.name.to_owned(),
        count: kind.count,
        percentage: percent(kind.count, calls),
        affected_tools: kind.tools.into_iter().map(|(tool, _)| tool.to_owned()).collect(),
    });
    affecting.collect()
}

/// The answer.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Errors {
    period: String,
    grain: Grain,
    data_as_of: Option<String>,
    coverage: Coverage,
    errors: Vec<Listed>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
struct Listed {
    r#type: String,
    count: u64,
    /// 0..=1, of the listed errors.
    percentage: f64,
    /// Hour.
    last_seen: String,
}

/// Answers from the errors of a window and all its calls.
pub fn errors(window: &Window, watermark: Watermark, cells: &[ErrorCell], total: &Tally) -> Errors {
    let mut kinds = kinds(cells);
    let named = kinds.iter().map(|kind| kind.count).sum();
    kinds.truncate(LISTED);
    let listed = kinds.iter().map(|kind| kind.count).sum();
    let errors = kinds.into_iter().map(|kind| Listed {
        r#type: kind.name.to_owned(),
        count: kind.count,
        percentage: share(kind.count, listed),
        last_seen: iso(kind.last),
    });
    Errors {
        period: window.period.clone(),
        grain: window.grain,
        data_as_of: data_as_of(watermark),
        coverage: Coverage {
            error_type: Some(share(named, total.failures())),
            ..Coverage::default()
        },
        errors: errors.collect(),
    }
}
