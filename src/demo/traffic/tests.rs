//! The simulated clients against the habits they are drawn from.

use std::collections::BTreeMap;

use serde_json::Value;

use super::super::usage::TOOLS;
use super::*;

/// 2026-08-20T14:00:00Z, a Thursday.
const END: Hour = Hour::from_epoch_hours(496_454);

fn plan(seed: u64) -> Plan {
    Plan { seed, days: 28, events: 60_000, end: END }
}

/// Every request with its hour.
fn requests(seed: u64) -> Vec<(Hour, Post)> {
    let plan = plan(seed);
    let mut traffic = Traffic::new(&plan).unwrap();
    let hours = plan.start().epoch_hours()..plan.end.epoch_hours();
    let hours = hours.map(Hour::from_epoch_hours);
    hours.flat_map(|hour| traffic.hour(hour).into_iter().map(move |post| (hour, post))).collect()
}

fn events(post: &Post) -> Vec<Value> {
    let mut body: Value = serde_json::from_slice(&post.body).unwrap();
    serde_json::from_value(body["events"].take()).unwrap()
}

#[test]
fn a_plan_covers_whole_dates_up_to_its_end() {
    assert_eq!(END.to_string(), "2026-08-20T14:00:00Z");
    for (days, end, want) in [
        (90, END, "2026-05-23T00:00:00Z"),
        (1, END, "2026-08-20T00:00:00Z"),
        // At midnight the day that ended is the last one.
        (1, END.day().start(), "2026-08-19T00:00:00Z"),
    ] {
        assert_eq!(Plan { seed: 0, days, events: 1, end }.start().to_string(), want);
    }
}

#[test]
fn a_seed_decides_everything() {
    let bodies = |seed| requests(seed).into_iter().map(|(_, post)| post.body).collect::<Vec<_>>();
    assert!(bodies(1) == bodies(1));
    assert!(bodies(1) != bodies(2));
}

#[test]
fn events_come_in_the_number_and_the_shares_that_were_planned() {
    let requests = requests(5);
    let (mut total, mut tools) = (0_u32, BTreeMap::<String, u32>::new());
    let (mut repeated, mut together) = (0, BTreeMap::<_, u32>::new());
    for (hour, post) in &requests {
        assert!(post.events as usize <= 100);
        repeated += u32::from(post.key.is_some());
        *together.entry((hour, post.client)).or_default() += 1;
        let events = events(post);
        assert_eq!(events.len() as u64, post.events);
        for event in events {
            total += 1;
            *tools.entry(event["tool"].as_str().unwrap().to_owned()).or_default() += 1;
            let at = event["timestamp_hour"].as_str().unwrap().replace(".000Z", "Z");
            let age = hour.epoch_hours() - Hour::parse(&at).unwrap().epoch_hours();
            // What comes twice comes again on the next day.
            let oldest = if post.key.is_some() { 24 } else { 1 };
            assert!((0..=oldest).contains(&age), "{age} hours old");
        }
    }
    assert!((57_000..63_000).contains(&total), "{total} events");
    // The shipped limit is 60 a minute, and 10 at once on top.
    assert!(together.values().all(|&requests| requests < 60));
    // Each comes twice.
    assert!(repeated > 0 && repeated % 2 == 0, "{repeated}");
    assert_eq!(tools.len(), TOOLS.len());
    for tool in &TOOLS {
        let share = f64::from(tools[tool.name]) * 100.0 / f64::from(total);
        assert!((share - tool.share).abs() < 1.0, "{}: {share} %", tool.name);
    }
}

#[test]
fn few_clients_send_on_average_what_was_planned() {
    let seeds = 0..60;
    let sent: u64 = seeds
        .clone()
        .map(|seed| {
            let plan = Plan { seed, days: 10, events: 1_000, end: END };
            let mut traffic = Traffic::new(&plan).unwrap();
            let hours = traffic.hours();
            hours.flat_map(|hour| traffic.hour(hour)).map(|post| post.events).sum::<u64>()
        })
        .sum();
    let mean = sent / seeds.count() as u64;
    assert!((920..1_080).contains(&mean), "{mean} on average");
}

#[test]
fn usage_has_rhythm_and_grows() {
    let (mut days, mut hours) = (BTreeMap::<i64, u64>::new(), [0_u64; 24]);
    for (hour, post) in requests(3) {
        *days.entry(hour.day().epoch_days()).or_default() += post.events;
        hours[hour.epoch_hours().rem_euclid(24) as usize] += post.events;
    }
    let days: Vec<u64> = days.into_values().collect();
    assert_eq!(days.len(), 28);
    // Four weeks that end with a Thursday begin with a Friday: Saturdays and Sundays are 1, 2, 8, 9, …
    let of = |weekend: bool| {
        let fits = |index: usize| (1..=2).contains(&(index % 7)) == weekend;
        // The last day is not over.
        let chosen: Vec<u64> = (0..27).filter(|&day| fits(day)).map(|day| days[day]).collect();
        chosen.iter().sum::<u64>() / chosen.len() as u64
    };
    assert!(of(true) * 10 < of(false) * 9, "{} at weekends, {} else", of(true), of(false));
    let week = |first: usize| days[first..first + 7].iter().sum::<u64>();
    assert!(week(20) > week(0) * 12 / 10, "{} then {}", week(0), week(20));
    // Most clients are in America and Europe: the quietest hours are those of both their nights.
    let quiet: u64 = hours[5..8].iter().sum();
    let busy: u64 = hours[14..17].iter().sum();
    assert!(quiet * 3 < busy * 2, "{quiet} and {busy}");
}

#[test]
fn every_level_is_shown_in_its_share_however_few_clients_there_are() {
    for clients in [12, 100, 3_000] {
        for (name, weight) in LEVELS {
            let count = (0..clients).filter(|&number| level(number) == name).count() as f64;
            let want = weight / 100.0 * clients as f64;
            assert!((count - want).abs() < 1.5, "{count} of {clients} for {want} {name}");
        }
    }
}
