//! What a field may hold, in words: made from the same JSON Schema that is published, so that the page
//! and the data cannot say different things.

use serde_json::Value;

use crate::words;

/// What may be held: by keys of an object, or by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Said {
    /// Keys of an object that it is about; empty when it is about the field itself.
    pub keys: Vec<String>,
    /// In words.
    pub words: String,
    /// Listed names, one of which it is.
    pub names: Vec<String>,
    /// The exact form of texts, as a regular expression.
    pub pattern: Option<String>,
}

/// A schema, in words; objects by the keys that have the same form.
pub fn of(schema: &Value) -> Vec<Said> {
    let Some(members) = schema["properties"].as_object() else {
        return vec![said(schema, Vec::new())];
    };
    let mut groups: Vec<(&Value, Vec<String>)> = Vec::new();
    for (key, schema) in members {
        match groups.iter_mut().find(|(known, _)| *known == schema) {
            Some((_, keys)) => keys.push(key.clone()),
            None => groups.push((schema, vec![key.clone()])),
        }
    }
    groups.into_iter().map(|(schema, keys)| said(schema, keys)).collect()
}

fn said(schema: &Value, keys: Vec<String>) -> Said {
    let names = schema["enum"].as_array().into_iter().flatten();
    let pattern = if schema["anyOf"].is_array() { &schema["anyOf"][0] } else { schema };
    Said {
        keys,
        words: in_words(schema),
        names: names.filter_map(Value::as_str).map(str::to_owned).collect(),
        pattern: pattern["pattern"].as_str().map(str::to_owned),
    }
}

fn in_words(schema: &Value) -> String {
    if let Some(either) = schema["anyOf"].as_array() {
        return either.iter().map(in_words).collect::<Vec<_>>().join(", or ");
    }
    if let Some(only) = schema["const"].as_str() {
        return format!("the word {only}");
    }
    if let Some(names) = schema["enum"].as_array() {
        return if names.is_empty() { "nothing" } else { "one of" }.to_owned();
    }
    let longest = schema["maxLength"].as_u64();
    // A pattern that repeats nothing without end says itself how long a text is.
    let tells_length = schema["pattern"].as_str().is_some_and(|form| !form.contains(['+', '*']));
    let most = |bound: &str| schema[bound].as_u64().map(words::count).unwrap_or_default();
    match (schema["type"].as_str(), schema["description"].as_str(), longest) {
        (Some("boolean"), ..) => "true or false".to_owned(),
        (Some("integer"), ..) => {
            format!("a whole number from {} to {}", most("minimum"), most("maximum"))
        }
        (Some("array"), ..) => format!("a list of up to {} such words", most("maxItems")),
        (Some("string"), Some(about), Some(longest)) if !tells_length => {
            format!("{about}; at most {longest} characters")
        }
        (_, about, _) => about.unwrap_or_default().to_owned(),
    }
}
