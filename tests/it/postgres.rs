//! PostgreSQL failing under load, in every way a server can: stopped, cancelling statements, ending
//! sessions, holding locks; and a worker that is stopped in the middle of a transaction.

use std::time::Duration;

use test_servers::Postgres;

use crate::support::{Authority, Config, Event, Load, Server, eventually};

/// A server whose store is a database of `postgres`, and its clients.
fn under_load(postgres: &Postgres) -> (Server, Load, String) {
    let url = postgres.database();
    let database = url.rsplit('/').next().unwrap().to_owned();
    let server = Server::with_store(Config::default(), url);
    server.drained();
    let load = Load::start(&[&server]);
    eventually("a few batches are in", || load.acknowledged() > 500);
    (server, load, database)
}

#[test]
fn a_server_that_stops_and_comes_back_costs_nothing() {
    let postgres = Postgres::start(&[]);
    let (server, load, _) = under_load(&postgres);
    for _ in 0..2 {
        postgres.crash();
        let before = load.acknowledged();
        eventually("clients are answered while the store is away", || {
            load.acknowledged() > before + 1_000
        });
        assert_eq!((server.get("/readyz").status, load.refused()), (200, 0));
        std::thread::sleep(Duration::from_secs(2));
        postgres.start_again();
        server.drained_soon();
    }
    load.stop().verify(&server);
}

#[test]
fn cancelled_statements_and_ended_sessions_cost_nothing() {
    let postgres = Postgres::shared();
    let (server, load, database) = under_load(postgres);
    // What a statement time-out does is to cancel.
    for round in 0..40 {
        let end = ["pg_cancel_backend", "pg_terminate_backend"][round % 2];
        postgres.sql(
            &database,
            &format!(
                "SELECT count({end}(pid)) FROM pg_stat_activity \
                 WHERE datname = current_database() AND pid <> pg_backend_pid()"
            ),
        );
        std::thread::sleep(Duration::from_millis(50));
    }
    server.drained_soon();
    assert!(server.log().contains("worker could not settle a group"), "nothing was hit");
    load.stop().verify(&server);
}

#[test]
fn a_lock_that_somebody_holds_is_waited_for_and_given_up_and_tried_again() {
    let postgres = Postgres::shared();
    let (server, load, database) = under_load(postgres);
    // Longer than a statement waits for a lock.
    postgres.sql(
        &database,
        "BEGIN; LOCK TABLE events IN ACCESS EXCLUSIVE MODE; SELECT pg_sleep(7); COMMIT",
    );
    server.drained_soon();
    assert!(server.log().contains("lock timeout"), "nobody gave up");
    load.stop().verify(&server);
}

#[test]
fn a_stopped_worker_keeps_nobody_waiting_for_ever() {
    let postgres = Postgres::shared();
    let (server, load, database) = under_load(postgres);
    let holding = || {
        let open = "SELECT count(*) FROM pg_locks JOIN pg_stat_activity USING (pid) \
                    WHERE locktype = 'advisory' AND mode = 'ExclusiveLock' AND granted \
                    AND datname = current_database()";
        postgres.sql(&database, open).trim() != "0"
    };
    // Stopped while it holds what every worker needs.
    eventually("the worker is stopped in the middle of a transaction", || {
        server.signal("-STOP");
        let held = holding();
        if !held {
            server.signal("-CONT");
        }
        held
    });
    // Rebuilding needs the lock that the worker holds; a command gives up after five seconds.
    eventually("somebody else can work", || {
        server.command(&["rollups", "rebuild"]).status.success()
    });
    server.signal("-CONT");
    eventually("clients go on", || load.acknowledged() > 2_000);
    server.drained_soon();
    load.stop().verify(&server);
}

#[test]
fn over_tls_the_servers_certificate_and_name_are_checked() {
    let (authority, stranger) = (Authority::new(), Authority::new());
    let pair = authority.issue_for("localhost");
    let postgres = Postgres::start_with_tls(&pair.cert, &pair.key);
    let url = |host: &str, mode: &str, authority: &Authority| {
        let url = postgres.url("postgres").replace("127.0.0.1", host);
        let root = authority.path("ca.pem");
        format!("{url}?sslmode={mode}&sslrootcert={}", root.display())
    };
    let server = Server::with_store(Config::default(), url("localhost", "verify-full", &authority));
    assert_eq!(server.post(Event::batch([Event::minimal("get_alerts")])).status, 200);
    assert_eq!(server.drained()["persisted"], 1);
    let connections = "SELECT string_agg(DISTINCT ssl::text, ' ') \
                       FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) \
                       WHERE application_name = 'weather-mcp-analytics'";
    assert_eq!(postgres.sql("postgres", connections).trim(), "true", "all of them are encrypted");

    // Signed by somebody else; signed for another name.
    for (host, mode, root) in [
        ("localhost", "verify-ca", &stranger),
        ("localhost", "verify-full", &stranger),
        ("127.0.0.1", "verify-full", &authority),
    ] {
        let store = url(host, mode, root);
        let output =
            server.command_with(&["migrate", "status"], &[("ANALYTICS_STORE__URL", &store)]);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(
            said.contains("the encryption that sslmode asks for fails"),
            "{host} {mode}: {said}"
        );
        assert_eq!(output.status.code(), Some(1));
    }
    let by_authority = url("127.0.0.1", "verify-ca", &authority);
    let output =
        server.command_with(&["migrate", "status"], &[("ANALYTICS_STORE__URL", &by_authority)]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn a_full_disk_of_the_store_is_waited_out() {
    // Of its own, as it misses the disk when that is gone.
    let postgres = Postgres::start(&[]);
    let Some((disk, url)) = postgres.database_on_small_disk(256) else {
        println!("not tested: this user may not mount a disk");
        return;
    };
    let server = Server::with_store(Config::default(), url);
    server.drained();
    let load = Load::start(&[&server]);
    for _ in 0..2 {
        let before = server.ledger()["persisted"].as_u64();
        eventually("some is stored", || server.ledger()["persisted"].as_u64() > before);
        disk.fill();
        let complaints = || server.log().matches("No space left on device").count();
        let before = complaints();
        eventually("the worker finds no room", || complaints() > before + 1);
        let before = load.acknowledged();
        eventually("clients are answered", || load.acknowledged() > before + 500);
        assert_eq!(server.get("/readyz").status, 200);
        disk.free();
        server.drained_soon();
    }
    assert_eq!(load.refused(), 0);
    load.stop().verify(&server);
    drop(server);
}

/// Half a minute each: the worker's own limit on a statement.
#[test]
fn a_statement_that_takes_too_long_is_given_up_and_tried_again() {
    if std::env::var_os("SOAK").is_none() {
        println!("not tested: takes a minute; SOAK=1 does it");
        return;
    }
    let postgres = Postgres::shared();
    let (server, load, database) = under_load(postgres);
    postgres.sql(
        &database,
        "CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS \
         $$ BEGIN PERFORM pg_sleep(40); RETURN NULL; END $$; \
         CREATE TRIGGER slow AFTER INSERT ON events EXECUTE FUNCTION slow()",
    );
    eventually("the worker gives up", || server.log().contains("statement timeout"));
    postgres.sql(&database, "DROP TRIGGER slow ON events");
    server.drained_soon();
    load.stop().verify(&server);
}
