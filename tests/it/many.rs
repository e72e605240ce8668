//! Many servers and many workers, each as on a machine of its own, on one Redis and one PostgreSQL:
//! processes come and go under load, and every one of them shows the whole.

use std::time::Duration;

use serde_json::Value;
use test_servers::{Postgres, Redis};

use crate::support::{Backends, Config, Event, Load, Server, Sql, eventually};

const SERVERS: usize = 2;
const WORKERS: usize = 3;

/// Servers first, then workers.
struct Fleet(Vec<Option<Server>>);

impl Fleet {
    fn start() -> Self {
        let backends =
            Backends { queue: Redis::shared().database(), store: Postgres::shared().database() };
        let first = Server::with_backends(config("server"), |_| backends);
        let others = (1..SERVERS).map(|_| first.elsewhere(config("server")));
        let workers = (0..WORKERS).map(|_| first.elsewhere(config("worker")));
        let all: Vec<_> = others.chain(workers).collect();
        Self([first].into_iter().chain(all).map(Some).collect())
    }

    fn at(&self, index: usize) -> &Server {
        self.0[index].as_ref().unwrap()
    }

    fn servers(&self) -> [&Server; SERVERS] {
        std::array::from_fn(|index| self.at(index))
    }

    /// Ends a process in some way, and starts it again in its folder.
    fn again(&mut self, index: usize, load: &Load, end: impl FnOnce(&mut Server)) {
        let mut process = self.0[index].take().unwrap();
        end(&mut process);
        let process = process.revive();
        if index < SERVERS {
            load.point_at(index, &process);
        }
        self.0[index] = Some(process);
    }
}

/// Workers that die are replaced soon.
fn config(role: &'static str) -> Config {
    let env = vec![("ANALYTICS_QUEUE__CLAIM_AFTER", "2s".to_owned())];
    Config { role, env, ..Config::default() }
}

/// Tells of everything that it leaves to others.
fn talkative(role: &'static str) -> Config {
    let mut config = config(role);
    config.env.push(("ANALYTICS_LOG__LEVEL", "debug".to_owned()));
    config
}

fn soak() -> bool {
    std::env::var_os("SOAK").is_some()
}

fn random(below: u16) -> u16 {
    let mut bytes = [0; 2];
    getrandom::fill(&mut bytes).unwrap();
    u16::from_le_bytes(bytes) % below
}

#[test]
fn processes_killed_at_random_cost_nothing() {
    let mut fleet = Fleet::start();
    let load = Load::start(&fleet.servers());
    for _ in 0..if soak() { 60 } else { 8 } {
        std::thread::sleep(Duration::from_millis(500 + u64::from(random(1_000))));
        let victim = usize::from(random((SERVERS + WORKERS) as u16));
        fleet.again(victim, &load, Server::kill);
    }
    load.stop().verify(fleet.at(0));
}

#[test]
fn a_rolling_restart_is_noticed_by_nobody() {
    let mut fleet = Fleet::start();
    let load = Load::start(&fleet.servers());
    for round in 0..if soak() { 5 } else { 1 } {
        for index in 0..SERVERS + WORKERS {
            let before = load.acknowledged();
            eventually("clients are answered", || load.acknowledged() > before + 200);
            if index < SERVERS {
                // What a load balancer does when a server is no longer ready.
                load.point_at(index, fleet.at((index + 1) % SERVERS));
                let before = load.acknowledged();
                eventually("the other server is asked", || load.acknowledged() > before + 50);
            }
            fleet.again(index, &load, |process| {
                assert_eq!(process.terminate(), 0, "round {round}: {}", process.log());
            });
        }
    }
    assert_eq!((load.refused(), load.broken()), (0, 0));
    load.stop().verify(fleet.at(1));
}

/// What a server says of its queue: events, and age of the sign of life and lag of each worker.
fn seen_by(server: &Server) -> (i64, Vec<(i64, i64)>) {
    let status = server.get_private("/v1/status").json();
    assert_eq!(status["queue"]["depth"], status["ledger"]["queued"]);
    let of = |worker: &Value| {
        let number = |member: &str| worker[member].as_i64().unwrap();
        (number("heartbeat_age_seconds"), number("lag_seconds"))
    };
    let workers = status["workers"].as_array().unwrap().iter().map(of).collect();
    (status["queue"]["depth"].as_i64().unwrap(), workers)
}

/// The values of a metric.
fn metric(server: &Server, name: &str) -> Vec<f64> {
    let metrics = server.get_private("/metrics").text;
    let line = |line: &str| line.rsplit_once(' ').map(|(_, value)| value.parse().unwrap());
    metrics.lines().filter(|line| line.starts_with(name)).filter_map(line).collect()
}

