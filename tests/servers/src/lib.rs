//! Database servers that tests start on free ports in temporary folders, and that end with them.
//!
//! A crate of its own, so that unit tests, integration tests and benchmarks start the same servers, and
//! hold answers against the same description.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod cluster;
mod description;
mod disk;
mod guard;
mod postgres;
mod proxy;
mod redis;

pub use cluster::RedisCluster;
pub use description::Description;
pub use disk::SmallDisk;
pub use guard::Guard;
pub use postgres::Postgres;
pub use proxy::{Network, Proxy};
pub use redis::Redis;
