//! Keys and types against a JSON Schema made by `schemars`: everything that is wrong, not the first.
//!
//! Deserialising stops at its first error, so it cannot report all. Only the part of JSON Schema
//! that the settings and the stages' `with` sections use is understood; anything else is left to
//! the deserialiser that comes afterwards.

use std::net::IpAddr;

use serde_json::{Number, Value};

use super::codes::Code;
use super::problem::{Finding, Path, dotted, plain_name};

/// A schema with its definitions.
#[derive(Clone, Copy)]
pub(super) struct Shape<'s> {
    root: &'s Value,
    node: &'s Value,
}

impl<'s> Shape<'s> {
    /// The shape of a whole schema document.
    pub(super) fn new(root: &'s Value) -> Self {
        Self { root, node: root }.resolved()
    }

    /// Follows references, and the way past "or null".
    fn resolved(self) -> Self {
        let mut node = self.node;
        loop {
            let target = node.get("$ref").and_then(Value::as_str);
            if let Some(pointer) = target.and_then(|target| target.strip_prefix('#')) {
                match self.root.pointer(pointer) {
                    Some(next) => node = next,
                    None => return Self { node, ..self },
                }
                continue;
            }
            let is_null = |branch: &&Value| branch.get("type") != Some(&Value::from("null"));
            let branches = node.get("anyOf").and_then(Value::as_array);
            match branches.and_then(|branches| branches.iter().find(is_null)) {
                Some(next) => node = next,
                None => return Self { node, ..self },
            }
        }
    }

    /// Documented keys of a section.
    pub(super) fn keys(self) -> impl Iterator<Item = (&'s str, Self)> {
        let root = self.root;
        let properties = self.node.get("properties").and_then(Value::as_object);
        properties
            .into_iter()
            .flatten()
            .map(move |(key, node)| (key.as_str(), Self { root, node }.resolved()))
    }

    /// What is documented of a key of this section, on one line.
    pub(super) fn about(self, key: &str) -> String {
        let node = self.node.get("properties").and_then(|keys| keys.get(key));
        let text = node.and_then(|node| node.get("description")).and_then(Value::as_str);
        text.unwrap_or_default()
            .split_whitespace()
            .collect::<Vec<_>>()
            .join(" ")
            .replace('|', "\\|")
    }

