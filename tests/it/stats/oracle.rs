//! Counts every number again, row by row.

mod sessions;
mod times;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use stages::{Day, Hour};

use super::questions::Question;
use super::rows::{OTHER, Row, Rows, Set, grouped, ranked, ratio};
use crate::support::Answer;

/// Most that a percentile may be off, as the answers state it.
const BOUND: f64 = 0.01;

/// Fails unless a number is the expected one to 1e-9, or `null` when there is none.
#[track_caller]
pub(super) fn close(got: &Value, want: Option<f64>, what: &str) {
    match want {
        None => assert!(got.is_null(), "{what}: {got} for null"),
        Some(want) => {
            let got = got.as_f64().unwrap_or_else(|| panic!("{what}: {got} for {want}"));
            assert!((got - want).abs() <= want.abs() * 1e-9, "{what}: {got} for {want}");
        }
    }
}

/// The same for members that say 0 for "not known".
#[track_caller]
fn zero(got: &Value, want: Option<f64>, what: &str) {
    close(got, Some(want.unwrap_or(0.0)), what);
}

#[track_caller]
fn within(got: &Value, want: Option<f64>, what: &str) {
    match want {
        None => assert!(got.is_null(), "{what}: {got} for null"),
        Some(want) => {
            let got = got.as_f64().unwrap_or_else(|| panic!("{what}: {got} for {want}"));
            assert!((got - want).abs() <= want * BOUND, "{what}: {got} for {want}");
        }
    }
}

/// Fails unless the answer is what the rows give.
pub(super) fn judge(question: &Question, now: Hour, rows: &Rows, answer: &Answer) {
    let what = question.path();
    let set = Set(rows.of(question, question.range()));
    // Kinds of error are counted by tool and version, and where small groups are withheld by tool.
    let version = question.version.filter(|_| rows.withheld);
    let untold =
        [question.country, question.service, question.level, version].iter().any(Option::is_some);
    match (question.endpoint, answer.status) {
        ("tool", 404) => return assert_eq!(set.calls(), 0.0, "{what}"),
        ("errors", 400) => return assert!(untold, "{what}"),
        (_, status) => assert_eq!(status, 200, "{what}: {}", answer.text),
    }
    let got = answer.json();
    let grain = grain_of(question, rows.withheld, &got);
    match question.endpoint {
        "overview" => overview(&got, &set, !untold, &what),
        "tools" => tools(&got["tools"], &set, &what),
        "tool" => tool(&got, &set, &what),
        "errors" => errors(&got, rows.withheld, &set, &what),
        "performance" => performance(&got, &set, &what),
        "all" => all(&got, &set, !untold, grain, &what),
        "timeseries" => timeseries(&got, question, &set, grain, now, &what),
        "response-times" => times::response_times(&got, question, &set, &what),
        "histogram" => times::histogram(&got, &set, &what),
        "export" => export(&got, question, &set, grain, &what),
        dimension => breakdown(&got, dimension, &set, grain, &what),
    }
    match question.endpoint {
        "overview" => sessions::judge(&got["summary"], question, now, rows, &what),
        "all" => sessions::judge(&got["overview"]["summary"], question, now, rows, &what),
        _ => {}
    }
    if question.compare && question.endpoint != "errors" {
        let before = if question.endpoint == "all" { &got["overview"] } else { &got };
        compared(&before["comparison"], question, rows, &what);
    }
}

fn grain_of(question: &Question, withheld: bool, got: &Value) -> &'static str {
    let shown = got["grain"].as_str().unwrap();
    let grain = ["hour", "day", "week", "month"].into_iter().find(|grain| *grain == shown).unwrap();
    let (from, to) = question.range();
    let hours = to.epoch_hours() - from.epoch_hours();
    let by_days = withheld && !question.sensitive().is_empty();
    let usual = if hours <= 72 && !by_days { "hour" } else { "day" };
    let want = if question.endpoint == "tool" { "day" } else { question.group.unwrap_or(usual) };
    assert_eq!(grain, want, "{}", question.path());
    grain
}

