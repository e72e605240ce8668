//! pipeline.yaml as values and as places: what stands where.
//!
//! `serde_yaml` gives the values, a second parser gives the place of each key and value. Both must
//! read the same document: where they differ, the document is refused instead of guessed at.

use std::collections::{BTreeMap, BTreeSet};

use saphyr_parser::{Event, Parser, ScalarStyle, ScanError, Span};
use serde_json::{Map, Value};

use super::problem::{Finding, Mark, Path, Place, Problem};

/// Levels of lists and sections; the file needs six.
const MAX_DEPTH: usize = 32;

/// A document: values, and where they stand.
#[derive(Debug)]
pub(super) struct Document {
    /// The values. Where a key stands twice, the last.
    pub(super) value: Value,
    /// Where they stand.
    pub(super) root: Node,
}

/// A value's place, and those of everything in it.
#[derive(Debug)]
pub(super) struct Node {
    mark: Mark,
    kind: Kind,
}

#[derive(Debug)]
enum Kind {
    Scalar { text: String, plain: bool },
    List(Vec<Node>),
    Section(Vec<(String, Mark, Node)>),
}

impl Node {
    fn empty() -> Self {
        Self { mark: Mark { line: 1, column: 1, width: 1 }, kind: Kind::Section(Vec::new()) }
    }

    /// The place of the value at a path, or of the nearest thing around it that is in the file.
    pub(super) fn value_mark(&self, path: &[String]) -> Mark {
        match path.split_first() {
            None => self.mark,
            Some((part, rest)) => match self.child(part) {
                // A section starts where its first key stands, which says less than its own key.
                Some((Some(key), child)) if !matches!(child.kind, Kind::Scalar { .. }) => {
                    if rest.is_empty() || child.child(&rest[0]).is_none() {
                        key
                    } else {
                        child.value_mark(rest)
                    }
                }
                Some((_, child)) => child.value_mark(rest),
                None => self.mark,
            },
        }
    }

    /// The place of the last key of a path, or of the nearest thing around it.
    pub(super) fn key_mark(&self, path: &[String]) -> Mark {
        let Some((last, parents)) = path.split_last() else { return self.mark };
        let parent = parents.iter().try_fold(self, |node, part| Some(node.child(part)?.1));
        match parent.and_then(|node| node.child(last)) {
            Some((Some(key), _)) => key,
            _ => self.value_mark(path),
        }
    }

    /// Whether the file says anything at a path.
    pub(super) fn has(&self, path: &[String]) -> bool {
        path.iter().try_fold(self, |node, part| Some(node.child(part)?.1)).is_some()
    }

    fn child(&self, part: &str) -> Option<(Option<Mark>, &Self)> {
        match &self.kind {
            Kind::Scalar { .. } => None,
            Kind::List(items) => Some((None, items.get(part.parse::<usize>().ok()?)?)),
            Kind::Section(entries) => entries
                .iter()
                .rev()
                .find(|(key, ..)| key == part)
                .map(|(_, mark, node)| (Some(*mark), node)),
        }
    }
}

/// Reads a document, and reports keys that stand twice. These do not prevent further checks of it;
/// anything in `Err` does.
pub(super) fn parse(text: &str) -> Result<(Document, Vec<Problem>), Vec<Problem>> {
    // Without a line break at the very end, readers disagree about a block that stands there.
    let text = &format!("{}\n", text.strip_suffix('\n').unwrap_or(text));
    let parser = Parser::new_from_str(text);
    let mut builder = Builder { parser, problems: Vec::new(), repeated: Vec::new() };
    let root = match builder.document() {
        Ok(root) => root,
        Err(error) => {
            let mark = Mark {
                line: error.marker().line().max(1),
                column: error.marker().col() + 1,
                width: 1,
            };
            return Err(vec![syntax(mark, error.info())]);
        }
    };
    if !builder.problems.is_empty() {
        return Err(builder.problems);
    }
    let value = match serde_yaml::from_str::<Value>(text) {
        Ok(Value::Null) => Value::Object(Map::new()),
        Ok(value) => value,
        Err(error) => {
            let mark = error.location().map_or(root.mark, |location| Mark {
                line: location.line(),
                column: location.column(),
                width: 1,
            });
            return Err(vec![syntax(mark, "what stands here may need quotes")]);
        }
    };
    let mut findings = Vec::new();
    compare(&root, &value, &mut Vec::new(), &mut findings);
    if findings.is_empty() {
        return Ok((Document { value, root }, builder.repeated));
    }
    let placed = |finding: Finding| Problem {
        place: Place::Mark(root.value_mark(&finding.path)),
        code: finding.code,
        message: finding.message,
        help: finding.help,
    };
    Err(findings.into_iter().map(placed).collect())
}

