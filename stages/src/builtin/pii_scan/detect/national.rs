//! Numbers that a state gave to a person: some are told by their form and check digits alone, most
//! only beside a word that announces them.

use std::sync::LazyLock;

use regex::Regex;

use super::super::context::{self, BANK, BIRTH, DEVICE, NATIONAL, USER, VEHICLE};
use super::super::keys::Facts;
use super::payment::luhn;
use super::{before, byte_at, fixed, is_word};

static SOCIAL_SECURITY: LazyLock<Regex> =
    LazyLock::new(|| fixed(r"([0-9]{3})([- .])([0-9]{2})([- .])([0-9]{4})"));

/// A United States number in its three groups, none of them all zeros, outside the areas that are
/// never given out (000, 666, 900 and above), or the same for taxpayers without one (ITIN: 9nn, with
/// the groups that the IRS gives out).
pub(super) fn social_security(text: &str, _: Facts) -> bool {
    SOCIAL_SECURITY.captures_iter(text).any(|hit| {
        let part = |index| hit.get(index).map_or("", |part| part.as_str());
        let (Some(whole), same) = (hit.get(0), part(2) == part(4)) else { return false };
        let grouped = |byte: Option<u8>| is_word(byte) || byte.is_some_and(|b| b"-.".contains(&b));
        let full_stop =
            byte_at(text, whole.end()) == Some(b'.') && !is_word(byte_at(text, whole.end() + 1));
        let issued = match part(1) {
            "000" | "666" => false,
            area if area < "900" => part(3) != "00",
            _ => matches!(part(3).parse(), Ok(50..=65 | 70..=88 | 90..=92 | 94..=99)),
        };
        same && issued
            && part(5) != "0000"
            && !grouped(before(text, whole.start()))
            && (full_stop || !grouped(byte_at(text, whole.end())))
    })
}

/// Forms that are their own evidence.
#[rustfmt::skip]
static SELF_EVIDENT: LazyLock<Regex> = LazyLock::new(|| {
    fixed(concat!(
        // Medicare (US): letters without S L O I B Z at fixed places.
        r"(?-u)\b(?:[1-9][AC-HJKMNP-RT-Y][0-9AC-HJKMNP-RT-Y][0-9]-[AC-HJKMNP-RT-Y][0-9AC-HJKMNP-RT-Y][0-9]-",
        r"[AC-HJKMNP-RT-Y]{2}[0-9]{2}|",
        // Codice fiscale (IT): letters of the name, year, month, day, municipality, check letter.
        r"[A-Z]{6}[0-9]{2}[A-EHLMPRST][0-9]{2}[A-Z][0-9]{3}[A-Z]|",
        // CURP (MX).
        r"[A-Z]{4}[0-9]{6}[HMX][A-Z]{5}[0-9A-Z][0-9])\b",
    ))
});

static GROUPED: LazyLock<Regex> = LazyLock::new(|| {
    fixed(concat!(
        // CPF (BR), henkilötunnus (FI), resident registration (KR), National Insurance (GB).
        r"(?-u)\b(?:(?P<cpf>[0-9]{3}\.[0-9]{3}\.[0-9]{3}-[0-9]{2})|",
        r"(?P<hetu>[0-3][0-9][01][0-9]{3}[-+A-F][0-9]{3}[0-9A-FHJ-NPR-Y])|",
        r"(?P<rrn>[0-9]{2}[01][0-9][0-3][0-9]-[1-4][0-9]{6})|",
        r"(?P<nino>[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z] [0-9]{2} [0-9]{2} [0-9]{2} [A-D]))\b",
    ))
});

/// A number whose form and check digits tell it without any word beside it.
pub(super) fn self_evident(text: &str, _: Facts) -> bool {
    SELF_EVIDENT.is_match(text)
        || GROUPED.captures_iter(text).any(|hit| {
            let digits = |name: &str| hit.name(name).map(|part| numbers(part.as_str()));
            hit.name("nino").is_some()
                || hit.name("hetu").is_some_and(|part| is_henkilotunnus(part.as_str()))
                || digits("cpf").is_some_and(|digits| is_cpf(&digits))
                || digits("rrn").is_some_and(|digits| digits.len() == 13)
        })
}

fn numbers(text: &str) -> Vec<u32> {
    text.chars().filter_map(|c| c.to_digit(10)).collect()
}

/// Two check digits modulo 11 (Receita Federal).
fn is_cpf(digits: &[u32]) -> bool {
    let check = |count: usize| {
        let weights = (2..).take(count).collect::<Vec<u32>>().into_iter().rev();
        let sum: u32 = digits.iter().take(count).zip(weights).map(|(d, weight)| d * weight).sum();
        let rest = sum * 10 % 11 % 10;
        digits.get(count) == Some(&rest)
    };
    let same = digits.windows(2).all(|pair| pair.first() == pair.last());
    digits.len() == 11 && !same && check(9) && check(10)
}

/// The check character is the number without its separator, modulo 31 (DVV, Finland).
fn is_henkilotunnus(text: &str) -> bool {
    const CHECK: &[u8; 31] = b"0123456789ABCDEFHJKLMNPRSTUVWXY";
    let body = numbers(text.get(..10).unwrap_or_default());
    let number = body.iter().take(9).fold(0, |sum, digit| sum * 10 + digit);
    byte_at(text, 10) == CHECK.get((number % 31) as usize).copied()
}

