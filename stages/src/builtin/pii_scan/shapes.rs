//! Forms of values that are harmless where they stand, told by looking at their bytes once.
//!
//! Most values of an ordinary event end here, before any detector is asked. A value that does not
//! have its member's form is not judged here (validation does that), only scanned.

use crate::event::{Field, RawJson};
use crate::scanned::{Level, Status};

use super::finding::Entity;
use super::gazetteer;
use super::vocabulary::Claim;

/// Digits from which on a number may be a card number.
pub(super) const CARD_DIGITS: usize = 13;

/// Whether a known member has the form that is expected of it.
pub(super) fn expected(field: Field, value: RawJson<'_>) -> bool {
    let text = value.text();
    let Some(inner) = text.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) else {
        return match field {
            Field::ResponseTimeMs | Field::RetryCount | Field::SequenceNumber => {
                text.len() < CARD_DIGITS && text.bytes().all(|b| b.is_ascii_digit() || b == b'-')
            }
            _ => matches!(text, "true" | "false" | "null"),
        };
    };
    let inner = inner.trim_ascii();
    let bytes = inner.as_bytes();
    match field {
        Field::Version => version(bytes),
        Field::Tool | Field::Service => {
            bytes.len() <= 48
                && bytes.first().is_some_and(u8::is_ascii_alphabetic)
                && bytes.iter().all(|b| b.is_ascii_alphanumeric() || *b == b'_')
        }
        Field::Status => Status::read(inner).is_some(),
        Field::AnalyticsLevel => Level::read(inner).is_some(),
        Field::TimestampHour => timestamp(bytes),
        Field::ErrorType => word(bytes),
        Field::Country => bytes.len() == 2 && bytes.iter().all(u8::is_ascii_alphabetic),
        Field::SessionId => bytes.len() == 16 && bytes.iter().all(u8::is_ascii_hexdigit),
        Field::EventId => uuid::Uuid::try_parse_ascii(bytes).is_ok(),
        _ => false,
    }
}

/// What a known member holds that has no room for text: a session with words in it is somebody's
/// own, a country that is none is a place.
pub(super) fn intruder(field: Field, value: RawJson<'_>) -> Option<Entity> {
    let text = value.text().strip_prefix('"')?.strip_suffix('"')?.trim();
    match field {
        Field::SessionId => {
            let word = |part: &str| {
                part.len() >= 3
                    && part.bytes().all(|b| b.is_ascii_alphabetic())
                    && !part.bytes().all(|b| b.is_ascii_hexdigit())
            };
            let mut parts = text.split(['.', '-', '_', '@', ' ', ':']);
            (text.len() > 3 && parts.clone().count() > 1 && parts.any(word))
                .then_some(Entity::UserId)
        }
        Field::Country => {
            const REGIONS: &[&str] = &[
                "other",
                "europe",
                "asia",
                "africa",
                "america",
                "americas",
                "oceania",
                "antarctica",
                "world",
                "global",
                "unknown",
                "none",
                "null",
                "international",
                "middle east",
                "emea",
                "apac",
                "latam",
                "north america",
                "south america",
                "central america",
                "caribbean",
            ];
            let known = |text: &str| REGIONS.iter().any(|region| text.eq_ignore_ascii_case(region));
            let region = text.len() <= 3 || known(text) || gazetteer::is_region(text);
            let name = text.chars().any(char::is_lowercase)
                && text.chars().all(|c| c.is_alphabetic() || " .,'’-".contains(c));
            (!region && name && text.starts_with(char::is_uppercase)).then_some(Entity::Location)
        }
        _ => None,
    }
}

/// `1.23.0-rc.1`: few enough digits to be no card and no telephone number.
fn version(bytes: &[u8]) -> bool {
    bytes.len() <= 20
        && bytes.first().is_some_and(u8::is_ascii_digit)
        && bytes.iter().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'+' | b'-'))
        && bytes.iter().filter(|b| b.is_ascii_digit()).count() < CARD_DIGITS
}

/// `2026-03-14T15:00:00.000Z`, in any precision and with any offset.
fn timestamp(bytes: &[u8]) -> bool {
    let punctuation = |b: &u8| matches!(b, b'-' | b':' | b'.' | b'+' | b'T' | b't' | b'Z' | b'z');
    (16..=35).contains(&bytes.len())
        && bytes.iter().all(|b| b.is_ascii_digit() || punctuation(b))
        && (bytes[4], bytes[7], bytes[13]) == (b'-', b'-', b':')
        && matches!(bytes[10], b'T' | b't')
}

/// An identifier that is too plain to carry anything: letters and `_`, and few digits.
fn word(bytes: &[u8]) -> bool {
    bytes.len() <= 64
        && bytes.first().is_some_and(u8::is_ascii_alphabetic)
        && bytes.iter().all(|b| b.is_ascii_alphanumeric() || *b == b'_')
        && bytes.iter().filter(|b| b.is_ascii_digit()).count() <= 4
}

