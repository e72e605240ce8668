//! Which values a dimension had: answered from the list of values by day. Cells are looked at only to
//! see whether there is one, and those of few days.

use sea_orm::Value;
use stages::ports::StoreError;
use stages::rollup::Axis;

use super::plan::is_of_base;
use super::split::split;
use super::steps::{Steps, day_of_held, held, of_base, tables};
use super::{Detail, Filter, Grain, Question, Range};
use crate::store::Database;
use crate::store::columns::BASE;
use crate::store::dialect::Dialect;
use crate::store::status::text;

impl Database {
    /// The values that calls of a range carried on an axis, in order, in one statement. Of days that
    /// lie in the range in part, only the hours in it count. As with [`Database::cells`], a filter
    /// goes with error types only when it is by tool or status.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn values(
        &self,
        range: Range,
        axis: Axis,
        filter: &Filter,
    ) -> Result<Vec<String>, StoreError> {
        if *filter == Filter::NONE {
            return self.all_values(range, axis).await;
        }
        let filter = filter.clone();
        let (by_tool, detail) = (axis == Axis::Tool, Detail::Calls);
        let question = Question { range, grain: None, axis, by_tool, filter, detail };
        if is_of_base(&question) && BASE.contains(&axis.as_str()) {
            return self.values_of_base(&question).await;
        }
        let cells = self.cells(&question).await?;
        let named = cells.into_iter().map(|c| if axis == Axis::Tool { c.tool } else { c.value });
        let mut values: Vec<_> = named.filter(|value| !value.is_empty()).collect();
        values.sort_unstable();
        values.dedup();
        Ok(values)
    }

    async fn all_values(&self, range: Range, axis: Axis) -> Result<Vec<String>, StoreError> {
        let d = self.dialect();
        let parts = split(range);
        let mut bound: Vec<Value> = vec![
            axis.as_str().into(),
            parts.first.to_string().into(),
            parts.end.to_string().into(),
        ];
        let mut sql = format!(
            "WITH whole AS (SELECT DISTINCT value FROM dimension_values \
             WHERE dimension = $1 AND day >= {} AND day < {}) SELECT value FROM whole",
            d.day("$2"),
            d.day("$3")
        );
        let column = if axis == Axis::Tool { "m.tool" } else { "m.value" };
        for edge in [parts.head, parts.tail].into_iter().filter(|edge| edge.from < edge.to) {
            let first = bound.len() + 1;
            let day = edge.from.day();
            bound.extend([
                Value::from(day.to_string()),
                edge.from.to_string().into(),
                edge.to.to_string().into(),
            ]);
            // Nearly every value of an edge is one of a whole day as well; only the others are
            // looked for hour by hour.
            sql.push_str(&format!(
                " UNION SELECT d.value FROM dimension_values AS d \
                 WHERE d.dimension = $1 AND d.day = {} AND d.value NOT IN (SELECT value FROM whole) \
                 AND EXISTS (SELECT 1 FROM margin_hour AS m WHERE m.hour >= {} AND m.hour < {} \
                 AND m.axis = $1 AND {column} = d.value)",
                d.day(&format!("${first}")),
                d.hour(&format!("${}", first + 1)),
                d.hour(&format!("${}", first + 2)),
            ));
        }
        sql.push_str(" ORDER BY 1");
        self.query(&sql, bound).await?.iter().map(|row| text(row, 0)).collect()
    }

    /// Values of which there is a base cell that the filter lets through. Where there is one it is
    /// found at once; and days that do not know the value, or one of the filter, are passed over.
    async fn values_of_base(&self, question: &Question) -> Result<Vec<String>, StoreError> {
        let mut looking = Looking::new(question, self.dialect());
        let parts = split(question.range);
        looking.part(Grain::Day, parts.days());
        looking.part(Grain::Hour, parts.head);
        looking.part(Grain::Hour, parts.tail);
        let Looking { ways, found, bound, .. } = looking;
        if found.is_empty() {
            return Ok(Vec::new());
        }
        let sql =
            format!("WITH RECURSIVE {} {} ORDER BY 1", ways.join(", "), found.join(" UNION "));
        self.query(&sql, bound).await?.iter().map(|row| text(row, 0)).collect()
    }
}

/// A statement that looks for a base cell of each value.
struct Looking {
    dialect: Dialect,
    axis: &'static str,
    /// What is asked of each dimension, as a place among the values.
    filter: [Option<String>; 6],
    ways: Vec<String>,
    found: Vec<String>,
    bound: Vec<Value>,
}

impl Looking {
    fn new(question: &Question, dialect: Dialect) -> Self {
        let axis = question.axis.as_str();
        let (filter, ways, found, bound) = Default::default();
        let mut looking = Self { dialect, axis, filter, ways, found, bound };
        looking.filter = of_base(&question.filter)
            .map(|value| value.map(|value| looking.bind(value.to_owned())));
        looking
    }

    fn bind(&mut self, value: String) -> String {
        self.bound.push(value.into());
        format!("${}", self.bound.len())
    }

    /// Looks in a stretch of one table: at every value that its days had, until a cell is found.
    fn part(&mut self, grain: Grain, range: Range) {
        if range.from >= range.to {
            return;
        }
        let (d, axis, number) = (self.dialect, self.axis, self.ways.len());
        let [first, last] =
            [range.from, range.to.plus(-1)].map(|hour| self.bind(hour.day().to_string()));
        let ends = [range.from, range.to].map(|hour| match grain {
            Grain::Hour => self.bind(hour.to_string()),
            Grain::Day => self.bind(hour.day().to_string()),
        });
        self.ways.push(held(d, number, grain, (&ends[0], &ends[1])));
        let (at, _, cells) = tables(grain);
        let day = day_of_held(d, number, grain);
        let known = self.known(&day);
        let steps = Steps::to_base(d, &day, &self.values());
        self.found.push(format!(
            "SELECT v.value FROM (SELECT DISTINCT value FROM dimension_values WHERE dimension = '{axis}' \
             AND day >= {} AND day <= {}) AS v WHERE EXISTS (SELECT 1 FROM held{number} {}{}\
             CROSS JOIN {cells} AS c WHERE c.{at} = held{number}.at{}{})",
            d.day(&first),
            d.day(&last),
            known.joins,
            steps.joins,
            known.wanted,
            steps.wanted,
        ));
    }

    /// What the dimensions of a cell must equal.
    fn values(&self) -> [Option<String>; 6] {
        let mut values = self.filter.clone();
        for (dimension, value) in BASE.into_iter().zip(&mut values) {
            if dimension == self.axis {
                // A filter on the axis itself is a further condition.
                let both = value.take().map(|wanted| format!("v.value AND {wanted} = v.value"));
                *value = Some(both.unwrap_or_else(|| "v.value".to_owned()));
            }
        }
        values
    }

    /// Stands before the cells, so that days which do not know a value are passed over without a look
    /// at any.
    fn known(&self, day: &str) -> Steps {
        let mut known = Steps::default();
        let named = BASE.into_iter().zip(&self.filter);
        let named = named.filter_map(|(name, value)| Some((name, value.as_deref()?)));
        // Statuses are no list.
        let named = named.filter(|(name, _)| *name != "status" && *name != self.axis);
        for (name, value) in named.chain([(self.axis, "v.value")]) {
            known.joins.push_str(&format!("CROSS JOIN dimension_values AS has_{name} "));
            known.wanted.push_str(&format!(
                " AND has_{name}.day = {day} AND has_{name}.dimension = '{name}' \
                 AND has_{name}.value = {value}"
            ));
        }
        known
    }
}
