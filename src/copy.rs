//! Moving an installation to larger backends: the store from a file to PostgreSQL and, if wanted, the
//! queue from a file to Redis. What one knows of the other moves together, so that the ledger still
//! balances afterwards and repeats of old events are still recognised.
//!
//! Nothing of the old installation is changed: it stays as it was until it is deleted.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use stages::{Clock, SystemClock};

use crate::advice::Advised;
use crate::app::open_queue;
use crate::cli::Role;
use crate::config::settings::{self, Secret, Settings};
use crate::queue::redis::RedisQueue;
use crate::queue::{Past, Queue, sqlite};
use crate::shutdown::Tasks;
use crate::store::{Copied, CopyError, Copying, Database, MigrateError, Progress, Unusable};

/// Connections for reading; one is used.
const POOL: u32 = 2;
/// Workers give a sign of life every second.
const SIGNS: Duration = Duration::from_secs(3);

/// What to move where.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The store to read.
    pub from: Secret,
    /// The store to fill.
    pub to: Secret,
    /// The queue that belongs to `from`.
    pub from_queue: Secret,
    /// The queue that belongs to `to`: the same one, or a new one.
    pub to_queue: Secret,
    /// Forget what an earlier copy left.
    pub again: bool,
}

/// What was done.
#[derive(Debug, Clone)]
pub struct Summary {
    /// Rows, by table.
    pub copied: Vec<Copied>,
    /// Events that the queue has ever accepted; the new one counts on from there.
    pub accepted: u64,
    /// Accepted events that the store does not account for; 0 in a healthy installation.
    pub balance: i128,
    /// Whether another queue has taken over.
    pub queue_moved: bool,
}

/// The queues of a move.
struct Queues {
    old: Arc<dyn Queue>,
    /// When it is another one.
    new: Option<Arc<RedisQueue>>,
    tasks: Tasks,
}

/// Moves what `plan` says. `settings` tell everything else, such as when Redis counts as durable.
///
/// # Errors
/// When something stands in the way, or fails. What was copied stays, and the next attempt with the
/// same plan goes on from there.
pub async fn run(
    settings: &Settings,
    plan: &Plan,
    progress: &mut dyn Progress,
) -> anyhow::Result<Summary> {
    let (from, to) = (open_store(&plan.from)?, open_store(&plan.to)?);
    if !from.examine().await.map_err(Unusable::advised).context("--from")? {
        return Err(Advised::new(
            "--from names no store: there is no such file, or nothing in it yet",
            "name the file that store.url named before, as in sqlite://data/analytics.db",
        )
        .into());
    }
    let queues = Queues::open(settings, plan).await?;
    let moved = relocate(plan, &from, &to, &queues, progress).await;
    queues.close().await;
    from.close().await;
    to.close().await;
    moved
}

async fn relocate(
    plan: &Plan,
    from: &Database,
    to: &Database,
    queues: &Queues,
    progress: &mut dyn Progress,
) -> anyhow::Result<Summary> {
    let past = queues.past().await?;
    let totals = from.ledger().await?;
    let settled = totals.persisted + totals.duplicate + totals.dead_letter + totals.discarded;
    if past.accepted == 0 && settled > 0 {
        return Err(Advised::new(
            format!("the queue has never accepted an event, but the store accounts for {settled}"),
            "name the queue that belongs to --from with --from-queue, as in \
             --from-queue sqlite://data/queue.db",
        )
        .into());
    }
    if let Some(new) = &queues.new
        && !new.may_adopt(&past).await?
    {
        return Err(occupied().into());
    }
    let copying = Copying::begin(from, to, plan.again).await.map_err(advised)?;
    let copied = copying.run(progress).await.map_err(advised)?;
    if let Some(new) = &queues.new
        && !new.adopt(&past).await?
    {
        return Err(occupied().into());
    }
    let now = queues.old.state().await?;
    if (now.accepted, now.entries) != (past.accepted, 0) {
        return Err(advised(CopyError::Changed).into());
    }
    copying.finish().await.map_err(advised)?;
    Ok(Summary {
        copied,
        accepted: past.accepted,
        balance: i128::from(past.accepted) - i128::from(settled),
        queue_moved: queues.new.is_some(),
    })
}

