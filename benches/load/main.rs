//! How fast the server accepts and drains, as ratios measured side by side in one run.
//!
//! `cargo bench --bench load` starts the real binary and, beside it, a salvo server that says hello,
//! and sends both the same kind of traffic over 64 loopback connections, in turns. Absolute numbers
//! say more about the machine than about the server: quote the ratios. Every run is bounded in time.
//!
//! `cargo bench --bench load -- cluster` measures a queue in Redis and a store in PostgreSQL instead, on
//! servers of its own; see [`cluster`].

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a benchmark prints, and fails by panicking"
)]
#![expect(clippy::disallowed_methods, reason = "a benchmark reads the clock")]

mod client;
mod cluster;
mod hello;
mod server;
mod traffic;

use std::time::Duration;

use client::{Run, drive};
use server::Program;

const CONNECTIONS: usize = 64;
const ROUND: Duration = Duration::from_secs(4);
const ROUNDS: usize = 3;
const BATCHES: [usize; 3] = [1, 10, 100];

fn main() {
    // Started by itself as the server to compare with.
    if std::env::args().any(|argument| argument == "--hello") {
        return hello::serve();
    }
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    if std::env::args().any(|argument| argument == "cluster") {
        return cluster::run(&runtime);
    }
    println!("{CONNECTIONS} connections, {ROUNDS} rounds of {ROUND:?} in turns, medians\n");
    println!(
        "| batch | hello req/s | events req/s | ratio | events/s | hello CPU us/req | CPU us/req | p99 ms |"
    );
    println!("|---|---|---|---|---|---|---|---|");
    for batch in BATCHES {
        compare(&runtime, batch);
    }
    drain(&runtime);
}

/// One row: the server and hello, in turns, under bodies of `batch` events.
fn compare(runtime: &tokio::runtime::Runtime, batch: usize) {
    let hello = Program::hello();
    // Only the server: what the worker costs is measured by `drain`.
    let server = Program::server("server");
    let bodies = traffic::bodies(batch, 500);
    let (mut hellos, mut events) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        hellos.push(measure(runtime, &hello, &bodies));
        events.push(measure(runtime, &server, &bodies));
    }
    let (hello, events) = (median(hellos), median(events));
    println!(
        "| {batch} | {:.0} | {:.0} | {:.2} | {:.0} | {:.1} | {:.1} | {:.1} |",
        hello.rate(),
        events.rate(),
        events.rate() / hello.rate(),
        events.rate() * batch as f64,
        hello.cpu_per_request().as_secs_f64() * 1e6,
        events.cpu_per_request().as_secs_f64() * 1e6,
        events.p99.as_secs_f64() * 1e3,
    );
    assert_eq!(events.failed, 0, "every request must be accepted");
}

fn measure(runtime: &tokio::runtime::Runtime, program: &Program, bodies: &[Vec<u8>]) -> Run {
    let before = program.cpu();
    let mut run = runtime.block_on(drive(program.address, bodies, CONNECTIONS, ROUND));
    run.cpu = program.cpu() - before;
    run
}

fn median(mut runs: Vec<Run>) -> Run {
    runs.sort_by(|a, b| a.rate().total_cmp(&b.rate()));
    runs.swap_remove(runs.len() / 2)
}

/// How fast the worker drains a full queue into SQLite, with nothing else going on.
fn drain(runtime: &tokio::runtime::Runtime) {
    let server = Program::server("server");
    let idle_rss = server.resident_kib();
    let bodies = traffic::bodies(100, 500);
    runtime.block_on(drive(server.address, &bodies, CONNECTIONS, Duration::from_secs(3)));
    let loaded_rss = server.resident_kib();
    let events = server.ledger("queued");
    let worker = server.beside("worker");
    let started = std::time::Instant::now();
    let mut first = None;
    while server.ledger("queued") > 0 {
        first.get_or_insert_with(std::time::Instant::now);
        assert!(started.elapsed() < Duration::from_secs(300), "the queue never drained");
        std::thread::sleep(Duration::from_millis(20));
    }
    let took = started.elapsed();
    println!(
        "\ndrained {events} events in {took:.2?}: {:.0} events/s",
        events as f64 / took.as_secs_f64()
    );
    println!("worker CPU: {:.1} us an event", worker.cpu().as_secs_f64() * 1e6 / events as f64);
    println!("server memory: {} MB idle, {} MB after load", idle_rss / 1024, loaded_rss / 1024);
    println!("ready {:.0} ms after the start", server.ready_after.as_secs_f64() * 1e3);
}
