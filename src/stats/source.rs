//! Where cells come from. A trait, because pages and answers are tested without a database.

use async_trait::async_trait;
use stages::Hour;
use stages::ports::StoreError;
use stages::rollup::Axis;

use crate::store::read::{AxisCell, ErrorCell, Grain, Range, SeriesCell};

/// What the store knows of its own extent.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Watermark {
    /// The oldest hour that any rollup still covers; `None` before the first event.
    pub oldest: Option<Hour>,
    /// The hour in which the newest stored event was received; `None` before the first event.
    pub last_received: Option<Hour>,
}

/// The rollups, as the read side sees them. Every method fails as the store does.
///
/// `tool: None` asks for all tools.
#[async_trait]
pub trait Source: Send + Sync {
    /// Sums over the range by tool, value of the axis, and status.
    async fn by_axis(
        &self,
        range: Range,
        axis: Axis,
        tool: Option<&str>,
    ) -> Result<Vec<AxisCell>, StoreError>;

    /// Sums by bucket, tool and status.
    async fn series(
        &self,
        range: Range,
        grain: Grain,
        tool: Option<&str>,
    ) -> Result<Vec<SeriesCell>, StoreError>;

    /// Errors by tool, version and type.
    async fn errors(&self, range: Range, tool: Option<&str>) -> Result<Vec<ErrorCell>, StoreError>;

    /// What the store knows of its own extent.
    async fn watermark(&self) -> Result<Watermark, StoreError>;
}
