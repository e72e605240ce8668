//! Tests of `parse`: documents by hand, then arbitrary bytes against `serde_json::Value`.

use proptest::prelude::*;
use serde_json::Value;

use super::bounds::{MAX_DEPTH, MAX_NODES};
use super::document::{Element, elements, in_one_pass, level_by_level};
use super::*;
use crate::batch::{Refusal, RefusalKind};
use crate::clock::ManualClock;
use crate::event::MAX_MEMBERS;

const LIMIT: usize = 3;

/// What became of a body: one word an element, or kind and code of the refusal.
fn outcome(body: &[u8]) -> Result<Vec<String>, (RefusalKind, &'static str)> {
    match elements(body, LIMIT) {
        Ok(elements) => Ok(elements.iter().map(shown).collect()),
        Err(Refusal { kind, code, .. }) => Err((kind, code.as_str())),
    }
}

fn shown(element: &Element<'_>) -> String {
    match element {
        Element::Event(event) => {
            let member = |m: &crate::event::Member<'_>| format!("{}={}", m.key, m.value.text());
            event.members().iter().map(member).collect::<Vec<_>>().join(" ")
        }
        Element::Refused(reason) => format!("!{}", reason.code),
    }
}

#[test]
fn what_is_wrong_with_the_request_turns_it_away() {
    use RefusalKind::{Invalid, Malformed};
    let deep = format!("{{\"events\":{}", "[".repeat(100_000));
    let brackets = "[".repeat(102_400);
    let too_many = format!("{{\"events\":[{}]}}", ["{}"; LIMIT + 1].join(","));
    for (body, want) in [
        ("", (Malformed, "malformed_json")),
        ("\u{feff}", (Malformed, "malformed_json")),
        ("{\"events\":[", (Malformed, "malformed_json")),
        ("{'events':[]}", (Malformed, "malformed_json")),
        ("{\"events\":[{\"a\":NaN}]}", (Malformed, "malformed_json")),
        ("{\"events\":[{}]} x", (Malformed, "malformed_json")),
        ("{\"events\":[{}],\"a\nb\":1}", (Malformed, "malformed_json")),
        ("{\"events\":[{}],\"x\":[}", (Malformed, "malformed_json")),
        ("[}", (Malformed, "malformed_json")),
        (&brackets, (Malformed, "malformed_json")),
        (&deep, (Malformed, "malformed_json")),
        ("[]", (Invalid, "invalid_field")),
        ("5", (Invalid, "invalid_field")),
        ("\"x\"", (Invalid, "invalid_field")),
        ("true", (Invalid, "invalid_field")),
        ("{}", (Invalid, "missing_field")),
        ("{\"items\":[{}]}", (Invalid, "missing_field")),
        ("{\"events\":null}", (Invalid, "invalid_field")),
        ("{\"events\":{}}", (Invalid, "invalid_field")),
        ("{\"events\":\"[]\"}", (Invalid, "invalid_field")),
        ("{\"events\":[]}", (Invalid, "empty_batch")),
        ("{\"events\":[{}],\"events\":[]}", (Invalid, "empty_batch")),
        (&too_many, (Invalid, "batch_too_large")),
    ] {
        assert_eq!(outcome(body.as_bytes()), Err(want), "{body:.60}");
    }
    assert_eq!(outcome(b"{\"events\":[{\"a\":\"\xff\"}]}"), Err((Malformed, "malformed_json")));
}

