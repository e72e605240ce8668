//! Which values a dimension had: answered from the list of values by day, without reading cells.

use sea_orm::Value;
use stages::ports::StoreError;
use stages::rollup::Axis;

use super::Range;
use super::split::split;
use crate::store::Database;
use crate::store::status::text;

impl Database {
    /// The values that calls of a range carried on an axis, in order, in one statement. Of days that
    /// lie in the range in part, only the hours in it count.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn values(&self, range: Range, axis: Axis) -> Result<Vec<String>, StoreError> {
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
}
