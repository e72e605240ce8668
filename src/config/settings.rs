//! Every setting, with its default beside it. The doc lines become the JSON Schema of pipeline.yaml.

mod share;

use std::borrow::Cow;
use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;

use ipnet::IpNet;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use stages::StageSpec;
use stages::units::{Size, Span};

pub use self::share::{Badge, Embed, Share};

/// The whole of pipeline.yaml.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// Listeners and limits of the HTTP server.
    pub server: Server,
    /// Logging.
    pub log: Log,
    /// The queue between server and worker.
    pub queue: Queue,
    /// The database of events and rollups.
    pub store: Store,
    /// How long each kind of data is kept.
    pub retention: Retention,
    /// What is published of the data.
    pub privacy: Privacy,
    /// What other pages may show of the numbers.
    pub share: Share,
    /// Stages in the server, once a request, in this order.
    pub ingest: Vec<StageSpec>,
    /// Stages in the worker, once a claimed group of entries, inside one transaction.
    pub worker: Vec<StageSpec>,
}

/// Listeners and limits of the HTTP server.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Server {
    /// Address of the public listener (ingest, stats, pages).
    #[schemars(with = "String", extend("format" = "socket-address"))]
    pub listen: SocketAddr,
    /// Address of the private listener (metrics, exact status), or `off`.
    #[schemars(with = "String", extend("format" = "socket-address-or-off"))]
    pub metrics_listen: Listen,
    /// HTTPS beside HTTP, with the same routes. Default: none.
    pub tls: Option<Tls>,
    /// Origins whose pages may read the API; `*` for all. Default: none.
    pub cors_origins: Vec<String>,
    /// Networks (CIDR) of proxies whose `X-Forwarded-For` is believed. Default: none.
    #[schemars(with = "Vec<Cidr>")]
    pub trusted_proxies: Vec<IpNet>,
    /// Reads (pages and stats) a client may make in a minute; 0 for no limit.
    pub read_limit: u32,
    /// Time between "not ready" and the end of accepting, for load balancers to notice.
    pub drain_delay: Span,
    /// Time in which everything in flight must be finished at shutdown.
    pub shutdown_grace: Span,
}

/// The schema of a network; the value itself is an [`IpNet`].
#[derive(JsonSchema)]
#[schemars(inline, extend("format" = "cidr"))]
struct Cidr(#[expect(dead_code, reason = "stands for its schema only")] String);

/// An address to listen on, or nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Listen {
    /// Listen here.
    On(SocketAddr),
    /// Do not listen.
    Off,
}

/// HTTPS.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Tls {
    /// Address of the HTTPS listener.
    #[schemars(with = "String", extend("format" = "socket-address"))]
    pub listen: SocketAddr,
    /// File (PEM) with the certificate, then those that signed it. Reread when it changes.
    pub cert: PathBuf,
    /// File (PEM) with the certificate's private key. Reread when it changes.
    pub key: PathBuf,
}

/// Logging.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Log {
    /// Least severity that is logged.
    pub level: LogLevel,
    /// Form of the lines.
    pub format: LogFormat,
}

/// Severities.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum LogLevel {
    /// Only what needs a person.
    Error,
    /// Also what may need one soon.
    Warn,
    /// Also what happens once in a while.
    Info,
    /// Also what happens at every request.
    Debug,
    /// Everything.
    Trace,
}

/// Forms of a log line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// The queue between server and worker.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Queue {
    /// Where it is: a file such as `sqlite://data/queue.db`, made when it is missing, or Redis 7.0 or
    /// later (or Valkey, or a cluster of either), as in `redis://user:password@host:6379/0`;
    /// `rediss://` for TLS.
    pub url: Secret,
    /// Most events it holds; then servers answer 503.
    #[schemars(range(min = 1))]
    pub max_events: u64,
    /// Most bytes it holds; then servers answer 503.
    pub max_bytes: Size,
    /// When an append counts as durable (Redis only). `relaxed` may lose the last two seconds of
    /// what was accepted when the server of the queue crashes.
    pub durability: Durability,
    /// Replicas that must confirm an append (Redis only).
    pub wait_replicas: u32,
    /// Time after which a worker counts as dead; another one then takes over what it held.
    pub claim_after: Span,
    /// Number of streams over which a Redis Cluster spreads the queue, each with an equal share of
    /// `max_events` and `max_bytes` (Redis only).
    #[schemars(range(min = 1))]
    pub shards: u32,
    /// Local file of a server, bounded as the queue is, for the time that the queue cannot be
    /// reached: events are accepted all the same and handed on later (Redis only). `true`:
    /// `spool.db` beside a store that is a file, else `data/spool.db`; `false`: none; or the path of
    /// the file.
    pub spool: Spool,
    /// Allow a queue that forgets everything at exit (`sqlite::memory:`, or Redis without an
    /// append-only file together with `durability: relaxed`).
    pub allow_volatile: bool,
}