    /// The default of a key of this section.
    pub(super) fn default_of(self, key: &str) -> Option<&'s Value> {
        self.node.get("properties")?.get(key)?.get("default")
    }

    /// Keys that a section must have.
    pub(super) fn required(self) -> impl Iterator<Item = &'s str> {
        let required = self.node.get("required").and_then(Value::as_array);
        required.into_iter().flatten().filter_map(Value::as_str)
    }

    /// What stands under a key or list position.
    pub(super) fn child(self, part: &str) -> Option<Self> {
        let node = match self.node.get("items") {
            Some(items) if part.parse::<usize>().is_ok() => items,
            _ => self.node.get("properties")?.get(part)?,
        };
        Some(Self { root: self.root, node }.resolved())
    }

    /// This shape as a schema of its own. Only for what is not a section.
    pub(super) fn standalone(self) -> Value {
        self.node.clone()
    }

    /// What stands at a path.
    pub(super) fn at(self, path: &[String]) -> Option<Self> {
        path.iter().try_fold(self, |shape, part| shape.child(part))
    }

    /// The types that a value may have; empty when any.
    fn types(self) -> Vec<&'s str> {
        match self.node.get("type") {
            Some(Value::String(one)) => vec![one],
            Some(Value::Array(several)) => several.iter().filter_map(Value::as_str).collect(),
            _ if !self.words().is_empty() => vec!["string"],
            _ => Vec::new(),
        }
    }

    /// Whether a value is text and nothing else.
    pub(super) fn is_text(self) -> bool {
        self.types().iter().all(|kind| matches!(*kind, "string" | "null"))
            && !self.types().is_empty()
    }

    /// The words of an enumeration.
    pub(super) fn words(self) -> Vec<&'s str> {
        let text = |key| self.node.get(key).and_then(Value::as_array);
        let of_enum = text("enum").into_iter().flatten().filter_map(Value::as_str);
        let of_const = text("oneOf").into_iter().flatten();
        let of_const = of_const.filter_map(|branch| branch.get("const")?.as_str());
        of_enum.chain(of_const).collect()
    }

    /// What a value must be, in words that follow "must be".
    pub(super) fn expected(self) -> String {
        let words = self.words();
        match words.as_slice() {
            [] => {}
            [only] => return format!("`{only}`"),
            words => return format!("one of `{}`", words.join("`, `")),
        }
        let of = |key| self.node.get(key).and_then(Value::as_str);
        match of("format") {
            Some("socket-address") => return "an address such as 127.0.0.1:3000".to_owned(),
            Some("socket-address-or-off") => {
                return "an address such as 127.0.0.1:9464, or `off`".to_owned();
            }
            Some("cidr") => return "a network such as 10.0.0.0/8".to_owned(),
            Some("switch-or-file") => {
                return "true, false, or the path of a file such as /var/lib/x/spool.db".to_owned();
            }
            _ => {}
        }
        // Types with a syntax of their own describe it in their definition.
        if self.node.get("examples").is_some()
            && let Some(text) = of("description")
        {
            let mut letters = text.trim_end_matches('.').chars();
            let first = letters.next().map(|letter| letter.to_ascii_lowercase());
            return first.into_iter().chain(letters).collect();
        }
        match self.types().first().copied() {
            Some("string") => "text".to_owned(),
            Some("integer") => match (self.bound("minimum"), self.bound("maximum")) {
                (Some(least), Some(most)) => format!("a whole number from {least} to {most}"),
                (Some(least), None) => format!("a whole number, {least} or more"),
                _ => "a whole number".to_owned(),
            },
            Some("number") => "a number".to_owned(),
            Some("boolean") => "true or false".to_owned(),
            Some("array") => "a list".to_owned(),
            Some("object") => "a section of keys".to_owned(),
            _ => "a valid value".to_owned(),
        }
    }

    /// What usually is wrong with text that is not in the form of this shape.
    pub(super) fn advice(self, text: &str) -> Option<&'static str> {
        let of = |key| self.node.get(key).and_then(Value::as_str);
        match of("format") {
            Some("socket-address-or-off") if !text.contains([':', '.']) && text != "localhost" => {
                None
            }
            Some("socket-address" | "socket-address-or-off") => Some(about_address(text)),
            Some("cidr") if text.parse::<IpAddr>().is_ok() => {
                Some("add how many bits are fixed: /32 for one IPv4 address, /128 for one of IPv6")
            }
            Some("cidr") if text.contains('/') => {
                Some("up to 32 bits are fixed of an IPv4 network, up to 128 of one of IPv6")
            }
            Some("switch-or-file") => switch(text),
            Some("cidr") => Some("names are not looked up: write the numbers of the network"),
            _ if of("pattern").is_some() && text.parse::<f64>().is_ok() => {
                Some("add a unit: s, m, h or d")
            }
            _ => None,
        }
    }

    /// Reports every unknown key and every value of a wrong type below a path.
    pub(super) fn check(self, value: &Value, path: &mut Path, findings: &mut Vec<Finding>) {
        let types = self.types();
        if !types.is_empty() && !types.iter().any(|kind| has_type(value, kind)) {
            findings.push(self.wrong_type(value, path));
            return;
        }
        match value {
            Value::Object(entries) => self.check_section(entries, path, findings),
            Value::Array(items) => {
                let Some(items_shape) = self.child("0") else { return };
                for (index, item) in items.iter().enumerate() {
                    path.push(index.to_string());
                    items_shape.check(item, path, findings);
                    path.pop();
                }
            }
            Value::Number(number) => findings.extend(self.out_of_range(number, path)),
            Value::String(text) => {
                let words = self.words();
                if !words.is_empty() && !words.contains(&text.as_str()) {
                    let message = format!("`{}` must be {}", dotted(path), self.expected());
                    let finding = Finding::value(path, Code::InvalidValue, message);
                    findings.push(finding.suggest(text, words));
                }
            }
            _ => {}
        }
    }

    fn bound(self, key: &str) -> Option<i128> {
        self.node.get(key).and_then(Value::as_number).and_then(Number::as_i128)
    }

    fn out_of_range(self, number: &Number, path: &[String]) -> Option<Finding> {
        let number = number.as_i128()?;
        // The largest that fits is no limit that anybody chose, until somebody meets it.
        let fits = match self.node.get("format").and_then(Value::as_str) {
            Some("uint32") => Some(i128::from(u32::MAX)),
            _ => None,
        };
        let (least, most) = (self.bound("minimum"), self.bound("maximum"));
        let message = if least.is_some_and(|least| number < least)
            || most.is_some_and(|most| number > most)
        {
            format!("`{}` must be {}", dotted(path), self.expected())
        } else {
            let most = fits.filter(|most| number > *most)?;
            format!("`{}` must be at most {most}", dotted(path))
        };
        Some(Finding::value(path, Code::OutOfRange, message))
    }

    fn check_section(
        self,
        entries: &serde_json::Map<String, Value>,
        path: &mut Path,
        findings: &mut Vec<Finding>,
    ) {
        let closed = self.node.get("additionalProperties") == Some(&Value::Bool(false));
        for (key, value) in entries {
            let child = self.child(key);
            let place = dotted(path);
            path.push(key.clone());
            match child {
                Some(child) => child.check(value, path, findings),
                None if closed => {
                    let name = plain_name(key, "of this name");
                    let message = match place.as_str() {
                        "" => format!("there is no section {name}"),
                        place => format!("`{place}` has no key {name}"),
                    };
                    let known: Vec<&str> = self.keys().map(|(name, _)| name).collect();
                    let finding = Finding::key(path, Code::UnknownKey, message);
                    let mut absent = self.required().filter(|name| !entries.contains_key(*name));
                    findings.push(match (known.as_slice(), absent.next()) {
                        ([], _) => finding.help("it has no keys; remove it"),
                        // One key too many and one too few are one mistake.
                        (_, Some(name)) => finding.help(format!("did you mean `{name}`?")),
                        (known, None) => finding.suggest_of(key, known, "known here:"),
                    });
                }
                None => {}
            }
            path.pop();
        }
    }

    /// Whether text would be right if it were not text.
    fn fits_unquoted(self, text: &str) -> bool {
        let value = serde_yaml::from_str::<Value>(text).unwrap_or_default();
        !value.is_null() && self.types().iter().any(|kind| has_type(&value, kind))
    }

    fn wrong_type(self, value: &Value, path: &[String]) -> Finding {
        let what = match value {
            Value::Null => "nothing",
            Value::Bool(_) => "true or false",
            Value::Number(number) if number.as_f64().is_some_and(|it| it.abs() >= 1e18) => {
                "a number that is too large"
            }
            Value::Number(number) if number.is_f64() => {
                "a number that is not written as a whole one"
            }
            Value::Number(_) => "a number",
            Value::String(_) => "text",
            Value::Array(_) => "a list",
            Value::Object(_) => "a section of keys",
        };
        let place = dotted(path);
        let message = format!("`{place}` must be {}, but here is {what}", self.expected());
        let finding = Finding::value(path, Code::WrongType, message);
        let is_item = path.last().is_some_and(|part| part.parse::<usize>().is_ok());
        match value {
            Value::Null if is_item => finding.help("give it a value, or remove the line"),
            Value::Null => finding.help("give it a value, or remove the key for its default"),
            Value::String(text) if self.fits_unquoted(text) => {
                finding.help("write it without quotes")
            }
            Value::String(text) if self.types().contains(&"boolean") => match switch(text) {
                Some(help) => finding.help(help),
                None => finding,
            },
            Value::String(_) if self.types() == ["array"] => {
                finding.help("put it in brackets: [one, two]")
            }
            Value::Object(_) if self.types() == ["array"] => {
                finding.help("begin each item with a dash and a space")
            }
            Value::Array(_) if self.types() == ["object"] => {
                finding.help("remove the dashes, or what is in brackets")
            }
            Value::Number(_) if self.advice("0").is_some() => {
                finding.help(self.advice("0").unwrap_or_default())
            }
            Value::Number(_) | Value::Bool(_) if self.expected() == "text" => {
                finding.help("write the value in quotes if it is meant as text")
            }
            _ => finding,
        }
    }
}

/// What to write for a word that means yes or no.
fn switch(text: &str) -> Option<&'static str> {
    match text.to_lowercase().as_str() {
        "yes" | "on" | "y" => Some("write `true`"),
        "no" | "off" | "n" => Some("write `false`"),
        _ => None,
    }
}

fn about_address(text: &str) -> &'static str {
    let port = text.rsplit_once(':').map_or("", |(_, port)| port);
    if text.contains("://") {
        "write it without what stands before `://`: an address and a port"
    } else if text.parse::<u16>().is_ok() || text.starts_with(':') {
        "put the address before the port: 127.0.0.1 for this machine, 0.0.0.0 for all that reach it"
    } else if text.parse::<IpAddr>().is_ok() {
        "add a colon and the port"
    } else if port.parse::<u32>().is_ok_and(|port| port > u32::from(u16::MAX)) {
        "a port is a number up to 65535"
    } else {
        "names are not looked up: write 127.0.0.1 for this machine, 0.0.0.0 for all that reach it"
    }
}

fn has_type(value: &Value, kind: &str) -> bool {
    match kind {
        "null" => value.is_null(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "string" => value.is_string(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        _ => true,
    }
}
