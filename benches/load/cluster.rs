//! Past one machine: a queue in Redis, a store in PostgreSQL, on servers that end with the benchmark.
//!
//! Three questions, each in one run: how many events a second are accepted, with and without waiting
//! for the disk; how many are drained by one, two and four workers; and how long an event waits for the
//! store under a steady load. CPU time an event stands beside every rate, as rates say more about the
//! machine, on which everything runs together.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{JoinHandle, sleep};
use std::time::{Duration, Instant};

use test_servers::{Postgres, Redis};

use crate::client::{Run, drive, pace, send_all};
use crate::server::{Place, Program, cpu_of_family};
use crate::{BATCHES, CONNECTIONS, median, traffic};

const ROUND: Duration = Duration::from_secs(3);
const ROUNDS: usize = 3;
/// Events that wait when workers start.
const WAITING: usize = 400_000;
const WORKERS: [usize; 3] = [1, 2, 4];
/// The steady load.
const STEADY: usize = 20_000;
const STEADY_BATCH: usize = 50;
const MINUTE: Duration = Duration::from_secs(60);
/// Events that are watched on their way, at the same time and each a second.
const PROBES: usize = 8;

/// Runs everything, or what is named beside `cluster`.
pub(crate) fn run(runtime: &tokio::runtime::Runtime) {
    let named = |part: &str| {
        let parts = ["accept", "drain", "lag"];
        std::env::args().any(|argument| argument == part)
            || !std::env::args().any(|argument| parts.contains(&&*argument))
    };
    if named("accept") {
        accept(runtime);
    }
    if named("drain") {
        drain(runtime);
    }
    if named("lag") {
        lag(runtime);
    }
}

fn redis(appendfsync: &str) -> Redis {
    Redis::start(&["--appendfsync", appendfsync])
}

/// Servers only: hello, and the real one with either durability, in turns.
fn accept(runtime: &tokio::runtime::Runtime) {
    println!(
        "accepted, {CONNECTIONS} connections, {ROUNDS} rounds of {ROUND:?} in turns, medians\n"
    );
    println!(
        "| batch | hello req/s | relaxed events/s | req/s beside hello | CPU us/req | p99 ms | \
         fsync events/s | req/s beside hello | CPU us/req | p99 ms |"
    );
    println!("|---|---|---|---|---|---|---|---|---|---|");
    for batch in BATCHES {
        let servers = [redis("everysec"), redis("always")];
        let hello = Program::hello();
        let programs =
            [(&servers[0], "relaxed"), (&servers[1], "fsync")].map(|(redis, durability)| {
                let nowhere = "postgres://127.0.0.1:1/none".to_owned();
                Program::at(Place::servers(redis.database(), nowhere, durability), "server")
            });
        let bodies = traffic::bodies(batch, 500);
        let mut runs: [Vec<Run>; 3] = Default::default();
        for _ in 0..ROUNDS {
            for (runs, program) in runs.iter_mut().zip([&hello, &programs[0], &programs[1]]) {
                let before = program.cpu();
                let driving = drive(program.address, &bodies, CONNECTIONS, ROUND);
                let mut run = runtime.block_on(driving);
                run.cpu = program.cpu() - before;
                runs.push(run);
            }
        }
        let [hello, relaxed, fsync] = runs.map(median);
        let row = |run: &Run| {
            assert_eq!(run.failed, 0, "every request must be accepted");
            format!(
                "{:.0} | {:.2} | {:.1} | {:.1}",
                run.rate() * batch as f64,
                run.rate() / hello.rate(),
                run.cpu_per_request().as_secs_f64() * 1e6,
                run.p99.as_secs_f64() * 1e3
            )
        };
        println!("| {batch} | {:.0} | {} | {} |", hello.rate(), row(&relaxed), row(&fsync));
    }
}

/// Workers only, on a queue that was filled before.
fn drain(runtime: &tokio::runtime::Runtime) {
    println!("\ndrained, {WAITING} events in batches of 100\n");
    println!(
        "| workers | events/s | worker CPU us/event | PostgreSQL CPU us/event | Redis CPU us/event |"
    );
    println!("|---|---|---|---|---|");
    let (redis, postgres) = (redis("everysec"), Postgres::start(&[]));
    let bodies = traffic::bodies(100, WAITING / 100);
    for count in WORKERS {
        let place = Place::servers(redis.database(), postgres.database(), "relaxed");
        let server = Program::at(Arc::clone(&place), "server");
        let filled = runtime.block_on(send_all(server.address, &bodies, CONNECTIONS));
        assert_eq!(filled.failed, 0, "every request must be accepted");
        // The first worker of an installation makes the tables; that is not what is measured.
        migrate(&place);
        let events = server.ledger("queued");
        let before = (cpu_of_family(postgres.process()), cpu_of_family(redis.process()));
        let started = Instant::now();
        let workers: Vec<Program> =
            (0..count).map(|_| Program::at(Arc::clone(&place), "worker")).collect();
        while server.ledger("queued") > 0 {
            assert!(started.elapsed() < 5 * MINUTE, "the queue never drained");
            sleep(Duration::from_millis(100));
        }
        let took = started.elapsed();
        let each = |cpu: Duration| cpu.as_secs_f64() * 1e6 / events as f64;
        println!(
            "| {count} | {:.0} | {:.1} | {:.1} | {:.1} |",
            events as f64 / took.as_secs_f64(),
            each(workers.iter().map(Program::cpu).sum()),
            each(cpu_of_family(postgres.process()) - before.0),
            each(cpu_of_family(redis.process()) - before.1),
        );
    }
}

