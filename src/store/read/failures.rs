//! Errors by tool, version and type, to the hour: answered from the error summary.

use sea_orm::Value;
use stages::Hour;
use stages::ports::StoreError;

use super::{ErrorCell, Filter, Range};
use crate::store::Database;
use crate::store::error::damaged;
use crate::store::status::{count, text};

impl Database {
    /// Errors in a range by tool, version and type, in that order, in one statement. The summary
    /// knows no other dimensions, so only the filter's tool and version are looked at.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn errors(
        &self,
        range: Range,
        filter: &Filter,
    ) -> Result<Vec<ErrorCell>, StoreError> {
        let d = self.dialect();
        let mut values: Vec<Value> =
            vec![range.from.to_string().into(), range.to.to_string().into()];
        let mut wanted = String::new();
        for (column, value) in [("tool", &filter.tool), ("version", &filter.version)] {
            if let Some(value) = value {
                values.push(value.as_str().into());
                wanted.push_str(&format!(" AND {column} = ${}", values.len()));
            }
        }
        let sql = format!(
            "SELECT tool, version, error_type, CAST(sum(count) AS BIGINT), {first}, {last} \
             FROM errors WHERE hour >= {from} AND hour < {to}{wanted} \
             GROUP BY tool, version, error_type ORDER BY tool, version, error_type",
            first = d.hour_text("min(hour)"),
            last = d.hour_text("max(hour)"),
            from = d.hour("$1"),
            to = d.hour("$2"),
        );
        let hour = |text: String| Hour::parse(&text).ok_or_else(|| damaged("an hour"));
        let mut cells = Vec::new();
        for row in self.query(&sql, values).await? {
            cells.push(ErrorCell {
                tool: text(&row, 0)?,
                version: text(&row, 1)?,
                error_type: text(&row, 2)?,
                count: count(&row, 3)?,
                first: hour(text(&row, 4)?)?,
                last: hour(text(&row, 5)?)?,
            });
        }
        Ok(cells)
    }
}