/// The first hour of a bucket, by the calendar and not by the server's arithmetic.
fn bucket(grain: &str, hour: Hour) -> String {
    let day = hour.day();
    let monday = |day: Day| {
        // 2026-08-17 was a Monday.
        let known = Day::parse("2026-08-17").unwrap().epoch_days();
        day.plus(-(day.epoch_days() - known).rem_euclid(7))
    };
    let start = match grain {
        "hour" => hour.to_string(),
        "day" => day.start().to_string(),
        "week" => monday(day).start().to_string(),
        _ => format!("{}-01T00:00:00Z", day.to_string().split_at(7).0),
    };
    start.replace('Z', ".000Z")
}

fn overview(got: &Value, set: &Set<'_>, errors_told: bool, what: &str) {
    let summary = &got["summary"];
    zero(&summary["total_calls"], Some(set.calls()), what);
    let versions: BTreeSet<&str> = set.0.iter().map(|row| row.version.as_str()).collect();
    assert_eq!(summary["unique_versions"], versions.len(), "{what}");
    zero(&summary["success_rate"], set.success_rate(), what);
    zero(&summary["avg_response_time_ms"], set.mean(), what);
    zero(&got["cache_hit_rate"], set.hit_rate(), what);
    let timed = set.count(|row| row.ms.is_some());
    zero(&got["coverage"]["response_time"], ratio(timed, set.calls()), what);
    zero(&got["coverage"]["cache"], ratio(set.hits() + set.misses(), set.calls()), what);
    tools(&got["tools"], set, what);
    let told: Vec<&Row> = set.0.iter().copied().filter(|row| errors_told && row.failed()).collect();
    let kinds = kinds(&told);
    let list = got["errors"].as_array().unwrap();
    assert_eq!(list.len(), kinds.len(), "{what}");
    for (got, (kind, errors)) in list.iter().zip(ranked(&kinds)) {
        assert_eq!(got["type"], kind, "{what}");
        zero(&got["count"], Some(errors.calls()), what);
        zero(&got["percentage"], ratio(100.0 * errors.calls(), set.calls()), what);
        assert_eq!(got["affected_tools"], affected(errors), "{what}");
    }
}

fn kinds<'r>(rows: &[&'r Row]) -> BTreeMap<&'r str, Set<'r>> {
    let named: Vec<&Row> =
        rows.iter().copied().filter(|row| row.failed() && !row.error.is_empty()).collect();
    grouped(&named, |row| row.error.as_str())
}

fn affected(errors: &Set<'_>) -> Value {
    let tools = grouped(&errors.0, |row| row.tool.as_str());
    ranked(&tools).into_iter().map(|(tool, _)| tool).collect()
}

fn tools(got: &Value, set: &Set<'_>, what: &str) {
    let tools = grouped(&set.0, |row| row.tool.as_str());
    let list = got.as_array().unwrap();
    assert_eq!(list.len(), tools.len(), "{what}");
    for (got, (name, calls)) in list.iter().zip(ranked(&tools)) {
        assert_eq!(got["name"], name, "{what}");
        zero(&got["calls"], Some(calls.calls()), what);
        zero(&got["success_rate"], calls.success_rate(), what);
        zero(&got["avg_response_time_ms"], calls.mean(), what);
    }
}

