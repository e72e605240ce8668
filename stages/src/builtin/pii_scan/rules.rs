//! What the operator decided: what a finding does to its event, by type and by place, and what is no
//! finding although it looks like one.

use regex::Regex;

use super::config::Action;
use super::finding::Entity;

/// What holds at a place and below it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rule {
    /// Nothing there is personal data.
    Allow,
    /// A finding there has this consequence.
    Act(Action),
}

/// A step of a place that the operator named.
#[derive(Default)]
struct Node {
    name: String,
    rule: Option<Rule>,
    children: Vec<usize>,
}

/// Everything that the operator decided.
pub(super) struct Rules {
    default: Action,
    by_type: Vec<(Entity, Action)>,
    /// Named places; the first is the event itself.
    places: Vec<Node>,
    values: Vec<String>,
    patterns: Vec<Regex>,
}

/// A place that leads to one that the operator named.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Step(usize);

impl Rules {
    pub(super) fn new(
        default: Action,
        by_type: Vec<(Entity, Action)>,
        values: Vec<String>,
        patterns: Vec<Regex>,
    ) -> Self {
        Self { default, by_type, places: vec![Node::default()], values, patterns }
    }

    /// Adds a rule for a place, given as a JSON pointer.
    pub(super) fn add(&mut self, pointer: &str, rule: Rule) {
        let mut at = 0;
        for name in pointer.split('/').skip(1) {
            let name = name.replace("~1", "/").replace("~0", "~");
            at = match self.child(at, &name) {
                Some(child) => child,
                None => {
                    self.places.push(Node { name, ..Node::default() });
                    let child = self.places.len() - 1;
                    self.places[at].children.push(child);
                    child
                }
            };
        }
        self.places[at].rule = Some(rule);
    }

    fn child(&self, at: usize, name: &str) -> Option<usize> {
        let children = self.places.get(at)?.children.iter().copied();
        children.into_iter().find(|child| self.places.get(*child).is_some_and(|n| n.name == name))
    }

    /// The event itself, when any place below it was named.
    pub(super) fn root(&self) -> Option<Step> {
        (self.places.len() > 1).then_some(Step(0))
    }

    /// The place under a key, when it was named or leads to one that was.
    pub(super) fn below(&self, step: Option<Step>, key: &str) -> Option<Step> {
        self.child(step?.0, key).map(Step)
    }

    /// The name of a step, which the operator wrote.
    pub(super) fn name(&self, step: Step) -> &str {
        self.places.get(step.0).map_or("", |node| &node.name)
    }

    /// The rule of a place itself.
    pub(super) fn rule(&self, step: Option<Step>) -> Option<Rule> {
        self.places.get(step?.0)?.rule
    }

    /// What a finding does: the rule of the nearest place, else of its type, else the general one.
    pub(super) fn action(&self, entity: Entity, place: Option<Rule>) -> Action {
        if let Some(Rule::Act(action)) = place {
            return action;
        }
        let own = self.by_type.iter().find(|(known, _)| *known == entity);
        own.map_or(self.default, |(_, action)| *action)
    }

    /// Whether every finding has the consequence that the event is refused.
    pub(super) fn always_reject(&self) -> bool {
        let reject = |action: &Action| *action == Action::Reject;
        reject(&self.default)
            && self.by_type.iter().all(|(_, action)| reject(action))
            && self
                .places
                .iter()
                .all(|n| n.rule.is_none_or(|r| r == Rule::Allow || r == Rule::Act(Action::Reject)))
    }

    /// Whether the operator said that a text is no personal data.
    pub(super) fn allows(&self, text: &str) -> bool {
        self.values.iter().any(|value| value == text.trim())
            || self.patterns.iter().any(|pattern| {
                pattern.find(text).is_some_and(|hit| hit.start() == 0 && hit.end() == text.len())
            })
    }
}
