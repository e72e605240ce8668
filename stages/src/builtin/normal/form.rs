//! The form in which members are kept, and the repairs that lead there.
//!
//! What a real client can send is repaired; what has no form that could be kept is refused. Trimming
//! and case are repaired in silence, because nothing is lost by them.

use compact_str::CompactString;

use super::{
    COUNTRY_DROPPED, ERROR_TYPE_REQUIRED, ERROR_TYPE_SHORTENED, RESPONSE_TIME_CLAMPED,
    RESPONSE_TIME_DROPPED, TIMESTAMP_FLOORED, about, invalid, is_identifier,
};
use crate::event::Field;
use crate::hour::Hour;
use crate::scanned::{Fields, Level, Status};
use crate::verdict::{Code, Reason, Warning, codes};

const MAX_VERSION: usize = 20;
/// Numbers in front of a version's suffix: `1.2.3.4`.
const MAX_VERSION_PARTS: usize = 4;
const MAX_ERROR_TEXT: usize = 100;
const MAX_ERROR_TYPE: usize = 64;
/// Two minutes: beyond it, a time says nothing but that somebody gave up (or a laptop slept).
const MAX_RESPONSE_TIME_MS: i64 = 120_000;
const MAX_RETRIES: i64 = 10;
/// Letters of the longest region word (`OTHER`, `EUROPE`) that stands where a country should.
const MAX_REGION: usize = 16;

/// Brings the members into the form that is kept, and tells what had to be repaired. Members that
/// already are in that form are left alone, so a second time changes and reports nothing.
///
/// # Errors
/// The first member for which there is no such form.
pub(crate) fn normalise(fields: &mut Fields) -> Result<Vec<Warning>, Reason> {
    let mut warnings = Vec::new();
    version(&mut fields.version)?;
    identifier(&mut fields.tool, Field::Tool, codes::INVALID_TOOL)?;
    timestamp(&mut fields.timestamp, &mut warnings);
    error_type(fields, &mut warnings)?;
    response_time(&mut fields.response_time_ms, &mut warnings);
    if let Some(service) = &mut fields.service {
        identifier(service, Field::Service, codes::INVALID_SERVICE)?;
    }
    within(fields.retry_count, 0..=MAX_RETRIES, Field::RetryCount)?;
    country(&mut fields.country, &mut warnings)?;
    within(fields.sequence_number, 0..=i64::MAX, Field::SequenceNumber)?;
    Ok(warnings)
}

fn trim(text: &mut CompactString) {
    let trimmed = text.trim();
    if trimmed.len() != text.len() {
        *text = CompactString::from(trimmed);
    }
}

fn version(version: &mut CompactString) -> Result<(), Reason> {
    if is_version(version) {
        return Ok(());
    }
    trim(version);
    if is_version(version) { Ok(()) } else { Err(invalid(Field::Version)) }
}

/// `^\d+(\.\d+){0,3}([-+][0-9A-Za-z.-]+)?$`, in ASCII, at most 20 characters.
fn is_version(text: &str) -> bool {
    // Bytes, because the searchers behind `str::split` took a tenth of the time of an event.
    let mut parts = text.as_bytes().splitn(2, |b| matches!(b, b'-' | b'+'));
    let numbers = parts.next().unwrap_or_default();
    let is_number = |part: &[u8]| !part.is_empty() && part.iter().all(u8::is_ascii_digit);
    let is_suffix = |suffix: &[u8]| {
        let fits = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-');
        !suffix.is_empty() && suffix.iter().all(fits)
    };
    text.len() <= MAX_VERSION
        && numbers.iter().filter(|b| **b == b'.').count() < MAX_VERSION_PARTS
        && numbers.split(|b| *b == b'.').all(is_number)
        && parts.next().is_none_or(is_suffix)
}

fn identifier(text: &mut CompactString, field: Field, code: Code) -> Result<(), Reason> {
    if is_identifier(text) {
        return Ok(());
    }
    trim(text);
    text.as_mut_str().make_ascii_lowercase();
    if is_identifier(text) {
        return Ok(());
    }
    let message = "must be a name of lower-case letters, digits and `_`, at most 48 characters";
    Err(about(field, code, message))
}

