//! Drawings inside of a row: the numbers beside them say the same.

use super::scale::{Scale, Unit};
use super::svg::{Path, Svg, percent};

/// A bar in per cent of the longest, never so short that it is not seen.
pub fn bar(part: u64, most: u64) -> String {
    let mut svg = Svg::default();
    svg.open("svg", &[("class", "bar".into()), ("aria-hidden", "true".into())]);
    let width = (part as f64 * 100.0 / most.max(1) as f64).clamp(0.5, 100.0);
    svg.leaf("rect", &[("width", percent(width)), ("height", percent(100.0))]);
    svg.close("svg");
    svg.finish()
}

/// A small line on a scale of its own.
pub fn sparkline(values: &[Option<f64>]) -> String {
    let scale = Scale::linear(values.iter().flatten().copied(), Unit::Millis);
    let band = 100.0 / values.len().max(1) as f64;
    let points = values
        .iter()
        .enumerate()
        .map(|(i, value)| value.map(|value| (i, ((i as f64 + 0.5) * band, scale.y(value)))));
    let mut path = Path::default();
    super::line::runs(&points.collect::<Vec<_>>()).iter().for_each(|run| path.through(run));
    let mut svg = Svg::default();
    svg.open(
        "svg",
        &[
            ("class", "spark".into()),
            ("viewBox", "0 0 100 100".into()),
            ("preserveAspectRatio", "none".into()),
            ("aria-hidden", "true".into()),
        ],
    );
    svg.path("line s0", &path);
    svg.close("svg");
    svg.finish()
}
