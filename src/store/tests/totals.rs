//! Totals of dates that are over: taken where they are whole, and never believed where they are not.

use std::pin::pin;
use std::time::Duration;

use stages::Scanned;
use stages::rollup::Axis;
use tokio::time::timeout;

use super::reading::{expected, filled, filters, ranges, without_batches};
use super::{Fixture, Kind, entry, key, mixed, noon, on_every_store};
use crate::store::database::execute;
use crate::store::read::{Cell, Detail, Filter, Grain, Question};
use crate::store::totals::AXES;
use crate::store::write::cells;

on_every_store![
    answers_from_totals_are_those_of_the_cells,
    a_date_that_got_late_calls_is_read_from_its_cells,
    a_date_that_is_rewritten_loses_its_totals,
    a_date_that_is_being_rewritten_is_waited_for,
];

/// Whether every question that totals may answer has the answer that the events give.
async fn agrees(f: &Fixture, events: &[Scanned]) {
    let mut answered = 0;
    for (n, range) in ranges().into_iter().enumerate() {
        let filters = filters().into_iter().filter(|filter| filter.tool.is_none());
        for (m, filter) in filters.enumerate() {
            for (k, axis) in AXES.into_iter().chain([Axis::Tool]).enumerate() {
                let grain = [None, Some(Grain::Day)][(n + m + k) % 2];
                let detail = [Detail::Calls, Detail::Sums, Detail::Times][(n + k) % 3];
                let filter = filter.clone();
                let question = Question { range, grain, axis, by_tool: false, filter, detail };
                let cells = f.db.cells(&question).await.unwrap();
                answered += cells.len();
                let cells = cells.into_iter();
                let got: Vec<Cell> = cells
                    .map(|cell| Cell { measures: without_batches(cell.measures), ..cell })
                    .collect();
                assert_eq!(got, expected(events, &question), "{question:?}");
            }
        }
    }
    assert!(answered > 500, "{answered} cells are too few to mean anything");
}

async fn answers_from_totals_are_those_of_the_cells(kind: Kind) {
    let (f, events) = filled(kind).await;
    agrees(&f, &events).await;
    // The events lie in three dates, of which one is not over.
    assert_eq!(f.db.add_up_days().await.unwrap(), 2);
    assert_eq!(f.db.add_up_days().await.unwrap(), 0);
    agrees(&f, &events).await;
    // As if there were nothing else.
    let today = noon().day();
    f.run(&format!("DELETE FROM margin_day WHERE axis <> 'tool' AND day < '{today}'")).await;
    agrees(&f, &events).await;
}

async fn a_date_that_got_late_calls_is_read_from_its_cells(kind: Kind) {
    let (f, mut events) = filled(kind).await;
    f.db.add_up_days().await.unwrap();
    let late = mixed(2, 60);
    f.settle(vec![entry(99, noon(), late.clone())]).await;
    events.extend(late);
    agrees(&f, &events).await;
    assert_eq!(f.db.add_up_days().await.unwrap(), 2);
    agrees(&f, &events).await;
}

async fn a_date_that_is_rewritten_loses_its_totals(kind: Kind) {
    let (f, _) = filled(kind).await;
    f.db.add_up_days().await.unwrap();
    let day = noon().day().plus(-1);
    let of_day = format!("SELECT count(*) FROM total_day WHERE day = '{day}'");
    assert!(f.int(&of_day).await > 0);
    // As many calls as before, so only their being gone tells.
    f.db.rebuild(&key(), day, day.plus(1)).await.unwrap();
    assert_eq!(f.int(&of_day).await, 0);
    let filter = Filter::NONE;
    let range = ranges()[0];
    let (grain, axis, detail) = (Some(Grain::Day), Axis::Version, Detail::Times);
    let question = Question { range, grain, axis, by_tool: false, filter, detail };
    let before = f.db.cells(&question).await.unwrap();
    f.db.add_up_days().await.unwrap();
    assert_eq!(f.db.cells(&question).await.unwrap(), before);
}

async fn a_date_that_is_being_rewritten_is_waited_for(kind: Kind) {
    let (f, _) = filled(kind).await;
    let day = noon().day().plus(-1);
    let tx = f.db.write().await.unwrap();
    cells::lock_days(tx.tx(), &[day].into()).await.unwrap();
    // As many calls as before, so that totals of what was there would be believed.
    let moved = format!(
        "UPDATE margin_day SET value = 'moved' \
         WHERE day = '{day}' AND axis = 'version' AND value IN (SELECT min(value) FROM margin_day \
         WHERE day = '{day}' AND axis = 'version')"
    );
    assert!(execute(tx.tx(), &moved, []).await.unwrap() > 0);
    let mut adding = pin!(f.db.add_up_days());
    assert!(timeout(Duration::from_millis(500), &mut adding).await.is_err(), "it did not wait");
    tx.finish().await.unwrap();
    adding.await.unwrap();
    let of_day = format!("WHERE day = '{day}' AND axis = 'version'");
    let gone = format!(
        "SELECT count(*) FROM total_day {of_day} \
         AND value NOT IN (SELECT value FROM margin_day {of_day})"
    );
    assert_eq!(f.int(&gone).await, 0, "what was taken away has come back");
    assert!(f.int(&format!("SELECT count(*) FROM total_day {of_day}")).await > 0);
}
