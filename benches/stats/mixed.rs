//! Reads and writes at the same time, at fixed rates: does either starve?
//!
//! On the rollups of 50 million events, 500 questions a second as dashboards ask them (many of the same
//! few) and 20 000 events a second. Who sends is paced by the clock, so that a server that is slow is
//! behind and not spared.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::server::Server;
use crate::traffic;

const TIME: Duration = Duration::from_secs(20);
const READS: u32 = 500;
const READERS: u32 = 10;
const EVENTS: u32 = 20_000;
const BATCH: u32 = 100;
const WRITERS: u32 = 4;
const QUESTIONS: [&str; 8] = [
    "overview?period=7d",
    "overview?period=30d",
    "all?period=7d",
    "tools?period=30d",
    "errors?period=7d",
    "performance?period=7d",
    "overview?period=30d&country=CA",
    "timeseries?measure=calls&by=version&period=30d",
];
/// One question in so many is about a period that nobody has asked about.
const NEW: u64 = 50;

pub(crate) fn run() {
    let server = Server::start(50_000_000);
    let bodies = traffic::bodies(BATCH as usize, 500);
    let depth = |server: &Server| server.connect().json("/v1/status")["queue"]["depth"].clone();
    let (asked, sent) = (AtomicU64::new(0), AtomicU64::new(0));
    let started = Instant::now();
    let mut took: Vec<Duration> = std::thread::scope(|scope| {
        for writer in 0..WRITERS {
            let (server, bodies, sent) = (&server, &bodies, &sent);
            scope.spawn(move || {
                let mut connection = server.connect();
                paced(started, EVENTS / BATCH / WRITERS, |n| {
                    let body = &bodies[(n * u64::from(WRITERS) + u64::from(writer)) as usize % 500];
                    assert_eq!(connection.post("/v1/events", body), 200);
                    sent.fetch_add(u64::from(BATCH), Ordering::Relaxed);
                });
            });
        }
        let readers: Vec<_> = (0..READERS)
            .map(|_| {
                let (server, asked) = (&server, &asked);
                scope.spawn(move || {
                    let mut connection = server.connect();
                    let mut times = Vec::new();
                    paced(started, READS / READERS, |_| {
                        let n = asked.fetch_add(1, Ordering::Relaxed);
                        let mut path = format!("/v1/stats/{}", QUESTIONS[n as usize % 8]);
                        if n % NEW == 0 {
                            path = format!("/v1/stats/overview?period={}d", 10 + n / NEW % 300);
                        }
                        let (time, status, _) = connection.get(&path, None);
                        assert_eq!(status, 200, "{path}");
                        times.push(time);
                    });
                    times
                })
            })
            .collect();
        println!("| second | events in the queue |\n|---|---|");
        for second in [5, 10, 15, 20] {
            std::thread::sleep(
                (started + Duration::from_secs(second)).saturating_duration_since(Instant::now()),
            );
            println!("| {second} | {} |", depth(&server));
        }
        readers.into_iter().flat_map(|reader| reader.join().unwrap()).collect()
    });
    let seconds = started.elapsed().as_secs_f64();
    took.sort_unstable();
    let at = |share: usize| took[took.len() * share / 100].as_secs_f64() * 1e3;
    println!("\n| reads/s | events/s | read median ms | read p99 ms |\n|---|---|---|---|");
    println!(
        "| {:.0} of {READS} | {:.0} of {EVENTS} | {:.2} | {:.2} |",
        took.len() as f64 / seconds,
        sent.load(Ordering::Relaxed) as f64 / seconds,
        at(50),
        at(99)
    );
}

/// Does something so many times a second until the time is over, as often as there was time for.
fn paced(started: Instant, rate: u32, mut step: impl FnMut(u64)) {
    for n in 0_u32.. {
        let due = started + Duration::from_secs(1) * n / rate;
        if due >= started + TIME || Instant::now() >= started + TIME {
            return;
        }
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
        step(u64::from(n));
    }
}
