//! Random events and random questions, the same in every run.

use std::collections::BTreeSet;

use stages::Hour;

use crate::support::{Event, hour_now};

pub(super) const TOOLS: [&str; 4] =
    ["get_forecast", "get_alerts", "search_location", "get_air_quality"];
pub(super) const VERSIONS: [&str; 4] = ["1.21.0", "1.22.1", "1.23.0", "2.0.0-beta.1"];
pub(super) const SERVICES: [&str; 3] = ["noaa", "openmeteo", "usgs"];
pub(super) const COUNTRIES: [&str; 4] = ["CA", "DE", "IN", "US"];
pub(super) const LEVELS: [&str; 3] = ["minimal", "standard", "detailed"];
pub(super) const MEASURES: [&str; 9] = [
    "calls",
    "failures",
    "success_rate",
    "avg_response_time_ms",
    "p50_ms",
    "p95_ms",
    "p99_ms",
    "cache_hit_rate",
    "avg_retries",
];
pub(super) const BY: [&str; 7] =
    ["none", "tool", "version", "country", "service", "level", "status"];
/// Filters by a dimension that can point at somebody.
pub(super) const FILTERS: [&str; 3] = ["version", "service", "country"];
pub(super) const ERRORS: [&str; 3] = ["timeout", "not_found", "rate_limit"];

/// xorshift64.
pub(super) struct Dice(u64);

impl Dice {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed | 1)
    }

    pub(super) fn below(&mut self, n: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as usize % n
    }

    pub(super) fn one_of<T: Copy>(&mut self, list: &[T]) -> T {
        list[self.below(list.len())]
    }

    pub(super) fn chance(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }
}

/// An event between three days ago and a few hours ahead.
pub(super) fn event(dice: &mut Dice) -> Event {
    let level = dice.one_of(&LEVELS);
    let hour = hour_now().plus(5 - dice.below(75) as i64);
    let mut event = Event::minimal(dice.one_of(&TOOLS))
        .with("analytics_level", level)
        .with("timestamp_hour", hour.to_string())
        .with("version", dice.one_of(&VERSIONS));
    let failed = dice.chance(20);
    if failed {
        event = event.with("status", "error");
    }
    if failed && (level != "minimal" || dice.chance(50)) {
        event = event.with("error_type", dice.one_of(&ERRORS));
    }
    if level == "minimal" {
        return event;
    }
    if dice.chance(80) {
        // From one millisecond to the longest, as likely in each power of ten.
        let ms = 10_f64.powf(dice.below(5_080) as f64 / 1_000.0).round();
        event = event.with("response_time_ms", ms as u64);
    }
    if dice.chance(60) {
        event = event.with("service", dice.one_of(&SERVICES));
    }
    if dice.chance(50) {
        event = event.with("country", dice.one_of(&COUNTRIES));
    }
    if dice.chance(50) {
        event = event.with("cache_hit", dice.chance(40));
    }
    if dice.chance(30) {
        event = event.with("retry_count", dice.below(4));
    }
    if level == "detailed" && dice.chance(95) {
        // Some come back, also on another day. Together there are more than are counted exactly.
        event = event.with("session_id", format!("{:016x}", dice.below(2_000) * 0x9e37_79b9));
    }
    event
}

/// A question.
#[derive(Debug, Default)]
pub(super) struct Question {
    pub(super) endpoint: &'static str,
    pub(super) period: String,
    /// First hour and first hour after the range, from the current hour.
    pub(super) range: Option<(Hour, Hour)>,
    pub(super) group: Option<&'static str>,
    pub(super) compare: bool,
    pub(super) tool: Option<&'static str>,
    pub(super) version: Option<&'static str>,
    pub(super) service: Option<&'static str>,
    pub(super) country: Option<&'static str>,
    pub(super) level: Option<&'static str>,
    pub(super) status: Option<&'static str>,
    pub(super) measure: &'static str,
    pub(super) by: &'static str,
}

