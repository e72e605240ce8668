//! Answers that are kept: in this process, and in what servers share when there is something.
//!
//! An answer is made once however many ask for it at the same time. What is kept is bounded in bytes,
//! and what is asked for often is preferred to what is asked for once, so that whoever asks for
//! thousands of periods pushes nobody else's answers out. The key holds the generation of the days
//! that an answer covers: one that no longer holds is not found any more.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use quick_cache::Weighter;
use quick_cache::sync::Cache;
use stages::Clock;

use crate::http::cached::fingerprint;
use crate::http::problem::Problem;
use crate::telemetry::Metrics;

/// Longest time for which an answer is kept. Not counted from when it was made: all answers are
/// forgotten together, so that no place in which they are kept adds to the time.
pub const LIFETIME: Duration = Duration::from_secs(300);
/// Most bytes that are kept in this process.
const CAPACITY: u64 = 32 * 1_024 * 1_024;
/// Larger answers are not kept: they are exports, which nobody asks for twice.
const LARGEST: usize = 1_024 * 1_024;
/// Bytes of a usual answer, by which the table of answers is sized.
const USUAL: usize = 4 * 1_024;
/// Answers of another version may have other members.
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// An answer in one form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// The body.
    pub body: Bytes,
    /// A name for the body.
    pub tag: String,
    /// Path and query of the next page.
    pub next: Option<String>,
}

impl Kept {
    /// A new answer.
    pub fn new(body: Vec<u8>, next: Option<String>) -> Self {
        Self { tag: fingerprint(&body), body: body.into(), next }
    }

    /// The answer as servers share it: its tag and its next page in a line, and the body.
    fn to_bytes(&self) -> Vec<u8> {
        let line = format!("{} {}\n", self.tag, self.next.as_deref().unwrap_or_default());
        [line.as_bytes(), &self.body].concat()
    }

    /// Reads what was shared; `None` when it is damaged.
    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let end = bytes.iter().position(|byte| *byte == b'\n')?;
        let (tag, next) = std::str::from_utf8(&bytes[..end]).ok()?.split_once(' ')?;
        let next = Some(next.to_owned()).filter(|next| !next.is_empty());
        Some(Self::new(bytes[end + 1..].to_vec(), next)).filter(|kept| kept.tag == tag)
    }
}

/// A place that servers share. It may lose everything at any time, and answers quickly or not at all.
#[async_trait]
pub trait SharedAnswers: Send + Sync {
    /// What is kept under a key, if anything.
    async fn get(&self, key: &str) -> Option<Vec<u8>>;

    /// Keeps something for [`LIFETIME`].
    async fn put(&self, key: &str, value: &[u8]);
}

/// An answer that was made, and whether it may be kept.
pub struct Made {
    /// The answer.
    pub answer: Kept,
    /// Whether it may be kept: not when it is about names that nobody ever used.
    pub keep: bool,
}

/// The bytes of an entry.
#[derive(Clone)]
struct Bulk;

impl Weighter<String, Arc<Kept>> for Bulk {
    fn weight(&self, key: &String, kept: &Arc<Kept>) -> u64 {
        let next = kept.next.as_ref().map_or(0, String::len);
        (key.len() + kept.body.len() + kept.tag.len() + next) as u64
    }
}

/// The answers.
pub struct Answers {
    near: Cache<String, Arc<Kept>, Bulk>,
    far: Option<Arc<dyn SharedAnswers>>,
    clock: Arc<dyn Clock>,
    metrics: Arc<Metrics>,
}

impl Answers {
    /// An empty place, in front of one that servers share.
    pub fn new(
        far: Option<Arc<dyn SharedAnswers>>,
        clock: Arc<dyn Clock>,
        metrics: Arc<Metrics>,
    ) -> Self {
        let usual = usize::try_from(CAPACITY).unwrap_or(usize::MAX) / USUAL;
        Self { near: Cache::with_weighter(usual, CAPACITY, Bulk), far, clock, metrics }
    }

    /// The answer that is kept under a key, or the one that `make` makes.
    ///
    /// # Errors
    /// When it cannot be made.
    pub async fn get(
        &self,
        key: &str,
        make: impl Future<Output = Result<Made, Problem>>,
    ) -> Result<Arc<Kept>, Problem> {
        let epoch = self.clock.unix_millis().div_euclid(LIFETIME.as_millis() as i64);
        let key = format!("{VERSION} {epoch} {key}");
        // Whoever comes while an answer is made waits for it.
        let guard = match self.near.get_value_or_guard_async(&key).await {
            Ok(kept) => {
                self.metrics.answer_looked_up("hit");
                return Ok(kept);
            }
            Err(guard) => guard,
        };
        let (answer, keep) = self.find(&key, make).await?;
        self.metrics.answer_looked_up(if keep { "miss" } else { "not_kept" });
        if keep {
            // Refused only when somebody has put another one there.
            guard.insert(Arc::clone(&answer)).ok();
        }
        Ok(answer)
    }