/// The file that keeps events while a queue in Redis is away.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Spool {
    /// There is none.
    Off,
    /// Where it is expected.
    On,
    /// Here.
    At(PathBuf),
}

/// When an append counts as durable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Durability {
    /// When it is on disk. Redis needs `appendfsync always`, or release 7.2.
    Fsync,
    /// When the queue has it in memory, and will soon have it on disk (`appendfsync everysec`).
    Relaxed,
}

/// The database of events and rollups.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Store {
    /// Where it is: a file such as `sqlite://data/analytics.db`, made when it is missing, or a
    /// PostgreSQL server (13 or later) such as
    /// `postgres://user:password@host/database?sslmode=verify-full&sslrootcert=ca.pem`.
    pub url: Secret,
    /// Connections for reading; writing has its own (PostgreSQL: up to 4 a process).
    #[schemars(range(min = 1))]
    pub pool: u32,
}

/// How long each kind of data is kept.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Retention {
    /// Raw events.
    pub raw: Span,
    /// Hourly rollups.
    pub hourly: Span,
    /// Daily rollups.
    pub daily: Span,
    /// Error summary.
    pub errors: Span,
}

/// What is published of the data.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Privacy {
    /// Fewest calls, and fewest batches, that a published cell of a sensitive dimension has, and fewest
    /// sessions of a date whose number is published; 1 publishes everything. Batches are not people:
    /// see docs/publishing.md.
    #[schemars(range(min = 1))]
    pub min_cell: u32,
    /// Header in which a proxy of `server.trusted_proxies` names the client's country, such as
    /// CF-IPCountry. It is taken for events that have none, at the levels that define one; the address
    /// is not looked up. Default: none.
    pub country_header: Option<String>,
}

/// Text that may hold a password. It is never printed.
#[derive(Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct Secret(String);

impl Secret {
    /// Wraps a text.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text itself, for the place that needs it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl Serialize for Secret {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str("***")
    }
}

impl<'de> Deserialize<'de> for Listen {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        const HINT: &str = "expected an address such as 127.0.0.1:9464, or off";
        let text = String::deserialize(deserializer).map_err(|_| serde::de::Error::custom(HINT))?;
        if text.eq_ignore_ascii_case("off") {
            return Ok(Self::Off);
        }
        text.parse().map(Self::On).map_err(|_| serde::de::Error::custom(HINT))
    }
}

impl Serialize for Listen {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::On(address) => serializer.collect_str(address),
            Self::Off => serializer.serialize_str("off"),
        }
    }
}

impl<'de> Deserialize<'de> for Spool {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Said {
            Switch(bool),
            Path(PathBuf),
        }
        match Said::deserialize(deserializer)? {
            Said::Switch(true) => Ok(Self::On),
            Said::Switch(false) => Ok(Self::Off),
            // A word that was meant as a switch is no name of a file.
            Said::Path(path) if path.extension().is_some() => Ok(Self::At(path)),
            Said::Path(_) => Err(serde::de::Error::custom("expected true, false or a file")),
        }
    }
}

impl Serialize for Spool {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Off => serializer.serialize_bool(false),
            Self::On => serializer.serialize_bool(true),
            Self::At(path) => path.serialize(serializer),
        }
    }
}

impl JsonSchema for Spool {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Spool".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": ["boolean", "string"], "format": "switch-or-file" })
    }
}

impl Default for Server {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 3000)),
            metrics_listen: Listen::On(SocketAddr::from(([127, 0, 0, 1], 9464))),
            tls: None,
            cors_origins: Vec::new(),
            trusted_proxies: Vec::new(),
            read_limit: 600,
            drain_delay: Span::seconds(2),
            shutdown_grace: Span::seconds(8),
        }
    }
}

impl Default for Log {
    fn default() -> Self {
        Self { level: LogLevel::Info, format: LogFormat::Text }
    }
}

impl Default for Queue {
    fn default() -> Self {
        Self {
            url: Secret::new("sqlite://data/queue.db"),
            max_events: 1_000_000,
            max_bytes: Size::mib(512),
            durability: Durability::Fsync,
            wait_replicas: 0,
            claim_after: Span::seconds(30),
            shards: 1,
            spool: Spool::On,
            allow_volatile: false,
        }
    }
}

impl Default for Store {
    fn default() -> Self {
        Self { url: Secret::new("sqlite://data/analytics.db"), pool: 4 }
    }
}

impl Default for Retention {
    fn default() -> Self {
        Self {
            raw: Span::days(90),
            hourly: Span::days(30),
            daily: Span::days(730),
            errors: Span::days(90),
        }
    }
}

impl Default for Privacy {
    fn default() -> Self {
        Self { min_cell: 1, country_header: None }
    }
}
