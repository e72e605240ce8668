//! Settings of `schema-validate`, with the tools and services that real clients name.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::units::Span;

/// Every tool that a released client names.
const TOOLS: [&str; 17] = [
    "get_forecast",
    "get_current_conditions",
    "get_alerts",
    "get_historical_weather",
    "check_service_status",
    "search_location",
    "get_air_quality",
    "get_marine_conditions",
    "get_weather_imagery",
    "get_lightning_activity",
    "get_river_conditions",
    "get_wildfire_info",
    "save_location",
    "list_saved_locations",
    "get_saved_location",
    "remove_saved_location",
    "get_weather_summary",
];

/// The upstream services that a client may name.
const SERVICES: [&str; 6] = ["noaa", "openmeteo", "nifc", "usgs", "blitzortung", "rainviewer"];

/// Settings.
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct SchemaValidateConfig {
    /// Names of the tools that are counted by name.
    pub(super) tools: Vec<String>,
    /// Names of the upstream services that are counted by name.
    pub(super) services: Vec<String>,
    /// What becomes of events with other names in `tool` or `service`.
    pub(super) on_unknown: OnUnknown,
    /// What one refused event costs.
    pub(super) on_reject: OnReject,
    /// The hours that events may lie in, counted from the current hour.
    pub(super) window: Window,
}

/// What becomes of events with unknown names.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum OnUnknown {
    /// Count them as `other`, with a warning: a new client release loses no data.
    Other,
    /// Refuse them.
    Refuse,
}

/// What one refused event costs.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum OnReject {
    /// Itself.
    Event,
    /// The whole batch.
    Batch,
}

/// The hours that events may lie in. Both ends are included.
#[derive(Clone, Copy, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Window {
    /// How far back from the current UTC hour. Parts of an hour count as a whole one.
    pub(super) back: Span,
    /// How far ahead of the current UTC hour. Parts of an hour count as a whole one.
    pub(super) ahead: Span,
}

impl Default for SchemaValidateConfig {
    fn default() -> Self {
        Self {
            tools: TOOLS.map(str::to_owned).into(),
            services: SERVICES.map(str::to_owned).into(),
            on_unknown: OnUnknown::Other,
            on_reject: OnReject::Event,
            window: Window::default(),
        }
    }
}

impl Default for Window {
    fn default() -> Self {
        // Clients flush within minutes. Ahead: clocks that stand in a time zone instead of UTC are
        // wrong by 14 h at most, those with the wrong date by a day.
        Self { back: Span::days(3), ahead: Span::hours(26) }
    }
}
