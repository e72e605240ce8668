//! What is behind the tools: the services that answered, and the client's own cache.

use stages::ports::StoreError;
use stages::rollup::Axis;

use super::super::model::{Body, Cell, ChartView, Part, Round, Table, TableRow};
use super::super::numbers::{by_bucket, values};
use super::tools::{failed, quantile};
use super::{Cx, Listed, UNKNOWN, rows};
use crate::charts::{Donut, Frame, Lines, Series, Unit, bar};
use crate::stats::Tally;
use crate::stats::asked::by_value;
use crate::stats::tally::{ranked, tally};
use crate::store::read::Detail;
use crate::words;

/// Most parts of the ring; the rest is one part together.
const PARTS: usize = 5;
/// Most services that the list names.
const LISTED: usize = 12;

/// Calls by the service that answered.
pub(in super::super) async fn services(cx: &Cx<'_>) -> Result<Part, StoreError> {
    let cells = cx.asked.cells(Axis::Service, Detail::Times).await?;
    let services = tally(by_value(&cells));
    let ranked = ranked(&services);
    let carried: u64 = services.values().map(Tally::calls).sum();
    let body = if ranked.is_empty() {
        vec![Body::Missing(
            "No call of this period named the service behind its tool. The clients that are released \
             today do not send it."
                .to_owned(),
        )]
    } else {
        let most = ranked[0].1.calls();
        let listed = Listed::of(ranked.len(), LISTED, "service", "services");
        let rows = ranked.iter().take(listed.shown).map(|(service, tally)| TableRow {
            name: (*service).to_owned(),
            href: Some(cx.filtered(|filter| filter.service = Some((*service).to_owned()))),
            bar: Some(bar(tally.calls(), most)),
            cells: vec![
                Cell::Rank(words::count(tally.calls())),
                failed(tally),
                Cell::known(quantile(tally, 0.5)),
                Cell::known(quantile(tally, 0.95)),
            ],
        });
        let columns = vec![
            ("", "Service"),
            ("", "Calls"),
            ("", "Failed"),
            ("wide", "Median"),
            ("wide", "Slowest 5%"),
        ];
        let table = Table {
            id: "services",
            title: None,
            columns,
            rows: rows.collect(),
            bad: false,
            note: listed.note,
        };
        vec![Body::Round(round(&ranked, carried, cx.numbers.total.calls())), Body::Table(table)]
    };
    Ok(Part {
        id: "services",
        title: "Services".to_owned(),
        note: "Where the tools get their answers from, as far as calls name it.".to_owned(),
        links: cx.api("services", ""),
        body,
    })
}

fn round(ranked: &[(&str, &Tally)], carried: u64, calls: u64) -> Round {
    let mut parts: Vec<(String, u64)> = ranked
        .iter()
        .take(PARTS)
        .map(|(name, tally)| ((*name).to_owned(), tally.calls()))
        .collect();
    let rest: u64 = ranked.iter().skip(PARTS).map(|(_, tally)| tally.calls()).sum();
    if rest > 0 {
        parts.push(("others".to_owned(), rest));
    }
    let counts: Vec<u64> = parts.iter().map(|(_, calls)| *calls).collect();
    let label = words::axis(carried);
    let donut = Donut { frame: Frame { id: "services" }, parts: &counts, label: &label };
    let shown = parts.iter().enumerate().map(|(nth, (name, calls))| {
        (format!("ring s{nth}"), name.clone(), words::percent(*calls, carried))
    });
    Round {
        id: "services",
        title: String::new(),
        svg: donut.draw(),
        parts: shown.collect(),
        summary: format!(
            "{} of the calls named the service; shares are of those.",
            words::percent(carried, calls)
        ),
    }
}

/// How often the client's cache answered.
pub(in super::super) fn cache(cx: &Cx<'_>) -> Part {
    let Cx { asked, numbers, .. } = cx;
    let part = |body| Part {
        id: "cache",
        title: "Cache".to_owned(),
        note: "How often the client's own cache answered, of the calls that said.".to_owned(),
        links: cx.api("timeseries", "&measure=cache_hit_rate"),
        body,
    };
    let total = &numbers.total;
    if total.cache_lookups() == 0 {
        let why = "No call of this period said whether the client's cache answered. The clients that \
                   are released today do not send it.";
        return part(vec![Body::Missing(why.to_owned())]);
    }
    let buckets = by_bucket(asked, &asked.window, numbers.cells.iter());
    let series =
        [Series { name: "Hit rate".to_owned(), values: values(&buckets, Tally::known_hit_rate) }];
    let lines = Lines {
        frame: Frame { id: "cache" },
        time: &numbers.time,
        unit: Unit::Share,
        series: &series,
        before: None,
        releases: &[],
    };
    let chart = ChartView {
        id: "cache",
        title: None,
        svg: lines.draw(),
        legend: Vec::new(),
        summary: format!(
            "{} of {} that said were answered by the cache; {} of all calls said.",
            words::percent(total.measures.cache_hits, total.cache_lookups()),
            words::counted(total.cache_lookups(), "call", "calls"),
            words::percent(total.cache_lookups(), total.calls()),
        ),
        head: vec!["Hit rate".to_owned()],
        rows: rows(&numbers.time, |i| {
            vec![series[0].values[i].map_or_else(|| UNKNOWN.to_owned(), |v| Unit::Share.text(v))]
        }),
    };
    part(vec![Body::Chart(chart)])
}
