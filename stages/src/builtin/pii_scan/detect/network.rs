//! Network and hardware addresses.

use std::net::{Ipv4Addr, Ipv6Addr};

use super::super::keys::Facts;
use super::{before, byte_at, is_word};

/// Words before four numbers that make them a version: `firmware 2.4.1.0`.
const VERSION_WORDS: &[&str] =
    &["version", "ver", "v", "build", "release", "firmware", "section", "oid", "revision", "rev"];

/// Four octets that are neither loopback, unspecified nor broadcast, and no version.
pub(super) fn ipv4(text: &str, facts: Facts) -> bool {
    if facts.version {
        return false;
    }
    let part_of_name = |byte: Option<u8>| {
        byte.is_some_and(|b| b.is_ascii_alphanumeric() || b".-_@%".contains(&b) || b >= 0x80)
    };
    runs(text, |b| b.is_ascii_digit() || b == b'.').any(|(start, run)| {
        // A full stop may end the sentence, and be followed by anything but a digit.
        let trimmed = run.trim_end_matches('.');
        let after = byte_at(text, start + trimmed.len());
        let continued = if trimmed.len() == run.len() {
            after.is_some_and(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b))
        } else {
            is_word(byte_at(text, start + run.len()))
        };
        !continued
            && !part_of_name(before(text, start))
            && trimmed.parse::<Ipv4Addr>().is_ok_and(|ip| !harmless_v4(ip))
            && !follows_version_word(text, start)
    })
}

const fn harmless_v4(ip: Ipv4Addr) -> bool {
    ip.is_loopback() || ip.is_unspecified() || ip.is_broadcast()
}

fn follows_version_word(text: &str, start: usize) -> bool {
    let head = text.get(..start).unwrap_or_default();
    let head = head.trim_end_matches(|c: char| c.is_ascii_whitespace() || ":=\"'(".contains(c));
    let word = head.rsplit(|c: char| !c.is_ascii_alphabetic()).next().unwrap_or_default();
    VERSION_WORDS.iter().any(|known| word.eq_ignore_ascii_case(known))
}

/// An address that is neither loopback nor unspecified.
pub(super) fn ipv6(text: &str, _: Facts) -> bool {
    runs(text, |b| b.is_ascii_hexdigit() || b == b':' || b == b'.').any(|(start, run)| {
        let stands_alone =
            !is_word(before(text, start)) && !is_word(byte_at(text, start + run.len()));
        // `a::b` is a path of a program. `dead:beef::1` is not.
        let digits = run.bytes().any(|b| b.is_ascii_digit());
        stands_alone && digits && run.matches(':').count() >= 2 && {
            let bare = run.trim_end_matches('.');
            [bare, bare.trim_start_matches(':'), bare.strip_suffix(':').unwrap_or(bare)]
                .iter()
                .any(|text| text.parse().is_ok_and(|ip: Ipv6Addr| !harmless_v6(ip)))
        }
    })
}

fn harmless_v6(ip: Ipv6Addr) -> bool {
    ip.is_loopback() || ip.is_unspecified() || ip.to_ipv4_mapped().is_some_and(harmless_v4)
}

/// Six pairs of hex digits between colons or hyphens, or three groups of four between dots; not all
/// zeros and not all ones.
pub(super) fn mac(text: &str, _: Facts) -> bool {
    [(b':', 6, 2), (b'-', 6, 2), (b'.', 3, 4)].into_iter().any(|(separator, groups, width)| {
        if text.bytes().filter(|byte| *byte == separator).count() + 1 < groups {
            return false;
        }
        runs(text, |b| b.is_ascii_hexdigit() || b == separator).any(|(start, run)| {
            let run = run.trim_end_matches(char::from(separator));
            let stands_alone =
                !is_word(before(text, start)) && !is_word(byte_at(text, start + run.len()));
            let mut parts = run.split(char::from(separator));
            let blank = |digit: u8| run.bytes().all(|b| b == separator || b | 0x20 == digit | 0x20);
            stands_alone
                && parts.clone().count() == groups
                && parts.all(|part| part.len() == width)
                && !blank(b'0')
                && !blank(b'f')
        })
    })
}

/// The longest runs of certain bytes, which must be ASCII, with their positions.
fn runs(text: &str, member: impl Fn(u8) -> bool + Copy) -> impl Iterator<Item = (usize, &str)> {
    let mut at = 0;
    std::iter::from_fn(move || {
        let bytes = text.as_bytes();
        at += bytes.get(at..)?.iter().take_while(|b| !member(**b)).count();
        let start = at;
        at += bytes.get(at..)?.iter().take_while(|b| member(**b)).count();
        (at > start).then(|| (start, text.get(start..at).unwrap_or_default()))
    })
}
