//! `purge`: what should never have been sent goes from everywhere, down to the bytes of the files, and
//! every number stays right.

use std::path::PathBuf;

use serde_json::json;
use test_servers::{Postgres, Redis};

use crate::canary::holds;
use crate::support::{
    Backends, Config, Event, Pair, Queue, Server, Sql, Store, eventually, on_every_pair,
};

on_every_pair![
    events_go_from_queue_letters_rows_and_files,
    an_entry_that_nobody_can_read_is_given_up,
];

/// Of an allowed shape, and yet what should not be there.
const SECRET: &str = "6.6.6-somebodysname";

/// An installation with servers of its own, so that their files can be searched.
struct Installation {
    server: Server,
    /// Where the bytes of queue and store lie.
    places: Vec<(PathBuf, &'static str)>,
    redis: Option<Redis>,
    postgres: Option<Postgres>,
}

impl Installation {
    fn new(role: &'static str) -> Self {
        let pair = Pair::current();
        let redis = (pair.queue == Queue::Redis)
            .then(|| Redis::start(&["--rdbcompression", "no", "--aof-use-rdb-preamble", "no"]));
        let postgres = (pair.store == Store::Postgres).then(|| Postgres::start(&[]));
        let server = Server::with_backends(Config { role, ..Config::default() }, |folder| {
            let files = |name| format!("sqlite://{}", folder.join(name).display());
            Backends {
                queue: redis.as_ref().map_or_else(|| files("queue.db"), Redis::database),
                store: postgres.as_ref().map_or_else(|| files("analytics.db"), Postgres::database),
            }
        });
        let folder = server.folder();
        let mut places = vec![(folder.clone(), "analytics.db"), (folder, "queue.db")];
        places.extend(redis.iter().map(|redis| (redis.folder().to_owned(), "appendonlydir")));
        places.extend(postgres.iter().map(|postgres| (postgres.folder().to_owned(), "/base/")));
        Self { server, places, redis, postgres }
    }

    /// Whether any file of queue or store holds this.
    fn hold(&self, text: &str) -> bool {
        if let Some(postgres) = &self.postgres {
            postgres.sql("postgres", "CHECKPOINT");
        }
        self.places.iter().any(|(folder, file)| holds(folder, file, text.as_bytes()))
    }

