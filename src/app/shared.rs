//! Opening what servers share beside queue and store: in Redis when the queue is there, in this
//! process when not. A simulation shares nothing: Redis goes by the time of the world.

use std::sync::Arc;

use anyhow::Context;
use stages::context::Local;
use stages::ports::{RateCounter, SeenSet};
use stages::{Clock, HashKey};

use crate::cli::Role;
use crate::config::settings::Settings;
use crate::http::client::Clients;
use crate::http::stats::cache::SharedAnswers;
use crate::shared::memory::{MemoryRates, MemorySeen};
use crate::shared::redis::RedisShared;
use crate::shutdown::Tasks;

/// Limits and seen-set.
pub(super) struct Shared {
    pub(super) seen: Arc<dyn SeenSet>,
    pub(super) rates: Arc<dyn RateCounter>,
    /// Those of this process, when the others are not.
    pub(super) local: Option<Local>,
    redis: Option<Arc<RedisShared>>,
}

impl Shared {
    /// Opens what a process of `role` needs. A worker has no clients.
    pub(super) async fn open(
        settings: &Settings,
        role: Role,
        tasks: &Tasks,
        clock: &Arc<dyn Clock>,
    ) -> anyhow::Result<Self> {
        let seen: Arc<dyn SeenSet> = Arc::new(MemorySeen::new(Arc::clone(clock)));
        let rates: Arc<dyn RateCounter> = Arc::new(MemoryRates::new(Arc::clone(clock)));
        let url = settings.queue.url.expose();
        if role == Role::Worker || !url.starts_with("redis") || !clock.is_real() {
            return Ok(Self { seen, rates, local: None, redis: None });
        }
        let redis = RedisShared::open(url, tasks).await?;
        Ok(Self {
            seen: Arc::clone(&redis) as _,
            rates: Arc::clone(&redis) as _,
            local: Some(Local { seen, rates }),
            redis: Some(redis),
        })
    }

    /// Where servers keep answers together.
    pub(super) fn answers(&self) -> Option<Arc<dyn SharedAnswers>> {
        self.redis.clone().map(|redis| redis as _)
    }

    /// Makes client keys: from a key that all servers share and that changes every day, or from one
    /// that lives as long as the process. Nobody can tell tomorrow who came today.
    pub(super) async fn clients(
        &self,
        settings: &Settings,
        tasks: &Tasks,
    ) -> anyhow::Result<Arc<Clients>> {
        let trusted = settings.server.trusted_proxies.clone();
        let header = settings.privacy.country_header.as_deref().map(str::parse).transpose();
        let header = header.context("privacy.country_header is the name of no header")?;
        let clients = |key| Arc::new(Clients::new(key, trusted).with_country(header));
        let fresh = HashKey::random()?;
        let Some(redis) = &self.redis else { return Ok(clients(fresh)) };
        // Before the first request: its client is to be the same for all servers.
        let key = redis.client_key(&fresh).await.unwrap_or(fresh);
        let clients = clients(key);
        let keep = Arc::clone(redis).keep_client_key(Arc::clone(&clients), tasks.clone());
        let redis = Arc::clone(redis);
        tasks.spawn(async move {
            keep.await;
            // Stopping is asked for when the last request was answered. The connection is kept up by a
            // task that nothing else would end.
            redis.close();
        });
        Ok(clients)
    }
}
