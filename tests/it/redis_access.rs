//! Ways to Redis other than the plain one: TLS, a user with few rights, a cluster.

use std::path::PathBuf;

use test_servers::{Redis, RedisCluster};

use crate::support::{
    Authority, Backends, Config, Event, Load, Place, Server, documented, eventually, sh,
};

const GUIDE: &str = include_str!("../../docs/redis.md");

fn server_on(queue: String, config: Config) -> Server {
    Server::with_backends(config, |folder| Backends { queue, ..Backends::fresh(folder) })
}

/// An event comes through, from the door to the store.
fn works(server: &Server) {
    let answer = server.post(Event::batch([Event::detailed("get_alerts", "0123456789abcdef", 1)]));
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert_eq!(server.drained()["persisted"], 1);
}

/// Why the program does not start with a queue.
fn refusal(url: &str) -> String {
    let ended = Place::new().serve(&[("ANALYTICS_QUEUE__URL", url)]);
    assert_eq!(ended.code, Some(1), "{}", ended.stderr);
    ended.stderr
}

/// A server that speaks TLS at a port of its own, with certificates of a private authority.
struct Encrypted {
    _redis: Redis,
    authority: Authority,
    port: u16,
}

impl Encrypted {
    fn start(clients: &str) -> Self {
        let authority = Authority::new();
        let pair = authority.issue_for("localhost");
        authority.deploy("redis", &pair.cert, &pair.key);
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let file = |name: &str| authority.path(name).display().to_string();
        let redis = Redis::start(&[
            "--tls-port",
            &port.to_string(),
            "--tls-cert-file",
            &file("redis/cert.pem"),
            "--tls-key-file",
            &file("redis/key.pem"),
            "--tls-ca-cert-file",
            &file("ca.pem"),
            "--tls-auth-clients",
            clients,
        ]);
        Self { _redis: redis, authority, port }
    }

    fn url(&self, parameters: &str) -> String {
        format!("rediss://localhost:{}/3{parameters}", self.port)
    }

    fn file(&self, name: &str) -> PathBuf {
        self.authority.path(name)
    }
}

#[test]
fn tls_with_a_private_authority() {
    let here = Encrypted::start("no");
    let trusted = format!("?sslrootcert={}", here.file("ca.pem").display());
    works(&server_on(here.url(&trusted), Config::default()));

    let unknown = refusal(&here.url(""));
    assert!(unknown.contains("name the authority that signed it"), "{unknown}");
    let other_name = here.url(&trusted).replace("localhost", "127.0.0.1");
    assert!(refusal(&other_name).contains("its certificate is not accepted"));
    let missing = refusal(&here.url("?sslrootcert=/nowhere/ca.pem"));
    assert!(missing.contains("cannot read /nowhere/ca.pem, which sslrootcert of queue.url names"));
}

#[test]
fn tls_with_a_certificate_of_the_client() {
    let here = Encrypted::start("yes");
    let client = here.authority.issue_for("analytics");
    here.authority.deploy("client", &client.cert, &client.key);
    let trusted = format!("?sslrootcert={}", here.file("ca.pem").display());
    let named = format!(
        "{trusted}&sslcert={}&sslkey={}",
        here.file("client/cert.pem").display(),
        here.file("client/key.pem").display()
    );
    works(&server_on(here.url(&named), Config::default()));
    let nameless = refusal(&here.url(&trusted));
    assert!(nameless.contains("it wants a certificate of this side"), "{nameless}");
}

#[test]
fn a_user_with_the_documented_rights_and_with_fewer() {
    let redis = Redis::start(&[]);
    let folder = tempfile::tempdir().unwrap();
    let at = format!("redis-cli -p {} ", redis.port());
    let line = documented(GUIDE, "acl").replace("redis-cli ", &at);
    assert_eq!(sh(folder.path(), &line), "OK\n");
    let user = |rest: &str| format!("redis://analytics:{rest}@127.0.0.1:{}", redis.port());
    let url = user("PASSWORD");
    let server = server_on(url.clone(), Config::default());
    works(&server);
    // A duplicate, a receipt, a status: everything that a server does in a day.
    let repeat = Event::batch([Event::detailed("get_alerts", "0123456789abcdef", 1)]);
    assert_eq!(server.post(repeat).json()["duplicates"], serde_json::json!([0]));
    let denied = redis.cli(&["ACL", "LOG"]);
    assert_eq!(denied.trim(), "", "nothing was denied");
    drop(server);

    let refused = refusal(&user("wrong"));
    assert!(refused.contains("check user and password"), "{refused}");
    assert!(!refused.contains("wrong@"), "{refused}");
    redis.cli(&["ACL", "SETUSER", "analytics", "-xautoclaim", "-xinfo|consumers", "-expireat"]);
    let refused = refusal(&url);
    let why = "its user may not use expireat, xautoclaim, xinfo|consumers on keys analytics:*";
    assert!(refused.contains(why) && refused.contains("docs/redis.md"), "{refused}");
    redis.cli(&["ACL", "SETUSER", "analytics", "-evalsha"]);
    let refused = refusal(&url);
    assert!(refused.contains("the rights of the user") && refused.contains("evalsha"), "{refused}");
}

#[test]
fn a_cluster_spreads_the_queue_and_may_lose_a_node_for_a_while() {
    let cluster = RedisCluster::start(3);
    let env = vec![("ANALYTICS_QUEUE__SHARDS", "3".to_owned())];
    let server = server_on(cluster.url(), Config { env, ..Config::default() });
    let load = Load::start(&[&server]);
    let under_load = || {
        let before = load.acknowledged();
        eventually("clients are answered", || load.acknowledged() > before + 500);
    };
    under_load();
    let streams = |node: &Redis| node.cli(&["keys", "*:stream"]).lines().count();
    let spread: Vec<usize> = cluster.nodes().iter().map(streams).collect();
    assert_eq!(spread, [1, 1, 1], "streams of each node");
    for node in cluster.nodes() {
        node.kill();
        under_load();
        node.start_again();
        eventually("the cluster is whole again", || {
            node.cli(&["cluster", "info"]).contains("cluster_state:ok")
        });
        under_load();
    }
    assert_eq!(load.refused(), 0, "{}", server.log());
    load.stop().verify(&server);
}