    fn purge(&self, arguments: &[&str]) -> String {
        let output = self.server.command(&[&["purge"], arguments].concat());
        let (out, err) =
            (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "{out}{err}");
        out.into_owned()
    }
}

fn post(server: &Server, events: impl IntoIterator<Item = Event>) {
    let answer = server.post(Event::batch(events));
    assert_eq!(answer.status, 200, "{}", answer.text);
}

fn secret(number: u64) -> Event {
    let event = Event::detailed("get_alerts", "00112233445566dd", number).with("version", SECRET);
    event.with("status", "error").with("error_type", "timeout")
}

fn events_go_from_queue_letters_rows_and_files() {
    let here = Installation::new("server");
    let migrated = here.server.command(&["migrate", "up"]);
    assert!(migrated.status.success());
    let sql = here.server.store();

    // Stored rows, and a dead letter.
    let plain = |number: u64| Event::detailed("get_alerts", "00112233445566dd", 1_000 + number);
    post(&here.server, (0..40).map(secret).chain((0..30).map(plain)));
    let worker = here.server.beside("worker");
    here.server.drained();
    sql.poison(Some(SECRET));
    post(&here.server, [secret(50), plain(50)]);
    assert_eq!(here.server.drained()["dead_letter"], 1);
    sql.heal();
    drop(worker);
    // In the queue, with nobody to take it.
    post(&here.server, (60..80).map(secret).chain((60..65).map(plain)));
    assert!(here.hold(SECRET));

    let dry = here.purge(&["--where", &format!("version={SECRET}"), "--where", "tool=get_alerts"]);
    assert!(dry.contains("rows          40 of 1 days"), "{dry}");
    assert!(dry.contains("queue         20 events") && dry.contains("dead letters  1"), "{dry}");
    assert!(dry.contains("nothing was changed") && !dry.contains(SECRET), "{dry}");
    let other =
        here.purge(&["--where", &format!("version={SECRET}"), "--where", "tool=save_location"]);
    assert!(other.contains("there is nothing to remove"), "{other}");
    assert_eq!(sql.int("SELECT count(*) FROM events"), 71);
    assert!(here.hold(SECRET));

    let done = here.purge(&["--where", &format!("version={SECRET}"), "--yes"]);
    assert!(
        done.contains("rows          40 of 1 days") && done.contains("queue         20 events"),
        "{done}"
    );
    assert!(done.contains("dead letters  1") && !done.contains("not done"), "{done}");
    assert!(!here.hold(SECRET), "bytes are left: {done}");

    let ledger = here.server.drained();
    let want =
        json!({"accepted": 97, "persisted": 76, "discarded": 21, "dead_letter": 0, "queued": 0});
    for (member, value) in want.as_object().unwrap() {
        assert_eq!(ledger[member], *value, "{member}: {ledger}");
    }
    assert_eq!(sql.int("SELECT count(*) FROM events"), 36);
    sql.assert_rollups_equal_raw_rows();
    assert!(here.server.command(&["rollups", "verify"]).status.success());
    let again = here.purge(&["--where", &format!("version={SECRET}")]);
    assert!(again.contains("there is nothing to remove"), "{again}");

    // Beside a running worker, and down to the last row of a day.
    let worker = here.server.beside("worker");
    post(&here.server, (100..140).map(secret));
    here.purge(&["--where", &format!("version={SECRET}"), "--yes"]);
    here.server.drained();
    here.purge(&["--where", &format!("version={SECRET}"), "--yes"]);
    here.purge(&["--where", "session_id=00112233445566dd", "--yes"]);
    assert_eq!(sql.int("SELECT count(*) FROM events"), 0);
    assert_eq!(
        sql.int("SELECT count(*) FROM rollup_day") + sql.int("SELECT count(*) FROM errors"),
        0
    );
    assert_eq!(sql.int("SELECT count(*) FROM sessions_day"), 0);
    assert_eq!(sql.int("SELECT count(*) FROM dimension_values WHERE value LIKE '6.6.6%'"), 0);
    here.server.drained();
    drop(worker);
}

fn an_entry_that_nobody_can_read_is_given_up() {
    let here = Installation::new("server");
    assert!(here.server.command(&["migrate", "up"]).status.success());
    post(&here.server, [secret(1), secret(2), Event::minimal("get_alerts")]);
    post(&here.server, [Event::minimal("get_alerts")]);
    // As a newer release would have written it.
    match &here.redis {
        None => Sql::open(&here.server.urls().queue)
            .run("UPDATE waiting SET payload = x'ff' || substr(payload, 2) WHERE seq = 1"),
        Some(redis) => damage(redis, &here.server.urls().queue),
    }
    let worker = here.server.beside("worker");
    eventually("the other entry is stored", || here.server.ledger()["persisted"] == 1);
    // It is acknowledged after it is stored.
    eventually("it has left the queue", || here.server.ledger()["queued"] == 3);
    let dry = here.purge(&["--unreadable"]);
    assert!(dry.contains("3 events; --yes removes them"), "{dry}");
    let done = here.purge(&["--unreadable", "--yes"]);
    assert!(done.contains("1 entries with 3 events removed"), "{done}");
    let ledger = here.server.drained();
    assert_eq!((&ledger["discarded"], &ledger["persisted"]), (&json!(3), &json!(1)), "{ledger}");
    assert!(here.purge(&["--unreadable"]).contains("can be read"));
    drop(worker);
}

/// Puts an entry with an unknown format in the place of the first.
fn damage(redis: &Redis, url: &str) {
    let number = url.rsplit('/').next().unwrap();
    let script = "local stream = KEYS[1] \
        local all = redis.call('XRANGE', stream, '-', '+') \
        redis.call('DEL', stream) \
        for i, entry in ipairs(all) do \
          local fields = entry[2] \
          if i == 1 then for f = 1, #fields, 2 do if fields[f] == 'b' then \
            fields[f + 1] = string.char(255) .. string.sub(fields[f + 1], 2) end end end \
          redis.call('XADD', stream, entry[1], unpack(fields)) \
        end return #all";
    let answer = redis.cli(&["-n", number, "eval", script, "1", "analytics:{queue0}:stream"]);
    assert_eq!(answer.trim(), "2", "{answer}");
}
