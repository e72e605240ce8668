//! Whether the reads of one answer found anything.
//!
//! A source in front of the source, because whatever an endpoint asks, the question whether its
//! filter names anything is the same.

use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use stages::Day;
use stages::ports::StoreError;
use stages::rollup::Axis;
use stages::sessions::Sessions;

use crate::stats::Source;
use crate::store::read::{Cell, ErrorCell, Extent, Filter, Question, Range, Sighting};

/// Watches what a source gives.
pub(crate) struct Watched<'s> {
    source: &'s dyn Source,
    found: AtomicBool,
}

impl<'s> Watched<'s> {
    pub(crate) fn new(source: &'s dyn Source) -> Self {
        Self { source, found: AtomicBool::new(false) }
    }

    /// Whether any question had a cell for an answer.
    pub(crate) fn has_found(&self) -> bool {
        self.found.load(Ordering::Relaxed)
    }

    fn note<T>(&self, cells: Vec<T>) -> Vec<T> {
        self.found.fetch_or(!cells.is_empty(), Ordering::Relaxed);
        cells
    }
}

#[async_trait]
impl Source for Watched<'_> {
    async fn cells(&self, question: &Question) -> Result<Vec<Cell>, StoreError> {
        self.source.cells(question).await.map(|cells| self.note(cells))
    }

    async fn errors(&self, range: Range, filter: &Filter) -> Result<Vec<ErrorCell>, StoreError> {
        self.source.errors(range, filter).await.map(|cells| self.note(cells))
    }

    async fn sightings(&self, range: Range, filter: &Filter) -> Result<Vec<Sighting>, StoreError> {
        self.source.sightings(range, filter).await.map(|seen| self.note(seen))
    }

    async fn values(
        &self,
        range: Range,
        axis: Axis,
        filter: &Filter,
    ) -> Result<Vec<String>, StoreError> {
        self.source.values(range, axis, filter).await
    }

    async fn sessions(&self, from: Day, to: Day) -> Result<Sessions, StoreError> {
        self.source.sessions(from, to).await
    }

    async fn extent(&self) -> Result<Extent, StoreError> {
        self.source.extent().await
    }

    async fn calls_by_day(&self, from: Day) -> Result<Vec<(Day, u64)>, StoreError> {
        self.source.calls_by_day(from).await
    }

    fn withholds(&self) -> bool {
        self.source.withholds()
    }
}
