//! Whether a server may be trusted with data: its release, its role, what it does when memory runs
//! out, and when its writes are on disk. Separate, because this is where an operator's mistakes
//! show: every one has an error of its own that says what to do.

use redis::aio::ConnectionLike;
use redis::{ErrorKind, RedisError, RedisResult, Value, cmd, from_redis_value};

use super::{Script, Wire};

/// The oldest release with everything that the queue needs.
const OLDEST: (u32, u32) = (7, 0);
/// The oldest release with WAITAOF.
const WAITAOF: (u32, u32) = (7, 2);
/// What queue and shared state need beyond what a probe itself does. `docs/redis.md` has the line that
/// gives a user these rights and no more, and a test starts a server with it.
const COMMANDS: [&str; 35] = [
    "time",
    "get",
    "mget",
    "set",
    "unlink",
    "exists",
    "rename",
    "expireat",
    "hget",
    "hset",
    "hsetnx",
    "hmget",
    "hgetall",
    "hdel",
    "hincrby",
    "sadd",
    "scard",
    "smismember",
    "xadd",
    "xlen",
    "xrange",
    "xack",
    "xdel",
    "xpending",
    "xclaim",
    "xautoclaim",
    "xreadgroup",
    "xgroup create",
    "xgroup delconsumer",
    "xinfo consumers",
    "ping",
    "info",
    "evalsha",
    "script load",
    "select",
];
/// A key as the program uses them.
const KEY: &str = "analytics:{queue}:meta";

/// What a server must promise.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Demands {
    /// An answered write is on disk.
    Fsync,
    /// Writes reach the disk soon; with `volatile`, not even that.
    Relaxed {
        /// Whether a server without a disk will do.
        volatile: bool,
    },
}

/// Why a server cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ProbeError {
    /// User or password are wrong, or the user may not do what is needed.
    #[error(
        "it refuses this user: check user and password in queue.url, and the rights of the user"
    )]
    Denied(#[source] RedisError),
    /// The user lacks rights.
    #[error(
        "its user may not use {} on keys analytics:*: an ACL that gives exactly the rights needed is \
         in docs/redis.md", .missing.join(", ")
    )]
    Rights {
        /// The commands.
        missing: Vec<String>,
    },
    /// Its certificate is not good enough.
    #[error(
        "its certificate is not accepted: name the authority that signed it, as in \
         rediss://host?sslrootcert=/path/ca.pem, and the host as the certificate does"
    )]
    Certificate(#[source] RedisError),
    /// It wants to know who comes.
    #[error(
        "it wants a certificate of this side: name one, as in \
         rediss://host?sslcert=/path/client.pem&sslkey=/path/client.key"
    )]
    Unnamed(#[source] RedisError),
    /// It is too old.
    #[error("it is release {found}; Redis 7.0 or later, or Valkey, is needed")]
    TooOld {
        /// Its release.
        found: String,
    },
    /// It copies another one.
    #[error("it is a replica of another server: name the primary in queue.url")]
    Replica,
    /// It may throw entries away.
    #[error(
        "its maxmemory-policy is {policy}, so it may throw queued events away when memory runs out: \
         set `maxmemory-policy noeviction` on the server, or use a server of its own for the queue"
    )]
    Evicting {
        /// The policy.
        policy: String,
    },
    /// It keeps nothing.
    #[error(
        "it keeps no append-only file, so it forgets everything at exit: set `appendonly yes` on the \
         server, or set queue.durability: relaxed and queue.allow_volatile: true if losing data is fine"
    )]
    NoAppendOnly,
    /// Its answers come before the disk.
    #[error(
        "its appendfsync is {policy}, so a crash may lose what it has confirmed: set `appendfsync \
         always` on the server, use Redis 7.2 or Valkey, which can confirm single writes, or set \
         queue.durability: relaxed to accept the loss of the last seconds"
    )]
    LateFsync {
        /// The policy.
        policy: String,
    },
    /// It does not tell when it writes.
    #[error(
        "it does not say when writes reach the disk: allow this user `CONFIG GET`, use Redis 7.2 or \
         Valkey, or set queue.durability: relaxed to accept the loss of the last seconds"
    )]
    Silent(#[source] RedisError),
}

