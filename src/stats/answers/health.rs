//! `/v1/stats/health`.

use schemars::JsonSchema;
use serde::Serialize;

use super::iso;
use crate::store::read::Extent;

/// Fewer calls than this in 24 hours count as degraded.
const FEW_CALLS: u64 = 100;

/// Whether events arrive.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Health {
    /// `down` without events in 24 hours, `degraded` with fewer than 100, else `healthy`.
    status: &'static str,
    /// Age of the server's process.
    uptime_seconds: u64,
    /// Calls in the last 24 hours.
    events_processed_24h: u64,
    /// Hour in which the newest event was received; `null` before the first.
    last_event_received: Option<String>,
}

/// Answers from the calls of the last 24 hours.
pub fn health(extent: &Extent, calls: u64, uptime_seconds: u64) -> Health {
    Health {
        status: match calls {
            0 => "down",
            1..FEW_CALLS => "degraded",
            _ => "healthy",
        },
        uptime_seconds,
        events_processed_24h: calls,
        last_event_received: extent.last_received.map(iso),
    }
}
