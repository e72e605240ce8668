//! The two parsers against each other and against documents whose content is known.

use proptest::prelude::*;
use serde_json::json;

use saphyr_parser::Parser;

use super::*;
use crate::config::codes::Code;
use crate::config::problem::Path;

fn value(text: &str) -> Value {
    parse(text).map(|document| document.value).unwrap_or_else(|problems| panic!("{problems:?}"))
}

#[test]
fn places_are_exact() {
    let text = "a:\n  b: 5\n  'c d': [x, \"y\"]\nlist:\n  - k: v\n  - {m: n}\n";
    let document = parse(text).unwrap();
    for (path, key, value) in [
        ("a.b", (2, 3, 1), (2, 6, 1)),
        ("a.c d.1", (3, 14, 3), (3, 14, 3)),
        ("a", (1, 1, 1), (1, 1, 1)),
        ("list.0.k", (5, 5, 1), (5, 8, 1)),
        ("list.1.m", (6, 6, 1), (6, 9, 1)),
        // What is not there is shown at what should hold it.
        ("a.zzz", (1, 1, 1), (1, 1, 1)),
        ("list.7", (4, 1, 4), (4, 1, 4)),
    ] {
        let parts: Path = path.split('.').map(str::to_owned).collect();
        let mark = |(line, column, width)| Mark { line, column, width };
        assert_eq!(document.root.key_mark(&parts), mark(key), "key {path}");
        assert_eq!(document.root.value_mark(&parts), mark(value), "value {path}");
    }
}

#[test]
fn documents_are_read_as_written() {
    for (text, want) in [
        ("", json!({})),
        ("# only a comment\n", json!({})),
        ("---\n", json!({})),
        ("a: 1\r\nb: x\r\n", json!({"a": 1, "b": "x"})),
        ("a: off", json!({"a": "off"})),
        ("a: 010", json!({"a": "010"})),
        ("a: 0x1F", json!({"a": 31})),
        ("a: 1e3", json!({"a": 1000.0})),
        ("a: ~\nb:\nc: null", json!({"a": null, "b": null, "c": null})),
        ("1: x\ntrue: y", json!({"1": "x", "true": "y"})),
        ("a: 127.0.0.1:3000", json!({"a": "127.0.0.1:3000"})),
        ("a: |\n  one\n  two\n", json!({"a": "one\ntwo\n"})),
        ("a: >-\n  one\n  two\n", json!({"a": "one two"})),
        ("a: |\n  no line break at the end", json!({"a": "no line break at the end\n"})),
        ("a: 'x\u{2028}y'", json!({"a": "x\u{2028}y"})),
        ("a: 2001-01-01", json!({"a": "2001-01-01"})),
    ] {
        assert_eq!(value(text), want, "{text:?}");
    }
}

#[test]
fn what_readers_disagree_about_is_refused() {
    for text in ["a: .nan", "a: .inf"] {
        let document = parse(text).unwrap();
        assert_eq!(document.refused[0].code, Code::AmbiguousYaml, "{text}");
    }
    // Line breaks for YAML 1.1 and not for 1.2.
    for text in ["a: 'x\u{85}y'", "a:\n  a: '\u{2028}\n\n    '", "# a\u{85}b: c\na: 1"] {
        let problems = parse(text).err().unwrap();
        assert_eq!(problems[0].code, Code::AmbiguousYaml, "{text}");
    }
}

/// Text of every kind that can be told from YAML's own signs, or not.
fn scalar() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-z]{1,6}",
        "-?[0-9]{1,4}(\\.[0-9]{1,2})?",
        "[ -~]{0,8}",
        "(true|false|null|~|yes|no|on|off|0x1f|0o17|1_0|\\+1|1e5|\\.5|-|---)",
        "\"[a-z\\\\n ]{0,5}\"",
        "'[a-z: #]{0,5}'",
        "\\[[a-z, ]{0,6}\\]",
        "\\{[a-z]: [0-9]\\}",
        "[äß漢🦀]{1,3}",
    ]
}

