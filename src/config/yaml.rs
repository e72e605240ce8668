//! pipeline.yaml as values and as places: what stands where.
//!
//! `serde_yaml` gives the values, a second parser gives the place of each key and value. Both must
//! read the same document: where they differ, the document is refused instead of guessed at.

mod agree;
mod brackets;
mod build;
mod syntax;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use self::build::Builder;
use super::codes::Code;
use super::excerpt::is_secret_key;
use super::problem::{Finding, Mark, Place, Problem};

/// A document: values, and where they stand.
#[derive(Debug)]
pub(super) struct Document {
    /// The values. Where a key stands twice, the last.
    pub(super) value: Value,
    /// Where they stand.
    pub(super) root: Node,
    /// Keys that stand twice.
    pub(super) repeated: Vec<Problem>,
    /// Values that are not taken, because of how they are written.
    pub(super) refused: Vec<Finding>,
}

/// A value's place, and those of everything in it.
#[derive(Debug)]
pub(super) struct Node {
    mark: Mark,
    last_line: usize,
    kind: Kind,
    extra: Option<Extra>,
}

/// A key, its place, and its value.
type Entry = (String, Mark, Node);

#[derive(Debug)]
enum Kind {
    Scalar { text: String, plain: bool },
    List(Vec<Node>),
    Section(Section),
}

/// Keys with their values, in the order of the file.
#[derive(Debug, Default)]
struct Section {
    entries: Vec<Entry>,
    /// Where each key stands last: that one counts.
    last: BTreeMap<String, usize>,
}

/// What YAML has and pipeline.yaml does not use.
#[derive(Debug, Clone, Copy)]
enum Extra {
    /// An anchor or an alias.
    Reference,
    /// A tag.
    Tag,
}

impl Node {
    fn empty() -> Self {
        Self {
            mark: Mark { line: 1, column: 1, width: 1 },
            last_line: 1,
            kind: Kind::Section(Section::default()),
            extra: None,
        }
    }

    /// The place of the value at a path, or of the nearest thing around it that is in the file.
    pub(super) fn value_mark(&self, path: &[String]) -> Mark {
        let Some((part, rest)) = path.split_first() else { return self.mark };
        let Some((key, child)) = self.child(part) else { return self.mark };
        match key {
            // A section starts where its first key stands, which says less than its own key; and
            // an absent value has no place.
            Some(key) if !child.is_visible() && !rest.first().is_some_and(|r| child.holds(r)) => {
                key
            }
            _ => child.value_mark(rest),
        }
    }

    /// The place of the last key of a path, or of the nearest thing around it.
    pub(super) fn key_mark(&self, path: &[String]) -> Mark {
        let Some((last, parents)) = path.split_last() else { return self.mark };
        match self.at(parents).and_then(|node| node.child(last)) {
            Some((Some(key), _)) => key,
            _ => self.value_mark(path),
        }
    }

    /// Whether the file says anything at a path.
    pub(super) fn has(&self, path: &[String]) -> bool {
        self.at(path).is_some()
    }

    /// Whether a value refers to environment variables.
    pub(super) fn is_reference(&self, path: &[String]) -> bool {
        let kind = self.at(path).map(|node| &node.kind);
        matches!(kind, Some(Kind::Scalar { text, .. }) if text.contains("${"))
    }

    /// Lines that hold a part of a secret and do not show it: those behind the first of a value that
    /// spans several, and those of a value that does not stand beside its key.
    pub(super) fn secret_lines(&self) -> BTreeSet<usize> {
        let mut lines = BTreeSet::new();
        self.collect_secret_lines(None, &mut lines);
        lines
    }

    fn collect_secret_lines(&self, key: Option<(&str, usize)>, lines: &mut BTreeSet<usize>) {
        match &self.kind {
            Kind::Scalar { text, .. } => {
                let (name, line) = key.unwrap_or(("", self.mark.line));
                if is_secret_key(name) && !text.starts_with("sqlite:") || text.contains("://") {
                    lines.extend((self.mark.line..=self.last_line).filter(|at| *at > line));
                }
            }
            Kind::List(items) => {
                items.iter().for_each(|item| item.collect_secret_lines(key, lines))
            }
            Kind::Section(section) => {
                for (key, mark, node) in &section.entries {
                    node.collect_secret_lines(Some((key, mark.line)), lines);
                }
            }
        }
    }

    fn is_visible(&self) -> bool {
        let empty = |text: &str, plain| plain && text.is_empty() && self.extra.is_none();
        matches!(&self.kind, Kind::Scalar { text, plain } if !empty(text, *plain))
    }

    fn holds(&self, part: &str) -> bool {
        self.child(part).is_some()
    }

    fn at(&self, path: &[String]) -> Option<&Self> {
        path.iter().try_fold(self, |node, part| Some(node.child(part)?.1))
    }

    fn child(&self, part: &str) -> Option<(Option<Mark>, &Self)> {
        match &self.kind {
            Kind::Scalar { .. } => None,
            Kind::List(items) => Some((None, items.get(part.parse::<usize>().ok()?)?)),
            Kind::Section(section) => {
                let (_, mark, node) = section.entries.get(*section.last.get(part)?)?;
                Some((Some(*mark), node))
            }
        }
    }
}

/// Reads a document.
///
/// # Errors
/// What prevents any further check of it.
pub(super) fn parse(text: &str) -> Result<Document, Vec<Problem>> {
    // Without a line break at the very end, readers disagree about a block that stands there.
    let text = &format!("{}\n", text.strip_suffix('\n').unwrap_or(text));
    let mut builder = Builder::new(text);
    let root = match builder.document() {
        Ok(root) if builder.problems.is_empty() => root,
        Err(error) if builder.problems.is_empty() => {
            let mark = Mark {
                line: error.marker().line().max(1),
                column: error.marker().col() + 1,
                width: 1,
            };
            return Err(vec![syntax::problem(text, mark, error.info())]);
        }
        _ => return Err(builder.problems),
    };
    let value = match serde_yaml::from_str::<Value>(text) {
        Ok(Value::Null) => Value::Object(Map::new()),
        Ok(value) => value,
        Err(error) => {
            let mut refused = Vec::new();
            agree::refuse(&root, &mut Vec::new(), &mut refused);
            if !refused.is_empty() {
                return Err(refused.into_iter().map(|finding| placed(&root, finding)).collect());
            }
            let mark = error.location().map_or(root.mark, |location| Mark {
                line: location.line(),
                column: location.column(),
                width: 1,
            });
            return Err(vec![syntax::problem(text, mark, &error.to_string())]);
        }
    };
    let mut refused = Vec::new();
    agree::compare(&root, &value, &mut Vec::new(), &mut refused);
    let doubtful = |finding: &&Finding| finding.code == Code::AmbiguousYaml;
    let whole = refused.iter().filter(doubtful).any(|finding| finding.path.is_empty());
    match syntax::odd_break(text).filter(|_| refused.iter().any(|finding| doubtful(&finding))) {
        Some(problem) => return Err(vec![problem]),
        None if whole => {
            return Err(refused.into_iter().map(|finding| placed(&root, finding)).collect());
        }
        None => {}
    }
    Ok(Document { value, root, repeated: builder.repeated, refused })
}

fn placed(root: &Node, finding: Finding) -> Problem {
    Problem {
        place: Place::Mark(root.value_mark(&finding.path)),
        code: finding.code,
        message: finding.message,
        help: finding.help,
        related: Vec::new(),
    }
}

#[cfg(test)]
mod tests;
