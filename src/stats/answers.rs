//! The answers of the statistics API: their exact members and scales, and how each number follows
//! from cells.
//!
//! Scales differ between answers because clients of the API rely on them: a rate is 0..=1
//! everywhere except in [`all`], and `percentage` is stated beside each. Where a shape has no
//! `null`, a number that is not known is 0; `coverage` then says how much is known.

pub mod all;
pub mod errors;
pub mod overview;
pub mod performance;
pub mod tool;

use serde::Serialize;
use stages::Hour;

use super::source::Watermark;
use super::tally::{Tally, share};
use crate::store::read::{AxisCell, SeriesCell};
use stages::Status;
use stages::rollup::Measures;

/// What one tool did.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ToolUse {
    /// Tool.
    pub name: String,
    /// Calls.
    pub calls: u64,
    /// 0..=1.
    pub success_rate: f64,
    /// Mean, in milliseconds.
    pub avg_response_time_ms: f64,
}

impl ToolUse {
    fn new(name: &str, tally: &Tally) -> Self {
        Self {
            name: name.to_owned(),
            calls: tally.calls(),
            success_rate: tally.success_rate(),
            avg_response_time_ms: tally.mean(),
        }
    }
}

/// Share of the calls that carried what an answer rests on, each 0..=1. Only the members that the
/// answer rests on are there.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Coverage {
    /// Of all calls: said how long they took.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub response_time: Option<f64>,
    /// Of all calls: said whether the client's cache answered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cache: Option<f64>,
    /// Of all calls: named the service behind the tool.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service: Option<f64>,
    /// Of all calls: named a country.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub country: Option<f64>,
    /// Of the failed calls: named the kind of error.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error_type: Option<f64>,
}

impl Coverage {
    fn times(total: &Tally) -> Self {
        let known = share(total.measures.time_count, total.calls());
        Self { response_time: Some(known), ..Self::default() }
    }

    fn times_and_cache(total: &Tally) -> Self {
        let known = share(total.cache_lookups(), total.calls());
        Self { cache: Some(known), ..Self::times(total) }
    }
}

/// The hour of the newest event that an answer can hold; `null` before the first.
fn data_as_of(watermark: Watermark) -> Option<String> {
    watermark.last_received.map(iso)
}

/// An hour in the form of the API: RFC 3339 with milliseconds.
fn iso(hour: Hour) -> String {
    hour.to_string().replace('Z', ".000Z")
}

/// Cells by tool.
fn by_tool(cells: &[AxisCell]) -> impl Iterator<Item = (&str, Status, &Measures)> {
    cells.iter().map(|cell| (cell.tool.as_str(), cell.status, &cell.measures))
}

/// Cells by value of their axis, without those of events that carried none.
fn by_value(cells: &[AxisCell]) -> impl Iterator<Item = (&str, Status, &Measures)> {
    let named = cells.iter().filter(|cell| !cell.value.is_empty());
    named.map(|cell| (cell.value.as_str(), cell.status, &cell.measures))
}

/// Cells of a series by tool.
fn series_by_tool(cells: &[SeriesCell]) -> impl Iterator<Item = (&str, Status, &Measures)> {
    cells.iter().map(|cell| (cell.tool.as_str(), cell.status, &cell.measures))
}
