//! Demo data: weeks of plausible usage in an empty installation, within seconds.
//!
//! Nothing is written past the pipeline. Simulated clients post real request bodies, the configured
//! stages judge them, the queue holds them and the worker settles them, on a clock that walks from the
//! first day to the last: events are accepted within the window, markers and rollups are kept as long
//! as retention says, and the ledger balances, as in an installation that has really run that long.

mod call;
mod check;
mod traffic;
mod usage;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use stages::{Batch, BatchKey, Clock, Cx, Hour, ManualClock, RefusalKind, Request, SystemClock};
use tokio::task::JoinSet;

use self::traffic::{Post, Traffic};
use crate::app::{Opened, open};
use crate::cli::Role;
use crate::config::Loaded;
use crate::http::state::State;
use crate::queue::RefusedKind;
use crate::store::Totals;
use crate::worker::{Settler, Worker};

const HOUR: Duration = Duration::from_secs(3_600);
/// A worker is never much further behind, so the queue is drained at least that often.
const MOST_QUEUED: u64 = 10_000;

/// What to simulate.
#[derive(Debug, Clone, Copy)]
pub struct Plan {
    /// The same seed gives the same events.
    pub seed: u64,
    /// UTC dates, the one of `end` included.
    pub days: u32,
    /// About how many events.
    pub events: u64,
    /// The first hour without events. Not later than now, or a server will wait for it.
    pub end: Hour,
}

impl Plan {
    /// The first hour with events.
    fn start(&self) -> Hour {
        self.end.plus(-1).day().plus(1 - i64::from(self.days.max(1))).start()
    }
}

/// How far it is.
#[derive(Debug, Clone, Copy)]
pub struct Progress {
    /// The hour that was simulated last.
    pub hour: Hour,
    /// Events sent so far.
    pub sent: u64,
}

/// What was done.
#[derive(Debug, Clone, Default)]
pub struct Summary {
    /// Requests sent.
    pub requests: u64,
    /// Events sent.
    pub sent: u64,
    /// Events that the queue accepted, repeats included.
    pub accepted: u64,
    /// Events, or whole requests, that the configured stages turned away, by code.
    pub refused: BTreeMap<&'static str, u64>,
    /// What became of the accepted ones.
    pub totals: Totals,
}

/// Fills the installation that `loaded` names, which must be empty.
///
/// # Errors
/// When it is not, and when queue or store fail. What was written until then stays.
pub async fn run(
    loaded: &Loaded,
    plan: &Plan,
    mut progress: impl FnMut(Progress),
) -> anyhow::Result<Summary> {
    // A server's clock at first, so that signs of life of running workers are seen.
    let clock = Arc::new(ManualClock::at(SystemClock::new().unix_millis() / 1_000));
    let opened = open(loaded, Role::All, Arc::clone(&clock) as _).await?;
    let filled = match check::empty(&opened, &clock).await {
        Ok(()) => Filler::new(&opened, clock).fill(plan, &mut progress).await,
        Err(error) => Err(error),
    };
    opened.tasks.stop();
    opened.queue.close().await;
    opened.store.close().await;
    opened.tasks.finished().await;
    filled
}

struct Filler<'o> {
    opened: &'o Opened,
    clock: Arc<ManualClock>,
    worker: Worker,
    summary: Summary,
    /// Events in the queue, at most.
    queued: u64,
}

impl<'o> Filler<'o> {
    fn new(opened: &'o Opened, clock: Arc<ManualClock>) -> Self {
        let settler = Settler::new(
            Arc::clone(&opened.worker),
            Arc::new(opened.store.clone()),
            Arc::clone(&clock) as _,
            Arc::clone(&opened.state.metrics) as _,
        );
        let group = opened.group_events();
        let worker =
            Worker::new(Arc::clone(&opened.queue) as _, settler, group, opened.tasks.clone());
        Self { opened, clock, worker, summary: Summary::default(), queued: 0 }
    }

