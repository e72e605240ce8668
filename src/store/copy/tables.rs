//! The tables that are copied, and how a file is read page by page.

use sea_orm::{QueryResult, Value};
use stages::ports::StoreError;

use crate::store::dialect::Dialect;
use crate::store::error::{damaged, store_error};
use crate::store::rows::{Column, Kind};
use crate::store::write::EVENTS;
use Kind::{Bytes, Day, Flag, Hour, Json, Number, Text};

/// A table: its columns, and how many of the first of them are its key. One without a key is read
/// in the order of its rowids.
pub(super) struct Table {
    pub(super) name: &'static str,
    key: usize,
    pub(super) columns: &'static [Column],
}

const fn table(name: &'static str, key: usize, columns: &'static [Column]) -> Table {
    Table { name, key, columns }
}

/// The columns of cells: their key, then what is measured.
macro_rules! cells {
    ($($key:expr),+) => {
        &[
            $($key,)+
            ("calls", Number),
            ("batches", Number),
            ("cache_hits", Number),
            ("cache_misses", Number),
            ("retries", Number),
            ("retry_events", Number),
            ("time_sum", Number),
            ("time_count", Number),
            ("time_min", Number),
            ("time_max", Number),
            ("times", Bytes),
        ]
    };
}

macro_rules! base {
    ($bucket:expr) => {
        cells!(
            $bucket,
            ("tool", Text),
            ("version", Text),
            ("level", Text),
            ("status", Text),
            ("service", Text),
            ("country", Text)
        )
    };
}

macro_rules! margin {
    ($bucket:expr) => {
        cells!($bucket, ("axis", Text), ("tool", Text), ("value", Text), ("status", Text))
    };
}

/// Every table of the store. The ledger comes last: it vouches for all others.
pub(super) static TABLES: [Table; 16] = [
    table("events", 0, &EVENTS),
    table(
        "entries",
        1,
        &[
            ("entry_id", Bytes),
            ("received_hour", Hour),
            ("events", Number),
            ("persisted", Number),
            ("duplicate", Number),
            ("dead_letter", Number),
            ("expired", Flag),
        ],
    ),
    table("batch_keys", 2, &[("day", Day), ("key", Bytes)]),
    table("event_keys", 2, &[("day", Day), ("key", Bytes)]),
    table(
        "dead_letters",
        1,
        &[
            ("id", Bytes),
            ("code", Text),
            ("sqlstate", Text),
            ("payload", Text),
            ("received_hour", Hour),
            ("first_seen_hour", Hour),
            ("attempts", Number),
        ],
    ),
    table("rollup_hour", 7, base!(("hour", Hour))),
    table("rollup_day", 7, base!(("day", Day))),
    table("margin_hour", 5, margin!(("hour", Hour))),
    table("margin_day", 5, margin!(("day", Day))),
    table("released_day", 5, margin!(("day", Day))),
    table("total_day", 4, cells!(("day", Day), ("axis", Text), ("value", Text), ("status", Text))),
    table("frozen_days", 1, &[("day", Day)]),
    table(
        "errors",
        4,
        &[
            ("hour", Hour),
            ("tool", Text),
            ("version", Text),
            ("error_type", Text),
            ("count", Number),
        ],
    ),
    table("sessions_day", 1, &[("day", Day), ("sketch", Bytes), ("released", Bytes)]),
    table("dimension_values", 3, &[("day", Day), ("dimension", Text), ("value", Text)]),
    table(
        "ledger",
        1,
        &[
            ("shard", Number),
            ("persisted", Number),
            ("duplicate", Number),
            ("dead_letter", Number),
            ("discarded", Number),
            ("commits", Number),
        ],
    ),
];

impl Table {
    pub(super) fn insert(&self, dialect: Dialect) -> String {
        let (columns, rows) = (names(self.columns), dialect.rows(self.columns, 1));
        format!("INSERT INTO {} ({columns}) SELECT {columns} FROM {rows} AS r", self.name)
    }

    /// The statement for the rows of a file after a position, and its values.
    pub(super) fn page(
        &self,
        position: Option<&str>,
        rows: usize,
    ) -> Result<(String, Vec<Value>), StoreError> {
        let (name, columns) = (self.name, names(self.columns));
        let (key, columns) = match self.key {
            0 => ("rowid".to_owned(), format!("{columns}, rowid")),
            n => (names(&self.columns[..n]), columns),
        };
        let values = position.map_or_else(|| Ok(Vec::new()), |position| self.values(position))?;
        let places: Vec<_> = (1..=values.len()).map(|n| format!("${n}")).collect();
        let after = match position {
            Some(_) => format!("WHERE ({key}) > ({})", places.join(", ")),
            None => String::new(),
        };
        let sql = format!("SELECT {columns} FROM {name} {after} ORDER BY {key} LIMIT {rows}");
        Ok((sql, values))
    }

