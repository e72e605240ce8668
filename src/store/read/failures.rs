//! Errors by tool, version and type, to the hour: answered from the error summary.

use sea_orm::Value;
use stages::Hour;
use stages::ports::StoreError;

use super::{ErrorCell, Filter, Range, Sighting};
use crate::store::Database;
use crate::store::dialect::Dialect;
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
        let (wanted, values) = wanted(self.dialect(), range, filter);
        let sql = format!(
            "SELECT tool, version, error_type, CAST(sum(count) AS BIGINT) FROM errors \
             WHERE {wanted} GROUP BY tool, version, error_type ORDER BY tool, version, error_type",
        );
        let mut cells = Vec::new();
        for row in self.query(&sql, values).await? {
            cells.push(ErrorCell {
                tool: text(&row, 0)?,
                version: text(&row, 1)?,
                error_type: text(&row, 2)?,
                count: count(&row, 3)?,
            });
        }
        Ok(cells)
    }

    /// When errors of each version and type were first and last seen in a range, in the order of
    /// version and type, in one statement. Of the filter, tool and version are looked at.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn sightings(
        &self,
        range: Range,
        filter: &Filter,
    ) -> Result<Vec<Sighting>, StoreError> {
        let d = self.dialect();
        let (from, values) = match d {
            Dialect::Sqlite => stepping(range, filter),
            // It has no such index, as a part of its rows may be compressed, where one step costs as
            // much as all of them: they are read once, side by side.
            Dialect::Postgres => {
                let (wanted, values) = wanted(d, range, filter);
                let cells = "SELECT version, error_type, hour AS first, hour AS last FROM errors";
                (format!("({cells} WHERE {wanted}) AS seen"), values)
            }
        };
        let sql = format!(
            "SELECT version, error_type, {first}, {last} FROM {from} WHERE first IS NOT NULL \
             GROUP BY version, error_type ORDER BY version, error_type",
            first = d.hour_text("min(first)"),
            last = d.hour_text("max(last)"),
        );
        let hour = |text: String| Hour::parse(&text).ok_or_else(|| damaged("an hour"));
        let mut seen = Vec::new();
        for row in self.query(&sql, values).await? {
            seen.push(Sighting {
                version: text(&row, 0)?,
                error_type: text(&row, 1)?,
                first: hour(text(&row, 2)?)?,
                last: hour(text(&row, 3)?)?,
            });
        }
        Ok(seen)
    }
}

/// What is asked of the rows of the summary.
fn wanted(d: Dialect, range: Range, filter: &Filter) -> (String, Vec<Value>) {
    let mut values: Vec<Value> = vec![range.from.to_string().into(), range.to.to_string().into()];
    let mut wanted = format!("hour >= {} AND hour < {}", d.hour("$1"), d.hour("$2"));
    for (column, value) in [("tool", &filter.tool), ("version", &filter.version)] {
        if let Some(value) = value {
            values.push(value.as_str().into());
            wanted.push_str(&format!(" AND {column} = ${}", values.len()));
        }
    }
    (wanted, values)
}

/// The first and the last hour of each version, type and tool, found by stepping through the index
/// over them from one to the next: a few steps each, however many hours there are between.
fn stepping(range: Range, filter: &Filter) -> (String, Vec<Value>) {
    const LEVELS: [&str; 3] = ["version", "error_type", "tool"];
    let mut values: Vec<Value> = vec![range.from.to_string().into(), range.to.to_string().into()];
    let mut lists = Vec::new();
    for (depth, level) in LEVELS.into_iter().enumerate() {
        // Each list has the columns of the one before and one more.
        let outer = LEVELS[..depth].join(", ");
        let above = if depth == 0 { String::new() } else { format!("{outer}, ") };
        let of = |list: &str| {
            let same = LEVELS[..depth].iter().map(|name| format!("e.{name} = {list}.{name} AND "));
            same.collect::<String>()
        };
        let parent = LEVELS[depth.saturating_sub(1)];
        let parents = match depth {
            0 => String::new(),
            _ => format!(" FROM by_{parent} WHERE {parent} IS NOT NULL"),
        };
        let fixed = match level {
            "version" => filter.version.as_ref(),
            "tool" => filter.tool.as_ref(),
            _ => None,
        };
        let steps = match fixed {
            Some(value) => {
                values.push(value.as_str().into());
                format!("SELECT {above}${}{parents}", values.len())
            }
            None => format!(
                "SELECT {above}(SELECT min(e.{level}) FROM errors AS e WHERE {first}true){parents} \
                 UNION ALL SELECT {above}(SELECT min(e.{level}) FROM errors AS e \
                 WHERE {next}e.{level} > by_{level}.{level}) FROM by_{level} WHERE {level} IS NOT NULL",
                first = of(&format!("by_{parent}")),
                next = of(&format!("by_{level}")),
            ),
        };
        lists.push(format!("by_{level}({above}{level}) AS ({steps})"));
    }
    let end = |end: &str| {
        format!(
            "(SELECT {end}(e.hour) FROM errors AS e WHERE e.version = by_tool.version \
             AND e.error_type = by_tool.error_type AND e.tool = by_tool.tool \
             AND e.hour >= $1 AND e.hour < $2)"
        )
    };
    let from = format!(
        "(WITH RECURSIVE {} SELECT version, error_type, {} AS first, {} AS last FROM by_tool \
         WHERE tool IS NOT NULL) AS seen",
        lists.join(", "),
        end("min"),
        end("max")
    );
    (from, values)
}