fn tool(got: &Value, set: &Set<'_>, what: &str) {
    zero(&got["summary"]["calls"], Some(set.calls()), what);
    zero(&got["summary"]["avg_response_time_ms"], set.mean(), what);
    let days = grouped(&set.0, |row| row.hour.day());
    let list = got["daily_data"].as_array().unwrap();
    assert_eq!(list.len(), days.len(), "{what}");
    for (got, (day, calls)) in list.iter().zip(&days) {
        assert_eq!(got["date"], day.to_string(), "{what}");
        zero(&got["calls"], Some(calls.calls()), what);
        zero(&got["success_rate"], calls.success_rate(), what);
        zero(&got["avg_response_time_ms"], calls.mean(), what);
    }
    for (list, member) in [("versions", "version"), ("countries", "country")] {
        let mut values = grouped(&set.0, |row| row.value(member));
        values.remove("");
        let list = got[list].as_array().unwrap();
        assert_eq!(list.len(), values.len(), "{what}");
        for (got, (value, calls)) in list.iter().zip(ranked(&values)) {
            assert_eq!(got[member], value, "{what}");
            zero(&got["percentage"], ratio(calls.calls(), set.calls()), what);
        }
    }
}

fn errors(got: &Value, withheld: bool, set: &Set<'_>, what: &str) {
    let kinds = kinds(&set.0);
    let named: f64 = kinds.values().map(Set::calls).sum();
    zero(&got["coverage"]["error_type"], ratio(named, set.failures()), what);
    let list = got["errors"].as_array().unwrap();
    assert_eq!(list.len(), kinds.len(), "{what}");
    for (got, (kind, errors)) in list.iter().zip(ranked(&kinds)) {
        assert_eq!(got["type"], kind, "{what}");
        zero(&got["count"], Some(errors.calls()), what);
        zero(&got["percentage"], ratio(errors.calls(), named), what);
        assert_eq!(got["affected_tools"], affected(errors), "{what}");
        let versions = errors.0.iter().filter(|_| !withheld).map(|row| row.version.as_str());
        let versions: BTreeSet<&str> = versions.collect();
        assert_eq!(got["affected_versions"], versions.into_iter().collect::<Value>(), "{what}");
        let seen = |row: &Row| if withheld { row.hour.day().start() } else { row.hour };
        let hours = errors.0.iter().map(|row| seen(row));
        assert_eq!(got["first_seen"], bucket("hour", hours.clone().min().unwrap()), "{what}");
        assert_eq!(got["last_seen"], bucket("hour", hours.max().unwrap()), "{what}");
    }
}

fn performance(got: &Value, set: &Set<'_>, what: &str) {
    let times = &got["response_times"];
    zero(&times["avg_ms"], set.mean(), what);
    for (member, q) in [("p50_ms", 0.5), ("p95_ms", 0.95), ("p99_ms", 0.99)] {
        within(&times[member], Some(set.quantile(q).unwrap_or(0.0)), what);
    }
    let cache = &got["cache_performance"];
    zero(&cache["hit_rate"], set.hit_rate(), what);
    zero(&cache["total_hits"], Some(set.hits()), what);
    zero(&cache["total_misses"], Some(set.misses()), what);
    for (service, calls) in got["service_distribution"].as_object().unwrap() {
        zero(calls, Some(set.count(|row| row.service == *service)), what);
    }
}

