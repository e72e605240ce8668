//! Calls of both statuses together, and what answers read from them.
//!
//! Separate from the cells because a cell holds one status; rates need both.

use std::collections::BTreeMap;

use stages::Status;
use stages::rollup::Measures;

/// A set of calls.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Tally {
    /// What is known of all of them.
    pub measures: Measures,
    /// How many of them succeeded.
    pub successes: u64,
}

impl Tally {
    /// Adds the calls of one status.
    pub fn add(&mut self, status: Status, measures: &Measures) {
        self.measures.merge(measures);
        if status == Status::Success {
            self.successes += measures.calls;
        }
    }

    /// Adds the calls of another set.
    pub fn merge(&mut self, other: &Self) {
        self.measures.merge(&other.measures);
        self.successes += other.successes;
    }

    /// Calls.
    pub fn calls(&self) -> u64 {
        self.measures.calls
    }

    /// Calls that failed.
    pub fn failures(&self) -> u64 {
        self.calls() - self.successes
    }

    /// Share of the calls that succeeded, 0..=1; 0 without calls.
    pub fn success_rate(&self) -> f64 {
        share(self.successes, self.calls())
    }

    /// Share of the calls that succeeded, 0..=1; `None` without calls.
    pub fn known_success_rate(&self) -> Option<f64> {
        (self.calls() > 0).then(|| self.success_rate())
    }

    /// Share of the calls that the client's cache answered, of those that said, 0..=1; `None` when
    /// none said.
    pub fn known_hit_rate(&self) -> Option<f64> {
        (self.cache_lookups() > 0).then(|| self.hit_rate())
    }

    /// Mean response time in milliseconds; 0 when none is known.
    pub fn mean(&self) -> f64 {
        self.measures.mean().unwrap_or_default()
    }

    /// Response time at a quantile (0..=1) in milliseconds; 0 when none is known.
    pub fn quantile(&self, q: f64) -> u64 {
        self.measures.quantile(q).unwrap_or_default()
    }

    /// Calls that said whether the client's cache answered.
    pub fn cache_lookups(&self) -> u64 {
        self.measures.cache_hits + self.measures.cache_misses
    }

    /// Share of those that it did answer, 0..=1; 0 when none said.
    pub fn hit_rate(&self) -> f64 {
        share(self.measures.cache_hits, self.cache_lookups())
    }
}

/// `part` of `whole` as a fraction, 0..=1; 0 of nothing.
pub fn share(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

/// `part` of `whole` in per cent, 0..=100; 0 of nothing.
pub fn percent(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 * 100.0 / whole as f64 }
}

/// Adds cells up by a key.
pub fn tally<'c, K: Ord>(
    cells: impl IntoIterator<Item = (K, Status, &'c Measures)>,
) -> BTreeMap<K, Tally> {
    let mut tallies = BTreeMap::<K, Tally>::new();
    for (key, status, measures) in cells {
        tallies.entry(key).or_default().add(status, measures);
    }
    tallies
}

/// All calls together.
pub fn total<'t>(tallies: impl IntoIterator<Item = &'t Tally>) -> Tally {
    tallies.into_iter().fold(Tally::default(), |mut sum, tally| {
        sum.merge(tally);
        sum
    })
}

/// Most calls first; equal ones by key.
pub fn ranked<K: Ord + Copy>(tallies: &BTreeMap<K, Tally>) -> Vec<(K, &Tally)> {
    let mut ranked: Vec<_> = tallies.iter().map(|(key, tally)| (*key, tally)).collect();
    // The sort is stable and the map is in key order.
    ranked.sort_by_key(|(_, tally)| std::cmp::Reverse(tally.calls()));
    ranked
}

#[cfg(test)]
mod tests {
    use super::*;

    fn timed(times: &[u64]) -> Measures {
        let mut measures = Measures { calls: times.len() as u64, ..Measures::default() };
        for &ms in times {
            measures.time_sum += ms;
            measures.time_count += 1;
            measures.time_min = Some(measures.time_min.map_or(ms, |min| min.min(ms)));
            measures.time_max = measures.time_max.max(Some(ms));
            measures.times.record(ms);
        }
        measures
    }

    #[test]
    fn a_mean_is_that_of_the_calls_and_not_of_the_cells() {
        let many = timed(&[10; 1_000]);
        let one = timed(&[1_000]);
        let cells = [("t", Status::Success, &many), ("t", Status::Error, &one)];
        let tallies = tally(cells);
        let tally = &tallies["t"];
        assert_eq!(tally.mean(), 11_000.0 / 1_001.0);
        assert_eq!((tally.calls(), tally.successes, tally.failures()), (1_001, 1_000, 1));
        assert_eq!(tally.success_rate(), 1_000.0 / 1_001.0);
        assert_eq!((tally.quantile(0.5), tally.quantile(1.0)), (10, 1_000));
    }

    #[test]
    fn quantiles_and_means_agree_with_the_values_themselves() {
        // A fixed walk over 1..=60 000 ms, split unevenly over cells.
        let values: Vec<u64> = (1..=997_u64).map(|i| i * i * 7_919 % 60_000 + 1).collect();
        let cells: Vec<Measures> = values.chunks(131).map(timed).collect();
        let tally = total(
            &tally(cells.iter().enumerate().map(|(i, m)| (i, Status::Success, m)))
                .into_values()
                .collect::<Vec<_>>(),
        );
        let mut sorted = values.clone();
        sorted.sort_unstable();
        for q in [0.5, 0.95, 0.99] {
            let rank = (q * values.len() as f64).ceil() as usize;
            let (want, got) = (sorted[rank - 1] as f64, tally.quantile(q) as f64);
            assert!((got - want).abs() <= want * 0.01, "q {q}: {got} for {want}");
        }
        assert_eq!(tally.mean(), values.iter().sum::<u64>() as f64 / values.len() as f64);
    }

    #[test]
    fn nothing_is_zero_and_never_not_a_number() {
        let none = Tally::default();
        let rates = [none.success_rate(), none.mean(), none.hit_rate(), share(1, 0), percent(1, 0)];
        assert_eq!(rates, [0.0; 5]);
        assert_eq!(none.quantile(0.95), 0);
    }

    #[test]
    fn rank_is_by_calls_and_then_by_name() {
        let (one, two) = (timed(&[1]), timed(&[1, 1]));
        let cells = [("b", &one), ("a", &one), ("c", &two)];
        let tallies = tally(cells.map(|(key, measures)| (key, Status::Success, measures)));
        let names: Vec<&str> = ranked(&tallies).into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["c", "a", "b"]);
    }
}
