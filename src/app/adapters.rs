//! The store, as HTTP wants to see it.

use async_trait::async_trait;
use stages::ports::StoreError;
use stages::rollup::Axis;
use stages::{EntryId, Hour};

use crate::http::state::{Connections, StoreStatus};
use crate::stats::{Source, Watermark};
use crate::store::read::{AxisCell, ErrorCell, Grain, Range, SeriesCell};
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
    async fn by_axis(
        &self,
        range: Range,
        axis: Axis,
        tool: Option<&str>,
    ) -> Result<Vec<AxisCell>, StoreError> {
        Self::by_axis(self, range, axis, tool).await
    }

    async fn series(
        &self,
        range: Range,
        grain: Grain,
        tool: Option<&str>,
    ) -> Result<Vec<SeriesCell>, StoreError> {
        Self::series(self, range, grain, tool).await
    }

    async fn errors(&self, range: Range, tool: Option<&str>) -> Result<Vec<ErrorCell>, StoreError> {
        Self::errors(self, range, tool).await
    }

    async fn watermark(&self) -> Result<Watermark, StoreError> {
        Ok(Watermark { oldest: self.oldest().await?, last_received: self.last_received().await? })
    }
}