fn timestamp(seconds: &mut i64, warnings: &mut Vec<Warning>) {
    let floored = Hour::containing(*seconds).unix_seconds();
    if floored != *seconds {
        *seconds = floored;
        let message = "rounded down to the UTC hour";
        warnings.push(about(Field::TimestampHour, TIMESTAMP_FLOORED, message));
    }
}

/// Free text may follow the identifier; only the identifier is kept.
fn error_type(fields: &mut Fields, warnings: &mut Vec<Warning>) -> Result<(), Reason> {
    let text = fields.error_type.as_deref().map_or("", str::trim);
    if text.is_empty() {
        let failed = fields.status == Status::Error;
        if failed && fields.level >= Level::Standard {
            let message = "an event with status `error` needs an error_type at this level";
            return Err(about(Field::ErrorType, ERROR_TYPE_REQUIRED, message));
        }
        if failed && fields.error_type.is_some() {
            return Err(invalid(Field::ErrorType));
        }
        fields.error_type = None;
        return Ok(());
    }
    let identifier = leading_identifier(text);
    if identifier.is_empty() || text.chars().nth(MAX_ERROR_TEXT).is_some() {
        return Err(invalid(Field::ErrorType));
    }
    if identifier.len() != text.len() {
        let message = "only the identifier at its start is kept, at most 64 characters of it";
        warnings.push(about(Field::ErrorType, ERROR_TYPE_SHORTENED, message));
    }
    if fields.error_type.as_deref() != Some(identifier) {
        fields.error_type = Some(CompactString::from(identifier));
    }
    Ok(())
}

/// The longest `[A-Za-z][A-Za-z0-9_.-]{0,63}` at the start; empty when there is none.
fn leading_identifier(text: &str) -> &str {
    if !text.starts_with(|c: char| c.is_ascii_alphabetic()) {
        return "";
    }
    let fits = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'-');
    let length = text.bytes().take(MAX_ERROR_TYPE).take_while(|b| fits(b)).count();
    // All of it is ASCII, so it ends between two characters.
    text.get(..length).unwrap_or("")
}

fn response_time(time: &mut Option<i64>, warnings: &mut Vec<Warning>) {
    match *time {
        Some(ms) if ms < 0 => {
            *time = None;
            let message = "left out, because a negative time is the trace of a clock step";
            warnings.push(about(Field::ResponseTimeMs, RESPONSE_TIME_DROPPED, message));
        }
        Some(ms) if ms > MAX_RESPONSE_TIME_MS => {
            *time = Some(MAX_RESPONSE_TIME_MS);
            let message = "counted as 120000, the longest time that is told apart";
            warnings.push(about(Field::ResponseTimeMs, RESPONSE_TIME_CLAMPED, message));
        }
        _ => {}
    }
}

fn within(
    number: Option<i64>,
    bounds: std::ops::RangeInclusive<i64>,
    field: Field,
) -> Result<(), Reason> {
    if number.is_none_or(|number| bounds.contains(&number)) { Ok(()) } else { Err(invalid(field)) }
}

