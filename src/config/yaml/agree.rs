//! Whether two YAML readers agree on a document, value by value. Where they differ, nobody can tell
//! what the operator meant.

use serde_json::{Map, Value};

use super::{Extra, Kind, Node, Section};
use crate::config::codes::Code;
use crate::config::problem::{Finding, Path};

/// Reports every value that the readers do not read alike, and everything that is not used.
pub(super) fn compare(node: &Node, value: &Value, path: &mut Path, findings: &mut Vec<Finding>) {
    if let Some(extra) = node.extra {
        findings.push(refused(extra, path));
        return;
    }
    let same = match (&node.kind, value) {
        (Kind::Scalar { text, plain }, value) => same_scalar(text, *plain, value),
        (Kind::List(nodes), Value::Array(values)) => {
            for (index, (node, value)) in nodes.iter().zip(values).enumerate() {
                path.push(index.to_string());
                compare(node, value, path, findings);
                path.pop();
            }
            nodes.len() == values.len()
        }
        (Kind::Section(section), Value::Object(values)) => {
            compare_section(section, values, path, findings)
        }
        _ => false,
    };
    if !same {
        let message = "YAML readers disagree about what this says";
        findings.push(
            Finding::value(path, Code::AmbiguousYaml, message)
                .help("write the value in quotes, on one line, without unusual line breaks"),
        );
    }
}

/// Reports everything that is not used, whatever its value.
pub(super) fn refuse(node: &Node, path: &mut Path, findings: &mut Vec<Finding>) {
    findings.extend(node.extra.map(|extra| refused(extra, path)));
    let mut below = |part: String, node: &Node| {
        path.push(part);
        refuse(node, path, findings);
        path.pop();
    };
    match &node.kind {
        Kind::Scalar { .. } => {}
        Kind::List(nodes) => {
            nodes.iter().enumerate().for_each(|(index, node)| below(index.to_string(), node));
        }
        Kind::Section(section) => {
            section.entries.iter().for_each(|(key, _, node)| below(key.clone(), node));
        }
    }
}

fn refused(extra: Extra, path: &[String]) -> Finding {
    match extra {
        Extra::Reference => {
            let message =
                "anchors (`&name`), aliases (`*name`) and merge keys (`<<`) are not supported";
            Finding::value(path, Code::NoAnchors, message)
                .help("write the value itself; text that begins with `&` or `*` needs quotes")
        }
        Extra::Tag => Finding::value(path, Code::NoTags, "tags (`!name`) are not supported")
            .help("remove the tag; text that begins with `!` needs quotes"),
    }
}

fn compare_section(
    section: &Section,
    values: &Map<String, Value>,
    path: &mut Path,
    findings: &mut Vec<Finding>,
) -> bool {
    for (name, index) in &section.last {
        if let (Some((.., node)), Some(value)) = (section.entries.get(*index), values.get(name)) {
            path.push(name.clone());
            compare(node, value, path, findings);
            path.pop();
        }
    }
    section.last.len() == values.len() && section.last.keys().all(|name| values.contains_key(name))
}

fn same_scalar(text: &str, plain: bool, value: &Value) -> bool {
    match value {
        Value::String(value) => value == text,
        _ if !plain => false,
        Value::Null => is_null(text),
        Value::Bool(value) => matches!(
            (text, *value),
            ("true" | "True" | "TRUE", true) | ("false" | "False" | "FALSE", false)
        ),
        Value::Number(number) => same_number(text, number),
        Value::Array(_) | Value::Object(_) => false,
    }
}

pub(super) fn is_null(text: &str) -> bool {
    matches!(text, "" | "~" | "null" | "Null" | "NULL")
}

fn same_number(text: &str, number: &serde_json::Number) -> bool {
    let digits = text.strip_prefix('+').unwrap_or(text);
    if let Some(value) = number.as_i128() {
        let radix = |prefix, radix| {
            digits.strip_prefix(prefix).and_then(|d| i128::from_str_radix(d, radix).ok())
        };
        let read = digits.parse().ok().or_else(|| radix("0x", 16)).or_else(|| radix("0o", 8));
        return read == Some(value);
    }
    text.parse::<f64>().ok() == number.as_f64()
}
