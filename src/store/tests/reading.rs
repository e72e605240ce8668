//! The questions of pages and stats, against the events themselves.

use std::collections::BTreeMap;

use stages::rollup::{Axis, Dims, Measures};
use stages::{Hour, Scanned, Status};

use super::{Fixture, Kind, entry, mixed, noon, on_every_store};
use crate::store::read::{AxisCell, ErrorCell, Grain, Range};

on_every_store![
    by_axis_is_what_the_events_sum_up_to,
    series_are_what_the_events_sum_up_to,
    whole_days_come_from_the_tables_by_day,
    errors_are_counted_with_their_first_and_last_hour,
];

/// What the events of a range sum up to, by whatever `key` makes of them; `batches` is left out.
fn sums<K: Ord>(
    events: &[Scanned],
    range: Range,
    tool: Option<&str>,
    key: impl Fn(&Scanned) -> K,
) -> Vec<(K, Measures)> {
    let mut sums: BTreeMap<K, Measures> = BTreeMap::new();
    let within = |event: &&Scanned| {
        (range.from..range.to).contains(&event.hour()) && tool.is_none_or(|t| t == event.tool())
    };
    for event in events.iter().filter(within) {
        sums.entry(key(event)).or_default().add(event);
    }
    sums.into_iter().collect()
}

fn without_batches(measures: Measures) -> Measures {
    Measures { batches: 0, ..measures }
}

fn ranges() -> Vec<Range> {
    let range = |from: i64, to: i64| Range { from: noon().plus(from), to: noon().plus(to) };
    // Noon is hour 12 of its day: edges on and off midnight, within a day, over everything.
    vec![
        range(-60, 1),
        range(-12, 12),
        range(-37, -12),
        range(-36, -11),
        range(-5, 0),
        range(3, 9),
        range(0, -10),
        Range { from: Hour::from_epoch_hours(0), to: noon().plus(100_000) },
    ]
}

async fn filled(kind: Kind) -> (Fixture, Vec<Scanned>) {
    let f = Fixture::new(kind).await;
    let events = mixed(1, 400);
    for (number, part) in (0..).zip(events.chunks(90)) {
        f.settle(vec![entry(number, noon(), part.to_vec())]).await;
    }
    (f, events)
}

async fn by_axis_is_what_the_events_sum_up_to(kind: Kind) {
    let (f, events) = filled(kind).await;
    for range in ranges() {
        for axis in Axis::ALL {
            for tool in [None, Some("get_alerts"), Some("no_such_tool")] {
                let cells = f.db.by_axis(range, axis, tool).await.unwrap();
                let got: Vec<((String, String, Status), Measures)> = cells
                    .into_iter()
                    .map(|c| ((c.tool, c.value, c.status), without_batches(c.measures)))
                    .collect();
                let want = sums(&events, range, tool, |event| {
                    let value = axis.value(&Dims::of(event));
                    (event.tool().to_owned(), value.to_string(), event.status())
                });
                assert_eq!(got, want, "{range:?} {axis:?} {tool:?}");
            }
        }
    }
}

async fn series_are_what_the_events_sum_up_to(kind: Kind) {
    let (f, events) = filled(kind).await;
    for range in ranges() {
        for grain in [Grain::Hour, Grain::Day] {
            let bucket = |event: &Scanned| match grain {
                Grain::Hour => event.hour(),
                Grain::Day => event.hour().day().start(),
            };
            let cells = f.db.series(range, grain, None).await.unwrap();
            let got: Vec<_> = cells
                .into_iter()
                .map(|c| ((c.bucket, c.tool, c.status), without_batches(c.measures)))
                .collect();
            let want = sums(&events, range, None, |event| {
                (bucket(event), event.tool().to_owned(), event.status())
            });
            assert_eq!(got, want, "{range:?} {grain:?}");

            let tool = Some("get_forecast");
            let cells = f.db.axis_series(range, grain, Axis::Version, tool).await.unwrap();
            let got: Vec<_> = cells
                .into_iter()
                .map(|c| ((c.bucket, c.value, c.status), without_batches(c.measures)))
                .collect();
            let want = sums(&events, range, tool, |event| {
                (bucket(event), event.version().to_owned(), event.status())
            });
            assert_eq!(got, want, "{range:?} {grain:?}");
        }
    }
}

async fn whole_days_come_from_the_tables_by_day(kind: Kind) {
    let (f, events) = filled(kind).await;
    // As if hourly rollups had outlived their retention.
    f.run("DELETE FROM margin_hour").await;
    let day = noon().day().plus(-1);
    let range = Range { from: day.start(), to: day.plus(1).start() };
    let calls = events.iter().filter(|event| event.hour().day() == day).count() as u64;
    assert!(calls > 0);
    let total = |cells: Vec<AxisCell>| cells.iter().map(|cell| cell.measures.calls).sum::<u64>();
    let edged = Range { from: range.from.plus(-5), to: range.to.plus(5) };
    let short = Range { from: range.from.plus(1), to: range.to };
    for (range, want) in [(range, calls), (edged, calls), (short, 0)] {
        assert_eq!(total(f.db.by_axis(range, Axis::Tool, None).await.unwrap()), want, "{range:?}");
    }
}

async fn errors_are_counted_with_their_first_and_last_hour(kind: Kind) {
    let (f, events) = filled(kind).await;
    for range in ranges() {
        for tool in [None, Some("get_alerts")] {
            let mut want: BTreeMap<(String, String, String), Vec<Hour>> = BTreeMap::new();
            for event in &events {
                let asked = tool.is_none_or(|t| t == event.tool());
                let within = (range.from..range.to).contains(&event.hour());
                if let (Some(error), true) = (event.error_type(), asked && within) {
                    let key = (event.tool().into(), event.version().into(), error.into());
                    want.entry(key).or_default().push(event.hour());
                }
            }
            let cell = |((tool, version, error_type), hours): (_, Vec<Hour>)| ErrorCell {
                tool,
                version,
                error_type,
                count: hours.len() as u64,
                first: *hours.iter().min().unwrap(),
                last: *hours.iter().max().unwrap(),
            };
            let want: Vec<ErrorCell> = want.into_iter().map(cell).collect();
            assert_eq!(f.db.errors(range, tool).await.unwrap(), want, "{range:?} {tool:?}");
        }
    }
}
