//! What every page stands in: files with content in their names, links, and the pages that have no
//! numbers to show.

use std::sync::LazyLock;

use askama::Template;
use salvo::http::StatusCode;
use stages::Hour;

use super::{PERIODS, words};
use crate::http::cached::fingerprint;
use crate::http::problem::Problem;
use crate::stats::Period;

/// A file of the page. Its name changes with its content, so that it may be kept for ever.
pub(super) struct File {
    pub(super) name: String,
    pub(super) kind: &'static str,
    pub(super) content: &'static str,
}

pub(super) static STYLESHEET: LazyLock<File> = LazyLock::new(|| {
    File::new("style", "css", "text/css; charset=utf-8", include_str!("../../../static/style.css"))
});
pub(super) static ICON: LazyLock<File> = LazyLock::new(|| {
    File::new("icon", "svg", "image/svg+xml", include_str!("../../../static/icon.svg"))
});

impl File {
    fn new(stem: &str, suffix: &str, kind: &'static str, content: &'static str) -> Self {
        let hash = fingerprint(content.as_bytes());
        let short: String = hash.chars().take(12).collect();
        Self { name: format!("{stem}-{short}.{suffix}"), kind, content }
    }
}

/// What the frame around every page shows.
pub(super) struct Shell {
    pub(super) title: String,
    pub(super) stylesheet: &'static str,
    pub(super) icon: &'static str,
    /// When the newest event was received: for machines, for people.
    pub(super) newest: Option<(String, String)>,
    pub(super) periods: Vec<PeriodLink>,
}

pub(super) struct PeriodLink {
    pub(super) label: &'static str,
    pub(super) period: String,
    pub(super) current: bool,
}

impl Shell {
    pub(super) fn new(title: &str, newest: Option<Hour>, current: Option<Period>) -> Self {
        let periods = PERIODS.into_iter().map(|(label, period)| PeriodLink {
            label,
            period: period.to_string(),
            current: current == Some(period),
        });
        Self {
            title: title.to_owned(),
            stylesheet: &STYLESHEET.name,
            icon: &ICON.name,
            newest: newest.map(|hour| {
                let shown = format!("{}, {} UTC", words::long_date(hour), words::time_of_day(hour));
                (hour.to_string(), shown)
            }),
            periods: periods.collect(),
        }
    }
}

/// The page before the first event.
#[derive(Template)]
#[template(path = "empty.html")]
pub(super) struct Empty {
    shell: Shell,
    /// An hour that the door accepts.
    hour: String,
}

impl Empty {
    pub(super) fn at(now: Hour) -> Self {
        Self { shell: Shell::new("No event has arrived yet", None, None), hour: now.to_string() }
    }
}

/// The page in place of one that cannot be shown.
#[derive(Template)]
#[template(path = "message.html")]
pub(super) struct Message {
    shell: Shell,
    detail: String,
}

impl Message {
    pub(super) fn of(problem: &Problem) -> Self {
        let title = match problem.status() {
            StatusCode::BAD_REQUEST => "This address asks for what does not exist",
            StatusCode::SERVICE_UNAVAILABLE => "The numbers cannot be read at the moment",
            _ => "Something went wrong on the server",
        };
        Self {
            shell: Shell::new(title, None, None),
            detail: sentence(&problem.detail().replace('`', "")),
        }
    }
}

fn sentence(fragment: &str) -> String {
    let mut chars = fragment.chars();
    let first = chars.next().map(|first| first.to_uppercase().to_string()).unwrap_or_default();
    format!("{first}{}.", chars.as_str())
}
