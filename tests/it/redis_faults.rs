//! A queue in Redis under load while something breaks: everything acknowledged is stored once.
//!
//! Each test has a Redis of its own. `SOAK` makes the waits as long as a real outage.

use std::process::Command;
use std::time::Duration;

use serde_json::json;
use test_servers::{Network, Proxy, Redis};

use crate::support::{Backends, Config, Event, Load, Server, eventually};

/// An installation on a Redis of its own.
struct Installation {
    redis: Redis,
    database: String,
}

impl Installation {
    fn new() -> Self {
        Self::with(&[])
    }

    fn with(settings: &[&str]) -> Self {
        let redis = Redis::start(settings);
        let database = redis.database();
        Self { redis, database }
    }

    fn server(&self, config: Config) -> Server {
        let queue = self.database.clone();
        Server::with_backends(config, |folder| Backends { queue, ..Backends::fresh(folder) })
    }

    /// A server on the other side of a network.
    fn server_behind(&self, proxy: &Proxy, config: Config) -> Server {
        let far = format!(":{}/", self.redis.port());
        let queue = self.database.replace(&far, &format!(":{}/", proxy.port()));
        Server::with_backends(config, |folder| Backends { queue, ..Backends::fresh(folder) })
    }

    /// A command in the installation's database.
    fn cli(&self, arguments: &[&str]) -> String {
        let number = self.database.rsplit('/').next().unwrap();
        self.redis.cli(&[&["-n", number], arguments].concat())
    }
}

fn role(role: &'static str) -> Config {
    Config { role, ..Config::default() }
}

fn with_env(role: &'static str, env: &[(&'static str, &str)]) -> Config {
    let env = env.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
    Config { role, env, ..Config::default() }
}

/// A moment; long in a soak.
fn wait(short: Duration, long: Duration) {
    let soak = std::env::var_os("SOAK").is_some();
    std::thread::sleep(if soak { long } else { short });
}

const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// Until some more events were acknowledged.
fn under_load(load: &Load) {
    let target = load.acknowledged() + 200;
    eventually("some more events are acknowledged", || load.acknowledged() > target);
}

#[test]
fn an_outage_of_the_queue_is_bridged_by_the_spool() {
    let here = Installation::new();
    let server = here.server(role("all"));
    let load = Load::start(&[&server]);
    for outage in [(seconds(5), seconds(30)), (seconds(0), seconds(5)), (seconds(1), seconds(1))] {
        under_load(&load);
        here.redis.kill();
        wait(outage.0, outage.1);
        // Away, and yet everything is accepted.
        under_load(&load);
        assert_eq!(server.get("/readyz").status, 200);
        here.redis.start_again();
    }
    under_load(&load);
    assert_eq!(load.refused(), 0, "{}", server.log());
    load.stop().verify(&server);
}

#[test]
fn without_a_spool_an_outage_is_said_and_nothing_acknowledged_is_lost() {
    let here = Installation::new();
    let server = here.server(with_env("all", &[("ANALYTICS_QUEUE__SPOOL", "false")]));
    let load = Load::start(&[&server]);
    for _ in 0..3 {
        under_load(&load);
        let refused = load.refused();
        here.redis.kill();
        eventually("batches are turned away", || load.refused() > refused + 20);
        assert_eq!(server.get("/readyz").status, 503);
        here.redis.start_again();
    }
    under_load(&load);
    load.stop().verify(&server);
}

#[test]
fn a_server_killed_with_a_full_spool_loses_nothing() {
    let here = Installation::new();
    let mut server = here.server(role("server"));
    let load = Load::start(&[&server]);
    under_load(&load);
    here.redis.kill();
    under_load(&load);
    server.kill();
    // It starts without its queue, and goes on accepting.
    let mut server = server.revive();
    load.point_at(0, &server);
    under_load(&load);
    here.redis.start_again();
    // Killed again while the spool goes on its way.
    server.kill();
    let server = server.revive();
    load.point_at(0, &server);
    under_load(&load);
    let _worker = server.beside("worker");
    load.stop().verify(&server);
}

