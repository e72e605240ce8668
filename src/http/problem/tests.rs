//! Problems as clients get them.

use super::*;

fn shown(problem: &Problem) -> String {
    let id = HeaderValue::from_static("00112233445566778899aabbccddeeff");
    String::from_utf8(problem.to_json(Some(&id))).unwrap()
}

#[test]
fn a_problem_has_the_members_of_the_rfc_and_those_of_old() {
    let problem = Problem::plain(Kind::NotFound, "there is no such receipt");
    assert_eq!(
        shown(&problem),
        r#"{"type":"/problems/not_found","title":"Not found","status":404,"detail":"there is no such receipt","instance":"00112233445566778899aabbccddeeff","error":"not_found","code":"not_found","details":["there is no such receipt"]}"#
    );
}

#[test]
fn refused_events_and_waiting_times_are_members_too() {
    let note = Note::new(2, "pii_detected", "/parameters/*", "PII in a parameter");
    let problem = Problem::new(Kind::ValidationFailed, "pii_detected", "nothing acceptable")
        .rejected(vec![note])
        .retry_after(Duration::from_millis(1_001));
    assert_eq!(
        shown(&problem),
        r#"{"type":"/problems/validation_failed","title":"The batch cannot be accepted","status":400,"detail":"nothing acceptable","instance":"00112233445566778899aabbccddeeff","error":"validation_failed","code":"pii_detected","details":["Event 2: PII in a parameter"],"rejected":[{"index":2,"code":"pii_detected","pointer":"/events/2/parameters/*","message":"PII in a parameter"}],"retry_after":2}"#
    );
}

#[test]
fn waiting_times_are_rounded_up_and_never_zero() {
    for (millis, want) in [(0, 1), (1, 1), (1_000, 1), (1_001, 2), (59_999, 60)] {
        let problem = Problem::plain(Kind::RateLimitExceeded, "wait")
            .retry_after(Duration::from_millis(millis));
        assert_eq!(problem.retry_after, Some(want), "{millis}");
    }
}

#[test]
fn kinds_and_statuses_are_as_documented() {
    let table: Vec<_> =
        Kind::ALL.iter().map(|kind| (kind.error(), kind.status().as_u16())).collect();
    assert_eq!(
        table,
        [
            ("validation_failed", 400),
            ("malformed_json", 400),
            ("payload_too_large", 413),
            ("unsupported_media_type", 415),
            ("unsupported_encoding", 415),
            ("rate_limit_exceeded", 429),
            ("service_unavailable", 503),
            ("invalid_request", 400),
            ("unsupported_combination", 400),
            ("not_found", 404),
            ("method_not_allowed", 405),
            ("not_acceptable", 406),
            ("request_timeout", 408),
            ("internal_server_error", 500),
        ]
    );
}

#[test]
fn a_status_without_a_body_becomes_the_problem_of_its_kind() {
    for (status, want) in [
        (StatusCode::NOT_FOUND, Kind::NotFound),
        (StatusCode::METHOD_NOT_ALLOWED, Kind::MethodNotAllowed),
        (StatusCode::PAYLOAD_TOO_LARGE, Kind::PayloadTooLarge),
        (StatusCode::BAD_REQUEST, Kind::InvalidRequest),
        (StatusCode::IM_A_TEAPOT, Kind::InvalidRequest),
        (StatusCode::UNSUPPORTED_MEDIA_TYPE, Kind::UnsupportedMediaType),
        (StatusCode::SERVICE_UNAVAILABLE, Kind::ServiceUnavailable),
        (StatusCode::BAD_GATEWAY, Kind::InternalServerError),
    ] {
        let problem = Problem::of_status(status);
        assert_eq!((problem.kind, problem.status), (want, status));
    }
}
