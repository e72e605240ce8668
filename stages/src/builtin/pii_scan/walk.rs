//! The walk over one event: every member, known and unknown, at any depth, keys and values.
//!
//! Iterative and bounded: what is nested deeper or has more values than the bounds is refused, not
//! passed over, because a part that nobody looked at may hold anything.

mod frame;

use std::borrow::Cow;

use crate::event::{Field, Member, RawEvent, RawJson, Value};
use crate::verdict::Pointer;

use self::frame::{Frame, Name, Place};
use super::detect::{self, DETECTORS, EQUALS, Text};
use super::finding::{Edit, Entity, Finding, Findings};
use super::fold::fold;
use super::keys::{Facts, Personal};
use super::parameters;
use super::readings::{may_have_readings, readings};
use super::rules::Rule;
use super::scanner::Scanner;
use super::shapes;
use super::tokens::{Token, Tokens};

/// Deepest nesting that is examined; the event itself is the first level.
pub(super) const MAX_DEPTH: usize = 32;

/// Most values that are examined in one event, containers included.
pub(super) const MAX_VALUES: usize = 256;

/// Name under which the rule on keys reports.
const KEY_RULE: &str = "key";

/// Name under which the rule on keys reports what it finds within text.
const MEMBER_RULE: &str = "key-in-text";

/// Name under which two numbers that are a position are reported.
const NUMBERS_RULE: &str = "number-pair";

/// Name under which a member is reported that holds words where its form has no room for any.
const FORM_RULE: &str = "form";

/// The text of a quoted string. What cannot be decoded is taken as it is written.
pub(super) fn unquote(quoted: &str) -> Cow<'_, str> {
    match RawJson::from_valid(quoted).value() {
        Ok(Value::Text(text)) => text,
        _ => Cow::Borrowed(quoted),
    }
}

/// The state of a walk.
pub(super) struct Walk<'s> {
    scanner: &'s Scanner,
    most: usize,
    values: usize,
    /// Position of the event's member that is being walked.
    member: usize,
    /// Inside JSON that stands in a string.
    nested: bool,
    findings: Findings<'s>,
}

