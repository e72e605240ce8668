//! Parts of a whole over time, on top of each other.

use super::scale::{Scale, Unit};
use super::svg::{Path, Svg};
use super::time::Time;
use super::{Frame, Release, Series, chart_class, releases, rules};

/// Stacked areas: the share that each series has of the sum of all in its bucket.
#[derive(Debug, Clone)]
pub struct Stack<'a> {
    /// What names it.
    pub frame: Frame<'a>,
    /// From left to right.
    pub time: &'a Time,
    /// From the bottom up. A bucket in which all are unknown or 0 is a gap.
    pub series: &'a [Series],
    /// Versions that were seen for the first time.
    pub releases: &'a [Release],
}

impl Stack<'_> {
    /// The drawing.
    pub fn draw(&self) -> String {
        let scale = Scale::linear([1.0].into_iter(), Unit::Share);
        let mut svg = Svg::default();
        self.frame.open(&mut svg, chart_class(self.releases));
        self.time.draw(&mut svg);
        svg.open_stretched();
        let edges = self.edges();
        for (nth, pair) in edges.windows(2).enumerate() {
            let (mut solid, mut part) = (Path::default(), Path::default());
            for run in self.known() {
                let line = |edge: &[f64], of: &[usize]| -> Vec<(f64, f64)> {
                    of.iter().map(|i| (self.time.x(*i), scale.y(edge[*i]))).collect()
                };
                // What is covered in part has a look of its own, from the whole bucket beside it.
                let whole: Vec<usize> =
                    run.iter().copied().filter(|i| self.time.whole(*i)).collect();
                solid.between(&line(&pair[1], &whole), &line(&pair[0], &whole));
                for step in run.windows(2).filter(|step| !step.iter().all(|i| self.time.whole(*i)))
                {
                    part.between(&line(&pair[1], step), &line(&pair[0], step));
                }
            }
            svg.path(&format!("stack s{nth}"), &solid);
            svg.path(&format!("stack s{nth} part"), &part);
        }
        svg.close("svg");
        rules(&mut svg, &scale, Unit::Share);
        releases(&mut svg, self.time, self.releases);
        self.frame.close(svg)
    }

    fn value(&self, nth: usize, i: usize) -> f64 {
        let value = self.series[nth].values.get(i).copied().flatten().unwrap_or_default();
        if value.is_finite() { value.max(0.0) } else { 0.0 }
    }

    fn sum(&self, i: usize) -> f64 {
        (0..self.series.len()).map(|nth| self.value(nth, i)).sum()
    }

    /// The lower edge of each area, and the upper one of the last, 0..=1.
    fn edges(&self) -> Vec<Vec<f64>> {
        let mut edges = vec![vec![0.0; self.time.len()]];
        for nth in 0..self.series.len() {
            let under = &edges[nth];
            let over = (0..self.time.len())
                .map(|i| under[i] + self.value(nth, i) / self.sum(i).max(f64::MIN_POSITIVE));
            edges.push(over.collect());
        }
        edges
    }

    /// The stretches of buckets in which there is something.
    fn known(&self) -> Vec<Vec<usize>> {
        let all: Vec<Option<usize>> =
            (0..self.time.len()).map(|i| Some(i).filter(|i| self.sum(*i) > 0.0)).collect();
        let runs = all.split(|i| i.is_none()).filter(|run| !run.is_empty());
        runs.map(|run| run.iter().flatten().copied().collect()).collect()
    }
}
