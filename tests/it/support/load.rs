//! Clients that post until they are told to stop, and know what they were told.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use super::{Event, Server, agent, post};

const CLIENTS: usize = 4;

/// Clients at work.
pub(crate) struct Load {
    shared: Arc<Shared>,
    clients: Vec<JoinHandle<()>>,
}

#[derive(Default)]
struct Shared {
    /// One for each server; clients take turns.
    urls: Mutex<Vec<String>>,
    next: AtomicU64,
    /// Batch number -> (events sent, acknowledged).
    sent: Mutex<HashMap<u64, (u64, bool)>>,
    acknowledged: AtomicU64,
    refused: AtomicU64,
    broken: AtomicU64,
    stop: AtomicBool,
}

/// What clients sent, and what they were told.
pub(crate) struct Sent(HashMap<u64, (u64, bool)>);

impl Load {
    /// Starts clients of some servers.
    pub(crate) fn start(servers: &[&Server]) -> Self {
        let urls = servers.iter().map(|server| server.events_url()).collect();
        let shared = Arc::new(Shared { urls: Mutex::new(urls), ..Shared::default() });
        let clients = (0..CLIENTS).map(|_| {
            let shared = Arc::clone(&shared);
            std::thread::spawn(move || shared.post_until_stopped())
        });
        let clients = clients.collect();
        Self { shared, clients }
    }

    /// A server has another address now.
    pub(crate) fn point_at(&self, index: usize, server: &Server) {
        self.shared.urls.lock().unwrap()[index] = server.events_url();
    }

    /// Events that were acknowledged so far.
    pub(crate) fn acknowledged(&self) -> u64 {
        self.shared.acknowledged.load(Ordering::Relaxed)
    }

    /// Batches that were turned away so far.
    pub(crate) fn refused(&self) -> u64 {
        self.shared.refused.load(Ordering::Relaxed)
    }

    /// Batches of which the answer never came, so far.
    pub(crate) fn broken(&self) -> u64 {
        self.shared.broken.load(Ordering::Relaxed)
    }

    /// Stops the clients.
    pub(crate) fn stop(self) -> Sent {
        self.shared.stop.store(true, Ordering::Relaxed);
        self.clients.into_iter().for_each(|client| client.join().unwrap());
        Sent(std::mem::take(&mut *self.shared.sent.lock().unwrap()))
    }
}

impl Shared {
    /// Batches have a version of their own, so SQL can count them, and hold events with an identity
    /// beside events without.
    fn post_until_stopped(&self) {
        let agent = agent();
        while !self.stop.load(Ordering::Relaxed) {
            let number = self.next.fetch_add(1, Ordering::Relaxed);
            let events = number % 7 + 1;
            let version = version(number);
            let batch = (0..events).map(|i| {
                let event = match i % 3 {
                    0 => Event::minimal("get_forecast"),
                    1 => Event::standard("get_alerts").with("response_time_ms", 10 + i),
                    _ => Event::detailed("get_alerts", &format!("{number:016x}"), i),
                };
                event.with("version", version.as_str())
            });
            let url = {
                let urls = self.urls.lock().unwrap();
                urls[number as usize % urls.len()].clone()
            };
            let answer = post(&agent, &url, &[], Event::batch(batch).as_bytes());
            let acknowledged = match &answer {
                Ok(answer) if answer.status == 200 => {
                    assert_eq!(answer.json()["count"], events);
                    self.acknowledged.fetch_add(events, Ordering::Relaxed);
                    true
                }
                Ok(answer) => {
                    assert_eq!(answer.status, 503, "{}", answer.text);
                    self.refused.fetch_add(1, Ordering::Relaxed);
                    // As a client that heeds Retry-After, only much less patient.
                    std::thread::sleep(Duration::from_millis(2));
                    false
                }
                // The connection broke: nobody knows, so it may be there once or not at all.
                Err(_) => {
                    self.broken.fetch_add(1, Ordering::Relaxed);
                    std::thread::sleep(Duration::from_millis(2));
                    false
                }
            };
            self.sent.lock().unwrap().insert(number, (events, acknowledged));
        }
    }
}

fn version(number: u64) -> String {
    format!("9.{}.{}", number / 1_000, number % 1_000)
}

impl Sent {
    /// Waits until everything is settled, and fails unless every acknowledged batch is stored once,
    /// every other one once or not at all, and all numbers add up.
    pub(crate) fn verify(&self, server: &Server) {
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
        for (number, (events, acked)) in &self.0 {
            let count = stored.get(&version(*number)).copied().unwrap_or(0);
            if *acked {
                assert_eq!(count, *events, "acknowledged batch {number}");
                acknowledged += events;
            } else {
                assert!(
                    count == 0 || count == *events,
                    "batch {number} is torn: {count} of {events}"
                );
                unknown += count;
            }
        }
        assert!(acknowledged > 500, "only {acknowledged} events were acknowledged under load");
        let total: u64 = stored.values().sum();
        assert_eq!(total, acknowledged + unknown);
        assert_eq!(ledger["persisted"], total);
        assert_eq!(ledger["accepted"], total);
        assert_eq!((&ledger["duplicate"], &ledger["lost"]), (&0.into(), &0.into()));
        sql.assert_rollups_equal_raw_rows();
    }
}
