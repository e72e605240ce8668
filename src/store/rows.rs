//! Rows as values of a statement, the form in which many rows go into it at once.
//!
//! SQLite takes one JSON text, PostgreSQL one array a column; [`Dialect::rows`] reads both. Written
//! by hand because a group has tens of thousands of values and each is written once, from where it
//! lies: no tree of values, no allocation a value. The arrays are literals for the same reason, and
//! because those of the driver's layer cannot hold NULL.

use std::collections::HashMap;
use std::fmt::{Display, Write};

use sea_orm::Value;
use stages::{Day, Hour};

use super::dialect::Dialect;

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Text,
    Number,
    Flag,
    Bytes,
    Hour,
    Day,
    Json,
}

impl Kind {
    /// The type of PostgreSQL in which a value arrives.
    pub(super) const fn postgres(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Number => "int8",
            Self::Flag => "bool",
            Self::Bytes => "bytea",
            // Counted from 1970 on.
            Self::Hour | Self::Day => "int4",
            Self::Json => "jsonb",
        }
    }

    /// A value that has arrived in PostgreSQL, as what it stands for.
    pub(super) fn arrived(self, value: &str) -> String {
        match self {
            Self::Hour => format!("to_timestamp({value} * 3600.0::float8)"),
            Self::Day => format!("date 'epoch' + {value}"),
            _ => value.to_owned(),
        }
    }
}

