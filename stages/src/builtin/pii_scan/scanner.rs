//! The walk over one event: every member, known and unknown, at any depth, keys and values.
//!
//! Iterative and bounded: what is nested deeper or has more values than the bounds is refused, not
//! passed over, because a part that nobody looked at may hold anything.

use std::borrow::Cow;

use regex::Regex;

use crate::event::{Field, RawEvent, RawJson, Value};
use crate::verdict::Pointer;

use super::detect::{self, DETECTORS, EQUALS, Profile};
use super::finding::{Entity, Finding, Findings};
use super::fold::fold;
use super::keys::{Facts, Keys, Personal};
use super::parameters::{self, Allowed, Forms};
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

/// A detector that the operator added.
pub(super) struct Added {
    pub(super) name: String,
    pub(super) pattern: Regex,
}

/// Looks for personal data in raw events.
pub struct Scanner {
    keys: Keys,
    pub(super) allowed: Allowed,
    added: Vec<Added>,
}

impl Scanner {
    pub(super) fn new(allowed: Allowed, added: Vec<Added>) -> Self {
        Self { keys: Keys::new(), allowed, added }
    }

    /// Everything that is found in one event.
    pub fn scan(&self, event: &RawEvent<'_>) -> Findings<'_> {
        self.examine(event, usize::MAX)
    }

    /// What is found in one event, until there are `most` findings.
    pub(super) fn examine(&self, event: &RawEvent<'_>, most: usize) -> Findings<'_> {
        let mut walk = Walk { scanner: self, most, values: 0, findings: Findings::default() };
        for member in event.members() {
            if walk.is_done() {
                break;
            }
            walk.top_member(&member.key, member.value);
        }
        walk.findings
    }
}

/// The text of a quoted string. What cannot be decoded is taken as it is written.
pub(super) fn unquote(quoted: &str) -> Cow<'_, str> {
    match RawJson::from_valid(quoted).value() {
        Ok(Value::Text(text)) => text,
        _ => Cow::Borrowed(quoted),
    }
}

/// How a step of a pointer is shown.
#[derive(Clone, Copy)]
enum Name<'s> {
    /// A name that the product or the operator chose.
    Known(&'s str),
    /// A position in an array.
    Index(usize),
    /// A key that is input.
    Hidden,
}

/// What is known of a value before it is looked at.
#[derive(Clone, Copy)]
struct Place<'s> {
    name: Name<'s>,
    facts: Facts,
    /// Forms in which the value needs no look at all.
    plain: Option<Forms>,
    /// The value is all parameters.
    parameters: bool,
}

impl<'s> Place<'s> {
    const fn named(name: Name<'s>, facts: Facts) -> Self {
        Self { name, facts, plain: None, parameters: false }
    }
}

/// A container that is being walked.
#[derive(Clone, Copy)]
struct Frame<'s, 'e> {
    place: Place<'s>,
    object: bool,
    /// Values seen so far.
    count: usize,
    /// In an object: the place of the value whose key was just read.
    next: Option<Place<'s>>,
    /// Two numbers that may be a position: an array's first two, or an abscissa and an ordinate.
    numbers: [Option<&'e str>; 2],
}

struct Walk<'s> {
    scanner: &'s Scanner,
    most: usize,
    values: usize,
    findings: Findings<'s>,
}

impl<'s> Walk<'s> {
    fn is_done(&self) -> bool {
        self.findings.too_deep || self.findings.found.len() >= self.most
    }

    fn top_member(&mut self, key: &str, value: RawJson<'_>) {
        let place = match Field::named(key) {
            Some(field) => {
                if shapes::expected(field, value) {
                    self.count_value();
                    return;
                }
                let version = field == Field::Version;
                let facts = Facts { version, ..Facts::default() };
                let mut place = Place::named(Name::Known(field.name()), facts);
                place.parameters = field == Field::Parameters;
                place
            }
            None => self.place_under(key, &[]),
        };
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
        match token {
            Token::Open(object) => {
                // The event and the member's own level stand above the frames.
                if frames.len() + 1 >= MAX_DEPTH {
                    self.findings.too_deep = true;
                    return;
                }
                frames.push(Frame { place, object, count: 0, next: None, numbers: [None; 2] });
            }
            Token::Number(number) => {
                if let Some(frame) = frames.last_mut() {
                    frame.note_number(number, place);
                }
                if !place.plain.is_some_and(|forms| parameters::is_plain(token, forms)) {
                    self.number(number, place, frames);
                }
            }
            Token::Quoted(quoted) => {
                if !place.plain.is_some_and(|forms| parameters::is_plain(token, forms)) {
                    self.text(&unquote(quoted), place, frames);
                }
            }
            Token::Bool | Token::Null | Token::Close => {}
        }
    }

