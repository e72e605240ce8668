//! What can be wrong with a configuration, and where. Apart from the checks that find it and from
//! the renderer that prints it, so that either can change alone.

use std::collections::BTreeSet;
use std::fmt;

use super::codes::Code;
use super::json;
use super::render;

/// A place in the file: lines and columns count from 1, in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Mark {
    /// Line.
    pub line: usize,
    /// Column.
    pub column: usize,
    /// Characters of this line that are meant, at least 1.
    pub width: usize,
}

/// Another place that a problem has to do with.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Related {
    /// Where.
    pub mark: Mark,
    /// What stands there, in a few words.
    pub message: String,
}

/// Where a setting came from.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    /// The file as a whole, for instance when it cannot be read.
    File,
    /// A place in the file.
    Mark(Mark),
    /// An environment variable.
    Variable(String),
    /// A flag of the command line.
    Flag(&'static str),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File => f.write_str("the file"),
            Self::Mark(mark) => write!(f, "line {}", mark.line),
            Self::Variable(name) => write!(f, "environment variable {name}"),
            Self::Flag(name) => write!(f, "flag {name}"),
        }
    }
}

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Problem {
    /// Where.
    pub place: Place,
    /// What kind of mistake it is.
    pub code: Code,
    /// What is wrong, in a sentence without the offending value.
    pub message: String,
    /// What to do, in sentences.
    pub help: Vec<String>,
    /// Other places of the file that it has to do with.
    pub related: Vec<Related>,
}

/// A setting whose value turned out wrong when it was used: a file that it names, for instance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Misfit {
    /// Keys from the root of the file.
    pub setting: Vec<String>,
    /// What kind of mistake it is.
    pub code: Code,
    /// What is wrong, in a sentence.
    pub message: String,
    /// What to do, in a sentence.
    pub help: String,
}

/// Everything that is wrong with a configuration, in the order of the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostics {
    /// The file's name, as the operator gave it.
    pub file: String,
    /// The file's text, for excerpts.
    pub(super) text: String,
    /// Lines of the file that are part of a secret.
    pub(super) hidden: BTreeSet<usize>,
    /// What is wrong; never empty.
    pub problems: Vec<Problem>,
}

impl Diagnostics {
    pub(super) fn new(file: String, text: String, mut problems: Vec<Problem>) -> Self {
        problems.sort();
        problems.dedup();
        Self { file, text, hidden: BTreeSet::new(), problems }
    }

    /// The text for a person, with escape sequences for a terminal when `colour` is set.
    pub fn render(&self, colour: bool) -> String {
        render::render(self, colour)
    }

    /// Every problem as JSON, for a program.
    pub fn json(&self) -> serde_json::Value {
        json::broken(self)
    }
}

impl fmt::Display for Diagnostics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.render(false))
    }
}

impl std::error::Error for Diagnostics {}

/// Keys and list positions from the root of the file: `["server", "listen"]`.
pub(super) type Path = Vec<String>;

/// Whether the key or its value is at fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum At {
    /// The key.
    Key,
    /// The value.
    Value,
}

/// Something wrong with the setting at a path, before it is known where that setting came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Finding {
    pub(super) path: Path,
    pub(super) at: At,
    pub(super) code: Code,
    pub(super) message: String,
    pub(super) help: Vec<String>,
    /// Other settings that it has to do with, and what they are to it.
    pub(super) related: Vec<(Path, String)>,
}

impl Finding {
    /// The value at a path is wrong.
    pub(super) fn value(path: &[String], code: Code, message: impl Into<String>) -> Self {
        Self {
            path: path.to_vec(),
            at: At::Value,
            code,
            message: message.into(),
            help: Vec::new(),
            related: Vec::new(),
        }
    }

    /// The key at a path is wrong.
    pub(super) fn key(path: &[String], code: Code, message: impl Into<String>) -> Self {
        Self { at: At::Key, ..Self::value(path, code, message) }
    }

    /// Adds what to do.
    #[must_use]
    pub(super) fn help(mut self, help: impl Into<String>) -> Self {
        self.help.push(help.into());
        self
    }

    /// Adds another setting that it has to do with.
    #[must_use]
    pub(super) fn related(mut self, path: &[String], message: impl Into<String>) -> Self {
        self.related.push((path.to_vec(), message.into()));
        self
    }

    /// Adds what was probably meant, when something is close enough.
    #[must_use]
    pub(super) fn suggest<'a>(
        mut self,
        typed: &str,
        known: impl IntoIterator<Item = &'a str>,
    ) -> Self {
        self.help.extend(suggestion(typed, known));
        self
    }

    /// Adds what was surely meant, or else everything that there is, after the words of `intro`.
    #[must_use]
    pub(super) fn suggest_of(self, typed: &str, known: &[&str], intro: &str) -> Self {
        let finding = self.suggest(typed, known.iter().copied());
        match known.iter().any(|known| likeness(typed, known) >= SURELY_MEANT) {
            true => finding,
            false => finding.help(format!("{intro} {}", known.join(", "))),
        }
    }
}

/// "did you mean", when a known name is close to what was typed.
pub(super) fn suggestion<'a>(
    typed: &str,
    known: impl IntoIterator<Item = &'a str>,
) -> Option<String> {
    closest(typed, known).map(|name| format!("did you mean `{name}`?"))
}

/// The known name that is closest to what was typed, when it is close enough.
pub(super) fn closest<'a>(
    typed: &str,
    known: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    // Below this, suggestions surprise more often than they help.
    const CLOSE: f64 = 0.5;
    let best =
        known.into_iter().max_by(|a, b| likeness(typed, a).total_cmp(&likeness(typed, b)))?;
    (likeness(typed, best) >= CLOSE).then_some(best)
}

/// How like a known name must be for it to be surely meant.
pub(super) const SURELY_MEANT: f64 = 0.7;

/// How like two names are: 1 for the same, 0 for nothing in common.
pub(super) fn likeness(typed: &str, known: &str) -> f64 {
    strsim::normalized_damerau_levenshtein(&typed.to_lowercase(), &known.to_lowercase())
}

/// A path as an operator writes it: `server.listen`, `ingest[2].with.tools`.
pub(super) fn dotted(path: &[String]) -> String {
    let mut text = String::new();
    for part in path {
        if part.parse::<usize>().is_ok() {
            text.push_str(&format!("[{part}]"));
        } else {
            if !text.is_empty() {
                text.push('.');
            }
            text.push_str(part);
        }
    }
    text
}

/// A path from its parts.
pub(super) fn path<const N: usize>(parts: [&str; N]) -> Path {
    parts.map(str::to_owned).to_vec()
}

/// A name from the file in backticks, or other words for it when it may be more than a name.
pub(super) fn plain_name(name: &str, otherwise: &str) -> String {
    let plain = |letter: char| letter.is_alphanumeric() || matches!(letter, '_' | '-' | '.');
    match (1..=40).contains(&name.len()) && name.chars().all(plain) {
        true => format!("`{name}`"),
        false => otherwise.to_owned(),
    }
}
