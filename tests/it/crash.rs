//! kill -9 at random moments, under load: every acknowledged event is there exactly once.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::support::{Event, Server, agent, on_every_pair, post};

on_every_pair![every_acknowledged_event_survives_kills_exactly_once,];

const CONNECTIONS: u64 = 4;

/// What the clients know: batch number -> (events sent, acknowledged).
type Sent = Arc<Mutex<HashMap<u64, (u64, bool)>>>;

/// A client that posts until told to stop. Batches have a version of their own, so SQL can count
/// them, and hold events with an identity beside events without.
fn client(url: Arc<Mutex<String>>, numbers: Arc<AtomicU64>, sent: Sent, stop: Arc<AtomicBool>) {
    let agent = agent();
    while !stop.load(Ordering::Relaxed) {
        let number = numbers.fetch_add(1, Ordering::Relaxed);
        let events = number % 7 + 1;
        let version = format!("9.{}.{}", number / 1_000, number % 1_000);
        let batch = (0..events).map(|i| {
            let event = match i % 3 {
                0 => Event::minimal("get_forecast"),
                1 => Event::standard("get_alerts").with("response_time_ms", 10 + i),
                _ => Event::detailed("get_alerts", &format!("{number:016x}"), i),
            };
            event.with("version", version.as_str())
        });
        let url = url.lock().unwrap().clone();
        let answer = post(&agent, &url, &[], Event::batch(batch).as_bytes());
        let acknowledged = match &answer {
            Ok(answer) if answer.status == 200 => {
                assert_eq!(answer.json()["count"], events);
                true
            }
            Ok(answer) => {
                assert_eq!(answer.status, 503, "{}", answer.text);
                false
            }
            // The connection broke: nobody knows, so it may be there once or not at all.
            Err(_) => {
                std::thread::sleep(Duration::from_millis(2));
                false
            }
        };
        sent.lock().unwrap().insert(number, (events, acknowledged));
    }
}

fn every_acknowledged_event_survives_kills_exactly_once() {
    let mut server = Server::start();
    let url = Arc::new(Mutex::new(server.events_url()));
    let sent: Sent = Arc::default();
    let stop = Arc::new(AtomicBool::new(false));
    let numbers = Arc::new(AtomicU64::new(1));
    let clients: Vec<_> = (0..CONNECTIONS)
        .map(|_| {
            let (url, numbers) = (Arc::clone(&url), Arc::clone(&numbers));
            let (sent, stop) = (Arc::clone(&sent), Arc::clone(&stop));
            std::thread::spawn(move || client(url, numbers, sent, stop))
        })
        .collect();
    let kills = std::env::var("KILLS").map_or(22, |text| text.parse().unwrap());
    for kill in 0..kills {
        // A moment that differs from kill to kill and from run to run.
        let mut random = [0; 2];
        getrandom::fill(&mut random).unwrap();
        let pause = 20 + u64::from(u16::from_le_bytes(random)) % 400;
        std::thread::sleep(Duration::from_millis(pause));
        server = server.restart();
        *url.lock().unwrap() = server.events_url();
        if kill % 5 == 4 {
            // Now and then the worker gets to the end, so that kills hit every state of the files.
            server.drained_soon();
        }
    }
    stop.store(true, Ordering::Relaxed);
    clients.into_iter().for_each(|client| client.join().unwrap());
    verify(&server, &sent.lock().unwrap());
}

fn verify(server: &Server, sent: &HashMap<u64, (u64, bool)>) {
    let ledger = server.drained();
    let sql = server.store();
    let stored: HashMap<String, u64> = sql
        .texts("SELECT version || ' ' || count(*) FROM events GROUP BY version")
        .iter()
        .map(|line| {
            let (version, count) = line.split_once(' ').unwrap();
            (version.to_owned(), count.parse().unwrap())
        })
        .collect();
    let (mut acknowledged, mut unknown) = (0, 0);
    for (number, (events, acked)) in sent {
        let version = format!("9.{}.{}", number / 1_000, number % 1_000);
        let count = stored.get(&version).copied().unwrap_or(0);
        if *acked {
            assert_eq!(count, *events, "acknowledged batch {number}");
            acknowledged += events;
        } else {
            assert!(count == 0 || count == *events, "batch {number} is torn: {count} of {events}");
            unknown += count;
        }
    }
    assert!(acknowledged > 1_000, "only {acknowledged} events were acknowledged under load");
    let total: u64 = stored.values().sum();
    assert_eq!(total, acknowledged + unknown);
    assert_eq!(ledger["persisted"], total);
    assert_eq!(ledger["accepted"], total);
    assert_eq!(ledger["duplicate"], 0);
    sql.assert_rollups_equal_raw_rows();
}
