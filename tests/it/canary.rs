//! What clients should never have sent, sent everywhere, and looked for in everything that is left.
//!
//! Texts that occur nowhere else are put into every place that a request has, plain and encoded. Then
//! every byte of every file of the queue, the store and the spool, the log at its finest, the
//! metrics, the dead letters and every answer are searched. A value of an allowed shape that travels
//! along must be found wherever events are at that moment, so that a search that cannot see fails.

mod kinds;
mod search;
mod spread;

use std::net::Ipv4Addr;
use std::path::PathBuf;

use test_servers::{Postgres, Redis};

use self::search::Search;
pub(crate) use self::search::holds;
use crate::support::{Backends, Config, Event, Sender, Server, raw_post};

/// A version that is stored as it is: shows that the search can see.
const CONTROL: &str = "7.7.7-seenbysearch";
/// A version that the store is made to refuse.
const POISON: &str = "6.6.6-seenbysearch";
/// The clients of the crowd, each with an address and a request of its own.
const CROWD: u32 = 10_000;
/// What the crowd sends at once.
const TOGETHER: usize = 64;

/// A server with the limits that are shipped, or nearly: a client is told from another one by its
/// address alone.
fn config(role: &'static str) -> Config {
    let env = [
        ("ANALYTICS_LOG__LEVEL", "trace"),
        ("ANALYTICS_SERVER__TRUSTED_PROXIES", r#"["127.0.0.1/32"]"#),
    ];
    Config {
        role,
        requests_per_minute: 60,
        env: env.map(|(name, value)| (name, value.to_owned())).to_vec(),
        ..Config::default()
    }
}

/// An installation, and where all its files are.
struct Installation {
    server: Server,
    folders: Vec<PathBuf>,
    /// Answers and logs.
    texts: Vec<(String, Vec<u8>)>,
    search: Search,
}

impl Installation {
    fn new(server: Server, mut folders: Vec<PathBuf>) -> Self {
        folders.push(server.folder());
        Self { server, folders, texts: Vec::new(), search: Search::new() }
    }

    fn sender(&self) -> Sender {
        Sender::to(&self.server.public)
    }

    /// Every place of a request with every kind of canary, each from another address.
    fn spread(&mut self, first: Ipv4Addr) {
        let requests: Vec<_> =
            (first.to_bits()..).map(Ipv4Addr::from).zip(spread::requests()).collect();
        let many = requests.len();
        let answers = self.sender().send(requests, TOGETHER);
        let accepted = answers.iter().filter(|answer| answer.starts_with(b"HTTP/1.1 200")).count();
        assert!(accepted * 4 > many && accepted < many, "{accepted} of {many} accepted");
        self.texts.extend(answers.into_iter().map(|answer| ("an answer".to_owned(), answer)));
    }

    /// What the commands and the endpoints tell.
    fn ask(&mut self) {
        let mut told = Vec::new();
        for path in [
            "/",
            "/v1/status",
            "/v1/health",
            "/v1/stats/all",
            "/v1/stats/overview",
            "/v1/stats/errors",
        ] {
            told.push((path.to_owned(), self.server.get(path).text));
        }
        for path in ["/metrics", "/v1/status"] {
            told.push((path.to_owned(), self.server.get_private(path).text));
        }
        let letters =
            String::from_utf8(self.server.command(&["dead-letters", "list"]).stdout).unwrap();
        for line in letters.lines().skip(1).take(20) {
            let id = line.split(' ').next().unwrap();
            let shown = self.server.command(&["dead-letters", "show", id]);
            told.push((format!("dead letter {id}"), String::from_utf8(shown.stdout).unwrap()));
        }
        let receipts: Vec<String> =
            self.texts.iter().filter_map(|(_, answer)| receipt(answer)).collect();
        assert!(!receipts.is_empty());
        for receipt in receipts.iter().take(20) {
            told.push((
                "a receipt".to_owned(),
                self.server.get(&format!("/v1/receipts/{receipt}")).text,
            ));
        }
        self.texts.extend(told.into_iter().map(|(what, text)| (what, text.into_bytes())));
    }

    /// Fails when anything is anywhere that must not be.
    fn look(&mut self) {
        self.texts.push(("the log".to_owned(), self.server.log().into_bytes()));
        let mut found = Vec::new();
        for folder in &self.folders {
            self.search.folder(folder, &mut found);
        }
        for (what, text) in self.texts.drain(..) {
            self.search.bytes(&what, &text, &mut found);
        }
        assert!(found.is_empty(), "{} hits:\n{}", found.len(), found.join("\n"));
    }

    /// Fails unless the control is in a file of which the path ends like this.
    fn sees(&self, file: &str) {
        let seen = self.folders.iter().any(|folder| holds(folder, file, CONTROL.as_bytes()));
        assert!(seen, "the search does not see what is in {file}");
    }
}

fn receipt(answer: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(answer).ok()?;
    let (_, rest) = text.split_once(r#""receipt":""#)?;
    rest.split('"').next().map(ToOwned::to_owned)
}

fn harmless() -> String {
    Event::batch([Event::standard("get_forecast").with("version", CONTROL)])
}

/// Ten thousand clients, each with an address of its own, and each told from the others by it.
fn crowd(here: &mut Installation) {
    let client = |number: u32| Ipv4Addr::from(Ipv4Addr::new(127, 64, 0, 1).to_bits() + number * 7);
    let body = harmless();
    let requests = (0..CROWD).map(|number| (client(number), raw_post(&[], body.as_bytes())));
    let answers = here.sender().send(requests.collect(), TOGETHER);
    assert_eq!(answers.len(), CROWD as usize);
    for answer in &answers {
        assert!(answer.starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(answer));
    }
    // One of them, too often, is told so; the address is what the limit goes by.
    let often = (0..150).map(|_| (client(5), raw_post(&[], body.as_bytes()))).collect();
    let answers = here.sender().send(often, 8);
    assert!(answers.iter().any(|answer| answer.starts_with(b"HTTP/1.1 429")));
    let other = vec![(client(6), raw_post(&[], body.as_bytes()))];
    assert!(here.sender().send(other, 1)[0].starts_with(b"HTTP/1.1 200"));
    here.texts.extend(answers.into_iter().map(|answer| ("an answer".to_owned(), answer)));
}

/// Clients behind a proxy that is believed: only their networks tell them apart.
fn behind_a_proxy(here: &mut Installation) {
    let body = harmless();
    let requests = (0..200).map(|number| {
        let forwarded = format!("{}, 2001:db8:6b5f:{number:x}::{number:x}", kinds::texts()[0]);
        let request = raw_post(&[("X-Forwarded-For", &forwarded)], body.as_bytes());
        (Ipv4Addr::LOCALHOST, request)
    });
    for answer in here.sender().send(requests.collect(), TOGETHER) {
        assert!(answer.starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(&answer));
    }
}

#[test]
fn nothing_that_should_not_have_been_sent_is_left_in_files() {
    let server = Server::with(config("server"));
    let mut here = Installation::new(server, Vec::new());
    here.spread(Ipv4Addr::new(127, 1, 0, 1));
    behind_a_proxy(&mut here);
    here.sees("queue.db-wal");
    here.look();

    let worker = half_refused(&mut here);
    here.sees("analytics.db-wal");
    here.look();

    // What a crash leaves, and what an orderly end does.
    here.texts.push(("the worker's log".to_owned(), worker.log().into_bytes()));
    drop(worker);
    here.server.kill();
    here.look();
    here.server = here.server.revive();
    here.server.terminate();
    here.sees("analytics.db");
    here.look();
}

#[test]
fn nothing_that_should_not_have_been_sent_is_left_in_servers() {
    let redis = Redis::start(&["--rdbcompression", "no"]);
    let postgres = Postgres::start(&["log_statement = 'all'", "log_min_messages = info"]);
    let backends = Backends { queue: redis.database(), store: postgres.database() };
    let server = Server::with_backends(config("server"), |_| backends);
    let folders = vec![redis.folder().to_owned(), postgres.folder().to_owned()];
    let mut here = Installation::new(server, folders);
    here.spread(Ipv4Addr::new(127, 1, 0, 1));
    behind_a_proxy(&mut here);
    here.sees("aof");
    redis.cli(&["save"]);
    here.sees("dump.rdb");
    here.look();

    // While the queue is away, the spool has it all.
    redis.kill();
    here.spread(Ipv4Addr::new(127, 2, 0, 1));
    here.sees("spool.db-wal");
    here.look();
    redis.start_again();

    let worker = half_refused(&mut here);
    here.sees("/log");
    here.sees("pg_wal/");
    redis.cli(&["save"]);
    here.look();

    here.texts.push(("the worker's log".to_owned(), worker.log().into_bytes()));
    drop(worker);
    here.server.kill();
    postgres.crash();
    redis.kill();
    here.look();
}

/// Sends what the store refuses some of, through the server and the worker beside it, and reads all
/// that can be asked. Returns the worker.
fn half_refused(here: &mut Installation) -> Server {
    poison(&here.server);
    let worker = here.server.beside_with(config("worker"));
    crowd(here);
    let ledger = here.server.drained();
    assert!(ledger["dead_letter"].as_i64().unwrap() > 0, "{ledger}");
    here.ask();
    worker
}

/// Has the store refuse what is on its way, once it is there.
fn poison(server: &Server) {
    let migrate = server.command(&["migrate", "up"]);
    assert!(migrate.status.success(), "{}", String::from_utf8_lossy(&migrate.stderr));
    server.store().poison(Some(POISON));
}
