//! Response times over time: the median, and how far the slow calls are from it.

use super::line::runs;
use super::scale::{Scale, Unit};
use super::svg::{Path, Svg};
use super::time::Time;
use super::{Frame, Release, chart_class, releases, rules};

/// Median, 95th and 99th percentile of a bucket, in milliseconds.
pub type Percentiles = [f64; 3];

/// A band of percentiles on an axis of logarithms, where the same factor has the same height.
#[derive(Debug, Clone)]
pub struct Band<'a> {
    /// What names it.
    pub frame: Frame<'a>,
    /// From left to right.
    pub time: &'a Time,
    /// One a bucket; `None` where no call said how long it took.
    pub values: &'a [Option<Percentiles>],
    /// Versions that were seen for the first time.
    pub releases: &'a [Release],
}

impl Band<'_> {
    /// The drawing.
    pub fn draw(&self) -> String {
        let scale = Scale::times(self.values.iter().flatten().flatten().copied());
        let mut svg = Svg::default();
        self.frame.open(&mut svg, chart_class(self.releases));
        self.time.draw(&mut svg);
        rules(&mut svg, &scale, Unit::Millis);
        let [median, slow, slowest] = [0, 1, 2].map(|which| {
            let points = self.values.iter().take(self.time.len()).enumerate();
            let points = points
                .map(|(i, value)| value.map(|value| (i, (self.time.x(i), scale.y(value[which])))));
            runs(&points.collect::<Vec<_>>())
        });
        svg.open_stretched();
        let ground = |over: &[Vec<(f64, f64)>], under: &[Vec<(f64, f64)>]| {
            let mut path = Path::default();
            over.iter().zip(under).filter(|(over, _)| over.len() > 1).for_each(|(over, under)| {
                path.between(over, under);
            });
            path
        };
        let line = |runs: &[Vec<(f64, f64)>]| {
            let mut path = Path::default();
            runs.iter().for_each(|run| path.through(run));
            path
        };
        svg.path("band s2", &ground(&slowest, &slow));
        svg.path("band s1", &ground(&slow, &median));
        svg.path("line edge s2", &line(&slowest));
        svg.path("line edge s1", &line(&slow));
        svg.path("line s0", &line(&median));
        svg.close("svg");
        releases(&mut svg, self.time, self.releases);
        self.frame.close(svg)
    }
}