/// An identifier of letters and digits, in groups: what follows the word that announces it.
static IDENTIFIER: LazyLock<Regex> =
    LazyLock::new(|| fixed(r"(?-u)[0-9A-Za-z]+(?:[-./ ][0-9A-Za-z]+)*"));

/// A number beside a word that announces one: six to twenty letters and digits, of which five are
/// digits and no run of letters is a word.
pub(super) fn announced(text: &str, _: Facts) -> bool {
    context::near(text, NATIONAL | BANK).any(|part| {
        IDENTIFIER.find_iter(part).any(|hit| groups(hit.as_str()).any(|id| is_identifier(&id)))
    })
}

/// The longest runs of groups that hold digits, joined.
fn groups(text: &str) -> impl Iterator<Item = String> {
    let mut runs = vec![String::new()];
    for group in text.split(['-', '.', '/', ' ']) {
        let coded = group.len() <= 2 && group.bytes().all(|b| b.is_ascii_alphabetic())
            || group.bytes().any(|b| b.is_ascii_digit());
        match runs.last_mut() {
            Some(run) if coded => run.push_str(group),
            _ => runs.push(String::new()),
        }
    }
    runs.into_iter()
}

fn is_identifier(id: &str) -> bool {
    let digits = id.bytes().filter(u8::is_ascii_digit).count();
    let letters = id.len() - digits;
    let year = id.len() == 8 && (id.starts_with("19") || id.starts_with("20")) && letters == 0;
    (6..=20).contains(&id.len()) && digits >= 5 && letters <= 6 && !year
        || id.len() >= 12 && digits >= 6 && id.len() <= 20
}

static UUID: LazyLock<Regex> =
    LazyLock::new(|| fixed(r"(?i-u)\b[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}\b"));
static ACCOUNT: LazyLock<Regex> = LazyLock::new(|| {
    fixed(concat!(
        r"(?i-u)\b(?:id|identifier|no|number|nr|name|uid|username|userid|login|as|handle)",
        r#"\b\.?[ :=#]*(?:is )?["']?([0-9A-Za-z_.-]{3,64})"#,
    ))
});

/// `user id 3a8e1b1c-…`, `logged in as mina_b82`.
pub(super) fn account(text: &str, _: Facts) -> bool {
    identified(text, USER)
}

/// `device id 3a8e1b1c-…`, or a number of equipment (IMEI with its check digit, 3GPP TS 23.003; the
/// longer one of a SIM card) beside a word for a device.
pub(super) fn device(text: &str, _: Facts) -> bool {
    identified(text, DEVICE)
        || context::near(text, DEVICE).any(|part| {
            part.split(|c: char| !c.is_ascii_digit() && c != '-' && c != ' ').any(|run| {
                let digits: Vec<u8> =
                    run.bytes().filter(u8::is_ascii_digit).map(|b| b - b'0').collect();
                digits.len() == 15 && luhn(&digits) || (19..=20).contains(&digits.len())
            })
        })
}

/// Whether an identifier stands after a word of a class: a UUID, or what a word for identifiers
/// announces and has a digit.
fn identified(text: &str, class: context::Context) -> bool {
    context::announcements(text).filter(|one| one.class & class != 0).any(|one| {
        let rest = text.get(one.start..).unwrap_or_default();
        UUID.find(rest).is_some_and(|hit| hit.start() < 48)
            || ACCOUNT.captures(rest).is_some_and(|hit| {
                let near = hit.get(0).is_some_and(|whole| whole.start() < 16);
                let id = hit.get(1).map_or("", |id| id.as_str());
                near && id.bytes().any(|b| b.is_ascii_digit())
            })
    })
}

static DATE: LazyLock<Regex> = LazyLock::new(|| {
    fixed(concat!(
        r"(?i-u)\b(?:(?:19|20)[0-9]{2}[-/.][0-9]{1,2}[-/.][0-9]{1,2}|",
        r"[0-9]{1,2}[-/. ](?:[0-9]{1,2}|[a-z]{3,9})[-/. ,]{1,2}(?:19|20)?[0-9]{2}|",
        r"[a-z]{3,9} [0-9]{1,2}(?:st|nd|rd|th)?,? (?:19|20)[0-9]{2})\b",
    ))
});

/// A date beside a word for birth.
pub(super) fn birth(text: &str, _: Facts) -> bool {
    context::near(text, BIRTH).any(|part| DATE.is_match(part))
}

static PLATE: LazyLock<Regex> = LazyLock::new(|| {
    fixed(concat!(
        r"(?-u)\b(?:[A-Z]{1,3}[- ]?[0-9]{1,4}[- ]?[A-Z]{1,3}(?:[- ]?[0-9]{1,4})?|",
        r"[A-HJ-NPR-Z0-9]{17})\b",
    ))
});

/// A number plate, or a vehicle's number, beside a word for it.
pub(super) fn vehicle(text: &str, _: Facts) -> bool {
    context::near(text, VEHICLE).any(|part| {
        PLATE.find_iter(part).any(|hit| hit.as_str().bytes().any(|b| b.is_ascii_digit()))
    })
}
