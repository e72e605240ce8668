//! Where "now" comes from. The only file that may read the machine's clocks.
//!
//! Two clocks, never mixed: the wall clock stamps data, the monotonic clock measures limits, leases
//! and durations, so a clock step neither deletes data nor jams a lease.

use std::sync::Mutex;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::hour::Hour;

/// A source of time.
pub trait Clock: Send + Sync {
    /// Wall-clock time as milliseconds since 1970-01-01T00:00:00Z.
    fn unix_millis(&self) -> i64;

    /// Time since an arbitrary fixed point; never goes back.
    fn monotonic(&self) -> Duration;

    /// Whether this is the time of the world, which other machines go by as well.
    fn is_real(&self) -> bool {
        true
    }

    /// The current UTC hour.
    fn hour(&self) -> Hour {
        Hour::containing(self.unix_millis().div_euclid(1_000))
    }
}

/// The machine's clocks.
#[derive(Debug)]
pub struct SystemClock {
    started: Instant,
}

impl SystemClock {
    /// A clock whose monotonic time starts now.
    #[expect(clippy::disallowed_methods, reason = "this is the one place that reads the clocks")]
    pub fn new() -> Self {
        Self { started: Instant::now() }
    }
}

impl Default for SystemClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the one place that reads the clocks")]
    fn unix_millis(&self) -> i64 {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
    }

    fn monotonic(&self) -> Duration {
        self.started.elapsed()
    }
}

/// A clock that moves only when told to; for tests, simulations and demo data.
#[derive(Debug)]
pub struct ManualClock {
    now: Mutex<(i64, Duration)>,
}

impl ManualClock {
    /// A clock that stands at a Unix time in seconds.
    pub fn at(unix_seconds: i64) -> Self {
        Self { now: Mutex::new((unix_seconds * 1_000, Duration::ZERO)) }
    }

    /// Moves both clocks forward.
    pub fn advance(&self, by: Duration) {
        let mut now = self.lock();
        now.0 += i64::try_from(by.as_millis()).unwrap_or(i64::MAX);
        now.1 += by;
    }

    /// Sets the wall clock alone, as an administrator or NTP would.
    pub fn step_wall(&self, unix_seconds: i64) {
        self.lock().0 = unix_seconds * 1_000;
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, (i64, Duration)> {
        self.now.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

impl Clock for ManualClock {
    fn unix_millis(&self) -> i64 {
        self.lock().0
    }

    fn monotonic(&self) -> Duration {
        self.lock().1
    }

    fn is_real(&self) -> bool {
        false
    }
}
