//! The counter is one token bucket a limit under a clock that the test moves.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use serde_json::json;

use super::*;
use crate::bucket::TokenBucket;
use crate::clock::{Clock, ManualClock};
use crate::context::Request;
use crate::hash::ClientKey;
use crate::hour::Hour;
use crate::ports::{SharedError, Taken};
use crate::testing::{scanned, services};

const HOUR: Hour = Hour::from_epoch_hours(496_454);

struct Counter {
    clock: Arc<ManualClock>,
    buckets: Mutex<HashMap<(ClientKey, &'static str), TokenBucket>>,
    calls: Mutex<Vec<(&'static str, u64)>>,
}

#[async_trait]
impl RateCounter for Counter {
    async fn take_all(
        &self,
        client: ClientKey,
        asks: &[(Bucket, u64)],
    ) -> Result<Vec<Taken>, SharedError> {
        let mut answers = Vec::new();
        for &(bucket, cost) in asks {
            self.calls.lock().unwrap().push((bucket.name, cost));
            let mut buckets = self.buckets.lock().unwrap();
            let state = buckets.entry((client, bucket.name)).or_default();
            answers.push(state.take(bucket, self.clock.monotonic(), cost));
            if answers.last().is_some_and(|taken| !taken.allowed) {
                break;
            }
        }
        Ok(answers)
    }
}

struct Limited {
    stage: RateLimit,
    counter: Arc<Counter>,
}

fn limited(with: serde_json::Value) -> Limited {
    let clock = Arc::new(ManualClock::at(0));
    let counter = Counter { clock, buckets: Mutex::default(), calls: Mutex::default() };
    let counter = Arc::new(counter);
    let services = Services { rates: counter.clone(), ..services() };
    let config: RateLimitConfig = serde_json::from_value(with).unwrap();
    Limited { stage: RateLimit::build(config, &services).unwrap(), counter }
}

impl Limited {
    async fn send(&self, events: usize) -> Batch<'static> {
        let mut batch = Batch::replay((0..events).map(|_| (scanned("get_alerts").build(), HOUR)));
        let client = ClientKey::from_bytes([1; 16]);
        let request = Request { client, batch_key: None, received: HOUR, country: None };
        let cx = Cx { clock: &*self.counter.clock, request: Some(&request), tx: None };
        self.stage.run(&mut batch, cx).await.unwrap();
        batch
    }
}

fn quota(name: &'static str, limit: u64, window: u64, remaining: u64, reset: u64) -> Quota {
    Quota { name, limit, window_seconds: window, remaining, reset_seconds: reset }
}

#[tokio::test]
async fn requests_pass_up_to_the_limit_and_the_burst() {
    let limited = limited(json!({ "requests_per_minute": 60, "burst": 10 }));
    for left in (0..70).rev() {
        let batch = limited.send(100).await;
        assert_eq!(batch.refusal(), None);
        assert_eq!(batch.quotas(), [quota("requests", 70, 70, left, 70 - left)]);
    }
    let batch = limited.send(1).await;
    let refusal = batch.refusal().unwrap();
    assert_eq!(refusal.code, RATE_LIMIT_EXCEEDED);
    assert_eq!(refusal.kind, RefusalKind::RateLimited { retry_after: Duration::from_secs(1) });
    assert_eq!(batch.quotas(), [quota("requests", 70, 70, 0, 70)]);
    limited.counter.clock.advance(Duration::from_secs(1));
    assert_eq!(limited.send(1).await.refusal(), None);
}

#[tokio::test]
async fn events_may_overdraw_once() {
    let limited = limited(json!({ "events_per_minute": 100 }));
    assert_eq!(limited.send(99).await.quotas(), [quota("events", 100, 60, 1, 60)]);
    let batch = limited.send(101).await;
    assert_eq!((batch.refusal(), batch.quotas()), (None, &[quota("events", 100, 60, 0, 120)][..]));
    let batch = limited.send(1).await;
    let retry_after = Duration::from_millis(101 * 600);
    assert_eq!(batch.refusal().unwrap().kind, RefusalKind::RateLimited { retry_after });
}

#[tokio::test]
async fn each_limit_is_asked_once_and_events_only_after_requests() {
    let limited = limited(json!({ "requests_per_minute": 1, "events_per_minute": 10 }));
    assert_eq!(limited.send(3).await.refusal(), None);
    assert!(limited.send(3).await.refusal().is_some());
    let calls = limited.counter.calls.lock().unwrap().clone();
    assert_eq!(calls, [("requests", 1), ("events", 3), ("requests", 1)]);
}

#[test]
fn settings_that_limit_nothing_are_refused() {
    for (with, path, word) in [
        (json!({}), vec![], "requests_per_minute"),
        (json!({ "burst": 5 }), vec![], "requests_per_minute"),
        (json!({ "burst": 5, "events_per_minute": 5 }), vec!["burst"], "requests_per_minute"),
    ] {
        let config: RateLimitConfig = serde_json::from_value(with).unwrap();
        let error = RateLimit::build(config, &services()).err().unwrap();
        assert_eq!(error.path, path);
        assert!(error.message.contains(word), "{}", error.message);
    }
    for with in [json!({ "requests_per_minute": 0 }), json!({ "events_per_minute": 0 })] {
        assert!(serde_json::from_value::<RateLimitConfig>(with).is_err());
    }
}

#[test]
fn events_can_be_limited_once_they_can_be_counted() {
    for (with, form) in [
        (json!({ "requests_per_minute": 1 }), Form::Body),
        (json!({ "events_per_minute": 1 }), Form::Parsed),
        (json!({ "requests_per_minute": 1, "events_per_minute": 1 }), Form::Parsed),
    ] {
        let config: RateLimitConfig = serde_json::from_value(with).unwrap();
        assert_eq!(RateLimit::needs(&config), Needs::AtLeast(form));
    }
}
