//! A Redis Cluster on the loopback address.

use std::net::TcpListener;
use std::thread::sleep;
use std::time::Duration;

use crate::Redis;

const SLOTS: usize = 16_384;
const LOOK_AGAIN: Duration = Duration::from_millis(20);
/// Nodes greet each other within two or three seconds.
const LOOKS: usize = 1_000;

/// Primaries that share the slots evenly, without replicas.
pub struct RedisCluster {
    nodes: Vec<Redis>,
}

impl RedisCluster {
    /// Starts nodes and makes a cluster of them.
    ///
    /// # Panics
    /// When it does not come to work.
    pub fn start(nodes: usize) -> Self {
        let ports: Vec<String> = (0..nodes).map(|_| free_port().to_string()).collect();
        let node = |port: &String| {
            let settings = ["--cluster-enabled", "yes", "--cluster-port", port];
            Redis::start(&[&settings[..], &["--cluster-node-timeout", "2000"]].concat())
        };
        let nodes: Vec<Redis> = ports.iter().map(node).collect();
        for (index, node) in nodes.iter().enumerate() {
            let bound = |index| SLOTS * index / nodes.len();
            let (first, last) = (bound(index).to_string(), (bound(index + 1) - 1).to_string());
            node.cli(&["cluster", "addslotsrange", &first, &last]);
            node.cli(&["cluster", "set-config-epoch", &(index + 1).to_string()]);
            let port = node.port().to_string();
            nodes[0].cli(&["cluster", "meet", "127.0.0.1", &port, &ports[index]]);
        }
        let works = |node: &Redis| {
            let info = node.cli(&["cluster", "info"]);
            info.contains("cluster_state:ok")
                && info.contains(&format!("cluster_known_nodes:{}", nodes.len()))
        };
        for _ in 0..LOOKS {
            if nodes.iter().all(works) {
                return Self { nodes };
            }
            sleep(LOOK_AGAIN);
        }
        panic!("the cluster does not come to work");
    }

    /// The URL of one of its nodes.
    ///
    /// # Panics
    /// When it has none.
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.nodes[0].port())
    }

    /// Its nodes.
    pub fn nodes(&self) -> &[Redis] {
        &self.nodes
    }
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}
