//! The one grammar of questions, for the API and the pages: which hours, which calls, in which
//! buckets, and compared with what.
//!
//! [`Query`] reads it from the parameters of a request and writes it back in one canonical order, so
//! that links, cache keys and cursors name the same question in the same words.

use std::fmt::{self, Write as _};

use schemars::JsonSchema;
use serde::Serialize;
use stages::{Hour, Level, Status};

use super::grain::Grain;
use super::period::{GRAMMAR, MOMENT, Period};
use super::window::Window;
use crate::store::read::Filter;

/// The parameters that say which hours.
pub const PERIOD: [&str; 3] = ["period", "from", "to"];
/// The parameters that say which calls.
pub const FILTERS: [&str; 6] = ["tool", "version", "country", "service", "level", "status"];
/// All parameters of the grammar, in the order in which they are written.
pub const GRAMMAR_PARAMETERS: [&str; 11] = [
    "period", "from", "to", "compare", "group", "tool", "version", "country", "service", "level",
    "status",
];

/// Longest name or version that any call can carry.
const LONGEST_VALUE: usize = 100;

/// With which earlier hours the asked ones are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Compare {
    /// Those just before, as many.
    Previous,
    /// The same dates a year before.
    Year,
}

impl Compare {
    /// Every way to compare.
    pub const ALL: [Self; 2] = [Self::Previous, Self::Year];

    /// The way as it is written.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Previous => "previous",
            Self::Year => "year",
        }
    }
}

/// A question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Query {
    /// Which hours.
    pub period: Period,
    /// Compared with what.
    pub compare: Option<Compare>,
    /// In which buckets; `None` for what suits the period.
    pub group: Option<Grain>,
    /// Which calls.
    pub filter: Filter,
}

impl Default for Query {
    fn default() -> Self {
        Self { period: Period::DEFAULT, compare: None, group: None, filter: Filter::NONE }
    }
}