#[test]
fn every_server_shows_the_whole_queue_and_every_worker() {
    let mut fleet = Fleet::start();
    fleet.at(0).drained();
    // No worker gets on while somebody else has the table.
    let store = fleet.at(0).store();
    store.run("BEGIN; LOCK TABLE events IN ACCESS EXCLUSIVE MODE");
    for server in fleet.servers() {
        let answer = server.post(Event::batch(vec![Event::minimal("get_alerts"); 10]));
        assert_eq!(answer.status, 200, "{}", answer.text);
    }
    for server in fleet.servers() {
        eventually("all that waits and all workers are shown", || {
            let (depth, workers) = seen_by(server);
            let behind = |(age, lag): &(i64, i64)| *age < 5 && *lag >= 1;
            depth == 20 && workers.len() == WORKERS && workers.iter().all(behind)
        });
        assert_eq!(metric(server, "analytics_queue_events"), [20.0]);
        assert_eq!(metric(server, "analytics_worker_heartbeat_age_seconds{").len(), WORKERS);
        let lags = metric(server, "analytics_worker_lag_seconds{");
        assert!(lags.len() == WORKERS && lags.iter().all(|lag| *lag >= 1.0), "{lags:?}");
    }
    fleet.0.pop().unwrap().unwrap().kill();
    eventually("the dead worker is told from the others", || {
        let (_, workers) = seen_by(fleet.at(1));
        let silent = workers.iter().filter(|(age, _)| *age >= 5).count();
        workers.len() == WORKERS && silent == 1
    });
    store.run("COMMIT");
    for server in fleet.servers() {
        assert_eq!(server.drained()["persisted"], 20);
        eventually("nobody is behind", || {
            seen_by(server).1.iter().all(|(age, lag)| *age >= 5 || *lag == 0)
        });
    }
}

/// Runs of housekeeping in a log: whether each was skipped, as another process was at it.
fn runs(worker: &Server) -> Vec<bool> {
    let log = worker.log();
    let run = |line: &str| match line {
        line if line.contains("housekeeping done") => Some(false),
        line if line.contains("another process keeps house") => Some(true),
        _ => None,
    };
    log.lines().filter_map(run).collect()
}

fn old_days(store: &Sql) -> i64 {
    store.int(
        "SELECT count(DISTINCT date(timestamp_hour)) FROM events \
         WHERE timestamp_hour < now() - interval '89 days'",
    )
}

#[test]
fn one_process_keeps_house_and_another_one_does_when_it_dies() {
    let backends =
        Backends { queue: Redis::shared().database(), store: Postgres::shared().database() };
    let first = Server::with_backends(talkative("all"), |_| backends);
    first.post(Event::batch([Event::minimal("get_alerts")]));
    first.drained();
    eventually("its own house is kept", || runs(&first) == [false]);
    let store = first.store();
    store.run(
        "INSERT INTO events \
         (timestamp_hour, version, tool, status, analytics_level, received_hour) \
         SELECT hour, '1.0.0', 'get_alerts', 'success', 'minimal', hour FROM \
         (SELECT date_trunc('hour', now()) - make_interval(days => 90 + day) AS hour \
          FROM generate_series(1, 5) AS day, generate_series(1, 100)) AS old",
    );
    assert_eq!(old_days(&store), 5);

    // Whoever begins cannot end.
    store.run("BEGIN; LOCK TABLE events IN ACCESS EXCLUSIVE MODE");
    let mut holder = first.elsewhere(talkative("worker"));
    let holds = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND granted \
                 AND objid = 4294967294 \
                 AND database = (SELECT oid FROM pg_database WHERE datname = current_database())";
    eventually("the first one has the lease", || store.int(holds) == 1);
    let others = [(); 2].map(|()| first.elsewhere(talkative("worker")));
    for other in &others {
        eventually("the others leave it to the first", || runs(other) == [true]);
    }
    assert_eq!(runs(&holder), [] as [bool; 0]);
    holder.kill();
    let successor = first.elsewhere(talkative("worker"));
    eventually("another one has the lease", || store.int(holds) == 1);
    assert_eq!(runs(&successor), [] as [bool; 0]);
    store.run("COMMIT");
    eventually("it keeps house", || runs(&successor) == [false]);
    // One day at a time, and only what the last one did.
    assert_eq!((old_days(&store), store.int("SELECT count(*) FROM events")), (4, 401));
}
