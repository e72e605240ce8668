//! The geometry of the chart of calls: ticks, paths, labels, and the sentence that says the same.
//!
//! Pure functions from buckets to numbers. Positions are in per cent of the drawing, so that the
//! template can place text that keeps its size while the lines stretch with the page.

use std::fmt::Write as _;

use stages::Hour;

use super::words;
use crate::stats::Grain;
use crate::stats::grain::date;

/// Under a mark that is lower than this, in per cent from the top, there is no room for a label.
const ROOM_BELOW: f64 = 85.0;

/// One bucket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Point {
    /// First hour.
    pub(crate) bucket: Hour,
    /// Calls; 0 where none were reported.
    pub(crate) calls: u64,
    /// How much of the bucket that is.
    pub(crate) extent: Extent,
}

/// How much of a bucket a period covers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Extent {
    /// All of it.
    Whole,
    /// It begins or ends inside of it.
    Cut,
    /// What has passed of it.
    Running,
}

impl Point {
    fn whole(&self) -> bool {
        self.extent == Extent::Whole
    }

    fn running(&self) -> bool {
        self.extent == Extent::Running
    }
}

/// A label on an axis.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Tick {
    /// Per cent from the left or from the top.
    pub(crate) at: f64,
    /// Text.
    pub(crate) label: String,
    /// Whether a narrow screen has room for it.
    pub(crate) always: bool,
}

/// A marked point.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Mark {
    /// Per cent from the left.
    pub(crate) x: f64,
    /// Per cent from the top.
    pub(crate) y: f64,
    /// Calls, as shown.
    pub(crate) label: String,
    /// How the label hangs on the mark, so that it stays inside: `start`, `middle` or `end`.
    pub(crate) anchor: &'static str,
    /// Whether the label belongs under the mark.
    pub(crate) below: bool,
}

/// The drawing.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Chart {
    /// Calls, from the bottom up.
    pub(crate) y_ticks: Vec<Tick>,
    /// Time, from the left.
    pub(crate) x_ticks: Vec<Tick>,
    /// The line over whole buckets, as path data in a box of 100 by 100.
    pub(crate) line: String,
    /// The ground under it.
    pub(crate) area: String,
    /// The line to and from buckets that are covered in part.
    pub(crate) dashed: String,
    /// The bucket with the most calls, when there are calls.
    pub(crate) peak: Option<Mark>,
    /// The bucket that is still running.
    pub(crate) now: Option<Mark>,
}

/// Draws the buckets of a period.
pub(crate) fn chart(grain: Grain, points: &[Point]) -> Chart {
    let most = points.iter().map(|point| point.calls).max().unwrap_or_default();
    let ticks = ticks(most);
    let top = ticks.last().copied().unwrap_or(1);
    let at: Vec<(f64, f64)> = points
        .iter()
        .enumerate()
        .map(|(i, point)| (x(i, points.len()), y(point.calls, top)))
        .collect();
    let whole: Vec<_> =
        points.iter().zip(&at).filter(|(point, _)| point.whole()).map(|(_, at)| *at).collect();
    let peak = (0..points.len()).rev().max_by_key(|i| points[*i].calls).filter(|_| most > 0);
    let now = points.len().checked_sub(1).filter(|i| points[*i].running());
    let mark = |i: usize| Mark {
        x: at[i].0,
        y: at[i].1,
        label: words::count(points[i].calls),
        anchor: anchor(at[i].0),
        // The line comes from above: over the mark it would run through the label.
        below: at[i].1 < ROOM_BELOW && i > 0 && at[i - 1].1 < at[i].1,
    };
    Chart {
        y_ticks: ticks
            .iter()
            .map(|n| Tick { at: y(*n, top), label: words::axis(*n), always: true })
            .collect(),
        x_ticks: time_ticks(grain, points),
        line: path(&whole),
        area: area(&whole),
        dashed: dashed(points, &at),
        // The running bucket has a mark of its own.
        peak: peak.filter(|peak| Some(*peak) != now).map(mark),
        now: now.map(mark),
    }
}

/// Round numbers from 0 to at least `most`: steps of 1, 2 or 5 times a power of ten, at most five.
pub(crate) fn ticks(most: u64) -> Vec<u64> {
    let mut step = 1_u64;
    let mut factors = [2, 5, 10].into_iter().cycle();
    let mut power = 1_u64;
    while step.saturating_mul(5) < most {
        let factor = factors.next().unwrap_or(10);
        step = power.saturating_mul(factor);
        if factor == 10 {
            power = step;
        }
    }
    (0..=most.div_ceil(step).max(1)).map(|i| i.saturating_mul(step)).collect()
}

