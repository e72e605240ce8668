//! The same questions where small groups are withheld: a model decides from the raw rows alone what may
//! be shown, and the answers must be those of rows in which everything else is called "other".

use std::collections::{BTreeMap, BTreeSet};

use stages::{Day, Hour};

use super::oracle;
use super::questions::{COUNTRIES, Dice, ERRORS, FILTERS, Question, SERVICES, TOOLS, VERSIONS};
use super::rows::{OTHER, Row, Rows, grouped};
use crate::support::{Config, Event, Pair, Queue, Server, Store, eventually, hour_now};

const MIN_CELL: usize = 10;
const QUESTIONS: usize = 1_500;

#[test]
fn every_answer_is_what_may_be_shown_of_the_raw_rows_sqlite() {
    Pair { queue: Queue::Sqlite, store: Store::Sqlite }.run(every_answer_is_what_may_be_shown);
}

#[test]
fn every_answer_is_what_may_be_shown_of_the_raw_rows_postgres() {
    Pair { queue: Queue::Sqlite, store: Store::Postgres }.run(every_answer_is_what_may_be_shown);
}

/// A call of one of the last four days, some values rare and some frequent.
fn event(dice: &mut Dice) -> Event {
    let hour = hour_now().plus(-(dice.below(60) as i64));
    let often = |dice: &mut Dice, list: &[&'static str]| match dice.chance(70) {
        true => list[0],
        false => dice.one_of(list),
    };
    let mut event = Event::standard(dice.one_of(&TOOLS[..2]))
        .with("timestamp_hour", hour.to_string())
        .with("version", often(dice, &VERSIONS))
        .with("response_time_ms", 1 + dice.below(5_000) as u64);
    if dice.chance(90) {
        event = event.with("country", often(dice, &COUNTRIES));
    }
    if dice.chance(90) {
        event = event.with("service", often(dice, &SERVICES));
    }
    if dice.chance(30) {
        event = event.with("status", "error");
        event = event.with("error_type", often(dice, &ERRORS));
    }
    match dice.chance(20) {
        true => event
            .with("analytics_level", "detailed")
            .with("session_id", format!("{:016x}", dice.below(40))),
        false => event,
    }
}

fn config() -> Config {
    let env = vec![("ANALYTICS_PRIVACY__MIN_CELL", MIN_CELL.to_string())];
    Config { env, ..Config::default() }
}

/// A server full of calls, whose dates that are over were decided on.
fn decided(dice: &mut Dice) -> Server {
    let mut server = Server::with(config());
    // Each a batch of its own, so that a cell has as many batches as calls.
    for _ in 0..900 {
        let answer = server.post(Event::batch([event(dice)]));
        assert_eq!(answer.json()["count"], 1, "{}", answer.text);
    }
    server.drained();
    server.terminate();
    // A worker decides when it starts.
    let server = server.beside_with(config());
    let days = Rows::read(&server.store()).all().iter().map(|row| row.hour.day()).collect();
    let over = BTreeSet::len(&days) - days.range(first_open(hour_now())..).count();
    eventually("days that are over are decided on", || {
        let frozen = server.store().texts("SELECT CAST(count(*) AS text) FROM frozen_days");
        frozen[0].parse::<usize>().unwrap() >= over
    });
    server
}

fn every_answer_is_what_may_be_shown() {
    let mut dice = Dice::new(20_260_821);
    let server = decided(&mut dice);
    let now = hour_now();
    let raw = Rows::read(&server.store());
    let release = Release::of(&raw, now);
    let (mut refused, mut told) = (0, BTreeMap::<&str, usize>::new());
    for _ in 0..QUESTIONS {
        let question = Question::random(&mut dice);
        let path = question.path();
        let answer = server.get(&path);
        if hour_now() != now {
            return;
        }
        if question.is_refused(now) {
            assert_eq!(answer.status, 400, "{path}: {}", answer.text);
            assert_eq!(answer.json()["error"], "unsupported_combination", "{path}");
            refused += 1;
            continue;
        }
        oracle::judge(&question, now, &release.view(&raw, &question), &answer);
        for dimension in question.sensitive() {
            *told.entry(dimension).or_default() += 1;
        }
    }
    assert!(refused > QUESTIONS / 10, "{refused} refusals are too few to mean anything");
    assert!(told.len() == 4 && told.values().all(|n| *n > 5), "{told:?} are too few");
}

/// A day is decided on an hour after its end.
fn first_open(now: Hour) -> Day {
    now.plus(-1).day()
}

/// A UTC date, a tool, a dimension and a value of it.
type Cell = (Day, String, &'static str, String);

/// What may be shown.
struct Release {
    cells: BTreeSet<Cell>,
    /// Dates whose number of sessions is shown.
    sessions: BTreeSet<Day>,
}

impl Release {
    fn of(raw: &Rows, now: Hour) -> Self {
        let rows = raw.all().into_iter().filter(|row| row.hour.day() < first_open(now));
        let rows: Vec<&Row> = rows.collect();
        let mut cells = BTreeSet::new();
        for by in FILTERS.into_iter().chain(["error"]) {
            // The larger number of the two statuses is all that is certain of the batches.
            for ((cell, _), set) in &grouped(&rows, |row| (cell(row, by), row.failed())) {
                if set.0.len() >= MIN_CELL {
                    cells.insert(cell.clone());
                }
            }
        }
        let of_day = |day: &Day| raw.sessions((day.start(), day.plus(1).start()));
        let days = rows.iter().map(|row| row.hour.day());
        Self { cells, sessions: days.filter(|day| of_day(day) >= MIN_CELL).collect() }
    }

    /// The rows as a question may see them.
    fn view(&self, raw: &Rows, question: &Question) -> Rows {
        let asked = [question.range(), question.range_before()];
        let filter = question.sensitive().into_iter().next();
        raw.shown_as(|row| {
            let mut row = row.clone();
            let day = row.hour.day();
            let whole =
                asked.iter().any(|(from, to)| *from <= day.start() && day.plus(1).start() <= *to);
            let shown = |row: &Row, by: &'static str| {
                let value = row.value(by).to_owned();
                // Of one dimension at a time, and by whole dates of all levels.
                let alone = question.level.is_none() && filter.is_none_or(|filter| filter == by);
                let known = whole && alone && self.cells.contains(&cell(row, by));
                if known { value } else { OTHER.to_owned() }
            };
            let [version, service, country] = FILTERS.map(|by| shown(&row, by));
            // Calls without a kind of error are no group of that dimension.
            let error = Some(shown(&row, "error")).filter(|_| !row.error.is_empty());
            (row.version, row.service, row.country) = (version, service, country);
            row.error = error.unwrap_or_default();
            if !self.sessions.contains(&day) {
                row.session.clear();
            }
            row
        })
    }
}

fn cell(row: &Row, by: &'static str) -> Cell {
    (row.hour.day(), row.tool.clone(), by, row.value(by).to_owned())
}
