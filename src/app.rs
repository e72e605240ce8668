//! Wiring: the only place where concrete types meet, and the order in which a process starts and
//! stops.
//!
//! Start: everything is opened and bound before anything is served, so a process that cannot work
//! says so at once. Stop: not ready, no new requests, requests in flight, worker's transaction,
//! queue, store; all within `server.shutdown_grace`.

mod adapters;
mod banner;
mod listeners;
mod open;
mod shared;
mod work;

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use stages::{Clock, SystemClock};
use tokio::signal::unix::{Signal, SignalKind, signal};

use self::banner::announce;
use self::listeners::Listeners;
pub(crate) use self::open::{Opened, existing_queue, identity_key, open, open_queue};
use crate::cli::Role;
use crate::config::Loaded;
use crate::config::settings::Settings;
use crate::http::tls::Https;
use crate::telemetry;

/// Runs server, worker or both until asked to stop.
///
/// # Errors
/// When something cannot be opened or bound, or when a part ended that should not.
pub async fn serve(mut loaded: Loaded, role: Role) -> anyhow::Result<()> {
    telemetry::log::init(&loaded.settings.log)?;
    let https = match role {
        Role::Worker => None,
        Role::All | Role::Server => {
            Https::open(&mut loaded, SystemClock::new().unix_millis() / 1_000)?
        }
    };
    for note in &loaded.notes {
        if note.is_warning() {
            tracing::warn!(code = note.code, "{}", note.message);
        } else {
            tracing::info!(code = note.code, "{}", note.message);
        }
    }
    let mut signals = Signals::new().context("cannot listen for signals")?;
    let opened = open(&loaded, role, Arc::new(SystemClock::new())).await?;
    let listeners = Listeners::bind(&loaded.settings, role, https).await?;
    let serving = listeners.serve(&opened)?;
    let mut worker = opened.spawn_worker(role);
    announce(&loaded, serving.addresses(), role);

    let outcome = tokio::select! {
        () = signals.next() => Ok(()),
        ended = worker.ended() => Err(ended),
    };
    tracing::info!("stopping: what is in flight is finished; a second signal stops at once");
    let grace = loaded.settings.server.shutdown_grace.0;
    tokio::select! {
        finished = tokio::time::timeout(grace, stop(&opened, serving, worker, &loaded.settings)) => {
            if finished.is_err() {
                tracing::warn!("the grace period is over; what is left is done at the next start");
            }
        }
        () = signals.next() => tracing::warn!("stopping at once"),
    }
    outcome
}

/// Stops in order. Nothing that was acknowledged can be lost by cutting this short.
async fn stop(
    opened: &Opened,
    mut serving: listeners::Serving,
    worker: work::Running,
    settings: &Settings,
) {
    opened.state.readiness.drain();
    if serving.is_public() {
        tokio::time::sleep(settings.server.drain_delay.0).await;
    }
    // What clients dawdle over may take half of the time that is left; the worker has the rest.
    let left = settings.server.shutdown_grace.0.saturating_sub(settings.server.drain_delay.0);
    serving.stop_public(left / 2).await;
    opened.state.refusals.write(&opened.state).await;
    opened.tasks.stop();
    worker.finished().await;
    opened.queue.close().await;
    opened.store.close().await;
    serving.stop_private(Duration::ZERO).await;
    opened.tasks.finished().await;
    tracing::info!("stopped");
}

/// Signals that ask the process to stop.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    fn new() -> std::io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}
