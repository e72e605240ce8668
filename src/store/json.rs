//! Rows as one JSON text, the form in which many rows go into a statement as a single value.
//!
//! Written by hand because a group has tens of thousands of values and each is written once, from
//! where it lies: no tree of values, no allocation a value.

use std::collections::HashMap;
use std::fmt::{Display, Write};

use sea_orm::Value;
use stages::{Day, Hour};

/// An array of arrays under construction: `[["a",1],["b",null]]`.
pub(super) struct JsonRows {
    text: String,
    /// Hours repeat in nearly every row, and making their text is the dearest part of a row.
    hours: HashMap<Hour, String>,
}

impl JsonRows {
    /// No rows yet; room for `rows` rows of about `row_bytes` bytes.
    pub(super) fn with_capacity(rows: usize, row_bytes: usize) -> Self {
        let mut text = String::with_capacity(2 + rows * row_bytes);
        text.push('[');
        Self { text, hours: HashMap::new() }
    }

    /// A plain list instead of rows: values are written into it directly.
    pub(super) fn list() -> Self {
        Self::with_capacity(0, 0)
    }

    /// Adds a row; `fill` writes its values in order.
    pub(super) fn row(&mut self, fill: impl FnOnce(&mut Self)) {
        self.text.push('[');
        fill(self);
        self.close();
        self.text.push(',');
    }

    /// The text, as a value for a statement.
    pub(super) fn finish(mut self) -> Value {
        self.close();
        Value::from(self.text)
    }

    /// A text.
    pub(super) fn text(&mut self, value: &str) {
        if value.bytes().any(|byte| byte < 0x20 || byte == b'"' || byte == b'\\') {
            self.plain(serde_json::Value::from(value));
            return;
        }
        self.text.push('"');
        self.text.push_str(value);
        self.text.push_str("\",");
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
        write!(self.text, "{value},").expect("writing into a String cannot fail");
    }

    /// A number or a truth value, or nothing.
    pub(super) fn optional(&mut self, value: Option<impl Display>) {
        match value {
            Some(value) => self.plain(value),
            None => self.null(),
        }
    }

    /// Bytes, as hex digits for `unhex`.
    pub(super) fn bytes(&mut self, bytes: &[u8]) {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        self.text.push('"');
        for byte in bytes {
            self.text.push(char::from(DIGITS[usize::from(byte >> 4)]));
            self.text.push(char::from(DIGITS[usize::from(byte & 0x0f)]));
        }
        self.text.push_str("\",");
    }

    /// An hour.
    pub(super) fn hour(&mut self, hour: Hour) {
        let shown = self.hours.entry(hour).or_insert_with(|| format!("\"{hour}\","));
        self.text.push_str(shown);
    }

    /// A day.
    pub(super) fn day(&mut self, day: Day) {
        write!(self.text, "\"{day}\",").expect("writing into a String cannot fail");
    }

    fn null(&mut self) {
        self.text.push_str("null,");
    }

    /// Ends an array: its last comma is one too many.
    fn close(&mut self) {
        if self.text.ends_with(',') {
            self.text.pop();
        }
        self.text.push(']');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_the_json_that_a_parser_reads_back() {
        let mut rows = JsonRows::with_capacity(2, 10);
        rows.row(|row| {
            row.text("plain");
            row.text("\"\\\n\u{1}ü");
            row.optional_text(None);
            row.plain(-5);
            row.optional(Some(true));
            row.optional(None::<i64>);
        });
        rows.row(|row| {
            row.bytes(&[0x00, 0x9f, 0xff]);
            row.hour(Hour::from_epoch_hours(1));
            row.day(Day::from_epoch_days(1));
        });
        let Value::String(Some(text)) = rows.finish() else { panic!("not a text") };
        let read: serde_json::Value = serde_json::from_str(&text).unwrap();
        let want = serde_json::json!([
            ["plain", "\"\\\n\u{1}ü", null, -5, true, null],
            ["009fff", "1970-01-01T01:00:00Z", "1970-01-02"]
        ]);
        assert_eq!(read, want);

        let Value::String(Some(text)) = JsonRows::with_capacity(0, 0).finish() else { panic!() };
        assert_eq!(text, "[]");
    }
}
