//! State of this process in place of shared state that cannot be reached: `if_down: local`.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use crate::context::{Local, Services};
use crate::hash::ClientKey;
use crate::ports::{Bucket, RateCounter, SeenKey, SeenSet, SharedError, Taken};

/// Asks the shared one first, and the local one when that fails.
struct OrLocal<T: ?Sized> {
    shared: Arc<T>,
    local: Arc<T>,
}

impl Services {
    /// The same services, with local state where shared state fails.
    pub fn or_local(&self) -> Self {
        let Some(Local { seen, rates }) = self.local.clone() else { return self.clone() };
        Self {
            seen: Arc::new(OrLocal { shared: Arc::clone(&self.seen), local: seen }),
            rates: Arc::new(OrLocal { shared: Arc::clone(&self.rates), local: rates }),
            ..self.clone()
        }
    }
}

#[async_trait]
impl RateCounter for OrLocal<dyn RateCounter> {
    async fn take_all(
        &self,
        client: ClientKey,
        asks: &[(Bucket, u64)],
    ) -> Result<Vec<Taken>, SharedError> {
        match self.shared.take_all(client, asks).await {
            Err(_) => self.local.take_all(client, asks).await,
            taken => taken,
        }
    }
}

#[async_trait]
impl SeenSet for OrLocal<dyn SeenSet> {
    async fn seen(&self, keys: &[SeenKey], window: Duration) -> Result<Vec<bool>, SharedError> {
        match self.shared.seen(keys, window).await {
            Err(_) => self.local.seen(keys, window).await,
            seen => seen,
        }
    }

    async fn remember(
        &self,
        keys: &[SeenKey],
        window: Duration,
        max_keys: usize,
    ) -> Result<(), SharedError> {
        match self.shared.remember(keys, window, max_keys).await {
            Err(_) => self.local.remember(keys, window, max_keys).await,
            remembered => remembered,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};

    use super::*;
    use crate::hash::Identity;
    use crate::testing::{Fault, Faults, MemorySeen, OpenRates, services};

    #[derive(Default)]
    struct Down(AtomicBool);

    impl Faults for Down {
        fn at(&self, point: &'static str) -> Option<Fault> {
            self.0.load(Ordering::Relaxed).then_some(Fault(point))
        }
    }

    struct Closed;

    #[async_trait]
    impl RateCounter for Closed {
        async fn take_all(
            &self,
            _: ClientKey,
            _: &[(Bucket, u64)],
        ) -> Result<Vec<Taken>, SharedError> {
            Err(SharedError("away".into()))
        }
    }

    #[tokio::test]
    async fn what_is_shared_is_asked_as_long_as_it_answers() {
        let (down, clock) = (Arc::new(Down::default()), Arc::new(crate::ManualClock::at(0)));
        let shared = Arc::new(MemorySeen::new(clock.clone(), down.clone()));
        let local = Local { seen: Arc::new(MemorySeen::default()), rates: Arc::new(OpenRates) };
        let services =
            Services { seen: shared, rates: Arc::new(Closed), local: Some(local), ..services() };
        let either = services.or_local();
        let key = |number| SeenKey::Event(Identity::from_bytes([number; 16]));
        let window = Duration::from_secs(60);
        either.seen.remember(&[key(1)], window, 9).await.unwrap();
        down.0.store(true, Ordering::Relaxed);
        either.seen.remember(&[key(2)], window, 9).await.unwrap();
        let keys = [key(1), key(2)];
        assert_eq!(either.seen.seen(&keys, window).await.unwrap(), [false, true]);
        down.0.store(false, Ordering::Relaxed);
        assert_eq!(either.seen.seen(&keys, window).await.unwrap(), [true, false]);

        let bucket = Bucket { name: "requests", capacity: 5, per_minute: 5 };
        let client = ClientKey::from_bytes([1; 16]);
        assert!(either.rates.take(client, bucket, 1).await.unwrap().allowed);
        assert!(services.rates.take(client, bucket, 1).await.is_err());
    }
}
