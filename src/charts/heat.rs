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

/// Calls by day of the week and block of hours, in UTC.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Heat([[u64; BLOCKS]; 7]);

impl Heat {
    /// Adds the calls of an hour.
    pub fn add(&mut self, hour: Hour, calls: u64) {
        // The epoch was a Thursday.
        let weekday = (hour.day().epoch_days() + 3).rem_euclid(7) as usize;
        let block = hour.epoch_hours().rem_euclid(24) as usize / BLOCK_HOURS;
        self.0[weekday][block] += calls;
    }

    /// Calls of a weekday, block by block, each with its shade 0..=4.
    pub fn row(&self, weekday: usize) -> impl Iterator<Item = (u64, u64)> {
        let most = self.most().1.max(1);
        // The least shade is for nothing and next to nothing; the strongest for the top fifth.
        self.0[weekday].iter().map(move |calls| (*calls, calls * SHADES / (most + 1)))
    }

    /// The busiest block, as (weekday, first hour), and its calls.
    pub fn most(&self) -> ((usize, usize), u64) {
        let cells = self.0.iter().enumerate().flat_map(|(day, row)| {
            row.iter().enumerate().map(move |(block, calls)| ((day, block * BLOCK_HOURS), *calls))
        });
        // Of equal ones the first.
        cells.fold(Default::default(), |most, cell| if cell.1 > most.1 { cell } else { most })
    }
}
