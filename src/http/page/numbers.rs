//! The numbers that most parts of a page share, read once: calls by bucket and tool, and the same of
//! the hours that they are compared with.

use std::collections::BTreeMap;

use stages::Hour;
use stages::ports::StoreError;
use stages::rollup::Axis;

use super::model::Change;
use crate::charts::{Bucket, Extent, Time};
use crate::stats::asked::{by_tool, sum};
use crate::stats::tally::{Tally, tally};
use crate::stats::{Asked, Window};
use crate::store::read::{Cell, Detail};
use crate::words;

/// Calls by bucket and tool.
pub(super) struct Numbers {
    /// From left to right.
    pub(super) time: Time,
    pub(super) cells: Vec<Cell>,
    pub(super) before: Vec<Cell>,
    /// All calls.
    pub(super) total: Tally,
    /// All calls of the hours that are compared with; `None` when none are.
    pub(super) total_before: Option<Tally>,
}

impl Numbers {
    /// Reads them.
    pub(super) async fn read(asked: &Asked<'_>) -> Result<Self, StoreError> {
        let before = async {
            match &asked.compared {
                Some(compared) => asked.series(compared, Axis::Tool, Detail::Times).await,
                None => Ok(Vec::new()),
            }
        };
        let now = asked.series(&asked.window, Axis::Tool, Detail::Times);
        let (cells, before) = tokio::try_join!(now, before)?;
        let total = sum(&cells);
        let total_before = asked.compared.as_ref().map(|_| sum(&before));
        Ok(Self { time: time(&asked.window), cells, before, total, total_before })
    }

    /// Calls by tool.
    pub(super) fn tools(&self) -> BTreeMap<&str, Tally> {
        by_tool(&self.cells)
    }

    /// The same of the hours that are compared with.
    pub(super) fn tools_before(&self) -> BTreeMap<&str, Tally> {
        by_tool(&self.before)
    }
}

/// The buckets of a window.
pub(super) fn time(window: &Window) -> Time {
    let buckets = window.buckets().map(|(at, partial)| {
        let extent = match partial {
            false => Extent::Whole,
            true if window.grain.next(at) > window.now => Extent::Running,
            true => Extent::Cut,
        };
        Bucket { at, extent }
    });
    Time { grain: window.grain, buckets: buckets.collect() }
}

/// Cells by bucket, one for each bucket of the window. `None` for buckets before the oldest number
/// that there is: of those nothing is known, which is not the same as no calls.
pub(super) fn by_bucket<'c>(
    asked: &Asked<'_>,
    window: &Window,
    cells: impl Iterator<Item = &'c Cell>,
) -> Vec<Option<Tally>> {
    let mut tallies =
        tally(cells.map(|cell| (window.grain.floor(cell.bucket), cell.status, &cell.measures)));
    let oldest = asked.extent.oldest;
    let known = |bucket: Hour| oldest.is_some_and(|oldest| window.grain.next(bucket) > oldest);
    let buckets = window.grain.buckets(window.range);
    buckets.map(|at| known(at).then(|| tallies.remove(&at).unwrap_or_default())).collect()
}

/// What is read from the calls of a bucket.
pub(super) fn values(
    buckets: &[Option<Tally>],
    of: impl Fn(&Tally) -> Option<f64>,
) -> Vec<Option<f64>> {
    buckets.iter().map(|tally| tally.as_ref().and_then(&of)).collect()
}

/// As many values as there are buckets: the comparison may be a bucket shorter or longer.
pub(super) fn aligned(mut values: Vec<Option<f64>>, len: usize) -> Vec<Option<f64>> {
    values.resize(len, None);
    values
}

/// Whether more of something is worse, better, or neither.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum More {
    Worse,
    Better,
    Neither,
}

/// How much a number has grown, as a share of what it was; `None` when it was nothing.
pub(super) fn growth(now: f64, before: f64, more: More) -> Option<Change> {
    (before > 0.0).then(|| change(now - before, words::growth((now - before) / before), more))
}

/// How much a share has grown, in points.
pub(super) fn points(now: f64, before: f64, more: More) -> Change {
    change(now - before, format!("{:.1} points", (now - before).abs() * 100.0), more)
}

fn change(by: f64, amount: String, more: More) -> Change {
    let same = amount == "0%" || amount == "0.0 points";
    let (arrow, word) = match by {
        _ if same => ("=", "the same"),
        0.0.. => ("▲", "up"),
        _ => ("▼", "down"),
    };
    let worse = match more {
        More::Worse => by > 0.0,
        More::Better => by < 0.0,
        More::Neither => false,
    };
    Change { arrow, word, amount, worse: worse && !same }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_say_how_much_and_whether_it_is_worse() {
        let shown = |change: Option<Change>| change.map(|c| (c.arrow, c.amount, c.worse));
        for (now, before, more, want) in [
            (110.0, 100.0, More::Neither, Some(("▲", "10.0%", false))),
            (110.0, 100.0, More::Worse, Some(("▲", "10.0%", true))),
            (50.0, 100.0, More::Better, Some(("▼", "50.0%", true))),
            (100.0, 100.0, More::Worse, Some(("=", "0%", false))),
            (300.0, 100.0, More::Neither, Some(("▲", "200.0%", false))),
            (5.0, 0.0, More::Neither, None),
        ] {
            let want = want.map(|(arrow, amount, worse)| (arrow, amount.to_owned(), worse));
            assert_eq!(shown(growth(now, before, more)), want, "{now} after {before}");
        }
        assert_eq!(points(0.98, 0.986, More::Better).amount, "0.6 points");
        assert!(points(0.98, 0.986, More::Better).worse);
        assert_eq!(points(0.98, 0.98, More::Better).arrow, "=");
    }
}
