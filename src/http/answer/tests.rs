use stages::{Verdict, verdict::codes};

use super::super::testing::{entry, reason};
use super::*;

/// 2026-08-20T14:30:00.007Z.
const NOW: i64 = 1_787_236_200_007;

fn batch(events: usize) -> Batch<'static> {
    Batch::group([entry(events)])
}

#[test]
fn every_event_is_answered_for_by_its_own_index() {
    let mut batch = batch(5);
    batch.settle(1, Verdict::Reject(reason("invalid_tool", "/tool", "no such tool")));
    let duplicate = reason("duplicate", "", "counted before");
    batch.settle(3, Verdict::Drop(duplicate));
    let event = batch.event_mut(4).unwrap();
    event.warn(stages::Code::new("clamped"), stages::Pointer::fixed("/retry_count"), "clamped");
    // A repair of an event that is refused is nobody's concern.
    let event = batch.event_mut(1).unwrap();
    event.warn(stages::Code::new("clamped"), stages::Pointer::fixed("/retry_count"), "clamped");
    let answer = of(&batch, NOW).unwrap();
    assert_eq!(
        serde_json::to_string(&answer).unwrap(),
        r#"{"status":"accepted","count":3,"timestamp":"2026-08-20T14:30:00.007Z","receipt":null,"duplicates":[3],"rejected":[{"index":1,"code":"invalid_tool","pointer":"/events/1/tool","message":"no such tool"}],"warnings":[{"index":4,"code":"clamped","pointer":"/events/4/retry_count","message":"clamped"}]}"#
    );
}

#[test]
fn a_repeat_is_accepted_with_count_zero() {
    let mut batch = batch(2);
    batch.settle(0, Verdict::Drop(reason("duplicate", "", "counted before")));
    batch.settle(1, Verdict::Reject(reason("invalid_tool", "/tool", "no such tool")));
    let answer = of(&batch, NOW).unwrap();
    assert_eq!((answer.count, answer.duplicates, answer.rejected.len()), (0, vec![0], 1));
}

#[test]
fn a_batch_without_any_acceptable_event_is_a_problem_that_names_them_all() {
    let mut batch = batch(2);
    batch.settle(0, Verdict::Reject(reason("invalid_tool", "/tool", "no such tool")));
    batch.settle(
        1,
        Verdict::Reject(stages::Reason {
            code: codes::PII_DETECTED,
            ..reason("x", "/parameters/*", "PII was found")
        }),
    );
    let problem = of(&batch, NOW).unwrap_err();
    let detail = "no event of the batch can be accepted; `rejected` says why";
    let want = Problem::new(Kind::ValidationFailed, "invalid_tool", detail).rejected(vec![
        Note::new(0, "invalid_tool", "/tool", "no such tool"),
        Note::new(1, "pii_detected", "/parameters/*", "PII was found"),
    ]);
    assert_eq!(problem, want);
}

#[test]
fn times_are_shown_with_milliseconds() {
    for (millis, want) in [
        (0, "1970-01-01T00:00:00.000Z"),
        (NOW, "2026-08-20T14:30:00.007Z"),
        (951_782_400_120, "2000-02-29T00:00:00.120Z"),
    ] {
        assert_eq!(timestamp(millis), want);
    }
}
