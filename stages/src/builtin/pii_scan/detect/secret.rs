//! Passwords in URLs, tokens that announce themselves by their form, and secrets that words announce.

use std::sync::LazyLock;

use regex::Regex;

use super::super::context::{self, SECRET};
use super::super::keys::Facts;
use super::{before, fixed, is_word};

static URL_PASSWORD: LazyLock<Regex> =
    LazyLock::new(|| fixed(r"[A-Za-z][A-Za-z0-9+.-]{1,20}://[^\s/@:?#]{0,128}:[^\s/@]{1,256}@"));

/// `scheme://user:password@host`.
pub(super) fn url_password(text: &str, _: Facts) -> bool {
    text.contains("://") && URL_PASSWORD.is_match(text)
}

/// Prefixes that issuers give to their keys, so that leaked ones can be recognised.
static ISSUED: LazyLock<Regex> = LazyLock::new(|| {
    fixed(concat!(
        r"(?-u)A(?:KIA|SIA|GPA|ROA|IDA|NPA)[0-9A-Z]{16}|AIza[0-9A-Za-z_-]{30}|GOCSPX-[0-9A-Za-z_-]{20}|",
        r"gh[pousr]_[0-9A-Za-z]{30}|github_pat_[0-9A-Za-z_]{20}|gl(?:pat|dt|rt|ptt|soat)-[0-9A-Za-z_-]{16}|",
        r"xox[abeoprs]-[0-9A-Za-z-]{10}|xapp-[0-9]-[0-9A-Za-z-]{10}|hooks\.slack\.com/services/[0-9A-Za-z/]{16}|",
        r"discord(?:app)?\.com/api/webhooks/[0-9]{16}|sk-[0-9A-Za-z_-]{16}|[sprw][kh]_(?:live|test)_[0-9A-Za-z]{10}|",
        r"whsec_[0-9A-Za-z+/]{20}|eyJ[0-9A-Za-z_-]{8,}\.[0-9A-Za-z_-]{8,}|SG\.[0-9A-Za-z_-]{16,}\.[0-9A-Za-z_-]{16}|",
        r"hf_[0-9A-Za-z]{20}|npm_[0-9A-Za-z]{30}|pypi-[0-9A-Za-z_-]{16}|ya29\.[0-9A-Za-z_-]{20}|1//0[0-9A-Za-z_-]{20}|",
        r"do[opr]_v1_[0-9a-f]{32}|dapi[0-9a-f]{32}|shp(?:at|ca|pa|ss)_[0-9a-fA-F]{32}|sq0(?:atp|csp)-[0-9A-Za-z_-]{20}|",
        r"lin_api_[0-9A-Za-z]{20}|glsa_[0-9A-Za-z]{20}|NRAK-[0-9A-Z]{20}|hvs\.[0-9A-Za-z_-]{20}|figd_[0-9A-Za-z_-]{20}|",
        r"dp\.(?:pt|st|ct)\.[0-9A-Za-z]{20}|AGE-SECRET-KEY-1[0-9A-Z]{20}|rk_[0-9A-Za-z]{24}|PMAK-[0-9a-f]{20}|",
        r"ntn_[0-9A-Za-z]{20}|secret_[0-9A-Za-z]{32}|key-[0-9a-f]{32}|(?:AC|SK)[0-9a-f]{32}|[0-9]{8,10}:AA[0-9A-Za-z_-]{32}|",
        r"tskey-[0-9A-Za-z-]{16}|cf[a-z]{0,2}_[0-9A-Za-z]{30}|atlasv1\.[0-9A-Za-z_-]{20}|gsk_[0-9A-Za-z]{20}|",
        r"[sp]k\.eyJ[0-9A-Za-z_-]{10}|",
        r"-----BEGIN [A-Z ]{0,32}PRIVATE KEY|PuTTY-User-Key-File|ssh-(?:rsa|ed25519) AAAA[0-9A-Za-z+/]{16}",
    ))
});
static HEADER: LazyLock<Regex> = LazyLock::new(|| {
    fixed(r"(?i-u)\b(?:bearer|basic|digest|token|apikey|negotiate):? +([0-9A-Za-z._~+/=-]{8,})")
});

/// A key with an issuer's prefix, or an `Authorization` header's value.
pub(super) fn token(text: &str, _: Facts) -> bool {
    ISSUED.find_iter(text).any(|hit| !is_word(before(text, hit.start())))
        || HEADER.captures_iter(text).any(|hit| hit.get(1).is_some_and(|t| random(t.as_str())))
}

/// Words have no digits; what follows `Bearer` in prose is a word.
fn random(token: &str) -> bool {
    token.bytes().filter(u8::is_ascii_digit).count() >= 2 || token.ends_with('=') || mixed(token)
}

/// Capitals after the first letter, among small ones: no word is written so but names of things.
fn mixed(token: &str) -> bool {
    let capitals = token.bytes().skip(1).filter(u8::is_ascii_uppercase).count();
    token.len() >= 8 && capitals >= 3 && token.bytes().any(|b| b.is_ascii_lowercase())
}

static VALUE: LazyLock<Regex> = LazyLock::new(|| {
    fixed(concat!(
        r"(?i-u)^(?:[ _-]?(?:id|key|value|token))?[\x22']?",
        r"(?: is| was| are|=| =|:| :| ->| =>)+ ?[\x22']?((?u:[^\s\x22',;&]){3,256})",
    ))
});

/// `password is hunter2`, `api key: 3fa9…`: a word that announces a secret, and one that no
/// sentence would go on with.
pub(super) fn announced(text: &str, _: Facts) -> bool {
    context::announcements(text).filter(|one| one.class == SECRET).any(|one| {
        let rest = text.get(one.end..).unwrap_or_default();
        VALUE.captures(rest).and_then(|hit| hit.get(1)).is_some_and(|value| {
            let value = value.as_str().trim_end_matches(['.', ')', ']', '}']);
            let colon = rest.trim_start().starts_with([':', '=']);
            let capitals = value.bytes().skip(1).any(|b| b.is_ascii_uppercase())
                && value.bytes().any(|b| b.is_ascii_lowercase());
            let digits = value.bytes().filter(u8::is_ascii_digit).count();
            let template = value.starts_with(['{', '<', '$', '%', '[', '*', '(']);
            let unit = digits > 0 && value.bytes().all(|b| b.is_ascii_digit()) && digits < 4;
            !template
                && !unit
                && value.len() >= 4
                && (digits > 0 || capitals || colon && symbol(value))
        })
    })
}

fn symbol(value: &str) -> bool {
    value.bytes().any(|b| b"!@#$%^&*+~=".contains(&b))
}
