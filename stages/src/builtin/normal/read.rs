//! From a raw event to typed members, as sent.
//!
//! Only the members that the event's level defines are looked at. What other members hold is of no
//! concern to anybody but the scan.

use std::borrow::Cow;

use compact_str::CompactString;
use uuid::Uuid;

use super::instant::{self, Fault};
use super::{TIMESTAMP_NOT_ROUNDED, about, invalid};
use crate::event::{Field, RawEvent, Value};
use crate::scanned::{Fields, Level, Status};
use crate::verdict::{Reason, codes};

/// Largest whole number that every JSON implementation reads exactly: 2^53 - 1.
const MAX_SAFE_INTEGER: i64 = 9_007_199_254_740_991;

const SESSION_DIGITS: usize = 16;

/// Types the members that the event's level defines. Parameters and identity are left empty: what
/// may be kept of them is for the scan to say.
///
/// # Errors
/// The first member that cannot be read.
pub(crate) fn read(raw: &RawEvent<'_>) -> Result<Fields, Reason> {
    let level = Level::read(&required(raw, Field::AnalyticsLevel)?)
        .ok_or_else(|| invalid(Field::AnalyticsLevel))?;
    let mut fields = Fields {
        version: required(raw, Field::Version)?.into(),
        tool: required(raw, Field::Tool)?.into(),
        status: Status::read(&required(raw, Field::Status)?)
            .ok_or_else(|| invalid(Field::Status))?,
        level,
        timestamp: timestamp(&required(raw, Field::TimestampHour)?)?,
        error_type: text(raw, Field::ErrorType)?.map(Into::into),
        response_time_ms: None,
        service: None,
        cache_hit: None,
        retry_count: None,
        country: None,
        parameters: Vec::new(),
        session_id: None,
        sequence_number: None,
        identity: None,
    };
    if level >= Level::Standard {
        fields.response_time_ms = integer(raw, Field::ResponseTimeMs)?;
        fields.service = text(raw, Field::Service)?.map(Into::into);
        fields.cache_hit = boolean(raw, Field::CacheHit)?;
        fields.retry_count = integer(raw, Field::RetryCount)?;
        fields.country = text(raw, Field::Country)?.map(Into::into);
    }
    if level >= Level::Detailed {
        require_object(raw, Field::Parameters)?;
        // In its final form from the start: the identity of the event is made from it.
        fields.session_id = session_id(raw)?;
        fields.sequence_number = integer(raw, Field::SequenceNumber)?;
    }
    Ok(fields)
}

/// The event's own name, which it may have at any level.
///
/// # Errors
/// When there is one that is not a UUID.
pub(crate) fn event_id(raw: &RawEvent<'_>) -> Result<Option<Uuid>, Reason> {
    text(raw, Field::EventId)?
        .map(|text| Uuid::try_parse(text.trim()).map_err(|_| invalid(Field::EventId)))
        .transpose()
}

fn value<'b>(raw: &RawEvent<'b>, field: Field) -> Result<Option<Value<'b>>, Reason> {
    let Some(json) = raw.get(field) else { return Ok(None) };
    match json.value() {
        Ok(Value::Null) => {
            Err(about(field, codes::NULL_VALUE, "null is not a value; leave the member out"))
        }
        Ok(value) => Ok(Some(value)),
        Err(_) => {
            let message = "holds a NUL character or half a surrogate pair";
            Err(about(field, codes::UNSTORABLE, message))
        }
    }
}

fn text<'b>(raw: &RawEvent<'b>, field: Field) -> Result<Option<Cow<'b, str>>, Reason> {
    match value(raw, field)? {
        None => Ok(None),
        Some(Value::Text(text)) => Ok(Some(text)),
        Some(_) => Err(invalid(field)),
    }
}

fn required<'b>(raw: &RawEvent<'b>, field: Field) -> Result<Cow<'b, str>, Reason> {
    text(raw, field)?
        .ok_or_else(|| about(field, codes::MISSING_FIELD, "a required member is missing"))
}

fn boolean(raw: &RawEvent<'_>, field: Field) -> Result<Option<bool>, Reason> {
    match value(raw, field)? {
        None => Ok(None),
        Some(Value::Bool(value)) => Ok(Some(value)),
        Some(_) => Err(invalid(field)),
    }
}

