//! The real binary as a child process.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use sea_orm_migration::MigratorTrait;
use serde_json::Value;
use tempfile::TempDir;

use super::{Backends, Sql};

const BINARY: &str = env!("CARGO_BIN_EXE_weather-mcp-analytics");
/// Longest wait for anything. Reached only when something is broken.
const PATIENCE: Duration = Duration::from_secs(60);

/// Asks until the answer is yes.
#[expect(clippy::disallowed_methods, reason = "the deadline of a test, outside the product")]
pub(crate) fn eventually(what: &str, mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !condition() {
        assert!(Instant::now() < deadline, "waited too long until {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// A configuration of a test server: the shipped stages with the limits out of the way.
pub(crate) struct Config {
    pub(crate) requests_per_minute: u64,
    pub(crate) events_per_minute: u64,
    pub(crate) read_limit: u64,
    pub(crate) max_events: u64,
    pub(crate) role: &'static str,
    /// Extra environment.
    pub(crate) env: Vec<(&'static str, String)>,
    /// Runs before the program itself, for instance `prlimit --fsize=…`.
    pub(crate) wrapper: Vec<String>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            requests_per_minute: 100_000_000,
            events_per_minute: 1_000_000_000,
            read_limit: 0,
            max_events: 1_000_000,
            role: "all",
            env: Vec::new(),
            wrapper: Vec::new(),
        }
    }
}

impl Config {
    fn command(&self, folder: &Path, backends: &Backends) -> Command {
        let mut command = match self.wrapper.split_first() {
            Some((program, arguments)) => {
                let mut command = Command::new(program);
                command.args(arguments).arg(BINARY);
                command
            }
            None => Command::new(BINARY),
        };
        command
            .current_dir(folder)
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("ANALYTICS_QUEUE__URL", &backends.queue)
            .env("ANALYTICS_STORE__URL", &backends.store)
            .env("ANALYTICS_QUEUE__MAX_EVENTS", self.max_events.to_string())
            .env("ANALYTICS_LOG__FORMAT", "json")
            .env("ANALYTICS_SERVER__READ_LIMIT", self.read_limit.to_string())
            .env("ANALYTICS_SERVER__DRAIN_DELAY", "0s")
            // Under load a batch is told by its version, and every one must be found again.
            .env("ANALYTICS_STAGE__BATCH_PERSIST__DAILY_VALUES__VERSION", "100000")
            .env(
                "ANALYTICS_STAGE__RATE_LIMIT__REQUESTS_PER_MINUTE",
                self.requests_per_minute.to_string(),
            )
            .env(
                "ANALYTICS_STAGE__RATE_LIMIT_EVENTS__EVENTS_PER_MINUTE",
                self.events_per_minute.to_string(),
            )
            .envs(self.env.iter().map(|(name, value)| (*name, value)));
        command
    }
}

/// A running server, its folder, and everything it logged.
pub(crate) struct Server {
    child: Child,
    folder: Arc<TempDir>,
    config: Config,
    backends: Backends,
    log: Arc<Mutex<Vec<String>>>,
    pub(crate) public: String,
    pub(crate) private: String,
    agent: ureq::Agent,
}

/// An HTTP answer, read whole.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: ureq::http::HeaderMap,
    pub(crate) text: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|_| panic!("not JSON: {}", self.text))
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }
}

/// An HTTP client that takes every status as an answer.
pub(crate) fn agent() -> ureq::Agent {
    ureq::Agent::config_builder()
        .http_status_as_error(false)
        .timeout_global(Some(PATIENCE))
        .max_redirects(0)
        .build()
        .into()
}

/// Posts a body; `Err` when the connection broke before an answer came.
pub(crate) fn post(
    agent: &ureq::Agent,
    url: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> Result<Answer, ureq::Error> {
    let mut request = agent.post(url);
    if !headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("content-type")) {
        request = request.header("content-type", "application/json");
    }
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    read(request.send(body)?)
}

fn read(mut response: ureq::http::Response<ureq::Body>) -> Result<Answer, ureq::Error> {
    let text = response.body_mut().read_to_string()?;
    let (parts, _) = response.into_parts();
    Ok(Answer { status: parts.status.as_u16(), headers: parts.headers, text })
}

