//! E-mail addresses and telephone numbers.

use std::ops::RangeInclusive;
use std::sync::LazyLock;

use regex::Regex;

use super::super::context::{self, PHONE};
use super::super::keys::Facts;
use super::{before, byte_at, fixed, is_word};

/// Last labels that are file extensions: `icon@2x.png` is a file.
pub(super) const EXTENSIONS: &[&str] = &[
    "png", "jpg", "jpeg", "gif", "webp", "svg", "ico", "tgz", "gz", "zip", "js", "mjs", "cjs",
    "ts", "json", "css", "html", "txt", "map", "wasm", "pdf", "xml", "yml", "yaml", "db", "log",
];

/// `local@domain.tld`, with an alphabetic top-level domain that is no file extension.
pub(super) fn email(text: &str, _: Facts) -> bool {
    text.bytes().enumerate().any(|(at, byte)| byte == b'@' && is_email(text.as_bytes(), at))
}

fn is_email(bytes: &[u8], at: usize) -> bool {
    let local = |b: &&u8| b.is_ascii_alphanumeric() || b"._%+-'!#&*~".contains(b) || **b >= 0x80;
    let domain = |b: &&u8| b.is_ascii_alphanumeric() || b".-".contains(b) || **b >= 0x80;
    let named = bytes.iter().take(at).rev().take_while(local).any(u8::is_ascii_alphanumeric)
        || at.checked_sub(1).and_then(|i| bytes.get(i)).is_some_and(|b| *b >= 0x80);
    let after = bytes.get(at + 1..).unwrap_or_default();
    let length = after.iter().take_while(domain).count();
    let Ok(host) = std::str::from_utf8(after.get(..length).unwrap_or_default()) else {
        return false;
    };
    let host = host.trim_end_matches(['.', '-']);
    let Some((name, top)) = host.rsplit_once('.') else { return false };
    let top_level = top.len() >= 2
        && (top.bytes().all(|b| b.is_ascii_alphabetic())
            || top.starts_with("xn--")
            || !top.is_ascii());
    named
        && top_level
        && name.split('.').all(|label| !label.is_empty() && !label.starts_with('-'))
        && !EXTENSIONS.iter().any(|extension| top.eq_ignore_ascii_case(extension))
}

static INTERNATIONAL: LazyLock<Regex> =
    LazyLock::new(|| fixed(r"(?-u)(?:\+|\b00) ?[1-9][0-9 ().-]{5,22}[0-9]"));
static NATIONAL: LazyLock<Regex> = LazyLock::new(|| {
    fixed(concat!(
        // North America, with and without its country code.
        r"(?-u)(?:\b1[-. ])?(?:\([2-9][0-9]{2}\) ?|[2-9][0-9]{2}[-. ])[2-9][0-9]{2}[-. ][0-9]{4}|",
        // A trunk prefix and groups: France, Japan, Australia, Britain, Germany …
        r"\b0[1-9](?:[ .][0-9]{2}){4}|\b0[0-9]{1,4}-[0-9]{1,4}-[0-9]{4}|",
        r"\(0[0-9]{1,4}\) ?[0-9]{3,4}[ -]?[0-9]{3,4}|\b0[0-9]{2,4}[ -][0-9]{3,4}[ -][0-9]{3,4}|",
        r"\b0[1-9][0-9]{2,3}[ /][0-9]{6,8}",
    ))
});
static ANNOUNCED: LazyLock<Regex> = LazyLock::new(|| {
    fixed(concat!(
        r"(?i-u)(?:phone|tel|call|mobile|cell|fax|whatsapp|sms|msisdn|number is|telefon|telefono)",
        r"(?: number| no\.?)?(?: me| us)?(?: is| on| at)?[.:= ]{1,3}\(?[0-9][0-9 ().-]{5,20}[0-9]",
    ))
});
static DIGITS: LazyLock<Regex> =
    LazyLock::new(|| fixed(r"(?-u)\b[0-9](?:[ ().-]{0,2}[0-9]){8,14}\b"));

/// E.164 with a `+` or `00`, national forms with separators, or any number that words announce.
pub(super) fn phone(text: &str, _: Facts) -> bool {
    found(&INTERNATIONAL, text, 8..=15)
        || found(&NATIONAL, text, 9..=13)
        || found(&ANNOUNCED, text, 7..=15) && !only_moments(&ANNOUNCED, text)
}

/// A number of 9 to 15 digits near a word for a telephone, before or after it.
pub(super) fn announced_phone(text: &str, _: Facts) -> bool {
    context::near(text, PHONE)
        .any(|part| found(&DIGITS, part, 9..=15) && !only_moments(&DIGITS, part))
}

/// Whether all hits may be moments since 1970, in seconds, milliseconds or microseconds.
fn only_moments(form: &Regex, text: &str) -> bool {
    form.find_iter(text).all(|hit| {
        let digits: String = hit.as_str().chars().filter(char::is_ascii_digit).collect();
        let plain = hit.as_str().ends_with(&digits);
        plain
            && matches!(digits.len(), 10 | 13 | 16)
            && matches!(digits.get(..2), Some("15" | "16" | "17" | "18"))
    })
}

fn found(form: &Regex, text: &str, digits: RangeInclusive<usize>) -> bool {
    form.find_iter(text).any(|hit| {
        let count = hit.as_str().bytes().filter(u8::is_ascii_digit).count();
        // Prose may run into a number (`is415-555-0132`), a number never into another.
        let parenthesis = hit.as_str().starts_with('(');
        let glued =
            before(text, hit.start()).is_some_and(|b| b.is_ascii_digit() || b"-._".contains(&b));
        let stands_alone = (parenthesis || !glued || has_country(text, hit.start()))
            && !is_word(byte_at(text, hit.end()))
            && byte_at(text, hit.end()) != Some(b'-');
        // No area and no exchange end in two zeros: `200-300-4000` is a list of round numbers.
        let round = hit.as_str().matches("00-").count() >= 2;
        digits.contains(&count) && stands_alone && !round && !is_decimal(hit.as_str())
    })
}

/// Whether one to three digits and a separator stand before a number: `91-415-555-0132`.
fn has_country(text: &str, start: usize) -> bool {
    let head = text.get(..start).unwrap_or_default();
    let Some(code) = head.strip_suffix(['-', '.', ' ']) else { return false };
    let digits = code.bytes().rev().take_while(u8::is_ascii_digit).count();
    (1..=3).contains(&digits) && !is_word(before(text, start - 1 - digits))
}

/// Whether dots divide a number as in `59.91`, not into groups as in `650.555.0199`.
fn is_decimal(number: &str) -> bool {
    let mut groups = number.split('.').skip(1);
    match number.matches('.').count() {
        0 => false,
        1 => true,
        _ => !groups.all(|group| (2..=4).contains(&group.len())),
    }
}