fn all(got: &Value, set: &Set<'_>, errors_told: bool, grain: &str, what: &str) {
    overview(&got["overview"], set, errors_told, what);
    let buckets = grouped(&set.0, |row| bucket(grain, row.hour));
    let usage = got["toolUsage"].as_array().unwrap();
    assert_eq!(usage.len(), buckets.len(), "{what}");
    for (got, (at, calls)) in usage.iter().zip(&buckets) {
        assert_eq!(got["timestamp"], *at, "{what}");
        let tools = grouped(&calls.0, |row| row.tool.as_str());
        assert_eq!(got.as_object().unwrap().len(), tools.len() + 1, "{what}");
        for (tool, calls) in &tools {
            zero(&got[*tool], Some(calls.calls()), what);
        }
    }
    let timed = buckets.iter().filter(|(_, calls)| calls.mean().is_some());
    let timeline = got["performance"]["timeline"].as_array().unwrap();
    assert_eq!(timeline.len(), timed.clone().count(), "{what}");
    for (got, (at, calls)) in timeline.iter().zip(timed) {
        assert_eq!(got["timestamp"], *at, "{what}");
        for (member, q) in [("p50", 0.5), ("p95", 0.95), ("p99", 0.99)] {
            within(&got[member], calls.quantile(q), what);
        }
    }
    let cache = &got["cache"];
    zero(&cache["hit_rate"], set.hit_rate().map(|rate| rate * 100.0), what);
    for (tool, calls) in grouped(&set.0, |row| row.tool.as_str()) {
        let times = &got["performance"]["by_tool"][tool];
        zero(&times["avg"], calls.mean(), what);
        within(&times["p99"], Some(calls.quantile(0.99).unwrap_or(0.0)), what);
        let rate = calls.hit_rate().map(|rate| rate * 100.0);
        close(&cache["by_tool"][tool]["hit_rate"], rate, what);
    }
    let mut services = grouped(&set.0, |row| row.service.as_str());
    services.remove("");
    for (service, calls) in services {
        let got = &got["services"][if service == "openmeteo" { "openMeteo" } else { service }];
        zero(&got["calls"], Some(calls.calls()), what);
        zero(&got["percentage"], ratio(100.0 * calls.calls(), set.calls()), what);
        zero(&got["success_rate"], calls.success_rate(), what);
    }
    let mut countries = grouped(&set.0, |row| row.country.as_str());
    countries.remove("");
    let located: f64 = countries.values().map(Set::calls).sum();
    let list = got["geo"]["countries"].as_array().unwrap();
    assert_eq!(list.len(), countries.len(), "{what}");
    for (got, (code, calls)) in list.iter().zip(ranked(&countries)) {
        assert_eq!(got["code"], code, "{what}");
        zero(&got["percentage"], ratio(100.0 * calls.calls(), located), what);
    }
}

fn breakdown(got: &Value, dimension: &str, set: &Set<'_>, grain: &str, what: &str) {
    let mut values = grouped(&set.0, |row| row.value(dimension));
    values.remove("");
    let carried: f64 = values.values().map(Set::calls).sum();
    zero(&got["total_calls"], Some(set.calls()), what);
    zero(&got["coverage"]["dimension"], ratio(carried, set.calls()), what);
    let list = got["values"].as_array().unwrap();
    assert_eq!(list.len(), values.len(), "{what}");
    for (got, (value, calls)) in list.iter().zip(ranked(&values)) {
        assert_eq!(got["value"], value, "{what}");
        zero(&got["calls"], Some(calls.calls()), what);
        zero(&got["share"], ratio(calls.calls(), carried), what);
        zero(&got["success_rate"], calls.success_rate(), what);
        close(&got["avg_response_time_ms"], calls.mean(), what);
    }
    if dimension != "versions" {
        return;
    }
    let buckets = grouped(&set.0, |row| (bucket(grain, row.hour), row.version.as_str()));
    let adoption = got["adoption"].as_array().unwrap();
    assert_eq!(adoption.len(), buckets.len(), "{what}");
    for (got, ((at, version), calls)) in adoption.iter().zip(&buckets) {
        assert_eq!((&got["timestamp"], &got["version"]), (&at.as_str().into(), &(*version).into()));
        let all = set.count(|row| bucket(grain, row.hour) == *at);
        zero(&got["share"], ratio(calls.calls(), all), what);
    }
}

