//! `GET /v1/status`: how the service is doing, in whole numbers; -1 stands for what is not known.
//!
//! On the public listener, when small cells are withheld, every total is of the last closed hour,
//! so that polling it does not show when somebody's event came.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use salvo::http::StatusCode;
use salvo::{Response, handler};
use serde::{Serialize, Serializer};

use super::answer::{self, timestamp};
use super::facts::{Facts, Ledger};
use super::ops::degraded;
use super::refusals;
use super::state::State;
use crate::queue::RefusedKind;
use crate::shutdown::Tasks;
use crate::telemetry::process;

const UNKNOWN: i64 = -1;
const BYTES_PER_MB: u64 = 1_024 * 1_024;
const MILLIS_PER_HOUR: i64 = 3_600_000;

/// Who reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reader {
    /// Everybody.
    Public,
    /// The operator.
    Private,
}

/// `GET /v1/status`.
pub(super) struct Status {
    pub(super) state: Arc<State>,
    pub(super) reader: Reader,
}

/// The answer. -1 stands for what is not known.
#[derive(Serialize)]
pub(super) struct View {
    pub(super) status: &'static str,
    pub(super) timestamp: String,
    pub(super) uptime_seconds: u64,
    pub(super) database: Database,
    pub(super) queue: Queue,
    pub(super) memory: Memory,
    pub(super) events_processed: i64,
    pub(super) last_event_received: Option<String>,
    pub(super) workers: Vec<Worker>,
    pub(super) ledger: LedgerView,
    pub(super) pipeline: Pipeline,
}

#[derive(Serialize)]
pub(super) struct Database {
    pub(super) connected: bool,
    pub(super) total_connections: i64,
    pub(super) idle_connections: i64,
    pub(super) waiting_count: i64,
}

#[derive(Serialize)]
pub(super) struct Queue {
    /// Events.
    pub(super) depth: i64,
    pub(super) bytes: i64,
    /// Events that wait in this server's own file to be handed on to the queue.
    pub(super) spooled: u64,
    /// How much of what was accepted last a crash of the queue may lose.
    pub(super) loss_window_seconds: u64,
}

#[derive(Serialize)]
pub(super) struct Memory {
    /// Resident memory of the process.
    pub(super) used_mb: i64,
    /// Memory of the machine.
    pub(super) total_mb: i64,
}

#[derive(Serialize)]
pub(super) struct Worker {
    pub(super) id: String,
    pub(super) heartbeat_age_seconds: u64,
    pub(super) lag_seconds: i64,
}

#[derive(Default)]
pub(super) struct LedgerView {
    pub(super) known: Ledger,
    pub(super) refused: BTreeMap<String, u64>,
    pub(super) refused_requests: BTreeMap<String, u64>,
}

#[derive(Serialize)]
pub(super) struct Pipeline {
    pub(super) loaded_at: String,
    pub(super) valid: bool,
    pub(super) last_error: Option<String>,
}

impl Serialize for LedgerView {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeMap;
        let mut map = serializer.serialize_map(None)?;
        for (name, value) in self.known.members() {
            map.serialize_entry(name, &value.unwrap_or(UNKNOWN))?;
        }
        map.serialize_entry("refused", &self.refused)?;
        map.serialize_entry("refused_requests", &self.refused_requests)?;
        map.end()
    }
}

#[handler]
impl Status {
    async fn handle(&self, res: &mut Response) {
        answer::json(res, StatusCode::OK, &self.view().await);
    }
}

impl Status {
    /// How the service is doing, as this reader may know it.
    pub(super) async fn view(&self) -> View {
        let state = &*self.state;
        let now = Facts::gather(state).await;
        let coarse = self.reader == Reader::Public && state.settings.privacy.min_cell > 1;
        if coarse {
            let closed = state.closed_hour.get();
            view(state, &now, closed.as_deref(), LedgerView::default())
        } else {
            let refusals = refusals::of(state).await;
            let refusals = LedgerView {
                known: Ledger::default(),
                refused: refusals::by_code(&refusals, RefusedKind::Event),
                refused_requests: refusals::by_code(&refusals, RefusedKind::Request),
            };
            view(state, &now, Some(&now), refusals)
        }
    }
}

/// `now` tells how things are, `totals` how much there is: `None` before the first hour has closed.
fn view(state: &State, now: &Facts, totals: Option<&Facts>, mut ledger: LedgerView) -> View {
    ledger.known = totals.map(Facts::ledger).unwrap_or_default();
    let queue = totals.and_then(|totals| totals.queue);
    let live = totals.is_some_and(|totals| std::ptr::eq(totals, now));
    let healthy = degraded(state, now).is_empty() && now.queue.is_some();
    View {
        status: if healthy { "healthy" } else { "degraded" },
        timestamp: timestamp(state.clock.unix_millis()),
        uptime_seconds: now.uptime.as_secs(),
        database: Database {
            connected: now.store_up,
            total_connections: whole(now.connections.map(|pool| pool.total)),
            idle_connections: whole(now.connections.map(|pool| pool.idle)),
            waiting_count: whole(now.connections.map(|pool| pool.waiting)),
        },
        queue: Queue {
            depth: whole(queue.map(|queue| queue.events)),
            bytes: whole(queue.map(|queue| queue.bytes)),
            spooled: totals.and_then(|totals| totals.spool).map_or(0, |spool| spool.state.events),
            loss_window_seconds: state.queue.loss_window().as_secs(),
        },
        memory: Memory {
            used_mb: whole(process::resident_bytes().map(|bytes| bytes / BYTES_PER_MB)),
            total_mb: whole(process::machine_bytes().map(|bytes| bytes / BYTES_PER_MB)),
        },
        events_processed: ledger.known.persisted.unwrap_or(UNKNOWN),
        last_event_received: totals.and_then(|totals| totals.last_received).map(|h| h.to_string()),
        workers: now
            .workers
            .iter()
            .map(|worker| Worker {
                id: worker.worker.clone(),
                heartbeat_age_seconds: worker.age.as_secs(),
                // A lag tells that something waits at this moment.
                lag_seconds: whole(live.then_some(worker.lag.as_secs())),
            })
            .collect(),
        ledger,
        pipeline: Pipeline {
            loaded_at: timestamp(state.pipeline.loaded_at),
            valid: state.pipeline.valid,
            last_error: state.pipeline.last_error.clone(),
        },
    }
}

fn whole(value: Option<u64>) -> i64 {
    value.and_then(|value| i64::try_from(value).ok()).unwrap_or(UNKNOWN)
}

/// Takes down the totals whenever an hour closes, until the process stops. For a public listener
/// that withholds small cells; without it such a listener shows no totals.
pub async fn keep_closed_hour(state: Arc<State>, tasks: Tasks) {
    loop {
        let wait = until_next_hour(state.clock.unix_millis());
        tokio::select! {
            () = tasks.stop_asked() => return,
            () = tokio::time::sleep(wait) => {}
        }
        let facts = Facts::gather(&state).await;
        state.closed_hour.publish(facts);
    }
}

fn until_next_hour(unix_millis: i64) -> Duration {
    let into = unix_millis.rem_euclid(MILLIS_PER_HOUR);
    Duration::from_millis(u64::try_from(MILLIS_PER_HOUR - into).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hours_close_on_the_hour() {
        for (now, want) in [(0, 3_600_000), (1, 3_599_999), (3_599_999, 1), (7_200_000, 3_600_000)]
        {
            assert_eq!(until_next_hour(now), Duration::from_millis(want), "{now}");
        }
    }
}
