//! Points in time as clients write them.
//!
//! Clients round to the hour in their own time zone, so seen from UTC they send minutes 0, 15, 30
//! and 45 (no zone is off by other amounts); anything finer would tell more than the hour and is
//! refused.

use time::{Date, Month, PrimitiveDateTime, Time};

const SECONDS_PER_QUARTER: i64 = 15 * 60;

/// 0001-01-01T00:00:00Z. `PostgreSQL` has no year 0.
const FIRST_STORABLE: i64 = -62_135_596_800;

/// Why a text is not taken.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// No point in time in RFC 3339 form.
    NotATime,
    /// Finer than a quarter of an hour.
    NotRounded,
}

/// Reads `2026-08-20T14:00:00.000Z` or `2026-08-20T14:00:00+05:30` as Unix seconds, a multiple of a
/// quarter of an hour.
pub(super) fn parse(text: &str) -> Result<i64, Fault> {
    let (seconds, whole) = rfc3339(text.as_bytes()).ok_or(Fault::NotATime)?;
    if seconds < FIRST_STORABLE {
        return Err(Fault::NotATime);
    }
    if !whole || seconds % SECONDS_PER_QUARTER != 0 {
        return Err(Fault::NotRounded);
    }
    Ok(seconds)
}

/// Unix seconds, and whether the fraction of a second is zero. The general parsers take more than
/// RFC 3339 or no fraction beyond nanoseconds, so the shape is read here; the calendar is theirs.
fn rfc3339(text: &[u8]) -> Option<(i64, bool)> {
    let (head, tail) = text.split_at_checked(19)?;
    let marks = [(4, b'-'), (7, b'-'), (10, b'T'), (13, b':'), (16, b':')];
    if marks.iter().any(|&(at, mark)| head[at].to_ascii_uppercase() != mark) {
        return None;
    }
    let small = |at: usize| u8::try_from(digits(&head[at..at + 2])?).ok();
    let month = Month::try_from(small(5)?).ok()?;
    let date = Date::from_calendar_date(digits(&head[..4])?, month, small(8)?).ok()?;
    let time = Time::from_hms(small(11)?, small(14)?, small(17)?).ok()?;
    let (whole, zone) = fraction(tail)?;
    let seconds = PrimitiveDateTime::new(date, time).assume_utc().unix_timestamp();
    Some((seconds - offset(zone)?, whole))
}

/// Splits off a fraction of any length: whether it is zero, and the rest.
fn fraction(tail: &[u8]) -> Option<(bool, &[u8])> {
    let Some(after_point) = tail.strip_prefix(b".") else { return Some((true, tail)) };
    let length = after_point.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (fraction, zone) = after_point.split_at(length);
    (length > 0).then(|| (fraction.iter().all(|&digit| digit == b'0'), zone))
}

/// Seconds that local time is ahead of UTC.
fn offset(zone: &[u8]) -> Option<i64> {
    let (sign, hours, minutes) = match zone {
        b"Z" | b"z" => return Some(0),
        [b'+', h1, h2, b':', m1, m2] => (1, [*h1, *h2], [*m1, *m2]),
        [b'-', h1, h2, b':', m1, m2] => (-1, [*h1, *h2], [*m1, *m2]),
        _ => return None,
    };
    let (hours, minutes) = (digits(&hours)?, digits(&minutes)?);
    (hours < 24 && minutes < 60).then(|| sign * i64::from(hours * 3_600 + minutes * 60))
}

