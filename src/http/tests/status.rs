//! What the server says of itself: health, readiness and status.

use serde_json::json;

use super::*;
use crate::queue::Spooled;

#[tokio::test]
async fn health_asks_the_store() {
    let server = TestServer::start().await;
    let healthy = r#"{"status":"healthy","timestamp":"2026-08-20T14:30:00.000Z","uptime":0.0}"#;
    let answer = server.get("/v1/health").await;
    assert_eq!((answer.status, answer.body.as_str()), (200, healthy));
    *server.world.store.lock().unwrap() = None;
    let unhealthy = r#"{"status":"unhealthy","database":"disconnected"}"#;
    let answer = server.get("/v1/health").await;
    assert_eq!((answer.status, answer.body.as_str()), (503, unhealthy));
}

#[tokio::test]
async fn readiness_is_about_accepting() {
    let server = TestServer::start().await;
    let ready = async || {
        let answer = server.get("/readyz?verbose").await;
        let json = answer.json();
        (answer.status, json["status"].as_str().unwrap().to_owned(), json["reasons"].to_string())
    };
    assert_eq!(ready().await, owned(200, "ready", "[]"));
    assert_eq!(server.get("/readyz").await.body, r#"{"status":"ready"}"#);
    *server.world.store.lock().unwrap() = None;
    server.world.workers.lock().unwrap().clear();
    let reasons = r#"["the store does not answer","no worker gives a sign of life"]"#;
    assert_eq!(ready().await, owned(200, "degraded", reasons));
    *server.world.store.lock().unwrap() = Some(Totals::default());
    let full = QueueState { events: 1_000_000, ..QueueState::default() };
    *server.world.queue.lock().unwrap() = Some(full);
    let reasons = r#"["the queue is full","no worker gives a sign of life"]"#;
    assert_eq!(ready().await, owned(503, "unavailable", reasons));
    *server.world.queue.lock().unwrap() = None;
    let reasons = r#"["the queue does not answer","no worker gives a sign of life"]"#;
    assert_eq!(ready().await, owned(503, "unavailable", reasons));
    // With a spool, events are accepted until that is full or broken as well.
    let spool = |full, failing| {
        let state = QueueState { failing, ..QueueState::default() };
        *server.world.spooled.lock().unwrap() = Some(Spooled { state, full });
    };
    for (full, failing, code, status, first) in [
        (false, false, 200, "degraded", ""),
        (true, false, 503, "unavailable", r#""the queue does not answer, and the spool is full","#),
        (
            false,
            true,
            503,
            "unavailable",
            r#""the queue does not answer, and the spool cannot be written","#,
        ),
    ] {
        spool(full, failing);
        let reasons = format!(
            r#"[{first}"the queue does not answer; events wait in the spool of this server","no worker gives a sign of life"]"#
        );
        assert_eq!(ready().await, owned(code, status, &reasons));
    }
    server.state.readiness.drain();
    assert_eq!(ready().await.0, 503);
    assert_eq!(server.get("/livez").await.status, 200);
}

#[tokio::test]
async fn status_tells_exact_numbers() {
    let server = TestServer::start().await;
    fill(&server);
    server.post("", "limit").await;
    let mut status = server.get("/v1/status").await.json();
    let memory = status["memory"].take();
    assert!(memory["used_mb"].is_i64() && memory["total_mb"].is_i64(), "{memory}");
    assert_eq!(
        status,
        json!({
            "status": "healthy", "timestamp": "2026-08-20T14:30:00.000Z", "uptime_seconds": 0,
            "database": {"connected": true, "total_connections": -1, "idle_connections": -1,
                "waiting_count": -1},
            "queue": {"depth": 8, "bytes": 900, "spooled": 0, "loss_window_seconds": 0}, "memory": null, "events_processed": 50,
            "last_event_received": "2026-08-20T14:00:00Z",
            "workers": [{"id": "w1", "heartbeat_age_seconds": 0, "lag_seconds": 0}],
            "ledger": {"accepted": 70, "persisted": 50, "duplicate": 7, "dead_letter": 3,
                "discarded": 2, "queued": 8, "in_flight": 8, "balance": 0, "lost": 0,
                "refused": {"invalid_tool": 1}, "refused_requests": {"too_many_requests": 1}},
            "pipeline": {"loaded_at": "2026-08-20T14:30:00.000Z", "valid": true,
                "last_error": null},
        })
    );
}

#[tokio::test]
async fn status_never_fails() {
    let server = TestServer::start().await;
    *server.world.store.lock().unwrap() = None;
    *server.world.queue.lock().unwrap() = None;
    let answer = server.get("/v1/status").await;
    let status = answer.json();
    assert_eq!((answer.status, status["status"].as_str()), (200, Some("degraded")));
    assert_eq!(
        status["queue"],
        json!({"depth": -1, "bytes": -1, "spooled": 0, "loss_window_seconds": 0})
    );
    assert_eq!(status["database"]["connected"], false);
    assert_eq!(status["ledger"]["balance"], -1);
    assert_eq!(status["last_event_received"], json!(null));
}

#[tokio::test]
async fn with_small_cells_withheld_the_public_sees_the_last_closed_hour() {
    let server = TestServer::with(|s| s.privacy.min_cell = 10, routes).await;
    fill(&server);
    let totals = async || {
        let status = server.get("/v1/status").await.json();
        let ledger = &status["ledger"];
        assert_eq!(
            (&ledger["refused"], &status["workers"][0]["lag_seconds"]),
            (&json!({}), &json!(-1))
        );
        (status["queue"]["depth"].clone(), ledger["accepted"].clone())
    };
    assert_eq!(totals().await, (json!(-1), json!(-1)));
    let closed = crate::http::facts::Facts::gather(&server.state).await;
    server.state.closed_hour.publish(closed);
    assert_eq!(totals().await, (json!(8), json!(70)));
    *server.world.queue.lock().unwrap() =
        Some(QueueState { accepted: 71, ..QueueState::default() });
    assert_eq!(totals().await, (json!(8), json!(70)));
}
