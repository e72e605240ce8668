//! A container while it is walked: where it stands, and what its members say together.

use super::super::keys::{Facts, Personal};
use super::super::parameters::{self, Forms};
use super::super::rules::{Rule, Step};
use super::super::tokens::Token;

/// Most values of a container that are taken together.
const JOINED: usize = 4;
/// Most bytes of them.
const JOINED_BYTES: usize = 64;

/// How a step of a pointer is shown.
#[derive(Clone, Copy)]
pub(super) enum Name<'s> {
    /// A name that the product or the operator chose.
    Known(&'s str),
    /// A position in an array.
    Index(usize),
    /// A key that is input.
    Hidden,
}

/// What is known of a value before it is looked at.
#[derive(Clone, Copy)]
pub(super) struct Place<'s> {
    pub(super) name: Name<'s>,
    pub(super) facts: Facts,
    /// Forms in which the value needs no look at all.
    pub(super) plain: Option<Forms>,
    /// The value is all parameters.
    pub(super) parameters: bool,
    /// What is looked at is the key, not the value under it.
    pub(super) key: bool,
    /// Leads to a place that the operator named.
    pub(super) step: Option<Step>,
    /// What the operator decided for this place.
    pub(super) rule: Option<Rule>,
}

impl<'s> Place<'s> {
    pub(super) const fn named(name: Name<'s>, facts: Facts) -> Self {
        Self { name, facts, plain: None, parameters: false, key: false, step: None, rule: None }
    }

    /// The name that the place is shown with, when that is a word.
    pub(super) const fn word(&self) -> &'s str {
        match self.name {
            Name::Known(name) => name,
            _ => "",
        }
    }
}

/// A container that is being walked.
#[derive(Clone, Copy)]
pub(super) struct Frame<'s, 'e> {
    pub(super) place: Place<'s>,
    pub(super) object: bool,
    /// The container is itself an array's element.
    in_array: bool,
    /// Findings when the container began.
    pub(super) found_before: usize,
    /// Values seen so far.
    pub(super) count: usize,
    /// In an object: the place of the value whose key was just read.
    pub(super) next: Option<Place<'s>>,
    /// What a member that names another one announced: `["password", "…"]`.
    pub(super) named: Option<Personal>,
    /// Two numbers that may be a position: an array's first two, or an abscissa and an ordinate.
    numbers: [Option<&'e str>; 2],
    /// The first values, as written, while all of them are texts or numbers.
    scalars: [&'e str; JOINED],
    /// Something else is among the values.
    mixed: bool,
}

impl<'s, 'e> Frame<'s, 'e> {
    pub(super) const fn new(
        place: Place<'s>,
        object: bool,
        in_array: bool,
        found_before: usize,
    ) -> Self {
        Self {
            found_before,
            place,
            object,
            in_array,
            count: 0,
            next: None,
            named: None,
            numbers: [None; 2],
            scalars: [""; JOINED],
            mixed: false,
        }
    }

    /// The place of the next value.
    pub(super) fn take_place(&mut self) -> Place<'s> {
        let index = self.count;
        self.count += 1;
        self.next.take().unwrap_or_else(|| {
            let mut facts = self.place.facts;
            if index == 1 {
                facts.personal = facts.personal.or(self.named);
            }
            let mut place = Place::named(Name::Index(index), facts);
            place.plain = self.place.plain.and_then(parameters::elements);
            (place.step, place.rule) = (self.place.step, self.place.rule);
            place
        })
    }

    /// Whether a text may be the name of a value beside it: the first of a pair in a list of pairs, or
    /// what stands under `key` or `field`.
    pub(super) const fn names_next(&self, place: Place<'_>) -> bool {
        if self.object { place.facts.names } else { self.in_array && self.count == 1 }
    }

    /// Remembers a value that may belong together with its neighbours.
    pub(super) fn note(&mut self, token: Token<'e>, place: Place<'_>) {
        let text = match token {
            Token::Number(text) | Token::Quoted(text) => text,
            _ => {
                self.mixed = true;
                return;
            }
        };
        match self.scalars.get_mut(self.count - 1) {
            Some(seat) => *seat = text,
            None => self.mixed = true,
        }
        let seat = if self.object { place.facts.axis } else { self.count.checked_sub(1) };
        if let Some(seat) = seat.and_then(|seat| self.numbers.get_mut(seat)) {
            *seat = Some(text.trim_matches('"'));
        }
    }

    /// The two numbers that may be a position.
    pub(super) fn numbers(&self) -> Option<(&'e str, &'e str)> {
        let [Some(first), Some(second)] = self.numbers else { return None };
        (self.object || self.count == 2).then_some((first, second))
    }

    /// The values as one text, when there are few and short ones that may be parts of one: all texts,
    /// or numbers of four digits.
    pub(super) fn joined(&self) -> Option<String> {
        if self.mixed || !(2..=JOINED).contains(&self.count) {
            return None;
        }
        let parts = self.scalars.get(..self.count)?;
        let groups =
            parts.iter().all(|part| part.len() == 4 && part.bytes().all(|b| b.is_ascii_digit()));
        let texts = parts.iter().all(|part| part.starts_with('"'));
        let bytes = parts.iter().map(|part| part.len()).sum::<usize>();
        let telling =
            |part: &&str| part.contains('@') || part.bytes().filter(u8::is_ascii_digit).count() > 3;
        let fits = bytes <= JOINED_BYTES && parts.iter().any(telling);
        (fits && (groups || texts))
            .then(|| parts.iter().map(|part| part.trim_matches('"')).collect())
    }
}