fn timeseries(got: &Value, question: &Question, set: &Set<'_>, grain: &str, now: Hour, what: &str) {
    let mut points = BTreeMap::<(String, &str), Set<'_>>::new();
    let (from, to) = question.range();
    if question.by == "none" {
        let hours = (from.epoch_hours()..to.epoch_hours()).map(Hour::from_epoch_hours);
        points.extend(hours.map(|hour| ((bucket(grain, hour), "all"), Set::default())));
    }
    for row in set.0.iter().copied().filter(|row| !row.value(question.by).is_empty()) {
        let key = (bucket(grain, row.hour), row.value(question.by));
        points.entry(key).or_default().0.push(row);
    }
    let list = got["points"].as_array().unwrap();
    assert_eq!(list.len(), points.len(), "{what}");
    for (got, ((at, name), calls)) in list.iter().zip(&points) {
        assert_eq!(
            (&got["timestamp"], &got["name"]),
            (&at.as_str().into(), &(*name).into()),
            "{what}"
        );
        let value = &got["value"];
        match question.measure {
            "calls" => close(value, Some(calls.calls()), what),
            "failures" => close(value, Some(calls.failures()), what),
            "success_rate" => close(value, calls.success_rate(), what),
            "avg_response_time_ms" => close(value, calls.mean(), what),
            "cache_hit_rate" => close(value, calls.hit_rate(), what),
            "avg_retries" => close(value, calls.retries(), what),
            "p50_ms" => within(value, calls.quantile_of(name, 0.5), what),
            "p95_ms" => within(value, calls.quantile_of(name, 0.95), what),
            _ => within(value, calls.quantile_of(name, 0.99), what),
        }
        let whole = |hour: i64| {
            let hour = Hour::from_epoch_hours(hour);
            (from..to).contains(&hour) && hour < now
        };
        // A bucket is whole when each of its hours is asked for and over.
        let first = Hour::parse(at).unwrap().epoch_hours();
        let hours = (first..first + 24 * 31)
            .take_while(|h| bucket(grain, Hour::from_epoch_hours(*h)) == *at);
        assert_eq!(got["partial"], !hours.into_iter().all(whole), "{what} {at}");
    }
}

fn export(got: &Value, question: &Question, set: &Set<'_>, grain: &str, what: &str) {
    let axis = ["version", "country", "service", "level"].contains(&question.by);
    let key = |row: &Row| {
        let value = if axis { row.value(question.by).to_owned() } else { String::new() };
        (
            bucket(grain, row.hour),
            row.tool.clone(),
            value,
            row.status == "error",
            row.status.clone(),
        )
    };
    let mut sets = BTreeMap::<_, Set<'_>>::new();
    for row in &set.0 {
        sets.entry(key(row)).or_default().0.push(row);
    }
    let list = got["rows"].as_array().unwrap();
    assert_eq!(list.len(), sets.len(), "{what}");
    for (got, ((at, tool, value, _, status), calls)) in list.iter().zip(&sets) {
        let shown = ["timestamp", "tool", "value", "status"].map(|m| got[m].as_str().unwrap());
        assert_eq!(shown, [at.as_str(), tool, value, status], "{what}");
        let times = calls.times();
        zero(&got["calls"], Some(calls.calls()), what);
        zero(&got["cache_hits"], Some(calls.hits()), what);
        zero(&got["cache_misses"], Some(calls.misses()), what);
        zero(&got["time_sum_ms"], Some(times.iter().sum::<u64>() as f64), what);
        zero(&got["time_count"], Some(times.len() as f64), what);
        let known = |ms: Option<&u64>| ms.filter(|_| value != OTHER).map(|ms| *ms as f64);
        close(&got["time_min_ms"], known(times.first()), what);
        close(&got["time_max_ms"], known(times.last()), what);
        within(&got["p95_ms"], calls.quantile_of(value, 0.95), what);
    }
}

fn compared(got: &Value, question: &Question, rows: &Rows, what: &str) {
    let (from, to) = question.range_before();
    assert_eq!(got["start_date"], bucket("hour", from), "{what}");
    assert_eq!(got["end_date"], bucket("hour", to), "{what}");
    let before = Set(rows.of(question, (from, to)));
    if question.endpoint == "timeseries" {
        return;
    }
    zero(&got["total_calls"], Some(before.calls()), what);
    close(&got["success_rate"], before.success_rate(), what);
    close(&got["avg_response_time_ms"], before.mean(), what);
    close(&got["cache_hit_rate"], before.hit_rate(), what);
}
