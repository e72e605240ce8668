//! The release rule: what a public installation tells of countries, versions, services and error
//! types when `privacy.min_cell` is above 1.
//!
//! A cell is a UTC date, a tool and one value of one of these dimensions. An hour after the date is
//! over it is decided once which of its cells are released: those with `min_cell` calls from
//! `min_cell` batches. Every other call is one of [`OTHER`]: of cells that are too small, of the date
//! that is not over, and late ones. A released cell never changes again, so two answers about it,
//! whenever they were asked for, differ by other released cells or not at all.
//!
//! Sessions are released by the day, when there are `min_cell` of them.
//!
//! What has no name can be subtracted without learning one: `other` is always the total of the tool,
//! which is public, less what is released.

use std::collections::BTreeMap;

use async_trait::async_trait;
use stages::ports::StoreError;
use stages::rollup::{Axis, Measures};
use stages::sessions::Sessions;
use stages::{Day, Hour, Status};

use super::query::BadQuery;
use super::source::Source;
use super::window::Window;
use crate::store::read::{
    Cell, Detail, ErrorCell, Extent, Filter, Grain, Question, Range, Sighting,
};

/// The dimensions that small cells of may tell of a person.
pub const SENSITIVE: [Axis; 4] = [Axis::Country, Axis::Version, Axis::Service, Axis::ErrorType];
/// The value of everything that is not released.
pub const OTHER: &str = "other";

const ONE_DIMENSION: &str = "ask by one of `country`, `version`, `service` and error type at a time: \
     this server does not show small groups, and two of them together make small ones";
const WITHOUT_LEVEL: &str = "leave out `level`, or else `country`, `version`, `service` and error type: \
     this server does not show small groups, and both together make small ones";
const WHOLE_DAYS: &str = "`country`, `version`, `service` and error type are told by whole days here: ask \
     for dates, such as `period=7d`, and not for hours";

/// Rollups that also know which cells are released.
#[async_trait]
pub trait Releases: Source {
    /// Released cells of the whole days of a question's range, by its one sensitive dimension, in
    /// the order of bucket, tool, value and status.
    async fn released(&self, question: &Question) -> Result<Vec<Cell>, StoreError>;

    /// Released sessions of the days from `from` up to but without `to`.
    async fn released_sessions(&self, from: Day, to: Day) -> Result<Sessions, StoreError>;
}

/// Rollups as the public sees them: sums of released cells, and `other`.
pub struct Published<S>(pub S);

/// Which dimensions of a question are sensitive.
fn sensitive(filter: &Filter, axis: Axis) -> impl Iterator<Item = Axis> {
    let asked = move |it: &Axis| *it == axis || filter.on(*it).is_some();
    SENSITIVE.into_iter().filter(asked)
}

/// Refuses what no sum of released cells answers: calls under a filter, told apart by an axis, over a
/// window whose buckets are `hourly` at the request of the user.
///
/// # Errors
/// [`BadQuery::Together`].
pub(super) fn check(
    filter: &Filter,
    axis: Axis,
    window: &Window,
    hourly: bool,
) -> Result<(), BadQuery> {
    let whole = |hour: Hour| hour == hour.day().start();
    let Range { from, to } = window.range;
    if sensitive(filter, axis).count() > 1 {
        Err(BadQuery::Together(ONE_DIMENSION))
    } else if filter.level.is_some() || axis == Axis::Level {
        Err(BadQuery::Together(WITHOUT_LEVEL))
    } else if hourly || !whole(from) || !(whole(to) || to > window.now) {
        Err(BadQuery::Together(WHOLE_DAYS))
    } else {
        Ok(())
    }
}

/// Whether a question is about a sensitive dimension at all.
pub(super) fn concerns(filter: &Filter, axis: Axis) -> bool {
    sensitive(filter, axis).next().is_some()
}

impl<S: Releases> Published<S> {
    /// Calls by a sensitive dimension: what is released, and the rest of each tool.
    async fn by_value(&self, question: &Question) -> Result<Vec<Cell>, StoreError> {
        let whole = Question {
            // Calls that failed without a type are no cell of that axis, so its whole is less.
            axis: if question.axis == Axis::ErrorType { Axis::ErrorType } else { Axis::Tool },
            detail: question.detail.min(Detail::Sums),
            ..question.clone()
        };
        let whole = self.0.cells(&whole).await?;
        let released = if question.grain == Some(Grain::Hour) || question.filter.level.is_some() {
            Vec::new()
        } else {
            self.0.released(question).await?
        };
        Ok(with_rest(&whole, released))
    }

