//! Rollups that are added up from a list of calls at every question; for tests.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use stages::ports::StoreError;
use stages::rollup::{Axis, Measures};
use stages::sessions::Sessions;
use stages::{Day, HashKey, Hour, Level, Status};

use super::Source;
use crate::store::read::{Cell, ErrorCell, Extent, Filter, Grain, Question, Range, Sighting};

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
    pub(crate) session: &'static str,
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
            Axis::ErrorType => self.error_type,
        }
    }
}

/// The rollups.
#[derive(Default)]
pub(crate) struct Fake {
    pub(crate) calls: Vec<Call>,
    /// Whether every question fails.
    pub(crate) down: bool,
    /// The axis about which every question fails.
    pub(crate) failing_axis: Option<Axis>,
    /// The question from which on every one fails.
    pub(crate) fails_from: Option<usize>,
    /// How many questions were put.
    pub(crate) asked: AtomicUsize,
}

impl Fake {
    pub(crate) fn of(calls: Vec<Call>) -> Self {
        Self { calls, ..Self::default() }
    }

    pub(crate) fn down() -> Self {
        Self { down: true, ..Self::default() }
    }

    fn select(&self, range: Range, filter: &Filter) -> Result<Vec<&Call>, StoreError> {
        let asked = self.asked.fetch_add(1, Ordering::Relaxed);
        if self.down || self.fails_from.is_some_and(|from| asked >= from) {
            return Err(StoreError::Transient("no such host: db.internal".into()));
        }
        let wanted = |call: &&Call| {
            let same = |want: &Option<String>, value| want.as_deref().is_none_or(|w| w == value);
            (range.from..range.to).contains(&call.hour())
                && same(&filter.tool, call.tool)
                && same(&filter.version, call.version)
                && same(&filter.service, call.service)
                && same(&filter.country, call.country)
                && filter.level.is_none_or(|level| level == Level::Standard)
                && filter.status.is_none_or(|status| status == call.status())
        };
        Ok(self.calls.iter().filter(wanted).collect())
    }

    /// Calls of the error summary, which looks at tool and version.
    fn select_errors(&self, range: Range, filter: &Filter) -> Result<Vec<&Call>, StoreError> {
        let known =
            Filter { tool: filter.tool.clone(), version: filter.version.clone(), ..Filter::NONE };
        let mut calls = self.select(range, &known)?;
        calls.retain(|call| !call.error_type.is_empty());
        Ok(calls)
    }
}

#[async_trait]
impl Source for Fake {
    async fn cells(&self, question: &Question) -> Result<Vec<Cell>, StoreError> {
        if self.failing_axis == Some(question.axis) {
            return Err(StoreError::Transient("no such host: db.internal".into()));
        }
        let mut sums = BTreeMap::<_, Measures>::new();
        for call in self.select(question.range, &question.filter)? {
            if question.axis == Axis::ErrorType && (call.error_type.is_empty() || !call.failed) {
                continue;
            }
            let bucket = match question.grain {
                None => question.range.from,
                Some(Grain::Hour) => call.hour(),
                Some(Grain::Day) => call.hour().day().start(),
            };
            let tool = if question.by_tool { call.tool } else { "" };
            let key = (bucket, tool, call.value(question.axis), call.status());
            sums.entry(key).or_default().merge(&call.measures());
        }
        let cell = |((bucket, tool, value, status), measures): ((_, &str, &str, _), _)| Cell {
            bucket,
            tool: tool.to_owned(),
            value: value.to_owned(),
            status,
            measures,
        };
        Ok(sums.into_iter().map(cell).collect())
    }

    async fn errors(&self, range: Range, filter: &Filter) -> Result<Vec<ErrorCell>, StoreError> {
        let mut cells = BTreeMap::<_, ErrorCell>::new();
        for call in self.select_errors(range, filter)? {
            let key = (call.tool, call.version, call.error_type);
            let cell = cells.entry(key).or_insert_with(|| ErrorCell {
                tool: call.tool.to_owned(),
                version: call.version.to_owned(),
                error_type: call.error_type.to_owned(),
                count: 0,
            });
            cell.count += 1;
        }
        Ok(cells.into_values().collect())
    }

    async fn sightings(&self, range: Range, filter: &Filter) -> Result<Vec<Sighting>, StoreError> {
        let mut seen = BTreeMap::<_, Sighting>::new();
        for call in self.select_errors(range, filter)? {
            let seen = seen.entry((call.version, call.error_type)).or_insert_with(|| Sighting {
                version: call.version.to_owned(),
                error_type: call.error_type.to_owned(),
                first: call.hour(),
                last: call.hour(),
            });
            seen.first = seen.first.min(call.hour());
            seen.last = seen.last.max(call.hour());
        }
        Ok(seen.into_values().collect())
    }

    async fn values(
        &self,
        range: Range,
        axis: Axis,
        filter: &Filter,
    ) -> Result<Vec<String>, StoreError> {
        let calls = self.select(range, filter)?;
        let values = calls.iter().map(|call| call.value(axis)).filter(|value| !value.is_empty());
        let values: BTreeSet<&str> = values.collect();
        Ok(values.into_iter().map(str::to_owned).collect())
    }

    async fn sessions(&self, from: Day, to: Day) -> Result<Sessions, StoreError> {
        let mut sessions = Sessions::default();
        let range = Range { from: from.start(), to: to.start() };
        for call in self.select(range, &Filter::NONE)? {
            if !call.session.is_empty() {
                sessions.record(&HashKey::from_bytes([7; 16]), call.session);
            }
        }
        Ok(sessions)
    }

    async fn extent(&self) -> Result<Extent, StoreError> {
        let everything =
            Range { from: Hour::from_epoch_hours(0), to: Hour::from_epoch_hours(i64::MAX) };
        let calls = self.select(everything, &Filter::NONE)?;
        Ok(Extent {
            oldest: calls.iter().map(|call| call.hour()).min(),
            last_received: calls.iter().map(|call| call.hour()).max(),
            commits: calls.len() as u64,
        })
    }

    async fn calls_by_day(&self, from: Day) -> Result<Vec<(Day, u64)>, StoreError> {
        let range = Range { from: from.start(), to: Hour::from_epoch_hours(i64::MAX) };
        let mut days = BTreeMap::<Day, u64>::new();
        for call in self.select(range, &Filter::NONE)? {
            *days.entry(call.hour().day()).or_default() += 1;
        }
        Ok(days.into_iter().collect())
    }

    fn withholds(&self) -> bool {
        false
    }
}