const AMBIGUOUS: &str = "ambiguous_yaml";

fn syntax(mark: Mark, why: &str) -> Problem {
    Problem {
        place: Place::Mark(mark),
        code: "yaml_syntax",
        message: format!("the file is not valid YAML: {why}"),
        help: vec!["check indentation, colons and quotes here and on the line above".to_owned()],
    }
}

fn repeated(key: &str, mark: Mark, first: usize) -> Problem {
    Problem {
        place: Place::Mark(mark),
        code: "duplicate_key",
        message: format!("`{key}` stands twice in its section"),
        help: vec![format!("the first stands in line {first}; keep one of them")],
    }
}

struct Builder<'t> {
    parser: Parser<'t, saphyr_parser::StrInput<'t>>,
    /// Reasons to refuse the document.
    problems: Vec<Problem>,
    /// Keys that stand twice.
    repeated: Vec<Problem>,
}

impl<'t> Builder<'t> {
    fn document(&mut self) -> Result<Node, ScanError> {
        let mut root = None;
        while let Some(event) = self.parser.next() {
            match event? {
                (Event::StreamStart | Event::StreamEnd | Event::Nothing, _) => {}
                (Event::DocumentStart(_), span) => {
                    if root.is_some() {
                        self.problem(span, "several_documents", "the file holds a second document");
                    }
                    let event = self.next()?;
                    let node = self.node(event, 0)?;
                    root.get_or_insert(node);
                }
                _ => {}
            }
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
            self.problem(span, "too_deep", "the file is nested deeper than it can need to be");
            return Err(ScanError::new_str(span.start, "nested too deep"));
        }
        let kind = match event {
            Event::Scalar(text, style, anchor, tag) => {
                self.refuse_extras(span, anchor, tag.is_some());
                Kind::Scalar { text: text.into_owned(), plain: style == ScalarStyle::Plain }
            }
            Event::SequenceStart(anchor, tag) => {
                self.refuse_extras(span, anchor, tag.is_some());
                let mut items = Vec::new();
                loop {
                    match self.next()? {
                        (Event::SequenceEnd | Event::Nothing, _) => break,
                        item => items.push(self.node(item, depth + 1)?),
                    }
                }
                Kind::List(items)
            }
            Event::MappingStart(anchor, tag) => {
                self.refuse_extras(span, anchor, tag.is_some());
                Kind::Section(self.entries(depth)?)
            }
            _ => {
                self.refuse_extras(span, 1, false);
                Kind::Scalar { text: String::new(), plain: true }
            }
        };
        Ok(Node { mark: mark_of(span), kind })
    }

    fn entries(&mut self, depth: usize) -> Result<Vec<(String, Mark, Node)>, ScanError> {
        let mut entries = Vec::new();
        let mut lines = BTreeMap::new();
        loop {
            let (event, span) = self.next()?;
            if matches!(event, Event::MappingEnd | Event::Nothing) {
                return Ok(entries);
            }
            let key = self.node((event, span), depth + 1)?;
            let value = self.next()?;
            let value = self.node(value, depth + 1)?;
            match key.kind {
                Kind::Scalar { text, .. } => {
                    match lines.get(&text) {
                        Some(line) => self.repeated.push(repeated(&text, key.mark, *line)),
                        None => {
                            lines.insert(text.clone(), key.mark.line);
                        }
                    }
                    entries.push((text, key.mark, value));
                }
                _ => self.problem(span, "key_not_text", "a list or section stands as a key"),
            }
        }
    }

