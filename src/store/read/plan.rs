//! Which rollup answers a question, and the statement that asks it.
//!
//! Margins hold a tool and one other dimension, so they answer whatever names one axis at most;
//! everything else comes from the base cells. Whole days are read by day and the edges of a range by
//! hour, all in one statement.

use sea_orm::Value;
use stages::rollup::Axis;
use stages::{Day, Hour};

use super::split::split;
use super::steps::{self, Steps, day_of_held, held, tables};
use super::{Detail, Grain, Question, Range};
use crate::store::columns::{self, SUMS};
use crate::store::dialect::Dialect;
use crate::store::totals;

/// Longest stretch, in hours, that is read month by month: eleven years, which is more than users may
/// ask for. SQLite puts 500 selections together at most.
const MONTHLY_UP_TO: i64 = 11 * 366 * 24;

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
    range: Range,
    /// Whether its calls are taken away from those of the other parts.
    less: bool,
}

impl Part {
    fn of(grain: Grain, range: Range) -> Self {
        Self { grain, range, less: false }
    }

    fn hours(&self) -> i64 {
        self.range.to.epoch_hours() - self.range.from.epoch_hours()
    }

    fn ends(&self) -> [String; 2] {
        [self.range.from, self.range.to].map(|hour| match self.grain {
            Grain::Hour => hour.to_string(),
            Grain::Day => hour.day().to_string(),
        })
    }
}

/// What is done about the hours of today that are not over, when today is asked for up to now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ToCome {
    /// Nothing: today is read by hour, as any part of a day.
    NotAsked,
    /// Nothing is stamped with one of them, so what is asked for is the whole day.
    Empty,
    /// Today is read as its day, less these. They are nearly empty, where the hours that have passed
    /// are many times the rows of the day.
    Less(Range),
}

/// Makes a statement: bucket, tool, value, status, and the measures that the question wants.
pub(super) fn statement(question: &Question, dialect: Dialect, to_come: ToCome) -> Asked {
    let mut parts = parts(question.range, question.grain);
    if to_come != ToCome::NotAsked {
        take_today_whole(&mut parts, to_come);
    }
    made(question, dialect, kind(question), &parts)
}

/// The rest of today, when a question asks for today up to now, and not by hour.
pub(super) fn to_come(question: &Question, now: Hour) -> Option<Range> {
    let (start, tomorrow) = (now.day().start(), now.day().plus(1).start());
    let tail = split(question.range).tail;
    let up_to_now = tail.from == start && tail.to > now && tail.to < tomorrow;
    (question.grain != Some(Grain::Hour) && up_to_now)
        .then_some(Range { from: tail.to, to: tomorrow })
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
    let (ways, selects, values) = Default::default();
    let mut making = Making { question, dialect, kind, ways, selects, values };
    for (number, part) in parts.iter().enumerate() {
        making.part(number, part);
    }
    let Making { ways, selects, values, .. } = making;
    let mut sql = String::new();
    if !ways.is_empty() {
        sql.push_str(&format!("WITH RECURSIVE {} ", ways.join(", ")));
    }
    let all = selects.join(" UNION ALL ");
    if question.detail == Detail::Times {
        sql.push_str(&all);
    } else {
        let sums: Vec<_> = sums(question.detail).iter().map(|sum| added(sum)).collect();
        let sums = sums.join(", ");
        // Where calls are taken away none may be left.
        sql.push_str(&format!(
            "SELECT bucket, tool, value, status, {sums} FROM ({all}) AS parts \
             GROUP BY bucket, tool, value, status HAVING sum(calls) > 0"
        ));
    }
    Asked { sql, values }
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

/// Whether a question is answered from base cells.
pub(super) fn is_of_base(question: &Question) -> bool {
    matches!(kind(question), Kind::Base)
}

fn parts(range: Range, grain: Option<Grain>) -> Vec<Part> {
    if grain == Some(Grain::Hour) {
        return vec![Part::of(Grain::Hour, range)];
    }
    let split = split(range);
    let mut parts = vec![
        Part::of(Grain::Hour, split.head),
        Part::of(Grain::Day, split.days()),
        Part::of(Grain::Hour, split.tail),
    ];
    parts.retain(|part| part.range.from < part.range.to);
    if parts.is_empty() {
        // Nothing is asked for: a stretch without a row.
        let nothing = Range { from: range.from, to: range.from };
        parts.push(Part::of(Grain::Hour, nothing));
    }
    parts
}

/// Reads the last part, which is today up to now, as its day.
fn take_today_whole(parts: &mut Vec<Part>, to_come: ToCome) {
    let Some(Part { range: tail, .. }) = parts.pop() else { return };
    let day = tail.from.day();
    let tomorrow = day.plus(1).start();
    match parts.last_mut() {
        Some(part) if part.grain == Grain::Day => part.range.to = tomorrow,
        _ => parts.push(Part::of(Grain::Day, Range { from: day.start(), to: tomorrow })),
    }
    if let ToCome::Less(range) = to_come {
        parts.push(Part { less: true, ..Part::of(Grain::Hour, range) });
    }
}

struct Making<'q> {
    question: &'q Question,
    dialect: Dialect,
    kind: Kind,
    ways: Vec<String>,
    selects: Vec<String>,
    values: Vec<Value>,
}

