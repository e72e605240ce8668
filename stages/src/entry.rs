//! A queue entry: what one accepted request leaves in the queue, and its bytes.
//!
//! The bytes are a format version followed by postcard. A reader refuses versions it does not know,
//! so a worker older than the server leaves newer entries alone instead of misreading them.

use serde::{Deserialize, Serialize};

use crate::hash::{BatchKey, EntryId};
use crate::hour::Hour;
use crate::scanned::{Fields, Scanned};

/// The format that this build writes, and the only one it reads.
pub const FORMAT: u8 = 1;

/// One accepted request.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// Random name; the receipt of the request.
    pub id: EntryId,
    /// The UTC hour in which the request came.
    pub received: Hour,
    /// Identity of the whole batch, when the client sent an `Idempotency-Key`.
    pub batch_key: Option<BatchKey>,
    /// Events that were recognised as duplicates at the door. They are not in `events`, but the
    /// ledger counts them as accepted.
    pub door_duplicates: u32,
    /// The accepted events.
    pub events: Vec<Scanned>,
}

#[derive(Serialize)]
struct WireOut<'a> {
    received: Hour,
    batch_key: Option<BatchKey>,
    door_duplicates: u32,
    events: &'a [Scanned],
}

#[derive(Deserialize)]
struct WireIn {
    received: Hour,
    batch_key: Option<BatchKey>,
    door_duplicates: u32,
    events: Vec<Fields>,
}

/// The bytes are not an entry that this build can read.
#[derive(Debug, thiserror::Error)]
pub enum DecodeError {
    /// Written by a newer release.
    #[error("entry has format {0}; this build reads format {FORMAT}")]
    UnknownFormat(u8),
    /// Damaged.
    #[error("entry is damaged")]
    Damaged(#[source] postcard::Error),
    /// Nothing at all.
    #[error("entry is empty")]
    Empty,
}

impl Entry {
    /// The entry as bytes, without its id: the queue keeps that beside them.
    ///
    /// # Errors
    /// Never for an entry that fits into memory; the codec's signature has an error.
    pub fn encode(&self) -> Result<Vec<u8>, postcard::Error> {
        let wire = WireOut {
            received: self.received,
            batch_key: self.batch_key,
            door_duplicates: self.door_duplicates,
            events: &self.events,
        };
        let mut bytes = Vec::with_capacity(32 + self.events.len() * 64);
        bytes.push(FORMAT);
        postcard::to_extend(&wire, bytes)
    }

    /// Reads an entry back.
    ///
    /// # Errors
    /// See [`DecodeError`].
    pub fn decode(id: EntryId, bytes: &[u8]) -> Result<Self, DecodeError> {
        let (&format, body) = bytes.split_first().ok_or(DecodeError::Empty)?;
        if format != FORMAT {
            return Err(DecodeError::UnknownFormat(format));
        }
        let wire: WireIn = postcard::from_bytes(body).map_err(DecodeError::Damaged)?;
        Ok(Self {
            id,
            received: wire.received,
            batch_key: wire.batch_key,
            door_duplicates: wire.door_duplicates,
            events: wire.events.into_iter().map(Scanned::restore).collect(),
        })
    }
}

/// A dead letter's payload: the scanned event as JSON, readable by people and by [`read_payload`].
///
/// # Errors
/// Never for a scanned event; the codec's signature has an error.
pub fn write_payload(event: &Scanned) -> Result<String, serde_json::Error> {
    serde_json::to_string(event)
}

/// Reads a dead letter's payload back.
///
/// # Errors
/// When the text is not a payload that this or an older build wrote.
pub fn read_payload(text: &str) -> Result<Scanned, serde_json::Error> {
    serde_json::from_str::<Fields>(text).map(Scanned::restore)
}
