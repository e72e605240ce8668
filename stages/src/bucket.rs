//! The arithmetic of a token bucket that may go into debt, for whoever counts clients in a process.
//!
//! Own code because the usual crates (`governor` among them) refuse a cost above the balance: here a
//! client is never refused for the size of one batch, it pays by waiting longer. As in the generic
//! cell rate algorithm the whole state is one point in time, so a client costs sixteen bytes, and
//! nothing has to be refilled.

use std::time::Duration;

use crate::ports::{Bucket, Taken};

const NANOS_PER_MINUTE: u128 = 60_000_000_000;
const NANOS_PER_SECOND: u128 = 1_000_000_000;

/// One client's bucket. New ones are full.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TokenBucket {
    /// Monotonic time at which the bucket is full again. A point in time and not a balance, so that
    /// it stays meaningful when the limit is changed under it.
    full_at: Duration,
}

impl TokenBucket {
    /// Takes `cost` tokens at the monotonic time `now`, if at least one is there; see
    /// [`crate::ports::RateCounter`]. A take may come out at most one nanosecond cheaper than exact,
    /// when the time that its tokens take to refill is no whole number of nanoseconds.
    pub fn take(&mut self, bucket: Bucket, now: Duration, cost: u64) -> Taken {
        let per_minute = u128::from(bucket.per_minute.max(1));
        // In units of which one token has NANOS_PER_MINUTE and one nanosecond brings `per_minute`.
        let capacity = u128::from(bucket.capacity).saturating_mul(NANOS_PER_MINUTE);
        let missing = |lag: Duration| lag.as_nanos().saturating_mul(per_minute);

        let lag = self.full_at.saturating_sub(now);
        let short = missing(lag).saturating_add(NANOS_PER_MINUTE).saturating_sub(capacity);
        let allowed = short == 0;
        if allowed {
            let price = u128::from(cost) * NANOS_PER_MINUTE / per_minute;
            self.full_at = self.full_at.max(now).saturating_add(nanos(price));
        }
        let full_after = self.full_at.saturating_sub(now);
        let left = capacity.saturating_sub(missing(full_after)) / NANOS_PER_MINUTE;
        Taken {
            allowed,
            remaining: u64::try_from(left).unwrap_or(u64::MAX),
            retry_after: nanos(short.div_ceil(per_minute)),
            full_after,
        }
    }

    /// Whether nothing is owed at `now`: a full bucket is as good as a new one and need not be kept.
    pub fn is_full(&self, now: Duration) -> bool {
        self.full_at <= now
    }
}