fn country(country: &mut Option<CompactString>, warnings: &mut Vec<Warning>) -> Result<(), Reason> {
    let Some(text) = country else { return Ok(()) };
    trim(text);
    if !text.bytes().all(|b| b.is_ascii_alphabetic()) {
        return Err(invalid(Field::Country));
    }
    match text.len() {
        2 => text.as_mut_str().make_ascii_uppercase(),
        3..=MAX_REGION => {
            *country = None;
            let message = "left out, because it names a region instead of a country";
            warnings.push(about(Field::Country, COUNTRY_DROPPED, message));
        }
        _ => return Err(invalid(Field::Country)),
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::read;
    use super::super::samples::{changes, event};
    use super::*;

    /// The members of an event after the repairs with their warnings, or the refusal.
    fn outcome(changes: &[(&str, &str)]) -> Result<(Fields, Vec<&'static str>), &'static str> {
        let mut fields = read(&event(changes)).expect("the event can be read");
        let warnings = normalise(&mut fields).map_err(|reason| reason.code.as_str())?;
        Ok((fields, warnings.iter().map(|warning| warning.code.as_str()).collect()))
    }

    /// What becomes of one member of a standard event, and the warnings.
    fn member<T>(
        changes: &[(&str, &str)],
        get: fn(Fields) -> T,
    ) -> Result<(T, Vec<&'static str>), &'static str> {
        let standard = ("analytics_level", "\"standard\"");
        let result = outcome(&[&[standard], changes].concat());
        result.map(|(fields, warnings)| (get(fields), warnings))
    }

    #[test]
    fn names_are_trimmed_and_folded_in_silence() {
        for (value, want) in [
            (r#""noaa""#, Ok("noaa")),
            (r#""\t NoAA_9 ""#, Ok("noaa_9")),
            (r#""""#, Err("invalid_service")),
            (r#""no aa""#, Err("invalid_service")),
            (r#""9aa""#, Err("invalid_service")),
            (r#""\u212a""#, Err("invalid_service")),
        ] {
            let want = want.map(|name| (Some(name.into()), vec![]));
            assert_eq!(member(&[("service", value)], |f| f.service), want, "{value}");
        }
        assert_eq!(
            member(&[("tool", r#"" Get_Alerts""#)], |f| f.tool),
            Ok(("get_alerts".into(), vec![]))
        );
        assert_eq!(member(&[("tool", r#""get alerts""#)], |f| f.tool), Err("invalid_tool"));
        assert_eq!(member(&[("version", r#"" 1.0 ""#)], |f| f.version), Ok(("1.0".into(), vec![])));
        assert_eq!(member(&[("version", r#""v1.0""#)], |f| f.version), Err("invalid_field"));
    }

    #[test]
    fn times_are_clamped_dropped_and_floored_with_a_warning() {
        for (value, want, warnings) in [
            ("", None, vec![]),
            ("-0", Some(0), vec![]),
            ("120000", Some(120_000), vec![]),
            ("120001", Some(120_000), vec!["response_time_clamped"]),
            ("-1", None, vec!["response_time_dropped"]),
        ] {
            let got = member(&[("response_time_ms", value)], |f| f.response_time_ms);
            assert_eq!(got, Ok((want, warnings)), "{value}");
        }
        // 1787234400 is 2026-08-20T14:00:00Z.
        for (value, want, warnings) in [
            (r#""2026-08-20T14:00:00Z""#, 1_787_234_400, vec![]),
            (r#""2026-08-20T14:45:00Z""#, 1_787_234_400, vec!["timestamp_floored"]),
            (r#""2026-08-20T20:00:00+05:30""#, 1_787_234_400, vec!["timestamp_floored"]),
            (r#""1969-12-31T23:45:00Z""#, -3_600, vec!["timestamp_floored"]),
        ] {
            let got = member(&[("timestamp_hour", value)], |f| f.timestamp);
            assert_eq!(got, Ok((want, warnings)), "{value}");
        }
    }

    #[test]
    fn a_country_has_two_letters_and_a_region_is_dropped() {
        for (value, want) in [
            ("", Ok((None, vec![]))),
            (r#""EU""#, Ok((Some("EU".into()), vec![]))),
            (r#"" us ""#, Ok((Some("US".into()), vec![]))),
            (r#""OTHER""#, Ok((None, vec!["country_dropped"]))),
            (r#""usa""#, Ok((None, vec!["country_dropped"]))),
            (r#""abcdefghijklmnop""#, Ok((None, vec!["country_dropped"]))),
            (r#""abcdefghijklmnopq""#, Err("invalid_field")),
            (r#""U""#, Err("invalid_field")),
            (r#""""#, Err("invalid_field")),
            (r#""U2""#, Err("invalid_field")),
            (r#""U S""#, Err("invalid_field")),
            (r#""ää""#, Err("invalid_field")),
        ] {
            assert_eq!(member(&[("country", value)], |f| f.country), want, "{value}");
        }
    }

    #[test]
    fn an_error_type_is_its_leading_identifier() {
        let text = |length: usize| format!("\"{}\"", "e".repeat(length));
        let shortened = || vec!["error_type_shortened"];
        let (e64, e65, e100, e101) = (text(64), text(65), text(100), text(101));
        let e64_kept = "e".repeat(64);
        for (value, want) in [
            (r#""x""#, Ok((Some("x"), vec![]))),
            (r#"" TypeError_2.a-b ""#, Ok((Some("TypeError_2.a-b"), vec![]))),
            (r#""Timeout: no answer""#, Ok((Some("Timeout"), shortened()))),
            (r#""caféteria""#, Ok((Some("caf"), shortened()))),
            (&e64, Ok((Some(&*e64_kept), vec![]))),
            (&e65, Ok((Some(&*e64_kept), shortened()))),
            (&e100, Ok((Some(&*e64_kept), shortened()))),
            (&e101, Err("invalid_field")),
            (r#""404""#, Err("invalid_field")),
            (r#""_a""#, Err("invalid_field")),
            (r#""é""#, Err("invalid_field")),
            (r#"" ""#, Err("error_type_required")),
            (r#""""#, Err("error_type_required")),
            ("", Err("error_type_required")),
        ] {
            let changes = [("status", "\"error\""), ("error_type", value)];
            let want = want.map(|(kept, warnings)| (kept.map(Into::into), warnings));
            assert_eq!(member(&changes, |f| f.error_type), want, "{value}");
        }
        for (status, value, want) in [
            (r#""error""#, "", Ok(None)),
            (r#""error""#, r#""""#, Err("invalid_field")),
            (r#""error""#, r#""timeout""#, Ok(Some("timeout".into()))),
            (r#""success""#, r#""""#, Ok(None)),
            (r#""success""#, r#""timeout""#, Ok(Some("timeout".into()))),
        ] {
            let got = outcome(&[("status", status), ("error_type", value)]);
            assert_eq!(got.map(|(fields, _)| fields.error_type), want, "minimal {status} {value}");
        }
    }

    #[test]
    fn numbers_stay_within_their_bounds() {
        for (field, value, fits) in [
            ("retry_count", "0", true),
            ("retry_count", "10", true),
            ("retry_count", "11", false),
            ("retry_count", "-1", false),
            ("sequence_number", "0", true),
            ("sequence_number", "-1", false),
        ] {
            let got = outcome(&[("analytics_level", "\"detailed\""), (field, value)]);
            assert_eq!(got.map(|_| ()), if fits { Ok(()) } else { Err("invalid_field") });
        }
    }

    #[test]
    fn the_message_for_a_missing_error_type_names_it() {
        let changes = [("analytics_level", "\"standard\""), ("status", "\"error\"")];
        let mut fields = read(&event(&changes)).unwrap();
        let reason = normalise(&mut fields).unwrap_err();
        assert!(reason.message.contains("error_type"));
    }

    proptest! {
        #[test]
        fn a_version_is_what_the_pattern_says(
            text in "[0-9]{0,3}(\\.[0-9]{0,3}){0,4}([-+][0-9a-zA-Z.+-]{0,8})?|[0-9.+ä-]{0,22}",
        ) {
            let pattern = regex::Regex::new(r"^[0-9]+(\.[0-9]+){0,3}([-+][0-9A-Za-z.-]+)?$").unwrap();
            prop_assert_eq!(is_version(&text), text.len() <= 20 && pattern.is_match(&text));
        }

        #[test]
        fn a_second_time_changes_and_reports_nothing(changes in changes()) {
            if let Ok(mut fields) = read(&event(&changes))
                && normalise(&mut fields).is_ok()
            {
                let once = fields.clone();
                prop_assert_eq!(normalise(&mut fields), Ok(vec![]));
                prop_assert_eq!(fields, once);
            }
        }
    }
}