#[test]
fn what_is_wrong_with_one_element_stays_with_it() {
    let parameters = |json: String| format!("{{\"parameters\":{json}}}");
    let deep = |levels: usize| parameters("[".repeat(levels) + &"]".repeat(levels));
    let wide = |nodes: usize| parameters(format!("[{}]", vec!["1"; nodes - 1].join(",")));
    let members = |n: usize| {
        let members: Vec<String> = (0..n).map(|i| format!("\"k{i}\":0")).collect();
        format!("{{{}}}", members.join(","))
    };
    for (element, want) in [
        ("null".to_owned(), Some("!invalid_field")),
        ("3".to_owned(), Some("!invalid_field")),
        ("1e999".to_owned(), Some("!invalid_field")),
        ("\"\\ud800\"".to_owned(), Some("!invalid_field")),
        ("[{}]".to_owned(), Some("!invalid_field")),
        ("[".repeat(40_000) + &"]".repeat(40_000), Some("!invalid_field")),
        ("{\"\\ud800\":1}".to_owned(), Some("!unstorable")),
        (deep(MAX_DEPTH + 1), Some("!too_deep")),
        (deep(40_000), Some("!too_deep")),
        (wide(MAX_NODES + 1), Some("!too_deep")),
        (members(MAX_MEMBERS + 1), Some("!too_deep")),
        (deep(MAX_DEPTH), None),
        (wide(MAX_NODES), None),
        (members(MAX_MEMBERS), None),
        ("{\"a\":\"\\ud800\"}".to_owned(), Some("a=\"\\ud800\"")),
        ("{\"a\":1e999}".to_owned(), Some("a=1e999")),
    ] {
        let body = format!("{{\"events\":[{{\"a\":1}},{element},{{\"b\":2}}]}}");
        let got = outcome(body.as_bytes()).unwrap();
        assert_eq!((got.len(), got[0].as_str(), got[2].as_str()), (3, "a=1", "b=2"));
        match want {
            Some(want) => assert_eq!(got[1], want, "{element:.60}"),
            None => assert!(!got[1].starts_with('!'), "{element:.60}: {}", got[1]),
        }
    }
}

#[test]
fn documents_are_read_as_javascript_reads_them() {
    let nested = "[".repeat(50_000) + &"]".repeat(50_000);
    let deep_elsewhere = format!("{{\"x\":{nested},\"events\":[{{\"a\":1}}]}}");
    for (body, want) in [
        ("\u{feff}{\"events\":[{}]}", vec![""]),
        (" \t\r\n{ \"events\" : [ { } ] }\n ", vec![""]),
        ("{\"events\":[{\"a\":0}],\"events\":[{\"a\":1}]}", vec!["a=1"]),
        ("{\"events\":5,\"events\":[{\"a\":1}]}", vec!["a=1"]),
        ("{\"\\u0065vents\":[{\"a\":1}]}", vec!["a=1"]),
        ("{\"email\":\"x\",\"\\ud800\":{},\"events\":[{\"a\":1}]}", vec!["a=1"]),
        ("{\"events\":[{\"v\":0,\"v\": 1 }]}", vec!["v=0 v=1"]),
        ("{\"events\":[{\"\\u0061\":\"\\u0000\"}]}", vec!["a=\"\\u0000\""]),
        (&deep_elsewhere, vec!["a=1"]),
        ("{\"x\":[[[[]]]],\"events\":[{},{},{}]}", vec!["", "", ""]),
    ] {
        assert_eq!(outcome(body.as_bytes()), Ok(want.iter().map(|s| s.to_string()).collect()));
    }
}

#[test]
fn messages_say_where_and_never_what() {
    let message = |body: &[u8]| match elements(body, LIMIT) {
        Ok(_) => panic!("must be refused"),
        Err(refusal) => refusal.message.into_owned(),
    };
    let body = b"{\"events\":\n [{\"name\": secret}]}";
    assert_eq!(message(body), "the body is not JSON: see line 2, column 12");
    assert_eq!(message(b"{\"a\xff"), "the body is not UTF-8 text: see byte 4");
}

fn stage(with: &str) -> Result<Parse, Vec<String>> {
    let config: ParseConfig = serde_json::from_str(with).expect("settings are well-formed");
    Parse::new(&config).map_err(|error| error.path)
}

