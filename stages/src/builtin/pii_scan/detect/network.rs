//! Network and hardware addresses.

use std::net::{Ipv4Addr, Ipv6Addr};
use std::sync::LazyLock;

use regex::Regex;

use super::super::keys::Facts;
use super::contact::EXTENSIONS;
use super::{before, byte_at, fixed, is_word};

/// Words before four numbers that make them a version: `firmware 2.4.1.0`.
const VERSION_WORDS: &[&str] =
    &["version", "ver", "v", "build", "release", "firmware", "section", "oid", "revision", "rev"];

/// Four octets that are neither loopback, unspecified nor broadcast, and no version.
pub(super) fn ipv4(text: &str, facts: Facts) -> bool {
    if facts.version {
        return false;
    }
    let part_of_name = |byte: Option<u8>| {
        byte.is_some_and(|b| b.is_ascii_alphanumeric() || b".-_%".contains(&b) || b >= 0x80)
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

static IN_NAME: LazyLock<Regex> = LazyLock::new(|| {
    fixed(concat!(
        r"(?i-u)\b([0-9]{1,3})(?:\.([0-9]{1,3})\.([0-9]{1,3})\.([0-9]{1,3})\.in-addr\.arpa|",
        r"-([0-9]{1,3})-([0-9]{1,3})-([0-9]{1,3})(?:[-.][0-9a-z-]+)*\.([a-z]{2,}))\b",
    ))
});
static INTEGER: LazyLock<Regex> =
    LazyLock::new(|| fixed(r"(?i-u)://(?:0x([0-9a-f]{8})|([0-9]{8,10}))(?:[:/?#]|$)"));

/// An address within a name: `c-203-0-113-9.example.net`, `9.113.0.203.in-addr.arpa`.
pub(super) fn disguised(text: &str, facts: Facts) -> bool {
    let is_address = |hit: &regex::Captures<'_>| {
        let groups = || hit.iter().skip(1).flatten().map(|part| part.as_str());
        let octets = groups().filter(|part| part.parse::<u8>().is_ok()).count();
        let file = groups().any(|part| EXTENSIONS.iter().any(|e| part.eq_ignore_ascii_case(e)));
        octets == 4 && !file
    };
    !facts.version
        && (text.contains(".ip6.arpa") || IN_NAME.captures_iter(text).any(|hit| is_address(&hit)))
}

/// An address as one number in a URL: `http://3405803785/`.
pub(super) fn as_number(text: &str, _: Facts) -> bool {
    text.contains("://") && INTEGER.is_match(text)
}

/// An IPv6 address whose colons were replaced: `2001-db8--7.ipv6-literal.net`, `2001_db8__7`.
pub(super) fn without_colons(text: &str, _: Facts) -> bool {
    [(b'_', "__"), (b'-', "--")].into_iter().any(|(mark, pair)| {
        text.contains(pair)
            && runs(text, |b| b.is_ascii_hexdigit() || b == mark).any(|(start, run)| {
                // Global, unique local and link-local ones begin with a full group.
                let first = run.split(char::from(mark)).next().unwrap_or_default();
                first.len() == 4
                    && first.starts_with(['2', '3', 'f', 'F'])
                    && run.bytes().filter(|b| *b == mark).count() >= 3
                    && !is_word(before(text, start))
                    && run.replace(char::from(mark), ":").parse::<Ipv6Addr>().is_ok()
            })
    })
}

static PRIVATE_HOST: LazyLock<Regex> = LazyLock::new(|| {
    fixed(concat!(
        r"(?i-u)\b(?P<name>(?:[a-z0-9][a-z0-9-]{0,62}\.){1,5})",
        r"(?P<top>local|lan|internal|corp|intranet|localdomain|home\.arpa)\b",
    ))
});
/// Words before a name that is looked up.
const LOOKED_UP: &[&str] = &["ENOTFOUND", "EAI_AGAIN", "resolve", "host", "lookup", "for", "ping"];

/// The name of a machine in a private network: with a digit or hyphen, or where names are looked up,
/// because `errors.internal` is the name of a text.
pub(super) fn private_host(text: &str, _: Facts) -> bool {
    PRIVATE_HOST.captures_iter(text).any(|hit| {
        let (Some(whole), Some(name)) = (hit.get(0), hit.name("name")) else { return false };
        let next = byte_at(text, whole.end());
        let goes_on = next == Some(b'.') && is_word(byte_at(text, whole.end() + 1))
            || matches!(next, Some(b'(' | b'='));
        let made = name.as_str().bytes().any(|b| b.is_ascii_digit() || b == b'-');
        let head = text.get(..whole.start()).unwrap_or_default();
        let word = head.trim_end_matches([' ', ':']).rsplit(' ').next().unwrap_or_default();
        let looked_up = head.ends_with(['/', '@']) || LOOKED_UP.contains(&word);
        let own = whole.as_str().eq_ignore_ascii_case("host.docker.internal");
        !goes_on && !own && (made || looked_up)
    })
}

static DEVICE_NAME: LazyLock<Regex> = LazyLock::new(|| {
    fixed(concat!(
        r"(?-u)\b(?:(?:DESKTOP|LAPTOP|WIN)-[0-9A-Z]{7,11}|",
        r"[A-Za-z]{2,20}-(?i:macbook|imac|iphone|ipad|thinkpad|galaxy|pixel|mbp)(?:-[A-Za-z0-9]+)*)\b",
    ))
});

/// The name that a maker or an owner gave to a device: `DESKTOP-4F7K2LQ`, `mina-macbook-pro`.
pub(super) fn device_name(text: &str, _: Facts) -> bool {
    DEVICE_NAME.is_match(text)
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
