//! The questions of pages and stats, against the events themselves.

use std::collections::{BTreeMap, BTreeSet};

use stages::rollup::{Axis, Dims, Measures};
use stages::testing::scanned;
use stages::{Hour, Level, Scanned, Status};

use super::{Fixture, Kind, entry, mixed, noon, on_every_store};
use crate::store::read::{Cell, Detail, ErrorCell, Filter, Grain, Question, Range, Sighting};

on_every_store![
    cells_are_what_the_events_sum_up_to,
    whole_days_come_from_the_tables_by_day,
    values_are_those_that_events_of_the_range_carried,
    today_is_read_by_day_and_only_what_is_to_come_by_hour,
    errors_are_counted_with_their_first_and_last_hour,
    the_extent_and_the_days_are_those_of_the_events,
];

pub(super) fn without_batches(measures: Measures) -> Measures {
    Measures { batches: 0, ..measures }
}

pub(super) fn ranges() -> Vec<Range> {
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

pub(super) async fn filled(kind: Kind) -> (Fixture, Vec<Scanned>) {
    let f = Fixture::new(kind).await;
    let events = mixed(1, 400);
    for (number, part) in (0..).zip(events.chunks(90)) {
        f.settle(vec![entry(number, noon(), part.to_vec())]).await;
    }
    (f, events)
}

/// No filter, each alone, and combinations that margins answer and that they do not.
pub(super) fn filters() -> Vec<Filter> {
    let text = |text: &str| Some(text.to_owned());
    let tool = Filter { tool: text("get_forecast"), ..Filter::NONE };
    let version = Filter { version: text("1.2.0"), ..Filter::NONE };
    let country = Filter { country: text("DE"), ..Filter::NONE };
    vec![
        Filter::NONE,
        Filter { tool: text("no_such_tool"), ..Filter::NONE },
        Filter { service: text("noaa"), ..Filter::NONE },
        Filter { level: Some(Level::Minimal), ..Filter::NONE },
        Filter { status: Some(Status::Error), ..Filter::NONE },
        Filter { country: text("DE"), ..tool.clone() },
        Filter { service: text("noaa"), ..version.clone() },
        Filter { status: Some(Status::Success), service: text("noaa"), ..country.clone() },
        Filter {
            country: text("DE"),
            level: Some(Level::Minimal),
            status: Some(Status::Success),
            ..tool.clone()
        },
        tool,
        version,
        country,
    ]
}

fn matches(filter: &Filter, event: &Scanned) -> bool {
    let same = |want: &Option<String>, value: Option<&str>| {
        want.as_deref().is_none_or(|want| Some(want) == value)
    };
    same(&filter.tool, Some(event.tool()))
        && same(&filter.version, Some(event.version()))
        && same(&filter.service, event.service())
        && same(&filter.country, event.country())
        && filter.level.is_none_or(|level| level == event.level())
        && filter.status.is_none_or(|status| status == event.status())
}

/// The value of an event on an axis; `None` when it has no place there.
fn value(axis: Axis, event: &Scanned) -> Option<String> {
    match axis {
        Axis::ErrorType if event.status() == Status::Success => None,
        Axis::ErrorType => event.error_type().map(str::to_owned),
        axis => Some(axis.value(&Dims::of(event)).to_string()),
    }
}

/// What the events sum up to; `batches` is left out.
pub(super) fn expected(events: &[Scanned], question: &Question) -> Vec<Cell> {
    let Question { range, grain, axis, by_tool, filter, detail } = question;
    let mut sums: BTreeMap<(Hour, String, String, Status), Measures> = BTreeMap::new();
    for event in events.iter().filter(|event| matches(filter, event)) {
        let Some(value) = value(*axis, event) else { continue };
        if !(range.from..range.to).contains(&event.hour()) {
            continue;
        }
        let bucket = match grain {
            None => range.from,
            Some(Grain::Hour) => event.hour(),
            Some(Grain::Day) => event.hour().day().start(),
        };
        let tool = if *by_tool { event.tool() } else { "" };
        let key = (bucket, tool.to_owned(), value, event.status());
        sums.entry(key).or_default().add(event);
    }
    let read = |measures: Measures| match detail {
        Detail::Calls => Measures { calls: measures.calls, ..Measures::default() },
        Detail::Sums => Measures {
            time_min: None,
            time_max: None,
            times: stages::sketch::Sketch::default(),
            ..measures
        },
        Detail::Times => measures,
    };
    let cell = |((bucket, tool, value, status), measures)| Cell {
        bucket,
        tool,
        value,
        status,
        measures: read(measures),
    };
    sums.into_iter().map(cell).collect()
}

async fn cells_are_what_the_events_sum_up_to(kind: Kind) {
    let (f, events) = filled(kind).await;
    let mut answered = 0;
    for (n, range) in ranges().into_iter().enumerate() {
        for (m, filter) in filters().into_iter().enumerate() {
            for (k, axis) in Axis::ALL.into_iter().enumerate() {
                if axis == Axis::ErrorType && filter.axes().next().is_some() {
                    continue;
                }
                // Every pair of any two of them comes up; not every combination.
                let grain = [None, Some(Grain::Hour), Some(Grain::Day)][(n + m + k) % 3];
                let detail = [Detail::Calls, Detail::Sums, Detail::Times][(n + k) % 3];
                let by_tool = (n + m) % 2 == 0;
                let filter = filter.clone();
                let question = Question { range, grain, axis, by_tool, filter, detail };
                let cells = f.db.cells(&question).await.unwrap();
                answered += cells.len();
                let got: Vec<Cell> = cells
                    .into_iter()
                    .map(|cell| Cell { measures: without_batches(cell.measures), ..cell })
                    .collect();
                assert_eq!(got, expected(&events, &question), "{question:?}");
            }
        }
    }
    assert!(answered > 1_000, "{answered} cells are too few to mean anything");
}

async fn values_are_those_that_events_of_the_range_carried(kind: Kind) {
    let (f, events) = filled(kind).await;
    let mut answered = 0;
    for range in ranges() {
        for (axis, filter) in
            Axis::ALL.into_iter().flat_map(|it| filters().into_iter().map(move |f| (it, f)))
        {
            if axis == Axis::ErrorType && filter.axes().next().is_some() {
                continue;
            }
            let within = events.iter().filter(|e| (range.from..range.to).contains(&e.hour()));
            let within = within.filter(|event| matches(&filter, event));
            let want: BTreeSet<String> = match axis {
                Axis::Tool => within.map(|event| event.tool().to_owned()).collect(),
                axis => within
                    .filter_map(|event| value(axis, event))
                    .filter(|value| !value.is_empty())
                    .collect(),
            };
            let got = f.db.values(range, axis, &filter).await.unwrap();
            answered += got.len();
            let want: Vec<_> = want.into_iter().collect();
            assert_eq!(got, want, "{range:?} {axis:?} {filter:?}");
        }
    }
    assert!(answered > 500, "{answered} values are too few to mean anything");
}

async fn the_extent_and_the_days_are_those_of_the_events(kind: Kind) {
    let (f, events) = filled(kind).await;
    let extent = f.db.extent().await.unwrap();
    let oldest = events.iter().map(|event| event.hour().day().start()).min();
    assert_eq!((extent.oldest, extent.last_received), (oldest, Some(noon())));
    assert_eq!(extent.commits, f.db.watermark().await.unwrap());
    let from = noon().day().plus(-1);
    let mut want = BTreeMap::new();
    for event in events.iter().filter(|event| event.hour().day() >= from) {
        *want.entry(event.hour().day()).or_insert(0) += 1;
    }
    assert_eq!(f.db.calls_by_day(from).await.unwrap(), want.into_iter().collect::<Vec<_>>());
}

async fn whole_days_come_from_the_tables_by_day(kind: Kind) {
    let (f, events) = filled(kind).await;
    // As if hourly rollups had outlived their retention.
    f.run("DELETE FROM margin_hour").await;
    let day = noon().day().plus(-1);
    let range = Range { from: day.start(), to: day.plus(1).start() };
    let calls = events.iter().filter(|event| event.hour().day() == day).count() as u64;
    assert!(calls > 0);
    let total = |cells: Vec<Cell>| cells.iter().map(|cell| cell.measures.calls).sum::<u64>();
    let edged = Range { from: range.from.plus(-5), to: range.to.plus(5) };
    let short = Range { from: range.from.plus(1), to: range.to };
    for (range, want) in [(range, calls), (edged, calls), (short, 0)] {
        let question = Question {
            range,
            grain: None,
            axis: Axis::Tool,
            by_tool: true,
            filter: Filter::NONE,
            detail: Detail::Calls,
        };
        assert_eq!(total(f.db.cells(&question).await.unwrap()), want, "{range:?}");
    }
}

async fn today_is_read_by_day_and_only_what_is_to_come_by_hour(kind: Kind) {
    let (f, mut events) = filled(kind).await;
    let (day, now) = (noon().day(), noon());
    let mut ahead: Vec<_> = mixed(2, 40)
        .into_iter()
        .zip(1..)
        .map(|(event, n)| {
            let event_of = |tool: &str| scanned(tool).hour(now.plus(n % 20 + 1)).country("DE");
            event_of(event.tool()).version(event.version()).status(event.status()).build()
        })
        .collect();
    // One batch with one call of now, and many hours to come.
    ahead.extend((0..6).map(|n| scanned("search_location").hour(now.plus(n)).build()));
    f.settle(vec![entry(99, noon(), ahead.clone())]).await;
    events.extend(ahead);
    // As if nothing of what has passed were known by the hour.
    f.run(&format!("DELETE FROM margin_hour WHERE hour <= '{now}'")).await;
    f.run(&format!("DELETE FROM rollup_hour WHERE hour <= '{now}'")).await;
    let question = |detail, filter| Question {
        range: Range { from: day.start(), to: now.plus(1) },
        grain: None,
        axis: Axis::Tool,
        by_tool: true,
        filter,
        detail,
    };
    let later = events.iter().filter(|e| e.hour() > now && e.hour().day() == day).count();
    assert!(later > 0, "nothing that is to come would prove nothing");
    for filter in filters() {
        for detail in [Detail::Calls, Detail::Sums] {
            let question = question(detail, filter.clone());
            let got = f.db.cells(&question).await.unwrap();
            let got: Vec<Cell> = got
                .into_iter()
                .map(|cell| Cell { measures: without_batches(cell.measures), ..cell })
                .collect();
            assert_eq!(got, expected(&events, &question), "{question:?}");
        }
    }
    let times = f.db.cells(&question(Detail::Times, Filter::NONE)).await.unwrap();
    assert_eq!(times, [], "distributions cannot be taken away");
}

async fn errors_are_counted_with_their_first_and_last_hour(kind: Kind) {
    let (f, events) = filled(kind).await;
    for range in ranges() {
        for filter in [
            Filter::NONE,
            Filter { tool: Some("get_alerts".to_owned()), ..Filter::NONE },
            Filter { version: Some("1.2.0".to_owned()), ..Filter::NONE },
            Filter {
                tool: Some("get_alerts".to_owned()),
                version: Some("1.2.0".to_owned()),
                ..Filter::NONE
            },
        ] {
            let mut counts: BTreeMap<(String, String, String), u64> = BTreeMap::new();
            let mut hours: BTreeMap<(String, String), Vec<Hour>> = BTreeMap::new();
            for event in &events {
                let asked = matches(&filter, event);
                let within = (range.from..range.to).contains(&event.hour());
                if let (Some(error), true) = (event.error_type(), asked && within) {
                    let key = (event.tool().into(), event.version().into(), error.into());
                    *counts.entry(key).or_default() += 1;
                    let key = (event.version().into(), error.into());
                    hours.entry(key).or_default().push(event.hour());
                }
            }
            let counts = counts.into_iter().map(|((tool, version, error_type), count)| ErrorCell {
                tool,
                version,
                error_type,
                count,
            });
            let want: Vec<_> = counts.collect();
            assert_eq!(f.db.errors(range, &filter).await.unwrap(), want, "{range:?} {filter:?}");
            let seen = hours.into_iter().map(|((version, error_type), hours)| Sighting {
                version,
                error_type,
                first: *hours.iter().min().unwrap(),
                last: *hours.iter().max().unwrap(),
            });
            let want: Vec<_> = seen.collect();
            assert_eq!(f.db.sightings(range, &filter).await.unwrap(), want, "{range:?} {filter:?}");
        }
    }
}
