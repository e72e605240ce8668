//! How old an answer may be: the store's watermark, looked at once a second, and what it says about
//! the days that an answer covers.
//!
//! Separate from the cache, because servers that share one must agree on it, and because here it is
//! found out that the store is away.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use stages::ports::StoreError;
use stages::{Clock, Day};
use tokio::sync::Mutex;

use super::source::Source;
use crate::store::read::{Extent, Range};

/// How often the store is asked at most.
const LOOK: Duration = Duration::from_secs(1);
/// How long the store may take to say how far it is. It is one row: a store that takes longer is away,
/// and who waits for a page would rather see the last one.
const PATIENCE: Duration = Duration::from_secs(3);
/// Days back of which calls are counted: events are accepted for three days after they happened.
const DAYS_BACK: i64 = 4;

/// What was known when the store was looked at.
#[derive(Debug, Clone)]
pub struct Known {
    /// How far the rollups reach.
    pub extent: Extent,
    days: Arc<BTreeMap<Day, u64>>,
    at: Duration,
}

impl Known {
    /// A number that is another one when a day that a range touches has changed, and the same for
    /// every server that looks at the same store.
    pub fn generation(&self, range: Range) -> u64 {
        let last = range.to.plus(-1).day();
        let days = self.days.range(range.from.day()..=last.max(range.from.day()));
        // A day's calls only grow, so their sum tells.
        days.map(|(_, calls)| calls).sum()
    }
}

/// Looks at the store.
#[derive(Default)]
pub struct Freshness {
    last: Mutex<Last>,
    /// Whether the last look failed.
    away: AtomicBool,
}

#[derive(Default)]
struct Last {
    known: Option<Known>,
    /// When a look failed, if none has succeeded since.
    failed: Option<Duration>,
}

impl Freshness {
    /// What is known, at most a second old. Whoever comes while the store is asked waits for that
    /// answer instead of asking again.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn look(&self, source: &dyn Source, clock: &dyn Clock) -> Result<Known, StoreError> {
        // While the store is away one at a time finds out whether it is back, and nobody waits for it.
        let mut last = match self.away.load(Ordering::Relaxed) {
            true => self.last.try_lock().map_err(|_| away())?,
            false => self.last.lock().await,
        };
        let now = clock.monotonic();
        if let Some(known) = last.known.as_ref().filter(|known| now < known.at + LOOK) {
            return Ok(known.clone());
        }
        if last.failed.is_some_and(|at| now < at + LOOK) {
            return Err(away());
        }
        let asked = tokio::time::timeout(PATIENCE, ask(source, clock, last.known.as_ref())).await;
        let known = asked.unwrap_or_else(|_| Err(away()));
        self.away.store(known.is_err(), Ordering::Relaxed);
        last.failed = known.is_err().then(|| clock.monotonic());
        let known = known?;
        last.known = Some(known.clone());
        Ok(known)
    }
}

async fn ask(
    source: &dyn Source,
    clock: &dyn Clock,
    last: Option<&Known>,
) -> Result<Known, StoreError> {
    let at = clock.monotonic();
    let extent = source.extent().await?;
    let days = match last.filter(|known| known.extent.commits == extent.commits) {
        Some(known) => Arc::clone(&known.days),
        None => {
            let from = clock.hour().day().plus(-DAYS_BACK);
            Arc::new(source.calls_by_day(from).await?.into_iter().collect())
        }
    };
    Ok(Known { extent, days, at })
}

fn away() -> StoreError {
    StoreError::Transient("it did not say a moment ago how far it is".into())
}

#[cfg(test)]
mod tests {
    use stages::rollup::Axis;
    use stages::sessions::Sessions;
    use stages::{Hour, ManualClock};

    use super::*;
    use crate::stats::fake::{Call, Fake};
    use crate::store::read::{Cell, ErrorCell, Filter, Question, Sighting};

