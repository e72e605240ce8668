//! The stage as the runner sees it, and the walk over whole events.

mod decided;

use super::*;
use crate::event::RawJson;

const EVENT: &str = r#""version":"1.23.0","tool":"get_forecast","status":"success",
    "timestamp_hour":"2026-03-14T15:00:00.000Z""#;

/// An event from the text of its members.
fn event(members: &str) -> RawEvent<'_> {
    let mut event = RawEvent::with_capacity(8);
    let members: Vec<(String, Box<serde_json::value::RawValue>)> = pairs(members);
    for (key, value) in members {
        // Tests keep their few bytes; the event borrows from a request's body.
        let text: &'static str = Box::leak(value.get().to_owned().into_boxed_str());
        assert!(event.push(key.into(), RawJson::from_valid(text)));
    }
    event
}

/// Members in order, repeated ones too.
fn pairs(members: &str) -> Vec<(String, Box<serde_json::value::RawValue>)> {
    struct Pairs;
    impl<'de> serde::de::Visitor<'de> for Pairs {
        type Value = Vec<(String, Box<serde_json::value::RawValue>)>;

        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("an object")
        }

        fn visit_map<A: serde::de::MapAccess<'de>>(
            self,
            mut map: A,
        ) -> Result<Self::Value, A::Error> {
            let mut pairs = Vec::new();
            while let Some(pair) = map.next_entry()? {
                pairs.push(pair);
            }
            Ok(pairs)
        }
    }
    use serde::Deserializer;
    let text = format!("{{{members}}}");
    serde_json::Deserializer::from_str(&text).deserialize_map(Pairs).unwrap()
}

fn scanner(config: &str) -> Scanner {
    Scanner::from_config(serde_json::from_str(config).unwrap()).unwrap()
}

fn found(members: &str) -> Vec<(String, Entity, String)> {
    let scanner = scanner("{}");
    let event = event(members);
    let findings = scanner.scan(&event);
    assert!(!findings.too_deep);
    let told = |f: Finding<'_>| (f.pointer.as_str().to_owned(), f.entity, f.detector.to_owned());
    findings.found.into_iter().map(told).collect()
}

