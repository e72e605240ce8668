//! The columns of an event: what each may hold, what it is for, and for how long.

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Value, json};
use stages::budget::OTHER;
use stages::units::Span;
use stages::{BuildError, Level, Registry, Scanner};

use super::rules::{Names, names};
use super::setting;
use crate::config::Settings;
use crate::config::settings::Retention;

/// A column of an event.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Field {
    /// Its name, in the request and in the table.
    pub name: &'static str,
    /// The levels that define it; at others it is dropped.
    pub levels: Vec<&'static str>,
    /// When it must be there.
    pub required: &'static str,
    /// What it may hold, as JSON Schema.
    pub allowed: Value,
    /// What it is for.
    pub purpose: &'static str,
    /// As what it is kept, and for how long.
    pub kept: Kept,
    /// Fewest calls, and fewest batches, behind a published number about it; `null` where there is none.
    pub floor: Option<u32>,
}

/// For how long a field is kept, by what it is kept in: durations such as `90d`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Kept {
    /// In the row of its event.
    pub rows: Span,
    /// In sums by hour.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hourly_sums: Option<Span>,
    /// In sums by date.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub daily_sums: Option<Span>,
    /// In the list of failed calls by type and hour.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub errors: Option<Span>,
}

/// Where else than in its row a field is kept.
#[derive(Clone, Copy)]
enum Beyond {
    Nowhere,
    Sums,
    SumsAndErrors,
}

use Beyond::{Nowhere, Sums, SumsAndErrors};
use Level::{Detailed, Minimal, Standard};

const ALWAYS: &str = "always";
const NEVER: &str = "never";
const HOUR: &str = "^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:00:00Z$";

/// Every column of `events`, in its order.
pub(super) fn all(settings: &Settings, registry: &Registry) -> Result<Vec<Field>, BuildError> {
    let floor = settings.privacy.min_cell;
    let fields = plain(settings, registry)
        .into_iter()
        .chain(detailed(Scanner::of(&settings.ingest)?.parameters()))
        .chain(last());
    let all = fields.map(|(name, level, required, allowed, purpose, beyond)| Field {
        name,
        levels: from(level),
        required,
        allowed,
        purpose,
        kept: kept(&settings.retention, beyond),
        floor: ["version", "service", "country", "error_type"].contains(&name).then_some(floor),
    });
    Ok(all.collect())
}

type Row = (&'static str, Level, &'static str, Value, &'static str, Beyond);

/// Those that single nobody out.
fn plain(settings: &Settings, registry: &Registry) -> Vec<Row> {
    let version =
        text(r"^[0-9]+(\.[0-9]+){0,3}([-+][0-9A-Za-z.-]+)?$", 20, "a version such as 1.23.0");
    let country = text("^[A-Z]{2}$", 2, "a country code such as CA (ISO 3166-1 alpha-2)");
    let (tools, services) =
        (named("tools", settings, registry), named("services", settings, registry));
    let hour = text(HOUR, 20, "a whole UTC hour such as 2026-08-20T14:00:00Z");
    let levels = json!({ "enum": ["minimal", "standard", "detailed"] });
    vec![
        ("timestamp_hour", Minimal, ALWAYS, hour, "when the tool was called", SumsAndErrors),
        ("version", Minimal, ALWAYS, or_other(version), "which releases are in use", SumsAndErrors),
        ("tool", Minimal, ALWAYS, tools, "which tools are used", SumsAndErrors),
        (
            "status",
            Minimal,
            ALWAYS,
            json!({ "enum": ["success", "error"] }),
            "how often calls fail",
            Sums,
        ),
        ("analytics_level", Minimal, ALWAYS, levels, "how much clients choose to tell", Sums),
        (
            "response_time_ms",
            Standard,
            NEVER,
            number(120_000),
            "how fast tools answer, in milliseconds",
            Sums,
        ),
        (
            "service",
            Standard,
            NEVER,
            services,
            "which weather services stand behind the answers",
            Sums,
        ),
        (
            "cache_hit",
            Standard,
            NEVER,
            json!({ "type": "boolean" }),
            "how often the client's cache answers",
            Sums,
        ),
        ("retry_count", Standard, NEVER, number(10), "how often clients have to try again", Sums),
        ("country", Standard, NEVER, or_other(country), "where tools are used, by country", Sums),
    ]
}

/// Those that only the level `detailed` has.
fn detailed(parameters: Value) -> [Row; 3] {
    let session = text("^[0-9a-f]{16}$", 16, "16 hexadecimal digits");
    [
        (
            "parameters",
            Detailed,
            NEVER,
            parameters,
            "with which options tools are called; keys that are not listed are dropped",
            Nowhere,
        ),
        (
            "session_id",
            Detailed,
            NEVER,
            session,
            "so that a repeated event counts once, and to know how many sessions a date had; a salted hash \
             that the client makes anew at every start",
            Nowhere,
        ),
        (
            "sequence_number",
            Detailed,
            NEVER,
            number(9_007_199_254_740_991),
            "so that a repeated event counts once; counts up within a session",
            Nowhere,
        ),
    ]
}

fn last() -> [Row; 2] {
    let identifier = text(
        "^[A-Za-z][A-Za-z0-9_.-]{0,63}$",
        64,
        "an identifier such as timeout; what follows it is dropped",
    );
    [
        (
            "error_type",
            Minimal,
            "when status is error, at levels standard and detailed",
            identifier,
            "why calls fail",
            SumsAndErrors,
        ),
        (
            "received_hour",
            Minimal,
            "set by the server",
            text(HOUR, 20, "a whole UTC hour"),
            "so that late events are told from punctual ones",
            Nowhere,
        ),
    ]
}

fn text(pattern: &str, longest: u32, description: &str) -> Value {
    json!({ "type": "string", "pattern": pattern, "maxLength": longest, "description": description })
}

fn number(most: i64) -> Value {
    json!({ "type": "integer", "minimum": 0, "maximum": most })
}

/// What is beyond the budget of a day is `other`.
fn or_other(schema: Value) -> Value {
    json!({ "anyOf": [schema, { "const": OTHER }] })
}

/// A tool or a service.
fn named(key: &'static str, settings: &Settings, registry: &Registry) -> Value {
    let other = match names(settings, registry) {
        Names::Keep => return text("^[a-z][a-z0-9_]{0,47}$", 48, "a name such as get_forecast"),
        Names::Other => Some(Value::from(OTHER)),
        Names::Refuse => None,
    };
    let Value::Array(mut listed) = setting(settings, registry, "schema-validate", key) else {
        return json!({ "enum": Vec::from_iter(other) });
    };
    listed.extend(other.filter(|other| !listed.contains(other)));
    json!({ "enum": listed })
}

fn kept(retention: &Retention, beyond: Beyond) -> Kept {
    let in_sums = !matches!(beyond, Nowhere);
    Kept {
        rows: retention.raw,
        hourly_sums: in_sums.then_some(retention.hourly),
        daily_sums: in_sums.then_some(retention.daily),
        errors: matches!(beyond, SumsAndErrors).then_some(retention.errors),
    }
}

/// The levels that define what this one does, and more.
fn from(level: Level) -> Vec<&'static str> {
    let levels = [Minimal, Standard, Detailed].into_iter();
    levels.filter(|other| *other >= level).map(Level::as_str).collect()
}
