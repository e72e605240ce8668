//! Which rollup answers a question, and the statement that asks it.
//!
//! Margins hold a tool and one other dimension, so they answer whatever names one axis at most;
//! everything else comes from the base cells. Whole days are read by day and the edges of a range by
//! hour, all in one statement.

use sea_orm::Value;
use stages::rollup::Axis;

use super::split::split;
use super::{Detail, Grain, Question, Range};
use crate::store::dialect::Dialect;

/// The columns that are sums, in the order in which they are read.
const SUMS: [&str; 8] = [
    "calls",
    "batches",
    "cache_hits",
    "cache_misses",
    "retries",
    "retry_events",
    "time_sum",
    "time_count",
];
/// The dimensions of base cells, in the order of their key.
const BASE: [&str; 6] = ["tool", "version", "level", "status", "service", "country"];
const LEVELS: &str = "'minimal', 'standard', 'detailed'";
const STATUSES: &str = "'error', 'success'";

/// A statement, and its values.
pub(in crate::store) struct Asked {
    pub(super) sql: String,
    pub(super) values: Vec<Value>,
}

/// The rollups of one kind.
#[derive(Clone, Copy)]
enum Kind {
    Margins(Axis),
    /// What is released of margins.
    Released(Axis),
    Base,
}

/// A stretch of one table.
struct Part {
    grain: Grain,
    from: String,
    to: String,
}

/// Makes a statement: bucket, tool, value, status, and the measures that the question wants.
pub(super) fn statement(question: &Question, dialect: Dialect) -> Asked {
    made(question, dialect, kind(question), &parts(question.range, question.grain))
}

/// The same of released cells, which there are of whole days and one dimension only; `None` when the
/// question has no such part.
pub(in crate::store) fn released(question: &Question, dialect: Dialect) -> Option<Asked> {
    let Kind::Margins(axis) = kind(question) else { return None };
    let mut parts = parts(question.range, question.grain);
    parts.retain(|part| part.grain == Grain::Day);
    (!parts.is_empty()).then(|| made(question, dialect, Kind::Released(axis), &parts))
}

fn made(question: &Question, dialect: Dialect, kind: Kind, parts: &[Part]) -> Asked {
    let mut making = Making { question, dialect, kind, values: Vec::new() };
    let (ways, selects): (Vec<_>, Vec<_>) =
        parts.iter().enumerate().map(|(n, part)| making.part(n, part)).unzip();
    let mut sql = format!("WITH RECURSIVE {} ", ways.join(", "));
    let all = selects.join(" UNION ALL ");
    if question.detail == Detail::Times {
        sql.push_str(&all);
    } else {
        let sums: Vec<_> = sums(question.detail).iter().map(|sum| added(sum)).collect();
        let sums = sums.join(", ");
        sql.push_str(&format!(
            "SELECT bucket, tool, value, status, {sums} FROM ({all}) AS parts \
             GROUP BY bucket, tool, value, status"
        ));
    }
    Asked { sql, values: making.values }
}

fn added(sum: &str) -> String {
    format!("CAST(sum({sum}) AS BIGINT)")
}

/// The sums that are read without a distribution.
pub(super) fn sums(detail: Detail) -> &'static [&'static str] {
    if detail == Detail::Calls { &SUMS[..1] } else { &SUMS }
}

/// The axes that a question names, by its filter or to tell calls apart.
fn kind(question: &Question) -> Kind {
    let mut axes = question.filter.axes().chain(Some(question.axis).filter(|a| *a != Axis::Tool));
    match axes.next() {
        None => Kind::Margins(Axis::Tool),
        Some(first) if axes.all(|axis| axis == first) => Kind::Margins(first),
        Some(_) => Kind::Base,
    }
}

fn parts(range: Range, grain: Option<Grain>) -> Vec<Part> {
    let hours = |range: Range| Part {
        grain: Grain::Hour,
        from: range.from.to_string(),
        to: range.to.to_string(),
    };
    if grain == Some(Grain::Hour) {
        return vec![hours(range)];
    }
    let split = split(range);
    let days = Part { grain: Grain::Day, from: split.first.to_string(), to: split.end.to_string() };
    let mut parts = vec![hours(split.head), days, hours(split.tail)];
    parts.retain(|part| part.from < part.to);
    if parts.is_empty() {
        // Nothing is asked for: a stretch without a row.
        parts.push(hours(Range { from: range.from, to: range.from }));
    }
    parts
}

struct Making<'q> {
    question: &'q Question,
    dialect: Dialect,
    kind: Kind,
    values: Vec<Value>,
}

