//! The store, as HTTP wants to see it.

use async_trait::async_trait;
use stages::ports::StoreError;
use stages::rollup::Axis;
use stages::sessions::Sessions;
use stages::{Day, EntryId, Hour};

use crate::http::state::{Connections, StoreStatus};
use crate::stats::Source;
use crate::stats::release::Releases;
use crate::store::read::{Cell, ErrorCell, Extent, Filter, Question, Range, Sighting};
use crate::store::{Database, Receipt, Totals};

#[async_trait]
impl StoreStatus for Database {
    async fn ledger(&self) -> Result<Totals, StoreError> {
        Self::ledger(self).await
    }

    async fn receipt(&self, entry: EntryId) -> Result<Option<Receipt>, StoreError> {
        Self::receipt(self, entry).await
    }

    async fn last_received(&self) -> Result<Option<Hour>, StoreError> {
        Self::last_received(self).await
    }

    async fn ping(&self) -> Result<(), StoreError> {
        Self::ping(self).await
    }

    fn connections(&self) -> Option<Connections> {
        let pool = self.pool_numbers();
        // The driver does not tell how many callers wait.
        Some(Connections { total: pool.total.into(), idle: pool.idle.into(), waiting: 0 })
    }
}

#[async_trait]
impl Source for Database {
    async fn cells(&self, question: &Question) -> Result<Vec<Cell>, StoreError> {
        Self::cells(self, question).await
    }

    async fn errors(&self, range: Range, filter: &Filter) -> Result<Vec<ErrorCell>, StoreError> {
        Self::errors(self, range, filter).await
    }

    async fn sightings(&self, range: Range, filter: &Filter) -> Result<Vec<Sighting>, StoreError> {
        Self::sightings(self, range, filter).await
    }

    async fn values(
        &self,
        range: Range,
        axis: Axis,
        filter: &Filter,
    ) -> Result<Vec<String>, StoreError> {
        Self::values(self, range, axis, filter).await
    }

    async fn sessions(&self, from: Day, to: Day) -> Result<Sessions, StoreError> {
        Self::sessions(self, from, to).await
    }

    async fn extent(&self) -> Result<Extent, StoreError> {
        Self::extent(self).await
    }

    async fn calls_by_day(&self, from: Day) -> Result<Vec<(Day, u64)>, StoreError> {
        Self::calls_by_day(self, from).await
    }

    fn withholds(&self) -> bool {
        false
    }
}

#[async_trait]
impl Releases for Database {
    async fn released(&self, question: &Question) -> Result<Vec<Cell>, StoreError> {
        Self::released(self, question).await
    }

    async fn released_sessions(&self, from: Day, to: Day) -> Result<Sessions, StoreError> {
        Self::released_sessions(self, from, to).await
    }
}
