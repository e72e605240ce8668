//! What is looked for, as the operator configured it, and the way in.

use regex::Regex;

use crate::event::RawEvent;

use super::detect::DETECTORS;
use super::finding::{Entity, Findings};
use super::keys::Keys;
use super::parameters::Allowed;
use super::rules::Rules;
use super::validate::Validator;
use super::walk::Walk;

/// A detector that the operator added.
pub(super) struct Added {
    pub(super) name: String,
    pub(super) entity: Entity,
    pub(super) pattern: Regex,
    /// Lower-case words, one of which must stand in the text or in its key. Empty: none is needed.
    pub(super) context: Vec<String>,
    pub(super) validator: Validator,
}

impl Added {
    /// Whether a text, or a key, holds what is looked for.
    pub(super) fn finds(&self, text: &str, key: &str) -> bool {
        let announced = || {
            let (text, key) = (text.to_lowercase(), key.to_lowercase());
            self.context.iter().any(|word| text.contains(word) || key.contains(word))
        };
        self.pattern.find_iter(text).any(|hit| self.validator.accepts(hit.as_str()))
            && (self.context.is_empty() || announced())
    }
}

/// Looks for personal data in raw events.
pub struct Scanner {
    pub(super) keys: Keys,
    pub(super) allowed: Allowed,
    pub(super) added: Vec<Added>,
    pub(super) rules: Rules,
}

impl Scanner {
    pub(super) fn new(allowed: Allowed, added: Vec<Added>, rules: Rules) -> Self {
        Self { keys: Keys::new(), allowed, added, rules }
    }

    /// The built-in detectors in the order in which they are asked: name, and what they find.
    pub fn detectors() -> impl Iterator<Item = (&'static str, Entity)> {
        DETECTORS.iter().map(|detector| (detector.name, detector.entity))
    }

    /// What may be stored of an event's `parameters`, as JSON Schema. Everything else there is left out.
    pub fn parameters(&self) -> serde_json::Value {
        self.allowed.schema()
    }

    /// Everything that is found in one event.
    pub fn scan(&self, event: &RawEvent<'_>) -> Findings<'_> {
        self.examine(event, usize::MAX)
    }

    /// What is found in one event, until there are `most` findings.
    pub(super) fn examine(&self, event: &RawEvent<'_>, most: usize) -> Findings<'_> {
        Walk::over(self, event, most)
    }
}
