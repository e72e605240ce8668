//! Which part of a range is read from which tables: whole days by day, the edges by hour.

use stages::Day;

use super::Range;

/// A range in three parts that touch: hours, days, hours. Each may be empty.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Split {
    /// Hours before the first whole day.
    pub(super) head: Range,
    /// First whole day.
    pub(super) first: Day,
    /// First day after the whole days.
    pub(super) end: Day,
    /// Hours after the last whole day.
    pub(super) tail: Range,
}

impl Split {
    /// The whole days.
    pub(super) fn days(&self) -> Range {
        Range { from: self.first.start(), to: self.end.start() }
    }
}

/// Splits a range. A range that ends before it begins is empty.
pub(super) fn split(range: Range) -> Split {
    let to = range.to.max(range.from);
    let day = range.from.day();
    let first = if day.start() == range.from { day } else { day.plus(1) };
    let end = to.day().max(first);
    let head = Range { from: range.from, to: first.start().min(to) };
    let tail = Range { from: end.start().min(to).max(head.to), to };
    Split { head, first, end, tail }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use stages::Hour;

    use super::*;

    /// Every hour for itself: it goes by day when its whole day lies in the range.
    fn naive(from: i64, to: i64) -> (BTreeSet<i64>, BTreeSet<i64>) {
        let (mut hours, mut days) = (BTreeSet::new(), BTreeSet::new());
        for hour in from..to {
            let day = hour.div_euclid(24);
            let whole = (day * 24..day * 24 + 24).all(|hour| (from..to).contains(&hour));
            if whole {
                days.insert(day)
            } else {
                hours.insert(hour)
            };
        }
        (hours, days)
    }

    #[test]
    fn every_range_of_four_days_splits_as_hour_by_hour() {
        // Around the epoch, so that negative hours are among them.
        for from in -30..66 {
            for to in -30..66 {
                let hour = Hour::from_epoch_hours;
                let got = split(Range { from: hour(from), to: hour(to) });
                let mut hours = BTreeSet::new();
                for part in [got.head, got.tail] {
                    for hour in part.from.epoch_hours()..part.to.epoch_hours() {
                        assert!(hours.insert(hour), "{from}..{to}: hour {hour} twice");
                    }
                }
                let days = (got.first.epoch_days()..got.end.epoch_days()).collect();
                assert_eq!((hours, days), naive(from, to), "{from}..{to}");
            }
        }
    }
}
