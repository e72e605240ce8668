//! Detectors of personal data in text: one table, and the cheap look at a text that decides which
//! of them are asked.
//!
//! A detector is a trigger (what a text must contain at all), a search, and a validator in code:
//! most texts pull no trigger, and what a search proposes is believed only when the validator
//! agrees. Validators look at neighbouring characters themselves, because the regex engine has no
//! look-around.

mod contact;
mod coordinates;
mod members;
mod network;
mod payment;
mod personal;
mod secret;

use regex::Regex;

use super::finding::Entity;
use super::keys::Facts;

pub(super) use coordinates::is_position;
pub(super) use members::member;

/// A detector of one kind of personal data.
pub(super) struct Detector {
    /// Name in reports.
    pub(super) name: &'static str,
    /// What it finds.
    pub(super) entity: Entity,
    /// What a text must contain.
    trigger: Trigger,
    /// Whether the text holds it. The facts are those of the key that the text stands under.
    find: fn(&str, Facts) -> bool,
}

impl Detector {
    /// Whether a text holds what this detector looks for.
    pub(super) fn finds(&self, text: &str, profile: Profile, facts: Facts) -> bool {
        self.trigger.pulled_by(profile) && (self.find)(text, facts)
    }
}

/// What a text must contain before a detector is asked: all these marks, this many digits and
/// bytes.
struct Trigger {
    marks: u16,
    digits: usize,
    bytes: usize,
}

const AT: u16 = 1;
const DOT: u16 = 1 << 1;
const COLON: u16 = 1 << 2;
/// `/` or `\`.
const SLASH: u16 = 1 << 3;
pub(super) const EQUALS: u16 = 1 << 4;
/// Any of ``()+,;|_ -`` or a space, which separate groups of digits.
const GAP: u16 = 1 << 5;
const UPPER: u16 = 1 << 6;
/// `°` or any other character outside ASCII.
const WIDE: u16 = 1 << 7;
const LOWER: u16 = 1 << 8;

const fn mark(byte: u8) -> u16 {
    match byte {
        b'@' => AT,
        b'.' => DOT,
        b':' => COLON,
        b'/' | b'\\' => SLASH,
        b'=' => EQUALS,
        b'(' | b')' | b'+' | b',' | b';' | b'|' | b'_' | b'-' | b' ' => GAP,
        b'A'..=b'Z' => UPPER,
        b'a'..=b'z' => LOWER,
        0x80.. => WIDE,
        _ => 0,
    }
}

static MARKS: [u16; 256] = {
    let mut marks = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        marks[byte] = mark(byte as u8);
        byte += 1;
    }
    marks
};

/// What a text is made of.
#[derive(Clone, Copy, Debug)]
pub(super) struct Profile {
    /// Marks that occur.
    pub(super) marks: u16,
    digits: usize,
    bytes: usize,
}

impl Profile {
    /// Looks at every byte once.
    pub(super) fn of(text: &str) -> Self {
        let mut profile = Self { marks: 0, digits: 0, bytes: text.len() };
        for byte in text.bytes() {
            profile.marks |= MARKS[usize::from(byte)];
            profile.digits += usize::from(byte.is_ascii_digit());
        }
        profile
    }
}

impl Trigger {
    const fn pulled_by(&self, profile: Profile) -> bool {
        profile.marks & self.marks == self.marks
            && profile.digits >= self.digits
            && profile.bytes >= self.bytes
    }
}

/// Every built-in detector, in the order in which they are asked.
#[rustfmt::skip]
pub(super) static DETECTORS: &[Detector] = &[
    detector("email", Entity::Email, AT | DOT, 0, 6, contact::email),
    detector("ipv4", Entity::Ip, DOT, 4, 7, network::ipv4),
    detector("ipv6", Entity::Ip, COLON, 1, 3, network::ipv6),
    detector("mac", Entity::Mac, 0, 0, 14, network::mac),
    detector("pair", Entity::Coordinates, DOT, 6, 9, coordinates::pair),
    detector("labelled-position", Entity::Coordinates, COLON | LOWER, 1, 5, coordinates::labelled),
    detector("iso-6709", Entity::Coordinates, DOT | GAP, 7, 11, coordinates::iso_6709),
    detector("degrees", Entity::Coordinates, WIDE | UPPER, 2, 4, coordinates::degrees),
    detector("degrees-in-letters", Entity::Coordinates, LOWER | UPPER, 3, 7, coordinates::degrees_in_letters),
    detector("well-known-text", Entity::Coordinates, GAP, 2, 9, coordinates::well_known_text),
    detector("phone", Entity::Phone, 0, 7, 8, contact::phone),
    detector("card", Entity::Card, 0, 13, 13, payment::card),
    detector("iban", Entity::Iban, 0, 4, 15, payment::iban),
    detector("ssn", Entity::NationalId, GAP, 9, 11, personal::social_security),
    detector("person", Entity::PersonName, GAP | UPPER, 0, 6, personal::person),
    detector("postcode", Entity::PostalCode, GAP | UPPER, 2, 6, personal::postcode),
    detector("url-password", Entity::Secret, AT | COLON | SLASH, 0, 8, secret::url_password),
    detector("token", Entity::Secret, 0, 0, 16, secret::token),
    detector("home", Entity::Path, SLASH, 0, 8, personal::home),
];

const fn detector(
    name: &'static str,
    entity: Entity,
    marks: u16,
    digits: usize,
    bytes: usize,
    find: fn(&str, Facts) -> bool,
) -> Detector {
    Detector { name, entity, trigger: Trigger { marks, digits, bytes }, find }
}

/// Compiles a pattern of the product's own.
fn fixed(pattern: &str) -> Regex {
    Regex::new(pattern).expect("built-in patterns are constants, and every one of them is tested")
}

/// The byte before a position.
fn before(text: &str, at: usize) -> Option<u8> {
    at.checked_sub(1).and_then(|at| text.as_bytes().get(at).copied())
}

/// The byte at a position.
fn byte_at(text: &str, at: usize) -> Option<u8> {
    text.as_bytes().get(at).copied()
}

fn is_digit(byte: Option<u8>) -> bool {
    byte.is_some_and(|byte| byte.is_ascii_digit())
}

fn is_word(byte: Option<u8>) -> bool {
    byte.is_some_and(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

#[cfg(test)]
mod tests;
