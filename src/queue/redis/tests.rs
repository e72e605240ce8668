//! The queue against what a second, plain connection sees in the server.

mod adopt;
mod faults;
mod replica;

use redis::aio::MultiplexedConnection;
use test_servers::Redis;

use super::shard::{Shard, Terms};
use super::*;
use crate::config::settings::{self, Secret};
use crate::queue::conformance::{Bench, conforms};
use crate::shutdown::Tasks;

struct StreamBench {
    url: String,
    tasks: Tasks,
}

#[async_trait]
impl Bench for StreamBench {
    fn new() -> Self {
        Self { url: Redis::shared().database(), tasks: Tasks::new() }
    }

    fn tasks(&self) -> &Tasks {
        &self.tasks
    }

    fn settings(&self) -> settings::Queue {
        settings::Queue {
            url: Secret::new(&self.url),
            spool: settings::Spool::Off,
            ..settings::Queue::default()
        }
    }

    async fn open_with(&self, settings: &settings::Queue) -> Arc<dyn Queue> {
        RedisQueue::open(settings, None, &self.tasks).await.unwrap()
    }

    /// Entries of a stream cannot be changed: another one takes the place of each that stands there.
    async fn spoil(&self, entry: EntryId, payload: Vec<u8>) {
        const REPLACE: &str = "
            local all = redis.call('XRANGE', KEYS[1], '-', '+')
            local group = redis.call('EXISTS', KEYS[1]) == 1 and #redis.call('XINFO', 'GROUPS', KEYS[1]) > 0
            redis.call('DEL', KEYS[1])
            for _, one in ipairs(all) do
              for i = 1, #one[2], 2 do
                if one[2][i] == 'b' and one[2][2] == ARGV[1] then one[2][i + 1] = ARGV[2] end
              end
              redis.call('XADD', KEYS[1], one[1], unpack(one[2]))
            end
            if group then redis.call('XGROUP', 'CREATE', KEYS[1], 'workers', 0) end
            return #all";
        let stream = Shard::new(0).stream;
        let script = redis::Script::new(REPLACE);
        let mut call = script.key(stream);
        let replaced: u32 = call
            .arg(entry.as_bytes())
            .arg(payload)
            .invoke_async(&mut self.plain().await)
            .await
            .unwrap();
        assert!(replaced > 0);
    }

    /// Time goes by the server's clock, so the signs are made older instead.
    async fn pass(&self, time: Duration) {
        let mut plain = self.plain().await;
        let mut get = cmd("HGETALL");
        let beats: Vec<(String, String)> = get.arg(WORKERS).query_async(&mut plain).await.unwrap();
        for (worker, beat) in beats {
            let (at, lag) = beat.split_once(' ').unwrap();
            let at = at.parse::<u64>().unwrap() - time.as_millis() as u64;
            let mut set = cmd("HSET");
            set.arg(WORKERS).arg(worker).arg(format!("{at} {lag}"));
            set.query_async::<Value>(&mut plain).await.unwrap();
        }
    }
}

impl StreamBench {
    async fn plain(&self) -> MultiplexedConnection {
        plain(&self.url).await
    }
}

async fn plain(url: &str) -> MultiplexedConnection {
    redis::Client::open(url).unwrap().get_multiplexed_async_connection().await.unwrap()
}

conforms!(StreamBench);
