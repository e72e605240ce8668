//! Entries as the server sends them, before anything of them is understood.

use std::collections::HashMap;

use redis::{RedisResult, Value};
use stages::EntryId;

use super::shard::read;

/// An entry as the server sends it.
pub(super) struct Raw {
    pub(super) place: u64,
    pub(super) id: EntryId,
    /// The start of the server, `accepted` after the entry, and the hour.
    marks: String,
    pub(super) payload: Vec<u8>,
}

impl Raw {
    /// The start of the server, `accepted` after the entry, and the hour.
    pub(super) fn marks(&self) -> &str {
        &self.marks
    }

    /// The start of the server, and `accepted` after the entry.
    pub(super) fn evidence(&self) -> Option<(&str, u64)> {
        let mut marks = self.marks.split(' ');
        Some((marks.next()?, marks.next()?.parse().ok()?))
    }
}

/// The answer of XREADGROUP for one stream.
pub(super) fn entries_read(answer: Value) -> RedisResult<Vec<Raw>> {
    if answer == Value::Nil {
        return Ok(Vec::new());
    }
    let streams: Vec<(String, Value)> = read(answer)?;
    let entries = streams.into_iter().map(|(_, raw)| entries(raw));
    Ok(entries.collect::<RedisResult<Vec<_>>>()?.into_iter().flatten().collect())
}

/// A list of entries. One whose parts are not those that this program writes is left alone.
pub(super) fn entries(answer: Value) -> RedisResult<Vec<Raw>> {
    type Fields = HashMap<String, Vec<u8>>;
    let list: Vec<(String, Option<Fields>)> = read(answer)?;
    let entry = |(id, fields): (String, Option<Fields>)| {
        let mut fields = fields?;
        Some(Raw {
            place: id.split('-').next()?.parse().ok()?,
            id: EntryId::from_bytes(fields.remove("i")?.try_into().ok()?),
            marks: String::from_utf8(fields.remove("m")?).ok()?,
            payload: fields.remove("b")?,
        })
    };
    Ok(list.into_iter().filter_map(entry).collect())
}
