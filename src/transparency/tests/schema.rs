//! The part of JSON Schema that the document uses: whether a value fits, and values that do.

use proptest::prelude::*;
use serde_json::{Map, Value, json};

/// Whether a value is allowed, by the part of JSON Schema that the document uses.
pub(super) fn allows(schema: &Value, value: &Value) -> bool {
    let check = |(keyword, wanted): (&String, &Value)| match keyword.as_str() {
        "enum" => wanted.as_array().unwrap().contains(value),
        "const" => wanted == value,
        "anyOf" => wanted.as_array().unwrap().iter().any(|schema| allows(schema, value)),
        "type" => match wanted.as_str().unwrap() {
            "string" => value.is_string(),
            "integer" => value.is_i64(),
            "number" => value.is_number(),
            "boolean" => value.is_boolean(),
            "array" => value.is_array(),
            "object" => value.is_object(),
            other => panic!("unknown type {other}"),
        },
        "pattern" => {
            let pattern = regex::Regex::new(wanted.as_str().unwrap()).unwrap();
            value.as_str().is_none_or(|text| pattern.is_match(text))
        }
        "maxLength" => value
            .as_str()
            .is_none_or(|text| text.chars().count() as u64 <= wanted.as_u64().unwrap()),
        "minimum" => value.as_f64().is_none_or(|number| number >= wanted.as_f64().unwrap()),
        "maximum" => value.as_f64().is_none_or(|number| number <= wanted.as_f64().unwrap()),
        "multipleOf" => value.as_f64().is_none_or(|number| {
            let times = number / wanted.as_f64().unwrap();
            (times - times.round()).abs() < 1e-6
        }),
        "items" => {
            value.as_array().is_none_or(|items| items.iter().all(|item| allows(wanted, item)))
        }
        "maxItems" => {
            value.as_array().is_none_or(|items| items.len() as u64 <= wanted.as_u64().unwrap())
        }
        "properties" => value.as_object().is_none_or(|members| {
            let fits = |(key, value): (&String, &Value)| {
                wanted.get(key).is_none_or(|schema| allows(schema, value))
            };
            members.iter().all(fits)
        }),
        "additionalProperties" => value.as_object().is_none_or(|members| {
            members.keys().all(|key| schema["properties"].get(key).is_some())
        }),
        "description" => true,
        other => panic!("unknown keyword {other}"),
    };
    schema.as_object().unwrap().iter().all(check)
}

/// Values that a schema allows.
pub(super) fn allowed(schema: &Value) -> BoxedStrategy<Value> {
    let list = |key: &str| schema[key].as_array().cloned().unwrap_or_default();
    if schema.get("enum").is_some() {
        return prop::sample::select(list("enum")).boxed();
    }
    if let Some(only) = schema.get("const") {
        return Just(only.clone()).boxed();
    }
    if schema.get("anyOf").is_some() {
        // `other` is what the server makes of values; nobody sends it.
        let sent = list("anyOf").into_iter().filter(|schema| schema.get("const").is_none());
        let each = sent.map(|schema| allowed(&schema)).collect::<Vec<_>>();
        return prop::strategy::Union::new(each).boxed();
    }
    match schema["type"].as_str().unwrap() {
        "string" => {
            let pattern =
                schema["pattern"].as_str().unwrap().trim_start_matches('^').trim_end_matches('$');
            let longest = schema["maxLength"].as_u64().unwrap() as usize;
            let texts = prop::string::string_regex(
                &pattern.replace("]+", "]{1,6}").replace("]*", "]{0,4}"),
            )
            .unwrap();
            texts
                .prop_filter("too long", move |text| text.len() <= longest)
                .prop_map(Value::from)
                .boxed()
        }
        "integer" => {
            let most = schema["maximum"].as_i64().unwrap();
            prop_oneof![0..=most, Just(0), Just(most)].prop_map(Value::from).boxed()
        }
        "number" => {
            (-999_999_900_i64..999_999_900).prop_map(|cents| json!(cents as f64 / 100.0)).boxed()
        }
        "boolean" => any::<bool>().prop_map(Value::from).boxed(),
        "array" => {
            prop::collection::vec(allowed(&schema["items"]), 0..16).prop_map(Value::from).boxed()
        }
        "object" => {
            let each = schema["properties"].as_object().unwrap();
            let members = each.iter().map(|(key, schema)| {
                let key = key.clone();
                prop::option::of(allowed(schema)).prop_map(move |value| (key.clone(), value))
            });
            let present = |members: Vec<(String, Option<Value>)>| {
                members
                    .into_iter()
                    .filter_map(|(key, value)| Some((key, value?)))
                    .collect::<Map<_, _>>()
            };
            members.collect::<Vec<_>>().prop_map(present).prop_map(Value::from).boxed()
        }
        other => panic!("unknown type {other}"),
    }
}
