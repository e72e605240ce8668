//! The rows of the file as they are, for the spool, which keeps entries in one on their way to
//! another queue.

use sea_orm::{ConnectionTrait, DbBackend, DbErr, QueryResult, Statement, Value};
use stages::ports::{AppendError, QueueError};
use stages::{Entry, EntryId};

use super::writer::Job;
use super::{SqliteQueue, count, failed, row};

/// A row.
pub(in crate::queue) struct StoredRow {
    /// Its number: later rows have higher ones, and none is used twice.
    pub(in crate::queue) number: u64,
    pub(in crate::queue) id: EntryId,
    /// Duplicates recognised at the door included.
    pub(in crate::queue) events: u64,
    pub(in crate::queue) door_duplicates: u64,
    pub(in crate::queue) received: String,
    pub(in crate::queue) payload: Vec<u8>,
}

impl SqliteQueue {
    /// Appends an entry with something before its payload.
    pub(in crate::queue) async fn keep(
        &self,
        entry: &Entry,
        prefix: &[u8],
    ) -> Result<(), AppendError> {
        let mut row = row(entry)?;
        row.payload.splice(..0, prefix.iter().copied());
        Ok(self.write(|reply| Job::Append(row, reply)).await?)
    }

    /// The oldest rows.
    pub(in crate::queue) async fn oldest(&self, rows: u32) -> Result<Vec<StoredRow>, QueueError> {
        self.after(0, rows).await
    }

    /// The oldest rows after one.
    pub(super) async fn after(&self, number: u64, rows: u32) -> Result<Vec<StoredRow>, QueueError> {
        let sql = "SELECT seq, entry_id, events + door_duplicates, door_duplicates, received_hour, \
             payload FROM waiting WHERE seq > ? ORDER BY seq LIMIT ?";
        let rows = self.read(sql, [number.into(), rows.into()]).await?;
        rows.iter().map(stored).collect::<Result<_, _>>().map_err(failed)
    }

    /// Deletes rows.
    pub(in crate::queue) async fn remove(&self, numbers: &[u64]) -> Result<(), QueueError> {
        let numbers = numbers.iter().filter_map(|&number| i64::try_from(number).ok()).collect();
        Ok(self.write(|reply| Job::Acknowledge(numbers, reply)).await?)
    }

    /// Something small that is kept with the rows.
    pub(in crate::queue) async fn note(&self, name: &str) -> Result<Option<Vec<u8>>, QueueError> {
        let rows = self.read("SELECT value FROM meta WHERE name = ?", [name.into()]).await?;
        rows.first().map(|row| row.try_get_by_index(0)).transpose().map_err(failed)
    }

    /// Keeps something small with the rows.
    pub(in crate::queue) async fn set_note(
        &self,
        name: &str,
        value: Vec<u8>,
    ) -> Result<(), QueueError> {
        let sql = "INSERT INTO meta VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value";
        let values: [Value; 2] = [name.into(), value.into()];
        let set = Statement::from_sql_and_values(DbBackend::Sqlite, sql, values);
        self.reader.execute_raw(set).await.map(drop).map_err(failed)
    }
}

fn stored(row: &QueryResult) -> Result<StoredRow, DbErr> {
    let id: Vec<u8> = row.try_get_by_index(1)?;
    let id = <[u8; 16]>::try_from(id)
        .map_err(|_| DbErr::Custom("an entry's id is not 16 bytes long".to_owned()))?;
    Ok(StoredRow {
        number: count(row, 0)?,
        id: EntryId::from_bytes(id),
        events: count(row, 2)?,
        door_duplicates: count(row, 3)?,
        received: row.try_get_by_index(4)?,
        payload: row.try_get_by_index(5)?,
    })
}
