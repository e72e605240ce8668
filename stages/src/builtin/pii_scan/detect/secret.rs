//! Passwords in URLs, and tokens that announce themselves by their form.

use std::sync::LazyLock;

use regex::Regex;

use super::super::keys::Facts;
use super::{before, fixed, is_word};

static URL_PASSWORD: LazyLock<Regex> =
    LazyLock::new(|| fixed(r"[A-Za-z][A-Za-z0-9+.-]{1,20}://[^\s/@:?#]{0,128}:[^\s/@]{1,256}@"));

/// `scheme://user:password@host`.
pub(super) fn url_password(text: &str, _: Facts) -> bool {
    URL_PASSWORD.is_match(text)
}

/// Prefixes that issuers give to their keys, so that leaked ones can be recognised.
static ISSUED: LazyLock<Regex> = LazyLock::new(|| {
    fixed(concat!(
        r"A[KS]IA[0-9A-Z]{16}|AIza[0-9A-Za-z_-]{30}|gh[pousr]_[0-9A-Za-z]{30}|",
        r"github_pat_[0-9A-Za-z_]{20}|glpat-[0-9A-Za-z_-]{20}|xox[abeoprs]-[0-9A-Za-z-]{10}|",
        r"sk-[0-9A-Za-z_-]{16}|[spr]k_(?:live|test)_[0-9A-Za-z]{10}|",
        r"eyJ[0-9A-Za-z_-]{8,}\.[0-9A-Za-z_-]{8,}|SG\.[0-9A-Za-z_-]{16,}\.[0-9A-Za-z_-]{16}|",
        r"hf_[0-9A-Za-z]{20}|npm_[0-9A-Za-z]{30}|ya29\.[0-9A-Za-z_-]{20}|",
        r"-----BEGIN [A-Z ]{0,32}PRIVATE KEY",
    ))
});
static HEADER: LazyLock<Regex> =
    LazyLock::new(|| fixed(r"(?i-u)(?:bearer|basic|token) +([0-9A-Za-z._~+/=-]{8,})"));

/// A key with an issuer's prefix, or an `Authorization` header's value.
pub(super) fn token(text: &str, _: Facts) -> bool {
    ISSUED.find_iter(text).any(|hit| !is_word(before(text, hit.start())))
        || HEADER.captures_iter(text).any(|hit| hit.get(1).is_some_and(|t| random(t.as_str())))
}

/// Words have no digits; what follows `Bearer` in prose is a word.
fn random(token: &str) -> bool {
    token.bytes().filter(u8::is_ascii_digit).count() >= 2 || token.ends_with('=')
}
