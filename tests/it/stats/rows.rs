//! The raw rows, and what a set of them comes to, counted one by one.
//!
//! Separate from the oracle, which says what of this each answer must show.

use std::collections::{BTreeMap, BTreeSet};

use stages::Hour;

use super::questions::Question;
use crate::support::{Pair, Sql, Store};

/// A raw row.
#[derive(Debug, Clone)]
pub(super) struct Row {
    pub(super) hour: Hour,
    pub(super) tool: String,
    pub(super) version: String,
    pub(super) level: String,
    pub(super) status: String,
    pub(super) service: String,
    pub(super) country: String,
    pub(super) ms: Option<u64>,
    pub(super) cache: Option<bool>,
    pub(super) error: String,
    pub(super) retries: Option<u64>,
    pub(super) session: String,
}

/// All raw rows.
pub(super) struct Rows {
    all: Vec<Row>,
    /// Whether small groups are one of [`OTHER`] in them.
    pub(super) withheld: bool,
}

/// What stands for every value that is withheld.
pub(super) const OTHER: &str = "other";

impl Rows {
    pub(super) fn read(sql: &Sql) -> Self {
        let hour = match Pair::current().store {
            Store::Sqlite => "timestamp_hour",
            Store::Postgres => "to_char(timestamp_hour, 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"')",
        };
        let text = |column: &str| format!("coalesce(CAST({column} AS text), '')");
        let cache = "CASE WHEN cache_hit THEN 'hit' WHEN NOT cache_hit THEN 'miss' ELSE '' END";
        let columns = [
            hour.to_owned(),
            text("tool"),
            text("version"),
            text("analytics_level"),
            text("status"),
            text("service"),
            text("country"),
            text("response_time_ms"),
            cache.to_owned(),
            text("error_type"),
            text("retry_count"),
            text("session_id"),
        ];
        let rows = sql.texts(&format!("SELECT {} FROM events", columns.join(" || '|' || ")));
        Self { all: rows.iter().map(|row| Row::read(row)).collect(), withheld: false }
    }

    /// The same as they may be shown.
    pub(super) fn shown_as(&self, shown: impl FnMut(&Row) -> Row) -> Self {
        Self { all: self.all.iter().map(shown).collect(), withheld: true }
    }

    pub(super) fn len(&self) -> usize {
        self.all.len()
    }

    pub(super) fn all(&self) -> Vec<&Row> {
        self.all.iter().collect()
    }

    /// Different sessions of the days that hours are in.
    pub(super) fn sessions(&self, (from, to): (Hour, Hour)) -> usize {
        let days = from.day()..=to.plus(-1).day();
        let rows = self.all.iter().filter(|row| days.contains(&row.hour.day()));
        let sessions: BTreeSet<&str> = rows.map(|row| row.session.as_str()).collect();
        sessions.iter().filter(|session| !session.is_empty()).count()
    }

    pub(super) fn of(&self, question: &Question, (from, to): (Hour, Hour)) -> Vec<&Row> {
        let same = |want: Option<&str>, value: &str| want.is_none_or(|want| want == value);
        let wanted = |row: &&Row| {
            (from..to).contains(&row.hour)
                && same(question.tool, &row.tool)
                && same(question.version, &row.version)
                && same(question.service, &row.service)
                && same(question.country, &row.country)
                && same(question.level, &row.level)
                && same(question.status, &row.status)
        };
        self.all.iter().filter(wanted).collect()
    }
}

impl Row {
    fn read(text: &str) -> Self {
        let mut parts = text.split('|').map(str::to_owned);
        let mut next = || parts.next().unwrap();
        Self {
            hour: Hour::parse(&next()).unwrap(),
            tool: next(),
            version: next(),
            level: next(),
            status: next(),
            service: next(),
            country: next(),
            ms: next().parse().ok(),
            cache: match next().as_str() {
                "hit" => Some(true),
                "miss" => Some(false),
                _ => None,
            },
            error: next(),
            retries: next().parse().ok(),
            session: next(),
        }
    }

    pub(super) fn failed(&self) -> bool {
        self.status == "error"
    }

    pub(super) fn value(&self, by: &str) -> &str {
        match by {
            "none" => "all",
            "tool" => &self.tool,
            "version" | "versions" => &self.version,
            "country" | "countries" => &self.country,
            "service" | "services" => &self.service,
            "level" | "levels" => &self.level,
            "status" => &self.status,
            "error" => &self.error,
            other => panic!("{other}"),
        }
    }
}

/// Some rows.
#[derive(Default, Clone)]
pub(super) struct Set<'r>(pub(super) Vec<&'r Row>);

impl Set<'_> {
    pub(super) fn calls(&self) -> f64 {
        self.0.len() as f64
    }

    pub(super) fn count(&self, which: impl Fn(&Row) -> bool) -> f64 {
        self.0.iter().filter(|row| which(row)).count() as f64
    }

    pub(super) fn failures(&self) -> f64 {
        self.count(Row::failed)
    }

    pub(super) fn success_rate(&self) -> Option<f64> {
        ratio(self.calls() - self.failures(), self.calls())
    }

    pub(super) fn times(&self) -> Vec<u64> {
        let mut times: Vec<u64> = self.0.iter().filter_map(|row| row.ms).collect();
        times.sort_unstable();
        times
    }

    pub(super) fn mean(&self) -> Option<f64> {
        let times = self.times();
        ratio(times.iter().sum::<u64>() as f64, times.len() as f64)
    }

    pub(super) fn quantile(&self, q: f64) -> Option<f64> {
        let times = self.times();
        let rank = ((q * times.len() as f64).ceil() as usize).max(1);
        times.get(rank - 1).map(|ms| *ms as f64)
    }

    /// The same of all that has a name: of what is withheld, only sums are known.
    pub(super) fn quantile_of(&self, name: &str, q: f64) -> Option<f64> {
        self.quantile(q).filter(|_| name != OTHER)
    }

    pub(super) fn hits(&self) -> f64 {
        self.count(|row| row.cache == Some(true))
    }

    pub(super) fn misses(&self) -> f64 {
        self.count(|row| row.cache == Some(false))
    }

    pub(super) fn hit_rate(&self) -> Option<f64> {
        ratio(self.hits(), self.hits() + self.misses())
    }

    pub(super) fn retries(&self) -> Option<f64> {
        let retries: Vec<u64> = self.0.iter().filter_map(|row| row.retries).collect();
        ratio(retries.iter().sum::<u64>() as f64, retries.len() as f64)
    }
}

pub(super) fn ratio(part: f64, whole: f64) -> Option<f64> {
    (whole > 0.0).then(|| part / whole)
}

pub(super) fn grouped<'r, K: Ord>(
    rows: &[&'r Row],
    key: impl Fn(&'r Row) -> K,
) -> BTreeMap<K, Set<'r>> {
    let mut sets = BTreeMap::<K, Set<'_>>::new();
    for row in rows {
        sets.entry(key(row)).or_default().0.push(row);
    }
    sets
}

/// Most rows first, equal ones by key.
pub(super) fn ranked<'s, 'r, K: Ord + Clone>(
    sets: &'s BTreeMap<K, Set<'r>>,
) -> Vec<(K, &'s Set<'r>)> {
    let mut ranked: Vec<_> = sets.iter().map(|(key, set)| (key.clone(), set)).collect();
    ranked.sort_by_key(|(_, set)| std::cmp::Reverse(set.0.len()));
    ranked
}
