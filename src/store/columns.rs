//! The columns that tables of cells have in common, in the order in which they are read and written.
//!
//! In one place, because whoever reads cells by position relies on what wrote the list.

/// The dimensions of base cells, in the order of their key.
pub(super) const BASE: [&str; 6] = ["tool", "version", "level", "status", "service", "country"];
/// The dimensions of marginal cells, in the order of their key.
pub(super) const MARGIN: [&str; 4] = ["axis", "tool", "value", "status"];
/// The dimensions of totals, in the order of their key.
pub(super) const TOTAL: [&str; 3] = ["axis", "value", "status"];
/// What is added up.
pub(super) const SUMS: [&str; 8] = [
    "calls",
    "batches",
    "cache_hits",
    "cache_misses",
    "retries",
    "retry_events",
    "time_sum",
    "time_count",
];
/// The bounds of the response times.
pub(super) const BOUNDS: [&str; 2] = ["time_min", "time_max"];
/// The distribution of the response times.
pub(super) const TIMES: &str = "times";

/// Everything that is measured.
pub(super) fn measures() -> impl Iterator<Item = &'static str> {
    SUMS.into_iter().chain(BOUNDS).chain([TIMES])
}

/// Columns as a list.
pub(super) fn list(columns: impl IntoIterator<Item = &'static str>) -> String {
    columns.into_iter().collect::<Vec<_>>().join(", ")
}
