//! `rate-limit`: how much one client may send.
//!
//! The shape of the limits is here; the counting is behind [`RateCounter`], because several servers
//! may share it.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::batch::{Batch, Quota, Refusal, RefusalKind};
use crate::context::{Cx, Services};
use crate::ports::{Bucket, RateCounter, Taken};
use crate::stage::{BuildError, Define, Form, Needs, Side, Stage, StageError};
use crate::verdict::Code;

const RATE_LIMIT_EXCEEDED: Code = Code::new("rate_limit_exceeded");

/// The stage.
pub(crate) struct RateLimit {
    rates: Arc<dyn RateCounter>,
    requests: Option<Bucket>,
    events: Option<Bucket>,
}

/// Settings of `rate-limit`. At least one of the two limits must be set.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct RateLimitConfig {
    /// Requests that a client may send in a minute. Default: not limited.
    requests_per_minute: Option<NonZeroU32>,
    /// Requests on top of `requests_per_minute` that a client may save up. Default: 0.
    burst: u32,
    /// Events that a client may send in a minute. A batch passes while anything is left and may
    /// overdraw it; the client then waits longer. Default: not limited.
    events_per_minute: Option<NonZeroU32>,
}

impl RateLimit {
    /// Says what a limit answered.
    fn report(bucket: Bucket, taken: Taken, batch: &mut Batch<'_>) {
        batch.report(Quota {
            name: bucket.name,
            limit: bucket.capacity,
            window_seconds: (bucket.capacity * 60).div_ceil(bucket.per_minute),
            remaining: taken.remaining,
            reset_seconds: whole_seconds(taken.full_after),
        });
        if !taken.allowed {
            batch.refuse(Refusal {
                kind: RefusalKind::RateLimited { retry_after: taken.retry_after },
                code: RATE_LIMIT_EXCEEDED,
                message: format!("too many {} from this client; send it again later", bucket.name)
                    .into(),
            });
        }
    }
}

fn whole_seconds(time: Duration) -> u64 {
    time.as_secs() + u64::from(time.subsec_nanos() > 0)
}

#[async_trait]
impl Stage for RateLimit {
    async fn run(&self, batch: &mut Batch<'_>, cx: Cx<'_>) -> Result<(), StageError> {
        let request = cx.request.ok_or(StageError::Misplaced("rate-limit needs a request"))?;
        let events = u64::try_from(batch.passing()).unwrap_or(u64::MAX);
        let requests = self.requests.map(|bucket| (bucket, 1));
        let events = self.events.map(|bucket| (bucket, events));
        // Together: where the counts are shared, asking is a round trip.
        let asks: Vec<_> = requests.into_iter().chain(events).collect();
        let taken = self.rates.take_all(request.client, &asks).await?;
        for ((bucket, _), taken) in asks.into_iter().zip(taken) {
            Self::report(bucket, taken, batch);
        }
        Ok(())
    }
}

impl Define for RateLimit {
    const NAME: &'static str = "rate-limit";
    const SIDES: &'static [Side] = &[Side::Ingest];
    const DRY_RUN: bool = true;
    const CODES: &'static [Code] = &[RATE_LIMIT_EXCEEDED];
    type Config = RateLimitConfig;

    fn needs(config: &Self::Config) -> Needs {
        match config.events_per_minute {
            Some(_) => Needs::AtLeast(Form::Parsed),
            None => Needs::AtLeast(Form::Body),
        }
    }

    fn build(config: Self::Config, services: &Services) -> Result<Self, BuildError> {
        let RateLimitConfig { requests_per_minute, burst, events_per_minute } = config;
        if requests_per_minute.is_none() && events_per_minute.is_none() {
            let message = "nothing is limited: set requests_per_minute or events_per_minute";
            return Err(BuildError { path: Vec::new(), message: message.to_owned() });
        }
        if requests_per_minute.is_none() && burst > 0 {
            return Err(BuildError::at("burst", "has no effect without requests_per_minute"));
        }
        let bucket = |name, per_minute: NonZeroU32, on_top: u32| {
            let per_minute = u64::from(per_minute.get());
            Bucket { name, capacity: per_minute + u64::from(on_top), per_minute }
        };
        Ok(Self {
            rates: Arc::clone(&services.rates),
            requests: requests_per_minute.map(|rate| bucket("requests", rate, burst)),
            events: events_per_minute.map(|rate| bucket("events", rate, 0)),
        })
    }
}

#[cfg(test)]
mod tests;