impl Server {
    /// Starts a server with the shipped stages and generous limits.
    pub(crate) fn start() -> Self {
        Self::with(Config::default())
    }

    pub(crate) fn with(config: Config) -> Self {
        Self::with_backends(config, Backends::fresh)
    }

    /// A server on backends of the test's own.
    pub(crate) fn with_backends(config: Config, backends: impl FnOnce(&Path) -> Backends) -> Self {
        let folder = Arc::new(tempfile::tempdir().unwrap());
        let backends = backends(folder.path());
        Self::launch(config, folder, backends)
    }

    /// Like [`Server::with`], on a store of the caller's.
    pub(crate) fn with_store(config: Config, store: String) -> Self {
        let folder = Arc::new(tempfile::tempdir().unwrap());
        let backends = Backends { store, ..Backends::fresh(folder.path()) };
        Self::launch(config, folder, backends)
    }

    fn launch(config: Config, folder: Arc<TempDir>, backends: Backends) -> Self {
        let mut child = config
            .command(folder.path(), &backends)
            .args(["serve", "--listen", "127.0.0.1:0", "--metrics-listen", "127.0.0.1:0"])
            .args(["--role", config.role])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let log = Arc::new(Mutex::new(Vec::new()));
        let stderr = child.stderr.take().unwrap();
        let lines = Arc::clone(&log);
        std::thread::spawn(move || {
            for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                lines.lock().unwrap().push(line);
            }
        });
        let mut server = Self {
            child,
            folder,
            config,
            backends,
            log,
            public: String::new(),
            private: String::new(),
            agent: agent(),
        };
        server.learn_addresses();
        server
    }

    fn learn_addresses(&mut self) {
        let wants_public = self.config.role != "worker";
        eventually("the server listens", || {
            if let Some(status) = self.child.try_wait().unwrap() {
                panic!("the server ended at start ({status}): {}", self.log());
            }
            self.public = self.listener("public").unwrap_or_default();
            self.private = self.listener("private").unwrap_or_default();
            !self.private.is_empty() && (!wants_public || !self.public.is_empty())
        });
    }

    fn listener(&self, which: &str) -> Option<String> {
        self.log.lock().unwrap().iter().find_map(|line| {
            let fields: Value = serde_json::from_str(line).ok()?;
            let found = fields["message"] == "listening" && fields["listener"] == which;
            found.then(|| format!("http://{}", fields["address"].as_str().unwrap_or_default()))
        })
    }

    /// The address of HTTPS, for a configuration that has it.
    pub(crate) fn https(&self) -> String {
        let mut address = None;
        eventually("HTTPS listens", || {
            address = self.listener("tls");
            address.is_some()
        });
        address.unwrap().trim_start_matches("http://").to_owned()
    }

    /// Everything that was logged so far.
    pub(crate) fn log(&self) -> String {
        self.log.lock().unwrap().join("\n")
    }

    pub(crate) fn folder(&self) -> PathBuf {
        self.folder.path().to_owned()
    }

    /// Where its queue and store are.
    pub(crate) fn urls(&self) -> Backends {
        self.backends.clone()
    }

    pub(crate) fn store(&self) -> Sql {
        Sql::open(&self.backends.store)
    }

    pub(crate) fn get(&self, path: &str) -> Answer {
        self.get_from(&self.public, path)
    }

    pub(crate) fn get_private(&self, path: &str) -> Answer {
        self.get_from(&self.private, path)
    }

    fn get_from(&self, base: &str, path: &str) -> Answer {
        read(self.agent.get(format!("{base}{path}")).call().unwrap()).unwrap()
    }

    pub(crate) fn post(&self, body: impl AsRef<[u8]>) -> Answer {
        self.post_with(&[], body)
    }

    pub(crate) fn post_with(&self, headers: &[(&str, &str)], body: impl AsRef<[u8]>) -> Answer {
        post(&self.agent, &format!("{}/v1/events", self.public), headers, body.as_ref()).unwrap()
    }

    pub(crate) fn events_url(&self) -> String {
        format!("{}/v1/events", self.public)
    }

    pub(crate) fn ledger(&self) -> Value {
        self.get_private("/v1/status").json()["ledger"].take()
    }

    /// Waits until the worker has settled what was queued a moment ago, while clients go on.
    pub(crate) fn drained_soon(&self) {
        let target = self.ledger()["accepted"].as_i64().unwrap();
        eventually("the worker has caught up", || {
            let now = self.ledger();
            let settled = ["persisted", "duplicate", "dead_letter", "discarded"];
            settled.iter().map(|member| now[*member].as_i64().unwrap()).sum::<i64>() >= target
        });
    }

    /// Waits until the queue is empty, the ledger balances, and tables later than its own are there.
    pub(crate) fn drained(&self) -> Value {
        let mut ledger = Value::Null;
        eventually("the queue is drained and the ledger balances", || {
            ledger = self.ledger();
            ledger["queued"] == 0 && ledger["in_flight"] == 0 && ledger["balance"] == 0
        });
        if ledger["accepted"] == 0 {
            let steps = migration::Migrator::migrations().len() as i64;
            let done = || self.store().int("SELECT count(*) FROM seaql_migrations") >= steps;
            eventually("every table is there", done);
        }
        ledger
    }

    /// Another process on the same files.
    pub(crate) fn beside(&self, role: &'static str) -> Self {
        self.beside_with(Config { role, ..Config::default() })
    }

    /// Another process on the same files, with a configuration of its own.
    pub(crate) fn beside_with(&self, config: Config) -> Self {
        Self::launch(config, Arc::clone(&self.folder), self.backends.clone())
    }

    /// Another process on the same queue and store, in a folder of its own: as on another machine.
    pub(crate) fn elsewhere(&self, config: Config) -> Self {
        let folder = Arc::new(tempfile::tempdir().unwrap());
        Self::launch(config, folder, self.backends.clone())
    }

    /// Ends the process at once, as a power cut would.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Asks the process to stop, and waits for its exit code.
    pub(crate) fn terminate(&mut self) -> i32 {
        self.signal("-TERM");
        self.child.wait().unwrap().code().expect("an exit code, not a signal")
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Sends the process a signal, such as `-STOP`.
    pub(crate) fn signal(&self, signal: &str) {
        let pid = self.pid().to_string();
        assert!(Command::new("kill").args([signal, &pid]).status().unwrap().success());
    }

    /// Starts again on the same files.
    pub(crate) fn restart(mut self) -> Self {
        self.kill();
        self.revive()
    }

    /// Starts again with nothing remembered at the door, wherever that is kept.
    pub(crate) fn restart_forgetful(mut self) -> Self {
        self.kill();
        if let Some((_, database)) =
            self.backends.queue.strip_prefix("redis://").and_then(|url| url.rsplit_once('/'))
        {
            let seen = ["younger", "older", "began"].map(|key| format!("analytics:{{seen}}:{key}"));
            let [younger, older, began] = &seen;
            test_servers::Redis::shared().cli(&["-n", database, "DEL", younger, older, began]);
        }
        self.revive()
    }

    /// Starts again on the same files after the process has ended.
    pub(crate) fn revive(mut self) -> Self {
        let config = std::mem::take(&mut self.config);
        Self::launch(config, Arc::clone(&self.folder), self.backends.clone())
    }

    /// Runs another command of the program on the same files.
    pub(crate) fn command(&self, arguments: &[&str]) -> std::process::Output {
        self.command_with(arguments, &[])
    }

    /// The same with other settings.
    pub(crate) fn command_with(
        &self,
        arguments: &[&str],
        settings: &[(&str, &str)],
    ) -> std::process::Output {
        let mut command = self.config.command(self.folder.path(), &self.backends);
        command.args(arguments).envs(settings.iter().copied()).output().unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let ended = matches!(self.child.try_wait(), Ok(Some(_)));
        if !ended && self.child.kill().is_ok() {
            self.child.wait().expect("a killed child can be waited for");
        }
        if std::thread::panicking() {
            eprintln!("--- log of the server ---\n{}", self.log());
        }
    }
}
