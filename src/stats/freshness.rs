//! How old an answer may be: the store's watermark, looked at once a second, and what it says about
//! the days that an answer covers.
//!
//! Separate from the cache, because servers that share one must agree on it, and pages that are not
//! kept need the extent as well.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use stages::ports::StoreError;
use stages::{Clock, Day};
use tokio::sync::Mutex;

use super::source::Source;
use crate::store::read::{Extent, Range};

/// How often the store is asked at most.
const LOOK: Duration = Duration::from_secs(1);
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
pub struct Freshness(Mutex<Option<Known>>);

impl Freshness {
    /// What is known, at most a second old. Whoever comes while the store is asked waits for that
    /// answer instead of asking again.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn look(&self, source: &dyn Source, clock: &dyn Clock) -> Result<Known, StoreError> {
        let mut last = self.0.lock().await;
        let now = clock.monotonic();
        if let Some(known) = last.as_ref().filter(|known| now < known.at + LOOK) {
            return Ok(known.clone());
        }
        let extent = source.extent().await?;
        let before = last.as_ref().filter(|known| known.extent.commits == extent.commits);
        let days = match before {
            Some(known) => Arc::clone(&known.days),
            None => {
                let from = clock.hour().day().plus(-DAYS_BACK);
                Arc::new(source.calls_by_day(from).await?.into_iter().collect())
            }
        };
        let known = Known { extent, days, at: now };
        *last = Some(known.clone());
        Ok(known)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::Ordering;

    use stages::{Hour, ManualClock};

    use super::*;
    use crate::stats::fake::{Call, Fake};

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
        assert!(freshness.look(&Fake::default(), &clock).await.is_ok());
    }
}