    fn range(from: &str, to: &str) -> Range {
        let hour = |text: &str| Hour::parse(&format!("{text}:00:00Z")).unwrap();
        Range { from: hour(from), to: hour(to) }
    }

    #[tokio::test]
    async fn the_store_is_asked_once_a_second_and_for_days_only_after_a_change() {
        // Thursday 2026-08-20T15:04:05Z.
        let clock = ManualClock::at(1_787_238_245);
        let mut source =
            Fake::of(vec![Call { hour: "2026-08-20T14", tool: "a", ..Call::default() }]);
        let freshness = Freshness::default();
        let today = range("2026-08-20T00", "2026-08-20T16");
        let asked = |source: &Fake| source.asked.load(Ordering::Relaxed);
        let first = freshness.look(&source, &clock).await.unwrap();
        freshness.look(&source, &clock).await.unwrap();
        assert_eq!((asked(&source), first.generation(today)), (2, 1));
        clock.advance(Duration::from_secs(1));
        freshness.look(&source, &clock).await.unwrap();
        assert_eq!(asked(&source), 3, "nothing has changed");
        source.calls.push(Call { hour: "2026-08-20T15", tool: "a", ..Call::default() });
        clock.advance(Duration::from_millis(999));
        assert_eq!(freshness.look(&source, &clock).await.unwrap().generation(today), 1);
        clock.advance(Duration::from_millis(1));
        let later = freshness.look(&source, &clock).await.unwrap();
        assert_eq!((asked(&source), later.generation(today)), (5, 2));
        let before = range("2026-08-01T00", "2026-08-20T00");
        assert_eq!((first.generation(before), later.generation(before)), (0, 0));
    }

    #[tokio::test]
    async fn a_store_that_is_down_is_asked_again() {
        let clock = ManualClock::at(1_787_238_245);
        let freshness = Freshness::default();
        assert!(freshness.look(&Fake::down(), &clock).await.is_err());
        let back = Fake::default();
        assert!(freshness.look(&back, &clock).await.is_err(), "it was away a moment ago");
        assert_eq!(back.asked.load(Ordering::Relaxed), 0);
        clock.advance(LOOK);
        assert!(freshness.look(&back, &clock).await.is_ok());
    }

    /// A store that never answers.
    struct Silent;

    #[async_trait::async_trait]
    impl Source for Silent {
        async fn cells(&self, _: &Question) -> Result<Vec<Cell>, StoreError> {
            std::future::pending().await
        }

        async fn errors(&self, _: Range, _: &Filter) -> Result<Vec<ErrorCell>, StoreError> {
            std::future::pending().await
        }

        async fn sightings(&self, _: Range, _: &Filter) -> Result<Vec<Sighting>, StoreError> {
            std::future::pending().await
        }

        async fn values(&self, _: Range, _: Axis, _: &Filter) -> Result<Vec<String>, StoreError> {
            std::future::pending().await
        }

        async fn sessions(&self, _: Day, _: Day) -> Result<Sessions, StoreError> {
            std::future::pending().await
        }

        async fn extent(&self) -> Result<Extent, StoreError> {
            std::future::pending().await
        }

        async fn calls_by_day(&self, _: Day) -> Result<Vec<(Day, u64)>, StoreError> {
            std::future::pending().await
        }

        fn withholds(&self) -> bool {
            false
        }
    }

    #[tokio::test]
    async fn while_the_store_is_away_one_asks_and_the_others_do_not_wait() {
        let clock = ManualClock::at(1_787_238_245);
        let freshness = Freshness::default();
        assert!(freshness.look(&Fake::down(), &clock).await.is_err());
        clock.advance(LOOK);
        let (one, other) = (freshness.look(&Silent, &clock), freshness.look(&Silent, &clock));
        tokio::select! {
            biased;
            _ = one => panic!("nobody answers"),
            answer = other => assert!(answer.is_err()),
        }
        clock.advance(LOOK);
        assert!(freshness.look(&Fake::default(), &clock).await.is_ok());
    }
}