impl Making<'_> {
    fn bind(&mut self, value: impl Into<Value>) -> String {
        self.values.push(value.into());
        format!("${}", self.values.len())
    }

    /// The buckets that a stretch has, and the rows of those buckets.
    ///
    /// Buckets are found by stepping from one to the next, and only what is wanted is read of each: a
    /// range may be far longer than the data, and an axis is a small part of a bucket.
    fn part(&mut self, number: usize, part: &Part) -> (String, String) {
        let d = self.dialect;
        let (at, suffix) = match part.grain {
            Grain::Hour => ("hour", "hour"),
            Grain::Day => ("day", "day"),
        };
        let margins = format!("margin_{suffix}");
        let (from, to) = (self.bind(part.from.as_str()), self.bind(part.to.as_str()));
        let (from, to) = match part.grain {
            Grain::Hour => (d.hour(&from), d.hour(&to)),
            Grain::Day => (d.day(&from), d.day(&to)),
        };
        let way = format!(
            "held{number}(at) AS (SELECT min({at}) FROM {margins} WHERE {at} >= {from} AND {at} < {to} \
             UNION ALL SELECT (SELECT min({at}) FROM {margins} WHERE {at} > held{number}.at AND {at} < {to}) \
             FROM held{number} WHERE held{number}.at IS NOT NULL)"
        );
        let (table, value, wanted) = match self.kind {
            Kind::Margins(axis) => self.of_margins(axis, &margins, at),
            Kind::Released(axis) => {
                let (_, value, wanted) = self.of_margins(axis, &margins, at);
                ("released_day".to_owned(), value, wanted)
            }
            Kind::Base => self.of_base(&margins, at, suffix),
        };
        let bucket = self.bucket(part.grain, at);
        let mut columns = sums(self.question.detail).join(", ");
        if self.question.detail == Detail::Times {
            columns.push_str(", time_min, time_max, times");
        }
        let select = format!(
            "SELECT {bucket} AS bucket, tool, {value} AS value, status, {columns} \
             FROM held{number} CROSS JOIN {table} AS c WHERE c.{at} = held{number}.at{wanted}"
        );
        (way, select)
    }

    /// The bucket of a row as text: of its own, or nothing when none is asked for.
    fn bucket(&self, grain: Grain, at: &str) -> String {
        let d = self.dialect;
        match (self.question.grain, grain) {
            (None, _) => "''".to_owned(),
            (Some(_), Grain::Day) => d.day_text(at),
            (Some(Grain::Day), Grain::Hour) => d.day_of_hour(at),
            (Some(Grain::Hour), Grain::Hour) => d.hour_text(at),
        }
    }

    fn of_margins(
        &mut self,
        axis: Axis,
        margins: &str,
        at: &str,
    ) -> (String, &'static str, String) {
        let filter = self.question.filter.clone();
        let mut wanted = format!(" AND axis = {}", self.bind(axis.as_str()));
        match &filter.tool {
            Some(tool) => wanted.push_str(&format!(" AND tool = {}", self.bind(tool.as_str()))),
            // Lets SQLite step from tool to tool instead of reading every value of each.
            None if filter.on(axis).is_some() && self.dialect == Dialect::Sqlite => {
                wanted.push_str(&format!(
                    " AND tool IN (SELECT t.tool FROM {margins} AS t WHERE t.{at} = c.{at} AND t.axis = 'tool')"
                ));
            }
            None => {}
        }
        if let Some(value) = filter.on(axis) {
            wanted.push_str(&format!(" AND value = {}", self.bind(value)));
        }
        self.and_status(&mut wanted);
        let shown = if self.question.axis == Axis::Tool { "''" } else { "value" };
        (margins.to_owned(), shown, wanted)
    }

    fn of_base(&mut self, margins: &str, at: &str, suffix: &str) -> (String, &'static str, String) {
        let filter = self.question.filter.clone();
        let level = filter.level.map(|level| level.as_str().to_owned());
        let status = filter.status.map(|status| status.as_str().to_owned());
        let values = [filter.tool, filter.version, level, status, filter.service, filter.country];
        // Up to the last dimension that is asked for SQLite may step through the key, if it is told
        // which values there are. Country is the last of the key: with nothing else to go by, that
        // would be more steps than rows.
        let named = values.iter().rposition(Option::is_some).unwrap_or_default();
        let narrow = values[0].is_some() || values[1].is_some() || named < BASE.len() - 1;
        let stepping = self.dialect == Dialect::Sqlite && narrow;
        let mut wanted = String::new();
        for (position, (dimension, value)) in BASE.into_iter().zip(values).enumerate() {
            if let Some(value) = value {
                wanted.push_str(&format!(" AND {dimension} = {}", self.bind(value)));
            } else if stepping && position < named {
                let of = |axis: &str, column: &str| {
                    format!(
                        "SELECT t.{column} FROM {margins} AS t WHERE t.{at} = c.{at} AND t.axis = '{axis}'"
                    )
                };
                let values = match dimension {
                    "tool" => of("tool", "tool"),
                    "level" => LEVELS.to_owned(),
                    "status" => STATUSES.to_owned(),
                    axis => format!("{} AND t.tool = c.tool", of(axis, "value")),
                };
                wanted.push_str(&format!(" AND {dimension} IN ({values})"));
            }
        }
        let shown = match self.question.axis {
            Axis::Tool | Axis::ErrorType => "''",
            axis => axis.as_str(),
        };
        (format!("rollup_{suffix}"), shown, wanted)
    }

    fn and_status(&mut self, wanted: &mut String) {
        if let Some(status) = self.question.filter.status {
            wanted.push_str(&format!(" AND status = {}", self.bind(status.as_str())));
        }
    }
}
