//! The listener as clients see it: real sockets, real bytes.

use salvo::{Response, Router, handler};
use stages::EntryId;
use stages::ports::Outcome;

use super::private_router;
use super::refusals;
use super::testing::routes;
use super::testing::{TestServer, exchange, post};
use crate::queue::QueueState;
use crate::queue::RefusedKind;
use crate::store::{Receipt, Totals};

mod status;

fn owned(status: u16, error: &str, code: &str) -> (u16, String, String) {
    (status, error.to_owned(), code.to_owned())
}

#[tokio::test]
async fn a_batch_is_answered_with_its_limits() {
    let server = TestServer::start().await;
    let answer = server.post("", "{}").await;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(
        answer.body,
        r#"{"status":"accepted","count":1,"timestamp":"2026-08-20T14:30:00.000Z","receipt":null,"duplicates":[],"rejected":[],"warnings":[{"index":0,"code":"clamped","pointer":"/events/0/response_time_ms","message":"was clamped"}]}"#
    );
    for (name, want) in [
        ("content-type", "application/json"),
        ("ratelimit", r#""requests";r=5;t=7"#),
        ("ratelimit-policy", r#""requests";q=60;w=60"#),
        ("x-ratelimit-limit", "60"),
        ("x-ratelimit-remaining", "5"),
        ("x-ratelimit-reset", "7"),
        ("x-content-type-options", "nosniff"),
        ("referrer-policy", "no-referrer"),
        ("content-security-policy", "default-src 'none'; frame-ancestors 'none'"),
    ] {
        assert_eq!(answer.header(name), Some(want), "{name}");
    }
    // With a key, the pipeline is told of the batch's identity.
    assert_eq!(server.post("idempotency-key: k\r\n", "{}").await.json()["count"], 2);
}

#[tokio::test]
async fn whole_requests_are_turned_away_as_problems() {
    let server = TestServer::start().await;
    let large = "x".repeat(1_001);
    for (headers, body, want, retry_after) in [
        ("", "malformed", owned(400, "malformed_json", "malformed_json"), None),
        ("", "empty", owned(400, "validation_failed", "empty_batch"), None),
        ("", "limit", owned(429, "rate_limit_exceeded", "too_many_requests"), Some("3")),
        ("", "full", owned(503, "service_unavailable", "queue_full"), Some("3")),
        ("", "down", owned(503, "service_unavailable", "service_unavailable"), Some("10")),
        ("", "misplaced", owned(500, "internal_server_error", "internal_server_error"), None),
        ("", &large, owned(413, "payload_too_large", "payload_too_large"), None),
        ("content-encoding: gzip\r\n", "x", owned(400, "invalid_request", "malformed_body"), None),
        (
            "content-encoding: x\r\n",
            "x",
            owned(415, "unsupported_encoding", "unsupported_encoding"),
            None,
        ),
        (
            "idempotency-key: a b\r\n",
            "x",
            owned(400, "invalid_request", "invalid_idempotency_key"),
            None,
        ),
    ] {
        let answer = server.post(headers, body).await;
        assert_eq!(answer.problem(), want);
        assert_eq!(answer.header("retry-after"), retry_after, "{want:?}");
        let member = answer.json().get("retry_after").map(ToString::to_string);
        assert_eq!(member.as_deref(), retry_after, "{want:?}");
    }
    let refused = refusals::by_code(&refusals::of(&server.state).await, RefusedKind::Request);
    assert_eq!(refused.values().sum::<u64>(), 10);
    assert_eq!(refused["payload_too_large"], 1);
}

#[tokio::test]
async fn a_lying_length_harms_nobody() {
    let server = TestServer::start().await;
    // Far too much is declared: refused before it comes.
    let head = "POST /v1/events HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\n\
                content-length: 99999999999\r\n\r\nx";
    let mut stream = server.connect().await;
    let answer = exchange(&mut stream, head.as_bytes()).await;
    assert_eq!(answer.problem(), owned(413, "payload_too_large", "payload_too_large"));
    // Less comes than declared, and the client is gone.
    let mut stream = server.connect().await;
    let short = post("", "x").replace("content-length: 1", "content-length: 9");
    tokio::io::AsyncWriteExt::write_all(&mut stream, short.as_bytes()).await.unwrap();
    drop(stream);
    assert_eq!(server.post("", "{}").await.status, 200);
}

#[tokio::test]
async fn addresses_and_methods_are_exact() {
    let server = TestServer::start().await;
    for (method, path, want) in [
        ("POST", "/v1/events/", owned(404, "not_found", "not_found")),
        ("GET", "/v1/events/", owned(404, "not_found", "not_found")),
        ("POST", "/v1//events", owned(404, "not_found", "not_found")),
        ("GET", "/v1/unknown", owned(404, "not_found", "not_found")),
        ("GET", "/metrics", owned(404, "not_found", "not_found")),
        ("GET", "/v1/events", owned(405, "method_not_allowed", "method_not_allowed")),
        ("OPTIONS", "/v1/events", owned(405, "method_not_allowed", "method_not_allowed")),
        ("DELETE", "/v1/health", owned(405, "method_not_allowed", "method_not_allowed")),
    ] {
        let head = format!("{method} {path} HTTP/1.1\r\nhost: a\r\ncontent-length: 0\r\n\r\n");
        assert_eq!(server.send(head).await.problem(), want, "{method} {path}");
    }
    let put = "PUT /v1/events HTTP/1.1\r\nhost: a\r\ncontent-length: 0\r\n\r\n";
    assert_eq!(server.send(put).await.header("allow"), Some("POST"));
    let with_query = post("", "{}").replace("/v1/events", "/v1/events?src=x");
    assert_eq!(server.send(with_query).await.status, 200);
    let head = "HEAD /livez HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n";
    let mut stream = server.connect().await;
    tokio::io::AsyncWriteExt::write_all(&mut stream, head.as_bytes()).await.unwrap();
    let mut text = String::new();
    tokio::io::AsyncReadExt::read_to_string(&mut stream, &mut text).await.unwrap();
    assert!(text.starts_with("HTTP/1.1 200 OK\r\n") && text.ends_with("\r\n\r\n"), "{text}");
}

#[tokio::test]
async fn the_request_id_is_the_servers_own() {
    let server = TestServer::start().await;
    let request = "GET /livez HTTP/1.1\r\nhost: a\r\nx-request-id: mine\r\n\r\n";
    let (one, other) = (server.send(request).await, server.send(request).await);
    let ids = [&one, &other].map(|answer| answer.header("x-request-id").unwrap());
    assert!(ids.iter().all(|id| id.len() == 32 && id.bytes().all(|b| b.is_ascii_hexdigit())));
    assert_ne!(ids[0], ids[1]);
}

#[handler]
async fn half_way(res: &mut Response) {
    res.headers_mut().insert("content-encoding", salvo::http::HeaderValue::from_static("gzip"));
    res.write_body("secret").unwrap();
    panic!("secret");
}

#[tokio::test]
async fn a_panic_is_answered_and_the_connection_lives_on() {
    let with_panic = |state: &_| routes(state).push(Router::with_path("panic").get(half_way));
    let server = TestServer::with(|_| {}, with_panic).await;
    let mut stream = server.connect().await;
    let answer = exchange(&mut stream, b"GET /panic HTTP/1.1\r\nhost: a\r\n\r\n").await;
    assert_eq!(answer.problem(), owned(500, "internal_server_error", "internal_server_error"));
    assert_eq!(answer.header("content-encoding"), None);
    assert!(!answer.body.contains("secret"));
    let answer = exchange(&mut stream, post("", "panic").as_bytes()).await;
    assert_eq!(answer.status, 500);
    let answer = exchange(&mut stream, b"GET /livez HTTP/1.1\r\nhost: a\r\n\r\n").await;
    assert_eq!((answer.status, answer.body.as_str()), (200, r#"{"status":"alive"}"#));
}

#[tokio::test]
async fn preflights_are_answered_for_configured_origins() {
    let origins = vec!["https://a.example".to_owned()];
    let server = TestServer::with(|s| s.server.cors_origins = origins, routes).await;
    let preflight = |path: &str, origin: &str| {
        format!(
            "OPTIONS {path} HTTP/1.1\r\nhost: a\r\norigin: {origin}\r\n\
             access-control-request-method: POST\r\n\r\n"
        )
    };
    let answer = server.send(preflight("/v1/events", "https://a.example")).await;
    assert_eq!(answer.status, 204);
    for (name, want) in [
        ("access-control-allow-origin", "https://a.example"),
        ("access-control-allow-methods", "GET, POST, OPTIONS"),
        ("access-control-allow-headers", "Content-Type, Idempotency-Key"),
        ("vary", "Origin"),
    ] {
        assert_eq!(answer.header(name), Some(want), "{name}");
    }
    let answer = server.send(preflight("/v1/events", "https://b.example")).await;
    assert_eq!((answer.status, answer.header("access-control-allow-origin")), (204, None));
    assert_eq!(server.send(preflight("/v1/unknown", "https://a.example")).await.status, 404);
    let answer = server.post("origin: https://a.example\r\n", "empty").await;
    assert_eq!(answer.header("access-control-allow-origin"), Some("https://a.example"));
}

#[tokio::test]
async fn reads_are_limited_and_health_is_not() {
    let server = TestServer::with(|s| s.server.read_limit = 2, routes).await;
    for (remaining, reset) in [("1", "1"), ("0", "2")] {
        let answer = server.get("/v1/status").await;
        assert_eq!(answer.status, 200);
        assert_eq!(answer.header("x-ratelimit-limit"), Some("2"));
        assert_eq!(answer.header("x-ratelimit-remaining"), Some(remaining));
        assert_eq!(answer.header("x-ratelimit-reset"), Some(reset));
    }
    let answer = server.get("/v1/status").await;
    assert_eq!(answer.problem(), owned(429, "rate_limit_exceeded", "rate_limit_exceeded"));
    assert_eq!(answer.header("retry-after"), Some("2"));
    for path in ["/v1/health", "/livez", "/readyz"] {
        assert_eq!(server.get(path).await.status, 200, "{path}");
    }
}

/// What the world looks like in the tests of numbers.
fn fill(server: &TestServer) {
    let queue = QueueState { accepted: 70, events: 8, bytes: 900, ..QueueState::default() };
    *server.world.queue.lock().unwrap() = Some(queue);
    let totals = Totals { persisted: 50, duplicate: 7, dead_letter: 3, discarded: 2 };
    *server.world.store.lock().unwrap() = Some(totals);
    server.state.refusals.add(RefusedKind::Event, "invalid_tool");
    server.state.metrics.refused(stages::Code::new("invalid_tool"));
}

#[tokio::test]
async fn receipts_tell_what_became_of_a_batch() {
    let server = TestServer::start().await;
    let [queued, stored, expired, unknown] = [1, 2, 3, 4].map(|n| EntryId::from_bytes([n; 16]));
    server.world.queued.lock().unwrap().push((queued, 5));
    // Committed and not yet acknowledged: stored.
    server.world.queued.lock().unwrap().push((stored, 5));
    let outcome = Outcome { persisted: 3, duplicate: 1, dead_letter: 1, discarded: 0 };
    let receipt = Receipt { events: 5, outcome, expired: false };
    let late = Outcome { persisted: 0, duplicate: 0, dead_letter: 5, discarded: 0 };
    let receipts =
        [(stored, receipt), (expired, Receipt { events: 5, outcome: late, expired: true })];
    server.world.receipts.lock().unwrap().extend(receipts);
    for (entry, want) in [
        (queued, r#"{"state":"queued","events":5,"persisted":0,"duplicate":0,"dead_letter":0}"#),
        (stored, r#"{"state":"stored","events":5,"persisted":3,"duplicate":1,"dead_letter":1}"#),
        (expired, r#"{"state":"expired","events":5,"persisted":0,"duplicate":0,"dead_letter":5}"#),
    ] {
        let answer = server.get(&format!("/v1/receipts/{entry}")).await;
        assert_eq!((answer.status, answer.body.as_str()), (200, want));
    }
    let problem = async |path: String| server.get(&path).await.problem();
    let path = format!("/v1/receipts/{unknown}");
    assert_eq!(problem(path.clone()).await, owned(404, "not_found", "not_found"));
    let malformed = problem("/v1/receipts/xyz".to_owned()).await;
    assert_eq!(malformed, owned(400, "invalid_request", "invalid_receipt"));
    *server.world.store.lock().unwrap() = None;
    assert_eq!(problem(path).await, owned(503, "service_unavailable", "service_unavailable"));
    assert_eq!(server.get(&format!("/v1/receipts/{queued}")).await.status, 200);
}

#[tokio::test]
async fn metrics_have_templates_for_routes_and_no_paths() {
    let server = TestServer::with(|_| {}, |state| routes(state).push(private_router(state))).await;
    fill(&server);
    server.get("/v1/receipts/secret-receipt").await;
    server.get("/v1/secret-path?secret-query").await;
    server.post("", "{}").await;
    let answer = server.get("/metrics").await;
    assert_eq!(answer.header("content-type"), Some("text/plain; version=0.0.4"));
    for line in [
        r#"analytics_http_requests_total{method="GET",route="/v1/receipts/{receipt}",status="400"} 1"#,
        r#"analytics_http_requests_total{method="GET",route="unmatched",status="404"} 1"#,
        r#"analytics_http_requests_total{method="POST",route="/v1/events",status="200"} 1"#,
        r#"analytics_events_accepted_total 1"#,
        r#"analytics_events_refused_total{code="invalid_tool"} 1"#,
        r#"analytics_stage_events_total{side="ingest",stage="script"} 0"#,
        r#"analytics_ledger_events{member="persisted"} 50"#,
        r#"analytics_ledger_events{member="balance"} 0"#,
        r#"analytics_queue_events 8"#,
        r#"analytics_store_up 1"#,
        r#"analytics_worker_heartbeat_age_seconds{worker="w1"} 0"#,
    ] {
        assert!(answer.body.lines().any(|shown| shown == line), "{line}\n{}", answer.body);
    }
    assert!(!answer.body.contains("secret"));
    *server.world.queue.lock().unwrap() = None;
    server.world.workers.lock().unwrap().clear();
    let answer = server.get("/metrics").await;
    assert_eq!(answer.status, 200);
    assert!(answer.body.contains("analytics_queue_up 0\n"));
    assert!(!answer.body.contains("analytics_queue_events"), "old numbers are not shown");
}

#[tokio::test]
async fn stopping_lets_connections_end() {
    let server = TestServer::start().await;
    assert_eq!(server.get("/livez").await.status, 200);
    server.handle.stop_graceful(None);
    server.task.await.unwrap().unwrap();
}

#[tokio::test]
async fn people_are_told_of_problems_on_a_page_and_programs_as_they_are() {
    let server = TestServer::with(|settings| settings.server.read_limit = 2, routes).await;
    let visit = async |path: &str| {
        let head = format!("GET {path} HTTP/1.1\r\nhost: a\r\naccept: text/html,*/*;q=0.8\r\n\r\n");
        server.send(head).await
    };
    for (path, status, says) in [
        ("/nowhere", 404, "There is nothing here."),
        ("/problems/none", 404, "There is nothing here."),
        ("/problems/not_found", 200, "Not found (404, not_found)"),
        ("/problems/not_found", 429, "This is too much within a minute."),
    ] {
        let answer = visit(path).await;
        assert_eq!(answer.status, status, "{path}");
        assert_eq!(answer.header("content-type"), Some("text/html; charset=utf-8"), "{path}");
        assert!(answer.header("content-security-policy").unwrap().contains("style-src 'self'"));
        assert!(answer.body.contains(says), "{path}: {}", answer.body);
    }
    assert_eq!(server.get("/nowhere").await.problem().0, 404);
    assert_eq!(server.get("/problems/none").await.problem().0, 429);
}
