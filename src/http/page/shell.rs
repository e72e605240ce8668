//! What every page stands in: title, navigation, files, and the pages that have no numbers to show.

use askama::Template;
use salvo::http::StatusCode;
use stages::Hour;

use super::asset::{ICON, SCRIPT, STYLE};
use super::controls::{Choice, href};
use crate::http::problem::{Kind, Problem};
use crate::stats::Query;
use crate::words;

/// The pages, in the order of the navigation. Those before the gap show numbers, and keep what is
/// chosen.
const PAGES: [(&str, &str); 6] = [
    ("Overview", "/"),
    ("Tools", "/tools"),
    ("Performance", "/performance"),
    ("Errors", "/errors"),
    ("Versions", "/versions"),
    ("Geography", "/geography"),
];
/// Pages about the numbers and their making.
const ABOUT: [(&str, &str); 3] =
    [("Status", "/status"), ("Method", "/methodology"), ("Transparency", "/transparency")];

/// A page in the navigation.
pub(super) struct Entry {
    pub(super) choice: Choice,
    /// Whether the pages about the numbers begin here.
    pub(super) apart: bool,
}

/// What the frame around every page shows.
pub(super) struct Shell {
    pub(super) title: String,
    /// A sentence for search engines and previews; none for pages that nobody should find.
    pub(super) description: String,
    /// Address of the picture for previews.
    pub(super) picture: Option<String>,
    /// The one address of what is shown.
    pub(super) canonical: Option<String>,
    /// Where the public reaches the server, if that is known.
    pub(super) public: Option<String>,
    pub(super) pages: Vec<Entry>,
    /// When the newest event was received: for machines, for people.
    pub(super) newest: Option<(String, String)>,
    /// Whether new numbers are the point of the page.
    pub(super) live: bool,
    /// Whether the page does without script: there is nothing to refresh, and people paste into it.
    pub(super) still: bool,
}

impl Shell {
    /// The frame of the page at `path`. `query` is what is chosen, which navigation keeps.
    pub(super) fn new(title: String, path: &str, query: &Query, newest: Option<Hour>) -> Self {
        let section = |page: &str| page == path || page == "/tools" && path.starts_with("/tools/");
        let entry = |label: &str, page: &str, href: String| Entry {
            apart: page == ABOUT[0].1,
            choice: Choice { label: label.to_owned(), href, current: section(page) },
        };
        let numbers = PAGES.into_iter().map(|(label, page)| entry(label, page, href(page, query)));
        let about = ABOUT.into_iter().map(|(label, page)| entry(label, page, page.to_owned()));
        Self {
            title,
            description: String::new(),
            picture: None,
            canonical: Some(href(path, query)),
            public: None,
            pages: numbers.chain(about).collect(),
            newest: newest.map(|hour| {
                let shown =
                    format!("{}, {} UTC", words::short_date(hour), words::time_of_day(hour));
                (hour.to_string(), shown)
            }),
            live: false,
            still: false,
        }
    }

    /// The one address with the server's name, without which search engines make nothing of it.
    pub(super) fn address(&self) -> Option<String> {
        let (public, canonical) = (self.public.as_ref()?, self.canonical.as_ref()?);
        Some(format!("{public}{canonical}"))
    }

    pub(super) fn style(&self) -> &'static str {
        STYLE.name
    }

    pub(super) fn icon(&self) -> &'static str {
        ICON.name
    }

    pub(super) fn script(&self) -> &'static str {
        SCRIPT.name
    }
}

/// The page before the first event.
#[derive(Template)]
#[template(path = "empty.html")]
pub(super) struct Empty<'a> {
    shell: Shell,
    /// An hour that the door accepts.
    hour: String,
    /// Where the public reaches the server, if that is known.
    public: Option<&'a str>,
}

impl<'a> Empty<'a> {
    /// In place of the page at `path`.
    pub(super) fn at(path: &str, now: Hour, public: Option<&'a str>) -> Self {
        let title = "No event has arrived yet".to_owned();
        let shell = Shell::new(title, path, &Query::default(), None);
        Self { shell, hour: now.to_string(), public }
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
            StatusCode::NOT_FOUND => "There is nothing here",
            StatusCode::PAYLOAD_TOO_LARGE => "This is too much at once",
            StatusCode::REQUEST_TIMEOUT => "This did not arrive in time",
            StatusCode::TOO_MANY_REQUESTS => "This is too much within a minute",
            StatusCode::SERVICE_UNAVAILABLE => "The numbers cannot be read at the moment",
            _ => "Something went wrong on the server",
        };
        let mut shell = Shell::new(title.to_owned(), "", &Query::default(), None);
        shell.canonical = None;
        shell.still = problem.status().is_client_error();
        Self { shell, detail: sentence(&problem.detail().replace('`', "")) }
    }

    /// What a kind of problem means.
    pub(super) fn about(kind: Kind) -> Self {
        let title = format!("{} ({}, {})", kind.title(), kind.status().as_u16(), kind.error());
        let mut shell = Shell::new(title, "", &Query::default(), None);
        shell.canonical = None;
        shell.still = true;
        Self { shell, detail: kind.meaning().replace('`', "") }
    }
}

/// A fragment as a sentence.
pub(super) fn sentence(fragment: &str) -> String {
    let mut chars = fragment.chars();
    let first = chars.next().map(|first| first.to_uppercase().to_string()).unwrap_or_default();
    format!("{first}{}.", chars.as_str())
}
