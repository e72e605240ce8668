//! Charts: from numbers to SVG, as pure functions.
//!
//! Shapes lie in a box that stretches with the page; text, marks and strokes lie around it at
//! positions in per cent, so that they keep their size at every width, without script and without
//! styles in attributes. Colours, dashes and sizes are classes of the stylesheet. Every drawing is
//! named by the heading `<id>-h` and described by the sentence `<id>-s` of its page, and the same
//! numbers stand in a table beside it.

mod badge;
mod band;
mod donut;
mod heat;
mod histogram;
mod line;
mod map;
mod scale;
mod small;
mod stack;
mod svg;
mod time;

pub use self::badge::Badge;
pub use self::band::{Band, Percentiles};
pub use self::donut::Donut;
pub use self::heat::{BLOCK_HOURS, Heat, WEEKDAYS};
pub use self::histogram::{Histogram, range};
pub use self::line::{Lines, Series};
pub use self::map::{Map, Shade, Shown, shades};
pub use self::scale::Unit;
pub use self::small::{bar, sparkline};
pub use self::stack::Stack;
pub use self::time::{Bucket, Extent, Time};

use self::scale::Scale;
use self::svg::{Svg, percent};

/// Most points of a line: more than a screen has room for only cost time.
const MOST_POINTS: usize = 400;
/// Least distance between the labels of two versions, in per cent of the width: of any screen, and of
/// a narrow one.
const RELEASES_APART: (f64, f64) = (7.0, 16.0);
/// How far the line of a version reaches above the drawing, towards its label.
const RELEASE_TOP: &str = "-1.6em";

/// What names a drawing.
#[derive(Debug, Clone, Copy)]
pub struct Frame<'a> {
    /// Its id on the page; heading and description have it with `-h` and `-s`.
    pub id: &'a str,
}

/// A version that was seen for the first time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Release {
    /// Bucket.
    pub at: usize,
    /// Version.
    pub version: String,
}

impl Frame<'_> {
    fn open(&self, svg: &mut Svg, class: &str) {
        let (title, summary) = (format!("{}-h", self.id), format!("{}-s", self.id));
        svg.open(
            "svg",
            &[
                ("class", class.into()),
                ("role", "img".into()),
                ("aria-labelledby", (&title).into()),
                ("aria-describedby", (&summary).into()),
            ],
        );
    }

    fn open_sized(&self, svg: &mut Svg, class: &str, view: &str) {
        let (title, summary) = (format!("{}-h", self.id), format!("{}-s", self.id));
        svg.open(
            "svg",
            &[
                ("class", class.into()),
                ("viewBox", view.into()),
                ("role", "img".into()),
                ("aria-labelledby", (&title).into()),
                ("aria-describedby", (&summary).into()),
            ],
        );
    }

    fn close(&self, mut svg: Svg) -> String {
        svg.close("svg");
        svg.finish()
    }
}

/// Lines and labels at round values.
fn rules(svg: &mut Svg, scale: &Scale, unit: Unit) {
    for (nth, tick) in scale.ticks.iter().enumerate() {
        let y = scale.y(*tick);
        let class = if nth == 0 { "rule base" } else { "rule" };
        svg.leaf(
            "line",
            &[
                ("class", class.into()),
                ("x2", percent(100.0)),
                ("y1", percent(y)),
                ("y2", percent(y)),
            ],
        );
        svg.text("text", &[("class", "y".into()), ("y", percent(y))], &unit.axis(*tick));
    }
}

/// The class of a drawing over time: with versions, it has a row for their names.
fn chart_class(releases: &[Release]) -> &'static str {
    if releases.is_empty() { "chart" } else { "chart marked" }
}

/// A line at every version that was seen for the first time, and its name where there is room.
fn releases(svg: &mut Svg, time: &Time, releases: &[Release]) {
    let (mut labelled, mut labelled_narrow) = (f64::NEG_INFINITY, f64::NEG_INFINITY);
    for release in releases.iter().filter(|release| release.at < time.len()) {
        let x = time.x(release.at);
        svg.leaf(
            "line",
            &[
                ("class", "release".into()),
                ("x1", percent(x)),
                ("x2", percent(x)),
                ("y1", RELEASE_TOP.into()),
                ("y2", percent(100.0)),
            ],
        );
        if x - labelled < RELEASES_APART.0 {
            continue;
        }
        labelled = x;
        let narrow = x - labelled_narrow >= RELEASES_APART.1;
        if narrow {
            labelled_narrow = x;
        }
        let class = if narrow { "version" } else { "version wide" };
        svg.text(
            "text",
            &[("class", class.into()), ("x", percent(x)), ("text-anchor", anchor(x).into())],
            &release.version,
        );
    }
}

/// How a label hangs on its mark, so that it stays inside.
fn anchor(x: f64) -> &'static str {
    match x {
        ..8.0 => "start",
        92.0.. => "end",
        _ => "middle",
    }
}

/// Which of many points are drawn: the lowest and the highest of each stretch, so that no peak is
/// lost, and gaps; `None` when all are.
fn thinned(values: &[Option<f64>]) -> Option<Vec<bool>> {
    if values.len() <= MOST_POINTS {
        return None;
    }
    let stretch = (values.len() * 2).div_ceil(MOST_POINTS);
    let mut kept = vec![false; values.len()];
    for (nth, part) in values.chunks(stretch).enumerate() {
        let known =
            || part.iter().enumerate().filter_map(|(i, value)| value.map(|value| (i, value)));
        let by_value = |a: &(usize, f64), b: &(usize, f64)| a.1.total_cmp(&b.1);
        let ends = [known().min_by(by_value), known().max_by(by_value)];
        ends.into_iter().flatten().for_each(|(i, _)| kept[nth * stretch + i] = true);
        // One unknown value stands for a gap.
        if let Some(gap) = part.iter().position(Option::is_none) {
            kept[nth * stretch + gap] = true;
        }
    }
    // The ends are what the marks hang on.
    if let (Some(first), last) = (kept.first_mut(), values.len() - 1) {
        *first = true;
        kept[last] = true;
    }
    Some(kept)
}

#[cfg(test)]
mod tests;
