//! The transparency page and its form, on the real binary: what it says is kept is what is kept, and
//! what is tried is kept nowhere.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;
use std::process::{Command, Stdio};

use serde_json::Value;
use test_servers::{Postgres, Redis};

use crate::canary::holds;
use crate::support::{Answer, Backends, Config, Event, Server, Sql, agent, post};

/// Stands in what is tried, and nowhere else.
const MARK: &str = "qzjxtried";

fn try_out(server: &Server, text: &str) -> Answer {
    let encoded: String = text.bytes().map(|byte| format!("%{byte:02X}")).collect();
    send_form(server, &format!("event={encoded}"))
}

fn send_form(server: &Server, form: &str) -> Answer {
    let url = format!("{}/transparency", server.public);
    let headers = [("content-type", "application/x-www-form-urlencoded")];
    post(&agent(), &url, &headers, form.as_bytes()).unwrap()
}

/// Tables with their columns.
type Tables = BTreeMap<String, BTreeSet<String>>;

/// Those that the document names in a place.
fn told(document: &Value, place: &str) -> Tables {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let tables = document["tables"].as_array().unwrap().iter();
    let of_place = tables.filter(|table| table["place"] == place).map(|table| {
        let columns = table["columns"].as_array().unwrap().iter();
        assert!(table["purpose"] != "" && table["kept"] != "", "{table}");
        (text(&table["name"]), columns.map(|column| text(&column["name"])).collect())
    });
    of_place.collect()
}

/// Those that are there.
fn made(sql: &Sql) -> Tables {
    let list = if sql.is_postgres() {
        "SELECT tablename::text FROM pg_tables WHERE schemaname = 'public'"
    } else {
        "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%'"
    };
    let columns = |table: &String| {
        sql.texts(&if sql.is_postgres() {
            format!(
                "SELECT column_name::text FROM information_schema.columns \
                 WHERE table_schema = 'public' AND table_name = '{table}'"
            )
        } else {
            format!("SELECT name FROM pragma_table_info('{table}')")
        })
    };
    let of = |table: String| (table.clone(), columns(&table).into_iter().collect());
    sql.texts(list).into_iter().map(of).collect()
}

#[test]
fn every_table_and_column_that_is_there_is_told() {
    let server = Server::start();
    let event = || Event::batch([Event::minimal("get_alerts")]);
    server.post(event());
    server.drained();
    let document = server.get("/v1/schema.json").json();
    let store = told(&document, "store");
    assert_eq!(made(&server.store()), store);
    assert_eq!(made(&Sql::open(&server.urls().queue)), told(&document, "queue"));
    let fields = document["fields"].as_array().unwrap().iter();
    let fields: BTreeSet<_> = fields.map(|f| f["name"].as_str().unwrap().to_owned()).collect();
    assert_eq!(fields, store["events"]);

    let server = Server::with_store(Config::default(), Postgres::shared().database());
    // What is stored says that all tables are there.
    server.post(event());
    server.drained();
    assert_eq!(made(&server.store()), store);
}

#[test]
fn every_key_that_is_in_redis_is_told() {
    let redis = Redis::start(&[]);
    let server = Server::with_backends(Config { read_limit: 60, ..Config::default() }, |folder| {
        Backends { queue: redis.database(), ..Backends::fresh(folder) }
    });
    server.post(Event::batch([Event::detailed("get_alerts", "00112233445566ee", 1)]));
    server.drained();
    server.get("/v1/stats/all");
    let document = server.get("/v1/schema.json").json();
    // What stands in angle brackets is different for every key.
    let pattern = |name: &String| {
        let mut parts = name.split('<').map(|part| part.rsplit('>').next().unwrap());
        let first = regex::escape(parts.next().unwrap());
        parts.fold(format!("^{first}"), |all, part| format!("{all}[^:]+{}", regex::escape(part)))
    };
    let patterns: Vec<_> = told(&document, "queue")
        .keys()
        .map(|name| regex::Regex::new(&format!("{}$", pattern(name))).unwrap())
        .collect();
    let keys = redis.cli(&["keys", "*"]);
    let keys: Vec<_> = keys.lines().filter(|key| !key.is_empty()).collect();
    assert!(keys.len() >= 6, "{keys:?}");
    for key in keys {
        assert!(patterns.iter().any(|pattern| pattern.is_match(key)), "{key} is not told");
    }
    let files = told(&document, "spool");
    for (table, columns) in
        made(&Sql::open(&format!("sqlite://{}", server.folder().join("spool.db").display())))
    {
        assert_eq!(files.get(&table), Some(&columns), "{table}");
    }
}

