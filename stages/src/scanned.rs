//! An event that has passed the scan for personal data: the only form that a queue, a log, a span
//! or a dead letter accepts.
//!
//! Only the `pii-scan` stage can make one ([`Scanned::new`] asks for its [`Cleared`] token) and only
//! [`crate::entry`] can read one back from a queue. Later stages see it by reference and may narrow
//! it (drop a member, replace a value by a listed one), never write free text into it.

use compact_str::CompactString;
use serde::{Deserialize, Serialize};

use crate::budget::{OTHER, OpenDimension};
use crate::builtin::pii_scan::Cleared;
use crate::country::Country;
use crate::hash::Identity;
use crate::hour::Hour;

/// How much a client chose to tell. Each level defines more members than the one before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// Version, tool, status, hour and error type.
    Minimal,
    /// Also time, service, cache, retries and country.
    Standard,
    /// Also parameters, session and sequence number.
    Detailed,
}

/// How the tool call ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// The tool answered.
    Success,
    /// The tool failed.
    Error,
}

impl Level {
    /// The level as stored and sent.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Minimal => "minimal",
            Self::Standard => "standard",
            Self::Detailed => "detailed",
        }
    }

    /// Reads a level; white space around it and case do not matter.
    pub fn read(text: &str) -> Option<Self> {
        let all = [Self::Minimal, Self::Standard, Self::Detailed];
        let read = |text: &str| all.into_iter().find(|it| text.eq_ignore_ascii_case(it.as_str()));
        // Looking for the space that hardly anybody sends takes longer than reading.
        read(text).or_else(|| read(text.trim()))
    }
}

impl Status {
    /// The status as stored and sent.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Error => "error",
        }
    }

    /// Reads a status; white space around it and case do not matter.
    pub fn read(text: &str) -> Option<Self> {
        let all = [Self::Success, Self::Error];
        let read = |text: &str| all.into_iter().find(|it| text.eq_ignore_ascii_case(it.as_str()));
        read(text).or_else(|| read(text.trim()))
    }
}

/// The members of a scanned event. `pub(crate)`: outside this crate they are read through
/// [`Scanned`]'s methods only.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Fields {
    pub(crate) version: CompactString,
    pub(crate) tool: CompactString,
    pub(crate) status: Status,
    pub(crate) level: Level,
    /// Unix seconds, as sent; sanitise floors it to the hour.
    pub(crate) timestamp: i64,
    pub(crate) error_type: Option<CompactString>,
    pub(crate) response_time_ms: Option<i64>,
    pub(crate) service: Option<CompactString>,
    pub(crate) cache_hit: Option<bool>,
    pub(crate) retry_count: Option<i64>,
    pub(crate) country: Option<CompactString>,
    /// Allow-listed parameters: key and JSON text of the value, in the order sent.
    pub(crate) parameters: Vec<(CompactString, CompactString)>,
    pub(crate) session_id: Option<CompactString>,
    pub(crate) sequence_number: Option<i64>,
    pub(crate) identity: Option<Identity>,
}

/// A scanned event. See the module documentation for who can make one. Boxed, because it goes from
/// hand to hand more often than it is made.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(transparent)]
pub struct Scanned(Box<Fields>);

impl Scanned {
    /// Makes a scanned event. `Cleared` proves that the scan made it.
    pub(crate) fn new(_: Cleared, fields: Box<Fields>) -> Self {
        Self(fields)
    }

    /// Takes back what a scanned event was written as; for [`crate::entry`] alone.
    pub(crate) fn restore(fields: Fields) -> Self {
        Self(Box::new(fields))
    }

    /// A scanned event for unit tests of the stages that come after the scan.
    #[cfg(test)]
    pub(crate) fn for_test(fields: Fields) -> Self {
        Self(Box::new(fields))
    }

    /// Write access for the built-in stages that repair and narrow.
    pub(crate) fn fields_mut(&mut self) -> &mut Fields {
        &mut self.0
    }

    /// Version of the client.
    pub fn version(&self) -> &str {
        &self.0.version
    }

    /// Name of the tool, or `other`.
    pub fn tool(&self) -> &str {
        &self.0.tool
    }

    /// How the call ended.
    pub const fn status(&self) -> Status {
        self.0.status
    }

    /// How much the client tells.
    pub const fn level(&self) -> Level {
        self.0.level
    }

    /// The UTC hour of the call.
    pub const fn hour(&self) -> Hour {
        Hour::containing(self.0.timestamp)
    }

    /// The time of the call in Unix seconds: as sent, until sanitise floors it to the hour.
    pub const fn unix_seconds(&self) -> i64 {
        self.0.timestamp
    }

    /// The identifier of the error, when the call failed with one.
    pub fn error_type(&self) -> Option<&str> {
        self.0.error_type.as_deref()
    }

    /// Time the call took, in milliseconds, 0..=120 000 once sanitised.
    pub const fn response_time_ms(&self) -> Option<i64> {
        self.0.response_time_ms
    }

    /// The upstream weather service, or `other`.
    pub fn service(&self) -> Option<&str> {
        self.0.service.as_deref()
    }

    /// Whether the answer came from the client's cache.
    pub const fn cache_hit(&self) -> Option<bool> {
        self.0.cache_hit
    }

    /// How often the client tried again.
    pub const fn retry_count(&self) -> Option<i64> {
        self.0.retry_count
    }

    /// ISO 3166-1 alpha-2 code.
    pub fn country(&self) -> Option<&str> {
        self.0.country.as_deref()
    }

    /// Allow-listed parameters: key and JSON text of the value.
    pub fn parameters(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.parameters.iter().map(|(key, value)| (key.as_str(), value.as_str()))
    }

    /// The parameters as one JSON object, when there are any.
    pub fn parameters_json(&self) -> Option<String> {
        if self.0.parameters.is_empty() {
            return None;
        }
        let members: Vec<String> = self
            .parameters()
            .map(|(key, value)| format!("{}:{value}", serde_json::Value::from(key)))
            .collect();
        Some(format!("{{{}}}", members.join(",")))
    }

    /// The client's salted session: 16 hex digits.
    pub fn session_id(&self) -> Option<&str> {
        self.0.session_id.as_deref()
    }

    /// Number of the event within its session.
    pub const fn sequence_number(&self) -> Option<i64> {
        self.0.sequence_number
    }

    /// What makes the event itself, when the client said.
    pub const fn identity(&self) -> Option<Identity> {
        self.0.identity
    }

    /// Calls a value by the name of all those beyond the budget.
    pub fn fold(&mut self, dimension: OpenDimension) {
        let other = CompactString::const_new(OTHER);
        match dimension {
            OpenDimension::Country => self.0.country = Some(other),
            OpenDimension::ErrorType => self.0.error_type = Some(other),
            OpenDimension::Version => self.0.version = other,
        }
    }

    /// Sets the country that a proxy named, where the event has none and its level defines one.
    pub(crate) fn fill_country(&mut self, country: Country) {
        if self.0.level > Level::Minimal && self.0.country.is_none() {
            self.0.country = Some(country.as_str().into());
        }
    }

    /// Forgets the country.
    pub fn drop_country(&mut self) {
        self.0.country = None;
    }

    /// Forgets the parameters.
    pub fn drop_parameters(&mut self) {
        self.0.parameters.clear();
    }

    /// Forgets session, sequence number and identity.
    pub fn drop_session(&mut self) {
        self.0.session_id = None;
        self.0.sequence_number = None;
        self.0.identity = None;
    }
}