/// Why a query is refused. Says what would be right, and never repeats what was sent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadQuery {
    /// A parameter that does not exist here.
    #[error("there is an unknown query parameter{} Known are {}", did_you_mean(.nearest), listed(.known))]
    Unknown {
        /// The parameter that was probably meant.
        nearest: Option<&'static str>,
        /// Those that exist here.
        known: Vec<&'static str>,
    },
    /// A parameter that was sent twice.
    #[error("query parameter `{0}` may be given once")]
    Repeated(&'static str),
    /// `period` beside `from` or `to`.
    #[error("`period` excludes `from` and `to`: give either a period or its ends")]
    Both,
    /// `to` without `from`.
    #[error("`to` needs `from`: where the range begins, {MOMENT}")]
    NoStart,
    /// `period` outside the grammar.
    #[error("`period` must be {GRAMMAR}; or give `from` and `to` instead")]
    Period,
    /// `from` or `to` outside the grammar.
    #[error("`{0}` must be {MOMENT}")]
    Moment(&'static str),
    /// Nothing lies between the ends, or nothing that has happened.
    #[error("`from` must lie before `to`, and not in the future")]
    Empty,
    /// Too far apart.
    #[error("`from` and `to` may lie 3653 days apart at most; `period=all` gives everything")]
    TooLong,
    /// An hour that is only known as part of its day.
    #[error("`{0}` must be a date when it lies more than 720 hours back: older hours are not kept")]
    HourGone(&'static str),
    /// Buckets of hours that are only known as parts of their days.
    #[error("`group=hour` reaches 720 hours back: choose a shorter period, or `group=day`")]
    HoursGone,
    /// Everything, compared with what was before.
    #[error("`compare` needs a period with a beginning: there is nothing before `all`")]
    NothingBefore,
    /// A value that is none of a few words.
    #[error("`{name}` must be one of {}", listed(.words))]
    Word {
        /// The parameter.
        name: &'static str,
        /// What it may be.
        words: Vec<&'static str>,
    },
    /// A value that no call can carry.
    #[error("`{0}` must be given as calls carry it: 1 to 100 characters, a country as two letters")]
    Value(&'static str),
    /// A number outside its bounds.
    #[error("`{name}` must be a whole number from 1 to {max}")]
    Number {
        /// The parameter.
        name: &'static str,
        /// The largest number.
        max: usize,
    },
    /// A cursor that this server did not make, or not for this question.
    #[error(
        "`cursor` must be taken as it is from the link to the next page, with the same parameters"
    )]
    Cursor,
    /// Parameters that are right, but not together.
    #[error("{0}")]
    Together(&'static str),
}

impl BadQuery {
    /// Whether each parameter is right for itself.
    pub const fn is_combination(&self) -> bool {
        matches!(self, Self::HoursGone | Self::NothingBefore | Self::Together(_))
    }
}

fn did_you_mean(nearest: &Option<&'static str>) -> String {
    nearest.map_or_else(|| ".".to_owned(), |name| format!(": did you mean `{name}`?"))
}

fn listed(words: &[&'static str]) -> String {
    let mut list = String::new();
    for (n, word) in words.iter().enumerate() {
        let before = match n {
            0 => "",
            _ if n + 1 == words.len() => " and ",
            _ => ", ",
        };
        write!(list, "{before}`{word}`").expect("writing into a String cannot fail");
    }
    list
}

/// The parameters of a request, each known and given once.
#[derive(Debug, Clone)]
pub struct Parameters<'q>(Vec<(&'static str, &'q str)>);

impl<'q> Parameters<'q> {
    /// Reads parameters of which only `known` may be given.
    ///
    /// # Errors
    /// [`BadQuery::Unknown`] and [`BadQuery::Repeated`].
    pub fn read(sent: &[(&'q str, &'q str)], known: &[&'static str]) -> Result<Self, BadQuery> {
        let mut read = Vec::with_capacity(sent.len());
        for (name, value) in sent {
            let Some(known) = known.iter().find(|known| *known == name) else {
                return Err(BadQuery::Unknown {
                    nearest: nearest(name, known),
                    known: known.to_vec(),
                });
            };
            if read.iter().any(|(before, _)| before == known) {
                return Err(BadQuery::Repeated(known));
            }
            read.push((*known, *value));
        }
        Ok(Self(read))
    }

    /// The value of a parameter.
    pub fn get(&self, name: &str) -> Option<&'q str> {
        self.0.iter().find(|(known, _)| *known == name).map(|(_, value)| *value)
    }

    /// A whole number from 1 to `max`.
    ///
    /// # Errors
    /// [`BadQuery::Number`] for anything else.
    pub fn number(&self, name: &'static str, max: usize) -> Result<Option<usize>, BadQuery> {
        let number = |text: &str| {
            let digits = text.bytes().all(|byte| byte.is_ascii_digit());
            text.parse().ok().filter(|n| digits && (1..=max).contains(n))
        };
        self.get(name).map(|text| number(text).ok_or(BadQuery::Number { name, max })).transpose()
    }

    /// One of a few words.
    ///
    /// # Errors
    /// [`BadQuery::Word`] for any other.
    pub fn word<T: Copy>(
        &self,
        name: &'static str,
        all: &[T],
        written: fn(T) -> &'static str,
    ) -> Result<Option<T>, BadQuery> {
        let Some(text) = self.get(name) else { return Ok(None) };
        let found = all.iter().copied().find(|word| written(*word) == text);
        let words = || all.iter().map(|word| written(*word)).collect();
        found.map(Some).ok_or_else(|| BadQuery::Word { name, words: words() })
    }

    /// A value that calls can carry.
    fn value(&self, name: &'static str) -> Result<Option<String>, BadQuery> {
        let fits = |text: &&str| {
            (1..=LONGEST_VALUE).contains(&text.chars().count())
                && !text.chars().any(char::is_control)
        };
        let read = |text| Some(text).filter(fits).map(str::to_owned).ok_or(BadQuery::Value(name));
        self.get(name).map(read).transpose()
    }
}

impl Query {
    /// Reads the grammar from the parameters of a request.
    ///
    /// # Errors
    /// [`BadQuery`] for anything outside of it.
    pub fn read(sent: &Parameters<'_>, now: Hour) -> Result<Self, BadQuery> {
        let [period, from, to] = PERIOD.map(|name| sent.get(name));
        Ok(Self {
            period: Period::read(period, from, to, now)?,
            compare: sent.word("compare", &Compare::ALL, Compare::as_str)?,
            group: sent.word("group", &Grain::ALL, Grain::as_str)?,
            filter: Filter {
                tool: sent.value("tool")?,
                version: sent.value("version")?,
                country: country(sent.value("country")?)?,
                service: sent.value("service")?,
                level: sent.word(
                    "level",
                    &[Level::Minimal, Level::Standard, Level::Detailed],
                    Level::as_str,
                )?,
                status: sent.word("status", &[Status::Success, Status::Error], Status::as_str)?,
            },
        })
    }

    /// The hours that are asked for, at a moment. `oldest` is where everything begins.
    ///
    /// # Errors
    /// When hours are asked for that are no longer told apart.
    pub fn window(&self, now: Hour, oldest: Option<Hour>) -> Result<Window, BadQuery> {
        Window::new(self.period, self.group, now, oldest)
    }

    /// The parameters of the filter that are given, with their values, in canonical order.
    pub fn filters(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let Filter { tool, version, country, service, level, status } = &self.filter;
        let values = [
            tool.as_deref(),
            version.as_deref(),
            country.as_deref(),
            service.as_deref(),
            level.map(Level::as_str),
            status.map(Status::as_str),
        ];
        FILTERS.into_iter().zip(values).filter_map(|(name, value)| Some((name, value?)))
    }
}

/// The canonical form, as it stands behind the `?` of a link.
impl fmt::Display for Query {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.period.query())?;
        if let Some(compare) = self.compare {
            write!(f, "&compare={}", compare.as_str())?;
        }
        if let Some(group) = self.group {
            write!(f, "&group={}", group.as_str())?;
        }
        for (name, value) in self.filters() {
            write!(f, "&{name}={}", Escaped(value))?;
        }
        Ok(())
    }
}

/// A value in a query: everything but unreserved characters as percent signs and hex digits
/// (RFC 3986, section 2.1).
pub struct Escaped<'v>(pub &'v str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for byte in self.0.bytes() {
            match byte {
                b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                    f.write_char(char::from(byte))?;
                }
                _ => write!(f, "%{byte:02X}")?,
            }
        }
        Ok(())
    }
}

fn country(sent: Option<String>) -> Result<Option<String>, BadQuery> {
    let letters = |text: &String| text.len() == 2 && text.bytes().all(|b| b.is_ascii_alphabetic());
    match sent {
        Some(text) if !letters(&text) => Err(BadQuery::Value("country")),
        sent => Ok(sent.map(|text| text.to_ascii_uppercase())),
    }
}

fn nearest(name: &str, known: &[&'static str]) -> Option<&'static str> {
    // Names are short; what is longer than any misspelling of them is not worth comparing.
    let short = name.len() <= 16;
    let name = name.to_ascii_lowercase();
    let distance = |known: &&&str| strsim::damerau_levenshtein(&name, known);
    let nearest = known.iter().filter(|_| short).min_by_key(distance)?;
    (strsim::damerau_levenshtein(&name, nearest) < nearest.len().min(3)).then_some(nearest)
}

#[cfg(test)]
mod tests;
