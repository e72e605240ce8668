//! The forms of an answer: JSON as a whole, and its list as CSV (RFC 4180) or as a line of JSON a row.

use std::fmt;

use salvo::http::header::{ACCEPT, HeaderMap};
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

/// A form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    /// The whole answer.
    Json,
    /// The list, with a line of names.
    Csv,
    /// The list, a line of JSON a row.
    Ndjson,
}

impl Format {
    /// Every form. The first is that of a client that takes anything.
    pub(crate) const ALL: [Self; 3] = [Self::Json, Self::Csv, Self::Ndjson];

    /// What a path ends with to ask for the form.
    pub(crate) const fn suffix(self) -> &'static str {
        match self {
            Self::Json => ".json",
            Self::Csv => ".csv",
            Self::Ndjson => ".ndjson",
        }
    }

    /// The media type.
    pub(crate) const fn media_type(self) -> &'static str {
        match self {
            Self::Json => "application/json",
            Self::Csv => "text/csv",
            Self::Ndjson => "application/x-ndjson",
        }
    }

    /// The header that says so.
    pub(crate) const fn content_type(self) -> &'static str {
        match self {
            Self::Json => "application/json",
            Self::Csv => "text/csv; charset=utf-8; header=present",
            Self::Ndjson => "application/x-ndjson",
        }
    }

    /// The form that a client likes best by its `Accept`; `None` when it takes none of them.
    pub(crate) fn accepted(headers: &HeaderMap) -> Option<Self> {
        let sent: Vec<&str> =
            headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok()).collect();
        if sent.is_empty() {
            return Some(Self::Json);
        }
        let ranges: Vec<_> =
            sent.iter().flat_map(|list| list.split(',')).filter_map(range).collect();
        let liked = Self::ALL.map(|format| (format, quality(&ranges, format.media_type())));
        let best = liked.into_iter().rev().max_by_key(|(_, quality)| *quality);
        best.filter(|(_, quality)| *quality > 0).map(|(format, _)| format)
    }
}

/// A media range and its weight in thousandths (RFC 9110, 12.5.1).
fn range(text: &str) -> Option<(&str, u16)> {
    let mut parts = text.split(';').map(str::trim);
    let range = parts.next().filter(|range| !range.is_empty())?;
    let weight = parts.find_map(|part| part.strip_prefix("q=").or_else(|| part.strip_prefix("Q=")));
    let thousandths = |weight: &str| {
        let weight: f32 = weight.parse().ok()?;
        (0.0..=1.0).contains(&weight).then_some((weight * 1_000.0) as u16)
    };
    Some((range, weight.map_or(Some(1_000), thousandths).unwrap_or(0)))
}

/// The weight of the most specific range that holds a media type.
fn quality(ranges: &[(&str, u16)], media_type: &str) -> u16 {
    let group = media_type.split_once('/').map_or("", |(group, _)| group);
    let specific = |(range, weight): &(&str, u16)| {
        let range = range.to_ascii_lowercase();
        let rank = match range.as_str() {
            "*/*" => 1,
            _ if range.strip_suffix("/*") == Some(group) => 2,
            _ if range == media_type => 3,
            _ => return None,
        };
        Some((rank, *weight))
    };
    ranges.iter().filter_map(specific).max().map_or(0, |(_, weight)| weight)
}

/// A row, its members in the order in which they were written.
struct Row(Vec<(String, Value)>);

impl<'de> Deserialize<'de> for Row {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members;
        impl<'de> Visitor<'de> for Members {
            type Value = Row;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Row, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Row(members))
            }
        }
        deserializer.deserialize_map(Members)
    }
}

