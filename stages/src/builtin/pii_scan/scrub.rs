//! Mending an event: what was found is replaced or left out, everything else stays as it was sent.
//!
//! The event is written anew as JSON text, because the one that was sent is borrowed from the body.
//! It is scanned again afterwards, by the stage: what is mended must be clean, or is refused.

use crate::event::{Field, RawEvent, RawJson};

use super::config::Action;
use super::finding::{Edit, Entity, Finding};
use super::tokens::{Token, Tokens};

/// Writes the event without what was found.
pub(super) fn mended(event: &RawEvent<'_>, findings: &[Finding<'_>]) -> String {
    let mut text = String::from("{");
    for (index, member) in event.members().iter().enumerate() {
        let within: Vec<&Finding<'_>> =
            findings.iter().filter(|finding| finding.path.first() == Some(&index)).collect();
        let whole = within.iter().find(|finding| finding.path.len() == 1);
        let field = member.field;
        let value = match whole {
            Some(finding) => match replacement(finding, field) {
                Some(placeholder) => placeholder,
                None => continue,
            },
            None if within.is_empty() => member.value.text().to_owned(),
            None => Writer::new(&within).write(member.value),
        };
        if text.len() > 1 {
            text.push(',');
        }
        text.push_str(&serde_json::Value::from(member.key.as_ref()).to_string());
        text.push(':');
        text.push_str(&value);
    }
    text.push('}');
    text
}

/// What stands in place of a whole member; `None` when it is left out. Known members have forms that
/// leave no room for a placeholder, but for the error's, which takes the type as an identifier.
fn replacement(finding: &Finding<'_>, field: Option<Field>) -> Option<String> {
    if is_dropped(finding) {
        return None;
    }
    match field {
        None | Some(Field::Parameters) => Some(format!("\"{}\"", finding.entity.placeholder())),
        Some(Field::ErrorType) => Some(format!("\"{}\"", finding.entity.as_str())),
        Some(_) => None,
    }
}

/// Whether a finding's member is left out, instead of its value replaced.
pub(super) fn is_dropped(finding: &Finding<'_>) -> bool {
    finding.action == Action::DropField || finding.edit == Edit::Drop
}

/// Writes one member's value with findings below it.
struct Writer<'f> {
    /// Places in the value, and what becomes of each.
    edits: Vec<(&'f [usize], Option<Entity>)>,
    /// Position in every open container.
    path: Vec<usize>,
    text: String,
    /// Depth of the container that is passed over.
    skipped: Option<usize>,
}

impl<'f> Writer<'f> {
    fn new(findings: &[&'f Finding<'f>]) -> Self {
        let edit = |finding: &&'f Finding<'f>| {
            let placeholder = (!is_dropped(finding)).then_some(finding.entity);
            (finding.path.get(1..).unwrap_or_default(), placeholder)
        };
        let edits = findings.iter().map(edit).collect();
        Self { edits, path: Vec::new(), text: String::new(), skipped: None }
    }

    fn write(mut self, value: RawJson<'_>) -> String {
        let mut objects: Vec<bool> = Vec::new();
        let mut key: Option<&str> = None;
        for token in Tokens::of(value.text()) {
            match token {
                Token::Close => {
                    let object = objects.pop() == Some(true);
                    self.path.pop();
                    match self.skipped {
                        None => self.text.push(if object { '}' } else { ']' }),
                        Some(depth) if depth == objects.len() => self.skipped = None,
                        Some(_) => {}
                    }
                }
                Token::Quoted(name) if objects.last() == Some(&true) && key.is_none() => {
                    key = Some(name);
                    continue;
                }
                Token::Open(object) => {
                    self.value(token, key.take(), objects.len());
                    objects.push(object);
                    self.path.push(0);
                    continue;
                }
                _ => self.value(token, key.take(), objects.len()),
            }
            if let Some(last) = self.path.last_mut() {
                *last += 1;
            }
        }
        self.text
    }

    /// Writes one value or its beginning, or what stands in its place.
    fn value(&mut self, token: Token<'_>, key: Option<&str>, depth: usize) {
        if self.skipped.is_some() {
            return;
        }
        let edit = self.edits.iter().find(|(path, _)| *path == self.path).map(|(_, edit)| *edit);
        if edit.is_some() && matches!(token, Token::Open(_)) {
            self.skipped = Some(depth);
        }
        if edit == Some(None) {
            return;
        }
        if !(self.text.is_empty() || self.text.ends_with(['{', '['])) {
            self.text.push(',');
        }
        if let Some(key) = key {
            self.text.push_str(key);
            self.text.push(':');
        }
        match (edit.flatten(), token) {
            (Some(entity), _) => {
                self.text.push('"');
                self.text.push_str(entity.placeholder());
                self.text.push('"');
            }
            (None, Token::Open(true)) => self.text.push('{'),
            (None, Token::Open(false)) => self.text.push('['),
            (None, Token::Quoted(text) | Token::Number(text)) => self.text.push_str(text),
            (None, Token::Bool(value)) => self.text.push_str(if value { "true" } else { "false" }),
            (None, Token::Null) => self.text.push_str("null"),
            (None, Token::Close) => {}
        }
    }
}