fn integer(raw: &RawEvent<'_>, field: Field) -> Result<Option<i64>, Reason> {
    match value(raw, field)? {
        None => Ok(None),
        Some(Value::Number(text)) => whole_number(text).map(Some).ok_or_else(|| invalid(field)),
        Some(_) => Err(invalid(field)),
    }
}

/// Reads a number as JavaScript does: as a double, whose value may be whole however it is written.
fn whole_number(text: &str) -> Option<i64> {
    let value = match text.parse::<i64>() {
        Ok(value) => value,
        Err(_) => {
            let value = text.parse::<f64>().ok().filter(|value| value.fract() == 0.0)?;
            // Saturates far outside the bounds below, so nothing out of range comes back in.
            value as i64
        }
    };
    (-MAX_SAFE_INTEGER..=MAX_SAFE_INTEGER).contains(&value).then_some(value)
}

fn require_object(raw: &RawEvent<'_>, field: Field) -> Result<(), Reason> {
    match value(raw, field)? {
        None | Some(Value::Object(_)) => Ok(()),
        Some(_) => Err(invalid(field)),
    }
}

fn timestamp(text: &str) -> Result<i64, Reason> {
    instant::parse(text.trim()).map_err(|fault| match fault {
        Fault::NotATime => invalid(Field::TimestampHour),
        Fault::NotRounded => {
            let message = "must be rounded to the hour (quarters of an hour are rounded down)";
            about(Field::TimestampHour, TIMESTAMP_NOT_ROUNDED, message)
        }
    })
}

fn session_id(raw: &RawEvent<'_>) -> Result<Option<CompactString>, Reason> {
    let Some(text) = text(raw, Field::SessionId)? else { return Ok(None) };
    let digits = text.trim();
    if digits.len() == SESSION_DIGITS && digits.bytes().all(|b| b.is_ascii_hexdigit()) {
        let mut id = CompactString::from(digits);
        id.as_mut_str().make_ascii_lowercase();
        Ok(Some(id))
    } else {
        Err(invalid(Field::SessionId))
    }
}

#[cfg(test)]
mod tests {
    use super::super::samples::event;
    use super::*;

    /// What [`read`] says of an event: the members typed, or code and pointer of the refusal.
    fn outcome(changes: &[(&str, &str)]) -> Result<Fields, (&'static str, String)> {
        read(&event(changes)).map_err(|r| (r.code.as_str(), r.pointer.as_str().to_owned()))
    }

    #[test]
    fn members_are_typed_as_sent() {
        let fields = outcome(&[
            ("version", "\" 1.0 \""),
            ("status", "\" Error\""),
            ("analytics_level", "\"DETAILED \""),
            ("timestamp_hour", "\" 1970-01-01T06:00:00+05:30\""),
            ("error_type", "\"a b\""),
            ("response_time_ms", "-7"),
            ("service", "\"NOAA\""),
            ("cache_hit", "false"),
            ("retry_count", "99"),
            ("country", "\"other\""),
            ("parameters", "{\"days\":7}"),
            ("session_id", "\" 0123456789ABCDEF\""),
            ("sequence_number", "9007199254740991"),
        ]);
        let want = Fields {
            version: " 1.0 ".into(),
            tool: "get_forecast".into(),
            status: Status::Error,
            level: Level::Detailed,
            timestamp: 1_800,
            error_type: Some("a b".into()),
            response_time_ms: Some(-7),
            service: Some("NOAA".into()),
            cache_hit: Some(false),
            retry_count: Some(99),
            country: Some("other".into()),
            parameters: Vec::new(),
            session_id: Some("0123456789abcdef".into()),
            sequence_number: Some(9_007_199_254_740_991),
            identity: None,
        };
        assert_eq!(
            outcome(&[("analytics_level", "\"minimal\"")]).map(|f| f.level),
            Ok(Level::Minimal)
        );
        assert_eq!(fields, Ok(want));
    }

