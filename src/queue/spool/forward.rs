//! The task that hands rows of the spool on.

use std::collections::HashMap;
use std::fs::File;
use std::time::Duration;

use stages::EntryId;
use stages::ports::{Cause, QueueError};

use super::{SENDER, Spool, split};
use crate::queue::redis::{Row, Target};
use crate::queue::sqlite::StoredRow;
use crate::worker::{error_chain, retry_delays};

/// Most rows in a round.
const ROWS: u32 = 500;
/// How often to look for rows and rights of other processes.
const LOOK: Duration = Duration::from_secs(1);

pub(super) struct Forwarder<'a> {
    spool: &'a Spool,
    target: &'a Target,
    /// The right to forward, and the name under which rows go on.
    held: Option<(File, EntryId)>,
}

/// What a round came to.
#[derive(PartialEq, Eq)]
enum Round {
    /// There may be more.
    Moved,
    /// There is nothing, or another process forwards.
    Idle,
    /// The queue is full.
    Full,
}

impl<'a> Forwarder<'a> {
    pub(super) fn new(spool: &'a Spool, target: &'a Target) -> Self {
        Self { spool, target, held: None }
    }

    pub(super) async fn run(mut self) {
        let mut delays = retry_delays();
        loop {
            let arrived = self.spool.arrived.notified();
            tokio::pin!(arrived);
            arrived.as_mut().enable();
            tokio::select! {
                () = self.target.link.up() => {}
                () = self.spool.closed.cancelled() => return,
            }
            let pause = match self.round().await {
                Ok(Round::Moved) => {
                    delays = retry_delays();
                    continue;
                }
                Ok(Round::Idle) => LOOK,
                Ok(Round::Full) => delays.next().unwrap_or(LOOK),
                Err(error) => {
                    tracing::warn!(
                        error = error_chain(&error),
                        "the spool cannot be handed on yet"
                    );
                    delays.next().unwrap_or(LOOK)
                }
            };
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = arrived => {}
                () = self.spool.closed.cancelled() => return,
            }
        }
    }

    async fn round(&mut self) -> Result<Round, QueueError> {
        let rows = self.spool.file.oldest(ROWS).await?;
        if rows.is_empty() {
            return Ok(Round::Idle);
        }
        let Some(sender) = self.sender().await? else { return Ok(Round::Idle) };
        // Others may have handed on what was read before the right was had.
        let rows = self.spool.file.oldest(ROWS).await?;
        let count = rows.len();
        let mut done = Vec::with_capacity(count);
        let mut to_send: HashMap<u32, Vec<(u64, Row)>> = HashMap::new();
        let mut closed = HashMap::new();
        for row in rows {
            let Some((origin, payload)) = split(&row.payload) else {
                tracing::error!(entry = %row.id, "left in the spool: cannot be read");
                continue;
            };
            if let Some(origin) = origin {
                let key = (origin.shard, origin.appender);
                let taken = match closed.get(&key) {
                    Some(taken) => *taken,
                    None => {
                        self.target.close(origin.shard, origin.appender).await.map_err(failed)?
                    }
                };
                closed.insert(key, taken);
                if origin.number <= taken {
                    done.push(row.number);
                    continue;
                }
            }
            let shard = self.target.shard_of(row.id);
            to_send.entry(shard).or_default().push((row.number, to_row(&row, payload)));
        }
        let mut full = false;
        for (shard, rows) in to_send {
            let taken = self.target.append(shard, sender, &rows).await.map_err(failed)?;
            full |= taken.contains(&false);
            done.extend(rows.iter().zip(taken).filter(|(_, taken)| *taken).map(|((n, _), _)| *n));
        }
        let moved = !done.is_empty();
        self.spool.file.remove(&done).await?;
        Ok(match (full, moved) {
            (true, _) => Round::Full,
            (false, true) => Round::Moved,
            (false, false) => Round::Idle,
        })
    }

    /// The name under which rows go on, once this process has the right to forward. Whoever had it
    /// before may have died with rows on their way: they are looked for, and kept out if late.
    async fn sender(&mut self) -> Result<Option<EntryId>, QueueError> {
        if let Some((_, sender)) = &self.held {
            return Ok(Some(*sender));
        }
        let Some(right) = self.spool.right().map_err(failed)? else { return Ok(None) };
        if let Some(note) = self.spool.file.note(SENDER).await? {
            self.settle(&note).await?;
        }
        let sender = EntryId::random().map_err(failed)?;
        let mut note = sender.as_bytes().to_vec();
        note.extend(self.target.shards().to_be_bytes());
        self.spool.file.set_note(SENDER, note).await?;
        self.held = Some((right, sender));
        Ok(Some(sender))
    }

    /// Removes the rows that an earlier sender has handed on.
    async fn settle(&self, note: &[u8]) -> Result<(), QueueError> {
        let Some((sender, shards)) = note.split_first_chunk() else { return Ok(()) };
        let sender = EntryId::from_bytes(*sender);
        let shards = shards.try_into().map_or(1, u32::from_be_bytes);
        let mut taken = Vec::new();
        for shard in 0..shards {
            taken.push(self.target.close(shard, sender).await.map_err(failed)?);
        }
        // All that it may have sent is among the oldest.
        let rows = self.spool.file.oldest(ROWS).await?;
        let sent = rows.iter().filter(|row| split(&row.payload).is_some()).filter(|row| {
            let shard = crate::queue::redis::shard_of(row.id, shards);
            taken.get(shard as usize).is_some_and(|taken| row.number <= *taken)
        });
        let sent: Vec<_> = sent.map(|row| row.number).collect();
        self.spool.file.remove(&sent).await
    }
}

fn to_row(row: &StoredRow, payload: &[u8]) -> Row {
    Row {
        id: row.id,
        events: row.events,
        door_duplicates: row.door_duplicates,
        received: row.received.clone(),
        payload: payload.to_vec(),
    }
}

fn failed(error: impl Into<Cause>) -> QueueError {
    QueueError(error.into())
}
