//! What operators decide: detectors, what is no personal data, and what a finding does.

use super::*;

#[test]
fn operators_add_detectors_with_types_context_and_check_digits() {
    let scanner = scanner(
        r#"{"detectors":[
            {"name":"badge","pattern":"^B-[0-9]{4}$"},
            {"name":"ticket","pattern":"[0-9]{8}","type":"USER_ID","context":["Ticket"],"validator":"luhn"}
        ]}"#,
    );
    for (members, want) in [
        (r#""q":"B-1234","r":"B-12345""#, Some((Entity::Custom, "badge"))),
        (r#""B-1234":1"#, Some((Entity::Custom, "badge"))),
        (r#""q":"%42-1234""#, Some((Entity::Custom, "badge"))),
        (r#""q":"TICKET 79927407""#, None),
        (r#""q":"ticket 79927406""#, Some((Entity::UserId, "ticket"))),
        (r#""q":"order 79927406""#, None),
    ] {
        let event = event(members);
        let found = scanner.scan(&event).found;
        let told: Vec<_> = found.iter().map(|found| (found.entity, found.detector)).collect();
        assert_eq!(told, Vec::from_iter(want), "{members}");
    }
}

#[test]
fn operators_say_what_is_no_personal_data() {
    let scanner = scanner(
        r#"{"allow":{"fields":["/parameters/station","/notes"],"values":["10.0.0.1"],
            "patterns":["[a-z]+@example\\.org"]}}"#,
    );
    for (members, want) in [
        (r#""parameters":{"station":{"city":"Oslo","mail":"mina@post.se"}}"#, 0),
        (r#""notes":["203.0.113.9"]"#, 0),
        (r#""parameters":{"notes":"203.0.113.9"}"#, 1),
        (r#""q":"10.0.0.1","r":" 10.0.0.1""#, 0),
        (r#""q":"at 10.0.0.1""#, 1),
        (r#""email":"mina@example.org""#, 0),
        (r#""q":"mina@example.org and mina@post.se""#, 1),
    ] {
        assert_eq!(scanner.scan(&event(members)).found.len(), want, "{members}");
    }
}

/// Error, parameters and warnings.
type Stored = (Option<String>, Option<String>, Vec<String>);

/// What becomes of one event: its code and pointer when it is refused, else its error, its stored
/// parameters, and its warnings.
fn outcome(config: &str, members: &str) -> Result<Stored, String> {
    let text = format!(r#"{EVENT},"analytics_level":"detailed",{members}"#);
    let batch = run(config, vec![(event(&text), false)]);
    if let Some((_, reason)) = batch.rejected().next() {
        return Err(format!("{} {}", reason.code, reason.pointer.as_str()));
    }
    let seen = &batch.slots()[0].event;
    let scanned = seen.scanned().unwrap();
    let told = |w: &Warning| format!("{} {}", w.code, w.pointer.as_str());
    let warnings = seen.warnings().iter().map(told).collect();
    Ok((scanned.error_type().map(str::to_owned), scanned.parameters_json(), warnings))
}

#[test]
fn actions_mend_an_event_or_refuse_it() {
    let kept = || Some(r#"{"days":7}"#.to_owned());
    let ok = |error: Option<&str>, warnings: &[&str]| {
        let warnings = warnings.iter().map(|&warning| warning.to_owned()).collect();
        Ok((error.map(str::to_owned), kept(), warnings))
    };
    let refused = |what: &str| Err(what.to_owned());
    let days = r#""parameters":{"days":7}"#;
    let error = format!(r#""error_type":"Failed: mina@post.se",{days}"#);
    let city = r#""parameters":{"days":7,"city":"Oslo"}"#;
    let both = format!(r#""error_type":"Failed: mina@post.se",{city}"#);
    let scrub = r#"{"action":"scrub"}"#;
    let drop = r#"{"action":"drop-field"}"#;
    for (config, members, want) in [
        ("{}", error.as_str(), refused("pii_detected /error_type")),
        (scrub, &error, ok(Some("EMAIL"), &["pii_scrubbed /error_type"])),
        (drop, &error, ok(None, &["pii_dropped /error_type"])),
        (scrub, city, ok(None, &["pii_dropped /parameters/city"])),
        (
            scrub,
            r#""parameters":{"days":7,"q":{"r":["mina@post.se",true,{"a":null}],"s":1.5}}"#,
            ok(None, &["pii_scrubbed /parameters/*/*/0", "parameter_dropped /parameters/*"]),
        ),
        (
            scrub,
            r#""parameters":{"mina@post.se":[1],"days":7}"#,
            ok(None, &["pii_dropped /parameters/*"]),
        ),
        (
            scrub,
            r#""parameters":{"p":[[59.9139,10.7522]],"days":7}"#,
            ok(None, &["pii_scrubbed /parameters/*/0", "parameter_dropped /parameters/*"]),
        ),
        // A member whose form has no room is left out; without a required one nothing is left.
        (scrub, &format!(r#""country":"Springfield",{days}"#), ok(None, &["pii_dropped /country"])),
        // The nearest place decides, then the type, then the general action.
        (
            r#"{"exceptions":[{"type":"EMAIL","action":"scrub"}]}"#,
            &both,
            refused("pii_detected /parameters/city"),
        ),
        (
            r#"{"exceptions":[{"type":"EMAIL","action":"scrub"},{"field":"/parameters","action":"drop-field"}]}"#,
            &both,
            ok(Some("EMAIL"), &["pii_scrubbed /error_type", "pii_dropped /parameters/city"]),
        ),
        (
            r#"{"action":"scrub","exceptions":[{"field":"/parameters/city","action":"reject"}]}"#,
            city,
            refused("pii_detected /parameters/city"),
        ),
        (
            r#"{"action":"scrub","exceptions":[{"field":"/error_type","action":"reject"},{"type":"EMAIL","action":"drop-field"}]}"#,
            &error,
            refused("pii_detected /error_type"),
        ),
    ] {
        assert_eq!(outcome(config, members), want, "{config} {members}");
    }
    let text =
        format!(r#"{},"analytics_level":"minimal""#, EVENT.replace("get_forecast", "mina@post.se"));
    let batch = run(scrub, vec![(event(&text), false)]);
    let told: Vec<_> =
        batch.rejected().map(|(_, r)| (r.code.as_str(), r.pointer.as_str())).collect();
    assert_eq!(told, [("pii_detected", "/tool")]);
}

#[test]
fn findings_are_counted_by_type() {
    let dirty = format!(
        r#"{EVENT},"analytics_level":"detailed","parameters":{{"city":"Oslo","q":"mina@post.se","r":"jo@post.se"}}"#
    );
    for (config, want) in [
        ("{}", vec![(Entity::Location, 1)]),
        (r#"{"action":"scrub"}"#, vec![(Entity::Location, 1), (Entity::Email, 2)]),
    ] {
        let mut batch = run(config, vec![(event(&dirty), false)]);
        assert_eq!(batch.end_stage().found, want, "{config}");
    }
}