#[test]
fn settings_that_cannot_work_are_refused_at_their_place() {
    let limits = |with: &str| stage(with).map(|parse| (parse.limit, parse.max_body()));
    assert_eq!(limits("{}"), Ok((164, Some(102_400))));
    assert_eq!(
        limits(r#"{"max_body":"1MiB","max_events":1,"overshoot":0}"#),
        Ok((1, Some(1_048_576)))
    );
    assert_eq!(limits(r#"{"max_body":0}"#), Err(vec!["max_body".to_owned()]));
    assert_eq!(limits(r#"{"max_events":0}"#), Err(vec!["max_events".to_owned()]));
}

#[tokio::test]
async fn slots_stand_in_the_order_of_the_request() {
    let cx = Cx { clock: &ManualClock::at(0), request: None, tx: None };
    let parse = stage(r#"{"max_events":2,"overshoot":1}"#).unwrap();

    let mut batch = Batch::request(br#"{"events":[{"a":1},null,{"b":2}]}"#);
    parse.run(&mut batch, cx).await.unwrap();
    let refused: Vec<_> = batch.rejected().map(|(i, reason)| (i, reason.code.as_str())).collect();
    assert_eq!((batch.slots().len(), batch.passing()), (3, 2));
    assert_eq!(refused, [(1, "invalid_field")]);
    let keys: Vec<Option<&str>> =
        batch.slots().iter().map(|s| s.event.raw().map(|e| &*e.members()[0].key)).collect();
    assert_eq!(keys, [Some("a"), None, Some("b")]);
    assert!(batch.refusal().is_none());

    let mut batch = Batch::request(br#"{"events":[{},{},{},{}]}"#);
    parse.run(&mut batch, cx).await.unwrap();
    assert_eq!(batch.refusal().map(|refusal| refusal.code.as_str()), Some("batch_too_large"));
    assert!(batch.slots().is_empty());
}

/// Errors of [`Value`] that are about what it can hold, not about JSON.
fn beyond_value(error: &serde_json::Error) -> bool {
    let text = error.to_string();
    ["number out of range", "surrogate", "unexpected end of hex escape", "recursion limit"]
        .iter()
        .any(|part| text.contains(part))
}

fn agrees_with_value(body: &[u8]) {
    let malformed = matches!(outcome(body), Err((RefusalKind::Malformed, _)));
    match serde_json::from_slice::<Value>(body.strip_prefix("\u{feff}".as_bytes()).unwrap_or(body))
    {
        Ok(_) => assert!(!malformed),
        Err(error) if beyond_value(&error) => {}
        Err(_) => assert!(malformed),
    }
}

const TOKENS: &[&str] = &[
    "{",
    "}",
    "[",
    "]",
    ":",
    ",",
    "\"",
    "\"events\":",
    "\"events\"",
    "\"a\":",
    "\"a\"",
    "\\",
    "\\u",
    "d800",
    "\\ud83d\\ude00",
    "0",
    "-",
    "1",
    ".5",
    "e9",
    "null",
    "true",
    "fals",
    " ",
    "\n",
    "\u{feff}",
    "ä",
    "\u{1}",
    "{}",
    "[]",
    "{\"events\":[{",
    "}]}",
];

const SAMPLE: &str = "{\"sent\":1,\"events\":[{\"version\":\"1.23.0\",\"parameters\":{\"a\":[1,\
                      {\"b\":\"\\u00e4\\n\"}]}},{},{\"x\":-1.5e2}],\"z\":[null,true]}";

proptest! {
    #[test]
    fn any_bytes_are_judged_as_value_judges_them(
        body in proptest::collection::vec(any::<u8>(), 0..64),
    ) {
        agrees_with_value(&body);
    }

    #[test]
    fn any_tokens_are_judged_as_value_judges_them(
        tokens in proptest::collection::vec(proptest::sample::select(TOKENS), 0..24),
    ) {
        agrees_with_value(tokens.concat().as_bytes());
    }

    #[test]
    fn a_damaged_document_is_judged_as_value_judges_it(
        at in 0..SAMPLE.len(),
        cut in 0_usize..4,
        token in proptest::sample::select(TOKENS),
    ) {
        let mut body = SAMPLE.as_bytes().to_vec();
        let end = (at + cut).min(body.len());
        body.splice(at..end, token.bytes());
        agrees_with_value(&body);
        body.truncate(at);
        agrees_with_value(&body);
    }

    #[test]
    fn both_readers_read_the_same(
        values in proptest::collection::vec("(null|-?[1-9]{1,3}|\"[a-z]{0,4}\"|\\[1, ?2\\]|\\{\\})", 1..8),
        size in 1_usize..4,
    ) {
        let members = |values: &[String]| {
            let members: Vec<String> =
                values.iter().enumerate().map(|(i, v)| format!("\"k{i}\" :{v} ")).collect();
            format!("{{{}}}", members.join(","))
        };
        let events: Vec<String> = values.chunks(values.len().div_ceil(size)).map(members).collect();
        let body = format!("{{\"events\": [{}]}}", events.join(" , "));
        let fast = in_one_pass(&body, LIMIT).expect("nothing is unusual");
        let slow = level_by_level(&body, LIMIT).expect("nothing is wrong");
        prop_assert_eq!(fast.len(), events.len());
        for (fast, slow) in fast.iter().zip(&slow) {
            prop_assert_eq!(shown(fast), shown(slow));
        }
    }
}