impl<'s> Walk<'s> {
    /// Walks an event, until there are `most` findings.
    pub(super) fn over(scanner: &'s Scanner, event: &RawEvent<'_>, most: usize) -> Findings<'s> {
        let findings = Findings::default();
        let mut walk = Self { scanner, most, values: 0, member: 0, nested: false, findings };
        for (index, member) in event.members().iter().enumerate() {
            if walk.is_done() {
                break;
            }
            walk.member = index;
            walk.top_member(member);
        }
        walk.findings
    }

    fn is_done(&self) -> bool {
        self.findings.too_deep || self.findings.found.len() >= self.most
    }

    fn top_member(&mut self, &Member { ref key, value, field }: &Member<'_>) {
        let rules = &self.scanner.rules;
        let mut place = match field {
            Some(field) => {
                if shapes::expected(field, value) {
                    self.count_value();
                    return;
                }
                let facts = Facts {
                    version: field == Field::Version,
                    typed: field == Field::ErrorType,
                    ..Facts::default()
                };
                let mut place = Place::named(Name::Known(field.name()), facts);
                place.parameters = field == Field::Parameters;
                place.step = rules.below(rules.root(), key);
                place.rule = rules.rule(place.step);
                if let Some(entity) = shapes::intruder(field, value) {
                    self.report(entity, FORM_RULE, Edit::Drop, place, &[]);
                    self.count_value();
                    return;
                }
                place
            }
            None => self.place_under(key, &[]),
        };
        if place.rule == Some(Rule::Allow) {
            place.plain = None;
        }
        self.value(place, value.text());
    }

    /// Walks one member's value.
    fn value<'e>(&mut self, top: Place<'s>, text: &'e str) {
        let mut frames: Vec<Frame<'s, 'e>> = Vec::new();
        for token in Tokens::of(text) {
            if self.is_done() {
                return;
            }
            match (token, frames.last_mut()) {
                (Token::Close, _) => self.close(&mut frames),
                (Token::Quoted(key), Some(frame)) if frame.object && frame.next.is_none() => {
                    let key = unquote(key);
                    let place = self.place_under(&key, &frames);
                    if let Some(frame) = frames.last_mut() {
                        frame.next = Some(place);
                    }
                }
                _ => {
                    let place = frames.last_mut().map_or(top, Frame::take_place);
                    self.count_value();
                    self.one(token, place, &mut frames);
                }
            }
        }
    }

    /// A value, or the beginning of one.
    fn one<'e>(&mut self, token: Token<'e>, place: Place<'s>, frames: &mut Vec<Frame<'s, 'e>>) {
        if let Some(frame) = frames.last_mut() {
            frame.note(token, place);
        }
        match token {
            Token::Open(object) => {
                // The event and the member's own level stand above the frames.
                if frames.len() + 1 >= MAX_DEPTH {
                    self.findings.too_deep = true;
                    return;
                }
                let in_array = frames.last().is_some_and(|frame| !frame.object);
                frames.push(Frame::new(place, object, in_array, self.findings.found.len()));
            }
            Token::Number(number) => {
                if !place.plain.is_some_and(|forms| parameters::is_plain(token, forms)) {
                    self.number(number, place, frames);
                }
            }
            Token::Quoted(quoted) => {
                if !place.plain.is_some_and(|forms| parameters::is_plain(token, forms)) {
                    let text = unquote(quoted);
                    if frames.last().is_some_and(|frame| frame.names_next(place))
                        && !shapes::is_placeholder(&text)
                    {
                        let named = self.scanner.keys.facts(&text);
                        if let Some(frame) = frames.last_mut() {
                            frame.named = named.personal;
                        }
                    }
                    self.text(&text, place, frames);
                }
            }
            Token::Bool(_) | Token::Null | Token::Close => {}
        }
    }

    /// The end of a container: were its numbers a position, do its texts belong together?
    fn close(&mut self, frames: &mut Vec<Frame<'s, '_>>) {
        let Some(frame) = frames.pop() else { return };
        if let Some((first, second)) = frame.numbers()
            && !frame.place.facts.measure
            && detect::is_position(first, second)
        {
            return self.report(
                Entity::Coordinates,
                NUMBERS_RULE,
                Edit::Replace,
                frame.place,
                frames,
            );
        }
        // What is found in one of the parts need not be found in all of them again.
        if self.findings.found.len() == frame.found_before
            && let Some(joined) = frame.joined()
        {
            let text = Text::new(&joined);
            const WHOLE: [&str; 4] = ["email", "card", "iban", "token"];
            let whole = DETECTORS.iter().filter(|detector| WHOLE.contains(&detector.name));
            for detector in whole {
                if detector.finds(&text, frame.place.facts) && !self.is_done() {
                    self.report(detector.entity, detector.name, Edit::Replace, frame.place, frames);
                }
            }
        }
    }

    /// What is known of the value under a key; the key itself may be a finding.
    fn place_under(&mut self, key: &str, frames: &[Frame<'s, '_>]) -> Place<'s> {
        let scanner = self.scanner;
        let parent = frames.last();
        let above = parent.map_or(scanner.rules.root(), |frame| frame.place.step);
        let step = scanner.rules.below(above, key);
        let own = scanner.rules.rule(step);
        let rule = own.or(parent.and_then(|frame| frame.place.rule));
        if parent.is_some_and(|frame| frame.place.parameters)
            && let Some((name, forms)) = scanner.allowed.find(key)
        {
            let mut place = Place::named(Name::Known(name), Facts::default());
            (place.plain, place.step, place.rule) = (Some(forms), step, rule);
            return place;
        }
        let mut facts = scanner.keys.facts(key);
        let words = facts.personal.map(|personal| personal.words);
        if let Some(parent) = parent {
            inherit(&mut facts, parent);
        }
        let name = match (words, step) {
            (_, Some(step)) => Name::Known(scanner.rules.name(step)),
            (Some(words), _) => Name::Known(words),
            _ => Name::Hidden,
        };
        let place = Place { step, rule, ..Place::named(name, facts) };
        let folded = fold(key);
        let text = Text::new(&folded);
        if !text.is_plain() || !scanner.added.is_empty() {
            let hidden = if step.is_some() { name } else { Name::Hidden };
            let of_key = Place { key: true, name: hidden, facts: Facts::default(), ..place };
            self.detect(&text, key, of_key, frames);
        }
        place
    }

    fn number(&mut self, number: &str, place: Place<'s>, frames: &[Frame<'s, '_>]) {
        if let Some(personal) = place.facts.personal {
            let talks = personal.claim.is_some_and(|claim| shapes::number_fits(claim, number))
                || place.facts.duration
                || personal.entity == Entity::Secret && number.len() < SHORTEST_SECRET;
            if !talks {
                return self.report(personal.entity, KEY_RULE, Edit::Drop, place, frames);
            }
        }
        if number.len() >= shapes::CARD_DIGITS || !self.scanner.added.is_empty() {
            self.detect(&Text::new(number), number, place, frames);
        }
    }

    fn text(&mut self, text: &str, place: Place<'s>, frames: &[Frame<'s, '_>]) {
        if let Some(personal) = place.facts.personal
            && !shapes::is_placeholder(text)
            && !personal.claim.is_some_and(|claim| shapes::text_fits(claim, text))
        {
            if !self.scanner.rules.allows(text) {
                self.report(personal.entity, KEY_RULE, Edit::Drop, place, frames);
            }
            return;
        }
        let folded = fold(text);
        let profiled = Text::new(&folded);
        if profiled.is_plain() && !place.facts.typed && self.scanner.added.is_empty() {
            return;
        }
        let before = self.findings.found.len();
        self.detect(&profiled, text, place, frames);
        self.json(&folded, place, frames);
        if self.findings.found.len() == before && may_have_readings(&profiled) {
            for reading in readings(&profiled) {
                if self.is_done() {
                    return;
                }
                self.detect(&Text::new(&reading), text, place, frames);
                self.json(&reading, place, frames);
            }
        }
    }

    /// Walks JSON that stands in a string, once.
    fn json(&mut self, text: &str, place: Place<'s>, frames: &[Frame<'s, '_>]) {
        let text = text.trim_ascii();
        let enclosed = text.starts_with('{') && text.ends_with('}')
            || text.starts_with('[') && text.ends_with(']');
        if !enclosed || self.nested || self.is_done() {
            return;
        }
        if serde_json::from_str::<serde::de::IgnoredAny>(text).is_err() {
            return;
        }
        let (scanner, values) = (self.scanner, self.values);
        let findings = Findings::default();
        let most = self.most;
        let mut inner = Walk { scanner, most, values, member: 0, nested: true, findings };
        let mut root = Place::named(place.name, place.facts);
        root.rule = place.rule;
        inner.value(root, text);
        self.values = inner.values;
        self.findings.too_deep |= inner.findings.too_deep;
        for found in inner.findings.found {
            self.report(found.entity, found.detector, Edit::Replace, place, frames);
        }
    }

    /// Asks every detector about a text. `sent` is the text as the client wrote it.
    fn detect(&mut self, text: &Text<'_>, sent: &str, place: Place<'s>, frames: &[Frame<'s, '_>]) {
        let scanner = self.scanner;
        let before = self.findings.found.len();
        for detector in DETECTORS {
            if detector.finds(text, place.facts) {
                self.report(detector.entity, detector.name, Edit::Replace, place, frames);
                if self.is_done() {
                    break;
                }
            }
        }
        if text.profile.marks & EQUALS != 0
            && !self.is_done()
            && let Some(entity) = detect::member(text.text, &scanner.keys)
        {
            self.report(entity, MEMBER_RULE, Edit::Replace, place, frames);
        }
        for added in &scanner.added {
            if added.finds(text.text, place.word()) {
                self.report(added.entity, &added.name, Edit::Replace, place, frames);
            }
        }
        if self.findings.found.len() > before && scanner.rules.allows(sent) {
            self.findings.found.truncate(before);
        }
    }

    fn report(
        &mut self,
        entity: Entity,
        detector: &'s str,
        edit: Edit,
        place: Place<'s>,
        frames: &[Frame<'s, '_>],
    ) {
        if self.findings.found.len() >= self.most || place.rule == Some(Rule::Allow) {
            return;
        }
        let steps = frames.iter().map(|frame| frame.place.name).chain([place.name]);
        let pointer = steps.fold(Pointer::ROOT, |pointer, step| match step {
            Name::Known(name) => pointer.join(name),
            Name::Index(index) => pointer.join(&index.to_string()),
            Name::Hidden => pointer.join("*"),
        });
        let ordinals = frames.iter().enumerate().map(|(depth, frame)| {
            // The value under a key that was just read is the next one.
            let next = place.key && depth + 1 == frames.len();
            (frame.count + usize::from(next)).saturating_sub(1)
        });
        let path = std::iter::once(self.member).chain(ordinals).collect();
        let edit = if place.key { Edit::Drop } else { edit };
        let action = self.scanner.rules.action(entity, place.rule);
        self.findings.found.push(Finding { pointer, entity, detector, action, edit, path });
    }

    fn count_value(&mut self) {
        self.values += 1;
        self.findings.too_deep |= self.values > MAX_VALUES;
    }
}

/// Digits of a number below which it is no secret: `token_index: 3`.
const SHORTEST_SECRET: usize = 7;

/// What a key's parent says also holds below it: `user: {"id": 5}`.
fn inherit(facts: &mut Facts, parent: &Frame<'_, '_>) {
    let above = parent.place.facts;
    let claim = facts.personal.and_then(|personal| personal.claim);
    facts.measure |= above.measure;
    facts.duration |= above.duration;
    facts.typed |= above.typed;
    if let Some(Personal { entity: Entity::PersonName, words: "name", .. }) = facts.personal
        && above.thing
    {
        // The name of a client, a tool or a model is no person's.
        facts.personal = None;
        facts.thing = true;
        return;
    }
    if facts.personal.is_none() {
        let above = above.personal.map(|personal| Personal { claim, ..personal });
        facts.personal = above.or(parent.named.filter(|_| facts.value));
    }
}
