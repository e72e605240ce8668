//! Countries: where calls come from, as far as they say.

use std::collections::BTreeMap;

use stages::ports::StoreError;
use stages::rollup::Axis;

use super::super::model::{Body, Cell, MapView, Part, Table, TableRow};
use super::super::numbers::{More, growth};
use super::tools::{failed, quantile};
use super::{Cx, Listed};
use crate::charts::{Frame, Map, Shade, Shown, bar, shades};
use crate::stats::Tally;
use crate::stats::asked::by_value;
use crate::stats::tally::{ranked, tally};
use crate::store::read::Detail;
use crate::words;

const NOT_REPORTED: &str = "No call of this period named a country. The clients that are released today do not send it, and \
     it is never worked out from an address.";

/// Most countries that the list names; the map has all of them.
const LISTED: usize = 50;

/// The name of a country; its code, when it has none.
fn name(code: &str) -> String {
    world::name(code).unwrap_or(code).to_owned()
}

/// Countries on a map.
pub(in super::super) async fn world_map(cx: &Cx<'_>) -> Result<Part, StoreError> {
    let cells = cx.asked.cells(Axis::Country, Detail::Calls).await?;
    let countries = tally(by_value(&cells));
    let carried: u64 = countries.values().map(Tally::calls).sum();
    let body = if countries.is_empty() {
        Body::Missing(NOT_REPORTED.to_owned())
    } else {
        let shown: BTreeMap<&str, Shown> =
            countries.iter().map(|(code, tally)| (*code, Shown::Calls(tally.calls()))).collect();
        let map = Map { frame: Frame { id: "map" }, countries: &shown };
        let shades = shades(countries.values().map(Tally::calls));
        let key = shades.into_iter().map(|Shade { ink, least, most }| {
            let range = if least == most {
                words::count(least)
            } else {
                format!("{} to {}", words::count(least), words::count(most))
            };
            (format!("q{ink}"), range)
        });
        let none = ("none".to_owned(), "none".to_owned());
        let top: Vec<String> =
            ranked(&countries).into_iter().take(3).map(|(code, _)| name(code)).collect();
        Body::Map(MapView {
            id: "map",
            svg: map.draw(),
            key: key.chain([none]).collect(),
            summary: format!(
                "{} of the calls named a country, {} in all. Most came from {}. Boundaries are drawn for \
                 orientation and imply no opinion.",
                words::percent(carried, cx.numbers.total.calls()),
                words::counted(countries.len() as u64, "country", "countries"),
                top.join(", "),
            ),
        })
    };
    Ok(Part {
        id: "map",
        title: "Calls by country".to_owned(),
        note: String::new(),
        links: cx.api("countries", ""),
        body: vec![body],
    })
}

/// Countries by calls, at most `limit`.
pub(in super::super) async fn places(
    cx: &Cx<'_>,
    limit: Option<usize>,
) -> Result<Part, StoreError> {
    let asked = cx.asked;
    let (cells, before) = tokio::try_join!(
        asked.cells(Axis::Country, Detail::Times),
        asked.cells_before(Axis::Country, Detail::Calls),
    )?;
    let (countries, before) = (tally(by_value(&cells)), tally(by_value(&before)));
    let ranked = ranked(&countries);
    let carried: u64 = countries.values().map(Tally::calls).sum();
    let most = ranked.first().map_or(1, |(_, tally)| tally.calls());
    let compared = asked.compared.is_some();
    let listed = Listed::of(ranked.len(), limit.unwrap_or(LISTED), "country", "countries");
    let rows = ranked.iter().take(listed.shown).map(|(code, tally)| {
        let second = if compared {
            let before = before.get(code).map_or(0, Tally::calls);
            Cell::Change(growth(tally.calls() as f64, before as f64, More::Neither))
        } else {
            Cell::Number(words::percent(tally.calls(), carried))
        };
        TableRow {
            name: name(code),
            href: Some(cx.filtered(|filter| filter.country = Some((*code).to_owned()))),
            bar: Some(bar(tally.calls(), most)),
            cells: vec![
                Cell::Rank(words::count(tally.calls())),
                second,
                failed(tally),
                Cell::known(quantile(tally, 0.5)),
            ],
        }
    });
    let rows: Vec<TableRow> = rows.collect();
    let second = if compared { "Change" } else { "Share" };
    let columns =
        vec![("", "Country"), ("", "Calls"), ("", second), ("wide", "Failed"), ("wide", "Median")];
    let body = if rows.is_empty() {
        Body::Missing(NOT_REPORTED.to_owned())
    } else {
        let note = listed.note;
        Body::Table(Table { id: "countries", title: None, columns, rows, bad: false, note })
    };
    let mut links = cx.api("countries", "");
    if limit.is_some() {
        links.insert(0, ("Map".to_owned(), cx.page("/geography")));
    }
    Ok(Part {
        id: "countries",
        title: "Countries".to_owned(),
        note: format!(
            "{} of the calls name a country. It is what the client says, not where an address points.",
            words::percent(carried, cx.numbers.total.calls())
        ),
        links,
        body: vec![body],
    })
}
