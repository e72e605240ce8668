//! How long calls take: a bar for each range of times.

use super::scale::{Scale, Unit};
use super::svg::{Svg, percent};
use super::{Frame, rules};
use crate::stats::answers::histogram::ENDS;

/// Part of its band that a bar takes.
const BAR: f64 = 0.84;

/// Bars of shares by range of times.
#[derive(Debug, Clone)]
pub struct Histogram<'a> {
    /// What names it.
    pub frame: Frame<'a>,
    /// The share of calls up to each of [`ENDS`] and above the end before.
    pub shares: &'a [f64; ENDS.len()],
    /// The range that holds the median.
    pub median: Option<usize>,
}

impl Histogram<'_> {
    /// The drawing.
    pub fn draw(&self) -> String {
        let scale = Scale::linear(self.shares.iter().copied(), Unit::Share);
        let mut svg = Svg::default();
        self.frame.open(&mut svg, "chart low");
        rules(&mut svg, &scale, Unit::Share);
        let band = 100.0 / ENDS.len() as f64;
        for (i, share) in self.shares.iter().enumerate() {
            let left = i as f64 * band;
            let y = scale.y(*share);
            svg.leaf(
                "rect",
                &[
                    ("class", if self.median == Some(i) { "column" } else { "column pale" }.into()),
                    ("x", percent(left + band * (1.0 - BAR) / 2.0)),
                    ("width", percent(band * BAR)),
                    ("y", percent(y)),
                    ("height", percent(100.0 - y)),
                ],
            );
            // On a narrow screen every other range is labelled.
            let wide = if i % 2 == 0 { "" } else { " wide" };
            if *share >= 0.005 {
                svg.text(
                    "text",
                    &[
                        ("class", format!("value{wide}").as_str().into()),
                        ("x", percent(left + band / 2.0)),
                        ("y", percent(y)),
                    ],
                    &Unit::Share.axis((share * 100.0).round() / 100.0),
                );
            }
            svg.text(
                "text",
                &[
                    ("class", format!("x{wide}").as_str().into()),
                    ("x", percent(left + band / 2.0)),
                    ("y", percent(100.0)),
                ],
                &end(i),
            );
        }
        self.frame.close(svg)
    }
}

fn end(i: usize) -> String {
    Unit::Millis.axis(ENDS[i] as f64).replace(' ', "\u{a0}")
}

/// A range in words: `200 ms to 500 ms`.
pub fn range(i: usize) -> String {
    match i.checked_sub(1) {
        None => format!("up to {}", end(0)),
        Some(before) => format!("{} to {}", end(before), end(i)),
    }
}
