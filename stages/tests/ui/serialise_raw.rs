//! An event as sent cannot be written down.

use stages::event::{RawEvent, RawJson};

fn event(event: &RawEvent<'_>) -> serde_json::Result<String> {
    serde_json::to_string(event)
}

fn value(value: &RawJson<'_>) -> serde_json::Result<String> {
    serde_json::to_string(value)
}

fn main() {}
