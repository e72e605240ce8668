//! A Lua script that the server runs atomically: called by its hash, and sent whole only when the
//! server does not know it yet.

use redis::{Cmd, ErrorKind, RedisError, RedisResult, ServerErrorKind, ToRedisArgs, Value, cmd};

use super::Wire;

/// A script.
pub struct Script {
    code: String,
    hash: String,
}

impl Script {
    /// A script from its parts.
    pub fn new(parts: &[&str]) -> Self {
        let code = parts.concat();
        let hash = redis::Script::new(&code).get_hash().to_owned();
        Self { code, hash }
    }

    /// The beginning of a call; arguments follow.
    pub fn call(&self, keys: &[impl ToRedisArgs]) -> Cmd {
        let mut call = cmd("EVALSHA");
        call.arg(&self.hash).arg(keys.len()).arg(keys);
        call
    }

    /// Makes a call.
    pub async fn run(&self, wire: &mut Wire, call: &Cmd) -> RedisResult<Value> {
        match call.query_async(wire).await {
            Err(error) if unknown_script(&error) => {
                self.load(wire).await?;
                call.query_async(wire).await
            }
            outcome => outcome,
        }
    }

    /// Makes the script known to the server.
    pub async fn load(&self, wire: &mut Wire) -> RedisResult<()> {
        cmd("SCRIPT").arg("LOAD").arg(&self.code).query_async::<Value>(wire).await.map(drop)
    }
}

/// Whether a call failed because the server does not know the script; then it did nothing.
pub fn unknown_script(error: &RedisError) -> bool {
    error.kind() == ErrorKind::Server(ServerErrorKind::NoScript)
}
