//! The page and the answer to its form, as a browser gets them.

use std::sync::Arc;

use serde_json::{Value, json};
use stages::ManualClock;

use super::super::tests::{assert_structured, text as read_out};
use super::*;
use crate::config::Settings;
use crate::explain::{Explanation, explain_with};
use crate::transparency::tests::loaded;

/// 2026-08-20T12:00:00Z.
const NOON: i64 = 1_787_227_200;

fn document(settings: &Settings) -> Document {
    Document::new(settings, &stages::registry()).unwrap()
}

async fn explained(settings: &Settings, events: Value) -> Explanation {
    let body = json!({ "events": events }).to_string();
    let clock = Arc::new(ManualClock::at(NOON));
    explain_with(settings, &stages::registry(), clock, body.as_bytes()).await.unwrap()
}

fn now() -> Hour {
    Hour::containing(NOON)
}

fn event(tool: &str) -> Value {
    json!({
        "version": "1.2.3", "tool": tool, "status": "success", "timestamp_hour": now().to_string(),
        "analytics_level": "minimal",
    })
}

#[test]
fn the_page_is_whole_and_says_what_the_data_say() {
    let yaml = "privacy: { min_cell: 7, country_header: CF-IPCountry }\n\
                server: { trusted_proxies: [10.0.0.0/8] }\nretention: { raw: 33d }\n";
    let document = document(&loaded(Some(yaml)).settings);
    let page = page(&document, now());
    let html = page.render().unwrap();
    assert_structured(&html);
    assert!(!html.contains("<script"), "people paste into it");
    let shown = read_out(&html).replace('\u{a0}', " ");
    for fact in [
        "Single events kept 33 days",
        "Published from 7 calls in 7 batches",
        "the header CF-IPCountry, which is believed from a proxy of the operator only",
        "33 days in single events, 30 days in sums by hour, 730 days in sums by date",
        "a whole number from 0 to 120,000",
        "From 3 days before the current hour to 26 hours after it",
        "500 of version",
        &document.hash,
    ] {
        assert!(shown.contains(fact), "{fact}\n\n{shown}");
    }
    let plain = text::render(&page);
    for field in &document.content.fields {
        assert!(shown.contains(field.name) && plain.contains(field.name), "{}", field.name);
    }
    for table in &document.content.tables {
        assert!(shown.contains(table.name) && plain.contains(table.purpose), "{}", table.name);
        for column in &table.columns {
            assert!(plain.contains(column.name) && plain.contains(column.purpose), "{column:?}");
        }
    }
}

#[test]
fn a_header_without_a_believed_proxy_is_not_believed() {
    let yaml = "privacy: { country_header: CF-IPCountry }\n";
    let document = document(&loaded(Some(yaml)).settings);
    assert_eq!(document.content.rules.country_header, None);
    let shown = read_out(&page(&document, now()).render().unwrap());
    assert!(shown.contains("no header is believed") && !shown.contains("CF-IPCountry"));
}

#[tokio::test]
async fn the_sample_is_stored_and_shows_what_stages_do() {
    let settings = loaded(None).settings;
    let Body::Trial(form) = &trial::form_part(now()).body[0] else { panic!("a form") };
    let sample: Value = serde_json::from_str(&form.sample).unwrap();
    let explanation = explained(&settings, json!([sample])).await;
    let html = trial::page(&explanation, now()).render().unwrap();
    assert_structured(&html);
    let shown = read_out(&html).replace('\u{a0}', " ");
    for fact in [
        "It would be stored.",
        "tool get_forecast",
        "parameters {&#34;days&#34;:7}",
        "other members : dropped",
        "/parameters/* : this parameter is not stored (parameter_dropped)",
        "sanitise Lets it pass. Changed /tool : becomes get_forecast",
        "sent again, it counts again",
    ] {
        assert!(shown.contains(fact), "{fact}\n\n{shown}");
    }
}

#[tokio::test]
async fn answers_are_whole_and_hold_no_personal_data() {
    let settings = loaded(None).settings;
    let mut bad = event("get_alerts");
    bad["contact"] = "jo.doe@example.org".into();
    let explanation = explained(&settings, json!([event("<b>"), bad, event("get_alerts")])).await;
    let html = trial::page(&explanation, now()).render().unwrap();
    assert_structured(&html);
    let shown = read_out(&html);
    for fact in [
        "1 of 3 events would be stored.",
        "Event 0: refused",
        "pii-scan Refuses it: PII detected (EMAIL) (pii_detected at /*).",
        "Found EMAIL, by the detector email, at /*",
    ] {
        assert!(shown.contains(fact), "{fact}\n\n{shown}");
    }
    assert!(!html.contains("jo.doe") && !html.contains("contact"));

    let crowd: Vec<_> = (0..40).map(|_| event("get_alerts")).collect();
    let html = trial::page(&explained(&settings, json!(crowd)).await, now()).render().unwrap();
    assert_structured(&html);
    assert!(read_out(&html).contains("the first 8; 32 more are not shown"));
    let html = trial::page(&explained(&settings, json!("no list")).await, now()).render().unwrap();
    assert_structured(&html);
    assert!(read_out(&html).contains("It would be refused."));
}
