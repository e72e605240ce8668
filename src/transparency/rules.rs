//! What becomes of whole events, and of numbers that rest on few of them.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;
use stages::Registry;

use super::{is_validated, setting};
use crate::config::Settings;

/// Rules beyond single fields.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Rules {
    /// The search for personal data.
    pub personal_data: PersonalData,
    /// What becomes of an event whose tool or service has another name.
    pub unknown_names: Names,
    /// How far an event's hour may lie before and behind the current one; `null` when it is not checked.
    pub window: Option<Window>,
    /// Most different values of a dimension that clients may bring on a UTC date; further ones are `other`.
    pub daily_values: BTreeMap<String, u64>,
    /// Fewest calls, and fewest batches, behind a published number about a country, version, service or
    /// error type; fewest sessions of a date whose number is published. 1: everything is published.
    pub min_cell: u32,
    /// The header in which a proxy of the operator names the country of a request; `null` when none is
    /// believed, and a country is what the client says.
    pub country_header: Option<String>,
}

/// The search for personal data.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct PersonalData {
    /// What becomes of an event that holds some: `reject`, `scrub` or `drop-field`.
    pub action: String,
    /// Other actions for some types or places.
    pub exceptions: Vec<Exception>,
    /// Places in which nothing is looked for.
    pub not_searched: Vec<String>,
    /// How many texts and patterns the operator says are no personal data.
    pub permitted: usize,
    /// Names of further detectors of the operator.
    pub detectors: Vec<String>,
    /// What becomes of parameters that are not listed: `drop` (only they) or `reject` (the event).
    pub unknown_parameters: String,
}

/// Another action for a type of personal data, or for a place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Exception {
    /// Type, such as `EMAIL`, or place, such as `/error_type`.
    pub of: String,
    /// What is done there.
    pub action: String,
}

/// What becomes of other names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Names {
    /// They count as `other`.
    Other,
    /// The event is refused.
    Refuse,
    /// They are stored.
    Keep,
}

/// Hours around the current one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Window {
    /// Before it, such as `3d`.
    pub back: String,
    /// Behind it, such as `26h`.
    pub ahead: String,
}

impl Rules {
    pub(super) fn new(settings: &Settings, registry: &Registry) -> Self {
        let of = |stage, key| setting(settings, registry, stage, key);
        let window = of("schema-validate", "window");
        let counts = of("batch-persist", "daily_values");
        let counts = counts.as_object().into_iter().flatten();
        // Without a proxy that is believed, no header is.
        let believed = !settings.server.trusted_proxies.is_empty();
        Self {
            personal_data: PersonalData::new(|key| of("pii-scan", key)),
            unknown_names: names(settings, registry),
            window: is_validated(settings)
                .then(|| Window { back: text(&window["back"]), ahead: text(&window["ahead"]) }),
            daily_values: counts
                .filter_map(|(name, most)| Some((name.clone(), most.as_u64()?)))
                .collect(),
            min_cell: settings.privacy.min_cell,
            country_header: settings.privacy.country_header.clone().filter(|_| believed),
        }
    }
}

impl PersonalData {
    fn new(of: impl Fn(&'static str) -> Value) -> Self {
        let (exceptions, allow, detectors) = (of("exceptions"), of("allow"), of("detectors"));
        let count = |key: &str| items(&allow[key]).count();
        Self {
            action: or(&of("action"), "reject"),
            exceptions: items(&exceptions)
                .map(|exception| Exception {
                    of: text(&exception["field"]) + &text(&exception["type"]),
                    action: text(&exception["action"]),
                })
                .collect(),
            not_searched: items(&allow["fields"]).map(text).collect(),
            permitted: count("values") + count("patterns"),
            detectors: items(&detectors).map(|detector| text(&detector["name"])).collect(),
            unknown_parameters: or(&of("unknown_parameters"), "drop"),
        }
    }
}

/// What becomes of tools and services with other names.
pub(super) fn names(settings: &Settings, registry: &Registry) -> Names {
    let on_unknown = setting(settings, registry, "schema-validate", "on_unknown");
    match on_unknown.as_str() {
        _ if !is_validated(settings) => Names::Keep,
        Some("refuse") => Names::Refuse,
        _ => Names::Other,
    }
}

fn items(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn or(value: &Value, default: &str) -> String {
    value.as_str().unwrap_or(default).to_owned()
}
