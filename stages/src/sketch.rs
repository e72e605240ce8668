//! A mergeable distribution of response times.
//!
//! Values fall into the buckets of an HDR histogram with two significant digits over 1..=120 000 ms,
//! so a quantile read from it is at most 1 % off, however many parts were merged. In memory and in
//! the row only the buckets that were hit are kept: one call takes three bytes instead of the
//! 1 408 counters of a dense histogram.

use std::sync::LazyLock;

use hdrhistogram::Histogram;

/// Longest response time that is told apart, in milliseconds. Longer ones are clamped at the door.
pub const MAX_MS: u64 = 120_000;
const SIGNIFICANT_DIGITS: u8 = 2;
/// First byte of the stored form.
const VERSION: u8 = 1;

/// The bucket boundaries; never holds a count.
static BUCKETS: LazyLock<Histogram<u64>> = LazyLock::new(|| {
    Histogram::new_with_bounds(1, MAX_MS, SIGNIFICANT_DIGITS).expect(
        "the bounds are constants that the crate accepts: 1 <= low, high >= 2 * low, digits <= 5",
    )
});

/// Counts per bucket: the bucket's lowest value in milliseconds, and how many values it holds. In
/// order and in one piece, because an answer merges thousands of these.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sketch {
    buckets: Vec<(u64, u64)>,
}

/// The bytes are not a sketch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("stored distribution is damaged or of an unknown version")]
pub struct BadSketch;

impl Sketch {
    /// Adds one value in milliseconds, clamped to the range that is told apart. 0 shares the lowest
    /// bucket with 1; the stored minimum keeps it exact.
    pub fn record(&mut self, ms: u64) {
        let bucket = BUCKETS.lowest_equivalent(ms.clamp(1, MAX_MS));
        match self.buckets.binary_search_by_key(&bucket, |(low, _)| *low) {
            Ok(at) => self.buckets[at].1 += 1,
            Err(at) => self.buckets.insert(at, (bucket, 1)),
        }
    }

    /// Adds all values of another sketch. Exact: merging never moves a value.
    pub fn merge(&mut self, other: &Self) {
        let mut missing = Vec::new();
        let mut at = 0;
        for &(bucket, count) in &other.buckets {
            while self.buckets.get(at).is_some_and(|(low, _)| *low < bucket) {
                at += 1;
            }
            match self.buckets.get_mut(at) {
                Some((low, sum)) if *low == bucket => *sum += count,
                _ => missing.push((bucket, count)),
            }
        }
        if !missing.is_empty() {
            self.buckets.extend(missing);
            // The stable sort finds the two runs and only merges them.
            self.buckets.sort_by_key(|(low, _)| *low);
        }
    }

    /// Number of values.
    pub fn count(&self) -> u64 {
        self.buckets.iter().map(|(_, count)| count).sum()
    }

    /// The nearest-rank value at a quantile (0..=1): the middle of the bucket that holds it.
    pub fn quantile(&self, q: f64) -> Option<u64> {
        let total = self.count();
        if total == 0 {
            return None;
        }
        let rank = ((q.clamp(0.0, 1.0) * total as f64).ceil() as u64).clamp(1, total);
        let mut seen = 0;
        self.buckets.iter().find_map(|&(bucket, count)| {
            seen += count;
            (seen >= rank).then(|| BUCKETS.median_equivalent(bucket))
        })
    }

    /// The buckets in order: lowest value, highest value (both in milliseconds), count.
    pub fn buckets(&self) -> impl Iterator<Item = (u64, u64, u64)> {
        self.buckets.iter().map(|&(low, count)| (low, BUCKETS.highest_equivalent(low), count))
    }

    /// The stored form: a version byte, then (distance to the bucket before, count) as varints.
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(1 + self.buckets.len() * 3);
        bytes.push(VERSION);
        let mut before = 0;
        for &(bucket, count) in &self.buckets {
            put_varint(&mut bytes, bucket - before);
            put_varint(&mut bytes, count);
            before = bucket;
        }
        bytes
    }

    /// Reads the stored form; no bytes at all are an empty sketch.
    ///
    /// # Errors
    /// [`BadSketch`] when the bytes were not written by [`Sketch::encode`].
    pub fn decode(bytes: &[u8]) -> Result<Self, BadSketch> {
        let Some((&version, mut rest)) = bytes.split_first() else {
            return Ok(Self::default());
        };
        if version != VERSION {
            return Err(BadSketch);
        }
        // Most buckets take three bytes or four.
        let mut buckets: Vec<(u64, u64)> = Vec::with_capacity(rest.len() / 3);
        let mut bucket = 0_u64;
        while !rest.is_empty() {
            bucket = bucket.checked_add(take_varint(&mut rest)?).ok_or(BadSketch)?;
            let count = take_varint(&mut rest)?;
            if bucket == 0 || bucket > MAX_MS || count == 0 {
                return Err(BadSketch);
            }
            match buckets.last_mut() {
                Some((low, sum)) if *low == bucket => *sum = sum.saturating_add(count),
                _ => buckets.push((bucket, count)),
            }
        }
        Ok(Self { buckets })
    }
}

fn put_varint(bytes: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        bytes.push((value as u8) | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
}

fn take_varint(bytes: &mut &[u8]) -> Result<u64, BadSketch> {
    let mut value = 0_u64;
    for shift in (0..u64::BITS).step_by(7) {
        let (&byte, rest) = bytes.split_first().ok_or(BadSketch)?;
        *bytes = rest;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Ok(value);
        }
    }
    Err(BadSketch)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Nearest rank on the sorted values themselves.
    fn exact(values: &[u64], q: f64) -> u64 {
        let mut sorted = values.to_vec();
        sorted.sort_unstable();
        let rank = ((q * sorted.len() as f64).ceil() as usize).clamp(1, sorted.len());
        sorted[rank - 1]
    }

    #[test]
    fn one_call_takes_three_bytes() {
        let mut sketch = Sketch::default();
        sketch.record(120);
        assert_eq!(sketch.encode().len(), 3);
        assert_eq!(Sketch::decode(&[]), Ok(Sketch::default()));
    }

    #[test]
    fn damaged_bytes_are_refused() {
        for bad in [&[2, 1, 1][..], &[1, 0x80], &[1, 5], &[1, 0, 1], &[1, 5, 0], &[1; 1]] {
            let want_empty = bad == [1];
            assert_eq!(Sketch::decode(bad).is_ok(), want_empty, "{bad:?}");
        }
    }

    proptest! {
        #[test]
        fn quantiles_of_merged_parts_are_within_one_percent(
            values in proptest::collection::vec(1_u64..=MAX_MS, 1..400),
            parts in 1_usize..20,
        ) {
            let mut merged = Sketch::default();
            for part in values.chunks(values.len().div_ceil(parts)) {
                let mut sketch = Sketch::default();
                part.iter().for_each(|&ms| sketch.record(ms));
                merged.merge(&Sketch::decode(&sketch.encode()).unwrap());
            }
            prop_assert_eq!(merged.count(), values.len() as u64);
            for q in [0.0, 0.01, 0.5, 0.9, 0.95, 0.99, 1.0] {
                let (want, got) = (exact(&values, q) as f64, merged.quantile(q).unwrap() as f64);
                prop_assert!((got - want).abs() <= want * 0.01, "q {q}: {got} for {want}");
            }
        }
    }
}