    #[test]
    fn members_that_cannot_be_read_are_refused_by_name() {
        for (field, value, code) in [
            ("version", "", "missing_field"),
            ("tool", "", "missing_field"),
            ("status", "", "missing_field"),
            ("timestamp_hour", "", "missing_field"),
            ("analytics_level", "", "missing_field"),
            ("version", "1.23", "invalid_field"),
            ("version", "null", "null_value"),
            ("version", r#""1.0\u0000""#, "unstorable"),
            ("version", r#""\ud800""#, "unstorable"),
            ("tool", "[]", "invalid_field"),
            ("status", r#""pending""#, "invalid_field"),
            ("status", "true", "invalid_field"),
            ("analytics_level", r#""full""#, "invalid_field"),
            ("analytics_level", "null", "null_value"),
            ("timestamp_hour", "1787234400", "invalid_field"),
            ("timestamp_hour", r#""yesterday""#, "invalid_field"),
            ("timestamp_hour", r#""2026-08-20T14:23:00Z""#, "timestamp_not_rounded"),
            ("error_type", "5", "invalid_field"),
            ("error_type", "null", "null_value"),
            ("response_time_ms", "150.5", "invalid_field"),
            ("response_time_ms", r#""150""#, "invalid_field"),
            ("response_time_ms", "1e21", "invalid_field"),
            ("service", "null", "null_value"),
            ("cache_hit", "1", "invalid_field"),
            ("cache_hit", r#""true""#, "invalid_field"),
            ("retry_count", "1.5", "invalid_field"),
            ("country", "7", "invalid_field"),
            ("parameters", "[1]", "invalid_field"),
            ("parameters", r#""x""#, "invalid_field"),
            ("parameters", "null", "null_value"),
            ("session_id", r#""zzzzzzzzzzzzzzzz""#, "invalid_field"),
            ("session_id", r#""0123456789abcde""#, "invalid_field"),
            ("session_id", r#""0123456789abcdef0""#, "invalid_field"),
            ("sequence_number", r#""1""#, "invalid_field"),
            ("sequence_number", "1e21", "invalid_field"),
        ] {
            let detailed = ("analytics_level", "\"detailed\"");
            let got = outcome(&[detailed, (field, value)]).map(|_| ());
            assert_eq!(got, Err((code, format!("/{field}"))), "{field} {value}");
        }
    }

    #[test]
    fn members_of_higher_levels_are_not_looked_at() {
        let standard = [
            ("response_time_ms", "null"),
            ("service", "5"),
            ("cache_hit", "\"\\ud800\""),
            ("retry_count", "[]"),
            ("country", "{}"),
        ];
        let detailed =
            [("parameters", "[1]"), ("session_id", "\"short\""), ("sequence_number", "-0.5")];
        let plain = outcome(&[]).unwrap();
        assert_eq!(outcome(&[&standard[..], &detailed].concat()), Ok(plain.clone()));
        let level = ("analytics_level", "\"standard\"");
        let want = Fields { level: Level::Standard, ..plain };
        assert_eq!(outcome(&[&[level], &detailed[..]].concat()), Ok(want));
    }

    #[test]
    fn numbers_are_read_as_javascript_reads_them() {
        for (text, want) in [
            ("0", Some(0)),
            ("-0", Some(0)),
            ("-0.0", Some(0)),
            ("0e5", Some(0)),
            ("150.0", Some(150)),
            ("1.5e2", Some(150)),
            ("15000E-2", Some(150)),
            ("-7", Some(-7)),
            ("9007199254740991", Some(MAX_SAFE_INTEGER)),
            ("9.007199254740991e15", Some(MAX_SAFE_INTEGER)),
            ("-9007199254740991", Some(-MAX_SAFE_INTEGER)),
            ("1.00000000000000000000001", Some(1)),
            ("1e-400", Some(0)),
            ("150.5", None),
            ("0.1", None),
            ("9007199254740992", None),
            ("9007199254740993", None),
            ("9223372036854775808", None),
            ("-9007199254740992", None),
            ("1e21", None),
            ("1e400", None),
            ("-1e400", None),
        ] {
            assert_eq!(whole_number(text), want, "{text}");
        }
    }

    #[test]
    fn an_event_id_is_a_uuid_at_any_level() {
        let got = |value: &str| {
            event_id(&event(&[("event_id", value)])).map_err(|reason| reason.code.as_str())
        };
        let id = Uuid::from_u128(0x67e5_5044_10b1_426f_9247_bb68_0e5f_e0c8);
        for (value, want) in [
            ("", Ok(None)),
            (r#""67e55044-10b1-426f-9247-bb680e5fe0c8""#, Ok(Some(id))),
            (r#"" 67E55044-10B1-426F-9247-BB680E5FE0C8 ""#, Ok(Some(id))),
            (r#""67e55044""#, Err("invalid_field")),
            (r#""""#, Err("invalid_field")),
            ("5", Err("invalid_field")),
            ("null", Err("null_value")),
            (r#""\ud800""#, Err("unstorable")),
        ] {
            assert_eq!(got(value), want, "{value}");
        }
    }
}