impl ProbeError {
    /// A failure that no other attempt cures; any other comes back.
    pub(super) fn refused(error: RedisError) -> Result<Self, RedisError> {
        let denied = error.kind() == ErrorKind::AuthenticationFailed
            || matches!(error.code(), Some("NOAUTH" | "WRONGPASS" | "NOPERM"));
        if denied {
            return Ok(Self::Denied(error));
        }
        // The errors of TLS come as input and output errors with these words.
        let text = error.to_string();
        if text.contains("invalid peer certificate") {
            Ok(Self::Certificate(error))
        } else if text.contains("CertificateRequired") {
            Ok(Self::Unnamed(error))
        } else {
            Err(error)
        }
    }
}

/// What servers say of themselves: one, or every primary of a cluster.
pub(super) struct Report {
    nodes: Vec<String>,
    /// `appendfsync` of every node, if they tell.
    appendfsync: RedisResult<Vec<String>>,
    /// Commands that the user may not use.
    missing: Vec<String>,
}

/// Asks everything that [`Report::judge`] needs.
pub(super) async fn ask(wire: &mut Wire) -> RedisResult<Report> {
    // A server that is loading its data answers INFO, but not this.
    let _: Value = cmd("PING").query_async(wire).await?;
    let mut info = cmd("INFO");
    info.arg(["server", "memory", "persistence", "replication", "cluster"].as_slice());
    let nodes = match wire.req_packed_command(&info).await? {
        Value::Map(nodes) => {
            nodes.into_iter().map(|(_, text)| from_redis_value(text)).collect::<Result<_, _>>()?
        }
        text => vec![from_redis_value(text)?],
    };
    let mut report = Report { nodes, appendfsync: appendfsync(wire).await, missing: Vec::new() };
    // A single node of a cluster has only some of the keys; the cluster is asked afterwards.
    if matches!(wire, Wire::Many(_)) || !report.in_cluster() {
        report.missing = missing_rights(wire).await?;
    }
    Ok(report)
}

async fn missing_rights(wire: &mut Wire) -> RedisResult<Vec<String>> {
    let script = Script::new(&["#!lua flags=no-writes\n", include_str!("rights.lua")]);
    let mut call = script.call(&[KEY]);
    call.arg(COMMANDS.as_slice());
    Ok(from_redis_value(script.run(wire, &call).await?)?)
}

async fn appendfsync(wire: &mut Wire) -> RedisResult<Vec<String>> {
    use redis::cluster_routing::{MultipleNodeRoutingInfo, RoutingInfo};
    let mut get = cmd("CONFIG");
    get.arg("GET").arg("appendfsync");
    let answers = match wire {
        Wire::One(wire) => vec![wire.req_packed_command(&get).await?],
        Wire::Many(wire) => {
            let everywhere = RoutingInfo::MultiNode((MultipleNodeRoutingInfo::AllMasters, None));
            match wire.route_command(get, everywhere).await? {
                Value::Map(nodes) => nodes.into_iter().map(|(_, answer)| answer).collect(),
                answer => vec![answer],
            }
        }
    };
    let value = |answer: Value| {
        let (_, value): (String, String) = from_redis_value(answer.extract_error()?)?;
        Ok(value)
    };
    answers.into_iter().map(value).collect()
}

impl Report {
    /// The first eight digits of the server's run id, which changes with every start.
    pub(super) fn run(&self) -> String {
        match &*self.nodes {
            [node] if !self.in_cluster() => member(node, "run_id").chars().take(8).collect(),
            _ => String::new(),
        }
    }

    pub(super) fn in_cluster(&self) -> bool {
        self.nodes.iter().any(|node| member(node, "cluster_enabled") == "1")
    }

    /// Whether the servers keep what is demanded; if so, whether with the help of WAITAOF.
    pub(super) fn judge(&self, demands: Demands) -> Result<bool, ProbeError> {
        if !self.missing.is_empty() {
            return Err(ProbeError::Rights { missing: self.missing.clone() });
        }
        for node in &self.nodes {
            judge_node(node)?;
            let keeps = member(node, "aof_enabled") == "1";
            if !keeps && demands != (Demands::Relaxed { volatile: true }) {
                return Err(ProbeError::NoAppendOnly);
            }
        }
        if demands != Demands::Fsync {
            return Ok(false);
        }
        let late = match &self.appendfsync {
            Ok(policies) => match policies.iter().find(|policy| *policy != "always") {
                None => return Ok(false),
                Some(policy) => ProbeError::LateFsync { policy: policy.clone() },
            },
            Err(error) => ProbeError::Silent(error.clone()),
        };
        if self.nodes.iter().all(|node| release(node) >= WAITAOF) { Ok(true) } else { Err(late) }
    }
}