impl Queues {
    async fn open(settings: &Settings, plan: &Plan) -> anyhow::Result<Self> {
        let (tasks, clock) = (Tasks::new(), Arc::new(SystemClock::new()) as Arc<dyn Clock>);
        if let Some(path) = sqlite::file(plan.from_queue.expose())
            && !path.exists()
        {
            let message = format!("there is no queue at {}", path.display());
            return Err(Advised::new(message, "name the one that belongs to --from").into());
        }
        let with = |url: &Secret| settings::Queue { url: url.clone(), ..settings.queue.clone() };
        let of_old = Settings { queue: with(&plan.from_queue), ..settings.clone() };
        let moves = plan.from_queue != plan.to_queue;
        let in_file = |url: &Secret| sqlite::file(url.expose()).is_some();
        if moves && (!in_file(&plan.from_queue) || in_file(&plan.to_queue)) {
            return Err(Advised::new(
                "a queue moves from a SQLite file to Redis only",
                "move a file by moving it, and data of a Redis server with its own means; then name \
                 the same queue twice",
            )
            .into());
        }
        // A worker's view: without a spool, which belongs to servers.
        let old = open_queue(&of_old, Role::Worker, &tasks, &clock).await?;
        let new = match moves {
            true => Some(RedisQueue::open(&with(&plan.to_queue), None, &tasks).await?),
            false => None,
        };
        Ok(Self { old, new, tasks })
    }

    /// What the old queue was, once nothing waits in it and nobody works on it.
    async fn past(&self) -> anyhow::Result<Past> {
        let state = self.old.state().await?;
        if state.entries > 0 {
            return Err(Advised::new(
                format!("the queue still holds {} events", state.events),
                "stop the servers and let a worker store them, with the old store.url and queue.url: \
                 `serve --role worker`, until ledger.queued in /v1/status of its private listener is \
                 0; stop it then, and copy",
            )
            .into());
        }
        if somebody_works(&*self.old).await? {
            return Err(Advised::new(
                "a server or worker runs on the old queue",
                "stop it first: what it stores from now on would stay behind",
            )
            .into());
        }
        Ok(Past {
            identity_key: self.old.identity_key().await?,
            accepted: state.accepted,
            door_duplicates: state.door_duplicates,
            refusals: self.old.refusals().await?,
        })
    }

    async fn close(&self) {
        self.tasks.stop();
        self.old.close().await;
        if let Some(new) = &self.new {
            new.close().await;
        }
        self.tasks.finished().await;
    }
}

/// Whether a worker still gives signs of life.
async fn somebody_works(queue: &dyn Queue) -> anyhow::Result<bool> {
    if queue.workers().await?.is_empty() {
        return Ok(false);
    }
    tokio::time::sleep(SIGNS).await;
    Ok(queue.workers().await?.iter().any(|worker| worker.age < SIGNS))
}

fn open_store(url: &Secret) -> anyhow::Result<Database> {
    let settings = settings::Store { url: url.clone(), pool: POOL };
    Ok(Database::open(&settings, Arc::new(SystemClock::new()))?)
}

fn occupied() -> Advised {
    Advised::new(
        "the new queue has accepted events of its own",
        "name an empty database, as in redis://host:6379/1",
    )
}

/// What a person can do about it.
fn advised(error: CopyError) -> Advised {
    let help = match &error {
        CopyError::Direction => {
            "name a sqlite:// URL with --from and a postgres:// URL with --to or store.url; data \
             go from one PostgreSQL server to another with pg_dump"
        }
        CopyError::Outdated => "bring it up first, with the old store.url: `migrate up`",
        CopyError::Busy => "wait until it has ended",
        CopyError::NotEmpty(_) => "name an empty database; data of two stores cannot be merged",
        CopyError::Changed => {
            "stop every server and worker that uses it, let `serve --role worker` empty the queue, and \
             copy from the beginning with --again"
        }
        CopyError::Differs { .. } => {
            "this is a bug or a damaged file: check the source with `sqlite3 FILE 'PRAGMA \
             integrity_check'`, and copy from the beginning with --again"
        }
        CopyError::Migrate(MigrateError::Newer(_)) => "use the newer release",
        CopyError::Migrate(_) | CopyError::Store(_) => {
            "what was copied stays: run the same command to go on"
        }
    };
    Advised::new(error, help)
}
