//! Errors by tool, version and type: answered from the error summary.

use stages::Hour;
use stages::ports::StoreError;

use super::{ErrorCell, Range};
use crate::store::Database;
use crate::store::error::damaged;
use crate::store::status::{count, text};

const ERRORS: &str = "SELECT tool, version, error_type, sum(count), min(hour), max(hour) \
    FROM errors WHERE hour >= ?1 AND hour < ?2 AND (?3 IS NULL OR tool = ?3) \
    GROUP BY tool, version, error_type ORDER BY tool, version, error_type";

impl Database {
    /// Errors in a range by tool, version and type, in that order.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn errors(
        &self,
        range: Range,
        tool: Option<&str>,
    ) -> Result<Vec<ErrorCell>, StoreError> {
        let values = [range.from.to_string().into(), range.to.to_string().into(), tool.into()];
        let hour = |text: String| Hour::parse(&text).ok_or_else(|| damaged("an hour"));
        let mut cells = Vec::new();
        for row in self.query(ERRORS, values).await? {
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
