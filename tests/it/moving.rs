//! The commands that docs/scaling.md and docs/operations.md tell people to run, run: moving, backing up
//! and restoring.

use std::path::Path;

use test_servers::{Postgres, Redis};

use crate::support::{Backends, Config, Event, Server, Sql, documented, eventually, sh};

const SCALING: &str = include_str!("../../docs/scaling.md");
const OPERATIONS: &str = include_str!("../../docs/operations.md");

/// A block of a document; one that belongs to a list is indented.
fn block(document: &str, name: &str) -> String {
    let flat: Vec<_> =
        document.lines().map(|line| line.strip_prefix("   ").unwrap_or(line)).collect();
    documented(&flat.join("\n"), name)
}

/// Runs a block in a folder, with the program in PATH and some variables.
fn run(folder: &Path, script: &str, variables: &[(&str, &str)]) -> String {
    let program = Path::new(env!("CARGO_BIN_EXE_weather-mcp-analytics")).parent().unwrap();
    let set = |(name, value): &(&str, &str)| format!("export {name}='{value}'\n");
    let variables: String = variables.iter().map(set).collect();
    sh(folder, &format!("export PATH=\"{}:$PATH\"\n{variables}{script}", program.display()))
}

fn events(count: u64) -> String {
    Event::batch((0..count).map(|n| {
        Event::detailed("get_alerts", "00112233445566ff", n).with("response_time_ms", 10 + n)
    }))
}

/// A server on files at their usual places.
fn usual() -> Server {
    let server = Server::with_backends(Config::default(), |folder| {
        let url = |name: &str| format!("sqlite://{}", folder.join("data").join(name).display());
        Backends { queue: url("queue.db"), store: url("analytics.db") }
    });
    assert_eq!(server.post(events(50)).status, 200);
    server.drained();
    server
}

#[test]
fn an_installation_moves_by_the_documented_commands() {
    let mut server = usual();
    server.terminate();
    let server = server.beside_with(Config { role: "server", ..Config::default() });
    assert_eq!(server.post(Event::batch([Event::minimal("get_alerts")])).status, 200);
    let mut server = server;
    server.terminate();
    let folder = server.folder();
    let private = free_address();
    let drain = block(SCALING, "drain").replace("127.0.0.1:9464", &private);
    let quiet = ("ANALYTICS_LOG__LEVEL", "error");
    run(&folder, &drain, &[("ANALYTICS_SERVER__METRICS_LISTEN", &private), quiet]);

    let new = Backends { queue: Redis::shared().database(), store: Postgres::shared().database() };
    let urls = [("ANALYTICS_QUEUE__URL", new.queue.as_str()), ("ANALYTICS_STORE__URL", &new.store)];
    let told = run(&folder, &block(SCALING, "copy"), &urls);
    assert!(told.contains("51  events") && told.contains("raw rows agree"), "{told}");
    let moved = Server::with_backends(Config::default(), |_| new);
    moved.post(events(50));
    let ledger = moved.drained();
    assert_eq!((&ledger["persisted"], &ledger["duplicate"]), (&51.into(), &50.into()));
}

fn free_address() -> String {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().to_string()
}

#[test]
fn files_are_backed_up_beside_a_server_and_restored_by_the_documented_commands() {
    let mut server = usual();
    let folder = server.folder();
    run(&folder, &block(OPERATIONS, "backup-sqlite"), &[]);
    let ledger = server.drained();
    assert_eq!(server.post(Event::batch([Event::minimal("get_alerts")])).status, 200);
    server.drained();
    server.terminate();
    let told = run(&folder, &block(OPERATIONS, "restore-sqlite"), &[]);
    assert!(told.contains("every table, column, key and index is there"), "{told}");
    let server = server.revive();
    assert_eq!(server.drained(), ledger);
    server.post(events(50));
    assert_eq!(server.drained()["persisted"], 50, "repeats are still recognised");
}

#[test]
fn a_store_on_postgres_is_backed_up_and_restored_by_the_documented_commands() {
    let [old, new] = [(); 2].map(|()| Postgres::shared().database());
    restored(&old, &new, &block(OPERATIONS, "restore-postgres"));
}

#[test]
fn a_store_on_timescale_is_backed_up_and_restored_by_the_documented_commands() {
    let postgres = Postgres::shared();
    if !postgres.has_timescale() {
        println!("not run: the PostgreSQL of this machine has no TimescaleDB");
        return;
    }
    let [old, new] = [(); 2].map(|()| {
        let url = postgres.database();
        postgres.sql(url.rsplit('/').next().unwrap(), "CREATE EXTENSION timescaledb");
        url
    });
    let check = "ANALYTICS_STORE__URL=\"$NEW_URL\" weather-mcp-analytics rollups verify\n";
    restored(&old, &new, &(block(OPERATIONS, "restore-timescale") + check));
    assert_eq!(Sql::open(&new).int("SELECT count(*) FROM timescaledb_information.hypertables"), 4);
}

/// Backs a store up, restores it, and goes on with it.
fn restored(old: &str, new: &str, restore: &str) {
    let mut server = Server::with_store(Config::default(), old.to_owned());
    server.post(events(50));
    let ledger = server.drained();
    let folder = server.folder();
    run(&folder, &block(OPERATIONS, "backup-postgres"), &[("STORE_URL", old)]);
    server.terminate();
    let queue = server.urls().queue;
    let urls = [("NEW_URL", new), ("ADMIN_URL", new), ("ANALYTICS_QUEUE__URL", &queue)];
    let told = run(&folder, restore, &urls);
    assert!(told.contains("rollups and raw rows agree"), "{told}");
    let backends = Backends { queue, store: new.to_owned() };
    let server = Server::with_backends(Config::default(), |_| backends);
    assert_eq!(server.drained(), ledger);
    server.post(events(50));
    assert_eq!(server.drained()["persisted"], 50, "repeats are still recognised");
    Sql::open(new).assert_rollups_equal_raw_rows();
}

#[test]
fn a_queue_in_redis_is_backed_up_and_restored_by_the_documented_commands() {
    let redis = Redis::start(&[]);
    let queue = redis.database();
    let mut server = Server::with_backends(Config::default(), |folder| Backends {
        queue: queue.clone(),
        ..Backends::fresh(folder)
    });
    server.post(events(50));
    let ledger = server.drained();
    let folder = server.folder();
    run(&folder, &block(OPERATIONS, "backup-redis"), &[("QUEUE_URL", &queue)]);
    server.terminate();

    let rdb = folder.join("queue.rdb");
    let restored = Redis::restore(&rdb);
    let database = queue.rsplit('/').next().unwrap();
    let queue = format!("redis://127.0.0.1:{}/{database}", restored.port());
    let store = server.urls().store;
    let server = Server::with_backends(Config::default(), |_| Backends { queue, store });
    eventually("the ledger is what it was", || server.ledger() == ledger);
    server.post(events(50));
    assert_eq!(server.drained()["persisted"], 50, "repeats are still recognised");
}
