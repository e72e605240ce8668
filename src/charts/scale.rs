//! From values to heights, and the round numbers beside them.

use crate::words;

/// Lowest and highest time that an axis of times may end at, in milliseconds.
const TIMES: (f64, f64) = (1.0, 1e6);
/// Highest value of any other axis: what is above it is drawn at the top.
const MOST: f64 = 1e18;
/// Where an axis of times has a label, as multiples of powers of ten.
const LOG_STEPS: [f64; 2] = [1.0, 3.0];

/// What a value counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Whole things.
    Count,
    /// A part of a whole, 0..=1.
    Share,
    /// Milliseconds.
    Millis,
}

impl Unit {
    /// A value beside an axis: as short as can be.
    pub fn axis(self, value: f64) -> String {
        match self {
            Self::Count => words::axis(whole(value)),
            Self::Share => format!("{}%", tidy(value * 100.0)),
            Self::Millis if value < 1_000.0 => format!("{} ms", tidy(value)),
            Self::Millis => format!("{} s", tidy(value / 1_000.0)),
        }
    }

    /// A value in a table or beside a mark.
    pub fn text(self, value: f64) -> String {
        match self {
            Self::Count => words::count(whole(value)),
            Self::Share => words::share(value),
            Self::Millis => words::duration(value),
        }
    }
}

fn whole(value: f64) -> u64 {
    // Saturates: what is below 0 or no number becomes 0.
    value.round() as u64
}

/// Without the noise that floating point leaves behind the sixth digit.
fn tidy(value: f64) -> f64 {
    (value * 1e6).round() / 1e6
}

/// Heights of values, in per cent from the top.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Scale {
    /// The lowest and the highest value, or their logarithms.
    low: f64,
    high: f64,
    logarithmic: bool,
    /// Values that are labelled, from the bottom up.
    pub(super) ticks: Vec<f64>,
}

impl Scale {
    /// From 0 to a round value that is at least the highest.
    pub(super) fn linear(values: impl Iterator<Item = f64>, unit: Unit) -> Self {
        let most = values.filter(|value| value.is_finite()).fold(0.0, f64::max).min(MOST);
        let ticks = match unit {
            // Shares that fill much of the axis are seen best against the whole.
            Unit::Share if most > 0.5 => vec![0.0, 0.25, 0.5, 0.75, 1.0],
            Unit::Share => ticks(most, 0.0),
            Unit::Count | Unit::Millis => ticks(most, 1.0),
        };
        Self { low: 0.0, high: ticks[ticks.len() - 1], logarithmic: false, ticks }
    }

    /// Times from a round value below the lowest to one above the highest, by their logarithm:
    /// the same factor is the same height everywhere.
    pub(super) fn times(values: impl Iterator<Item = f64>) -> Self {
        let clamped = values.filter(|v| v.is_finite()).map(|v| v.clamp(TIMES.0, TIMES.1));
        let (low, high) =
            clamped.fold((TIMES.1, TIMES.0), |(low, high), v| (v.min(low), v.max(high)));
        let (low, high) = if low > high { (10.0, 1_000.0) } else { (low, high) };
        let steps = (0..=6).flat_map(|power| LOG_STEPS.map(|step| step * 10_f64.powi(power)));
        let steps: Vec<f64> = steps.filter(|step| *step <= TIMES.1).collect();
        let first = steps.iter().rposition(|step| *step <= low).unwrap_or(0);
        let last = steps.iter().position(|step| *step >= high).unwrap_or(steps.len() - 1);
        // At least two labels, so that the height means something.
        let last = last.max(first + 1).min(steps.len() - 1);
        let ticks = steps[first.min(last - 1)..=last].to_vec();
        let (low, high) = (ticks[0].log10(), ticks[ticks.len() - 1].log10());
        Self { low, high, logarithmic: true, ticks }
    }

    /// The height of a value, in per cent from the top, always inside of the drawing.
    pub(super) fn y(&self, value: f64) -> f64 {
        let value = if self.logarithmic { value.max(TIMES.0).log10() } else { value };
        let part = (value - self.low) / (self.high - self.low);
        if part.is_finite() { 100.0 - part.clamp(0.0, 1.0) * 100.0 } else { 100.0 }
    }
}

