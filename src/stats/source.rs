//! Where cells come from. A trait, because pages and answers are tested without a database, and
//! because what may be published is decided by what stands before the store: every number that any
//! answer shows is a sum of cells that came through here.

use async_trait::async_trait;
use stages::Day;
use stages::ports::StoreError;
use stages::rollup::Axis;
use stages::sessions::Sessions;

use crate::store::read::{Cell, ErrorCell, Extent, Filter, Question, Range, Sighting};

/// The rollups, as the read side sees them. Every method is one statement and fails as the store
/// does.
#[async_trait]
pub trait Source: Send + Sync {
    /// Calls, in the order of bucket, tool, value and status.
    async fn cells(&self, question: &Question) -> Result<Vec<Cell>, StoreError>;

    /// Errors by tool, version and type. Of the filter, tool and version are looked at.
    async fn errors(&self, range: Range, filter: &Filter) -> Result<Vec<ErrorCell>, StoreError>;

    /// When errors of each version and type were seen. Of the filter, tool and version are looked at.
    async fn sightings(&self, range: Range, filter: &Filter) -> Result<Vec<Sighting>, StoreError>;

    /// The values that calls of a range carried on an axis, in order.
    async fn values(
        &self,
        range: Range,
        axis: Axis,
        filter: &Filter,
    ) -> Result<Vec<String>, StoreError>;

    /// Sessions of the days from `from` up to but without `to`.
    async fn sessions(&self, from: Day, to: Day) -> Result<Sessions, StoreError>;

    /// What the store knows of its own extent.
    async fn extent(&self) -> Result<Extent, StoreError>;

    /// Calls by day from a day on.
    async fn calls_by_day(&self, from: Day) -> Result<Vec<(Day, u64)>, StoreError>;

    /// Whether small cells are withheld, so that some questions have no answer; see
    /// [`release`](super::release).
    fn withholds(&self) -> bool;
}
