//! What is kept tells no time of arrival finer than the hour, and nothing in it is named in the order
//! of arrival.

use serde_json::Value;
use test_servers::Redis;

use crate::support::{Config, Event, Pair, Queue, Server, Sql, Store, hour_now, on_every_pair};

on_every_pair![nothing_at_rest_tells_a_time_finer_than_an_hour,];

/// Signs of life of workers, and when a migration was applied: of processes, not of clients.
const PROCESSES: [&str; 2] = ["workers", "seaql_migrations"];

fn nothing_at_rest_tells_a_time_finer_than_an_hour() {
    let server = Server::with(Config { role: "server", ..Config::default() });
    let receipts: Vec<String> = (0..40)
        .map(|number| {
            let body = Event::batch([
                Event::standard("get_alerts").with("response_time_ms", 10),
                Event::detailed("get_alerts", "00112233445566bb", number),
            ]);
            let answer = server.post_with(&[("idempotency-key", &format!("k{number}"))], body);
            answer.json()["receipt"].as_str().unwrap().to_owned()
        })
        .collect();
    assert!(!receipts.is_sorted() && !receipts.is_sorted_by(|a, b| a >= b), "{receipts:?}");
    match Pair::current().queue {
        Queue::Sqlite => check_sqlite(&Sql::open(&server.urls().queue)),
        Queue::Redis => check_redis(&server.urls().queue),
    }
    let worker = server.beside("worker");
    server.drained();
    worker.store().poison(None);
    server.post(Event::batch([Event::minimal("get_alerts")]));
    assert_eq!(server.drained()["dead_letter"], 1);
    match Pair::current().store {
        Store::Sqlite => check_sqlite(&server.store()),
        Store::Postgres => check_postgres(&server.store()),
    }
}

/// Whether a whole number is a time of about now, in whatever unit.
fn times() -> String {
    let now = i128::from(hour_now().unix_seconds());
    let around = |unit: i128| {
        format!("({{}} BETWEEN {} AND {})", (now - 86_400) * unit, (now + 86_400) * unit)
    };
    [1, 1_000, 1_000_000, 1_000_000_000].map(around).join(" OR ")
}

fn check_sqlite(sql: &Sql) {
    let tables = sql
        .texts("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%'");
    let mut seen = 0;
    for table in tables.iter().filter(|table| !PROCESSES.contains(&table.as_str())) {
        for column in sql.texts(&format!("SELECT name FROM pragma_table_info('{table}')")) {
            let fine = format!(
                "SELECT count(*) FROM {table} WHERE (typeof({column}) = 'integer' AND ({times})) OR \
                 ({column} LIKE '____-__-__T%' AND {column} NOT LIKE '____-__-__T__:00:00Z')",
                times = times().replace("{}", &column),
            );
            assert_eq!(sql.int(&fine), 0, "{table}.{column} tells a time");
            let hours =
                format!("SELECT count(*) FROM {table} WHERE {column} LIKE '____-__-__T__:00:00Z'");
            seen += sql.int(&hours);
        }
    }
    assert!(seen >= 40, "there are hours to look at");
}

fn check_postgres(sql: &Sql) {
    let columns = sql.texts(
        "SELECT table_name || ' ' || column_name || ' ' || data_type FROM information_schema.columns \
         WHERE table_schema = current_schema()",
    );
    let mut seen = 0;
    for line in columns {
        let [table, column, kind] = line.splitn(3, ' ').collect::<Vec<_>>().try_into().unwrap();
        if PROCESSES.contains(&table) {
            continue;
        }
        let fine = match kind {
            "bigint" | "integer" => times().replace("{}", &format!("{column}::numeric")),
            "text" => format!("{column} ~ '^....-..-..T..:' AND {column} !~ 'T..:00:00Z$'"),
            kind if kind.starts_with("time") => format!("{column} <> date_trunc('hour', {column})"),
            _ => continue,
        };
        assert_eq!(
            sql.int(&format!("SELECT count(*) FROM {table} WHERE {fine}")),
            0,
            "{line} tells a time"
        );
        if kind.starts_with("time") {
            seen += sql.int(&format!("SELECT count({column}) FROM {table}"));
        }
    }
    assert!(seen >= 40, "there are hours to look at");
}

fn check_redis(url: &str) {
    let database = url.rsplit('/').next().unwrap();
    let cli = |arguments: &[&str]| {
        Redis::shared().cli(&[&["-n", database, "--json"], arguments].concat())
    };
    let now = hour_now().unix_seconds() / 100_000;
    let keys: Vec<String> = serde_json::from_str(&cli(&["keys", "*"])).unwrap();
    let mut entries = 0;
    for key in keys {
        let kind: String = serde_json::from_str(&cli(&["type", &key])).unwrap();
        let held = match kind.as_str() {
            "stream" => cli(&["xrange", &key, "-", "+"]),
            "hash" => cli(&["hgetall", &key]),
            "string" => cli(&["get", &key]),
            "set" => cli(&["smembers", &key]),
            "zset" => cli(&["zrange", &key, "0", "-1"]),
            other => panic!("a {other} is not looked at: {key}"),
        };
        if kind == "stream" {
            let stream: Vec<(String, Value)> = serde_json::from_str(&held).unwrap();
            entries += stream.len();
            for (place, (id, _)) in (1..).zip(&stream) {
                assert_eq!(*id, format!("{place}-0"), "a stream id is a number, not a time");
            }
        }
        // Buckets of limits live as long as they are not full, under the hash of a client.
        if !key.contains("workers") && !key.contains("{limits}") {
            assert!(!held.contains(&now.to_string()), "{key} tells a time: {held}");
        }
    }
    assert_eq!(entries, 40);
}
