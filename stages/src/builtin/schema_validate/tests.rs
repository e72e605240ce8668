//! Tests of `schema-validate`: the operator's rules by hand, then its judgement against what
//! sanitise leaves.

use proptest::prelude::*;

use super::normal::samples::{changes, event};
use super::*;
use crate::batch::Body;
use crate::clock::ManualClock;
use crate::scanned::{Fields, Level, Status};

/// 2026-08-20T14:00:00Z, the hour of the sample event.
const NOW: i64 = 1_787_234_400;

fn stage(with: &str) -> SchemaValidate {
    let config: SchemaValidateConfig =
        serde_json::from_str(with).expect("settings are well-formed");
    SchemaValidate {
        tools: names("tools", config.tools).expect("names are good"),
        services: names("services", config.services).expect("names are good"),
        on_unknown: config.on_unknown,
        on_reject: config.on_reject,
        window: config.window,
    }
}

/// The names that count as other, or the code of the refusal, half an hour past the hour.
fn check(with: &str, changes: &[(&str, &str)]) -> Result<(bool, bool), &'static str> {
    let now = Hour::containing(NOW + 1_800);
    match stage(with).check(&event(changes), now) {
        Ok((unknown, ..)) => Ok((unknown.tool, unknown.service)),
        Err(reason) => Err(reason.code.as_str()),
    }
}

