//! What holds for every event: the scan ends without panic, what is mended is clean, and mending it
//! again changes nothing.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Map, Value, value::RawValue};

use super::*;
use crate::stage::Stage;

/// Texts with and without personal data, and beginnings and ends of some.
const TEXTS: &[&str] = &[
    "mina@post.se",
    "mina%40post.se",
    "59.9139,10.7522",
    "4111 1111 1111 1111",
    "call 2212345678",
    "/home/mina/wx",
    "my name is Mina",
    "Tromsø",
    "bWluYUBwb3N0LnNl",
    "{\"lat\":59.9,\"b\":[{\"email\":\"x\"}]}",
    "[59.9139,10.7522]",
    "user id 8",
    "metric",
    "[EMAIL]",
    "203.0.113.",
    "9",
    "@post.se",
    "mina",
    "\u{200b}é☃",
    "",
];
const KEYS: &[&str] = &[
    "q",
    "days",
    "units",
    "city",
    "lat",
    "x",
    "y",
    "email",
    "user",
    "name",
    "notes",
    "mina@post.se",
    "key",
    "value",
    "token",
    "timings",
    "ＬＡＴ",
    "",
];

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        select(TEXTS).prop_map(Value::from),
        "\\PC{0,20}".prop_map(Value::from),
        "[-0-9.:@% a-fA-F]{0,24}".prop_map(Value::from),
        any::<bool>().prop_map(Value::from),
        Just(Value::Null),
        (-1e4..1e4_f64).prop_map(|n| Value::from((n * 1e4).round() / 1e4)),
        any::<u64>().prop_map(Value::from),
    ];
    let key = prop_oneof![4 => select(KEYS).prop_map(str::to_owned), 1 => "\\PC{0,8}"];
    leaf.prop_recursive(4, 24, 5, move |inner| {
        prop_oneof![
            vec(inner.clone(), 0..5).prop_map(Value::from),
            vec((key.clone(), inner), 0..5)
                .prop_map(|members| Value::from(members.into_iter().collect::<Map<_, _>>())),
        ]
    })
}

/// A valid event with further members, and other values in known ones.
fn event() -> impl Strategy<Value = String> {
    let text = prop_oneof![select(TEXTS).prop_map(str::to_owned), "\\PC{0,20}"];
    let further = vec((select(KEYS), value()), 0..4);
    (text, value(), further, any::<bool>()).prop_map(|(error, parameters, further, failed)| {
        let mut event = serde_json::json!({
            "version": "1.23.0", "tool": "get_alerts", "status": "success",
            "timestamp_hour": "2026-03-14T15:00:00Z", "analytics_level": "detailed",
            "parameters": { "days": 7, "more": parameters },
        });
        if failed {
            event["error_type"] = Value::from(format!("Failed {error}"));
        }
        for (key, value) in further {
            event[key] = value;
        }
        event.to_string()
    })
}

fn scanner() -> Scanner {
    let config = r#"{"action":"scrub","exceptions":[{"type":"IP","action":"drop-field"}]}"#;
    Scanner::from_config(serde_json::from_str(config).unwrap()).unwrap()
}

fn read(json: &str) -> RawEvent<'_> {
    let raw: &RawValue = serde_json::from_str(json).unwrap();
    RawEvent::read(raw).unwrap_or_else(|reason| panic!("{json}: {}", reason.message))
}

proptest! {
    #[test]
    fn what_is_mended_is_clean_and_stays_as_it_is(json in event()) {
        let scanner = scanner();
        let raw = read(&json);
        let findings = scanner.scan(&raw);
        let mended = scrub::mended(&raw, &findings.found);
        let again = read(&mended);
        let left = scanner.scan(&again);
        prop_assert_eq!(&left.found, &[], "{} became {}", json, mended);
        prop_assert_eq!(scrub::mended(&again, &left.found), mended);
    }

    #[test]
    fn what_is_clean_is_not_changed(json in event()) {
        let raw = read(&json);
        let same: Value = serde_json::from_str(&scrub::mended(&raw, &[])).unwrap();
        prop_assert_eq!(same, serde_json::from_str::<Value>(&json).unwrap());
    }

    #[test]
    fn any_text_is_scanned_without_panic(text in "\\PC*|[%\\\\&=\\[\\]{}(): .@0-9a-f_-]*") {
        let json = serde_json::json!({ "q": text, "parameters": { "notes": [text], (text): 1 } });
        let json = json.to_string();
        scanner().scan(&read(&json));
    }
}

/// Events of a batch are judged one by one, whatever the others hold.
#[tokio::test]
async fn neighbours_do_not_matter() {
    let clean = r#"{"version":"1.23.0","tool":"get_alerts","status":"success","timestamp_hour":"2026-03-14T15:00:00Z","analytics_level":"minimal"}"#;
    let dirty = clean.replace("minimal\"", "minimal\",\"q\":\"mina@post.se\"");
    let stage = PiiScan {
        scanner: scanner(),
        unknown_parameters: UnknownParameters::Drop,
        identity_key: HashKey::from_bytes([7; 16]),
    };
    let mut batch = Batch::request(&[]);
    for json in [clean, &dirty, clean] {
        batch.push(Body::Raw(read(json)));
    }
    let clock = crate::clock::ManualClock::at(0);
    stage.run(&mut batch, Cx { clock: &clock, request: None, tx: None }).await.unwrap();
    let warned: Vec<_> = batch.slots().iter().map(|slot| slot.event.warnings().len()).collect();
    assert_eq!((batch.passing(), warned), (3, vec![0, 1, 0]));
}
