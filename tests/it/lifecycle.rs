//! Starting, stopping, and living without a neighbour.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use serde_json::json;

use crate::support::{Config, Event, Server, agent, eventually, on_every_pair, post};

on_every_pair![a_stop_under_load_loses_nothing_and_ends_clean,];

fn a_stop_under_load_loses_nothing_and_ends_clean() {
    let mut server = Server::start();
    let stop = Arc::new(AtomicBool::new(false));
    let acknowledged = Arc::new(AtomicU64::new(0));
    let clients: Vec<_> = (0..4)
        .map(|_| {
            let (stop, acknowledged) = (Arc::clone(&stop), Arc::clone(&acknowledged));
            let url = server.events_url();
            std::thread::spawn(move || {
                let agent = agent();
                let body = Event::batch(vec![Event::minimal("get_forecast"); 10]);
                while !stop.load(Ordering::Relaxed) {
                    match post(&agent, &url, &[], body.as_bytes()) {
                        Ok(answer) if answer.status == 200 => {
                            acknowledged.fetch_add(10, Ordering::Relaxed);
                        }
                        Ok(answer) => assert_eq!(answer.status, 503),
                        Err(_) => break,
                    }
                }
            })
        })
        .collect();
    eventually("a few batches are in", || acknowledged.load(Ordering::Relaxed) > 500);
    assert_eq!(server.terminate(), 0);
    eventually("it ends by itself, not with its grace period", || {
        server.log().contains(r#""message":"stopped""#)
    });
    stop.store(true, Ordering::Relaxed);
    clients.into_iter().for_each(|client| client.join().unwrap());
    let server = server.revive();
    let ledger = server.drained();
    // An answer may be cut off by the stop, so more may be stored than was acknowledged, never less.
    let stored = server.store().int("SELECT count(*) FROM events");
    assert!(stored >= acknowledged.load(Ordering::Relaxed) as i64);
    assert_eq!((&ledger["persisted"], &ledger["accepted"]), (&json!(stored), &json!(stored)));
}

#[test]
fn server_and_worker_may_be_two_processes_on_the_same_files() {
    let server = Server::with(Config { role: "server", ..Config::default() });
    for _ in 0..20 {
        server.post(Event::batch(vec![Event::minimal("get_alerts"); 5]));
    }
    let ledger = server.ledger();
    assert_eq!((&ledger["queued"], &ledger["accepted"]), (&json!(100), &json!(100)));
    let worker = server.beside("worker");
    let ledger = server.drained();
    assert_eq!(ledger["persisted"], 100);
    assert_eq!(server.get_private("/v1/status").json()["workers"].as_array().unwrap().len(), 1);
    drop(worker);
}

#[test]
fn a_server_accepts_while_the_store_cannot_be_opened() {
    let folder_in_the_way = |server: &Server| server.folder().join("analytics.db");
    let server = Server::with(Config { role: "server", ..Config::default() });
    // A folder where the database should be: it cannot be opened by anyone.
    std::fs::create_dir(folder_in_the_way(&server)).unwrap();
    let worker = server.beside("worker");
    assert_eq!(server.post(Event::batch([Event::minimal("get_alerts")])).status, 200);
    assert_eq!(server.get("/readyz").status, 200);
    assert_eq!(server.get("/v1/health").status, 503);
    assert_eq!(server.get("/v1/status").json()["status"], "degraded");
    assert_eq!(server.get("/v1/stats/overview").status, 503);
    std::fs::remove_dir(folder_in_the_way(&server)).unwrap();
    assert_eq!(server.drained()["persisted"], 1);
    drop(worker);
}

#[test]
fn operations_endpoints_answer() {
    let server = Server::start();
    server.drained();
    assert_eq!(server.get("/livez").status, 200);
    assert_eq!(server.get("/readyz").status, 200);
    assert_eq!(server.get("/v1/health").json()["status"], "healthy");
    assert_eq!(server.get("/metrics").status, 404, "metrics are private");
    let metrics = server.get_private("/metrics").text;
    for name in ["analytics_http_requests_total", "analytics_queue_events", "analytics_build_info"]
    {
        assert!(metrics.contains(name), "{name} is missing from\n{metrics}");
    }
}