const STANDARD: (&str, &str) = ("analytics_level", r#""standard""#);

#[test]
fn unknown_names_count_as_other_or_are_refused() {
    for (field, value, by_default, refusing) in [
        ("tool", r#""get_forecast""#, Ok((false, false)), Ok((false, false))),
        ("tool", r#"" Get_Forecast ""#, Ok((false, false)), Ok((false, false))),
        ("tool", r#""new_tool""#, Ok((true, false)), Err("invalid_tool")),
        ("tool", r#""new-tool""#, Err("invalid_tool"), Err("invalid_tool")),
        ("service", r#""rainviewer""#, Ok((false, false)), Ok((false, false))),
        ("service", r#"" NOAA ""#, Ok((false, false)), Ok((false, false))),
        ("service", r#""metno""#, Ok((false, true)), Err("invalid_service")),
        ("service", r#""""#, Err("invalid_service"), Err("invalid_service")),
    ] {
        let changes = [STANDARD, (field, value)];
        assert_eq!(check("{}", &changes), by_default, "{value}");
        assert_eq!(check(r#"{"on_unknown":"refuse"}"#, &changes), refusing, "{value}");
    }
    let own = r#"{"on_unknown":"refuse","tools":["a_tool"],"services":[]}"#;
    assert_eq!(check(own, &[("tool", r#""a_tool""#)]), Ok((false, false)));
    assert_eq!(check(own, &[("tool", r#""get_forecast""#)]), Err("invalid_tool"));
}

#[test]
fn the_window_counts_floored_hours_and_includes_its_ends() {
    let narrow = r#"{"window":{"back":"90m","ahead":"0s"}}"#;
    for (with, time, want) in [
        ("{}", "2026-08-17T14:00:00Z", true),
        ("{}", "2026-08-17T14:45:00Z", true),
        ("{}", "2026-08-17T19:30:00+05:30", true),
        ("{}", "2026-08-17T13:45:00Z", false),
        ("{}", "2026-08-21T16:45:00Z", true),
        ("{}", "2026-08-21T17:00:00Z", false),
        ("{}", "1970-01-01T00:00:00Z", false),
        ("{}", "9999-12-31T23:00:00Z", false),
        (narrow, "2026-08-20T12:00:00Z", true),
        (narrow, "2026-08-20T11:45:00Z", false),
        (narrow, "2026-08-20T14:45:00Z", true),
        (narrow, "2026-08-20T15:00:00Z", false),
    ] {
        let time = format!("\"{time}\"");
        let want = if want { Ok((false, false)) } else { Err("timestamp_out_of_window") };
        assert_eq!(check(with, &[("timestamp_hour", &time)]), want, "{time}");
    }
}

#[test]
fn what_normal_form_refuses_is_refused() {
    for (changes, want) in [
        (&[("version", r#""v1""#)][..], "invalid_field"),
        (&[("event_id", r#""x""#)], "invalid_field"),
        (&[("timestamp_hour", r#""2026-08-20T14:23:00Z""#)], "timestamp_not_rounded"),
        (&[STANDARD, ("status", r#""error""#)], "error_type_required"),
    ] {
        assert_eq!(check("{}", changes), Err(want));
    }
    let reason = stage("{}")
        .check(&event(&[("timestamp_hour", r#""2026-08-20T14:23:00Z""#)]), Hour::containing(NOW))
        .unwrap_err();
    assert!(reason.message.contains("rounded to the hour"));
}

/// Codes by slot (empty: goes on), and by the stage's account.
async fn run(
    with: &str,
    dry_run: bool,
    events: &[&[(&'static str, &'static str)]],
) -> (Vec<String>, Vec<(String, usize)>) {
    let clock = ManualClock::at(NOW);
    let mut batch = Batch::request(b"");
    for changes in events {
        batch.push(Body::Raw(event(changes)));
    }
    batch.begin_stage(dry_run);
    stage(with).run(&mut batch, Cx { clock: &clock, request: None, tx: None }).await.unwrap();
    let by_code = batch.end_stage().by_code;
    batch.fall_together(Code::new("batch_rejected"), "another one was refused");
    let slot = |slot: &crate::Slot<'_>| match slot.verdict() {
        Verdict::Pass => String::new(),
        Verdict::Reject(reason) | Verdict::Drop(reason) => reason.code.to_string(),
    };
    let slots = batch.slots().iter().map(slot).collect();
    (slots, by_code.into_iter().map(|(code, count)| (code.to_string(), count)).collect())
}

#[tokio::test]
async fn a_bad_event_costs_itself_or_in_the_end_the_batch() {
    let bad = &[("version", "5")][..];
    let together = r#"{"on_reject":"batch"}"#;
    for (with, dry_run, events, slots) in [
        ("{}", false, [&[][..], bad], ["", "invalid_field"]),
        (together, false, [&[], bad], ["batch_rejected", "invalid_field"]),
        (together, true, [&[], bad], ["", ""]),
        (together, false, [&[], &[]], ["", ""]),
    ] {
        let (got, by_code) = run(with, dry_run, &events).await;
        assert_eq!(got, slots.map(str::to_owned), "{with} dry_run={dry_run}");
        let counted = [("invalid_field".to_owned(), 1)];
        let want = if events.contains(&bad) { &counted[..] } else { &[] };
        assert_eq!(by_code, want, "the stage's own account");
    }
}

#[test]
fn events_older_than_identities_can_tell_are_not_to_be_accepted() {
    let build = |back: &str| {
        let with = format!(r#"{{"window":{{"back":"{back}"}}}}"#);
        let config = serde_json::from_str(&with).unwrap();
        SchemaValidate::build(config, &crate::testing::services()).map(drop)
    };
    assert_eq!(build("3d"), Ok(()));
    assert_eq!(build("73h").unwrap_err().path, ["window", "back"]);
}

#[test]
fn names_that_cannot_work_are_refused_at_their_place() {
    for (configured, want) in [
        (vec!["a", "b_2"], None),
        (vec!["a", "b", "a"], Some("2")),
        (vec!["a", "B"], Some("1")),
        (vec!["get-forecast"], Some("0")),
        (vec![""], Some("0")),
    ] {
        let names = names("tools", configured.iter().map(|s| (*s).to_owned()).collect());
        let want = want.map(|index| vec!["tools".to_owned(), index.to_owned()]);
        assert_eq!(names.err().map(|error| error.path), want, "{configured:?}");
    }
}

#[test]
fn the_default_names_are_known() {
    let stage = stage("{}");
    assert_eq!((stage.tools.0.len(), stage.services.0.len()), (17, 6));
    assert!(stage.tools.knows("get_weather_summary") && !stage.tools.knows("other"));
    assert!(stage.services.knows("noaa") && !stage.services.knows("noa"));
}

/// The rules for a stored event, written down once more, from the outside.
fn is_storable(fields: &Fields) -> bool {
    let matches = |pattern: &str, text: &str| regex::Regex::new(pattern).unwrap().is_match(text);
    let name = "^[a-z][a-z0-9_]{0,47}$";
    let at_most = |value: Option<i64>, most: i64| value.is_none_or(|v| (0..=most).contains(&v));
    let opt = |pattern: &str, text: &Option<CompactString>| {
        text.as_ref().is_none_or(|text| matches(pattern, text))
    };
    matches(r"^[0-9]+(\.[0-9]+){0,3}([-+][0-9A-Za-z.-]+)?$", &fields.version)
        && fields.version.len() <= 20
        && matches(name, &fields.tool)
        && opt(name, &fields.service)
        && opt("^[A-Z]{2}$", &fields.country)
        && opt("^[A-Za-z][A-Za-z0-9_.-]{0,63}$", &fields.error_type)
        && opt("^[0-9a-f]{16}$", &fields.session_id)
        && at_most(fields.response_time_ms, 120_000)
        && at_most(fields.retry_count, 10)
        && at_most(fields.sequence_number, (1 << 53) - 1)
        && fields.timestamp % 3_600 == 0
        && (-72..=26).contains(&((fields.timestamp - NOW) / 3_600))
        && (fields.error_type.is_some()
            || fields.status == Status::Success
            || fields.level == Level::Minimal)
}

proptest! {
    #[test]
    fn an_event_is_judged_as_sanitise_leaves_it(changes in changes()) {
        let raw = event(&changes);
        let verdict = stage("{}").check(&raw, Hour::containing(NOW));
        let left = normal::event_id(&raw).and_then(|_| normal::read(&raw)).and_then(|mut fields| {
            let sent = fields.clone();
            normal::normalise(&mut fields).map(|repairs| (repairs.is_empty() && fields == sent, fields))
        });
        match left {
            Ok((normal, fields)) => {
                prop_assert_eq!(verdict.is_ok(), is_storable(&fields));
                if let Ok((unknown, is_normal, read)) = verdict {
                    prop_assert_eq!(is_normal, normal);
                    prop_assert!(!normal || *read == fields);
                    prop_assert_eq!(unknown.tool, fields.tool != "get_forecast");
                    let known = fields.service.is_none_or(|service| service == "noaa");
                    prop_assert_eq!(unknown.service, !known);
                }
            }
            Err(_) => prop_assert!(verdict.is_err()),
        }
        if let Err(reason) = stage("{}").check(&raw, Hour::containing(NOW)) {
            prop_assert!(SchemaValidate::CODES.contains(&reason.code), "{}", reason.code);
        }
    }
}