#[test]
fn findings_name_the_place_but_never_the_input() {
    for (members, want) in [
        (r#""latitude":"x""#, ("/latitude", Entity::Coordinates, "key")),
        (r#""version":"mina@post.se""#, ("/version", Entity::Email, "email")),
        (r#""error_type":"ENOENT /home/mina/x""#, ("/error_type", Entity::Path, "home")),
        (r#""error_type":4111111111111111"#, ("/error_type", Entity::Card, "card")),
        (r#""mina":{"E-Mail":"x"}"#, ("/*/e_mail", Entity::Email, "key")),
        (
            r#""parameters":{"a":{"b":{"cityName":"x"}}}"#,
            ("/parameters/*/*/city", Entity::Location, "key"),
        ),
        (
            r#""parameters":{"list":[{"ok":1},{"zip":"x"}]}"#,
            ("/parameters/*/1/zip", Entity::PostalCode, "key"),
        ),
        (
            r#""parameters":{"source":"mina@post.se"}"#,
            ("/parameters/source", Entity::Email, "email"),
        ),
        (r#""parameters":{"Latitude":1}"#, ("/parameters/latitude", Entity::Coordinates, "key")),
        (r#""parameters":{"mina@post.se":1}"#, ("/parameters/*", Entity::Email, "email")),
        (
            r#""parameters":{"q":[59.9139,10.7522]}"#,
            ("/parameters/*", Entity::Coordinates, "number-pair"),
        ),
        (r#""p":{"x":10.7522,"y":59.9139}"#, ("/*", Entity::Coordinates, "number-pair")),
        (r#""location":["Oslo"]"#, ("/location/0", Entity::Location, "key")),
        (r#""user":{"plan":"gold"}"#, ("/user/*", Entity::UserId, "key")),
        (r#""u":"https://example.org/?appid=0af1""#, ("/*", Entity::Secret, "key-in-text")),
        (r#""q":"mina\u0040post.se""#, ("/*", Entity::Email, "email")),
        (r#""q":"ｍｉｎａ＠ｐｏｓｔ．ｓｅ""#, ("/*", Entity::Email, "email")),
        (r#""q":"\ud800 mina@post.se""#, ("/*", Entity::Email, "email")),
        (r#""tool":"mina@post.se","tool":"get_alerts""#, ("/tool", Entity::Email, "email")),
        (r#""user_hash":"mina""#, ("/user_hash", Entity::UserId, "key")),
    ] {
        let (pointer, entity, detector) = want;
        assert_eq!(
            found(members),
            [(pointer.to_owned(), entity, detector.to_owned())],
            "{members}"
        );
    }
}

#[test]
fn everything_is_reported_in_order() {
    let all = found(r#""email":"mina@post.se","parameters":{"city":"Oslo","ip":"203.0.113.9"}"#);
    let places: Vec<&str> = all.iter().map(|(place, ..)| place.as_str()).collect();
    assert_eq!(places, ["/email", "/parameters/city", "/parameters/ip"]);
}

#[test]
fn harmless_events_pass() {
    for members in [
        "",
        r#""analytics_level":"standard","response_time_ms":131,"country":"NO","cache_hit":true"#,
        r#""session_id":"4111111111111111","event_id":"3a8e1b1c-9a67-4f0e-8d0f-2f9d2d7d6c11""#,
        r#""parameters":{"days":7,"units":"metric","source":"auto","include_fire_weather":true}"#,
        r#""location":null,"email":false,"user_id":"","city":"[REDACTED]","phone":"***""#,
        r#""user_hash":"9f86d081884c7d65","location_count":3,"ip_version":4,"email_status":"sent""#,
        r#""platform":"linux","translation":"de","client":{"name":"acme-desktop","version":"1.2.3.4"}"#,
        r#""trace_id":"00f067aa0ba902b7","icon":"icon@2x.png","error_type":"latitude out of range""#,
        r#""timings":[12.3456,45.9012],"load":[0.52,0.58],"firmware":"1.2.3.4","epoch_us":1764003600123456"#,
        r#""missing_params":["latitude"],"i18n":"errors.location.missing""#,
    ] {
        let members =
            if members.is_empty() { EVENT.to_owned() } else { format!("{EVENT},{members}") };
        assert_eq!(found(&members), [], "{members}");
    }
}

#[test]
fn what_is_too_deep_or_too_large_is_said_to_be() {
    let scanner = scanner("{}");
    let nested = |levels: usize| format!("\"a\":{}1{}", "[".repeat(levels), "]".repeat(levels));
    let wide = |values: usize| format!("\"a\":[{}]", vec!["1"; values].join(","));
    for (members, want) in [
        (nested(MAX_DEPTH - 1), false),
        (nested(MAX_DEPTH), true),
        (wide(MAX_VALUES - 1), false),
        (wide(MAX_VALUES), true),
    ] {
        assert_eq!(scanner.scan(&event(&members)).too_deep, want, "{} bytes", members.len());
    }
    let early = format!("\"email\":\"x\",{}", nested(MAX_DEPTH));
    let findings = scanner.scan(&event(&early));
    assert!(findings.too_deep);
    assert_eq!(findings.found.len(), 1, "what was found before stays found");
}

#[test]
fn settings_that_cannot_work_are_named() {
    for (config, path) in [
        (r#"{"allow":{"parameters":["fine","Not fine"]}}"#, "allow.parameters.1"),
        (r#"{"allow":{"parameters":[""]}}"#, "allow.parameters.0"),
        (r#"{"allow":{"patterns":["a","("]}}"#, "allow.patterns.1"),
        (r#"{"allow":{"fields":["notes"]}}"#, "allow.fields.0"),
        (r#"{"exceptions":[{"action":"scrub"}]}"#, "exceptions.0"),
        (r#"{"exceptions":[{"action":"scrub","type":"IP","field":"/a"}]}"#, "exceptions.0"),
        (r#"{"exceptions":[{"action":"scrub","field":"/a//b"}]}"#, "exceptions.0.field"),
        (
            r#"{"exceptions":[{"action":"scrub","type":"IP"},{"action":"reject","type":"IP"}]}"#,
            "exceptions.1.type",
        ),
        (r#"{"detectors":[{"name":"a","pattern":"x*"}]}"#, "detectors.0.pattern"),
        (
            r#"{"detectors":[{"name":"a","pattern":"x","context":["b"," "]}]}"#,
            "detectors.0.context.1",
        ),
        (r#"{"detectors":[{"name":"a","pattern":"("}]}"#, "detectors.0.pattern"),
        (r#"{"detectors":[{"name":"A b","pattern":"x"}]}"#, "detectors.0.name"),
        (r#"{"detectors":[{"name":"a","pattern":"\\w{5000}"}]}"#, "detectors.0.pattern"),
    ] {
        let error = Scanner::from_config(serde_json::from_str(config).unwrap()).err().unwrap();
        assert_eq!(error.path.join("."), path, "{config}");
    }
    assert!(serde_json::from_str::<PiiScanConfig>(r#"{"action":"ignore"}"#).is_err());
    let typed = r#"{"exceptions":[{"action":"scrub","type":"MAIL"}]}"#;
    assert!(serde_json::from_str::<PiiScanConfig>(typed).is_err());
    assert!(serde_json::from_str::<PiiScanConfig>(r#"{"actions":"reject"}"#).is_err());
}

fn stage(config: &str) -> PiiScan {
    let config: PiiScanConfig = serde_json::from_str(config).unwrap();
    PiiScan {
        unknown_parameters: config.unknown_parameters,
        scanner: Scanner::from_config(config).unwrap(),
        identity_key: HashKey::from_bytes([7; 16]),
    }
}

/// Runs the stage over events, some of which another stage refused.
fn run<'b>(config: &str, events: Vec<(RawEvent<'b>, bool)>) -> Batch<'b> {
    let mut batch = Batch::request(&[]);
    for (index, (event, refused)) in events.into_iter().enumerate() {
        batch.push(Body::Raw(event));
        if refused {
            let reason = Reason::new(codes::INVALID_TOOL, Pointer::fixed("/tool"), "no such tool");
            batch.settle(index, Verdict::Reject(reason));
        }
    }
    stage(config).scan(&mut batch);
    batch
}

#[test]
fn a_finding_replaces_other_reasons_and_nothing_else_does() {
    let clean = format!(r#"{EVENT},"analytics_level":"minimal""#);
    let dirty = format!(r#"{clean},"email":"x""#);
    let deep = format!("{clean},\"a\":{}{}", "[".repeat(MAX_DEPTH), "]".repeat(MAX_DEPTH));
    let events = vec![
        (event(&clean), false),
        (event(&dirty), false),
        (event(&dirty), true),
        (event(&clean), true),
        (event(&deep), false),
        (event(&deep), true),
    ];
    let batch = run("{}", events);
    let told: Vec<_> = batch
        .rejected()
        .map(|(index, r)| (index, r.code.as_str(), r.pointer.as_str(), r.message.as_ref()))
        .collect();
    let deep = "nested deeper than 32 levels, or more than 256 values";
    assert_eq!(
        told,
        [
            (1, "pii_detected", "/email", "PII detected (EMAIL)"),
            (2, "pii_detected", "/email", "PII detected (EMAIL)"),
            (3, "invalid_tool", "/tool", "no such tool"),
            (4, "too_deep", "", deep),
            (5, "invalid_tool", "/tool", "no such tool"),
        ]
    );
    let scanned: Vec<bool> = batch.slots().iter().map(|s| s.event.scanned().is_some()).collect();
    assert_eq!(scanned, [true, false, false, false, false, false]);
    assert_eq!(batch.passing(), 1);
}

#[test]
fn only_listed_parameters_are_kept_and_the_rest_is_told() {
    let detailed = format!(
        r#"{EVENT},"analytics_level":"detailed",
            "parameters":{{"days": 7,"station":"x","other":[1],"units":"Metric"}}"#
    );
    let batch = run("{}", vec![(event(&detailed), false)]);
    let kept = batch.slots()[0].event.scanned().unwrap().parameters_json();
    assert_eq!(kept.as_deref(), Some(r#"{"days":7}"#));
    let warnings: Vec<_> = batch.slots()[0].event.warnings().iter().collect();
    let told: Vec<_> = warnings.iter().map(|w| (w.code.as_str(), w.pointer.as_str())).collect();
    let dropped =
        [("parameter_dropped", "/parameters/*"), ("parameter_dropped", "/parameters/units")];
    assert_eq!(told, dropped);

    let strict = run(r#"{"unknown_parameters":"reject"}"#, vec![(event(&detailed), false)]);
    let told: Vec<_> = strict.rejected().map(|(_, r)| (r.code, r.pointer.as_str())).collect();
    assert_eq!(told, [(codes::INVALID_FIELD, "/parameters/*")]);

    let minimal = detailed.replace("detailed", "minimal");
    let batch = run(r#"{"unknown_parameters":"reject"}"#, vec![(event(&minimal), false)]);
    assert_eq!(batch.slots()[0].event.scanned().unwrap().parameters_json(), None);
}

#[test]
fn identity_is_the_event_id_or_else_session_and_number() {
    let key = HashKey::from_bytes([7; 16]);
    let id = uuid::Uuid::from_u128(0x3a8e_1b1c_9a67_4f0e_8d0f_2f9d_2d7d_6c11);
    let by_id = Some(Identity::from_bytes(key.hash("event", &[id.as_bytes()])));
    let session: &[&[u8]] = &[b"00ff00ff00ff00aa", &[0, 0, 0, 0, 0, 0, 0, 5]];
    let by_session = Some(Identity::from_bytes(key.hash("session", session)));
    let sent_id = format!(r#""event_id":"{id}""#);
    let sent_session = r#""session_id":"00FF00ff00ff00AA","sequence_number":5"#;
    for (level, members, want) in [
        ("minimal", String::new(), None),
        ("minimal", sent_id.clone(), by_id),
        ("minimal", sent_session.to_owned(), None),
        ("detailed", sent_session.to_owned(), by_session),
        ("detailed", format!("{sent_session},{sent_id}"), by_id),
        ("detailed", r#""session_id":"00ff00ff00ff00aa""#.to_owned(), None),
    ] {
        let comma = if members.is_empty() { "" } else { "," };
        let text = format!(r#"{EVENT},"analytics_level":"{level}"{comma}{members}"#);
        let batch = run("{}", vec![(event(&text), false)]);
        let scanned = batch.slots()[0].event.scanned().unwrap();
        assert_eq!(scanned.identity(), want, "{level} {members}");
    }
}