    fn refuse_extras(&mut self, span: Span, anchor: usize, tag: bool) {
        if anchor != 0 {
            self.problem(
                span,
                "no_anchors",
                "anchors (`&name`) and aliases (`*name`) are not used",
            );
        }
        if tag {
            self.problem(span, "no_tags", "tags (`!name`) are not used");
        }
    }

    fn problem(&mut self, span: Span, code: &'static str, message: &str) {
        let help = match code {
            "no_anchors" => "write the value itself; text that starts with & or * needs quotes",
            "no_tags" => "remove the tag; text that starts with ! needs quotes",
            "several_documents" => "remove the line `---` and what is not needed",
            "key_not_text" => "text that starts with [ or { needs quotes",
            _ => "compare it with the shipped pipeline.yaml",
        };
        self.problems.push(Problem {
            place: Place::Mark(mark_of(span)),
            code,
            message: message.to_owned(),
            help: vec![help.to_owned()],
        });
    }
}

fn mark_of(span: Span) -> Mark {
    let one_line = span.start.line() == span.end.line();
    let width = if one_line { span.end.col().saturating_sub(span.start.col()) } else { 1 };
    Mark { line: span.start.line().max(1), column: span.start.col() + 1, width: width.max(1) }
}

/// Whether both parsers read the same.
fn compare(node: &Node, value: &Value, path: &mut Path, findings: &mut Vec<Finding>) {
    let same = match (&node.kind, value) {
        (Kind::Scalar { text, plain }, value) => same_scalar(text, *plain, value),
        (Kind::List(nodes), Value::Array(values)) => {
            for (index, (node, value)) in nodes.iter().zip(values).enumerate() {
                path.push(index.to_string());
                compare(node, value, path, findings);
                path.pop();
            }
            nodes.len() == values.len()
        }
        (Kind::Section(entries), Value::Object(values)) => {
            compare_section(entries, values, path, findings)
        }
        _ => false,
    };
    if !same {
        let message = "YAML readers disagree about what this says";
        findings.push(
            Finding::value(path, AMBIGUOUS, message)
                .help("write the value in quotes, on one line, without unusual line breaks"),
        );
    }
}

fn compare_section(
    entries: &[(String, Mark, Node)],
    values: &Map<String, Value>,
    path: &mut Path,
    findings: &mut Vec<Finding>,
) -> bool {
    let mut names = BTreeSet::new();
    // The last of two equal keys is the one that counts, so look from the end.
    for (key, _, node) in entries.iter().rev() {
        if names.insert(key.as_str())
            && let Some(value) = values.get(key)
        {
            path.push(key.clone());
            compare(node, value, path, findings);
            path.pop();
        }
    }
    names.len() == values.len() && names.iter().all(|name| values.contains_key(*name))
}

fn same_scalar(text: &str, plain: bool, value: &Value) -> bool {
    match value {
        Value::String(value) => value == text,
        _ if !plain => false,
        Value::Null => is_null(text),
        Value::Bool(value) => matches!(
            (text, *value),
            ("true" | "True" | "TRUE", true) | ("false" | "False" | "FALSE", false)
        ),
        Value::Number(number) => same_number(text, number),
        Value::Array(_) | Value::Object(_) => false,
    }
}

fn is_null(text: &str) -> bool {
    matches!(text, "" | "~" | "null" | "Null" | "NULL")
}

fn same_number(text: &str, number: &serde_json::Number) -> bool {
    let digits = text.strip_prefix('+').unwrap_or(text);
    if let Some(value) = number.as_i128() {
        let radix = |prefix, radix| {
            digits.strip_prefix(prefix).and_then(|d| i128::from_str_radix(d, radix).ok())
        };
        let read = digits.parse().ok().or_else(|| radix("0x", 16)).or_else(|| radix("0o", 8));
        return read == Some(value);
    }
    text.parse::<f64>().ok() == number.as_f64()
}

#[cfg(test)]
mod tests;