/// Whether a value stands for the absence of one: empty, or blanked out by the client.
pub(super) fn is_placeholder(text: &str) -> bool {
    const WORDS: &[&str] = &[
        "redacted",
        "masked",
        "hidden",
        "removed",
        "filtered",
        "omitted",
        "anonymous",
        "anonymized",
        "anonymised",
        "none",
        "null",
        "nil",
        "undefined",
        "unknown",
        "n/a",
        "na",
        "true",
        "false",
        "default",
        "private",
        "auto",
        "not set",
        "not provided",
        "not available",
        "scrubbed",
        "deleted",
        "obfuscated",
        "xxx",
        "guest",
        "off",
        "on",
        "yes",
        "no",
    ];
    let core = text.trim_matches(|c: char| c.is_whitespace() || "[]<>(){}*\"'-_".contains(c));
    let blanked = Entity::ALL.iter().any(|entity| text == entity.placeholder());
    blanked || core.is_empty() || WORDS.iter().any(|word| core.eq_ignore_ascii_case(word))
}

/// Whether a string has the form that a key's claim promises.
pub(super) fn text_fits(claim: Claim, text: &str) -> bool {
    let bytes = text.as_bytes();
    let number = bytes.len() <= 6 && bytes.iter().all(u8::is_ascii_digit);
    match claim {
        Claim::Number => number,
        Claim::Word => {
            let short = bytes.len() <= 24 && bytes.first().is_some_and(u8::is_ascii_alphabetic);
            number || short && bytes.iter().all(|b| b.is_ascii_alphanumeric() || b"_-".contains(b))
        }
        Claim::Digest => {
            let coded = |b: &u8| b.is_ascii_alphanumeric() || b"+/=-_:".contains(b);
            bytes.len() >= 8 && bytes.iter().all(u8::is_ascii_hexdigit)
                || bytes.len() >= 22 && bytes.iter().all(coded)
        }
    }
}

/// Whether a number has the form that a key's claim promises.
pub(super) fn number_fits(claim: Claim, number: &str) -> bool {
    claim != Claim::Digest && number.len() <= 9 && !number.contains('.')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_of_the_expected_form_are_told_apart() {
        for (field, text, want) in [
            (Field::Version, "\"1.23.0-rc.1\"", true),
            (Field::Version, "\"mina@post.se\"", false),
            (Field::Version, "\"4111111111111111\"", false),
            (Field::Tool, "\" Get_Alerts\"", true),
            (Field::Tool, "\"59.91,10.75\"", false),
            (Field::TimestampHour, "\"2026-03-14T15:00:00.000Z\"", true),
            (Field::TimestampHour, "\"2026-03-14T15:00:00+05:30\"", true),
            (Field::TimestampHour, "\"4111111111111111\"", false),
            (Field::ErrorType, "\"ValidationError\"", true),
            (Field::ErrorType, "\"HTTP_503\"", true),
            (Field::ErrorType, "\"no station near here\"", false),
            (Field::Country, "\"NO\"", true),
            (Field::Country, "\"Oslo\"", false),
            (Field::SessionId, "\"00ff00ff00ff00ff\"", true),
            (Field::SessionId, "\"mina@post.se1234\"", false),
            (Field::EventId, "\"3a8e1b1c-9a67-4f0e-8d0f-2f9d2d7d6c11\"", true),
            (Field::SequenceNumber, "12", true),
            (Field::SequenceNumber, "4111111111111111", false),
            (Field::ResponseTimeMs, "\"131\"", false),
            (Field::CacheHit, "true", true),
            (Field::Parameters, "{}", false),
        ] {
            let fits = expected(field, RawJson::from_valid(text));
            assert_eq!(fits, want, "{} {text}", field.name());
        }
    }

    #[test]
    fn blanked_out_values_are_no_values() {
        for text in ["", " ", "[redacted]", "<REDACTED>", "***", "(Masked)", "n/a", "anonymous"] {
            assert!(is_placeholder(text), "{text}");
        }
        for text in ["x", "unknown street", "redacted@post.se", "0"] {
            assert!(!is_placeholder(text), "{text}");
        }
    }

    #[test]
    fn values_keep_or_break_the_claim_of_their_key() {
        for (claim, text, want) in [
            (Claim::Digest, "9f86d081884c7d65", true),
            (Claim::Digest, "mina", false),
            (Claim::Word, "ipv6", true),
            (Claim::Word, "12 Storgata", false),
            (Claim::Number, "3", true),
            (Claim::Number, "0150", true),
            (Claim::Number, "mina", false),
        ] {
            assert_eq!(text_fits(claim, text), want, "{text}");
        }
        assert!(number_fits(Claim::Number, "3"));
        assert!(!number_fits(Claim::Number, "4670123456"));
        assert!(!number_fits(Claim::Word, "59.91"));
    }
}
