//! Scanned events for tests.
//!
//! A [`Scanned`] exists only where the scan made it or where a stored one is read back. This builder
//! writes the payload of a dead letter and reads it back through [`read_payload`], so it opens no way
//! past the scan that an operator's replay does not have.

use serde_json::{Map, Value, json};

use crate::entry::read_payload;
use crate::hash::Identity;
use crate::hour::Hour;
use crate::scanned::{Level, Scanned, Status};

/// The hour of an event that says no other: 2026-08-20T14:00:00Z.
const HOUR: Hour = Hour::from_epoch_hours(496_454);

/// Begins an event: a successful call of a tool at the minimal level, version 1.23.0, at
/// 2026-08-20T14:00:00Z.
pub fn scanned(tool: &str) -> ScannedBuilder {
    let payload = json!({ "version": "1.23.0", "tool": tool, "parameters": [] });
    let Value::Object(payload) = payload else { unreachable!("the literal above is an object") };
    ScannedBuilder { payload }.status(Status::Success).level(Level::Minimal).hour(HOUR)
}

/// An event in the making.
#[derive(Debug, Clone)]
#[must_use]
pub struct ScannedBuilder {
    payload: Map<String, Value>,
}

impl ScannedBuilder {
    fn set(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.payload.insert(name.to_owned(), value.into());
        self
    }

    /// Sets the version of the client.
    pub fn version(self, version: &str) -> Self {
        self.set("version", version)
    }

    /// Sets how the call ended.
    pub fn status(self, status: Status) -> Self {
        self.set("status", status.as_str())
    }

    /// Makes it a failed call.
    pub fn error(self, error_type: &str) -> Self {
        self.status(Status::Error).set("error_type", error_type)
    }

    /// Sets how much the client tells.
    pub fn level(self, level: Level) -> Self {
        self.set("level", level.as_str())
    }

    /// Sets the hour of the call.
    pub fn hour(self, hour: Hour) -> Self {
        self.set("timestamp", hour.unix_seconds())
    }

    /// Sets the time that the call took, in milliseconds.
    pub fn response_time_ms(self, ms: i64) -> Self {
        self.set("response_time_ms", ms)
    }

    /// Sets the upstream service.
    pub fn service(self, service: &str) -> Self {
        self.set("service", service)
    }

    /// Sets whether the client's cache answered.
    pub fn cache_hit(self, hit: bool) -> Self {
        self.set("cache_hit", hit)
    }

    /// Sets how often the client tried again.
    pub fn retry_count(self, count: i64) -> Self {
        self.set("retry_count", count)
    }

    /// Sets the country.
    pub fn country(self, country: &str) -> Self {
        self.set("country", country)
    }

    /// Adds a parameter; `value` is JSON text.
    pub fn parameter(mut self, key: &str, value: &str) -> Self {
        if let Some(Value::Array(parameters)) = self.payload.get_mut("parameters") {
            parameters.push(json!([key, value]));
        }
        self
    }

    /// Sets the session and the number within it.
    pub fn session(self, session_id: &str, sequence_number: i64) -> Self {
        self.set("session_id", session_id).set("sequence_number", sequence_number)
    }

    /// Sets what makes the event itself. Equal numbers make equal identities.
    pub fn identity(self, number: u128) -> Self {
        let identity = Identity::from_bytes(number.to_be_bytes());
        self.set("identity", identity.as_bytes().to_vec())
    }

    /// The event.
    ///
    /// # Panics
    /// When payloads have got another form than this builder writes.
    pub fn build(self) -> Scanned {
        read_payload(&Value::Object(self.payload).to_string())
            .expect("the members above are those of a payload")
    }
}