    async fn find(
        &self,
        key: &str,
        make: impl Future<Output = Result<Made, Problem>>,
    ) -> Result<(Arc<Kept>, bool), Problem> {
        if let Some(far) = &self.far
            && let Some(found) = far.get(key).await
            && let Some(kept) = Kept::from_bytes(&found)
        {
            return Ok((Arc::new(kept), true));
        }
        let Made { answer, keep } = make.await?;
        let keep = keep && answer.body.len() <= LARGEST;
        if let Some(far) = self.far.as_ref().filter(|_| keep) {
            far.put(key, &answer.to_bytes()).await;
        }
        Ok((Arc::new(answer), keep))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::Mutex;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use stages::ManualClock;

    use super::*;
    use crate::http::problem::Kind;

    fn answers(far: Option<Arc<dyn SharedAnswers>>) -> Answers {
        let clock = Arc::new(ManualClock::at(1_787_238_245));
        Answers::new(far, clock, Arc::new(Metrics::new().unwrap()))
    }

    fn made(body: &str, keep: bool) -> Result<Made, Problem> {
        Ok(Made { answer: Kept::new(body.into(), None), keep })
    }

    async fn body(answers: &Answers, key: &str, make: Result<Made, Problem>) -> Bytes {
        answers.get(key, async { make }).await.unwrap().body.clone()
    }

    #[tokio::test]
    async fn what_may_not_be_kept_is_made_again() {
        let answers = answers(None);
        for (key, first, keep, want) in [
            ("a", "1", true, "1"),
            ("b", "1", false, "2"),
            ("c", &"x".repeat(LARGEST + 1), true, "2"),
        ] {
            body(&answers, key, made(first, keep)).await;
            assert_eq!(body(&answers, key, made("2", true)).await, want, "{key}");
        }
        let failed = || Err(Problem::plain(Kind::NotFound, "no"));
        assert!(answers.get("d", async { failed() }).await.is_err());
        assert_eq!(body(&answers, "d", made("2", true)).await, "2");
    }

    #[tokio::test]
    async fn many_who_ask_at_once_are_answered_by_one() {
        let (answers, times) = (answers(None), AtomicUsize::new(0));
        let ask = || {
            answers.get("a", async {
                times.fetch_add(1, Ordering::Relaxed);
                tokio::task::yield_now().await;
                made("1", true)
            })
        };
        let (a, b, c) = tokio::join!(ask(), ask(), ask());
        assert!([a, b, c].into_iter().all(|answer| answer.unwrap().body == "1"));
        assert_eq!(times.load(Ordering::Relaxed), 1);
    }

    #[tokio::test]
    async fn strangers_fill_nothing() {
        let answers = answers(None);
        let page = "x".repeat(100_000);
        for n in 0..1_000 {
            body(&answers, &format!("stranger {n}"), made(&page, true)).await;
            body(&answers, "page", made("1", true)).await;
        }
        assert!(answers.near.weight() <= CAPACITY, "{}", answers.near.weight());
        assert_eq!(body(&answers, "page", made("2", true)).await, "1", "what is asked for stays");
    }

    #[tokio::test]
    async fn nothing_is_kept_for_longer_than_the_lifetime() {
        let clock = Arc::new(ManualClock::at(300_000));
        let metrics = Arc::new(Metrics::new().unwrap());
        let answers = Answers::new(None, Arc::clone(&clock) as _, metrics);
        for (after, want) in [(0, "0"), (299, "0"), (1, "300"), (300, "600")] {
            clock.advance(Duration::from_secs(after));
            let now = (clock.unix_millis() / 1_000 - 300_000).to_string();
            assert_eq!(body(&answers, "a", made(&now, true)).await, want);
        }
    }

    #[derive(Default)]
    struct Far(Mutex<BTreeMap<String, Vec<u8>>>);

    #[async_trait]
    impl SharedAnswers for Far {
        async fn get(&self, key: &str) -> Option<Vec<u8>> {
            self.0.lock().unwrap().get(key).cloned()
        }

        async fn put(&self, key: &str, value: &[u8]) {
            self.0.lock().unwrap().insert(key.to_owned(), value.to_vec());
        }
    }

    #[test]
    fn what_is_shared_is_read_back_whole_or_not_at_all() {
        for next in [None, Some("/v1/stats/export?limit=1".to_owned())] {
            let kept = Kept::new(b"a\nb\xff".to_vec(), next);
            let bytes = kept.to_bytes();
            assert_eq!(Kept::from_bytes(&bytes), Some(kept));
            assert_eq!(Kept::from_bytes(&bytes[..bytes.len() - 1]), None);
        }
        assert_eq!(Kept::from_bytes(b""), None);
    }

    #[tokio::test]
    async fn another_server_finds_what_one_has_made() {
        let far = Arc::new(Far::default());
        let [one, other] = [(); 2].map(|()| answers(Some(Arc::clone(&far) as _)));
        body(&one, "a", made("1", true)).await;
        assert_eq!(body(&other, "a", made("2", true)).await, "1");
        body(&one, "b", made("1", false)).await;
        assert_eq!(body(&other, "b", made("2", true)).await, "2");
        far.0.lock().unwrap().values_mut().for_each(|value| *value = b"damaged".to_vec());
        assert_eq!(body(&answers(Some(far)), "a", made("3", true)).await, "3");
    }
}
