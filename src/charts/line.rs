//! Lines over time: up to four, with gaps where nothing is known.

use super::scale::{Scale, Unit};
use super::svg::{Path, Svg, percent};
use super::time::Time;
use super::{Frame, Release, anchor, chart_class, releases, rules, thinned};

/// Under a mark that is lower than this, in per cent from the top, there is no room for a label.
const ROOM_BELOW: f64 = 85.0;

/// A bucket and where its value is; `None` where that is not known.
type Point = Option<(usize, (f64, f64))>;

/// A line.
#[derive(Debug, Clone, PartialEq)]
pub struct Series {
    /// What it shows.
    pub name: String,
    /// One a bucket; `None` where it is not known.
    pub values: Vec<Option<f64>>,
}

/// Lines over time.
#[derive(Debug, Clone)]
pub struct Lines<'a> {
    /// What names it.
    pub frame: Frame<'a>,
    /// From left to right.
    pub time: &'a Time,
    /// What the values are.
    pub unit: Unit,
    /// One to four.
    pub series: &'a [Series],
    /// The first line, a while ago.
    pub before: Option<&'a [Option<f64>]>,
    /// Versions that were seen for the first time.
    pub releases: &'a [Release],
}

impl Lines<'_> {
    /// The drawing.
    pub fn draw(&self) -> String {
        let shown = self.series.iter().flat_map(|series| series.values.iter());
        let shown = shown.chain(self.before.into_iter().flatten()).flatten().copied();
        let scale = Scale::linear(shown, self.unit);
        let mut svg = Svg::default();
        self.frame.open(&mut svg, chart_class(self.releases));
        self.time.draw(&mut svg);
        rules(&mut svg, &scale, self.unit);
        svg.open_stretched();
        let lines = self.series.iter().map(|series| self.points(&scale, &series.values));
        let lines: Vec<Vec<Point>> = lines.collect();
        if let [only] = lines.as_slice() {
            self.ground(&mut svg, only);
        }
        if let Some(before) = self.before {
            let mut path = Path::default();
            runs(&self.points(&scale, before)).iter().for_each(|run| path.through(run));
            svg.path("before", &path);
        }
        for (nth, points) in lines.iter().enumerate() {
            self.line(&mut svg, nth, points);
        }
        svg.close("svg");
        releases(&mut svg, self.time, self.releases);
        if let [only] = self.series {
            self.marks(&mut svg, &scale, &only.values);
        }
        self.frame.close(svg)
    }

    /// Where the known values are, with their bucket; never more than a screen can show.
    fn points(&self, scale: &Scale, values: &[Option<f64>]) -> Vec<Point> {
        let kept = thinned(values);
        let points = values
            .iter()
            .take(self.time.len())
            .enumerate()
            .map(|(i, value)| value.map(|value| (i, (self.time.x(i), scale.y(value)))));
        points
            .enumerate()
            .filter(|(i, _)| kept.as_ref().is_none_or(|kept| kept[*i]))
            .map(|(_, p)| p)
            .collect()
    }

    /// The stretches of whole buckets.
    fn whole(&self, points: &[Point]) -> Vec<Vec<(f64, f64)>> {
        let whole = points.iter().map(|point| point.filter(|(i, _)| self.time.whole(*i)));
        runs(&whole.collect::<Vec<_>>())
    }

    /// The ground under a line that is alone.
    fn ground(&self, svg: &mut Svg, points: &[Point]) {
        let mut area = Path::default();
        for run in self.whole(points) {
            if let [first, .., last] = run.as_slice() {
                area.between(&run, &[(first.0, 100.0), (last.0, 100.0)]);
            }
        }
        svg.path("area", &area);
    }

    /// A line: solid over whole buckets, dashed to and from those that are covered in part.
    fn line(&self, svg: &mut Svg, nth: usize, points: &[Point]) {
        let (mut solid, mut dashed) = (Path::default(), Path::default());
        self.whole(points).iter().for_each(|run| solid.through(run));
        for pair in points.windows(2) {
            if let [Some((a, from)), Some((b, to))] = pair
                && !(self.time.whole(*a) && self.time.whole(*b))
            {
                dashed.through(&[*from, *to]);
            }
        }
        svg.path(&format!("line s{nth}"), &solid);
        svg.path(&format!("line s{nth} part"), &dashed);
    }

    /// The highest value, and the one that is still growing.
    fn marks(&self, svg: &mut Svg, scale: &Scale, values: &[Option<f64>]) {
        let n = values.len().min(self.time.len());
        let known = (0..n).filter_map(|i| values[i].map(|value| (i, value)));
        // Of equal ones the first.
        let most = known.filter(|(_, value)| *value > 0.0).rev().max_by(|a, b| a.1.total_cmp(&b.1));
        let running = self.time.running();
        // The running bucket has a mark of its own.
        let most = most.map(|(i, _)| i).filter(|most| Some(*most) != running);
        let marks = [most.map(|i| (i, false)), running.map(|i| (i, true))];
        for (i, so_far) in marks.into_iter().flatten() {
            let Some(value) = values.get(i).copied().flatten() else { continue };
            let (x, y) = (self.time.x(i), scale.y(value));
            let before = i.checked_sub(1).and_then(|i| values[i]).map(|value| scale.y(value));
            // The line comes from above: over the mark it would run through the label.
            let below = y < ROOM_BELOW && before.is_some_and(|before| before < y);
            let (dot, r) = if so_far { ("dot open", 4.5) } else { ("dot", 4.0) };
            svg.leaf(
                "circle",
                &[("class", dot.into()), ("cx", percent(x)), ("cy", percent(y)), ("r", r.into())],
            );
            let label = self.unit.text(value);
            let label = if so_far { format!("{label} so far") } else { label };
            svg.text(
                "text",
                &[
                    ("class", if below { "mark below" } else { "mark" }.into()),
                    ("x", percent(x)),
                    ("y", percent(y)),
                    ("text-anchor", anchor(x).into()),
                ],
                &label,
            );
        }
    }
}

/// The stretches without a gap.
pub(super) fn runs(points: &[Point]) -> Vec<Vec<(f64, f64)>> {
    let runs = points.split(|point| point.is_none()).filter(|run| !run.is_empty());
    runs.map(|run| run.iter().flatten().map(|(_, at)| *at).collect()).collect()
}