/// Name and kind of a column.
pub(super) type Column = (&'static str, Kind);

/// Rows under construction. Values are written in the order of the columns.
pub(super) struct Rows {
    dialect: Dialect,
    /// One text for all rows, or one a column.
    texts: Vec<String>,
    /// The text that the next value goes to.
    at: usize,
    /// Hours repeat in nearly every row, and making their text is the dearest part of a row.
    hours: HashMap<Hour, String>,
}

impl Rows {
    /// No rows yet, with room for `rows` rows of about `row_bytes` bytes.
    pub(super) fn new(dialect: Dialect, columns: &[Column], rows: usize, row_bytes: usize) -> Self {
        let count = dialect.values(columns);
        let open = dialect.either('[', '{');
        let text = || {
            let mut text = String::with_capacity(2 + rows * row_bytes / count);
            text.push(open);
            text
        };
        let texts = std::iter::repeat_with(text).take(count).collect();
        Self { dialect, texts, at: 0, hours: HashMap::new() }
    }

    /// Adds a row; `fill` writes its values in order.
    pub(super) fn row(&mut self, fill: impl FnOnce(&mut Self)) {
        self.open_row();
        fill(self);
        self.close_row();
    }

    /// Adds a row whose values may not be had. After an error nothing of this is of use.
    pub(super) fn try_row<E>(
        &mut self,
        fill: impl FnOnce(&mut Self) -> Result<(), E>,
    ) -> Result<(), E> {
        self.open_row();
        fill(self)?;
        self.close_row();
        Ok(())
    }

    fn open_row(&mut self) {
        match self.dialect {
            Dialect::Sqlite => self.texts[0].push('['),
            Dialect::Postgres => self.at = 0,
        }
    }

    fn close_row(&mut self) {
        match self.dialect {
            Dialect::Sqlite => {
                close(&mut self.texts[0], ']');
                self.texts[0].push(',');
            }
            Dialect::Postgres => {
                debug_assert_eq!(self.at, self.texts.len(), "a value for every column");
            }
        }
    }

    /// The values for a statement.
    pub(super) fn finish(self) -> Vec<Value> {
        let end = self.dialect.either(']', '}');
        let finished = |mut text: String| {
            close(&mut text, end);
            Value::from(text)
        };
        self.texts.into_iter().map(finished).collect()
    }

    /// A text.
    pub(super) fn text(&mut self, value: &str) {
        let plain = !value.bytes().any(|byte| byte < 0x20 || byte == b'"' || byte == b'\\');
        match self.dialect {
            _ if plain => self.quoted(value),
            Dialect::Sqlite => self.plain(serde_json::Value::from(value)),
            Dialect::Postgres => {
                self.quoted(&value.replace('\\', "\\\\").replace('"', "\\\""));
            }
        }
    }

    /// A text or nothing.
    pub(super) fn optional_text(&mut self, value: Option<&str>) {
        match value {
            Some(value) => self.text(value),
            None => self.null(),
        }
    }

    /// A number or a truth value.
    pub(super) fn plain(&mut self, value: impl Display) {
        write!(self.next(), "{value},").expect("writing into a String cannot fail");
    }

    /// A number or a truth value, or nothing.
    pub(super) fn optional(&mut self, value: Option<impl Display>) {
        match value {
            Some(value) => self.plain(value),
            None => self.null(),
        }
    }

    /// Bytes, as hex digits.
    pub(super) fn bytes(&mut self, bytes: &[u8]) {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let before = self.dialect.either("\"", "\"\\\\x");
        let text = self.next();
        text.push_str(before);
        for byte in bytes {
            text.push(char::from(DIGITS[usize::from(byte >> 4)]));
            text.push(char::from(DIGITS[usize::from(byte & 0x0f)]));
        }
        text.push_str("\",");
    }

    /// An hour.
    pub(super) fn hour(&mut self, hour: Hour) {
        match self.dialect {
            Dialect::Sqlite => {
                let shown = self.hours.entry(hour).or_insert_with(|| format!("\"{hour}\","));
                self.texts[0].push_str(shown);
            }
            Dialect::Postgres => self.plain(hour.epoch_hours()),
        }
    }

    /// A day.
    pub(super) fn day(&mut self, day: Day) {
        match self.dialect {
            Dialect::Sqlite => self.quoted(&day.to_string()),
            Dialect::Postgres => self.plain(day.epoch_days()),
        }
    }

    fn null(&mut self) {
        self.next().push_str("null,");
    }

    fn quoted(&mut self, value: &str) {
        let text = self.next();
        text.push('"');
        text.push_str(value);
        text.push_str("\",");
    }

    /// Where the next value goes.
    fn next(&mut self) -> &mut String {
        let at = self.at;
        if self.dialect == Dialect::Postgres {
            self.at += 1;
        }
        &mut self.texts[at]
    }
}

/// Ends an array: its last comma is one too many.
fn close(text: &mut String, end: char) {
    if text.ends_with(',') {
        text.pop();
    }
    text.push(end);
}

#[cfg(test)]
mod tests {
    use super::*;

    const COLUMNS: [Column; 9] = [
        ("a", Kind::Text),
        ("b", Kind::Text),
        ("c", Kind::Text),
        ("d", Kind::Number),
        ("e", Kind::Flag),
        ("f", Kind::Number),
        ("g", Kind::Bytes),
        ("h", Kind::Hour),
        ("i", Kind::Day),
    ];

    fn texts(dialect: Dialect, rows: usize) -> Vec<String> {
        let mut all = Rows::new(dialect, &COLUMNS, rows, 10);
        for _ in 0..rows {
            all.row(|row| {
                row.text("plain");
                row.text("\"\\\n\u{1}ü");
                row.optional_text(None);
                row.plain(-5);
                row.optional(Some(true));
                row.optional(None::<i64>);
                row.bytes(&[0x00, 0x9f, 0xff]);
                row.hour(Hour::from_epoch_hours(1));
                row.day(Day::from_epoch_days(1));
            });
        }
        let text = |value| match value {
            Value::String(Some(text)) => text,
            other => panic!("not a text: {other:?}"),
        };
        all.finish().into_iter().map(text).collect()
    }

    #[test]
    fn for_sqlite_they_are_the_json_that_a_parser_reads_back() {
        let text = texts(Dialect::Sqlite, 2).remove(0);
        let read: serde_json::Value = serde_json::from_str(&text).unwrap();
        let row = serde_json::json!([
            "plain",
            "\"\\\n\u{1}ü",
            null,
            -5,
            true,
            null,
            "009fff",
            "1970-01-01T01:00:00Z",
            "1970-01-02"
        ]);
        assert_eq!(read, serde_json::json!([row, row]));
        assert_eq!(texts(Dialect::Sqlite, 0), ["[]"]);
    }

    #[test]
    fn for_postgres_they_are_a_literal_a_column() {
        let want = [
            r#"{"plain","plain"}"#,
            "{\"\\\"\\\\\n\u{1}ü\",\"\\\"\\\\\n\u{1}ü\"}",
            "{null,null}",
            "{-5,-5}",
            "{true,true}",
            "{null,null}",
            r#"{"\\x009fff","\\x009fff"}"#,
            "{1,1}",
            "{1,1}",
        ];
        assert_eq!(texts(Dialect::Postgres, 2), want);
        assert_eq!(texts(Dialect::Postgres, 0), ["{}"; 9]);
    }
}
