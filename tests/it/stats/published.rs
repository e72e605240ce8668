//! Answers where small groups are withheld, against a model that decides from the raw rows alone what
//! may be shown.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use stages::{Day, Hour};

use super::oracle::close;
use super::questions::{COUNTRIES, Dice, SERVICES, TOOLS, VERSIONS};
use super::rows::{Row, Rows, Set, grouped};
use crate::support::{Config, Event, Pair, Queue, Server, Store, eventually, hour_now};

const MIN_CELL: usize = 10;
const QUESTIONS: usize = 150;
/// The lists, and the parameter that asks for one value of each.
const LISTS: [(&str, &str); 3] =
    [("countries", "country"), ("versions", "version"), ("services", "service")];

#[test]
fn what_is_withheld_is_counted_as_other_everywhere_sqlite() {
    Pair { queue: Queue::Sqlite, store: Store::Sqlite }.run(what_is_withheld);
}

#[test]
fn what_is_withheld_is_counted_as_other_everywhere_postgres() {
    Pair { queue: Queue::Sqlite, store: Store::Postgres }.run(what_is_withheld);
}

/// A call of one of the last four days, some values rare and some frequent.
fn event(dice: &mut Dice) -> Event {
    let hour = hour_now().plus(-(dice.below(60) as i64));
    let often = |dice: &mut Dice, list: &[&'static str]| match dice.chance(70) {
        true => list[0],
        false => dice.one_of(list),
    };
    let event = Event::standard(dice.one_of(&TOOLS[..2]))
        .with("timestamp_hour", hour.to_string().replace(":00Z", ":00.000Z"))
        .with("version", often(dice, &VERSIONS[..3]))
        .with("country", often(dice, &COUNTRIES))
        .with("service", often(dice, &SERVICES))
        .with("response_time_ms", 1 + dice.below(5_000) as u64);
    match dice.chance(10) {
        true => event.with("status", "error").with("error_type", "timeout"),
        false => event,
    }
}

fn config() -> Config {
    let env = vec![("ANALYTICS_PRIVACY__MIN_CELL", MIN_CELL.to_string())];
    Config { env, ..Config::default() }
}

fn what_is_withheld() {
    let server = Server::with(config());
    let mut dice = Dice::new(20_260_821);
    // Each a batch of its own, so that a cell has as many batches as calls.
    for _ in 0..600 {
        let answer = server.post(Event::batch([event(&mut dice)]));
        assert_eq!(answer.json()["count"], 1, "{}", answer.text);
    }
    server.drained();
    let mut server = server;
    server.terminate();
    // A worker decides when it starts.
    let server = server.beside_with(config());
    let now = hour_now();
    let rows = Rows::read(&server.store());
    let over: BTreeSet<Day> =
        rows.all().iter().map(|row| row.hour.day()).filter(|day| *day < first_open(now)).collect();
    eventually("days that are over are decided on", || {
        let frozen = server.store().texts("SELECT CAST(count(*) AS text) FROM frozen_days");
        frozen[0].parse::<usize>().unwrap() >= over.len()
    });
    let mut shown = 0;
    for _ in 0..QUESTIONS {
        let (list, parameter) = dice.one_of(&LISTS);
        let days = 1 + dice.below(4) as i64;
        let first = now.day().plus(1 - days);
        let tool = dice.chance(40).then(|| dice.one_of(&TOOLS[..2]));
        let of_tool = tool.map_or_else(String::new, |tool| format!("&tool={tool}"));
        let wanted = |row: &&Row| {
            row.hour.day() >= first
                && row.hour.day() <= now.day()
                && tool.is_none_or(|tool| tool == row.tool)
        };
        let named = published(&rows, list, now, wanted);
        let query = format!("group=day&period={days}d{of_tool}");
        let got = server.get(&format!("/v1/stats/{list}?{query}")).json();
        shown += list_is(&got, &named, &format!("{list}?{query}"));
        for value in values(list) {
            let path = format!("/v1/stats/overview?{query}&{parameter}={value}");
            let got = server.get(&path).json();
            let set = named.get(*value).cloned().unwrap_or_default();
            close(&got["summary"]["total_calls"], Some(set.calls()), &path);
            close(&got["summary"]["avg_response_time_ms"], set.mean().or(Some(0.0)), &path);
        }
        if hour_now() != now {
            return;
        }
    }
    assert!(shown > QUESTIONS, "{shown} names are too few to mean anything");
}

/// Every value that was posted.
fn values(list: &str) -> &'static [&'static str] {
    match list {
        "countries" => &COUNTRIES,
        "versions" => &VERSIONS[..3],
        _ => &SERVICES,
    }
}

/// A day is decided on an hour after its end.
fn first_open(now: Hour) -> Day {
    now.plus(-1).day()
}

/// What may be shown of the rows: by value when there were enough of the day and tool, or as other.
fn published<'r>(
    rows: &'r Rows,
    by: &str,
    now: Hour,
    wanted: impl Fn(&&Row) -> bool,
) -> BTreeMap<String, Set<'r>> {
    let all = rows.all();
    let cell = |row: &Row| (row.hour.day(), row.tool.clone(), row.value(by).to_owned());
    // The larger number of the two statuses is all that is certain of the batches.
    let cells = grouped(&all, |row| (cell(row), row.status.clone()));
    let mut most = BTreeMap::<(Day, String, String), usize>::new();
    for ((cell, _), set) in &cells {
        let most = most.entry(cell.clone()).or_default();
        *most = set.0.len().max(*most);
    }
    let is_released = |row: &Row| row.hour.day() < first_open(now) && most[&cell(row)] >= MIN_CELL;
    let asked: Vec<&Row> = all.into_iter().filter(wanted).collect();
    grouped(&asked, |row| match is_released(row) {
        true => row.value(by).to_owned(),
        false => "other".to_owned(),
    })
}

/// Holds a list against the model; answers how many names it has.
fn list_is(got: &Value, named: &BTreeMap<String, Set<'_>>, what: &str) -> usize {
    let list = got["values"].as_array().unwrap();
    let names: Vec<&str> = list.iter().map(|it| it["value"].as_str().unwrap()).collect();
    assert_eq!(names.len(), named.len(), "{what}: {names:?} for {:?}", named.keys());
    for it in list {
        let value = it["value"].as_str().unwrap();
        let set = named.get(value).unwrap_or_else(|| panic!("{what}: {value} is withheld"));
        close(&it["calls"], Some(set.calls()), what);
        close(&it["success_rate"], set.success_rate(), what);
        close(&it["avg_response_time_ms"], set.mean(), what);
    }
    list.len()
}
