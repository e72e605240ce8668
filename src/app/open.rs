//! Opening queue and store, and building the pipelines on them.

use std::sync::Arc;

use anyhow::{Context, bail};
use stages::{Clock, HashKey, Pipeline, Services, SystemClock};

use super::shared::Shared;
use super::work::{self, Running};
use crate::advice::{Advised, help_of};
use crate::cli::Role;
use crate::config::settings::Settings;
use crate::config::{Loaded, check_pipelines};
use crate::http::middleware::RequestIds;
use crate::http::refusals::Unwritten;
use crate::http::state::{ClosedHour, Ingest, PipelineStatus, Readiness, State};
use crate::queue::Queue;
use crate::queue::redis::RedisQueue;
use crate::queue::spool::{self, Spool};
use crate::queue::sqlite::{self, SqliteQueue};
use crate::shutdown::Tasks;
use crate::stats::Source;
use crate::stats::release::Published;
use crate::store::{Database, Unusable};
use crate::telemetry::Metrics;
use crate::transparency::Document;

/// Events that are claimed at once when no stage has a say in it.
const GROUP_EVENTS: usize = 10_000;
/// Decoded bytes that a body may have when no stage says: none takes a body then.
const NO_BODY: u64 = 0;

/// Everything that is open.
pub(crate) struct Opened {
    pub(crate) state: Arc<State>,
    pub(crate) queue: Arc<dyn Queue>,
    pub(crate) store: Database,
    pub(crate) tasks: Tasks,
    pub(crate) worker: Arc<Pipeline>,
}

/// Opens what a process of `role` needs. The store may be away: a server accepts without it.
///
/// Limits and memory of identities go by `clock` too: they are kept in this process when it is not the
/// time of the world, as in a demo.
pub(crate) async fn open(
    loaded: &Loaded,
    role: Role,
    clock: Arc<dyn Clock>,
) -> anyhow::Result<Opened> {
    let settings = Arc::new(loaded.settings.clone());
    let tasks = Tasks::new();
    let metrics = Arc::new(Metrics::new().context("the metrics cannot be registered")?);
    let queue = open_queue(&settings, role, &tasks, &clock).await?;
    let store = Database::open(&settings.store, Arc::clone(&clock))?
        .giving_way_within(settings.queue.claim_after.0);
    if role == Role::Server {
        // It accepts whatever the store says, so it does not wait for the answer.
        let store = store.clone();
        tasks.spawn(async move {
            if let Err(unusable) = store.examine().await {
                warn(unusable);
            }
        });
    } else {
        examine(&store, role).await?;
    }
    let identity_key = queue.identity_key().await.context("the queue has no identity key")?;
    let shared = Shared::open(&settings, role, &tasks, &clock).await?;
    let services = Services {
        queue: Arc::clone(&queue) as _,
        seen: Arc::clone(&shared.seen),
        rates: Arc::clone(&shared.rates),
        local: shared.local.clone(),
        identity_key: identity_key.clone(),
    };
    let Ok((ingest, worker)) = check_pipelines(loaded, &stages::registry(), &services) else {
        bail!("the stages were built when the file was checked, but not now");
    };
    let state = State {
        ingest: (role != Role::Worker).then(|| served(ingest)),
        store: Arc::new(store.clone()),
        clients: shared.clients(&settings, &tasks).await.context("no randomness")?,
        request_ids: RequestIds::new(HashKey::random().context("no randomness")?),
        refusals: Unwritten::default(),
        readiness: Readiness::default(),
        pipeline: PipelineStatus { loaded_at: clock.unix_millis(), valid: true, last_error: None },
        closed_hour: ClosedHour::default(),
        document: Arc::new(Document::new(&settings, &stages::registry())?),
        queue: Arc::clone(&queue),
        started: clock.monotonic(),
        clock,
        metrics,
        shared_answers: shared.answers(),
        rates: services.or_local().rates,
        identity_key,
        settings,
    };
    Ok(Opened { state: Arc::new(state), queue, store, tasks, worker: Arc::new(worker) })
}

