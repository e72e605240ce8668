//! E-mail addresses and telephone numbers.

use std::ops::RangeInclusive;
use std::sync::LazyLock;

use regex::Regex;

use super::super::keys::Facts;
use super::{before, byte_at, fixed, is_word};

/// Last labels that are file extensions: `icon@2x.png` is a file.
const EXTENSIONS: &[&str] = &[
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

static INTERNATIONAL: LazyLock<Regex> = LazyLock::new(|| fixed(r"\+ ?[1-9][0-9 ().-]{5,22}[0-9]"));
static NORTH_AMERICAN: LazyLock<Regex> = LazyLock::new(|| {
    fixed(r"(?:\([2-9][0-9]{2}\) ?|[2-9][0-9]{2}[-. ])[2-9][0-9]{2}[-. ][0-9]{4}")
});
static ANNOUNCED: LazyLock<Regex> = LazyLock::new(|| {
    fixed(concat!(
        r"(?i-u)(?:phone|tel|call|mobile|cell|fax|whatsapp|sms|msisdn|number is)",
        r"(?: me| us)?(?: is| on| at)?[:= ]{1,3}\(?[0-9][0-9 ().-]{5,20}[0-9]",
    ))
});

/// E.164 with a `+`, the North American form with separators, or any number that words announce.
pub(super) fn phone(text: &str, _: Facts) -> bool {
    found(&INTERNATIONAL, text, 8..=15)
        || found(&NORTH_AMERICAN, text, 10..=10)
        || found(&ANNOUNCED, text, 7..=15)
}

fn found(form: &Regex, text: &str, digits: RangeInclusive<usize>) -> bool {
    form.find_iter(text).any(|hit| {
        let count = hit.as_str().bytes().filter(u8::is_ascii_digit).count();
        let stands_alone =
            !is_word(before(text, hit.start())) && !is_word(byte_at(text, hit.end()));
        digits.contains(&count) && stands_alone && !is_decimal(hit.as_str())
    })
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
