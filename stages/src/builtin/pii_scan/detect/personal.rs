//! What identifies a person in free text: paths of home directories, forms of address, and numbers
//! that a state or a post office gave out.

use std::sync::LazyLock;

use regex::Regex;

use super::super::keys::Facts;
use super::{before, byte_at, fixed, is_word};

/// Directories below which every user has one.
const HOMES: &[&str] =
    &["/home/", "/Users/", "\\Users\\", "\\homes\\", "\\Documents and Settings\\"];

/// Users that are no persons: the accounts of services, and directories that all share.
const SERVICES: &[&str] = &[
    "node",
    "runner",
    "ubuntu",
    "root",
    "app",
    "shared",
    "public",
    "default",
    "all users",
    "user",
    "username",
    "me",
    "you",
    "vscode",
    "codespace",
    "circleci",
    "jenkins",
    "ec2-user",
];

/// A path that goes through somebody's home directory.
pub(super) fn home(text: &str, _: Facts) -> bool {
    HOMES.iter().any(|home| {
        text.match_indices(home).any(|(at, _)| {
            let rest = text.get(at + home.len()..).unwrap_or_default();
            let ends = |c: char| c.is_whitespace() || "/\\\"'`)]},;:|".contains(c);
            let user = rest.split(ends).next().unwrap_or_default();
            // `example.org/home/page` is a route. A drive may stand before: `/c/Users/`.
            let route = home == &"/home/" && is_word(before(text, at));
            let named = user.chars().next().is_some_and(char::is_alphanumeric);
            named && !route && !SERVICES.iter().any(|service| user.eq_ignore_ascii_case(service))
        })
    })
}

static PERSON: LazyLock<Regex> = LazyLock::new(|| {
    fixed(concat!(
        r"\b(?:Mr|Mrs|Ms|Dr|Prof|Herr|Frau|Mme|Sra?)\.? [A-Z][a-z]+|",
        r"(?i-u:my name is|i am called) [A-Z][a-z]+",
    ))
});

/// A name after a form of address.
pub(super) fn person(text: &str, _: Facts) -> bool {
    PERSON.is_match(text)
}

static SOCIAL_SECURITY: LazyLock<Regex> =
    LazyLock::new(|| fixed(r"([0-9]{3})([- ])([0-9]{2})([- ])([0-9]{4})"));

/// A United States number in its three groups, none of them all zeros, outside the areas that are
/// never given out (000, 666, 900 and above).
pub(super) fn social_security(text: &str, _: Facts) -> bool {
    SOCIAL_SECURITY.captures_iter(text).any(|hit| {
        let part = |index| hit.get(index).map_or("", |part| part.as_str());
        let (Some(whole), same) = (hit.get(0), part(2) == part(4)) else { return false };
        let grouped = |byte: Option<u8>| is_word(byte) || byte.is_some_and(|b| b"-.".contains(&b));
        let issued = part(1) != "000" && part(1) != "666" && part(1) < "900";
        same && issued
            && part(3) != "00"
            && part(5) != "0000"
            && !grouped(before(text, whole.start()))
            && !grouped(byte_at(text, whole.end()))
    })
}

static POSTCODE: LazyLock<Regex> = LazyLock::new(|| {
    fixed(concat!(
        r"[A-PR-UWYZ][A-HK-Y]?[0-9][0-9A-HJKPSTUW]? [0-9][ABD-HJLNP-UW-Z]{2}|",
        r"[ABCEGHJ-NPRSTVXY][0-9][ABCEGHJ-NPRSTV-Z] [0-9][ABCEGHJ-NPRSTV-Z][0-9]",
    ))
});

/// A British or Canadian postal code with its space: their grammars are strict enough to be told in
/// free text. Codes of digits alone are not.
pub(super) fn postcode(text: &str, _: Facts) -> bool {
    POSTCODE
        .find_iter(text)
        .any(|hit| !is_word(before(text, hit.start())) && !is_word(byte_at(text, hit.end())))
}