    async fn fill(
        mut self,
        plan: &Plan,
        progress: &mut impl FnMut(Progress),
    ) -> anyhow::Result<Summary> {
        self.opened.store.migrate_up().await?;
        let mut traffic = Traffic::new(plan)?;
        let (mut hour, end) = (plan.start(), plan.end);
        let most_queued = MOST_QUEUED.min(self.opened.state.settings.queue.max_events / 4);
        self.clock.step_wall(hour.unix_seconds());
        while hour < end {
            self.post(traffic.hour(hour)).await?;
            let next = hour.plus(1);
            let day_ends = next.day() != hour.day() || next == end;
            if day_ends || self.queued >= most_queued {
                self.drain().await?;
            }
            if day_ends {
                self.keep_house().await?;
            }
            progress(Progress { hour, sent: self.summary.sent });
            self.clock.advance(HOUR);
            hour = next;
        }
        self.judge().await
    }

    /// Sends requests at the same time, as many clients do, and waits until all are answered.
    async fn post(&mut self, posts: Vec<Post>) -> anyhow::Result<()> {
        let mut sending = JoinSet::new();
        for post in posts {
            self.summary.requests += 1;
            self.summary.sent += post.events;
            self.queued += post.events;
            let state = Arc::clone(&self.opened.state);
            sending.spawn(async move { send(&state, &post).await });
        }
        while let Some(sent) = sending.join_next().await {
            for code in sent?? {
                *self.summary.refused.entry(code).or_default() += 1;
            }
        }
        Ok(())
    }

    /// Lets the worker settle everything that is queued.
    async fn drain(&mut self) -> anyhow::Result<()> {
        let queue = &self.opened.queue;
        let mut left = queue.state().await?.entries;
        while left > 0 {
            self.worker.step().await.context("the worker cannot settle the events")?;
            let now = queue.state().await?.entries;
            if now >= left {
                bail!("the queue does not get empty: is a server or worker running on it? Stop it");
            }
            left = now;
        }
        self.queued = 0;
        Ok(())
    }

    /// What a server does every hour; a day of data at most goes at a time, so once a day will do.
    async fn keep_house(&self) -> anyhow::Result<()> {
        let oldest = self.opened.queue.state().await?.oldest_received;
        let settings = &self.opened.state.settings;
        let (store, min_cell) = (&self.opened.store, settings.privacy.min_cell);
        store.housekeep(&settings.retention, oldest).await.context("housekeeping failed")?;
        if min_cell > 1 {
            store.freeze(min_cell).await.context("days that are over cannot be decided on")?;
        }
        Ok(())
    }

    /// The end: everything that was accepted must be accounted for.
    async fn judge(mut self) -> anyhow::Result<Summary> {
        self.opened.state.refusals.write(&self.opened.state).await;
        let accepted = self.opened.queue.state().await?.accepted;
        let totals = self.opened.store.ledger().await?;
        let settled = totals.persisted + totals.duplicate + totals.dead_letter + totals.discarded;
        if accepted != settled {
            bail!(
                "{accepted} events were accepted, but {settled} are accounted for: this is a bug"
            );
        }
        self.summary.accepted = accepted;
        self.summary.totals = totals;
        Ok(self.summary)
    }
}

/// Sends one request through the ingest stages, as the HTTP server would. Answers the codes of what
/// was turned away.
async fn send(state: &State, post: &Post) -> anyhow::Result<Vec<&'static str>> {
    let Some(ingest) = &state.ingest else { return Ok(Vec::new()) };
    let batch_key = post.key.as_ref().map(|key| {
        BatchKey::from_bytes(state.identity_key.hash("batch", &[key.as_bytes(), &post.body]))
    });
    let received = state.clock.hour();
    let request = Request { client: post.client, batch_key, received, country: None };
    let mut batch = Batch::request(&post.body);
    let cx = Cx { clock: &*state.clock, request: Some(&request), tx: None };
    ingest.pipeline.run(&mut batch, cx, &*state.metrics).await?;
    let codes = match batch.refusal() {
        Some(refusal) if matches!(refusal.kind, RefusalKind::Unavailable { .. }) => {
            bail!("a request could not be queued: {}", refusal.message)
        }
        Some(refusal) => {
            state.refusals.add(RefusedKind::Request, refusal.code.as_str());
            return Ok(vec![refusal.code.as_str()]);
        }
        None => batch.rejected().map(|(_, reason)| reason.code.as_str()).collect::<Vec<_>>(),
    };
    codes.iter().for_each(|code| state.refusals.add(RefusedKind::Event, code));
    Ok(codes)
}
