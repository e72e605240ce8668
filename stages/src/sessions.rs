//! How many different sessions there were: a count that can be merged, and that holds none of them.
//!
//! A `HyperLogLog` sketch of 4 096 registers, in the form of Apache `DataSketches`. Up to 384 sessions it
//! is a list of 32-bit hashes and the count exact, beyond that it is the registers, 4 KB, and the count
//! is an estimate with bounds. What goes in is a hash of the session under the installation's key:
//! whoever has the sketch and not the key can look nothing up in it.

use datasketches::common::NumStdDev;
use datasketches::hash::value::raw_bytes;
use datasketches::hll::{HllSketch, HllType, HllUnion};

use crate::hash::HashKey;

/// Binary logarithm of the number of registers: the bounds are 3.3 % off at most.
const LG_REGISTERS: u8 = 12;
/// Registers of a byte each: twice the size of packed ones, and merged in a tenth of the time.
const REGISTERS: HllType = HllType::Hll8;
/// Two standard deviations on either side: 95 in 100 true counts are within.
const CONFIDENCE: NumStdDev = NumStdDev::Two;
/// Keeps these hashes apart from those of event identities.
const DOMAIN: &str = "distinct-session";
const TAKEN: &str = "the crate takes 4 to 21, and this is 12";

/// Different sessions.
#[derive(Clone, Debug)]
pub struct Sessions(HllSketch);

/// How many there are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Count {
    /// The estimate; exact up to 384.
    pub estimate: u64,
    /// The true count is not below this, nor above the next, in 95 of 100 cases.
    pub lower: u64,
    /// See `lower`.
    pub upper: u64,
}

/// The bytes are not a sketch of sessions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("stored count of sessions is damaged or of an unknown version")]
pub struct BadSessions;

impl Default for Sessions {
    fn default() -> Self {
        Self(HllSketch::new(LG_REGISTERS, REGISTERS).expect(TAKEN))
    }
}

/// Two are equal when they were made from the same sessions, in whatever order.
impl PartialEq for Sessions {
    fn eq(&self, other: &Self) -> bool {
        self.without_order() == other.without_order()
    }
}

impl Sessions {
    /// Adds a session, under the installation's key. One that was added before changes nothing.
    pub fn record(&mut self, key: &HashKey, session_id: &str) {
        let hash = key.hash(DOMAIN, &[session_id.as_bytes()]);
        // As plain bytes: the usual hash of an array depends on the machine.
        self.0.update(raw_bytes::from_slice(&hash));
    }

    /// Adds all sessions of others. Nothing is lost, in whatever order they come.
    pub fn merge<'s>(&mut self, others: impl IntoIterator<Item = &'s Self>) {
        let mut union = self.union();
        for other in others {
            union.update(&other.0);
        }
        self.0 = union.to_sketch(REGISTERS);
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many there are. It follows from the sessions alone, not from the order in which they came.
    pub fn count(&self) -> Count {
        let sketch = self.without_order();
        let whole = |number: f64| number.round() as u64;
        Count {
            estimate: whole(sketch.estimate()),
            lower: whole(sketch.lower_bound(CONFIDENCE)),
            upper: whole(sketch.upper_bound(CONFIDENCE)),
        }
    }

    /// The stored form.
    pub fn encode(&self) -> Vec<u8> {
        self.0.serialize()
    }

    /// Reads the stored form; no bytes at all are no sessions.
    ///
    /// # Errors
    /// [`BadSessions`] when the bytes were not written by [`Sessions::encode`].
    pub fn decode(bytes: &[u8]) -> Result<Self, BadSessions> {
        if bytes.is_empty() {
            return Ok(Self::default());
        }
        let sketch = HllSketch::deserialize(bytes).map_err(|_| BadSessions)?;
        let ours = sketch.lg_config_k() == LG_REGISTERS && sketch.target_type() == REGISTERS;
        ours.then_some(Self(sketch)).ok_or(BadSessions)
    }

    fn union(&self) -> HllUnion {
        let mut union = HllUnion::new(LG_REGISTERS).expect(TAKEN);
        union.update(&self.0);
        union
    }

    /// A sketch that was filled one by one also keeps an estimate that depends on the order. One that
    /// was merged from two does not, so it is merged with itself.
    fn without_order(&self) -> HllSketch {
        let mut union = self.union();
        union.update(&self.0);
        union.to_sketch(REGISTERS)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const KEY: HashKey = HashKey::from_bytes([7; 16]);

    fn id(number: u64) -> String {
        format!("{:016x}", number.wrapping_mul(0x9e37_79b9_7f4a_7c15))
    }

    fn of(numbers: impl IntoIterator<Item = u64>) -> Sessions {
        let mut sessions = Sessions::default();
        numbers.into_iter().for_each(|number| sessions.record(&KEY, &id(number)));
        sessions
    }

    #[test]
    fn small_counts_are_exact_and_large_ones_within_their_bounds() {
        for number in (0..=384).step_by(8) {
            let exact = Count { estimate: number, lower: number, upper: number };
            assert_eq!(of(0..number).count(), exact);
        }
        for number in [385, 1_000, 5_000, 100_000] {
            let Count { estimate, lower, upper } = of(0..number).count();
            assert!(lower <= number && number <= upper, "{number}: {lower}..{upper}");
            assert!(lower <= estimate && estimate <= upper, "{number}: {lower} {estimate} {upper}");
            assert!((upper - lower) as f64 <= number as f64 * 0.07, "{number}: {lower}..{upper}");
        }
    }

    #[test]
    fn nothing_of_a_session_is_in_the_bytes() {
        for number in [1, 20, 1_000] {
            let bytes = of(0..number).encode();
            for text in (0..number).map(id) {
                let found = |part: &[u8]| bytes.windows(part.len()).any(|bytes| bytes == part);
                let number = u64::from_str_radix(&text, 16).unwrap();
                assert!(!found(text.as_bytes()));
                assert!(
                    number == 0 || !found(&number.to_le_bytes()) && !found(&number.to_be_bytes())
                );
            }
        }
        let mut other = Sessions::default();
        other.record(&HashKey::from_bytes([8; 16]), &id(1));
        assert_ne!(other, of([1]), "the key decides");
    }

    #[test]
    fn damaged_bytes_are_refused() {
        assert!(Sessions::decode(&[]).unwrap().is_empty());
        for number in [3, 100, 1_000] {
            let whole = of(0..number).encode();
            assert_eq!(Sessions::decode(&whole), Ok(of(0..number)));
            for length in 1..whole.len() {
                assert_eq!(Sessions::decode(&whole[..length]), Err(BadSessions), "{length} bytes");
            }
            for at in [0, 1, 2, 3] {
                let mut bad = whole.clone();
                bad[at] ^= 0x40;
                assert_eq!(Sessions::decode(&bad), Err(BadSessions), "byte {at}");
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn parts_in_any_order_make_the_same_as_all_at_once(
            numbers in proptest::collection::vec(0_u64..2_000, 0..1_200),
            parts in 1_usize..6,
        ) {
            let part = numbers.len().div_ceil(parts).max(1);
            let read = |part: &[u64]| Sessions::decode(&of(part.iter().copied()).encode()).unwrap();
            let parts: Vec<Sessions> = numbers.chunks(part).map(read).collect();
            let mut merged = Sessions::default();
            parts.iter().rev().for_each(|part| merged.merge([part]));
            merged.merge(&parts);
            let whole = of(numbers);
            prop_assert_eq!(merged.count(), whole.count());
            prop_assert_eq!(merged, whole);
        }
    }
}
