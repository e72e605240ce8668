//! A question at a moment, and the reads that answers are made from.
//!
//! Separate from the answers because they share these reads, and from the source because which
//! rollup knows what about errors is decided here.

use std::collections::BTreeMap;

use stages::ports::StoreError;
use stages::rollup::Axis;
use stages::sessions::Count;
use stages::{Hour, Status};

use super::grain::Grain;
use super::query::{BadQuery, Query};
use super::release;
use super::source::Source;
use super::tally::{Tally, tally, total};
use super::window::Window;
use crate::store::read::{Cell, Detail, ErrorCell, Extent, Filter, Question, Range};

/// A question at a moment, and whom it is put to.
pub struct Asked<'s> {
    /// The question.
    pub query: Query,
    /// Its hours.
    pub window: Window,
    /// The hours that they are compared with.
    pub compared: Option<Window>,
    /// How far the rollups reach.
    pub extent: Extent,
    /// The rollups.
    pub source: &'s dyn Source,
}

/// Failed calls of one tool and kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// Tool.
    pub tool: String,
    /// Error type.
    pub error_type: String,
    /// Calls.
    pub count: u64,
}

impl<'s> Asked<'s> {
    /// A question at a moment.
    ///
    /// # Errors
    /// When hours are asked for that are no longer told apart, or the source withholds what the filter
    /// asks for.
    pub fn new(
        query: Query,
        source: &'s dyn Source,
        extent: Extent,
        now: Hour,
    ) -> Result<Self, BadQuery> {
        let window = query.window(now, extent.oldest)?;
        let compared = query.compare.map(|with| window.compared(with)).transpose()?;
        Self { query, window, compared, extent, source }.told_apart_by(Axis::Tool)
    }

    /// The same question, whose calls are told apart by an axis. Where small cells are withheld,
    /// buckets are days then, unless the question says otherwise.
    ///
    /// # Errors
    /// When the source withholds what this would show.
    pub fn told_apart_by(mut self, axis: Axis) -> Result<Self, BadQuery> {
        let filter = &self.query.filter;
        if self.source.withholds() && release::concerns(filter, axis) {
            release::check(filter, axis, &self.window, self.query.group == Some(Grain::Hour))?;
            for window in [Some(&mut self.window), self.compared.as_mut()].into_iter().flatten() {
                window.grain = if window.grain == Grain::Hour { Grain::Day } else { window.grain };
            }
        }
        Ok(self)
    }

    /// Calls of the whole window by value and status, and by tool where these are their own or kinds of
    /// error.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn cells(&self, axis: Axis, detail: Detail) -> Result<Vec<Cell>, StoreError> {
        self.cells_of(self.window.range, axis, detail).await
    }

    /// The same of the hours that are compared with; nothing when none are.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn cells_before(&self, axis: Axis, detail: Detail) -> Result<Vec<Cell>, StoreError> {
        match &self.compared {
            Some(compared) => self.cells_of(compared.range, axis, detail).await,
            None => Ok(Vec::new()),
        }
    }

    async fn cells_of(
        &self,
        range: Range,
        axis: Axis,
        detail: Detail,
    ) -> Result<Vec<Cell>, StoreError> {
        let filter = self.query.filter.clone();
        let by_tool = by_tool_too(axis);
        self.source.cells(&Question { range, grain: None, axis, by_tool, filter, detail }).await
    }

    /// Calls by bucket, in the store's grain for a window.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn series(
        &self,
        window: &Window,
        axis: Axis,
        detail: Detail,
    ) -> Result<Vec<Cell>, StoreError> {
        self.series_by(window, axis, by_tool_too(axis), detail).await
    }

    /// The same, by tool too on every axis.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn series_of_tools(
        &self,
        window: &Window,
        axis: Axis,
        detail: Detail,
    ) -> Result<Vec<Cell>, StoreError> {
        self.series_by(window, axis, true, detail).await
    }

    async fn series_by(
        &self,
        window: &Window,
        axis: Axis,
        by_tool: bool,
        detail: Detail,
    ) -> Result<Vec<Cell>, StoreError> {
        let (filter, grain) = (self.query.filter.clone(), Some(window.grain.stored()));
        let range = window.range;
        self.source.cells(&Question { range, grain, axis, by_tool, filter, detail }).await
    }

    /// How many versions calls carried.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn unique_versions(&self) -> Result<usize, StoreError> {
        let (range, filter) = (self.window.range, &self.query.filter);
        Ok(self.source.values(range, Axis::Version, filter).await?.len())
    }

    /// How many sessions calls came from. `None` when no call named one, and when it is not known:
    /// sessions are counted by whole days, today as far as it has come, and under no filter.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn sessions(&self) -> Result<Option<Count>, StoreError> {
        let Range { from, to } = self.window.range;
        let whole = |hour: Hour| hour == hour.day().start();
        let of_days = whole(from) && (whole(to) || to > self.window.now);
        if !of_days || to <= from || self.query.filter != Filter::NONE {
            return Ok(None);
        }
        let sessions = self.source.sessions(from.day(), to.plus(-1).day().plus(1)).await?;
        Ok((!sessions.is_empty()).then(|| sessions.count()))
    }

    /// Failed calls of a range by tool and kind. Empty when the rollups do not know: error types are
    /// counted by tool and version, and by nothing else.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn failures(&self, range: Range) -> Result<Vec<Failure>, StoreError> {
        let filter = &self.query.filter;
        if !self.knows_errors() || filter.status == Some(Status::Success) {
            return Ok(Vec::new());
        }
        if filter.version.is_some() {
            let cells = self.source.errors(range, filter).await?;
            let failure = |cell: ErrorCell| Failure {
                tool: cell.tool,
                error_type: cell.error_type,
                count: cell.count,
            };
            return Ok(cells.into_iter().map(failure).collect());
        }
        let cells = self.cells_of(range, Axis::ErrorType, Detail::Calls).await?;
        let failure = |cell: Cell| Failure {
            tool: cell.tool,
            error_type: cell.value,
            count: cell.measures.calls,
        };
        Ok(cells.into_iter().map(failure).collect())
    }

    /// Whether errors can be told apart under this filter.
    pub fn knows_errors(&self) -> bool {
        let Filter { country, service, level, .. } = &self.query.filter;
        country.is_none() && service.is_none() && level.is_none()
    }
}

/// Whether answers by an axis tell tools apart as well.
fn by_tool_too(axis: Axis) -> bool {
    matches!(axis, Axis::Tool | Axis::ErrorType)
}

/// Cells by tool.
pub fn by_tool(cells: &[Cell]) -> BTreeMap<&str, Tally> {
    tally(cells.iter().map(|cell| (cell.tool.as_str(), cell.status, &cell.measures)))
}

/// Cells by value of their axis, without those of events that carried none.
pub fn by_value(cells: &[Cell]) -> impl Iterator<Item = (&str, Status, &stages::rollup::Measures)> {
    let named = cells.iter().filter(|cell| !cell.value.is_empty());
    named.map(|cell| (cell.value.as_str(), cell.status, &cell.measures))
}

/// All cells together.
pub fn sum(cells: &[Cell]) -> Tally {
    total(tally(cells.iter().map(|cell| ((), cell.status, &cell.measures))).values())
}
