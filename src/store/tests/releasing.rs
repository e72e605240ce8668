//! What is released of a small world, and what an attacker can make of every answer about it.

mod world;

use std::collections::{BTreeMap, BTreeSet, HashSet};

use stages::rollup::Axis;
use stages::testing::scanned;
use stages::{Entry, Hour, Status};

use self::world::{Answers, Moment, World};
use super::{Fixture, Kind, entry, key, noon, on_every_store};
use crate::stats::Source;
use crate::stats::release::{Published, SENSITIVE};
use crate::store::lock::{Lock, Purpose};
use crate::store::read::{Cell, Detail, Filter, Grain, Question, Range};

on_every_store![
    a_cell_needs_calls_and_batches_and_an_hour_of_rest,
    what_was_decided_stays_whatever_comes_late,
    a_rebuilt_day_keeps_its_decision_and_loses_what_was_deleted,
    only_one_decides_at_a_time,
    what_is_released_is_what_the_rule_says_and_everything_else_is_other,
    no_answer_tells_withheld_values_apart,
    no_three_answers_give_a_withheld_cell,
];

/// As the production examples have it.
const MIN_CELL: u32 = 10;

/// So many entries of yesterday, each with so many successful and failed calls.
async fn yesterday(f: &Fixture, first: u8, country: &str, entries: u8, statuses: &[Status]) {
    let hour = noon().plus(-24);
    let call = |status| scanned("get_alerts").hour(hour).country(country).status(status).build();
    let entries = (0..entries)
        .map(|n| entry(first + n, hour, statuses.iter().map(|status| call(*status)).collect()));
    f.settle(entries.collect()).await;
}

/// Countries and calls of the days around the world's noon, by day.
async fn countries(f: &Fixture) -> Vec<(String, u64)> {
    let range = Range { from: noon().plus(-48).day().start(), to: noon().plus(1) };
    let (axis, filter, detail) = (Axis::Country, Filter::NONE, Detail::Calls);
    let question = Question { range, grain: None, axis, by_tool: true, filter, detail };
    let mut calls = BTreeMap::<String, u64>::new();
    for cell in Published(f.db.clone()).cells(&question).await.unwrap() {
        *calls.entry(cell.value).or_default() += cell.measures.calls;
    }
    calls.into_iter().collect()
}

fn listed(calls: &[(&str, u64)]) -> Vec<(String, u64)> {
    calls.iter().map(|(name, calls)| ((*name).to_owned(), *calls)).collect()
}

async fn a_cell_needs_calls_and_batches_and_an_hour_of_rest(kind: Kind) {
    use Status::{Error, Success};
    let f = Fixture::new(kind).await;
    yesterday(&f, 0, "US", 10, &[Success]).await;
    yesterday(&f, 20, "CA", 9, &[Success, Success, Success]).await;
    // Nobody knows whether these are ten batches or five.
    yesterday(&f, 40, "MX", 5, &[Success, Error]).await;
    let today = scanned("get_alerts").hour(noon()).country("US").build();
    f.settle(vec![entry(60, noon(), vec![today; 20])]).await;
    assert_eq!(countries(&f).await, listed(&[("other", 67)]));

    let midnight = noon().plus(-12);
    f.clock.step_wall(midnight.unix_seconds() + 3_599);
    assert_eq!(f.db.freeze(MIN_CELL).await.unwrap(), []);
    f.clock.step_wall(midnight.unix_seconds() + 3_600);
    let watermark = f.db.watermark().await.unwrap();
    assert_eq!(f.db.freeze(MIN_CELL).await.unwrap(), [noon().plus(-24).day()]);
    assert_ne!(f.db.watermark().await.unwrap(), watermark);
    assert_eq!(f.db.freeze(MIN_CELL).await.unwrap(), []);
    // Today's calls are no part of a released cell, of whatever country.
    assert_eq!(countries(&f).await, listed(&[("US", 10), ("other", 57)]));
}

async fn what_was_decided_stays_whatever_comes_late(kind: Kind) {
    let f = Fixture::new(kind).await;
    yesterday(&f, 0, "US", 10, &[Status::Success]).await;
    yesterday(&f, 20, "CA", 9, &[Status::Success]).await;
    f.db.freeze(MIN_CELL).await.unwrap();
    for (first, country) in [(40, "US"), (80, "CA"), (120, "MX")] {
        yesterday(&f, first, country, 30, &[Status::Success]).await;
    }
    assert_eq!(countries(&f).await, listed(&[("US", 10), ("other", 99)]));
    // A later decision with another threshold is about later days.
    assert_eq!(f.db.freeze(2).await.unwrap(), []);
    assert_eq!(countries(&f).await, listed(&[("US", 10), ("other", 99)]));
}