/// Why a list cannot be written.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unwritten {
    /// A row is no object, or not JSON.
    #[error("a row is not an object: {0}")]
    Json(#[from] serde_json::Error),
    /// The writer of CSV failed.
    #[error("a table cannot be written: {0}")]
    Csv(#[from] csv::Error),
}

/// Rows as lines of JSON.
pub(crate) fn ndjson(rows: &[impl Serialize]) -> Result<Vec<u8>, Unwritten> {
    let mut lines = Vec::new();
    for row in rows {
        serde_json::to_writer(&mut lines, row)?;
        lines.push(b'\n');
    }
    Ok(lines)
}

/// Rows as CSV. Every member is a column under its name, one within another under both names with a
/// full stop between them; items of a list stand in one field with semicolons between them.
pub(crate) fn csv(rows: &[impl Serialize]) -> Result<Vec<u8>, Unwritten> {
    let mut table = Vec::with_capacity(rows.len());
    for row in rows {
        let Row(members) = serde_json::from_slice(&serde_json::to_vec(row)?)?;
        let mut fields = Vec::with_capacity(members.len());
        for (name, value) in members {
            flatten(name, &value, &mut fields);
        }
        table.push(fields);
    }
    let mut names: Vec<&str> = Vec::new();
    for (name, _) in table.iter().flatten() {
        if !names.contains(&name.as_str()) {
            names.push(name);
        }
    }
    let mut writer =
        csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(Vec::new());
    if !names.is_empty() {
        writer.write_record(&names)?;
    }
    for fields in &table {
        let of = |name: &&str| fields.iter().find(|(field, _)| field == name);
        writer.write_record(names.iter().map(|name| of(name).map_or("", |(_, text)| text)))?;
    }
    writer.into_inner().map_err(|error| Unwritten::Csv(csv::Error::from(error.into_error())))
}

fn flatten(name: String, value: &Value, fields: &mut Vec<(String, String)>) {
    match value {
        Value::Object(members) => {
            for (inner, value) in members {
                flatten(format!("{name}.{inner}"), value, fields);
            }
        }
        Value::Array(items) => {
            let items: Vec<String> = items.iter().map(field).collect();
            fields.push((name, harmless(items.join(";"))));
        }
        Value::String(text) => fields.push((name, harmless(text.clone()))),
        value => fields.push((name, field(value))),
    }
}

fn field(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        value => value.to_string(),
    }
}

/// A text that no spreadsheet takes for a formula.
fn harmless(text: String) -> String {
    if text.starts_with(['=', '+', '-', '@', '\t', '\r']) { format!("'{text}") } else { text }
}

#[cfg(test)]
mod tests {
    use salvo::http::HeaderValue;
    use serde_json::json;

    use super::*;

    fn accepted(sent: &[&'static str]) -> Option<Format> {
        let mut headers = HeaderMap::new();
        for value in sent {
            headers.append(ACCEPT, HeaderValue::from_static(value));
        }
        Format::accepted(&headers)
    }

    #[test]
    fn the_form_that_a_client_likes_best_is_taken() {
        for (sent, want) in [
            (&[][..], Some(Format::Json)),
            (&["*/*"], Some(Format::Json)),
            (&["text/csv"], Some(Format::Csv)),
            (&["TEXT/CSV"], Some(Format::Csv)),
            (&["text/*"], Some(Format::Csv)),
            (&["application/x-ndjson"], Some(Format::Ndjson)),
            (&["text/html,application/xhtml+xml,*/*;q=0.8"], Some(Format::Json)),
            (&["application/json;q=0.5, text/csv"], Some(Format::Csv)),
            (&["application/json;q=0", "*/*;q=0.1"], Some(Format::Csv)),
            (&["text/html"], None),
            (&["application/json;q=0"], None),
            (&["application/json;q=2"], None),
            (&[""], None),
        ] {
            assert_eq!(accepted(sent), want, "{sent:?}");
        }
    }

    #[test]
    fn a_table_is_quoted_flat_and_harmless() {
        let rows = [
            json!({ "name": "a,\"b\"\r\nc", "calls": 3, "rate": 0.1, "previous": { "calls": null } }),
            json!({ "name": "=1+1", "tools": ["x", "y"], "late": true, "calls": -5 }),
            json!({ "name": "-", "tools": ["@x"] }),
        ];
        let table = String::from_utf8(csv(&rows).unwrap()).unwrap();
        // Members of these values are in the order of their names.
        assert_eq!(
            table,
            "calls,name,previous.calls,rate,late,tools\r\n\
             3,\"a,\"\"b\"\"\r\nc\",,0.1,,\r\n\
             -5,'=1+1,,,true,x;y\r\n\
             ,'-,,,,'@x\r\n"
        );
        assert_eq!(csv(&[] as &[Value]).unwrap(), b"");
        let lines = String::from_utf8(ndjson(&rows[2..]).unwrap()).unwrap();
        assert_eq!(lines, "{\"name\":\"-\",\"tools\":[\"@x\"]}\n");
    }

    #[test]
    fn columns_stand_in_the_order_of_the_members() {
        #[derive(Serialize)]
        struct Z {
            z: u8,
            a: Option<u8>,
        }
        assert_eq!(csv(&[Z { z: 1, a: None }]).unwrap(), b"z,a\r\n1,\r\n");
    }
}