/// Makes the tables of a store.
fn migrate(place: &Place) {
    // What it says would stand between the rows of the table.
    let up = place.command(&["migrate", "up"]).output().unwrap();
    assert!(up.status.success(), "{}", String::from_utf8_lossy(&up.stderr));
}

/// Server and worker under a steady load, and events that are watched from the door to the store.
fn lag(runtime: &tokio::runtime::Runtime) {
    let time = if std::env::var_os("SOAK").is_some() { 5 * MINUTE } else { MINUTE };
    println!("\n{STEADY} events/s in batches of {STEADY_BATCH} for {time:?}\n");
    println!(
        "| workers | sent events/s | lag p50 ms | lag p99 ms | longest ms | queue: mean of quarters |"
    );
    println!("|---|---|---|---|---|---|");
    let (redis, postgres) = (redis("everysec"), Postgres::start(&[]));
    let bodies = traffic::bodies(STEADY_BATCH, 2_000);
    for count in [1, 2] {
        let place = Place::servers(redis.database(), postgres.database(), "relaxed");
        let server = Program::at(Arc::clone(&place), "server");
        migrate(&place);
        let _workers: Vec<Program> =
            (0..count).map(|_| Program::at(Arc::clone(&place), "worker")).collect();
        let stop = Arc::new(AtomicBool::new(false));
        let probes: Vec<_> =
            (0..PROBES).map(|_| probe(format!("http://{}", server.address), &stop)).collect();
        let depths = {
            let (server, stop) = (server.private(), Arc::clone(&stop));
            std::thread::spawn(move || {
                let mut depths = Vec::new();
                while !stop.load(Ordering::Relaxed) {
                    depths.push(server.ledger("queued"));
                    sleep(Duration::from_millis(200));
                }
                depths
            })
        };
        let pacing = pace(server.address, &bodies, 16, STEADY / STEADY_BATCH, time);
        let (sent, failed) = runtime.block_on(pacing);
        stop.store(true, Ordering::Relaxed);
        assert_eq!(failed, 0, "every request must be accepted");
        let mut lags: Vec<f64> =
            probes.into_iter().flat_map(|probe| probe.join().unwrap()).collect();
        lags.sort_by(f64::total_cmp);
        let at = |share: usize| lags[(lags.len() - 1) * share / 100] * 1e3;
        let depths = depths.join().unwrap();
        let quarters = depths
            .chunks(depths.len().div_ceil(4))
            .map(|quarter| (quarter.iter().sum::<u64>() / quarter.len() as u64).to_string());
        println!(
            "| {count} | {:.0} | {:.0} | {:.0} | {:.0} | {} |",
            (sent as usize * STEADY_BATCH) as f64 / time.as_secs_f64(),
            at(50),
            at(99),
            at(100),
            quarters.collect::<Vec<_>>().join(", ")
        );
    }
}

/// Sends an event a second, and measures in seconds how long each takes until its receipt says that it
/// is stored, counted from when it was due.
fn probe(url: String, stop: &Arc<AtomicBool>) -> JoinHandle<Vec<f64>> {
    let stop = Arc::clone(stop);
    std::thread::spawn(move || {
        let agent: ureq::Agent = ureq::Agent::config_builder().build().into();
        let body = traffic::bodies(1, 1).remove(0);
        let json = |mut answer: ureq::http::Response<ureq::Body>| -> serde_json::Value {
            serde_json::from_str(&answer.body_mut().read_to_string().unwrap()).unwrap()
        };
        let (mut lags, mut due) = (Vec::new(), Instant::now());
        while !stop.load(Ordering::Relaxed) {
            sleep(due.saturating_duration_since(Instant::now()));
            let post = agent.post(format!("{url}/v1/events"));
            let answer = json(post.header("content-type", "application/json").send(&body).unwrap());
            let receipt = format!("{url}/v1/receipts/{}", answer["receipt"].as_str().unwrap());
            while json(agent.get(&receipt).call().unwrap())["state"] != "stored" {
                sleep(Duration::from_millis(5));
            }
            lags.push(due.elapsed().as_secs_f64());
            due += Duration::from_secs(1);
        }
        lags
    })
}
