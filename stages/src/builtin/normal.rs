//! The one place that knows what a member of an event may hold and in which form it is kept.
//!
//! Two steps: [`read()`] types the members of a raw event, as sent; [`normalise`] brings them into the
//! form that is stored. Validation runs both and throws the result away, the scan runs the first,
//! sanitise the second: so an event is judged exactly as it will be left.

mod form;
mod instant;
mod read;
#[cfg(test)]
pub(crate) mod samples;

use crate::event::Field;
use crate::verdict::{Code, Pointer, Reason, codes};

pub(crate) use self::form::normalise;
pub(crate) use self::read::{event_id, read};

/// The time is finer than a quarter of an hour.
pub(crate) const TIMESTAMP_NOT_ROUNDED: Code = Code::new("timestamp_not_rounded");
/// A failed call does not say with which error.
pub(crate) const ERROR_TYPE_REQUIRED: Code = Code::new("error_type_required");

/// Repair: free text after the identifier was left out.
pub(crate) const ERROR_TYPE_SHORTENED: Code = Code::new("error_type_shortened");
/// Repair: the time was set to the longest one that is told apart.
pub(crate) const RESPONSE_TIME_CLAMPED: Code = Code::new("response_time_clamped");
/// Repair: a negative time was left out.
pub(crate) const RESPONSE_TIME_DROPPED: Code = Code::new("response_time_dropped");
/// Repair: a region was left out.
pub(crate) const COUNTRY_DROPPED: Code = Code::new("country_dropped");
/// Repair: the time was rounded down to the UTC hour.
pub(crate) const TIMESTAMP_FLOORED: Code = Code::new("timestamp_floored");

/// What an unknown tool or service is counted as.
pub(crate) const OTHER: &str = "other";

/// Most characters of a tool or service.
const MAX_IDENTIFIER: usize = 48;

/// Whether the text has the form of a tool or service: `^[a-z][a-z0-9_]{0,47}$`.
pub(crate) fn is_identifier(text: &str) -> bool {
    text.len() <= MAX_IDENTIFIER
        && text.bytes().next().is_some_and(|first| first.is_ascii_lowercase())
        && text.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'_'))
}

/// A reason or warning about one member.
pub(crate) fn about(field: Field, code: Code, message: &'static str) -> Reason {
    Reason::new(code, Pointer::fixed(field.pointer()), message)
}

/// The member is of the wrong type or outside its bounds.
fn invalid(field: Field) -> Reason {
    let expected = match field {
        Field::Version => "must be a version such as 1.23.0, of at most 20 characters",
        Field::Tool => "must be a string, the name of a tool",
        Field::Status => "must be `success` or `error`",
        Field::TimestampHour => "must be an RFC 3339 time such as 2026-08-20T14:00:00Z",
        Field::AnalyticsLevel => "must be `minimal`, `standard` or `detailed`",
        Field::ErrorType => "must start with an identifier; at most 100 characters",
        Field::ResponseTimeMs => "must be a whole number of milliseconds",
        Field::Service => "must be a string, the name of a service",
        Field::CacheHit => "must be true or false",
        Field::RetryCount => "must be a whole number from 0 to 10",
        Field::Country => "must be a country code of two letters",
        Field::Parameters => "must be a JSON object",
        Field::SessionId => "must be 16 hexadecimal digits",
        Field::SequenceNumber => "must be a whole number from 0 to 9007199254740991",
        Field::EventId => "must be a UUID",
    };
    about(field, codes::INVALID_FIELD, expected)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn identifiers_are_short_lower_case_names() {
        let longest = "a".repeat(MAX_IDENTIFIER);
        for (text, want) in [
            ("get_forecast", true),
            ("a", true),
            ("a9_", true),
            (&longest, true),
            ("", false),
            ("_a", false),
            ("9a", false),
            ("Get", false),
            ("a-b", false),
            ("a b", false),
            ("ä", false),
            (&format!("{longest}a"), false),
        ] {
            assert_eq!(is_identifier(text), want, "{text}");
        }
    }

    proptest! {
        #[test]
        fn identifiers_are_what_the_pattern_says(text in "[a-z_0-9A]{0,3}.?[a-z]{44,46}|.{0,4}") {
            let pattern = regex::Regex::new("^[a-z][a-z0-9_]{0,47}$").unwrap();
            prop_assert_eq!(is_identifier(&text), pattern.is_match(&text));
        }
    }
}
