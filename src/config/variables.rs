//! `${VAR}` and `${VAR:-default}` in the text values of pipeline.yaml.
//!
//! They are replaced in parsed values only, never in the file's raw text: what a variable holds can
//! neither add keys nor change the meaning of the document.

use std::collections::BTreeMap;

use serde_json::Value;

use super::codes::Code;
use super::problem::{Finding, Path, dotted};

/// Replaces the references in every text value. Values whose reference cannot be replaced are
/// reported and left as they are.
pub(super) fn substitute(
    value: &mut Value,
    variables: &BTreeMap<String, String>,
    path: &mut Path,
    findings: &mut Vec<Finding>,
) {
    match value {
        Value::String(text) if text.contains("${") => match expand(text, variables) {
            Ok(expanded) => *text = expanded,
            Err(error) => findings.push(error.at(path)),
        },
        Value::Array(items) => {
            for (index, item) in items.iter_mut().enumerate() {
                path.push(index.to_string());
                substitute(item, variables, path, findings);
                path.pop();
            }
        }
        Value::Object(entries) => {
            for (key, item) in entries {
                path.push(key.clone());
                substitute(item, variables, path, findings);
                path.pop();
            }
        }
        _ => {}
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Fault {
    Missing(String),
    Malformed,
}

impl Fault {
    fn at(self, path: &[String]) -> Finding {
        match self {
            Self::Missing(name) => {
                let message =
                    format!("`{}` needs the variable {name}, which is not set", dotted(path));
                let help = format!("set {name}, or give a default: ${{{name}:-default}}");
                Finding::value(path, Code::MissingVariable, message).help(help)
            }
            Self::Malformed => {
                let message = format!("`{}` has a `${{` that names no variable", dotted(path));
                Finding::value(path, Code::MalformedVariable, message)
                    .help("write ${NAME} or ${NAME:-default}; a name has letters, digits and _")
            }
        }
    }
}

fn expand(text: &str, variables: &BTreeMap<String, String>) -> Result<String, Fault> {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${") {
        out.push_str(before);
        let (reference, tail) = after.split_once('}').ok_or(Fault::Malformed)?;
        let (name, default) = match reference.split_once(":-") {
            Some((name, default)) => (name, Some(default)),
            None => (reference, None),
        };
        let letter = |c: char| c.is_ascii_alphanumeric() || c == '_';
        if name.is_empty()
            || !name.chars().all(letter)
            || name.starts_with(|c: char| c.is_ascii_digit())
        {
            return Err(Fault::Malformed);
        }
        // As in a shell, `:-` also replaces what is set but empty.
        match (variables.get(name), default) {
            (Some(value), Some(default)) if value.is_empty() => out.push_str(default),
            (Some(value), _) => out.push_str(value),
            (None, Some(default)) => out.push_str(default),
            (None, None) => return Err(Fault::Missing(name.to_owned())),
        }
        rest = tail;
    }
    out.push_str(rest);
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_replaced_in_text_only() {
        let variables: BTreeMap<String, String> =
            [("A", "one"), ("EMPTY", ""), ("INNER", "${A}"), ("YAML", "a: b\n- c")]
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .into();
        for (text, want) in [
            ("plain", Ok("plain")),
            ("${A}", Ok("one")),
            ("x${A}y${A}z", Ok("xoneyonez")),
            ("${A:-two}", Ok("one")),
            ("${NONE:-two}", Ok("two")),
            ("${NONE:-}", Ok("")),
            ("${EMPTY}", Ok("")),
            ("${EMPTY:-two}", Ok("two")),
            ("${NONE:-a:-b}", Ok("a:-b")),
            // What a variable holds is not looked at again, and is never YAML.
            ("${INNER}", Ok("${A}")),
            ("${YAML}", Ok("a: b\n- c")),
            ("$A and $ {A}", Ok("$A and $ {A}")),
            ("${NONE}", Err(Fault::Missing("NONE".to_owned()))),
            ("${A", Err(Fault::Malformed)),
            ("${}", Err(Fault::Malformed)),
            ("${1A}", Err(Fault::Malformed)),
            ("${A-b}", Err(Fault::Malformed)),
            ("${A B}", Err(Fault::Malformed)),
        ] {
            assert_eq!(expand(text, &variables), want.map(str::to_owned), "{text}");
        }
    }

    #[test]
    fn keys_and_other_types_stay() {
        let variables = [("A".to_owned(), "one".to_owned())].into();
        let mut value = serde_json::json!({"${A}": [1, true, null, {"k": "${A}"}]});
        let mut findings = Vec::new();
        substitute(&mut value, &variables, &mut Vec::new(), &mut findings);
        assert_eq!(value, serde_json::json!({"${A}": [1, true, null, {"k": "one"}]}));
        assert!(findings.is_empty());
    }
}