async fn a_rebuilt_day_keeps_its_decision_and_loses_what_was_deleted(kind: Kind) {
    let f = Fixture::new(kind).await;
    for (first, country, entries) in [(0, "US", 12), (20, "CA", 9), (40, "MX", 11)] {
        yesterday(&f, first, country, entries, &[Status::Success]).await;
    }
    f.db.freeze(MIN_CELL).await.unwrap();
    yesterday(&f, 80, "CA", 30, &[Status::Success]).await;
    f.run("DELETE FROM events WHERE country = 'MX'").await;
    let day = noon().plus(-24).day();
    f.db.rebuild(&key(), day, day.plus(1)).await.unwrap();
    assert_eq!(countries(&f).await, listed(&[("US", 12), ("other", 39)]));
    assert_eq!(f.int("SELECT count(*) FROM released_day WHERE value = 'MX'").await, 0);
}

async fn only_one_decides_at_a_time(kind: Kind) {
    let f = Fixture::new(kind).await;
    yesterday(&f, 0, "US", 10, &[Status::Success]).await;
    let lock = Lock::attempt(&f.db, Purpose::Release).await;
    let Ok(Some(lock)) = lock else { return };
    assert_eq!(f.db.freeze(MIN_CELL).await.unwrap(), []);
    lock.release().await;
    // A process that a test beside this one is starting has every lock for a moment.
    while f.db.freeze(MIN_CELL).await.unwrap().is_empty() {
        tokio::task::yield_now().await;
    }
    assert_eq!(countries(&f).await, listed(&[("US", 10)]));
}

async fn what_is_released_is_what_the_rule_says_and_everything_else_is_other(kind: Kind) {
    let f = Fixture::new(kind).await;
    let world = World::new(7, false);
    world.live(&f, |moment| async move { moment }).await;
    let mut want: Vec<String> = world.released().iter().map(|cell| cell.to_string()).collect();
    want.sort();
    assert!(want.len() > 20, "the world is too small to say anything: {want:?}");
    let day = f.db.dialect().day_text("day");
    let got = format!(
        "SELECT {day} || ' ' || axis || ' ' || tool || ' ' || value || ' ' || \
         CAST(sum(calls) AS BIGINT) || ' ' || CAST(sum(time_sum) AS BIGINT) \
         FROM released_day GROUP BY day, axis, tool, value"
    );
    let mut got = f.texts(&got).await;
    got.sort();
    assert_eq!(got, want);
    // Whatever is not released is there without its name.
    let source = Published(f.db.clone());
    for axis in SENSITIVE {
        let range = Range { from: world.days()[0].start(), to: world.days()[2].plus(1).start() };
        let question = Question {
            range,
            grain: None,
            axis,
            by_tool: true,
            filter: Filter::NONE,
            detail: Detail::Sums,
        };
        let sum = |cells: Vec<Cell>| cells.iter().map(|cell| cell.measures.time_sum).sum::<u64>();
        let shown = sum(source.cells(&question).await.unwrap());
        let whole = sum(f.db.cells(&question).await.unwrap());
        assert_eq!(shown, whole, "{axis:?}");
    }
}

/// Two worlds that differ by the names of what is withheld look the same from outside, at any time.
async fn no_answer_tells_withheld_values_apart(kind: Kind) {
    let (one, two) = (Fixture::new(kind).await, Fixture::new(kind).await);
    let one = World::new(7, false).live(&one, |moment| answers(moment, true)).await;
    let two = World::new(7, true).live(&two, |moment| answers(moment, true)).await;
    assert_eq!(one.len(), two.len());
    for (moment, (one, two)) in one.iter().zip(&two).enumerate() {
        for ((asked, one), (_, two)) in one.iter().zip(two) {
            assert!(one == two, "moment {moment}, {asked}:\n{one:#?}\n{two:#?}");
        }
    }
}

