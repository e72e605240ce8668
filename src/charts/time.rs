//! Time from left to right: the buckets of a drawing, their names and their labels.

use stages::Hour;

use super::svg::{Svg, percent};
use crate::stats::Grain;
use crate::stats::grain::date;
use crate::words;

/// Most labels under a drawing.
const LABELS: usize = 8;
/// Most days of which the weekends are shaded: of more, they would only be noise.
const WEEKENDS_UP_TO: usize = 100;

/// How much of a bucket a period covers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extent {
    /// All of it.
    Whole,
    /// It begins or ends inside of it.
    Cut,
    /// What has passed of it.
    Running,
}

/// One bucket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bucket {
    /// First hour.
    pub at: Hour,
    /// How much of it there is.
    pub extent: Extent,
}

/// The buckets of a drawing, from left to right.
#[derive(Debug, Clone, PartialEq)]
pub struct Time {
    /// Their width.
    pub grain: Grain,
    /// In order.
    pub buckets: Vec<Bucket>,
}

impl Time {
    /// Number of buckets.
    pub(crate) fn len(&self) -> usize {
        self.buckets.len()
    }

    /// The middle of a bucket, in per cent from the left.
    pub fn x(&self, i: usize) -> f64 {
        (i as f64 + 0.5) * 100.0 / self.len().max(1) as f64
    }

    /// Whether all of a bucket is known.
    pub fn whole(&self, i: usize) -> bool {
        self.buckets[i].extent == Extent::Whole
    }

    /// The bucket that is still running.
    pub fn running(&self) -> Option<usize> {
        self.len().checked_sub(1).filter(|i| self.buckets[*i].extent == Extent::Running)
    }

    /// A bucket in a table: `Thursday 20 August (so far)`.
    pub fn name(&self, i: usize) -> String {
        let bucket = self.buckets[i];
        let name = words::bucket(self.grain, bucket.at);
        match bucket.extent {
            Extent::Whole => name,
            Extent::Cut => format!("{name} (in part)"),
            Extent::Running => format!("{name} (so far)"),
        }
    }

    /// Labels at round moments: where, text, and whether a narrow screen has room for it.
    pub fn ticks(&self) -> Vec<(f64, String, bool)> {
        let round = self.buckets.iter().enumerate().filter(|(_, bucket)| self.is_round(bucket.at));
        let ticks = round
            .enumerate()
            .map(|(nth, (i, bucket))| (self.x(i), self.label(bucket.at), nth % 2 == 0));
        ticks.collect()
    }

    fn is_round(&self, at: Hour) -> bool {
        let steps: &[i64] = match self.grain {
            Grain::Hour => &[1, 3, 6, 12, 24, 24 * 7, 24 * 14],
            Grain::Day => &[1, 7, 14, 28, 56, 112],
            Grain::Week => &[1, 2, 4, 8, 26, 52],
            Grain::Month => &[1, 3, 6, 12, 24, 48, 120],
        };
        let fits = |step: &&i64| self.len() as i64 <= **step * LABELS as i64;
        let step = *steps.iter().find(fits).unwrap_or(&steps[steps.len() - 1]);
        // The epoch was a Thursday: three days later, weeks begin on Mondays.
        let from_monday = match self.grain {
            Grain::Hour if step <= 24 => at.epoch_hours(),
            Grain::Hour => at.epoch_hours() + 3 * 24,
            Grain::Day => at.day().epoch_days() + 3,
            Grain::Week => (at.day().epoch_days() + 3).div_euclid(7),
            Grain::Month => {
                let date = date(at);
                i64::from(date.year()) * 12 + i64::from(u8::from(date.month())) - 1
            }
        };
        from_monday.rem_euclid(step) == 0
    }

    fn label(&self, at: Hour) -> String {
        match self.grain {
            Grain::Hour if words::time_of_day(at) == "00:00" => words::short_date(at),
            Grain::Hour => words::time_of_day(at),
            Grain::Day | Grain::Week => words::short_date(at),
            Grain::Month => format!("{} {}", words::short_month(at), date(at).year()),
        }
    }

    /// Draws the labels, and shades weekends.
    pub(super) fn draw(&self, svg: &mut Svg) {
        let band = 100.0 / self.len().max(1) as f64;
        if self.grain == Grain::Day && self.len() <= WEEKENDS_UP_TO {
            for (i, bucket) in self.buckets.iter().enumerate() {
                // Saturdays; Sunday is in the same shade, unless it begins the drawing.
                let day = (bucket.at.day().epoch_days() + 3).rem_euclid(7);
                let days = match (day, i) {
                    (5, _) => 2.min(self.len() - i),
                    (6, 0) => 1,
                    _ => continue,
                };
                let (x, width) = (i as f64 * band, band * days as f64);
                svg.leaf(
                    "rect",
                    &[
                        ("class", "weekend".into()),
                        ("x", percent(x)),
                        ("width", percent(width)),
                        ("height", percent(100.0)),
                    ],
                );
            }
        }
        for (x, label, always) in self.ticks() {
            let class = if always { "x" } else { "x wide" };
            svg.text(
                "text",
                &[("class", class.into()), ("x", percent(x)), ("y", percent(100.0))],
                &label,
            );
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in crate::charts) fn time(first: &str, grain: Grain, n: usize) -> Time {
        let first = Hour::parse(first).unwrap();
        let at = std::iter::successors(Some(first), |at| Some(grain.next(*at)));
        let extent = |i| if i + 1 == n { Extent::Running } else { Extent::Whole };
        let buckets = at.take(n).enumerate().map(|(i, at)| Bucket { at, extent: extent(i) });
        Time { grain, buckets: buckets.collect() }
    }

    #[test]
    fn time_is_labelled_at_round_moments() {
        for (grain, first, n, want) in [
            (
                Grain::Hour,
                "2026-08-19T16:00:00Z",
                24,
                vec!["18:00", "21:00", "20 Aug", "03:00", "06:00", "09:00", "12:00", "15:00"],
            ),
            (
                Grain::Day,
                "2026-08-14T00:00:00Z",
                7,
                vec!["14 Aug", "15 Aug", "16 Aug", "17 Aug", "18 Aug", "19 Aug", "20 Aug"],
            ),
            // Mondays.
            (Grain::Day, "2026-07-22T00:00:00Z", 30, vec!["27 Jul", "3 Aug", "10 Aug", "17 Aug"]),
            (Grain::Hour, "2026-07-22T00:00:00Z", 720, vec!["27 Jul", "3 Aug", "10 Aug", "17 Aug"]),
            (Grain::Month, "2026-07-01T00:00:00Z", 3, vec!["Jul 2026", "Aug 2026", "Sep 2026"]),
            // Quarters.
            (
                Grain::Month,
                "2024-09-01T00:00:00Z",
                24,
                vec![
                    "Oct 2024", "Jan 2025", "Apr 2025", "Jul 2025", "Oct 2025", "Jan 2026",
                    "Apr 2026", "Jul 2026",
                ],
            ),
        ] {
            let ticks = time(first, grain, n).ticks();
            let labels: Vec<String> =
                ticks.iter().map(|(_, label, _)| label.replace('\u{a0}', " ")).collect();
            assert_eq!(labels, want);
            assert!(ticks.iter().zip(&ticks[1..]).all(|(a, b)| a.0 < b.0 && a.2 != b.2));
        }
    }
}