#[test]
fn connections_that_break_both_ways_leave_every_batch_once() {
    let here = Installation::new();
    let proxy = Proxy::start(here.redis.port());
    let server = here.server_behind(&proxy, role("all"));
    let load = Load::start(&[&server]);
    for network in [Network::AnswersCut, Network::RequestsCut].into_iter().cycle().take(4) {
        under_load(&load);
        proxy.set(network);
        wait(Duration::from_millis(300), seconds(5));
        proxy.set(Network::Up);
        proxy.cut();
    }
    under_load(&load);
    assert_eq!(load.refused(), 0, "{}", server.log());
    load.stop().verify(&server);
}

#[test]
fn a_group_that_is_destroyed_is_made_again() {
    let here = Installation::new();
    let server = here.server(role("all"));
    let load = Load::start(&[&server]);
    for _ in 0..5 {
        under_load(&load);
        here.cli(&["XGROUP", "DESTROY", "analytics:{queue0}:stream", "workers"]);
    }
    under_load(&load);
    load.stop().verify(&server);
}

#[test]
fn a_worker_that_was_stopped_for_too_long_changes_nothing_when_it_goes_on() {
    let here = Installation::new();
    let claim_after = [("ANALYTICS_QUEUE__CLAIM_AFTER", "1s")];
    let server = here.server(with_env("server", &claim_after));
    let workers = [(); 2].map(|()| server.beside_with(with_env("worker", &claim_after)));
    let load = Load::start(&[&server]);
    for worker in workers.iter().cycle().take(4) {
        under_load(&load);
        worker.signal("-STOP");
        wait(seconds(2), seconds(10));
        worker.signal("-CONT");
    }
    load.stop().verify(&server);
}

#[test]
fn a_server_of_the_queue_without_memory_refuses_until_it_has_some() {
    let here = Installation::new();
    let server = here.server(role("all"));
    let load = Load::start(&[&server]);
    for _ in 0..3 {
        under_load(&load);
        let refused = load.refused();
        here.redis.cli(&["CONFIG", "SET", "maxmemory", "1"]);
        eventually("batches are turned away", || load.refused() > refused + 20);
        // What is in the queue goes on, although memory is full.
        server.drained();
        here.redis.cli(&["CONFIG", "SET", "maxmemory", "0"]);
    }
    under_load(&load);
    load.stop().verify(&server);
}

/// The files of the server go back to what they were: what a power cut may do when answers do not
/// wait for the disk.
#[test]
fn what_a_relaxed_queue_loses_is_shown_to_the_event() {
    let here = Installation::with(&["--appendfsync", "everysec"]);
    let server = here.server(with_env("server", &[("ANALYTICS_QUEUE__DURABILITY", "relaxed")]));
    let post = |events| {
        let answer = server.post(Event::batch(vec![Event::minimal("get_alerts"); events]));
        assert_eq!(answer.status, 200, "{}", answer.text);
    };
    let status = || server.get_private("/v1/status").json();
    assert_eq!(status()["queue"]["loss_window_seconds"], 2);
    post(10);
    let files = here.redis.folder().join("appendonlydir");
    let kept = here.redis.folder().join("kept");
    let copy = |from: &std::path::Path, to: &std::path::Path| {
        assert!(Command::new("cp").arg("-rT").args([from, to]).status().unwrap().success());
    };
    eventually("the disk has the first batch", || {
        here.redis.cli(&["INFO", "persistence"]).contains("aof_pending_bio_fsync:0")
    });
    copy(&files, &kept);
    post(7);
    here.redis.kill();
    std::fs::remove_dir_all(&files).unwrap();
    copy(&kept, &files);
    here.redis.start_again();
    let _worker =
        server.beside_with(with_env("worker", &[("ANALYTICS_QUEUE__DURABILITY", "relaxed")]));
    eventually("the queue is drained", || server.ledger()["queued"] == 0);
    eventually("the ledger tells of the loss", || server.ledger()["lost"] == 7);
    let ledger = server.ledger();
    assert_eq!(
        (&ledger["accepted"], &ledger["persisted"], &ledger["balance"]),
        (&json!(17), &json!(10), &json!(0))
    );
}
