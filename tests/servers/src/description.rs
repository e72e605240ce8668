//! Answers against what the server says about them: a reader of `openapi.json`, so far as ours goes.
//!
//! Written here because the usual validators ask for features of their dependencies with which most of
//! the tree would be built twice.

use serde_json::Value;

/// What `openapi.json` holds.
pub struct Description(Value);

impl Description {
    /// A document as it is served.
    pub const fn new(document: Value) -> Self {
        Self(document)
    }

    /// What a `$ref` leads to.
    pub fn referred(&self, reference: &str) -> &Value {
        reference.strip_prefix('#').and_then(|at| self.0.pointer(at)).unwrap()
    }

    /// The path of the document to which an address belongs: itself, or one with a name in braces.
    pub fn path_of(&self, address: &str) -> &str {
        let address = address.split('?').next().unwrap();
        let matches = |path: &str| {
            let named =
                |part: &str| part.starts_with('{') && part.find('}') == Some(part.len() - 1);
            path.split('/').count() == address.split('/').count()
                && path.split('/').zip(address.split('/')).all(|(p, a)| p == a || named(p))
        };
        let mut paths: Vec<_> = self.0["paths"].as_object().unwrap().keys().collect();
        paths.sort_by_key(|path| path.contains('{'));
        let found = paths.into_iter().find(|path| matches(path));
        found.unwrap_or_else(|| panic!("{address} is not described"))
    }

    /// Where the answer to a GET is not as described.
    pub fn faults(&self, path: &str, status: u16, content_type: &str, body: &str) -> Vec<String> {
        let mut response = &self.0["paths"][path]["get"]["responses"][status.to_string()];
        if let Some(reference) = response["$ref"].as_str() {
            response = self.referred(reference);
        }
        if !response.is_object() {
            return vec![format!("{status} is not described")];
        }
        let kind = content_type.split(';').next().unwrap();
        let schema = &response["content"][kind]["schema"];
        if !schema.is_object() {
            return vec![format!("{kind} is not described for {status}")];
        }
        if !kind.ends_with("json") || kind.ends_with("ndjson") {
            return Vec::new();
        }
        serde_json::from_str(body)
            .map_or_else(|error| vec![error.to_string()], |value| self.differences(schema, &value))
    }

    /// Where a value is not what a schema says.
    pub fn differences(&self, schema: &Value, value: &Value) -> Vec<String> {
        let mut faults = Vec::new();
        self.compare(schema, value, "", &mut faults);
        faults
    }

    /// Notes differences, for the words that our schemas use. A member that the schema does not name
    /// is one as well.
    fn compare(&self, schema: &Value, value: &Value, at: &str, faults: &mut Vec<String>) {
        if let Some(reference) = schema["$ref"].as_str() {
            return self.compare(self.referred(reference), value, at, faults);
        }
        if let Some(either) = schema["anyOf"].as_array() {
            return if !either.iter().any(|schema| self.differences(schema, value).is_empty()) {
                faults.push(format!("{at}: none of the alternatives"));
            };
        }
        if !fits(schema, value, at) {
            faults.push(format!("{at}: {value} is not {schema}"));
        }
        for (n, item) in value.as_array().into_iter().flatten().enumerate() {
            self.compare(&schema["items"], item, &format!("{at}/{n}"), faults);
        }
        let Some(members) = value.as_object() else { return };
        for name in schema["required"].as_array().into_iter().flatten() {
            if !members.contains_key(name.as_str().unwrap()) {
                faults.push(format!("{at}: {name} is missing"));
            }
        }
        for (name, member) in members {
            let at = format!("{at}/{name}");
            match (schema["properties"].get(name), schema.get("additionalProperties")) {
                (Some(schema), _) | (None, Some(schema)) => {
                    self.compare(schema, member, &at, faults);
                }
                (None, None) if schema["properties"].is_object() => {
                    faults.push(format!("{at} is not described"));
                }
                (None, None) => {}
            }
        }
    }
}

/// Whether a value itself, without what it contains, is what a schema says.
fn fits(schema: &Value, value: &Value, at: &str) -> bool {
    let is = |kind: &str| match kind {
        "null" => value.is_null(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "string" => value.is_string(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        other => panic!("{at}: unknown type {other}"),
    };
    let kinds = match &schema["type"] {
        Value::Null => true,
        Value::Array(kinds) => kinds.iter().any(|kind| is(kind.as_str().unwrap())),
        kind => is(kind.as_str().unwrap()),
    };
    let words = schema["enum"].as_array().is_none_or(|words| words.contains(value));
    let constant = schema.get("const").is_none_or(|constant| constant == value);
    let least = schema["minimum"].as_f64().zip(value.as_f64()).is_none_or(|(min, n)| n >= min);
    kinds && words && constant && least
}