    /// Calls that have a value of a sensitive dimension, told apart by nothing else.
    async fn of_value(&self, question: &Question, axis: Axis) -> Result<Vec<Cell>, StoreError> {
        let hourly = question.grain == Some(Grain::Hour);
        if hourly || question.filter.level.is_some() || question.axis == Axis::ErrorType {
            return Ok(Vec::new());
        }
        let by_value = Question { axis, ..question.clone() };
        let mut cells = if question.filter.on(axis) == Some(OTHER) {
            let filter = without(&question.filter, axis);
            let mut all = self.by_value(&Question { filter, ..by_value }).await?;
            all.retain(|cell| cell.value == OTHER);
            all
        } else {
            self.0.released(&by_value).await?
        };
        for cell in &mut cells {
            match question.axis {
                Axis::Tool => cell.value.clear(),
                other if other != axis => OTHER.clone_into(&mut cell.value),
                _ => {}
            }
        }
        Ok(cells)
    }
}

fn without(filter: &Filter, axis: Axis) -> Filter {
    let mut filter = filter.clone();
    match axis {
        Axis::Version => filter.version = None,
        Axis::Country => filter.country = None,
        Axis::Service => filter.service = None,
        Axis::Tool | Axis::Level | Axis::ErrorType => {}
    }
    filter
}

/// Released cells, and what is left of the whole without them.
fn with_rest(whole: &[Cell], released: Vec<Cell>) -> Vec<Cell> {
    let mut rest = BTreeMap::<(Hour, &str, Status), Measures>::new();
    for cell in whole {
        rest.entry((cell.bucket, &cell.tool, cell.status))
            .or_default()
            .merge(&sums(&cell.measures));
    }
    for cell in &released {
        if let Some(rest) = rest.get_mut(&(cell.bucket, &cell.tool, cell.status)) {
            subtract(rest, &cell.measures);
        }
    }
    let rest = rest.into_iter().filter(|(_, measures)| measures.calls > 0);
    let rest = rest.map(|((bucket, tool, status), measures)| Cell {
        bucket,
        tool: tool.to_owned(),
        value: OTHER.to_owned(),
        status,
        measures,
    });
    let mut cells: Vec<Cell> = rest.collect();
    cells.extend(released);
    let key = |c: &Cell| (c.bucket, c.tool.clone(), c.value.clone(), c.status);
    cells.sort_by_cached_key(key);
    cells
}

/// What can be subtracted: bounds and distributions cannot.
fn sums(measures: &Measures) -> Measures {
    let (time_min, time_max, times) = Default::default();
    Measures { time_min, time_max, times, ..measures.clone() }
}

/// Takes the sums of a part away.
fn subtract(whole: &mut Measures, part: &Measures) {
    for (whole, part) in [
        (&mut whole.calls, part.calls),
        (&mut whole.batches, part.batches),
        (&mut whole.cache_hits, part.cache_hits),
        (&mut whole.cache_misses, part.cache_misses),
        (&mut whole.retries, part.retries),
        (&mut whole.retry_events, part.retry_events),
        (&mut whole.time_sum, part.time_sum),
        (&mut whole.time_count, part.time_count),
    ] {
        *whole = whole.saturating_sub(part);
    }
}

#[async_trait]
impl<S: Releases> Source for Published<S> {
    async fn cells(&self, question: &Question) -> Result<Vec<Cell>, StoreError> {
        let mut filtered = SENSITIVE.into_iter().filter(|it| question.filter.on(*it).is_some());
        match (filtered.next(), filtered.next()) {
            (None, _) if SENSITIVE.contains(&question.axis) => self.by_value(question).await,
            (None, _) => self.0.cells(question).await,
            (Some(axis), None) => self.of_value(question, axis).await,
            (Some(_), Some(_)) => Ok(Vec::new()),
        }
    }

    /// The summary has two sensitive dimensions, by the hour: none of it is released.
    async fn errors(&self, _: Range, _: &Filter) -> Result<Vec<ErrorCell>, StoreError> {
        Ok(Vec::new())
    }

    /// Nor is this, for the same reason.
    async fn sightings(&self, _: Range, _: &Filter) -> Result<Vec<Sighting>, StoreError> {
        Ok(Vec::new())
    }

    async fn values(
        &self,
        range: Range,
        axis: Axis,
        filter: &Filter,
    ) -> Result<Vec<String>, StoreError> {
        if !concerns(filter, axis) {
            return self.0.values(range, axis, filter).await;
        }
        let (filter, detail) = (filter.clone(), Detail::Calls);
        let by_tool = axis == Axis::Tool;
        let question = Question { range, grain: None, axis, by_tool, filter, detail };
        let cells = self.cells(&question).await?;
        let named = |cell: Cell| if axis == Axis::Tool { cell.tool } else { cell.value };
        let mut values: Vec<_> = cells.into_iter().map(named).collect();
        values.retain(|value| !value.is_empty());
        values.sort_unstable();
        values.dedup();
        Ok(values)
    }

    async fn sessions(&self, from: Day, to: Day) -> Result<Sessions, StoreError> {
        self.0.released_sessions(from, to).await
    }

    async fn extent(&self) -> Result<Extent, StoreError> {
        self.0.extent().await
    }

    async fn calls_by_day(&self, from: Day) -> Result<Vec<(Day, u64)>, StoreError> {
        self.0.calls_by_day(from).await
    }

    fn withholds(&self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests;
