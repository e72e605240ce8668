//! Positions on earth: pairs of decimals, degrees, and the notations of maps and standards.

use std::sync::LazyLock;

use regex::{Captures, Regex};

use super::super::keys::Facts;
use super::{before, byte_at, fixed, is_digit, is_word};

/// Decimals that two numbers must have together to be a position without any other sign of it.
const DECIMALS: usize = 5;

/// Whether two JSON numbers are a position.
pub(in super::super) fn is_position(first: &str, second: &str) -> bool {
    let (one, other) = (decimals(first), decimals(second));
    one + other >= DECIMALS && one.min(other) >= 1 && in_range(first, second)
}

fn decimals(number: &str) -> usize {
    number.split_once('.').map_or(0, |(_, fraction)| fraction.len())
}

/// Whether one number can be a latitude and the other a longitude. Two numbers near zero are
/// shares or rates: only the Gulf of Guinea lies there.
fn in_range(first: &str, second: &str) -> bool {
    let (Ok(a), Ok(b)) = (first.parse::<f64>(), second.parse::<f64>()) else { return false };
    let (a, b) = (a.abs(), b.abs());
    a.min(b) <= 90.0 && a.max(b) <= 180.0 && a.max(b) > 5.0
}

static PAIR: LazyLock<Regex> = LazyLock::new(|| {
    fixed(concat!(
        r"([-+]?[0-9]{1,3}\.[0-9]{2,})( ?[°º]? ?[NSEWnsew]?)",
        r"( ?(?:[,;/|:_]|%2[Cc]) ?| +)",
        r"([-+]?[0-9]{1,3}\.[0-9]{2,})",
    ))
});

/// Two decimals with a separator between them.
pub(super) fn pair(text: &str, facts: Facts) -> bool {
    !facts.measure && PAIR.captures_iter(text).any(|hit| is_pair(text, &hit))
}

fn is_pair(text: &str, hit: &Captures<'_>) -> bool {
    let part = |index| hit.get(index).map_or("", |part| part.as_str());
    let (Some(first), Some(second)) = (hit.get(1), hit.get(4)) else { return false };
    let (a, b) = (first.as_str(), second.as_str());
    let glued = match before(text, first.start()) {
        Some(b'.' | b'$') => true,
        byte => is_digit(byte),
    };
    let goes_on = is_digit(byte_at(text, second.end())) || continues(text, second.end());
    if glued || goes_on || !in_range(a, b) {
        return false;
    }
    let precise = decimals(a) + decimals(b) >= DECIMALS;
    let signed = a.starts_with('-') || b.starts_with('-') || !part(2).trim().is_empty();
    let divided = part(3).contains([',', ';', '/', '|', '%']);
    precise || (signed || divided) && !is_list(text, second.end())
}

/// Whether a dot and a digit follow: a number with two dots is a version.
fn continues(text: &str, at: usize) -> bool {
    byte_at(text, at) == Some(b'.') && is_digit(byte_at(text, at + 1))
}

/// Whether a third decimal follows: three are a list of measurements.
fn is_list(text: &str, at: usize) -> bool {
    let rest = text.get(at..).unwrap_or_default().trim_start_matches([' ', ',', ';', '/', '|']);
    let number = rest.trim_start_matches(['-', '+']);
    let length = number.bytes().take_while(u8::is_ascii_digit).count();
    length > 0 && byte_at(number, length) == Some(b'.')
}

static LABELLED: LazyLock<Regex> = LazyLock::new(|| {
    fixed(concat!(
        r#"(?i-u)(?:lat|latitude|lon|lng|long|longitude|latitud|longitud|breite)["']?"#,
        r#"(?: ?[:=] ?["']?[-+]?[0-9]{1,3}(?:\.[0-9]+)?| (?:is )?[-+]?[0-9]{1,3}\.[0-9]+)"#,
    ))
});

/// `lat: 59.91`, `latitude is 59.91` within text.
pub(super) fn labelled(text: &str, _: Facts) -> bool {
    LABELLED.find_iter(text).any(|hit| !is_word(before(text, hit.start())))
}

static ISO_6709: LazyLock<Regex> =
    LazyLock::new(|| fixed(r"[-+][0-9]{2}\.[0-9]{2,}[-+][0-9]{3}\.[0-9]{2,}"));

/// `+59.9139+010.7522/`.
pub(super) fn iso_6709(text: &str, _: Facts) -> bool {
    ISO_6709.find_iter(text).any(|hit| !is_word(before(text, hit.start())))
}

static DEGREES: LazyLock<Regex> = LazyLock::new(|| {
    fixed(concat!(
        r"[0-9]{1,3}(?:\.[0-9]{2,} ?[°º]|",
        r#" ?[°º] ?[0-9]{1,2}(?:\.[0-9]+)? ?['′’]? ?(?:[0-9]{1,2}(?:\.[0-9]+)? ?(?:"|″|”|'')? ?)?)"#,
        r" ?[NSEWO]|[NSEWO] ?[0-9]{1,3}(?:\.[0-9]{2,}| ?[°º] ?[0-9]{1,2}(?:\.[0-9]+)?)",
    ))
});

/// Degrees with minutes or decimals, and the side of the globe: `59°54'50"N`. Two of them, so that
/// a bearing is not mistaken for a position.
pub(super) fn degrees(text: &str, _: Facts) -> bool {
    text.contains(['°', 'º']) && DEGREES.find_iter(text).count() >= 2
}

static IN_LETTERS: LazyLock<Regex> =
    LazyLock::new(|| fixed(r"[0-9]{1,3}d ?[0-9]{1,2}m ?(?:[0-9]{1,2}(?:\.[0-9]+)?s ?)?[NSEW]"));

/// `59d54m50sN`. A duration such as `3d 12m` has no side of the globe.
pub(super) fn degrees_in_letters(text: &str, _: Facts) -> bool {
    IN_LETTERS
        .find_iter(text)
        .any(|hit| !is_word(before(text, hit.start())) && !is_word(byte_at(text, hit.end())))
}

static WELL_KNOWN_TEXT: LazyLock<Regex> = LazyLock::new(|| {
    fixed(concat!(
        r"(?i-u)(?:point|linestring|polygon) ?z?m? ?\({1,3} ?",
        r"[-+]?[0-9]+(?:\.[0-9]+)? +[-+]?[0-9]+(?:\.[0-9]+)?",
    ))
});

/// `POINT (10.75 59.91)`.
pub(super) fn well_known_text(text: &str, _: Facts) -> bool {
    text.contains('(') && WELL_KNOWN_TEXT.is_match(text)
}
