//! The spool: a queue in a local file that takes what the queue in Redis cannot take at the moment,
//! and hands it on with the same entry ids once it can.
//!
//! An entry goes on exactly once, although a crash or a cut connection may leave it unknown whether
//! it did. Two things see to that. Rows are numbered, and the queue keeps the last number that it
//! took from an appender; and before rows go on under another appender's name, the one before is
//! closed, which tells how far it came and keeps out whatever of it is still on its way.

mod forward;

use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use sea_orm::sqlx::sqlite::SqliteConnectOptions;
use stages::ports::{AppendError, QueueError};
use stages::{Clock, Entry, EntryId, HashKey};
use tokio::sync::{Mutex, Notify};
use tokio_util::sync::CancellationToken;

use super::redis::{Origin, Target};
use super::sqlite::{self, SqliteQueue};
use super::{Queue, QueueState};
use crate::config::settings::{self, Settings};
use crate::shutdown::Tasks;

/// The setting that names the file.
const SETTING: &str = "queue.spool";
/// The file's name, and the folder where everything is that no setting puts elsewhere.
const NAME: &str = "spool.db";
const FOLDER: &str = "data";
/// Notes in the file: the installation's key for identities, and under which name rows go on.
const KEY: &str = "installation_key";
const SENDER: &str = "sender";
/// Before the payload: nothing is known of the entry elsewhere, or the queue may have it already.
const UNSENT: u8 = 0;
const UNCERTAIN: u8 = 1;

/// The file that settings name, if any: unless they say where, it lies beside a store that is a file,
/// and else where queue and store are by default.
pub fn file(settings: &Settings) -> Option<PathBuf> {
    let beside_store = || {
        let store = settings.store.url.expose();
        let options = store.parse::<SqliteConnectOptions>().ok()?;
        let in_file = store.starts_with("sqlite:") && !store.contains("memory");
        in_file.then(|| options.get_filename().with_file_name(NAME))
    };
    match &settings.queue.spool {
        settings::Spool::Off => None,
        settings::Spool::On => Some(beside_store().unwrap_or_else(|| Path::new(FOLDER).join(NAME))),
        settings::Spool::At(path) => Some(path.clone()),
    }
}

/// A spool.
pub struct Spool {
    file: Arc<SqliteQueue>,
    max_events: u64,
    max_bytes: u64,
    /// The lock on this file is the right to forward: one process does, when several share a spool.
    lock: PathBuf,
    /// Told of new rows.
    arrived: Notify,
    closed: CancellationToken,
    /// Held while the forwarder is at work.
    forwarding: Mutex<()>,
}

impl Spool {
    /// Opens the spool, creating what is missing.
    ///
    /// # Errors
    /// When the file cannot be opened.
    pub async fn open(
        settings: &settings::Queue,
        path: &Path,
        tasks: &Tasks,
        clock: Arc<dyn Clock>,
    ) -> Result<Arc<Self>, sqlite::OpenError> {
        let file = SqliteQueue::open_file(path, SETTING, settings, tasks, clock).await?;
        Ok(Arc::new(Self {
            file,
            max_events: settings.max_events,
            max_bytes: settings.max_bytes.0,
            lock: path.with_extension("db.forward.lock"),
            arrived: Notify::new(),
            closed: CancellationToken::new(),
            forwarding: Mutex::new(()),
        }))
    }

    /// Keeps an entry; `origin` says which append of it the queue may have taken.
    pub(super) async fn keep(
        &self,
        entry: &Entry,
        origin: Option<Origin>,
    ) -> Result<(), AppendError> {
        self.file.keep(entry, &prefix(origin)).await?;
        self.arrived.notify_waiters();
        Ok(())
    }

    /// What the spool knows of itself.
    pub(super) async fn state(&self) -> Result<QueueState, QueueError> {
        self.file.state().await
    }

    /// Whether nothing more fits.
    pub(super) fn full(&self, state: &QueueState) -> bool {
        state.events >= self.max_events || state.bytes >= self.max_bytes
    }

    /// How many events an entry holds that is kept here.
    pub(super) async fn find(&self, entry: EntryId) -> Result<Option<u64>, QueueError> {
        self.file.find(entry).await
    }

    /// The installation's key, as far as it was learnt.
    pub(super) async fn known_key(&self) -> Result<Option<HashKey>, QueueError> {
        let bytes = self.file.note(KEY).await?.and_then(|bytes| bytes.try_into().ok());
        Ok(bytes.map(HashKey::from_bytes))
    }

    /// Takes note of the installation's key, so that a start needs no queue.
    pub(super) async fn learn_key(&self, key: &HashKey) -> Result<(), QueueError> {
        self.file.set_note(KEY, key.expose().to_vec()).await
    }

    /// Hands entries on until [`Spool::close`].
    pub(super) async fn forward(self: Arc<Self>, target: Arc<Target>) {
        let _working = self.forwarding.lock().await;
        forward::Forwarder::new(&self, &target).run().await;
    }

    /// Finishes what is under way and closes the file.
    pub(super) async fn close(&self) {
        self.closed.cancel();
        drop(self.forwarding.lock().await);
        self.file.close().await;
    }

    /// The right to forward, unless another process has it. It ends when the file is dropped.
    fn right(&self) -> std::io::Result<Option<File>> {
        let file = File::options().create(true).truncate(false).write(true).open(&self.lock)?;
        match file.try_lock() {
            Ok(()) => Ok(Some(file)),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }
}

fn prefix(origin: Option<Origin>) -> Vec<u8> {
    let Some(origin) = origin else { return vec![UNSENT] };
    let mut bytes = vec![UNCERTAIN];
    bytes.extend(origin.shard.to_be_bytes());
    bytes.extend(origin.appender.as_bytes());
    bytes.extend(origin.number.to_be_bytes());
    bytes
}

/// Reads what [`prefix`] gives, and what follows it. `None` when neither can be made of it.
fn split(payload: &[u8]) -> Option<(Option<Origin>, &[u8])> {
    let (&kind, rest) = payload.split_first()?;
    if kind == UNSENT {
        return Some((None, rest));
    }
    let (shard, rest) = rest.split_first_chunk()?;
    let (appender, rest) = rest.split_first_chunk()?;
    let (number, rest) = rest.split_first_chunk()?;
    let origin = Origin {
        shard: u32::from_be_bytes(*shard),
        appender: EntryId::from_bytes(*appender),
        number: u64::from_be_bytes(*number),
    };
    (kind == UNCERTAIN).then_some((Some(origin), rest))
}

#[cfg(test)]
mod tests;
