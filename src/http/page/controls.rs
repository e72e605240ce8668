//! Which numbers a page shows, as links and a form: period, buckets, comparison, filters. The whole
//! choice is in the address, so that a view can be shared, kept and gone back to.

use stages::Hour;

use crate::stats::{Compare, Grain, Period, Query, Window};
use crate::words;

/// What each period link says, and which period it leads to.
const PERIODS: [(&str, Period); 5] = [
    ("24 h", Period::Hours(24)),
    ("7 d", Period::Days(7)),
    ("30 d", Period::Days(30)),
    ("90 d", Period::Days(90)),
    ("365 d", Period::Days(365)),
];
/// Most buckets of a drawing that a link leads to.
const MOST_BUCKETS: i64 = 750;
/// Hours of the day, as the form sends them.
const HOURS_PER_DAY: i64 = 24;

/// A choice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Choice {
    pub(super) label: String,
    pub(super) href: String,
    pub(super) current: bool,
}

/// All choices of a page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Controls {
    pub(super) path: String,
    pub(super) periods: Vec<Choice>,
    pub(super) groups: Vec<Choice>,
    pub(super) compares: Vec<Choice>,
    /// Filters, each with the address without it.
    pub(super) chips: Vec<(String, String)>,
    /// The ends of the form.
    pub(super) from: String,
    pub(super) to: String,
    /// What the form sends beside them.
    pub(super) kept: Vec<(&'static str, String)>,
    pub(super) selects: Vec<Select>,
}

/// A selection of the form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Select {
    /// Parameter.
    pub(super) name: &'static str,
    pub(super) label: &'static str,
    /// What can be chosen, and whether it is.
    pub(super) options: Vec<(&'static str, bool)>,
}

/// The address of a page with a question.
pub(super) fn href(path: &str, query: &Query) -> String {
    if *query == Query::default() { path.to_owned() } else { format!("{path}?{query}") }
}

impl Controls {
    /// The choices of the page at `path`.
    pub(super) fn new(path: &str, query: &Query, window: &Window) -> Self {
        let choice = |label: &str, other: Query| Choice {
            label: label.to_owned(),
            href: href(path, &other),
            current: other == *query,
        };
        let with = |change: &dyn Fn(&mut Query)| {
            let mut other = query.clone();
            change(&mut other);
            other
        };
        let periods = PERIODS.into_iter().map(|(label, period)| Choice {
            // Other buckets do not make it another period.
            current: query.period == period,
            ..choice(label, with(&|other| (other.period, other.group) = (period, None)))
        });
        let groups =
            Grain::ALL.into_iter().filter(|grain| fits(*grain, window)).map(|grain| Choice {
                current: window.grain == grain,
                ..choice(words::grain(grain), with(&|other| other.group = Some(grain)))
            });
        let compares = [
            ("Nothing", None),
            ("Period before", Some(Compare::Previous)),
            ("Year before", Some(Compare::Year)),
        ];
        let compares = compares.into_iter().filter(|_| query.period != Period::All);
        let compares =
            compares.map(|(label, compare)| choice(label, with(&|other| other.compare = compare)));
        let chips = query.filters().map(|(name, value)| {
            let without = with(&|other| clear(other, name));
            (format!("{name} {value}"), href(path, &without))
        });
        let kept = query.filters().filter(|(name, _)| !["level", "status"].contains(name));
        let kept = kept.map(|(name, value)| (name, value.to_owned()));
        let compare = query.compare.map(|compare| ("compare", compare.as_str().to_owned()));
        Self {
            path: path.to_owned(),
            periods: periods.collect(),
            groups: groups.collect(),
            compares: compares.collect(),
            chips: chips.collect(),
            from: window.range.from.day().to_string(),
            to: after(window.range.to).day().to_string(),
            kept: compare.into_iter().chain(kept).collect(),
            selects: selects(query),
        }
    }
}

/// The first midnight that is not before an hour.
fn after(hour: Hour) -> Hour {
    hour.plus((-hour.epoch_hours()).rem_euclid(HOURS_PER_DAY))
}

/// Whether buckets of a grain are few enough, and more than one, and told apart.
fn fits(grain: Grain, window: &Window) -> bool {
    let hours = window.range.to.epoch_hours() - window.range.from.epoch_hours();
    let width = match grain {
        Grain::Hour => 1,
        Grain::Day => HOURS_PER_DAY,
        Grain::Week => 7 * HOURS_PER_DAY,
        Grain::Month => 28 * HOURS_PER_DAY,
    };
    let kept =
        grain != Grain::Hour || crate::stats::period::hours_are_kept(window.range.from, window.now);
    kept && hours > width && hours / width <= MOST_BUCKETS
}

fn clear(query: &mut Query, name: &str) {
    let filter = &mut query.filter;
    match name {
        "tool" => filter.tool = None,
        "version" => filter.version = None,
        "country" => filter.country = None,
        "service" => filter.service = None,
        "level" => filter.level = None,
        _ => filter.status = None,
    }
}

fn selects(query: &Query) -> Vec<Select> {
    let (level, status) = (query.filter.level, query.filter.status);
    let levels = [stages::Level::Minimal, stages::Level::Standard, stages::Level::Detailed];
    let statuses = [stages::Status::Success, stages::Status::Error];
    let levels = levels.map(|one| (one.as_str(), level == Some(one))).to_vec();
    let statuses = statuses.map(|one| (one.as_str(), status == Some(one))).to_vec();
    vec![
        Select { name: "level", label: "Level", options: levels },
        Select { name: "status", label: "Status", options: statuses },
    ]
}
