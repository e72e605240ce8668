//! How long questions to the rollups take, by name, and a line in the log for each slow one.
//!
//! It stands in front of the store as a source of its own, so that every question is measured,
//! whoever asks it.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use stages::ports::StoreError;
use stages::rollup::Axis;
use stages::sessions::Sessions;
use stages::{Clock, Day};

use super::Metrics;
use crate::stats::Source;
use crate::store::read::{Cell, ErrorCell, Extent, Filter, Question, Range, Sighting};

/// A question that takes longer is worth a line.
const SLOW: Duration = Duration::from_millis(500);

/// Measures the questions to a source.
pub struct Timed {
    source: Arc<dyn Source>,
    metrics: Arc<Metrics>,
    clock: Arc<dyn Clock>,
}

impl Timed {
    /// In front of a source.
    pub fn new(source: Arc<dyn Source>, metrics: Arc<Metrics>, clock: Arc<dyn Clock>) -> Self {
        Self { source, metrics, clock }
    }

    async fn timed<T>(
        &self,
        query: &'static str,
        answer: impl Future<Output = Result<T, StoreError>> + Send,
    ) -> Result<T, StoreError> {
        let started = self.clock.monotonic();
        let answer = answer.await;
        let took = self.clock.monotonic().saturating_sub(started);
        self.metrics.queried(query, answer.is_ok(), took);
        if took >= SLOW {
            let duration_ms = took.as_secs_f64() * 1e3;
            tracing::warn!(query, duration_ms, "the store was slow to answer");
        }
        answer
    }
}

/// The name under which a question is counted: what tells calls apart, beside the tool.
const fn name(question: &Question) -> &'static str {
    match (question.axis, question.grain.is_some()) {
        (Axis::Tool, false) => "calls_by_tool",
        (Axis::Tool, true) => "series_by_tool",
        (Axis::Version, false) => "calls_by_version",
        (Axis::Version, true) => "series_by_version",
        (Axis::Level, false) => "calls_by_level",
        (Axis::Level, true) => "series_by_level",
        (Axis::Service, false) => "calls_by_service",
        (Axis::Service, true) => "series_by_service",
        (Axis::Country, false) => "calls_by_country",
        (Axis::Country, true) => "series_by_country",
        (Axis::ErrorType, false) => "calls_by_error_type",
        (Axis::ErrorType, true) => "series_by_error_type",
    }
}

#[async_trait]
impl Source for Timed {
    async fn cells(&self, question: &Question) -> Result<Vec<Cell>, StoreError> {
        self.timed(name(question), self.source.cells(question)).await
    }

    async fn errors(&self, range: Range, filter: &Filter) -> Result<Vec<ErrorCell>, StoreError> {
        self.timed("errors", self.source.errors(range, filter)).await
    }

    async fn sightings(&self, range: Range, filter: &Filter) -> Result<Vec<Sighting>, StoreError> {
        self.timed("sightings", self.source.sightings(range, filter)).await
    }

    async fn values(
        &self,
        range: Range,
        axis: Axis,
        filter: &Filter,
    ) -> Result<Vec<String>, StoreError> {
        self.timed("values", self.source.values(range, axis, filter)).await
    }

    async fn sessions(&self, from: Day, to: Day) -> Result<Sessions, StoreError> {
        self.timed("sessions", self.source.sessions(from, to)).await
    }

    async fn extent(&self) -> Result<Extent, StoreError> {
        self.timed("extent", self.source.extent()).await
    }

    async fn calls_by_day(&self, from: Day) -> Result<Vec<(Day, u64)>, StoreError> {
        self.timed("calls_by_day", self.source.calls_by_day(from)).await
    }

    fn withholds(&self) -> bool {
        self.source.withholds()
    }
}
