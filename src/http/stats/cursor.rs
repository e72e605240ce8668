//! Where the next page of a series begins, as a text that only this installation can make.
//!
//! Pages are cut at buckets, and a bucket keeps its place whatever arrives: the pages of a question
//! together hold each of its buckets once.

use stages::{HashKey, Hour};

use crate::stats::BadQuery;

/// First digit of a cursor: the form that it has.
const VERSION: char = '1';

/// The cursor for a question that goes on at `next`.
pub(super) fn write(key: &HashKey, question: &str, next: Hour) -> String {
    let at = next.epoch_hours();
    format!("{VERSION}{at:x}-{}", signature(key, question, at))
}

/// Where a question goes on.
///
/// # Errors
/// When the cursor was not made here, or not for this question.
pub(super) fn read(key: &HashKey, question: &str, cursor: &str) -> Result<Hour, BadQuery> {
    let parts = cursor.strip_prefix(VERSION).and_then(|rest| rest.split_once('-'));
    let (at, signed) = parts.ok_or(BadQuery::Cursor)?;
    let at = i64::from_str_radix(at, 16).map_err(|_| BadQuery::Cursor)?;
    // The form is exact, so that one place has one cursor.
    if signature(key, question, at) != signed
        || write(key, question, Hour::from_epoch_hours(at)) != cursor
    {
        return Err(BadQuery::Cursor);
    }
    Ok(Hour::from_epoch_hours(at))
}

fn signature(key: &HashKey, question: &str, at: i64) -> String {
    let hash = key.hash("cursor", &[question.as_bytes(), &at.to_be_bytes()]);
    String::from_utf8_lossy(&stages::hash::hex(&hash)).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_goes_on_where_it_says_and_with_its_own_question_only() {
        let key = HashKey::from_bytes([7; 16]);
        let next = Hour::parse("2026-08-20T00:00:00Z").unwrap();
        let cursor = write(&key, "/v1/stats/export?period=30d", next);
        assert_eq!(read(&key, "/v1/stats/export?period=30d", &cursor), Ok(next));
        let other = HashKey::from_bytes([8; 16]);
        assert_eq!(read(&other, "/v1/stats/export?period=30d", &cursor), Err(BadQuery::Cursor));
        assert_eq!(read(&key, "/v1/stats/export?period=7d", &cursor), Err(BadQuery::Cursor));
        for at in 0..cursor.len() {
            let mut forged = cursor.clone().into_bytes();
            forged[at] = if forged[at] == b'0' { b'1' } else { b'0' };
            let forged = String::from_utf8(forged).unwrap();
            assert_eq!(read(&key, "/v1/stats/export?period=30d", &forged), Err(BadQuery::Cursor));
        }
        for odd in ["", "1", "1-", "2", "1zz-00", "é"] {
            assert_eq!(read(&key, "/v1/stats/export?period=30d", odd), Err(BadQuery::Cursor));
        }
    }
}
