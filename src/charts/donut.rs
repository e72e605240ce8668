//! Parts of a whole at a glance. The values stand beside it as text: nobody has to compare angles.

use super::Frame;
use super::svg::Svg;

/// A ring of parts.
#[derive(Debug, Clone)]
pub struct Donut<'a> {
    /// What names it.
    pub frame: Frame<'a>,
    /// In the order in which the text names them.
    pub parts: &'a [u64],
    /// In the middle.
    pub label: &'a str,
}

impl Donut<'_> {
    /// The drawing: segments of a circle whose circumference counts as 100.
    pub fn draw(&self) -> String {
        let mut svg = Svg::default();
        self.frame.open_sized(&mut svg, "donut", "0 0 42 42");
        let sum: f64 = self.parts.iter().map(|part| *part as f64).sum();
        let mut before = 0.0;
        for (nth, part) in self.parts.iter().enumerate().filter(|(_, part)| **part > 0) {
            let share = *part as f64 * 100.0 / sum;
            let dashes = format!("{} {}", hundredths(share), hundredths(100.0 - share));
            // Begins at the top and goes clockwise.
            svg.leaf(
                "circle",
                &[
                    ("class", format!("ring s{nth}").as_str().into()),
                    ("cx", 21.0.into()),
                    ("cy", 21.0.into()),
                    ("r", 16.0.into()),
                    ("pathLength", 100.0.into()),
                    ("stroke-dasharray", (&dashes).into()),
                    ("stroke-dashoffset", (25.0 - before).into()),
                ],
            );
            before += share;
        }
        svg.text(
            "text",
            &[("x", 21.0.into()), ("y", 23.4.into()), ("text-anchor", "middle".into())],
            self.label,
        );
        self.frame.close(svg)
    }
}

fn hundredths(value: f64) -> f64 {
    (value * 100.0).round() / 100.0
}