fn line() -> impl Strategy<Value = String> {
    (0usize..4, prop_oneof!["[a-c]", scalar()], scalar(), any::<u8>()).prop_map(
        |(indent, key, value, form)| {
            let indent = "  ".repeat(indent);
            match form % 8 {
                0 => format!("{indent}{key}:"),
                1 => format!("{indent}- {value}"),
                2 => format!("{indent}- {key}: {value}"),
                3 => format!("{indent}{key}: |"),
                4 => format!("{indent}{value}"),
                5 => format!("{indent}{key}: {value} # note"),
                _ => format!("{indent}{key}: {value}"),
            }
        },
    )
}

/// Values that a configuration can hold.
fn tree() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        (-1e9..1e9f64).prop_map(Value::from),
        scalar().prop_map(Value::from),
        "\\PC{0,6}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            proptest::collection::btree_map(scalar(), inner, 0..4)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

fn section() -> impl Strategy<Value = Value> {
    proptest::collection::btree_map(scalar(), tree(), 0..4)
        .prop_map(|map| Value::Object(map.into_iter().collect()))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1024))]

    /// Whatever a writer makes reads back the same. Nothing is refused, but for three characters.
    #[test]
    fn written_documents_are_read_alike(want in section()) {
        let text = serde_yaml::to_string(&want).unwrap();
        match parse(&text) {
            Ok(document) if document.refused.is_empty() => {
                prop_assert_eq!(&document.value, &want, "{}", text);
                prop_assert!(document.repeated.is_empty(), "{:?}", document.repeated);
            }
            Ok(document) => prop_assert!(false, "{text:?}\n{:?}", document.refused),
            // Line breaks for YAML 1.1 and not for 1.2: the only characters that are refused.
            Err(problems) => {
                let excused = text.contains(['\u{85}', '\u{2028}', '\u{2029}'])
                    && problems.iter().all(|problem| problem.code == Code::AmbiguousYaml);
                prop_assert!(excused, "{text:?}\n{problems:?}");
            }
        }
    }

    /// On arbitrary text nothing panics. What both parsers take is taken, has the same values and a
    /// place for each, unless it uses what is never taken; what one of them refuses is refused.
    #[test]
    fn arbitrary_text_is_read_alike_or_refused(lines in proptest::collection::vec(line(), 0..8)) {
        let text = lines.join("\n") + "\n";
        let direct = serde_yaml::from_str::<Value>(&text);
        let both = direct.is_ok() && Parser::new_from_str(&text).all(|event| event.is_ok());
        match parse(&text) {
            Ok(document) if document.refused.is_empty() => {
                prop_assert!(both);
                let direct = direct.ok().filter(|value| !value.is_null()).unwrap_or(json!({}));
                prop_assert_eq!(&document.value, &direct);
                let mut lost = Vec::new();
                unplaced(&document.root, &document.value, &mut Vec::new(), &mut lost);
                prop_assert!(lost.is_empty(), "{:?} have no place in {}", lost, text);
            }
            Ok(document) => {
                let unused = [Code::NoAnchors, Code::NoTags];
                let refused = document.refused.iter().any(|found| unused.contains(&found.code));
                prop_assert!(!both || refused, "{text:?}\n{:?}", document.refused);
            }
            Err(problems) => {
                let unused = [Code::KeyNotText, Code::SeveralDocuments];
                let refused = problems.iter().any(|problem| unused.contains(&problem.code));
                prop_assert!(!both || refused, "{text:?}\n{problems:?}");
            }
        }
    }
}

fn unplaced(root: &Node, value: &Value, path: &mut Path, lost: &mut Vec<Path>) {
    if !root.has(path) {
        lost.push(path.clone());
    }
    let children: Vec<(String, &Value)> = match value {
        Value::Array(items) => {
            items.iter().enumerate().map(|(index, item)| (index.to_string(), item)).collect()
        }
        Value::Object(map) => map.iter().map(|(key, item)| (key.clone(), item)).collect(),
        _ => Vec::new(),
    };
    for (key, child) in children {
        path.push(key);
        unplaced(root, child, path, lost);
        path.pop();
    }
}
