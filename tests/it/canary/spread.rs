//! Where canaries are put: every place that a request has.

use std::sync::atomic::{AtomicU64, Ordering};

use serde_json::{Value, json};

use super::kinds::{CLOTHES, texts};
use super::{CONTROL, POISON};
use crate::support::{Event, raw_post as post, raw_request as request};

/// Every kind of canary in all its clothes in every place.
pub(super) fn requests() -> Vec<Vec<u8>> {
    let mut all = Vec::new();
    for text in texts() {
        for dress in CLOTHES {
            all.extend(bodies(&dress(&text)));
        }
        for dress in &CLOTHES[..4] {
            all.extend(heads(&dress(&text)));
            all.push(tried(&dress(&text)));
        }
        all.extend(refused(&text));
    }
    all
}

/// In events: such as are refused, and such as are accepted without it.
fn bodies(canary: &str) -> [Vec<u8>; 2] {
    /// No two events are the same, or one of them would be left at the door as a repeat.
    static NEXT: AtomicU64 = AtomicU64::new(1);
    let detailed = || {
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let event = Event::detailed("get_forecast", "00112233445566aa", number);
        event.with("version", CONTROL).with("response_time_ms", 120)
    };
    let failed = detailed().with("status", "error");
    let mut events = vec![
        detailed().with("note", canary),
        detailed().with(canary, 1),
        detailed().with("extra", json!({ "deep": [{ canary: canary }] })),
        detailed().with("parameters", json!({ "note": canary })),
        detailed().with("parameters", json!({ canary: 1, "units": canary, "days": 3 })),
        detailed().with("parameters", canary),
        detailed().with("event_id", canary),
        // An error is stored as its leading word.
        failed.with("error_type", format!("TimeoutError: {canary}")),
        Event::minimal("get_alerts").with("version", POISON).with("comment", canary),
        Event::minimal("get_alerts").with("version", CONTROL).with("country", canary),
    ];
    for member in ["tool", "status", "timestamp_hour", "analytics_level", "service", "country"] {
        events.push(detailed().with(member, canary));
        events.push(detailed().with(member, json!({ canary: canary })));
    }
    // Sixteen digits are a session, digits and dots a version.
    if canary.len() != 16 {
        events.push(detailed().with("session_id", canary));
    }
    if canary.contains(|letter: char| !letter.is_ascii_digit() && letter != '.') {
        events.push(detailed().with("version", canary));
    }
    let numbers = ["response_time_ms", "retry_count", "cache_hit", "sequence_number"];
    events.extend(numbers.map(|member| detailed().with(member, canary)));
    // No canary of this stays: only members that the level does not have carry it.
    let accepted = [
        Event::minimal("get_alerts").with("version", CONTROL),
        Event::minimal("get_alerts").with("version", CONTROL).with("country", "x1"),
    ];
    let batch = |events: Vec<Value>| json!({ "events": events, "client": canary, canary: 1 });
    let events = events.iter().chain(&accepted).map(Event::json).collect();
    let plain: Vec<Value> = accepted.iter().map(Event::json).chain([json!(canary)]).collect();
    [batch(events), batch(plain)].map(|body| post(&[], body.to_string().as_bytes()))
}

/// In the form of the transparency page, whose answer shows what would be stored.
fn tried(canary: &str) -> Vec<u8> {
    let detailed = || Event::detailed("get_forecast", "00112233445566aa", 1);
    let events = [
        detailed().with("status", "error").with("error_type", format!("TimeoutError: {canary}")),
        detailed().with("note", canary),
        detailed().with(canary, 1),
        detailed().with("parameters", json!({ canary: 1, "units": canary, "days": 3 })),
        detailed().with("event_id", canary),
        detailed().with("tool", canary),
        detailed().with("country", json!({ canary: canary })),
    ];
    let encoded = Event::batch(events).bytes().map(|b| format!("%{b:02X}")).collect::<String>();
    let form = ("content-type", "application/x-www-form-urlencoded");
    request("POST", "/transparency", &[form], format!("event={encoded}").as_bytes())
}

/// Around a batch that is accepted: every header, and the query.
fn heads(canary: &str) -> Vec<Vec<u8>> {
    let body = Event::batch([Event::minimal("get_alerts").with("version", CONTROL)]);
    // What cannot stand in a line is left out, as every client would.
    let visible: String = canary.chars().filter(char::is_ascii_graphic).collect();
    let in_path: String =
        visible.chars().filter(|letter| !"/?#%\\\"<>{}^`|".contains(*letter)).collect();
    let forwarded = format!("{visible}, 198.51.100.23");
    let mut all: Vec<_> = [
        ("user-agent", &visible),
        ("x-request-id", &visible),
        ("x-correlation-id", &visible),
        ("traceparent", &visible),
        ("referer", &visible),
        ("cookie", &visible),
        ("authorization", &visible),
        ("origin", &visible),
        ("from", &visible),
        ("accept-language", &visible),
        ("x-forwarded-for", &forwarded),
        ("forwarded", &visible),
        ("x-real-ip", &visible),
        ("cf-connecting-ip", &visible),
        ("cf-ipcountry", &visible),
        ("idempotency-key", &visible),
        ("content-type", &visible),
        ("content-encoding", &visible),
        ("accept", &visible),
        ("host", &visible),
    ]
    .into_iter()
    .map(|(name, value)| post(&[(name, value)], body.as_bytes()))
    .collect();
    let header: String = visible.chars().filter(char::is_ascii_alphanumeric).collect();
    all.push(post(&[(&format!("x-{header}"), &visible)], body.as_bytes()));
    let query = format!("/v1/events?user={in_path}&{in_path}=1");
    all.push(request("POST", &query, &[], body.as_bytes()));
    for target in [
        format!("/{in_path}"),
        format!("/v1/events/{in_path}"),
        format!("/v1/receipts/{in_path}"),
        format!("/v1/stats/tool/{in_path}"),
        format!("/v1/stats/overview?period={in_path}"),
        format!("/?period={in_path}&tool={in_path}"),
        format!("/readyz?verbose={in_path}"),
    ] {
        all.push(request("GET", &target, &[], b""));
    }
    all.push(request(&header, "/v1/events", &[], b""));
    all.push(format!("{visible} is not HTTP\r\n\r\n").into_bytes());
    all
}

/// Bodies that are turned away whole.
fn refused(text: &str) -> Vec<Vec<u8>> {
    let quoted = json!(text).to_string();
    let large = format!(r#"{{"events":[{{"a":{quoted},"b":"{}"}}]}}"#, "x".repeat(102_400));
    let deep = format!("{}{quoted}{}", r#"{"a":"#.repeat(200), "}".repeat(200));
    let many = vec![format!(r#"{{"a":{quoted}}}"#); 200].join(",");
    [
        format!(r#"{{"events":[{{"tool":{quoted}"#),
        format!(r#"{{"events":{quoted}}}"#),
        format!(r#"{{{quoted}:[]}}"#),
        quoted.clone(),
        text.to_owned(),
        format!(r#"{{"events":[{deep}]}}"#),
        format!(r#"{{"events":[{many}]}}"#),
        format!(r#"{{"events":[{{"a":"\u0000","b":{quoted}}},{{"\ud800":{quoted}}}]}}"#),
        large,
    ]
    .into_iter()
    .map(|body| post(&[], body.as_bytes()))
    .collect()
}