/// The middle of a bucket's band, to a hundredth.
fn x(i: usize, n: usize) -> f64 {
    hundredths((i as f64 + 0.5) * 100.0 / n as f64)
}

fn y(calls: u64, top: u64) -> f64 {
    hundredths(100.0 - calls as f64 * 100.0 / top as f64)
}

fn hundredths(value: f64) -> f64 {
    (value * 100.0).round() / 100.0
}

fn anchor(x: f64) -> &'static str {
    match x {
        ..8.0 => "start",
        92.0.. => "end",
        _ => "middle",
    }
}

fn path(points: &[(f64, f64)]) -> String {
    let mut path = String::with_capacity(points.len() * 12);
    for (i, (x, y)) in points.iter().enumerate() {
        write!(path, "{}{x} {y}", if i == 0 { 'M' } else { 'L' })
            .expect("writing to a string does not fail");
    }
    path
}

fn area(points: &[(f64, f64)]) -> String {
    match (points.first(), points.last()) {
        (Some((first, _)), Some((last, _))) if points.len() > 1 => {
            format!("{}L{last} 100L{first} 100Z", path(points))
        }
        _ => String::new(),
    }
}

/// The steps of which one end is a bucket that is covered in part.
fn dashed(points: &[Point], at: &[(f64, f64)]) -> String {
    let steps = points.windows(2).zip(at.windows(2));
    steps.filter(|(pair, _)| !pair.iter().all(Point::whole)).map(|(_, at)| path(at)).collect()
}

/// Labels at round moments, at most eight.
fn time_ticks(grain: Grain, points: &[Point]) -> Vec<Tick> {
    let steps: &[i64] = match grain {
        Grain::Hour => &[1, 3, 6, 12, 24],
        Grain::Day => &[1, 7, 14, 28, 56, 112],
        Grain::Week => &[1, 2, 4, 13, 26, 52],
        Grain::Month => &[1, 3, 6, 12, 24, 48, 120],
    };
    let fits = |step: &&i64| points.len() as i64 <= **step * 8;
    let step = *steps.iter().find(fits).unwrap_or(&steps[steps.len() - 1]);
    let round = |point: &Point| match grain {
        Grain::Hour => point.bucket.epoch_hours().rem_euclid(step) == 0,
        // The epoch was a Thursday: three days later, weeks begin on Mondays.
        Grain::Day => (point.bucket.day().epoch_days() + 3).rem_euclid(step) == 0,
        Grain::Week => ((point.bucket.day().epoch_days() + 3) / 7).rem_euclid(step) == 0,
        Grain::Month => {
            let date = date(point.bucket);
            (i64::from(date.year()) * 12 + i64::from(u8::from(date.month())) - 1).rem_euclid(step)
                == 0
        }
    };
    let label = |bucket| match grain {
        Grain::Hour if words::time_of_day(bucket) == "00:00" => words::short_date(bucket),
        Grain::Hour => words::time_of_day(bucket),
        Grain::Day | Grain::Week => words::short_date(bucket),
        Grain::Month => format!("{} {}", words::short_month(bucket), date(bucket).year()),
    };
    let ticks = points.iter().enumerate().filter(|(_, point)| round(point));
    let ticks = ticks.enumerate().map(|(nth, (i, point))| Tick {
        at: x(i, points.len()),
        label: label(point.bucket),
        always: nth % 2 == 0,
    });
    ticks.collect()
}

/// What the drawing shows, in words.
pub(crate) fn summary(grain: Grain, points: &[Point]) -> String {
    let (article, unit, preposition) = match grain {
        Grain::Hour => ("an", "hour", "at"),
        Grain::Day => ("a", "day", "on"),
        Grain::Week => ("a", "week", "in the"),
        Grain::Month => ("a", "month", "in"),
    };
    let calls = |n| words::counted(n, "call", "calls");
    let whole: Vec<&Point> = points.iter().filter(|point| point.whole()).collect();
    let least = whole.iter().map(|point| point.calls).min().unwrap_or_default();
    // Of equal buckets the first.
    let most = whole.iter().rev().max_by_key(|point| point.calls);
    let past = most.map(|most| match most.calls {
        0 => format!("No calls in any full {unit}."),
        n if n == least && whole.len() == 1 => format!("{} in the one full {unit}.", calls(n)),
        n if n == least => format!("{} in every full {unit}.", calls(n)),
        n => format!(
            "Between {} and {} {article} {unit}: the most {preposition} {}.",
            words::count(least),
            calls(n),
            words::bucket(grain, most.bucket),
        ),
    });
    let running = points.last().filter(|point| point.running());
    let running = running.map(|now| format!("The current {unit} has {} so far.", calls(now.calls)));
    [past, running].into_iter().flatten().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests;
