//! Which events are meant: all those of which every condition holds.

use std::fmt;
use std::str::FromStr;

use stages::{Hour, Scanned};

const TEXTS: [&str; 8] = [
    "version",
    "tool",
    "status",
    "analytics_level",
    "service",
    "country",
    "error_type",
    "session_id",
];
const NUMBERS: [&str; 3] = ["response_time_ms", "retry_count", "sequence_number"];
const FLAGS: [&str; 1] = ["cache_hit"];
const HOURS: [&str; 2] = ["timestamp_hour", "received_hour"];
/// Before the key of a parameter.
const PARAMETER: &str = "parameters.";

/// A member, and the value that it has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Condition {
    /// A text.
    Text(&'static str, String),
    /// A whole number.
    Number(&'static str, i64),
    /// A truth value.
    Flag(&'static str, bool),
    /// A UTC hour.
    Hour(&'static str, Hour),
    /// A parameter of the call: its key, and the JSON texts that the value may be.
    Parameter(String, [String; 2]),
}

impl FromStr for Condition {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (field, value) = text.split_once('=').ok_or("expected FIELD=VALUE")?;
        let known = |names: &[&'static str]| names.iter().copied().find(|name| *name == field);
        if value.is_empty() {
            return Err(format!("there is no value after {field}="));
        }
        if let Some(name) = known(&TEXTS) {
            return Ok(Self::Text(name, value.to_owned()));
        }
        if let Some(name) = known(&NUMBERS) {
            let number = value.parse().map_err(|_| format!("{field} is a whole number"))?;
            return Ok(Self::Number(name, number));
        }
        if let Some(name) = known(&FLAGS) {
            let flag = value.parse().map_err(|_| format!("{field} is true or false"))?;
            return Ok(Self::Flag(name, flag));
        }
        if let Some(name) = known(&HOURS) {
            let hint = || format!("{field} is a UTC hour such as 2026-08-20T14:00:00Z");
            return Ok(Self::Hour(name, Hour::parse(value).ok_or_else(hint)?));
        }
        match field.strip_prefix(PARAMETER) {
            Some(key) if is_key(key) => {
                let quoted = serde_json::Value::from(value).to_string();
                Ok(Self::Parameter(key.to_owned(), [quoted, value.to_owned()]))
            }
            _ => {
                let names = [&TEXTS[..], &NUMBERS, &FLAGS, &HOURS].concat().join(", ");
                Err(format!("FIELD must be one of {names}, or {PARAMETER}KEY"))
            }
        }
    }
}

/// Keys of parameters are names. They become a part of SQL.
fn is_key(key: &str) -> bool {
    !key.is_empty() && key.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

/// The name of the member. Never the value, which may be what nobody should see.
impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(name, _)
            | Self::Number(name, _)
            | Self::Flag(name, _)
            | Self::Hour(name, _) => f.write_str(name),
            Self::Parameter(key, _) => write!(f, "{PARAMETER}{key}"),
        }
    }
}

impl Condition {
    fn holds(&self, event: &Scanned, received: Hour) -> bool {
        match self {
            Self::Text(name, value) => text(event, name) == Some(value),
            Self::Number(name, value) => number(event, name) == Some(*value),
            Self::Flag(_, value) => event.cache_hit() == Some(*value),
            Self::Hour("received_hour", hour) => received == *hour,
            Self::Hour(_, hour) => event.hour() == *hour,
            Self::Parameter(key, texts) => event
                .parameters()
                .any(|(name, json)| name == key && texts.iter().any(|t| t == json)),
        }
    }
}

fn text<'e>(event: &'e Scanned, name: &str) -> Option<&'e str> {
    match name {
        "version" => Some(event.version()),
        "tool" => Some(event.tool()),
        "status" => Some(event.status().as_str()),
        "analytics_level" => Some(event.level().as_str()),
        "service" => event.service(),
        "country" => event.country(),
        "error_type" => event.error_type(),
        "session_id" => event.session_id(),
        _ => None,
    }
}

fn number(event: &Scanned, name: &str) -> Option<i64> {
    match name {
        "response_time_ms" => event.response_time_ms(),
        "retry_count" => event.retry_count(),
        "sequence_number" => event.sequence_number(),
        _ => None,
    }
}

/// Conditions that hold together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Filter(Vec<Condition>);

impl Filter {
    /// `None` without a condition: that would be everything.
    pub fn new(conditions: Vec<Condition>) -> Option<Self> {
        (!conditions.is_empty()).then_some(Self(conditions))
    }

    /// The conditions.
    pub fn conditions(&self) -> &[Condition] {
        &self.0
    }

    /// Whether an event is meant.
    pub fn matches(&self, event: &Scanned, received: Hour) -> bool {
        self.0.iter().all(|condition| condition.holds(event, received))
    }
}

#[cfg(test)]
mod tests {
    use stages::testing::scanned;
    use stages::{Level, Status};

    use super::*;

    fn filter(conditions: &[&str]) -> Filter {
        Filter::new(conditions.iter().map(|text| text.parse().unwrap()).collect()).unwrap()
    }

    #[test]
    fn an_event_is_meant_when_every_condition_holds() {
        let event = scanned("get_alerts")
            .version("1.2")
            .level(Level::Detailed)
            .error("TimeoutError")
            .status(Status::Error)
            .service("noaa")
            .country("DE")
            .cache_hit(true)
            .retry_count(2)
            .response_time_ms(40)
            .session("00112233445566aa", 7)
            .parameter("units", "\"metric\"")
            .parameter("days", "3")
            .build();
        let received = event.hour().plus(1);
        let hour = format!("timestamp_hour={}", event.hour());
        let came = format!("received_hour={received}");
        for holds in [
            "version=1.2",
            "tool=get_alerts",
            "status=error",
            "analytics_level=detailed",
            "service=noaa",
            "country=DE",
            "error_type=TimeoutError",
            "session_id=00112233445566aa",
            "sequence_number=7",
            "retry_count=2",
            "response_time_ms=40",
            "cache_hit=true",
            "parameters.units=metric",
            "parameters.days=3",
            &hour,
            &came,
        ] {
            assert!(filter(&[holds]).matches(&event, received), "{holds}");
            assert!(!filter(&[holds, "version=1"]).matches(&event, received), "{holds}");
            let other = scanned("other").hour(received.plus(5)).build();
            assert!(!filter(&[holds]).matches(&other, other.hour()), "{holds}");
        }
        for not in
            ["country=de", "parameters.units=imperial", "parameters.hours=3", "cache_hit=false"]
        {
            assert!(!filter(&[not]).matches(&event, received), "{not}");
        }
    }

    #[test]
    fn mistakes_are_named_and_values_are_not_repeated() {
        for (text, says) in [
            ("version", "expected FIELD=VALUE"),
            ("version=", "no value"),
            ("nobody=somebody@example.org", "must be one of version, tool"),
            ("parameters.a'b=x", "must be one of"),
            ("sequence_number=x", "whole number"),
            ("cache_hit=1", "true or false"),
            ("timestamp_hour=yesterday", "UTC hour"),
        ] {
            let error = text.parse::<Condition>().unwrap_err();
            assert!(error.contains(says) && !error.contains("somebody"), "{text}: {error}");
        }
        let condition: Condition = "version=secret".parse().unwrap();
        assert_eq!(condition.to_string(), "version");
        assert_eq!(Filter::new(Vec::new()), None);
    }
}
