//! Detectors of personal data in text: one table, and the cheap look at a text that decides which
//! of them are asked.
//!
//! A detector is a trigger (what a text must contain at all), a search, and a validator in code:
//! most texts pull no trigger, and what a search proposes is believed only when the validator
//! agrees. Validators look at neighbouring characters themselves, because the regex engine has no
//! look-around.

mod contact;
mod coordinates;
mod grids;
mod members;
mod national;
mod network;
mod path;
mod payment;
mod people;
mod places;
mod secret;
mod wallet;

use std::cell::OnceCell;

use regex::Regex;

use super::context::{self, Context};
use super::finding::Entity;
use super::keys::Facts;

pub(super) use coordinates::is_position;
pub(super) use members::member;
pub(super) use payment::{iban, luhn};

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
    pub(super) fn finds(&self, text: &Text<'_>, facts: Facts) -> bool {
        self.trigger.pulled_by(text) && (self.find)(text.text, facts)
    }
}

/// A text with what is known of it.
pub(super) struct Text<'t> {
    /// The text, folded.
    pub(super) text: &'t str,
    pub(super) profile: Profile,
    contexts: OnceCell<Context>,
}

impl<'t> Text<'t> {
    pub(super) fn new(text: &'t str) -> Self {
        Self { text, profile: Profile::of(text), contexts: OnceCell::new() }
    }

    /// What the words of the text announce; looked up when somebody asks.
    pub(super) fn contexts(&self) -> Context {
        *self.contexts.get_or_init(|| context::contexts(self.text))
    }

    /// Whether it is one short word or number without any mark: no detector would look at it.
    pub(super) fn is_plain(&self) -> bool {
        self.profile.marks & !(LOWER | UPPER | LINE) == 0 && self.profile.bytes < PLAIN_BYTES
    }
}

/// Bytes from which a word may be a token, an account number or encoded text. Shorter than all of
/// them: a telephone number has eight digits and a separator.
const PLAIN_BYTES: usize = 9;

/// What a text must contain before a detector is asked: all these marks, this many digits and
/// bytes, and, if any are named, a word that announces something of these kinds.
struct Trigger {
    marks: u16,
    digits: usize,
    bytes: usize,
    contexts: Context,
}

const AT: u16 = 1;
const DOT: u16 = 1 << 1;
const COLON: u16 = 1 << 2;
/// `/` or `\`.
const SLASH: u16 = 1 << 3;
pub(super) const EQUALS: u16 = 1 << 4;
/// Any of ``()+,;|`` or a space, which separate groups of digits and words.
const GAP: u16 = 1 << 5;
const UPPER: u16 = 1 << 6;
/// `°` or any other character outside ASCII.
pub(super) const WIDE: u16 = 1 << 7;
const LOWER: u16 = 1 << 8;
/// `_` or `-`, which separate words and groups of digits.
const LINE: u16 = 1 << 9;
/// Any of ``%&\[{(<=``, with which text may be escaped.
pub(super) const ESCAPE: u16 = 1 << 10;
const TILDE: u16 = 1 << 11;
/// `[` or `{`, with which JSON may begin.
pub(super) const BRACKET: u16 = 1 << 12;
pub(super) const SPACE: u16 = 1 << 13;

const fn mark(byte: u8) -> u16 {
    match byte {
        b'@' => AT,
        b'.' => DOT,
        b':' => COLON,
        b'/' => SLASH,
        b'\\' => SLASH | ESCAPE,
        b'=' => EQUALS | ESCAPE,
        b'(' => GAP | ESCAPE,
        b')' | b'+' | b',' | b';' | b'|' => GAP,
        b' ' => GAP | SPACE,
        b'_' | b'-' => LINE,
        b'%' | b'&' | b'<' => ESCAPE,
        b'[' | b'{' => ESCAPE | BRACKET,
        b'~' => TILDE,
        b'A'..=b'Z' => UPPER,
        b'a'..=b'z' => LOWER,
        0x80.. => WIDE,
        b'0'..=b'9' => 0,
        _ => OTHER,
    }
}

/// Any other sign. Digits are counted instead.
const OTHER: u16 = 1 << 14;

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
    pub(super) digits: usize,
    pub(super) bytes: usize,
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
    fn pulled_by(&self, text: &Text<'_>) -> bool {
        let profile = text.profile;
        profile.marks & self.marks == self.marks
            && profile.digits >= self.digits
            && profile.bytes >= self.bytes
            && (self.contexts == 0 || text.contexts() & self.contexts != 0)
    }
}