fn digits(text: &[u8]) -> Option<i32> {
    text.iter().try_fold(0, |value, byte| {
        byte.is_ascii_digit().then(|| value * 10 + i32::from(byte - b'0'))
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use time::OffsetDateTime;
    use time::format_description::well_known::Rfc3339;

    use super::*;

    #[test]
    fn times_are_read_at_quarters_of_an_hour() {
        // 1787234400 is 2026-08-20T14:00:00Z (date -u -d @1787234400).
        const AT_14: i64 = 1_787_234_400;
        for (text, want) in [
            ("2026-08-20T14:00:00Z", Ok(AT_14)),
            ("2026-08-20T14:00:00.000Z", Ok(AT_14)),
            ("2026-08-20T14:00:00.000000000000000Z", Ok(AT_14)),
            ("2026-08-20t14:00:00z", Ok(AT_14)),
            ("2026-08-20T14:00:00+00:00", Ok(AT_14)),
            ("2026-08-20T14:00:00-00:00", Ok(AT_14)),
            ("2026-08-20T14:00:00+05:30", Ok(AT_14 - 19_800)),
            ("2026-08-20T14:00:00-09:30", Ok(AT_14 + 34_200)),
            ("2026-08-20T14:23:00+00:23", Ok(AT_14)),
            ("2026-08-20T14:15:00Z", Ok(AT_14 + 900)),
            ("2026-08-20T14:45:00Z", Ok(AT_14 + 2_700)),
            ("0001-01-01T00:00:00Z", Ok(FIRST_STORABLE)),
            ("9999-12-31T23:00:00Z", Ok(253_402_297_200)),
            ("2024-02-29T00:00:00Z", Ok(1_709_164_800)),
            ("2026-08-20T14:23:45Z", Err(Fault::NotRounded)),
            ("2026-08-20T14:00:01Z", Err(Fault::NotRounded)),
            ("2026-08-20T14:00:00.001Z", Err(Fault::NotRounded)),
            ("2026-08-20T14:00:00.0000000000000001Z", Err(Fault::NotRounded)),
            ("2026-08-20T14:00:00+05:31", Err(Fault::NotRounded)),
            ("0000-01-01T00:00:00Z", Err(Fault::NotATime)),
            ("0001-01-01T00:00:00+01:00", Err(Fault::NotATime)),
            ("", Err(Fault::NotATime)),
            ("yesterday", Err(Fault::NotATime)),
            ("2026-08-20", Err(Fault::NotATime)),
            ("2026-08-20T14:00:00", Err(Fault::NotATime)),
            ("2026-08-20T14:00Z", Err(Fault::NotATime)),
            ("2026-08-20 14:00:00Z", Err(Fault::NotATime)),
            ("2026-08-20T14:00:00.Z", Err(Fault::NotATime)),
            ("2026-08-20T14:00:00,0Z", Err(Fault::NotATime)),
            ("2026-08-20T14:00:00Z ", Err(Fault::NotATime)),
            ("2026-08-20T14:00:00+0530", Err(Fault::NotATime)),
            ("2026-08-20T14:00:00+24:00", Err(Fault::NotATime)),
            ("2026-08-20T14:00:00+05:60", Err(Fault::NotATime)),
            ("2026-02-30T14:00:00Z", Err(Fault::NotATime)),
            ("2026-02-29T14:00:00Z", Err(Fault::NotATime)),
            ("2026-13-20T14:00:00Z", Err(Fault::NotATime)),
            ("2026-00-20T14:00:00Z", Err(Fault::NotATime)),
            ("2026-08-20T24:00:00Z", Err(Fault::NotATime)),
            ("2026-08-20T14:60:00Z", Err(Fault::NotATime)),
            ("2026-12-31T23:59:60Z", Err(Fault::NotATime)),
            ("12026-08-20T14:00:00Z", Err(Fault::NotATime)),
            ("+026-08-20T14:00:00Z", Err(Fault::NotATime)),
            ("2026-08-20T14:00:00\u{e4}", Err(Fault::NotATime)),
            ("2026-08-20T14:00:0\u{e4}Z", Err(Fault::NotATime)),
        ] {
            assert_eq!(parse(text), want, "{text}");
        }
    }

    proptest! {
        #[test]
        fn times_are_those_of_the_calendar(
            seconds in -62_000_000_000_i64..253_000_000_000,
            quarters in -56_i32..=56,
        ) {
            let offset = time::UtcOffset::from_whole_seconds(quarters * 900).unwrap();
            let at = OffsetDateTime::from_unix_timestamp(seconds).unwrap().to_offset(offset);
            let text = at.format(&Rfc3339).unwrap();
            let want = if seconds % 900 == 0 { Ok(seconds) } else { Err(Fault::NotRounded) };
            prop_assert_eq!(parse(&text), want);

            let whole = OffsetDateTime::from_unix_timestamp(seconds - seconds % 900).unwrap();
            let text = whole.to_offset(offset).format(&Rfc3339).unwrap();
            prop_assert_eq!(parse(&text), Ok(whole.unix_timestamp()));
        }
    }
}