fn judge_node(node: &str) -> Result<(), ProbeError> {
    if release(node) < OLDEST {
        return Err(ProbeError::TooOld { found: member(node, "redis_version").to_owned() });
    }
    if member(node, "role") == "slave" {
        return Err(ProbeError::Replica);
    }
    match member(node, "maxmemory_policy") {
        "noeviction" => Ok(()),
        policy => Err(ProbeError::Evicting { policy: policy.to_owned() }),
    }
}

/// The Redis release that a server is compatible with.
fn release(node: &str) -> (u32, u32) {
    let mut parts = member(node, "redis_version").split('.').map(|part| part.parse().unwrap_or(0));
    (parts.next().unwrap_or(0), parts.next().unwrap_or(0))
}

/// One line of INFO.
fn member<'a>(node: &'a str, name: &str) -> &'a str {
    let value = |line: &'a str| line.strip_prefix(name)?.strip_prefix(':');
    node.lines().find_map(value).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    const NODE: &str = "redis_version:7.0.15\r\nrun_id:0123456789abcdef\r\nrole:master\r\n\
        aof_enabled:1\r\nmaxmemory_policy:noeviction\r\ncluster_enabled:0\r\n";
    const RELAXED: Demands = Demands::Relaxed { volatile: false };

    fn report(node: &str, appendfsync: &str) -> Report {
        let appendfsync = Ok(vec![appendfsync.to_owned()]);
        Report { nodes: vec![node.to_owned()], appendfsync, missing: Vec::new() }
    }

    #[test]
    fn a_server_is_judged_by_what_it_promises() {
        let newer = NODE.replace("7.0.15", "7.2.4");
        let silent = |node: &str| Report {
            appendfsync: Err(RedisError::from((redis::ErrorKind::Client, "no"))),
            ..report(node, "")
        };
        for (what, report, demands, want) in [
            ("always", report(NODE, "always"), Demands::Fsync, Ok(false)),
            (
                "every second",
                report(NODE, "everysec"),
                Demands::Fsync,
                Err("appendfsync is everysec"),
            ),
            ("every second", report(NODE, "everysec"), RELAXED, Ok(false)),
            ("WAITAOF", report(&newer, "everysec"), Demands::Fsync, Ok(true)),
            ("always", report(&newer, "always"), Demands::Fsync, Ok(false)),
            ("silent", silent(NODE), Demands::Fsync, Err("does not say")),
            ("silent and newer", silent(&newer), Demands::Fsync, Ok(true)),
            ("silent", silent(NODE), RELAXED, Ok(false)),
            ("old", report(&NODE.replace("7.0.15", "6.2.14"), "always"), RELAXED, Err("6.2.14")),
            (
                "much newer",
                report(&NODE.replace("7.0.15", "10.0.0"), "no"),
                Demands::Fsync,
                Ok(true),
            ),
            (
                "replica",
                report(&NODE.replace("master", "slave"), "always"),
                RELAXED,
                Err("replica"),
            ),
            (
                "evicting",
                report(&NODE.replace("noeviction", "allkeys-lru"), "always"),
                RELAXED,
                Err("maxmemory-policy is allkeys-lru"),
            ),
            (
                "memory only",
                report(&NODE.replace("aof_enabled:1", "aof_enabled:0"), "always"),
                RELAXED,
                Err("appendonly yes"),
            ),
            (
                "memory only, wanted",
                report(&NODE.replace("aof_enabled:1", "aof_enabled:0"), "always"),
                Demands::Relaxed { volatile: true },
                Ok(false),
            ),
        ] {
            let got = report.judge(demands).map_err(|error| error.to_string());
            match (&got, want) {
                (Ok(got), Ok(want)) => assert_eq!(*got, want, "{what}"),
                (Err(got), Err(want)) => assert!(got.contains(want), "{what}: {got}"),
                _ => panic!("{what}: {got:?}"),
            }
        }
    }

    #[test]
    fn one_bad_node_spoils_a_cluster() {
        let good = NODE.replace("cluster_enabled:0", "cluster_enabled:1");
        let bad = good.replace("noeviction", "volatile-ttl");
        let report = Report { nodes: vec![good, bad], ..report(NODE, "always") };
        assert!(report.in_cluster());
        assert_eq!(report.run(), "");
        assert!(matches!(report.judge(RELAXED), Err(ProbeError::Evicting { .. })));
    }
}
