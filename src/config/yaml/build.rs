//! Places of keys and values, from the events of a parser that knows them.

use std::collections::BTreeMap;

use saphyr_parser::{Event, Parser, ScalarStyle, ScanError, Span, StrInput};

use super::agree::is_null;
use super::{Extra, Kind, Node, Section};
use crate::config::codes::Code;
use crate::config::excerpt;
use crate::config::problem::{Mark, Place, Problem, Related, plain_name};

/// Levels of lists and sections; the file needs six.
const MAX_DEPTH: usize = 32;

pub(super) struct Builder<'t> {
    parser: Parser<'t, StrInput<'t>>,
    lines: Vec<&'t str>,
    /// Reasons to refuse the document.
    pub(super) problems: Vec<Problem>,
    /// Keys that stand twice.
    pub(super) repeated: Vec<Problem>,
}

impl<'t> Builder<'t> {
    pub(super) fn new(text: &'t str) -> Self {
        Self {
            parser: Parser::new_from_str(text),
            lines: excerpt::lines(text),
            problems: Vec::new(),
            repeated: Vec::new(),
        }
    }

    /// Reads the whole text.
    pub(super) fn document(&mut self) -> Result<Node, ScanError> {
        let mut root = None;
        while let Some(event) = self.parser.next() {
            let (Event::DocumentStart(_), span) = event? else { continue };
            if root.is_some() {
                let help = "remove the line `---`, or what is not needed";
                self.problem(span, Code::SeveralDocuments, "here a second document begins", help);
            }
            let event = self.next()?;
            let node = self.node(event, 0)?;
            root.get_or_insert(node);
        }
        let empty =
            |node: &Node| matches!(&node.kind, Kind::Scalar { text, plain: true } if is_null(text));
        Ok(root.filter(|node| !empty(node)).unwrap_or_else(Node::empty))
    }

    fn next(&mut self) -> Result<(Event<'t>, Span), ScanError> {
        // The parser ends every document that it begins, or fails.
        self.parser.next().unwrap_or(Ok((Event::Nothing, Span::default())))
    }

    fn node(&mut self, event: (Event<'t>, Span), depth: usize) -> Result<Node, ScanError> {
        let (event, span) = event;
        if depth > MAX_DEPTH {
            return Err(ScanError::new_str(span.start, "recursion limit exceeded"));
        }
        let (mut mark, mut last_line) = (self.mark(span), last_line(span));
        let (kind, extra) = match event {
            Event::Scalar(text, style, anchor, tag) => {
                let plain = style == ScalarStyle::Plain;
                (Kind::Scalar { text: text.into_owned(), plain }, extra(anchor, tag.is_some()))
            }
            Event::SequenceStart(anchor, tag) => {
                let mut items: Vec<Node> = Vec::new();
                loop {
                    match self.next()? {
                        (Event::SequenceEnd | Event::Nothing, _) => break,
                        item => items.push(self.node(item, depth + 1)?),
                    }
                }
                last_line = items.last().map_or(last_line, |item| item.last_line);
                (Kind::List(items), extra(anchor, tag.is_some()))
            }
            Event::MappingStart(anchor, tag) => {
                let section = self.section(depth)?;
                // A section without brackets begins with its first key.
                mark = match section.entries.first() {
                    Some((_, key, _)) if (key.line, key.column) == (mark.line, mark.column) => *key,
                    _ => mark,
                };
                last_line = section.entries.last().map_or(last_line, |(.., node)| node.last_line);
                (Kind::Section(section), extra(anchor, tag.is_some()))
            }
            _ => (Kind::Scalar { text: String::new(), plain: true }, Some(Extra::Reference)),
        };
        Ok(Node { mark, last_line, kind, extra })
    }

    fn section(&mut self, depth: usize) -> Result<Section, ScanError> {
        let mut section = Section::default();
        let mut firsts: BTreeMap<String, Mark> = BTreeMap::new();
        let mut told = false;
        loop {
            let (event, span) = self.next()?;
            if matches!(event, Event::MappingEnd | Event::Nothing) {
                return Ok(section);
            }
            let key = self.node((event, span), depth + 1)?;
            let value = self.next()?;
            let mut value = self.node(value, depth + 1)?;
            value.extra = value.extra.or(key.extra);
            let Kind::Scalar { text, .. } = key.kind else {
                let help = "close the bracket before it, or put it in quotes if it is a key";
                let message = "a bracket stands where a key should";
                if !std::mem::replace(&mut told, true) {
                    self.problem(span, Code::KeyNotText, message, help);
                }
                continue;
            };
            match firsts.get(&text) {
                Some(first) => self.repeated.push(repeated(&text, key.mark, *first)),
                None => {
                    firsts.insert(text.clone(), key.mark);
                }
            }
            section.last.insert(text.clone(), section.entries.len());
            section.entries.push((text, key.mark, value));
        }
    }

    fn problem(&mut self, span: Span, code: Code, message: &str, help: &str) {
        self.problems.push(Problem {
            place: Place::Mark(self.mark(span)),
            code,
            message: message.to_owned(),
            help: vec![help.to_owned()],
            related: Vec::new(),
        });
    }

    /// What a span covers of its first line.
    fn mark(&self, span: Span) -> Mark {
        let (line, first) = (span.start.line().max(1), span.start.col());
        let end = if line == span.end.line() {
            span.end.col()
        } else {
            self.lines.get(line - 1).map_or(first, |line| line.trim_end().chars().count())
        };
        Mark { line, column: first + 1, width: end.saturating_sub(first).max(1) }
    }
}

/// A value that ends with a line break ends before the next line.
fn last_line(span: Span) -> usize {
    let end = span.end.line();
    if span.end.col() == 0 && end > span.start.line() { end - 1 } else { end }
}

fn extra(anchor: usize, tag: bool) -> Option<Extra> {
    match (anchor, tag) {
        (0, false) => None,
        (0, true) => Some(Extra::Tag),
        _ => Some(Extra::Reference),
    }
}

fn repeated(key: &str, mark: Mark, first: Mark) -> Problem {
    Problem {
        place: Place::Mark(mark),
        code: Code::DuplicateKey,
        message: format!("{} stands twice in its section", plain_name(key, "this key")),
        help: vec!["keep one of the two".to_owned()],
        related: vec![Related { mark: first, message: "it stands here first".to_owned() }],
    }
}
