//! The parts of pages: each reads what it needs, so that one that fails leaves the others standing.

mod calls;
mod errors;
mod figures;
mod places;
mod services;
mod times;
mod tools;
mod versions;
mod week;

pub(super) use self::calls::{calls, calls_of_tools};
pub(super) use self::errors::{error_rate, errors, outcomes};
pub(super) use self::figures::{figures, of_errors, of_times};
pub(super) use self::places::{places, world_map};
pub(super) use self::services::{cache, services};
pub(super) use self::times::{distribution, response_times};
pub(super) use self::tools::{tool_times, tools};
pub(super) use self::versions::{adoption, releases, versions};
pub(super) use self::week::week;

use stages::ports::StoreError;

use super::controls::href;
use super::model::{Body, Part, Row};
use super::numbers::Numbers;
use crate::charts::{Release, Time};
use crate::stats::{Asked, Query};
use crate::store::read::Filter;
use crate::words;

/// What every part is made from.
pub(super) struct Cx<'a> {
    /// The page's address, for links that filter it.
    pub(super) path: &'a str,
    /// The question as the address has it: without what the page itself stands for.
    pub(super) linked: &'a Query,
    pub(super) asked: &'a Asked<'a>,
    pub(super) numbers: &'a Numbers,
    /// Versions that were seen for the first time.
    pub(super) releases: &'a [Release],
}

impl Cx<'_> {
    /// The address of this page with another filter.
    fn filtered(&self, change: impl FnOnce(&mut Filter)) -> String {
        let mut query = self.linked.clone();
        change(&mut query.filter);
        href(self.path, &query)
    }

    /// The address of another page with the same question.
    fn page(&self, path: &str) -> String {
        href(path, self.linked)
    }

    /// Links to the same numbers for machines.
    fn api(&self, endpoint: &str, parameters: &str) -> Vec<(String, String)> {
        self.api_of(&self.asked.query, endpoint, parameters)
    }

    /// The same where nothing is compared.
    fn api_alone(&self, endpoint: &str, parameters: &str) -> Vec<(String, String)> {
        let query = Query { compare: None, ..self.asked.query.clone() };
        self.api_of(&query, endpoint, parameters)
    }

    fn api_of(&self, query: &Query, endpoint: &str, parameters: &str) -> Vec<(String, String)> {
        let address = |suffix| format!("/v1/stats/{endpoint}{suffix}?{query}{parameters}");
        vec![("CSV".to_owned(), address(".csv")), ("JSON".to_owned(), address(""))]
    }
}

/// A part, or the news that it could not be read. The store's error is logged where it arises.
pub(super) fn or_failed(id: &'static str, title: &str, part: Result<Part, StoreError>) -> Part {
    part.unwrap_or_else(|_| Part {
        id,
        title: title.to_owned(),
        note: String::new(),
        links: Vec::new(),
        body: vec![Body::Failed],
    })
}

/// The rows of a chart's table, from left to right.
fn rows(time: &Time, cells: impl Fn(usize) -> Vec<String>) -> Vec<Row> {
    let row = |i: usize| {
        let at = time.buckets[i].at;
        Row {
            range: Some((at.to_string(), time.grain.next(at).to_string())),
            name: time.name(i),
            cells: cells(i),
        }
    };
    (0..time.len()).map(row).collect()
}

/// How much of a list is shown, and what is said of the rest.
struct Listed {
    shown: usize,
    note: String,
}

impl Listed {
    /// The first `most` of `all`, which are called `one` or `many`.
    fn of(all: usize, most: usize, one: &str, many: &str) -> Self {
        let note = match all.saturating_sub(most) {
            0 => String::new(),
            more => format!("{} more.", words::counted(more as u64, one, many)),
        };
        Self { shown: all.min(most), note }
    }
}

/// What a cell says when nothing is known.
const UNKNOWN: &str = "no data";