/// Opens the queue, with a spool where that is needed.
pub(crate) async fn open_queue(
    settings: &Settings,
    role: Role,
    tasks: &Tasks,
    clock: &Arc<dyn Clock>,
) -> anyhow::Result<Arc<dyn Queue>> {
    let queue = &settings.queue;
    if !queue.url.expose().starts_with("redis") {
        return Ok(SqliteQueue::open(queue, tasks, Arc::clone(clock)).await.map_err(advised)?);
    }
    // A worker accepts nothing, and made-up events are to be left nowhere.
    let file = spool::file(settings).filter(|_| role != Role::Worker && clock.is_real());
    let spool = match file {
        Some(file) => {
            let opened = Spool::open(queue, &file, tasks, Arc::clone(clock)).await;
            Some(opened.map_err(|error| match error.help() {
                Some(help) => {
                    Advised::new(error, format!("{help}; false does without a spool")).into()
                }
                None => anyhow::Error::from(error),
            })?)
        }
        None => None,
    };
    Ok(RedisQueue::open(queue, spool, tasks).await?)
}

/// Opens the queue for a command beside the servers and workers of an installation: where there is none,
/// none is made.
pub(crate) async fn existing_queue(
    settings: &Settings,
    tasks: &Tasks,
    clock: &Arc<dyn Clock>,
) -> anyhow::Result<Arc<dyn Queue>> {
    existing_file(settings)?;
    // A worker's view: without a spool, which belongs to servers.
    open_queue(settings, Role::Worker, tasks, clock).await
}

/// The installation's key for identities, which the queue keeps, for such a command. A file is only
/// read: a server that holds its lock, even a stopped one, is in nobody's way.
pub(crate) async fn identity_key(settings: &Settings) -> anyhow::Result<HashKey> {
    if existing_file(settings)? {
        return sqlite::identity_key(&settings.queue).map_err(advised);
    }
    let (tasks, clock) = (Tasks::new(), Arc::new(SystemClock::new()) as Arc<dyn Clock>);
    let queue = open_queue(settings, Role::Worker, &tasks, &clock).await?;
    let key = queue.identity_key().await.context("the queue has no identity key");
    tasks.stop();
    queue.close().await;
    key
}

/// Whether the queue is a file. One that is named but not there is an error.
fn existing_file(settings: &Settings) -> anyhow::Result<bool> {
    let Some(file) = sqlite::file(settings.queue.url.expose()) else { return Ok(false) };
    if file.exists() {
        return Ok(true);
    }
    Err(Advised::new(
        "there is no queue at the place that queue.url names",
        "`serve` makes it when it starts; `check` shows which configuration is read",
    )
    .into())
}

fn advised(error: sqlite::OpenError) -> anyhow::Error {
    match error.help() {
        Some(help) => Advised::new(error, help).into(),
        None => error.into(),
    }
}

/// Refuses to start when only a person can mend the store. A worker alone waits for what may pass.
async fn examine(store: &Database, role: Role) -> anyhow::Result<()> {
    let Err(unusable) = store.examine().await else { return Ok(()) };
    let waits = if role == Role::Worker { unusable.may_pass() } else { unusable.is_elsewhere() };
    if !waits {
        return Err(unusable.advised().into());
    }
    warn(unusable);
    Ok(())
}

fn warn(unusable: Unusable) {
    let error = anyhow::Error::from(unusable.advised());
    tracing::warn!(help = help_of(&error), "{error}; events wait in the queue");
}

fn served(pipeline: Pipeline) -> Ingest {
    let max_body = pipeline.max_body().unwrap_or(NO_BODY);
    Ingest { pipeline, max_body }
}

impl Opened {
    /// The rollups, for stats and pages: all that the public gets to see of them.
    pub(super) fn source(&self) -> Arc<dyn Source> {
        if self.state.settings.privacy.min_cell > 1 {
            Arc::new(Published(self.store.clone()))
        } else {
            Arc::new(self.store.clone())
        }
    }

    /// How many events the worker claims at once.
    pub(crate) fn group_events(&self) -> usize {
        self.worker.group_events().unwrap_or(GROUP_EVENTS)
    }

    /// Starts the worker's tasks, if the role has any.
    pub(super) fn spawn_worker(&self, role: Role) -> Running {
        if role == Role::Server { Running::default() } else { work::spawn(self) }
    }
}
