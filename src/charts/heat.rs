//! When calls are made: blocks of hours by day of the week.
//!
//! Not a drawing but a table, whose cells have a shade: everybody reads the same numbers.

use stages::Hour;

/// Days of the week, as they head the rows.
pub const WEEKDAYS: [&str; 7] =
    ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];
/// Hours that a column covers.
pub const BLOCK_HOURS: usize = 2;
const BLOCKS: usize = 24 / BLOCK_HOURS;
/// Shades, from the palest.
const SHADES: u64 = 5;

/// Calls by day of the week and block of hours, in UTC; `None` for blocks of which no hour is covered.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Heat([[Option<u64>; BLOCKS]; 7]);

impl Heat {
    /// Without calls, over the hours from `from` until before `to`.
    pub fn over(from: Hour, to: Hour) -> Self {
        let mut heat = Self::default();
        let hours = std::iter::successors(Some(from), |hour| Some(hour.plus(1)));
        // After a week every block has been there.
        hours.take(7 * 24).take_while(|hour| *hour < to).for_each(|hour| heat.add(hour, 0));
        heat
    }

    /// Adds the calls of an hour.
    pub fn add(&mut self, hour: Hour, calls: u64) {
        // The epoch was a Thursday.
        let weekday = (hour.day().epoch_days() + 3).rem_euclid(7) as usize;
        let block = hour.epoch_hours().rem_euclid(24) as usize / BLOCK_HOURS;
        *self.0[weekday][block].get_or_insert(0) += calls;
    }

    /// Whether every block has an hour that is covered.
    pub fn is_whole(&self) -> bool {
        self.0.iter().flatten().all(Option::is_some)
    }

    /// Calls of a weekday, block by block, each with its shade 0..=4.
    pub fn row(&self, weekday: usize) -> impl Iterator<Item = Option<(u64, u64)>> {
        let most = self.most().1.max(1);
        // The least shade is for nothing and next to nothing; the strongest for the top fifth.
        let shaded = move |calls: u64| (calls, calls * SHADES / (most + 1));
        self.0[weekday].iter().map(move |calls| calls.map(shaded))
    }

    /// The busiest block, as (weekday, first hour), and its calls.
    pub fn most(&self) -> ((usize, usize), u64) {
        let cells = self.0.iter().enumerate().flat_map(|(day, row)| {
            let blocks = row.iter().enumerate();
            blocks.map(move |(block, calls)| ((day, block * BLOCK_HOURS), calls.unwrap_or(0)))
        });
        // Of equal ones the first.
        cells.fold(Default::default(), |most, cell| if cell.1 > most.1 { cell } else { most })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_covered_is_not_known_and_what_is_covered_may_be_nothing() {
        // A Wednesday afternoon and the night after it.
        let first = Hour::parse("2026-08-19T15:00:00Z").unwrap();
        let mut heat = Heat::over(first, first.plus(10));
        heat.add(first.plus(2), 9);
        assert!(!heat.is_whole());
        let covered = |weekday: usize| -> Vec<Option<u64>> {
            heat.row(weekday).map(|cell| cell.map(|(calls, _)| calls)).collect()
        };
        assert_eq!(covered(1), [None; BLOCKS]);
        // Half of a block is covered at each end.
        assert_eq!(
            covered(2),
            [&[None; 7][..], &[Some(0), Some(9), Some(0), Some(0), Some(0)]].concat()
        );
        assert_eq!(covered(3), [&[Some(0)][..], &[None; 11]].concat());
        assert_eq!(heat.most(), ((2, 16), 9));
        assert!(!Heat::over(first, first.plus(7 * 24 - 3)).is_whole());
        assert!(Heat::over(first, first.plus(30 * 24)).is_whole());
    }
}
