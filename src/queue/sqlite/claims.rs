//! Who holds which entry. One process drains a queue at a time, so claims live in its memory: when
//! it dies they are gone, and the operating system passes its lock on in the same instant.

use std::collections::{HashMap, HashSet};
use std::fs::{File, TryLockError};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use sea_orm::{ConnectionTrait, DatabaseConnection, DbBackend, QueryResult, Statement};
use stages::ports::{Cause, QueueError};
use stages::{Entry, EntryId};
use tokio::sync::{Mutex, Notify};
use tokio::time::{Instant, timeout};

/// How often a waiting claim looks for entries of other processes, and for their end. Appends of
/// this process wake it at once.
const POLL: Duration = Duration::from_millis(100);

/// Entries from the first after `?` on, until they hold `?` events. The inner query reads the
/// short columns only and stops at its limit, however long the queue is.
const NEXT: &str = "
SELECT seq, entry_id, payload FROM waiting
WHERE seq > ?1 AND seq <= (
    SELECT max(seq) FROM (
        SELECT seq, sum(events) OVER (ORDER BY seq ROWS UNBOUNDED PRECEDING) - events AS before
        FROM waiting WHERE seq > ?1 ORDER BY seq LIMIT ?2
    ) WHERE before < ?2
)
ORDER BY seq";

/// The claims of this process.
pub(super) struct Claims {
    reader: DatabaseConnection,
    /// Told of appends and of released claims.
    changed: Arc<Notify>,
    state: Mutex<State>,
}

struct State {
    right: Right,
    /// Everything up to this number was claimed, acknowledged or unreadable once.
    cursor: i64,
    /// Number of each claimed entry.
    claimed: HashMap<EntryId, i64>,
    /// Entries that were reported as unreadable.
    unreadable: HashSet<EntryId>,
}

/// The right to drain the queue.
enum Right {
    /// Nobody else can reach the queue.
    Exclusive,
    /// To be asked for.
    Wanted { path: PathBuf, told: bool },
    /// Held as long as the file is open.
    Held(PathBuf, #[expect(dead_code, reason = "its lock ends when it is dropped")] File),
}

impl Claims {
    /// No claims. The right to drain is the lock on `lock_path`; without one it is given.
    pub(super) fn new(
        reader: DatabaseConnection,
        changed: Arc<Notify>,
        lock_path: Option<PathBuf>,
    ) -> Self {
        let right = lock_path.map_or(Right::Exclusive, |path| Right::Wanted { path, told: false });
        let state = State { right, cursor: 0, claimed: HashMap::new(), unreadable: HashSet::new() };
        Self { reader, changed, state: Mutex::new(state) }
    }

    /// See [`stages::ports::Consume::claim`].
    pub(super) async fn claim(
        &self,
        max_events: usize,
        patience: Duration,
    ) -> Result<Vec<Entry>, QueueError> {
        let max_events = i64::try_from(max_events).unwrap_or(i64::MAX).max(1);
        // A patience beyond all clocks never ends.
        let deadline = Instant::now().checked_add(patience);
        loop {
            let changed = self.changed.notified();
            tokio::pin!(changed);
            // From here on no append is missed, also one that comes while this looks.
            changed.as_mut().enable();
            let entries = self.try_claim(max_events).await.map_err(QueueError)?;
            let left = deadline.map_or(POLL, |end| end.saturating_duration_since(Instant::now()));
            if !entries.is_empty() || left.is_zero() {
                return Ok(entries);
            }
            timeout(POLL.min(left), changed).await.ok();
        }
    }

    async fn try_claim(&self, max_events: i64) -> Result<Vec<Entry>, Cause> {
        // Held over the query: what is acknowledged meanwhile stays claimed until it is read.
        let mut state = self.state.lock().await;
        if !state.right.obtain()? {
            return Ok(Vec::new());
        }
        loop {
            let statement = Statement::from_sql_and_values(
                DbBackend::Sqlite,
                NEXT,
                [state.cursor.into(), max_events.into()],
            );
            let rows = self.reader.query_all_raw(statement).await?;
            let found = !rows.is_empty();
            let mut entries = Vec::with_capacity(rows.len());
            for row in rows {
                entries.extend(state.take(&row)?);
            }
            if !entries.is_empty() || !found {
                return Ok(entries);
            }
        }
    }

    /// The numbers of claimed entries; others are left out.
    pub(super) async fn numbers(&self, entries: &[EntryId]) -> Vec<i64> {
        let state = self.state.lock().await;
        entries.iter().filter_map(|entry| state.claimed.get(entry).copied()).collect()
    }

    /// Forgets claims of entries that are gone.
    pub(super) async fn forget(&self, entries: &[EntryId]) {
        let mut state = self.state.lock().await;
        for entry in entries {
            state.claimed.remove(entry);
        }
    }

    /// Gives claimed entries back.
    pub(super) async fn release(&self, entries: &[EntryId]) {
        let mut state = self.state.lock().await;
        for entry in entries {
            if let Some(number) = state.claimed.remove(entry) {
                state.cursor = state.cursor.min(number - 1);
            }
        }
        self.changed.notify_waiters();
    }

    /// Gives the right to drain, and all claims, back.
    pub(super) async fn end(&self) {
        let mut state = self.state.lock().await;
        state.right.give_back();
        state.claimed.clear();
        state.cursor = 0;
        self.changed.notify_waiters();
    }
}

impl State {
    /// Claims the entry in a row, unless it is claimed already or cannot be read.
    fn take(&mut self, row: &QueryResult) -> Result<Option<Entry>, Cause> {
        let number: i64 = row.try_get_by_index(0)?;
        let id: Vec<u8> = row.try_get_by_index(1)?;
        let id = <[u8; 16]>::try_from(id).map_err(|_| "an entry's id is not 16 bytes long")?;
        let id = EntryId::from_bytes(id);
        let payload: Vec<u8> = row.try_get_by_index(2)?;
        self.cursor = self.cursor.max(number);
        if self.claimed.contains_key(&id) {
            return Ok(None);
        }
        match Entry::decode(id, &payload) {
            Ok(entry) => {
                self.claimed.insert(id, number);
                Ok(Some(entry))
            }
            Err(error) => {
                if self.unreadable.insert(id) {
                    tracing::error!(entry = %id, %error, "left in the queue: cannot be read");
                }
                Ok(None)
            }
        }
    }
}

impl Right {
    /// Whether this process may drain; asks for the right when it does not hold it.
    fn obtain(&mut self) -> Result<bool, Cause> {
        let Self::Wanted { path, told } = self else { return Ok(true) };
        let file = File::options().create(true).truncate(false).write(true).open(&*path)?;
        match file.try_lock() {
            Ok(()) => {
                *self = Self::Held(std::mem::take(path), file);
                Ok(true)
            }
            Err(TryLockError::WouldBlock) => {
                if !*told {
                    tracing::info!("another process drains the queue; this one stands by");
                }
                *told = true;
                Ok(false)
            }
            Err(TryLockError::Error(error)) => Err(error.into()),
        }
    }

    fn give_back(&mut self) {
        if let Self::Held(path, _) = self {
            *self = Self::Wanted { path: std::mem::take(path), told: false };
        }
    }
}
