//! Events as a client would send them.

use serde_json::{Value, json};
use stages::Hour;

/// The current UTC hour.
pub(crate) fn hour_now() -> Hour {
    use stages::Clock as _;
    stages::SystemClock::new().hour()
}

/// The UTC hour `hours` before the current one, as clients write it.
fn hours_ago(hours: i64) -> String {
    hour_now().plus(-hours).to_string().replace(":00Z", ":00.000Z")
}

/// Builds the JSON of an event.
#[derive(Clone)]
pub(crate) struct Event(Value);

impl Event {
    pub(crate) fn minimal(tool: &str) -> Self {
        Self(json!({
            "version": "1.23.0",
            "tool": tool,
            "status": "success",
            "timestamp_hour": hours_ago(1),
            "analytics_level": "minimal",
        }))
    }

    pub(crate) fn standard(tool: &str) -> Self {
        Self::minimal(tool).with("analytics_level", "standard")
    }

    pub(crate) fn detailed(tool: &str, session: &str, sequence: u64) -> Self {
        Self::minimal(tool)
            .with("analytics_level", "detailed")
            .with("session_id", session)
            .with("sequence_number", sequence)
    }

    pub(crate) fn with(mut self, member: &str, value: impl Into<Value>) -> Self {
        self.0[member] = value.into();
        self
    }

    pub(crate) fn json(&self) -> Value {
        self.0.clone()
    }

    /// A request body.
    pub(crate) fn batch(events: impl IntoIterator<Item = Self>) -> String {
        let events: Vec<Value> = events.into_iter().map(|event| event.0).collect();
        json!({ "events": events }).to_string()
    }
}