impl Making<'_> {
    fn bind(&mut self, value: impl Into<Value>) -> String {
        self.values.push(value.into());
        format!("${}", self.values.len())
    }

    fn part(&mut self, number: usize, part: &Part) {
        match self.kind {
            Kind::Margins(axis) if part.grain == Grain::Day && self.has_totals(axis) => {
                self.by_total(number, part, axis);
            }
            Kind::Margins(axis)
                if self.dialect == Dialect::Sqlite
                    && part.grain == Grain::Day
                    && part.hours() <= MONTHLY_UP_TO
                    && self.question.detail != Detail::Times =>
            {
                self.by_month(axis, part);
            }
            _ => self.by_bucket(number, part, ""),
        }
    }

    /// Whether days that are over have what the question asks of an axis, over all tools.
    fn has_totals(&self, axis: Axis) -> bool {
        let Question { by_tool, filter, .. } = self.question;
        !by_tool && filter.tool.is_none() && totals::AXES.contains(&axis)
    }

    /// The totals of days that have them, and the cells of the others.
    fn by_total(&mut self, number: usize, part: &Part, axis: Axis) {
        self.by_bucket(
            number,
            part,
            &format!(" AND held{number}.at NOT IN (SELECT at FROM whole{number})"),
        );
        let name = self.bind(axis.as_str());
        let at = format!("held{number}.at");
        self.ways.push(format!(
            "whole{number}(at) AS MATERIALIZED (SELECT at FROM held{number} WHERE {})",
            totals::is_whole(&at, &name)
        ));
        let mut wanted = String::new();
        self.and_value(axis, &mut wanted);
        self.selects.push(format!(
            "SELECT {bucket} AS bucket, '' AS tool, {value} AS value, c.status AS status, {columns} \
             FROM whole{number} CROSS JOIN total_day AS c \
             WHERE c.day = whole{number}.at AND c.axis = {name}{wanted}",
            bucket = self.bucket(Grain::Day, "c.day"),
            value = self.value(),
            columns = self.columns(false),
        ));
    }

    /// What is read of a cell, or taken away.
    fn columns(&self, less: bool) -> String {
        let column = |sum: &&str| match (less, *sum) {
            (false, sum) => format!("c.{sum} AS {sum}"),
            // A batch counts once in a day and once in each of its hours, so less would be left of
            // the day than there is.
            (true, "batches") => "0 AS batches".to_owned(),
            (true, sum) => format!("-c.{sum} AS {sum}"),
        };
        let mut columns: Vec<_> = sums(self.question.detail).iter().map(column).collect();
        if self.question.detail == Detail::Times {
            columns.extend(columns::BOUNDS.map(|bound| format!("c.{bound}")));
            columns.push(format!("c.{}", columns::TIMES));
        }
        columns.join(", ")
    }

    /// Sums of margins, which have an index for each month of days: read in order, they need not be
    /// sorted into groups.
    fn by_month(&mut self, axis: Axis, part: &Part) {
        let [from, to] = part.ends().map(|end| self.bind(end));
        let filter = self.question.filter.clone();
        let mut wanted = format!(" AND c.axis = {}", self.bind(axis.as_str()));
        match &filter.tool {
            Some(tool) => wanted.push_str(&format!(" AND c.tool = {}", self.bind(tool.as_str()))),
            None if filter.on(axis).is_some() => {
                self.ways.push(format!(
                    "tools(tool) AS MATERIALIZED (SELECT DISTINCT value FROM dimension_values \
                     WHERE day >= {from} AND day < {to} AND dimension = 'tool')"
                ));
                wanted.push_str(" AND c.tool IN tools");
            }
            None => {}
        }
        self.and_value(axis, &mut wanted);
        let by_day = self.question.grain.is_some();
        let columns = sums(self.question.detail).iter().map(|sum| match by_day {
            true => format!("c.{sum}"),
            false => format!("sum(c.{sum}) AS {sum}"),
        });
        let columns: Vec<_> = columns.collect();
        let (bucket, tool, value) = (self.bucket(part.grain, "c.day"), self.tool(), self.value());
        for month in months(part.range) {
            let month = self.bind(month);
            self.selects.push(format!(
                "SELECT {bucket} AS bucket, {tool} AS tool, {value} AS value, c.status AS status, {} \
                 FROM margin_day AS c INDEXED BY margin_day_sums \
                 WHERE substr(c.day, 1, 7) = {month} AND c.day >= {from} AND c.day < {to}{wanted}{}",
                columns.join(", "),
                if by_day { "" } else { " GROUP BY c.tool, c.value, c.status" },
            ));
        }
    }

    /// The buckets that a stretch has, and the rows of those buckets that are wanted.
    fn by_bucket(&mut self, number: usize, part: &Part, wanted: &str) {
        let [from, to] = part.ends().map(|end| self.bind(end));
        self.ways.push(held(self.dialect, number, part.grain, (&from, &to)));
        let (at, margins, base) = tables(part.grain);
        let day = day_of_held(self.dialect, number, part.grain);
        let (table, steps) = match self.kind {
            Kind::Margins(axis) => (margins, self.margin_steps(axis, &day)),
            Kind::Released(axis) => ("released_day", self.margin_steps(axis, &day)),
            Kind::Base => {
                let values = steps::of_base(&self.question.filter);
                let values = values.map(|value| value.map(|value| self.bind(value)));
                (base, Steps::to_base(self.dialect, &day, &values))
            }
        };
        self.selects.push(format!(
            "SELECT {bucket} AS bucket, {tool} AS tool, {value} AS value, c.status AS status, {columns} \
             FROM held{number} {joins}CROSS JOIN {table} AS c WHERE c.{at} = held{number}.at{steps}{wanted}",
            bucket = self.bucket(part.grain, &format!("c.{at}")),
            tool = self.tool(),
            value = self.value(),
            columns = self.columns(part.less),
            joins = steps.joins,
            steps = steps.wanted,
        ));
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

    /// The tool of a row: of its own, or nothing when tools are not told apart.
    fn tool(&self) -> &'static str {
        if self.question.by_tool { "c.tool" } else { "''" }
    }

    /// The value by which rows are told apart, beside tool and status.
    fn value(&self) -> String {
        match (self.question.axis, self.kind) {
            (Axis::Tool, _) | (Axis::ErrorType, Kind::Base) => "''".to_owned(),
            (axis, Kind::Base) => format!("c.{}", axis.as_str()),
            _ => "c.value".to_owned(),
        }
    }

    fn margin_steps(&mut self, axis: Axis, day: &str) -> Steps {
        let filter = self.question.filter.clone();
        let mut steps = Steps::default();
        steps.wanted.push_str(&format!(" AND c.axis = {}", self.bind(axis.as_str())));
        match &filter.tool {
            Some(tool) => {
                steps.wanted.push_str(&format!(" AND c.tool = {}", self.bind(tool.as_str())));
            }
            None if filter.on(axis).is_some() && self.dialect == Dialect::Sqlite => {
                steps.each("tool", day);
            }
            None => {}
        }
        self.and_value(axis, &mut steps.wanted);
        steps
    }

    fn and_value(&mut self, axis: Axis, wanted: &mut String) {
        let filter = self.question.filter.clone();
        if let Some(value) = filter.on(axis) {
            wanted.push_str(&format!(" AND c.value = {}", self.bind(value)));
        }
        if let Some(status) = filter.status {
            wanted.push_str(&format!(" AND c.status = {}", self.bind(status.as_str())));
        }
    }
}

/// The months that days are in, as the index has them: year and month of a date.
fn months(days: Range) -> Vec<String> {
    let (first, end) = (days.from.day().epoch_days(), days.to.day().epoch_days());
    let month = |day| {
        let mut date = Day::from_epoch_days(day).to_string();
        date.truncate(date.rfind('-').unwrap_or(date.len()));
        date
    };
    let mut months: Vec<_> = (first..end).map(month).collect();
    months.dedup();
    months
}
