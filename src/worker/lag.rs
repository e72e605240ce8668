//! How old the oldest waiting entry is, without ever storing when an entry came.
//!
//! Entries carry only the hour of their receipt. Whoever looks at the queue once a second knows
//! when each number was first seen, and so how long the oldest one has waited.

use std::collections::VecDeque;
use std::time::Duration;

use crate::queue::Position;

/// Looks that are remembered; at one a second, ten minutes.
const LOOKS: usize = 600;

/// A meter for each part of the queue.
#[derive(Debug, Default)]
pub(super) struct LagMeters(Vec<LagMeter>);

impl LagMeters {
    /// Takes a look at all parts. Returns how long the entry that waits longest has waited.
    pub(super) fn look(&mut self, now: Duration, positions: &[Position]) -> Duration {
        self.0.resize_with(positions.len(), LagMeter::default);
        let looks = self.0.iter_mut().zip(positions);
        looks.map(|(meter, at)| meter.look(now, at.newest, at.oldest)).max().unwrap_or_default()
    }
}

/// Remembers when entry numbers were first seen.
#[derive(Debug, Default)]
struct LagMeter {
    /// (monotonic time of the look, newest number then), oldest look first.
    looks: VecDeque<(Duration, u64)>,
}

impl LagMeter {
    /// Takes a look: `newest` is the number of the newest entry, `oldest` that of the oldest one
    /// that waits. Returns how long that one has waited, exact to the distance between two looks.
    /// A wait that began before the first remembered look is measured from that look.
    fn look(&mut self, now: Duration, newest: u64, oldest: Option<u64>) -> Duration {
        if self.looks.len() == LOOKS {
            self.looks.pop_front();
        }
        if self.looks.back().is_none_or(|&(_, before)| before != newest) {
            self.looks.push_back((now, newest));
        }
        let Some(oldest) = oldest else { return Duration::ZERO };
        let first_seen = self.looks.iter().find(|&&(_, newest)| newest >= oldest);
        first_seen.map_or(Duration::ZERO, |&(seen, _)| now.saturating_sub(seen))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_waiting_entry_ages_from_the_look_that_first_saw_it() {
        let mut meter = LagMeter::default();
        let second = Duration::from_secs;
        for (now, newest, oldest, want) in [
            (0, 0, None, 0),
            (1, 5, Some(3), 0),
            (2, 9, Some(3), 1),
            (5, 9, Some(3), 4),
            // Entries up to 5 are gone; 6 was first seen at second 2.
            (6, 12, Some(6), 4),
            (7, 12, Some(12), 1),
            (8, 12, None, 0),
        ] {
            assert_eq!(meter.look(second(now), newest, oldest), second(want), "at {now}");
        }
    }

    #[test]
    fn looks_are_bounded() {
        let mut meter = LagMeter::default();
        for at in 0..5_000 {
            meter.look(Duration::from_secs(at), at, Some(0));
        }
        assert!(meter.looks.len() <= LOOKS);
    }
}