fn nanos(count: u128) -> Duration {
    let seconds = u64::try_from(count / NANOS_PER_SECOND).unwrap_or(u64::MAX);
    // The remainder is below 10^9, which fits.
    Duration::new(seconds, (count % NANOS_PER_SECOND) as u32)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A balance that is refilled step by step: the textbook form, in exact fractions of a token.
    struct Model {
        balance: i128,
        at: Duration,
    }

    const TOKEN: i128 = 60_000_000_000;

    impl Model {
        fn refill(&mut self, bucket: Bucket, now: Duration) {
            let gained = (now - self.at).as_nanos() as i128 * i128::from(bucket.per_minute);
            self.balance = (self.balance + gained).min(i128::from(bucket.capacity) * TOKEN);
            self.at = now;
        }

        fn take(&mut self, bucket: Bucket, now: Duration, cost: u64) -> Taken {
            self.refill(bucket, now);
            let wait = |units: i128| {
                let nanos = (units.max(0) as u128).div_ceil(u128::from(bucket.per_minute));
                Duration::from_nanos(nanos as u64)
            };
            let allowed = self.balance >= TOKEN;
            let retry_after = wait(TOKEN - self.balance);
            if allowed {
                self.balance -= i128::from(cost) * TOKEN;
            }
            Taken {
                allowed,
                remaining: (self.balance.max(0) / TOKEN) as u64,
                retry_after,
                full_after: wait(i128::from(bucket.capacity) * TOKEN - self.balance),
            }
        }
    }

    fn full(bucket: Bucket) -> Model {
        Model { balance: i128::from(bucket.capacity) * TOKEN, at: Duration::ZERO }
    }

    const fn shape(capacity: u64, per_minute: u64) -> Bucket {
        Bucket { name: "test", capacity, per_minute }
    }

    #[test]
    fn the_shipped_request_limit_lets_seventy_through_and_then_one_a_second() {
        let (bucket, mut state) = (shape(70, 60), TokenBucket::default());
        let start = Duration::from_secs(5);
        for left in (0..70).rev() {
            let taken = state.take(bucket, start, 1);
            assert_eq!((taken.allowed, taken.remaining), (true, left));
            assert_eq!(taken.full_after, Duration::from_secs(70 - left));
        }
        let refused = state.take(bucket, start, 1);
        assert_eq!((refused.allowed, refused.remaining), (false, 0));
        assert_eq!(refused.retry_after, Duration::from_secs(1));
        let early = start + Duration::from_nanos(999_999_999);
        assert_eq!(state.take(bucket, early, 1).retry_after, Duration::from_nanos(1));
        assert!(state.take(bucket, start + Duration::from_secs(1), 1).allowed);
        assert!(!state.is_full(start + Duration::from_secs(70)));
        assert!(state.is_full(start + Duration::from_secs(71)));
    }

    #[test]
    fn a_batch_may_go_into_debt_and_pays_by_waiting() {
        let (bucket, mut state) = (shape(1_000, 1_000), TokenBucket::default());
        assert!(state.take(bucket, Duration::ZERO, 999).allowed);
        let taken = state.take(bucket, Duration::ZERO, 101);
        assert_eq!((taken.allowed, taken.remaining), (true, 0));
        // 100 tokens of debt and the one that must be there: 101 at 60 ms each.
        let refused = state.take(bucket, Duration::ZERO, 1);
        assert_eq!((refused.allowed, refused.retry_after), (false, Duration::from_millis(6_060)));
        assert!(state.take(bucket, Duration::from_millis(6_060), 1).allowed);
    }

    #[test]
    fn a_rate_that_does_not_divide_a_minute_loses_no_token() {
        let (bucket, mut state) = (shape(70, 7), TokenBucket::default());
        let passed = (0..100).filter(|_| state.take(bucket, Duration::ZERO, 1).allowed).count();
        assert_eq!(passed, 70);
    }

    #[test]
    fn extreme_shapes_and_costs_saturate() {
        let mut state = TokenBucket::default();
        let taken = state.take(shape(1, 1), Duration::MAX, u64::MAX);
        assert_eq!((taken.allowed, taken.full_after), (true, Duration::ZERO));
        let taken = state.take(shape(1, u64::MAX), Duration::ZERO, u64::MAX);
        assert_eq!((taken.allowed, taken.remaining), (false, 0));
        let taken = TokenBucket::default().take(shape(u64::MAX, 1), Duration::ZERO, 1);
        assert_eq!((taken.allowed, taken.remaining), (true, u64::MAX - 1));
        assert!(!TokenBucket::default().take(shape(0, 1), Duration::ZERO, 1).allowed);
    }

    fn steps() -> impl Strategy<Value = Vec<(u64, u64)>> {
        proptest::collection::vec((0_u64..20_000_000_000, 0_u64..200), 1..200)
    }

    proptest! {
        /// Rates that divide a minute into whole nanoseconds: no answer differs.
        #[test]
        fn agrees_with_the_model(
            capacity in 1_u64..300,
            rate in proptest::sample::select(vec![1_u64, 2, 3, 10, 60, 96, 600, 1_000, 1_500]),
            steps in steps(),
        ) {
            let bucket = shape(capacity, rate);
            let (mut model, mut state, mut now) = (full(bucket), TokenBucket::default(), Duration::ZERO);
            for (pause, cost) in steps {
                now += Duration::from_nanos(pause);
                prop_assert_eq!(state.take(bucket, now, cost), model.take(bucket, now, cost));
            }
        }

        /// Any rate: at most a nanosecond a take in the client's favour, never against it.
        #[test]
        fn stays_within_a_nanosecond_a_take_of_the_model(
            capacity in 1_u64..300,
            rate in 1_u64..5_000,
            steps in steps(),
        ) {
            let bucket = shape(capacity, rate);
            let (mut model, mut state, mut now) = (full(bucket), TokenBucket::default(), Duration::ZERO);
            for (taken, (pause, cost)) in (1..).zip(steps) {
                now += Duration::from_nanos(pause);
                model.refill(bucket, now);
                let slack = taken * i128::from(rate);
                let got = state.take(bucket, now, cost);
                prop_assert!(got.allowed || model.balance < TOKEN);
                prop_assert!(!got.allowed || model.balance + slack >= TOKEN);
                // The model follows the decision, so that both go on from the same place.
                if got.allowed {
                    model.balance -= i128::from(cost) * TOKEN;
                }
            }
        }
    }
}