/// Every built-in detector, in the order in which they are asked.
#[rustfmt::skip]
pub(super) static DETECTORS: &[Detector] = &[
    detector("email", Entity::Email, AT | DOT, 0, 6, contact::email),
    detector("ipv4", Entity::Ip, DOT, 4, 7, network::ipv4),
    detector("ipv6", Entity::Ip, COLON, 1, 3, network::ipv6),
    detector("ip-in-name", Entity::Ip, DOT | LOWER, 4, 10, network::disguised),
    detector("ipv6-without-colons", Entity::Ip, LINE, 4, 9, network::without_colons),
    detector("ip-as-number", Entity::Ip, COLON | SLASH, 7, 12, network::as_number),
    detector("mac", Entity::Mac, 0, 0, 14, network::mac),
    detector("pair", Entity::Coordinates, DOT, 6, 9, coordinates::pair),
    detector("labelled-position", Entity::Coordinates, LOWER, 1, 5, coordinates::labelled),
    detector("iso-6709", Entity::Coordinates, DOT | GAP, 7, 11, coordinates::iso_6709),
    detector("degrees", Entity::Coordinates, WIDE | UPPER, 2, 4, coordinates::degrees),
    detector("degrees-in-letters", Entity::Coordinates, LOWER | UPPER, 3, 7, coordinates::degrees_in_letters),
    detector("well-known-text", Entity::Coordinates, GAP, 2, 9, coordinates::well_known_text),
    detector("sides", Entity::Coordinates, UPPER, 4, 6, grids::sides),
    detector("grid", Entity::Coordinates, UPPER, 2, 7, grids::grid),
    detector("three-words", Entity::Coordinates, SLASH | DOT, 0, 11, grids::three_words),
    detector("map", Entity::Coordinates, SLASH, 5, 8, grids::map),
    detector("compact-position", Entity::Coordinates, 0, 9, 11, grids::compact),
    detector("phone", Entity::Phone, 0, 7, 8, contact::phone),
    detector("announced-phone", Entity::Phone, 0, 9, 10, contact::announced_phone).beside(context::PHONE),
    detector("card", Entity::Card, 0, 13, 13, payment::card),
    detector("iban", Entity::Iban, 0, 4, 15, payment::iban),
    detector("wallet", Entity::Wallet, 0, 1, 14, wallet::wallet),
    detector("ssn", Entity::NationalId, 0, 9, 11, national::social_security),
    detector("national-id", Entity::NationalId, UPPER, 4, 11, national::self_evident),
    detector("national-number", Entity::NationalId, 0, 11, 13, national::self_evident),
    detector("announced-id", Entity::NationalId, 0, 5, 9, national::announced).beside(context::NATIONAL | context::BANK),
    detector("announced-account", Entity::UserId, 0, 1, 6, national::account).beside(context::USER),
    detector("announced-device", Entity::DeviceId, 0, 4, 10, national::device).beside(context::DEVICE),
    detector("birth", Entity::BirthDate, 0, 3, 9, national::birth).beside(context::BIRTH),
    detector("vehicle", Entity::Vehicle, UPPER, 1, 8, national::vehicle).beside(context::VEHICLE),
    detector("person", Entity::PersonName, SPACE | UPPER, 0, 6, people::person),
    detector("place", Entity::Location, UPPER, 0, 4, places::place),
    detector("street", Entity::Address, GAP, 1, 6, places::street),
    detector("postcode", Entity::PostalCode, GAP | UPPER, 2, 6, places::postcode),
    detector("announced-postcode", Entity::PostalCode, 0, 3, 7, places::announced_code).beside(context::POSTAL),
    detector("url-password", Entity::Secret, AT | COLON | SLASH, 0, 8, secret::url_password),
    detector("token", Entity::Secret, 0, 0, 16, secret::token),
    detector("announced-secret", Entity::Secret, LOWER, 0, 8, secret::announced).beside(context::SECRET),
    detector("home", Entity::Path, SLASH, 0, 8, path::home),
    detector("home-of", Entity::Path, SLASH | TILDE, 0, 6, path::tilde),
    detector("private-host", Entity::Hostname, LOWER | DOT, 0, 6, network::private_host),
    detector("device-name", Entity::Hostname, LINE, 0, 8, network::device_name),
];

const fn detector(
    name: &'static str,
    entity: Entity,
    marks: u16,
    digits: usize,
    bytes: usize,
    find: fn(&str, Facts) -> bool,
) -> Detector {
    Detector { name, entity, trigger: Trigger { marks, digits, bytes, contexts: 0 }, find }
}

impl Detector {
    /// Only asked beside a word that announces one of these kinds.
    const fn beside(mut self, contexts: Context) -> Self {
        self.trigger.contexts = contexts;
        self
    }
}

/// Compiles a pattern of the product's own.
pub(super) fn fixed(pattern: &str) -> Regex {
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