/// Round numbers from 0 to at least `most`: steps of 1, 2 or 5 times a power of ten and never below
/// `least`, at most six of them.
pub(super) fn ticks(most: f64, least: f64) -> Vec<f64> {
    let most = if most > 0.0 { most } else { 1.0 };
    let rough = (most / 5.0).max(least);
    let power = 10_f64.powi(rough.log10().floor() as i32);
    let factors = [1.0, 2.0, 5.0, 10.0].map(|factor| factor * power);
    // A hair of slack: 0.2 / 0.1 must not ask for a step more than needed.
    let step = factors.into_iter().find(|step| *step * (1.0 + 1e-9) >= rough).unwrap_or(factors[3]);
    let steps = ((most / step) * (1.0 - 1e-9)).ceil().max(1.0) as u32;
    (0..=steps).map(|i| f64::from(i) * step).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round_and_reach_the_top() {
        for (most, want) in [
            (0.0, vec![0.0, 1.0]),
            (1.0, vec![0.0, 1.0]),
            (3.0, vec![0.0, 1.0, 2.0, 3.0]),
            (5.0, vec![0.0, 1.0, 2.0, 3.0, 4.0, 5.0]),
            (6.0, vec![0.0, 2.0, 4.0, 6.0]),
            (11.0, vec![0.0, 5.0, 10.0, 15.0]),
            (26.0, vec![0.0, 10.0, 20.0, 30.0]),
            (99.0, vec![0.0, 20.0, 40.0, 60.0, 80.0, 100.0]),
            (3_892.0, vec![0.0, 1_000.0, 2_000.0, 3_000.0, 4_000.0]),
            (5_001.0, vec![0.0, 2_000.0, 4_000.0, 6_000.0]),
        ] {
            assert_eq!(ticks(most, 1.0), want, "{most}");
        }
        for most in (0..5_000).map(f64::from).chain([1e15, 1.8e19]) {
            let ticks = ticks(most, 1.0);
            assert!((2..=6).contains(&ticks.len()) && *ticks.last().unwrap() >= most, "{most}");
        }
    }

    #[test]
    fn axes_are_labelled_with_their_unit() {
        let labels = |scale: Scale, unit: Unit| -> Vec<String> {
            scale.ticks.iter().map(|tick| unit.axis(*tick)).collect()
        };
        for (values, unit, want) in [
            (&[12_345.0][..], Unit::Count, &["0", "5,000", "10k", "15k"][..]),
            (&[0.07, f64::NAN], Unit::Share, &["0%", "2%", "4%", "6%", "8%"]),
            (&[0.93], Unit::Share, &["0%", "25%", "50%", "75%", "100%"]),
        ] {
            assert_eq!(labels(Scale::linear(values.iter().copied(), unit), unit), want);
        }
        for (values, want) in [
            (&[120.0, 2_400.0][..], &["100 ms", "300 ms", "1 s", "3 s"][..]),
            (&[5.0], &["3 ms", "10 ms"]),
            (&[100.0], &["100 ms", "300 ms"]),
            (&[], &["10 ms", "30 ms", "100 ms", "300 ms", "1 s"]),
            (
                &[0.0, 1e12],
                &[
                    "1 ms", "3 ms", "10 ms", "30 ms", "100 ms", "300 ms", "1 s", "3 s", "10 s",
                    "30 s", "100 s", "300 s", "1000 s",
                ],
            ),
            (&[1e12], &["300 s", "1000 s"]),
        ] {
            assert_eq!(labels(Scale::times(values.iter().copied()), Unit::Millis), want);
        }
    }

    #[test]
    fn heights_follow_values_and_stay_inside() {
        let linear = Scale::linear([20.0].into_iter(), Unit::Count);
        for (value, y) in [(0.0, 100.0), (5.0, 75.0), (20.0, 0.0), (99.0, 0.0), (f64::NAN, 100.0)] {
            assert_eq!(linear.y(value), y);
        }
        let times = Scale::times([10.0, 1_000.0].into_iter());
        for (value, y) in [(10.0, 100.0), (100.0, 50.0), (1_000.0, 0.0), (0.0, 100.0)] {
            assert_eq!(times.y(value), y);
        }
    }
}
