//! Response times: how they move, and how they are spread.

use super::super::model::{Body, ChartView, Legend, Part, Row};
use super::super::numbers::by_bucket;
use super::{Cx, UNKNOWN, rows};
use crate::charts::{Band, Extent, Frame, Histogram, Percentiles, range};
use crate::stats::Tally;
use crate::stats::answers::histogram::{ENDS, counts};
use crate::words;

const NOT_REPORTED: &str = "No call of this period said how long it took: only clients at the levels standard and detailed \
     do.";

/// Median and slow calls over time.
pub(in super::super) fn response_times(cx: &Cx<'_>) -> Part {
    let Cx { asked, numbers, .. } = cx;
    let buckets = by_bucket(asked, &asked.window, numbers.cells.iter());
    let values: Vec<Option<Percentiles>> =
        buckets.iter().map(|tally| tally.as_ref().and_then(percentiles)).collect();
    let body = if values.iter().all(Option::is_none) {
        Body::Missing(NOT_REPORTED.to_owned())
    } else {
        let frame = Frame { id: "times" };
        let releases = cx.releases;
        let band = Band { frame, time: &numbers.time, values: &values, releases };
        let legend = [
            ("line s0", "Median"),
            ("band s1", "up to the 95th percentile"),
            ("band s2", "up to the 99th percentile"),
        ];
        Body::Chart(ChartView {
            id: "times",
            title: None,
            svg: band.draw(),
            legend: legend
                .map(|(class, name)| Legend {
                    class: class.to_owned(),
                    name: name.to_owned(),
                    fixed: true,
                })
                .to_vec(),
            summary: summary(cx, &values),
            head: ["Median", "95th percentile", "99th percentile"].map(str::to_owned).to_vec(),
            rows: rows(&numbers.time, |i| match values[i] {
                Some(values) => values.map(words::duration).to_vec(),
                None => vec![UNKNOWN.to_owned(); 3],
            }),
        })
    };
    Part {
        id: "times",
        title: "Response time".to_owned(),
        note:
            "On a logarithmic scale: the same height is the same factor. Percentiles are at most \
               1% off."
                .to_owned(),
        // Its points carry the other percentiles as well.
        links: cx.api_alone("timeseries", "&measure=p50_ms"),
        body: vec![body],
    }
}

fn percentiles(tally: &Tally) -> Option<Percentiles> {
    let at = |q| tally.measures.quantile(q).map(|ms| ms as f64);
    Some([at(0.5)?, at(0.95)?, at(0.99)?])
}

fn summary(cx: &Cx<'_>, values: &[Option<Percentiles>]) -> String {
    let time = &cx.numbers.time;
    let whole = (0..time.len()).filter(|i| time.buckets[*i].extent == Extent::Whole);
    let known: Vec<(usize, Percentiles)> = whole.filter_map(|i| Some((i, values[i]?))).collect();
    let medians = || known.iter().map(|(_, values)| values[0]);
    let slowest = known.iter().rev().max_by(|a, b| a.1[1].total_cmp(&b.1[1]));
    let Some((at, slowest)) = slowest else {
        return "Only buckets that the period covers in part have times.".to_owned();
    };
    let (least, most) = (medians().fold(f64::INFINITY, f64::min), medians().fold(0.0, f64::max));
    let (_, unit, preposition) = words::unit(time.grain);
    format!(
        "The median lies between {} and {}; the slowest 5% were slowest {preposition} {}, over {}. \
         One point stands for one {unit}.",
        words::duration(least),
        words::duration(most),
        words::bucket(time.grain, time.buckets[*at].at),
        words::duration(slowest[1]),
    )
}

/// How many calls took how long.
pub(in super::super) fn distribution(cx: &Cx<'_>) -> Part {
    let counts = counts(&cx.numbers.total.measures);
    let timed: u64 = counts.iter().sum();
    let median = cx.numbers.total.measures.quantile(0.5);
    let median = median.and_then(|ms| ENDS.iter().position(|end| ms <= *end));
    let body = if timed == 0 {
        Body::Missing(NOT_REPORTED.to_owned())
    } else {
        let shares = counts.map(|count| count as f64 / timed as f64);
        let drawing = Histogram { frame: Frame { id: "spread" }, shares: &shares, median };
        let rows = (0..ENDS.len()).map(|i| Row {
            range: None,
            name: range(i),
            cells: vec![words::count(counts[i]), words::percent(counts[i], timed)],
        });
        let fast: u64 = counts[..7].iter().sum();
        Body::Chart(ChartView {
            id: "spread",
            title: None,
            svg: drawing.draw(),
            legend: Vec::new(),
            summary: format!(
                "{} of the calls took up to one second. The bar in full ink holds the median.",
                words::percent(fast, timed)
            ),
            head: vec!["Calls".to_owned(), "Share".to_owned()],
            rows: rows.collect(),
        })
    };
    Part {
        id: "spread",
        title: "How long a call takes".to_owned(),
        note: "Share of the calls that said how long they took, up to each time and above the one \
               before it."
            .to_owned(),
        links: cx.api_alone("histogram", ""),
        body: vec![body],
    }
}