#[test]
fn the_page_and_the_data_say_the_same_and_the_hash_can_be_made_again() {
    let env = vec![("ANALYTICS_RETENTION__RAW", "33d".to_owned())];
    let server = Server::with(Config { env, ..Config::default() });
    let data = server.get("/v1/schema.json");
    let document: Value = data.json();
    let page = server.get("/transparency");
    assert_eq!((data.status, page.status), (200, 200));
    let hash = document["hash"].as_str().unwrap();
    assert!(page.text.contains(hash));
    assert_eq!(hash, hash_of(&data.text));
    let policy = page.header("content-security-policy").unwrap();
    assert!(
        policy.starts_with("default-src 'none'; style-src 'self';")
            && policy.contains("form-action 'self'")
            && !policy.contains("script"),
        "{policy}"
    );
    let text = page.text.replace("<wbr>", "").replace('\u{a0}', " ");
    for field in document["fields"].as_array().unwrap() {
        let name = field["name"].as_str().unwrap();
        assert!(text.contains(&format!("<h3>{name}</h3>")), "{name}");
    }
    assert_eq!(document["fields"][0]["kept"]["rows"], "33d");
    assert!(text.contains("33 days in single events"));
    let again = server.get("/v1/schema.json").header("etag").map(str::to_owned);
    assert_eq!(data.header("etag"), again.as_deref());
}

/// As the page says that it is made: SHA-256 of the object without the hash.
fn hash_of(data: &str) -> String {
    let program = "import sys, json, hashlib\n\
                   data = json.load(sys.stdin)\n\
                   del data['hash']\n\
                   text = json.dumps(data, separators=(',', ':'), ensure_ascii=False)\n\
                   print(hashlib.sha256(text.encode()).hexdigest(), end='')";
    let mut python = Command::new("python3")
        .args(["-c", program])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    python.stdin.take().unwrap().write_all(data.as_bytes()).unwrap();
    String::from_utf8(python.wait_with_output().unwrap().stdout).unwrap()
}

/// How many rows each table has, but for signs of life.
fn rows(sql: &Sql) -> BTreeMap<String, i64> {
    let tables = made(sql).into_keys().filter(|table| table != "workers");
    tables.map(|table| (table.clone(), sql.int(&format!("SELECT count(*) FROM {table}")))).collect()
}

#[test]
fn what_is_tried_is_shown_and_kept_nowhere() {
    let env = vec![("ANALYTICS_LOG__LEVEL", "trace".to_owned())];
    let server = Server::with(Config { env, ..Config::default() });
    server.post(Event::batch([Event::minimal("get_alerts")]));
    server.drained();
    let queue = Sql::open(&server.urls().queue);
    let all = || (server.drained(), rows(&server.store()), rows(&queue));
    let before = all();

    let good = Event::detailed("get_alerts", "00112233445566ee", 1);
    let good = good.with("version", format!("1.2.3-{MARK}")).with("note", MARK);
    let answer = try_out(&server, &good.json().to_string());
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    assert!(!answer.header("content-security-policy").unwrap().contains("script"));
    assert!(
        answer.text.contains("It would be stored.")
            && answer.text.contains(&format!("1.2.3-{MARK}")),
        "{}",
        answer.text
    );
    // Again: nothing remembers that it was there before.
    let again = try_out(&server, &good.json().to_string());
    assert!(again.text.contains("It would be stored."));

    let bad = good.clone().with("contact", format!("{MARK}.{MARK}@example.org"));
    let answer = try_out(&server, &Event::batch([bad]));
    for said in ["It would be refused.", "pii_detected", "EMAIL", "/*"] {
        assert!(answer.text.contains(said), "{said}\n{}", answer.text);
    }
    assert!(!answer.text.contains(MARK), "what was found is not repeated");
    let script = try_out(&server, "{\"a\":\"<script>alert(1)</script>\"}");
    assert!(!script.text.contains("<script>"));
    for nonsense in [try_out(&server, MARK), send_form(&server, "a=b")] {
        assert!(nonsense.text.contains("malformed_json") && !nonsense.text.contains(MARK));
    }
    // A little more than is taken, so that all of it is sent before the answer comes.
    let much = try_out(&server, &MARK.repeat(2_500));
    assert_eq!(much.status, 413);
    assert!(much.text.contains("This is too much at once") && !much.text.contains(MARK));

    assert_eq!(all(), before);
    for file in ["queue.db", "queue.db-wal", "analytics.db", "analytics.db-wal"] {
        assert!(!holds(&server.folder(), file, MARK.as_bytes()), "{file}");
    }
    assert!(!server.log().contains(MARK) && !server.get_private("/metrics").text.contains(MARK));

    // It was no repeat for the stages that count, and no request for their limits.
    let counted = server.post(Event::batch([good])).json();
    assert_eq!(
        (&counted["count"], counted["duplicates"].as_array().unwrap().len()),
        (&1.into(), 0)
    );
    assert_eq!(server.drained()["persisted"], 2);
    let seen = |file| holds(&server.folder(), file, MARK.as_bytes());
    assert!(seen("analytics.db-wal") || seen("analytics.db"), "the search can see");
}

#[test]
fn trying_is_limited_as_reading_is_and_takes_nothing_from_writing() {
    let server =
        Server::with(Config { read_limit: 3, requests_per_minute: 1, ..Config::default() });
    let statuses: Vec<_> = (0..5).map(|_| try_out(&server, "{}").status).collect();
    assert_eq!(statuses, [200, 200, 200, 429, 429]);
    let event = || Event::batch([Event::minimal("get_alerts")]);
    // One a minute, and ten at once on top.
    let written: Vec<_> = (0..12).map(|_| server.post(event()).status).collect();
    assert_eq!(written.iter().filter(|status| **status == 200).count(), 11, "{written:?}");
}
