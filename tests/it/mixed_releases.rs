//! Processes of two releases side by side, as in the middle of an upgrade.

use test_servers::{Postgres, Redis};

use crate::support::{Backends, Config, Event, Load, Server, eventually};

/// Changes the format of every entry that waits: entries of a stream cannot be changed, so others take
/// their places. The first byte of an entry is its format.
const SET_FORMAT: &str = "
    local all = redis.call('XRANGE', KEYS[1], '-', '+')
    redis.call('DEL', KEYS[1])
    for _, one in ipairs(all) do
      for i = 1, #one[2], 2 do
        if one[2][i] == 'b' then
          one[2][i + 1] = string.char(ARGV[1]) .. string.sub(one[2][i + 1], 2)
        end
      end
      redis.call('XADD', KEYS[1], one[1], unpack(one[2]))
    end
    return #all";

fn role(role: &'static str) -> Config {
    let env = vec![("ANALYTICS_QUEUE__CLAIM_AFTER", "1s".to_owned())];
    Config { role, env, ..Config::default() }
}

#[test]
fn entries_of_a_newer_release_wait_for_a_worker_that_reads_them() {
    let queue = Redis::shared().database();
    let number = queue.rsplit('/').next().unwrap().to_owned();
    let set_format = |format: &str| {
        let stream = "analytics:{queue0}:stream";
        let script = ["-n", &number, "EVAL", SET_FORMAT, "1", stream, format];
        assert_eq!(Redis::shared().cli(&script).trim(), "1", "entries that wait");
    };
    let server = Server::with_backends(role("server"), |folder| Backends {
        queue,
        ..Backends::fresh(folder)
    });
    let post = |events: usize| {
        let answer = server.post(Event::batch(vec![Event::minimal("get_alerts"); events]));
        assert_eq!(answer.status, 200, "{}", answer.text);
    };
    post(5);
    set_format("2");
    let (old, other) = (server.beside("worker"), server.beside_with(role("worker")));
    for more in 1..=20 {
        post(1);
        eventually("what can be read is stored", || server.ledger()["persisted"] == more);
    }
    eventually("it is said once", || {
        old.log().contains("left to others") || other.log().contains("left to others")
    });
    for worker in [&old, &other] {
        assert!(worker.log().matches("left to others").count() <= 1, "{}", worker.log());
    }
    // An entry leaves the queue after it is stored.
    eventually("the rest has left the queue", || server.ledger()["queued"] == 5);
    assert_eq!(server.ledger()["balance"], 0);
    // As a worker of the newer release reads it.
    set_format("1");
    assert_eq!(server.drained()["persisted"], 25);
    assert_eq!(server.store().int("SELECT count(*) FROM events"), 25);
}

#[test]
fn a_newer_schema_that_is_compatible_stops_nobody() {
    let backends =
        Backends { queue: Redis::shared().database(), store: Postgres::shared().database() };
    let server = Server::with_backends(role("server"), |_| backends);
    let worker = server.elsewhere(role("worker"));
    server.drained();
    let load = Load::start(&[&server]);
    let under_load = || {
        let before = load.acknowledged();
        eventually("clients are answered", || load.acknowledged() > before + 500);
    };
    under_load();
    // What a newer release does first: it adds, and says who can live with that.
    server.store().run(
        "BEGIN; \
         ALTER TABLE events ADD COLUMN future text; \
         ALTER TABLE ledger ADD COLUMN future bigint NOT NULL DEFAULT 0; \
         CREATE TABLE schema_compatibility (since text PRIMARY KEY); \
         INSERT INTO schema_compatibility SELECT max(version) FROM seaql_migrations; \
         INSERT INTO seaql_migrations (version, applied_at) VALUES ('m2999_future', 0); \
         COMMIT",
    );
    under_load();
    // Whoever starts now, in whatever role, works all the same.
    let worker = worker.restart();
    let server = server.restart();
    load.point_at(0, &server);
    under_load();
    load.stop().verify(&server);
    drop(worker);
}
