//! How a statement gets to the rows it wants without reading those between them: from bucket to
//! bucket, and inside of each along the key of the cells.
//!
//! Separate from the statements because each of them goes the same way. What leads there must stand
//! before the cells in FROM: a list that depends on the cells themselves would be read again for
//! each of them.

use super::{Filter, Grain};
use crate::store::columns::BASE;
use crate::store::dialect::Dialect;

const LEVELS: &str = "'minimal', 'standard', 'detailed'";
const STATUSES: &str = "'error', 'success'";

/// The column of a grain's buckets, and its tables of margins and of base cells.
pub(super) const fn tables(grain: Grain) -> (&'static str, &'static str, &'static str) {
    match grain {
        Grain::Hour => ("hour", "margin_hour", "rollup_hour"),
        Grain::Day => ("day", "margin_day", "rollup_day"),
    }
}

/// The buckets that there are from `from` up to but without `to`, as `held<number>(at)`. They are
/// found by stepping from one to the next: a range may be far longer than the data.
pub(in crate::store) fn held(
    dialect: Dialect,
    number: usize,
    grain: Grain,
    (from, to): (&str, &str),
) -> String {
    let (at, margins, _) = tables(grain);
    let (from, to) = match grain {
        Grain::Hour => (dialect.hour(from), dialect.hour(to)),
        Grain::Day => (dialect.day(from), dialect.day(to)),
    };
    format!(
        "held{number}(at) AS (SELECT min({at}) FROM {margins} WHERE {at} >= {from} AND {at} < {to} \
         UNION ALL SELECT (SELECT min({at}) FROM {margins} WHERE {at} > held{number}.at AND {at} < {to}) \
         FROM held{number} WHERE held{number}.at IS NOT NULL)"
    )
}

/// The day of a bucket of `held<number>`, as it is stored.
pub(super) fn day_of_held(dialect: Dialect, number: usize, grain: Grain) -> String {
    let at = format!("held{number}.at");
    match (grain, dialect) {
        (Grain::Day, _) => at,
        (Grain::Hour, Dialect::Sqlite) => dialect.day_of_hour(&at),
        (Grain::Hour, Dialect::Postgres) => format!("({at} AT TIME ZONE 'UTC')::date"),
    }
}

/// What a filter asks of each dimension of a base cell, in the order of [`BASE`].
pub(super) fn of_base(filter: &Filter) -> [Option<&str>; 6] {
    let Filter { tool, version, level, status, service, country } = filter;
    [
        tool.as_deref(),
        version.as_deref(),
        level.map(stages::Level::as_str),
        status.map(stages::Status::as_str),
        service.as_deref(),
        country.as_deref(),
    ]
}

/// What stands in FROM before cells `c`, and what is asked of them.
#[derive(Default)]
pub(super) struct Steps {
    pub(super) joins: String,
    pub(super) wanted: String,
}

impl Steps {
    /// Lets SQLite step from one value of a dimension to the next, as many as there were on the day.
    pub(super) fn each(&mut self, dimension: &str, day: &str) {
        self.joins.push_str(&format!("CROSS JOIN dimension_values AS of_{dimension} "));
        self.wanted.push_str(&format!(
            " AND of_{dimension}.day = {day} AND of_{dimension}.dimension = '{dimension}' \
             AND c.{dimension} = of_{dimension}.value"
        ));
    }

    /// The way to base cells whose dimensions equal `values`, each an expression, on a day.
    pub(super) fn to_base(dialect: Dialect, day: &str, values: &[Option<String>; 6]) -> Self {
        // Up to the last dimension that is asked for SQLite may step through the key. Country is the
        // last of the key: with nothing else to go by, that would be more steps than rows.
        let named = values.iter().rposition(Option::is_some).unwrap_or_default();
        let narrow = values[0].is_some() || values[1].is_some() || named < BASE.len() - 1;
        let stepping = dialect == Dialect::Sqlite && narrow;
        let mut steps = Self::default();
        for (position, (dimension, value)) in BASE.into_iter().zip(values).enumerate() {
            let list = match (value, dimension) {
                (Some(value), _) => {
                    steps.wanted.push_str(&format!(" AND c.{dimension} = {value}"));
                    continue;
                }
                (None, _) if !stepping || position > named => continue,
                (None, "tool" | "version") => {
                    steps.each(dimension, day);
                    continue;
                }
                (None, "level") => LEVELS.to_owned(),
                (None, "status") => STATUSES.to_owned(),
                (None, _) => format!(
                    "SELECT '' UNION ALL SELECT l.value FROM dimension_values AS l \
                     WHERE l.day = {day} AND l.dimension = '{dimension}'"
                ),
            };
            steps.wanted.push_str(&format!(" AND c.{dimension} IN ({list})"));
        }
        steps
    }
}