    /// Where a row of a file stands: the parts of its key, as a JSON array of text.
    pub(super) fn position(&self, row: &QueryResult) -> Result<String, StoreError> {
        if self.key == 0 {
            let rowid: i64 = row.try_get_by_index(self.columns.len()).map_err(store_error)?;
            return Ok(rowid.to_string());
        }
        let part = |(at, (_, kind)): (usize, &Column)| {
            match kind {
                Bytes => row.try_get_by_index::<Vec<u8>>(at).map(|bytes| hex(&bytes)),
                Number => row.try_get_by_index::<i64>(at).map(|number| number.to_string()),
                Text | Hour | Day | Flag | Json => row.try_get_by_index::<String>(at),
            }
            .map_err(store_error)
        };
        let parts = self.columns[..self.key].iter().enumerate().map(part);
        Ok(serde_json::Value::from(parts.collect::<Result<Vec<_>, _>>()?).to_string())
    }

    /// Reads what [`Table::position`] gave.
    fn values(&self, position: &str) -> Result<Vec<Value>, StoreError> {
        let bad = || damaged("a position of a copy");
        if self.key == 0 {
            return Ok(vec![position.parse::<i64>().map_err(|_| bad())?.into()]);
        }
        let parts: Vec<String> = serde_json::from_str(position).map_err(|_| bad())?;
        let value = |(part, (_, kind)): (String, &Column)| -> Option<Value> {
            Some(match kind {
                Bytes => unhex(&part)?.into(),
                Number => part.parse::<i64>().ok()?.into(),
                Text | Hour | Day | Flag | Json => part.into(),
            })
        };
        let values = parts.into_iter().zip(self.columns).map(value).collect::<Option<Vec<_>>>();
        values.filter(|values| values.len() == self.key).ok_or_else(bad)
    }

    /// A query for one text that tells two tables apart when they do not hold the same: the number of
    /// rows, then of each column its sum, total length or bounds.
    pub(super) fn tally(&self, dialect: Dialect) -> String {
        let column = |(name, kind): &Column| match kind {
            Number => format!("count({name}) || ':' || coalesce(sum({name}), 0)"),
            Text | Bytes => format!("count({name}) || ':' || coalesce(sum(length({name})), 0)"),
            // One database keeps the text of JSON, the other what it means.
            Json => format!("count({name})"),
            Flag => format!("count({name}) || ':' || count(*) FILTER (WHERE {name})"),
            Hour => bounds(|f| dialect.hour_text(&format!("{f}({name})"))),
            Day => bounds(|f| dialect.day_text(&format!("{f}({name})"))),
        };
        let label = |it: &Column| format!("' {}=' || {}", it.0, column(it));
        let columns: Vec<_> = self.columns.iter().map(label).collect();
        format!("SELECT count(*) || ' rows' || {} FROM {}", columns.join(" || "), self.name)
    }
}

fn bounds(of: impl Fn(&str) -> String) -> String {
    format!("coalesce({}, '') || '..' || coalesce({}, '')", of("min"), of("max"))
}

fn names(columns: &[Column]) -> String {
    columns.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ")
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(digits: &str) -> Option<Vec<u8>> {
    let pair = |at: usize| u8::from_str_radix(digits.get(at..at + 2)?, 16).ok();
    (0..digits.len()).step_by(2).map(pair).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use sea_orm::DbBackend;

    use super::*;

    #[test]
    fn every_table_and_column_of_the_migrations_is_copied() {
        for backend in [DbBackend::Sqlite, DbBackend::Postgres] {
            let mut listed: Vec<_> = TABLES.iter().map(|table| table.name.to_owned()).collect();
            let mut made: Vec<_> =
                migration::expected(backend).into_iter().map(|shape| shape.name).collect();
            listed.sort();
            made.sort();
            assert_eq!(listed, made, "add new tables to TABLES, or copies leave them behind");
            for shape in migration::expected(backend) {
                let table = TABLES.iter().find(|table| table.name == shape.name).unwrap();
                let listed: BTreeSet<_> =
                    table.columns.iter().map(|(name, _)| (*name).to_owned()).collect();
                assert_eq!(listed, shape.columns, "{}", shape.name);
            }
        }
    }

    #[test]
    fn a_position_is_read_back() {
        let table = &TABLES[2];
        let values = table.values(r#"["2026-08-20","00ff10"]"#).unwrap();
        assert_eq!(values, ["2026-08-20".into(), Value::from(vec![0_u8, 255, 16])]);
        let (sql, _) = table.page(Some(r#"["2026-08-20","00ff10"]"#), 10).unwrap();
        let want = "SELECT day, key FROM batch_keys WHERE (day, key) > ($1, $2) \
                    ORDER BY day, key LIMIT 10";
        assert_eq!(sql, want);
        for bad in ["", "[]", r#"["2026-08-20"]"#, r#"["2026-08-20","0g"]"#, r#"["d","0"]"#] {
            assert!(table.values(bad).is_err(), "{bad}");
        }
    }
}