impl Question {
    pub(super) fn random(dice: &mut Dice) -> Self {
        let endpoints = [
            "overview",
            "tools",
            "tool",
            "errors",
            "performance",
            "all",
            "versions",
            "countries",
            "services",
            "levels",
            "response-times",
            "histogram",
            "timeseries",
            "timeseries",
            "timeseries",
            "export",
        ];
        let now = hour_now();
        let today = now.day();
        let end = now.plus(1);
        let (period, range) = match dice.below(9) {
            0 => ("period=1h".to_owned(), (now, end)),
            1 => ("period=24h".to_owned(), (now.plus(-23), end)),
            2 => ("period=30h".to_owned(), (now.plus(-29), end)),
            3 => ("period=1d".to_owned(), (today.start(), end)),
            4 => ("period=3d".to_owned(), (today.plus(-2).start(), end)),
            5 => ("period=7d".to_owned(), (today.plus(-6).start(), end)),
            6 => {
                let (from, to) = (today.plus(-2), today);
                (format!("from={from}&to={to}"), (from.start(), to.start()))
            }
            7 => {
                let (from, to) = (now.plus(-50), now.plus(-3));
                (format!("from={from}&to={to}"), (from, to))
            }
            _ => {
                let (from, to) = (now.plus(-1), now);
                (format!("from={from}&to={to}"), (from, to))
            }
        };
        let endpoint = dice.one_of(&endpoints);
        fn maybe<T: Copy>(dice: &mut Dice, list: &[T]) -> Option<T> {
            dice.chance(20).then(|| dice.one_of(list))
        }
        Self {
            endpoint,
            period,
            range: Some(range),
            group: dice.chance(50).then(|| dice.one_of(&["hour", "day", "week", "month"])),
            compare: !["response-times", "histogram", "export"].contains(&endpoint)
                && dice.chance(25),
            tool: if endpoint == "tool" { Some(dice.one_of(&TOOLS)) } else { maybe(dice, &TOOLS) },
            version: maybe(dice, &VERSIONS),
            service: maybe(dice, &SERVICES),
            country: maybe(dice, &COUNTRIES),
            level: maybe(dice, &LEVELS),
            status: maybe(dice, &["success", "error"]),
            measure: dice.one_of(&MEASURES),
            by: dice.one_of(&BY),
        }
    }

    pub(super) fn range(&self) -> (Hour, Hour) {
        self.range.expect("every question has one")
    }

    /// The hours that `compare=previous` compares with.
    pub(super) fn range_before(&self) -> (Hour, Hour) {
        let (from, to) = self.range();
        let length = to.epoch_hours() - from.epoch_hours();
        let number = |unit: &str| -> Option<i64> {
            self.period.strip_prefix("period=")?.strip_suffix(unit)?.parse().ok()
        };
        let back = number("d").map(|days| days * 24).or(number("h")).unwrap_or(length);
        (from.plus(-back), from.plus(length - back).min(from))
    }

    /// By which of the dimensions that can point at somebody the answer tells calls apart.
    pub(super) fn sensitive(&self) -> BTreeSet<&'static str> {
        let filters =
            [("version", self.version), ("service", self.service), ("country", self.country)];
        let filters = filters.into_iter().filter_map(|(name, value)| value.map(|_| name));
        let axis = match self.endpoint {
            "errors" => Some("error"),
            "versions" => Some("version"),
            "countries" => Some("country"),
            "services" => Some("service"),
            _ if self.is_series() => Some(self.by).filter(|by| FILTERS.contains(by)),
            _ => None,
        };
        filters.chain(axis).collect()
    }

    fn is_series(&self) -> bool {
        matches!(self.endpoint, "response-times" | "timeseries" | "export")
    }

    /// Whether an installation that withholds small groups refuses to answer.
    pub(super) fn is_refused(&self, now: Hour) -> bool {
        let (from, to) = self.range();
        let whole = |hour: Hour| hour == hour.day().start();
        let by_level = self.endpoint == "levels" || (self.is_series() && self.by == "level");
        let in_days = self.group != Some("hour") && whole(from) && (whole(to) || to > now);
        let sensitive = self.sensitive();
        !sensitive.is_empty()
            && (sensitive.len() > 1 || self.level.is_some() || by_level || !in_days)
    }

    pub(super) fn path(&self) -> String {
        let mut path = match self.endpoint {
            "tool" => format!("/v1/stats/tool/{}?{}", self.tool.unwrap(), self.period),
            endpoint => format!("/v1/stats/{endpoint}?{}", self.period),
        };
        let mut add = |name: &str, value: Option<&str>| {
            if let Some(value) = value {
                path.push_str(&format!("&{name}={value}"));
            }
        };
        add("compare", self.compare.then_some("previous"));
        add("group", self.group);
        add("tool", self.tool.filter(|_| self.endpoint != "tool"));
        add("version", self.version);
        add("service", self.service);
        add("country", self.country);
        add("level", self.level);
        add("status", self.status);
        add("measure", Some(self.measure).filter(|_| self.endpoint == "timeseries"));
        add("by", Some(self.by).filter(|_| self.is_series()));
        add("limit", Some("1000").filter(|_| self.endpoint == "export"));
        path
    }
}