/// Every call has a time that makes the sum of any set of calls its own: an answer that is the
/// difference or sum of others for any other reason than its calls is next to impossible.
///
/// Every remainder of this world has calls of two values at least. Where it has one, `other` is that
/// value's cell, under no name.
async fn no_three_answers_give_a_withheld_cell(kind: Kind) {
    let f = Fixture::new(kind).await;
    let world = World::new(7, false);
    let moments = world.live(&f, |moment| answers(moment, false)).await;
    let cells = moments.iter().flatten().flat_map(|(_, cells)| cells);
    let known: HashSet<i128> =
        cells.map(|cell| world::sum_of(cell.measures.calls, cell.measures.time_sum)).collect();
    let withheld = world.withheld();
    assert!(known.len() > 100 && withheld.len() > 20, "{} {}", known.len(), withheld.len());
    for cell in &withheld {
        let cell_sum = cell.sum();
        assert!(!known.contains(&cell_sum), "{cell} is an answer");
        for a in &known {
            for left in [cell_sum - a, cell_sum + a] {
                assert!(!known.contains(&left), "{cell} is two answers");
                for b in &known {
                    assert!(!known.contains(&(left + b)), "{cell} is three answers");
                }
            }
        }
    }
}

/// Every question of a kind, and its answer, at a moment of the world.
async fn answers(moment: Moment<'_>, with_names: bool) -> Answers {
    let source = Published(moment.store.clone());
    let mut answers = Answers::new();
    for range in ranges(&moment) {
        for filter in filters() {
            for axis in [Axis::Tool].into_iter().chain(SENSITIVE) {
                for grain in [None, Some(Grain::Day), Some(Grain::Hour)] {
                    let detail = if with_names { Detail::Times } else { Detail::Sums };
                    let (by_tool, filter) = (true, filter.clone());
                    let question = Question { range, grain, axis, by_tool, filter, detail };
                    let cells = source.cells(&question).await.unwrap();
                    answers.push((format!("{question:?}"), cells));
                }
            }
            let errors = source.errors(range, &filter).await.unwrap();
            assert!(errors.is_empty(), "{errors:?}");
            let seen = source.sightings(range, &filter).await.unwrap();
            assert!(seen.is_empty(), "{seen:?}");
        }
        for axis in SENSITIVE.into_iter().filter(|_| with_names) {
            let values = source.values(range, axis, &Filter::NONE).await.unwrap();
            answers.push((format!("values of {axis:?} in {range:?}: {values:?}"), Vec::new()));
        }
    }
    let asked: BTreeSet<&String> = answers.iter().map(|(asked, _)| asked).collect();
    assert_eq!(asked.len(), answers.len(), "nothing is asked twice");
    answers
}

/// Neighbouring ranges: whole days, some of them, and with an hour of the next.
fn ranges(moment: &Moment<'_>) -> Vec<Range> {
    let [first, second, third] = moment.days.map(|day| day.start());
    let end = third.plus(24);
    let pairs: [(Hour, Hour); 6] = [
        (first, second),
        (second, third),
        (third, end),
        (first, end),
        (second, third.plus(10)),
        (second.plus(3), third),
    ];
    pairs.map(|(from, to)| Range { from, to }).to_vec()
}

fn filters() -> Vec<Filter> {
    let none = Filter::NONE;
    let some = |value: &str| Some(value.to_owned());
    let mut filters = vec![
        none.clone(),
        Filter { status: Some(Status::Error), ..none.clone() },
        Filter { version: some("1.0.0"), country: some("US"), ..none.clone() },
        Filter { country: some("other"), ..none.clone() },
        Filter { service: some("noaa"), ..none.clone() },
    ];
    filters.extend(world::COUNTRIES.map(|it| Filter { country: some(it), ..none.clone() }));
    filters.extend(world::VERSIONS.map(|it| Filter { version: some(it), ..none.clone() }));
    filters
}

/// One call an entry, most of the time.
fn entries(calls: Vec<(u128, Hour, stages::Scanned)>) -> Vec<Entry> {
    let mut entries = BTreeMap::<u128, Entry>::new();
    for (number, received, event) in calls {
        let id = stages::EntryId::from_bytes(number.to_be_bytes());
        let empty =
            || Entry { id, received, batch_key: None, door_duplicates: 0, events: Vec::new() };
        entries.entry(number).or_insert_with(empty).events.push(event);
    }
    entries.into_values().collect()
}
