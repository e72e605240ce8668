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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scanned::{Level, Status};
    use crate::testing::scanned;

    /// What a release wrote before this one, and one will read after it: two events, the second with
    /// everything that an event can have. These bytes change together with [`FORMAT`] only.
    const WRITTEN: &str = "\
        01a0cc3c0109090909090909090909090909090909030206312e32332e300c6765745f666f72656361737400\
        0080c4a0a80d000000000000000000000b312e32332e302d72632e310a6765745f616c657274730102e08ba0\
        a80d010774696d656f757401a41301046e6f61610101010401025553010b6772616e756c617269747906686f\
        75726c79011030313233343536373839616263646566019a010100000000000000000000000000000005";

    fn entry() -> Entry {
        let hour = Hour::from_epoch_hours(496_400);
        let full = scanned("get_alerts")
            .version("1.23.0-rc.1")
            .status(Status::Error)
            .error("timeout")
            .level(Level::Detailed)
            .hour(hour.plus(-1))
            .response_time_ms(1_234)
            .service("noaa")
            .cache_hit(true)
            .retry_count(2)
            .country("US")
            .parameter("granularity", "hourly")
            .session("0123456789abcdef", 77)
            .identity(5);
        Entry {
            id: EntryId::from_bytes([7; 16]),
            received: hour,
            batch_key: Some(BatchKey::from_bytes([9; 16])),
            door_duplicates: 3,
            events: vec![scanned("get_forecast").hour(hour).build(), full.build()],
        }
    }

    #[test]
    fn processes_of_several_releases_understand_each_other() {
        let written: String =
            entry().encode().unwrap().iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(written, WRITTEN);
        let bytes: Vec<u8> = (0..WRITTEN.len())
            .step_by(2)
            .map(|at| u8::from_str_radix(WRITTEN.get(at..at + 2).unwrap(), 16).unwrap())
            .collect();
        assert_eq!(Entry::decode(entry().id, &bytes).unwrap(), entry());
    }

    #[test]
    fn what_a_newer_release_wrote_is_named_and_not_misread() {
        let mut bytes = entry().encode().unwrap();
        bytes[0] = FORMAT + 1;
        let error = Entry::decode(entry().id, &bytes).unwrap_err();
        assert!(matches!(error, DecodeError::UnknownFormat(2)), "{error}");
        assert!(matches!(Entry::decode(entry().id, &[]), Err(DecodeError::Empty)));
        assert!(matches!(Entry::decode(entry().id, &[FORMAT, 1]), Err(DecodeError::Damaged(_))));
    }
}
