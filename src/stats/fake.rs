//! Rollups that are added up from a list of calls at every question; for tests.

use std::collections::BTreeMap;

use async_trait::async_trait;
use stages::ports::StoreError;
use stages::rollup::{Axis, Measures};
use stages::{Hour, Status};

use super::{Source, Watermark};
use crate::store::read::{AxisCell, ErrorCell, Grain, Range, SeriesCell};

/// One call, as it was reported.
#[derive(Debug, Clone, Default)]
pub(crate) struct Call {
    /// `2026-08-20T14`
    pub(crate) hour: &'static str,
    pub(crate) tool: &'static str,
    pub(crate) version: &'static str,
    pub(crate) failed: bool,
    pub(crate) ms: Option<u64>,
    pub(crate) cache_hit: Option<bool>,
    pub(crate) service: &'static str,
    pub(crate) country: &'static str,
    pub(crate) error_type: &'static str,
}

impl Call {
    fn hour(&self) -> Hour {
        Hour::parse(&format!("{}:00:00Z", self.hour)).unwrap()
    }

    fn status(&self) -> Status {
        if self.failed { Status::Error } else { Status::Success }
    }

    fn measures(&self) -> Measures {
        let mut measures = Measures { calls: 1, batches: 1, ..Measures::default() };
        measures.cache_hits = u64::from(self.cache_hit == Some(true));
        measures.cache_misses = u64::from(self.cache_hit == Some(false));
        if let Some(ms) = self.ms {
            measures.time_count = 1;
            measures.time_sum = ms;
            (measures.time_min, measures.time_max) = (Some(ms), Some(ms));
            measures.times.record(ms);
        }
        measures
    }

    fn value(&self, axis: Axis) -> &'static str {
        match axis {
            Axis::Tool => "",
            Axis::Version => self.version,
            Axis::Level => "standard",
            Axis::Service => self.service,
            Axis::Country => self.country,
        }
    }
}

/// The rollups.
#[derive(Default)]
pub(crate) struct Fake {
    pub(crate) calls: Vec<Call>,
    /// Whether every question fails.
    pub(crate) down: bool,
}

impl Fake {
    fn select(&self, range: Range, tool: Option<&str>) -> Result<Vec<&Call>, StoreError> {
        if self.down {
            return Err(StoreError::Transient("no such host: db.internal".into()));
        }
        let inside = |call: &&Call| (range.from..range.to).contains(&call.hour());
        let of_tool = |call: &&Call| tool.is_none_or(|tool| tool == call.tool);
        Ok(self.calls.iter().filter(inside).filter(of_tool).collect())
    }
}

fn sum<K: Ord>(calls: Vec<&Call>, key: impl Fn(&Call) -> K) -> Vec<(K, Status, Measures)> {
    let mut cells = BTreeMap::<(K, Status), Measures>::new();
    for call in calls {
        cells.entry((key(call), call.status())).or_default().merge(&call.measures());
    }
    cells.into_iter().map(|((key, status), measures)| (key, status, measures)).collect()
}

#[async_trait]
impl Source for Fake {
    async fn by_axis(
        &self,
        range: Range,
        axis: Axis,
        tool: Option<&str>,
    ) -> Result<Vec<AxisCell>, StoreError> {
        let cells = sum(self.select(range, tool)?, |call| (call.tool, call.value(axis)));
        let cells = cells.into_iter().map(|((tool, value), status, measures)| AxisCell {
            tool: tool.to_owned(),
            value: value.to_owned(),
            status,
            measures,
        });
        Ok(cells.collect())
    }

    async fn series(
        &self,
        range: Range,
        grain: Grain,
        tool: Option<&str>,
    ) -> Result<Vec<SeriesCell>, StoreError> {
        let bucket = |hour: Hour| match grain {
            Grain::Hour => hour,
            Grain::Day => hour.day().start(),
        };
        let cells = sum(self.select(range, tool)?, |call| (bucket(call.hour()), call.tool));
        let cells = cells.into_iter().map(|((bucket, tool), status, measures)| SeriesCell {
            bucket,
            tool: tool.to_owned(),
            status,
            measures,
        });
        Ok(cells.collect())
    }

    async fn errors(&self, range: Range, tool: Option<&str>) -> Result<Vec<ErrorCell>, StoreError> {
        let mut calls = self.select(range, tool)?;
        calls.retain(|call| !call.error_type.is_empty());
        let mut cells = BTreeMap::<_, ErrorCell>::new();
        for call in calls {
            let key = (call.tool, call.version, call.error_type);
            let cell = cells.entry(key).or_insert_with(|| ErrorCell {
                tool: call.tool.to_owned(),
                version: call.version.to_owned(),
                error_type: call.error_type.to_owned(),
                count: 0,
                first: call.hour(),
                last: call.hour(),
            });
            cell.count += 1;
            cell.first = cell.first.min(call.hour());
            cell.last = cell.last.max(call.hour());
        }
        Ok(cells.into_values().collect())
    }

    async fn watermark(&self) -> Result<Watermark, StoreError> {
        let everything =
            Range { from: Hour::from_epoch_hours(0), to: Hour::from_epoch_hours(i64::MAX) };
        let calls = self.select(everything, None)?;
        Ok(Watermark {
            oldest: calls.iter().map(|call| call.hour()).min(),
            last_received: calls.iter().map(|call| call.hour()).max(),
        })
    }
}