    /// The end of a container: were its numbers a position?
    fn close(&mut self, frames: &mut Vec<Frame<'s, '_>>) {
        let Some(frame) = frames.pop() else { return };
        if let [Some(first), Some(second)] = frame.numbers
            && (frame.object || frame.count == 2)
            && !frame.place.facts.measure
            && detect::is_position(first, second)
        {
            self.report(Entity::Coordinates, NUMBERS_RULE, frame.place.name, frames);
        }
    }

    /// What is known of the value under a key; the key itself may be a finding.
    fn place_under(&mut self, key: &str, frames: &[Frame<'s, '_>]) -> Place<'s> {
        let parent = frames.last();
        if parent.is_some_and(|frame| frame.place.parameters)
            && let Some((name, forms)) = self.scanner.allowed.find(key)
        {
            let mut place = Place::named(Name::Known(name), Facts::default());
            place.plain = Some(forms);
            return place;
        }
        let mut facts = self.scanner.keys.facts(key);
        let words = facts.personal.map(|personal| personal.words);
        if let Some(parent) = parent {
            inherit(&mut facts, parent.place.facts);
        }
        let name = words.map_or(Name::Hidden, Name::Known);
        let key = fold(key);
        let profile = Profile::of(&key);
        self.detect(&key, profile, Place::named(Name::Hidden, Facts::default()), frames);
        Place::named(name, facts)
    }

    fn number(&mut self, number: &str, place: Place<'s>, frames: &[Frame<'s, '_>]) {
        if let Some(personal) = place.facts.personal {
            let talks = personal.claim.is_some_and(|claim| shapes::number_fits(claim, number));
            if !talks {
                return self.report(personal.entity, KEY_RULE, place.name, frames);
            }
        }
        if number.len() >= shapes::CARD_DIGITS {
            self.detect(number, Profile::of(number), place, frames);
        }
    }

    fn text(&mut self, text: &str, place: Place<'s>, frames: &[Frame<'s, '_>]) {
        if let Some(personal) = place.facts.personal
            && !shapes::is_placeholder(text)
            && !personal.claim.is_some_and(|claim| shapes::text_fits(claim, text))
        {
            return self.report(personal.entity, KEY_RULE, place.name, frames);
        }
        let text = fold(text);
        self.detect(&text, Profile::of(&text), place, frames);
    }

    fn detect(&mut self, text: &str, profile: Profile, place: Place<'s>, frames: &[Frame<'s, '_>]) {
        let scanner = self.scanner;
        for detector in DETECTORS {
            if detector.finds(text, profile, place.facts) {
                self.report(detector.entity, detector.name, place.name, frames);
                if self.is_done() {
                    return;
                }
            }
        }
        if profile.marks & EQUALS != 0
            && let Some(entity) = detect::member(text, &scanner.keys)
        {
            self.report(entity, MEMBER_RULE, place.name, frames);
        }
        for added in &scanner.added {
            if added.pattern.is_match(text) {
                self.report(Entity::Custom, &added.name, place.name, frames);
            }
        }
    }

    fn report(
        &mut self,
        entity: Entity,
        detector: &'s str,
        name: Name<'s>,
        frames: &[Frame<'s, '_>],
    ) {
        if self.findings.found.len() >= self.most {
            return;
        }
        let steps = frames.iter().map(|frame| frame.place.name).chain(std::iter::once(name));
        let pointer = steps.fold(Pointer::ROOT, |pointer, step| match step {
            Name::Known(name) => pointer.join(name),
            Name::Index(index) => pointer.join(&index.to_string()),
            Name::Hidden => pointer.join("*"),
        });
        self.findings.found.push(Finding { pointer, entity, detector });
    }

    fn count_value(&mut self) {
        self.values += 1;
        self.findings.too_deep |= self.values > MAX_VALUES;
    }
}

impl<'s, 'e> Frame<'s, 'e> {
    /// The place of the next value.
    fn take_place(&mut self) -> Place<'s> {
        let index = self.count;
        self.count += 1;
        self.next.take().unwrap_or_else(|| {
            let mut place = Place::named(Name::Index(index), self.place.facts);
            place.plain = self.place.plain.and_then(parameters::elements);
            place
        })
    }

    fn note_number(&mut self, number: &'e str, place: Place<'_>) {
        let seat = if self.object { place.facts.axis } else { self.count.checked_sub(1) };
        if let Some(seat) = seat.and_then(|seat| self.numbers.get_mut(seat)) {
            *seat = Some(number);
        }
    }
}

/// What a key's parent says also holds below it: `user: {"id": 5}`.
fn inherit(facts: &mut Facts, parent: Facts) {
    let claim = facts.personal.and_then(|personal| personal.claim);
    facts.measure |= parent.measure;
    if let Some(Personal { entity: Entity::PersonName, words: "name", .. }) = facts.personal
        && parent.thing
    {
        // The name of a client, a tool or a model is no person's.
        facts.personal = None;
        return;
    }
    if facts.personal.is_none() {
        facts.personal = parent.personal.map(|personal| Personal { claim, ..personal });
    }
}
