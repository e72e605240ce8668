//! A batch that has run through the pipeline, turned into its answer.

use std::time::Duration;

use salvo::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use salvo::http::{HeaderValue, ResBody, Response, StatusCode};
use serde::ser::SerializeStruct;
use serde::{Serialize, Serializer};
use stages::{Batch, Reason, Refusal, RefusalKind, Verdict};

use super::problem::{Kind, Problem};

/// What a client is told of one event: why it was refused, or what was repaired.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Note {
    index: usize,
    code: &'static str,
    pointer: String,
    message: String,
}

impl Note {
    #[cfg(test)]
    pub(super) fn new(index: usize, code: &'static str, pointer: &str, message: &str) -> Self {
        Self { index, code, pointer: pointer.to_owned(), message: message.to_owned() }
    }

    fn of(index: usize, reason: &Reason) -> Self {
        Self {
            index,
            code: reason.code.as_str(),
            pointer: reason.pointer.as_str().to_owned(),
            message: reason.message.clone().into_owned(),
        }
    }

    /// The form of old: one string an event.
    pub(super) fn in_words(&self) -> String {
        format!("Event {}: {}", self.index, self.message)
    }
}

impl Serialize for Note {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut note = serializer.serialize_struct("Note", 4)?;
        note.serialize_field("index", &self.index)?;
        note.serialize_field("code", self.code)?;
        note.serialize_field("pointer", &format_args!("/events/{}{}", self.index, self.pointer))?;
        note.serialize_field("message", &self.message)?;
        note.end()
    }
}

/// The answer to a batch of which something was accepted, now or before.
#[derive(Debug, PartialEq, Serialize)]
pub(super) struct Accepted {
    status: &'static str,
    /// Events accepted by this request.
    pub(super) count: usize,
    /// Now, RFC 3339 with milliseconds.
    timestamp: String,
    /// Under which the client can ask what became of the events; null when nothing was queued.
    receipt: Option<String>,
    /// Indexes of events that were counted before.
    pub(super) duplicates: Vec<usize>,
    pub(super) rejected: Vec<Note>,
    warnings: Vec<Note>,
}

/// Turns a batch into its answer. `now` is in Unix milliseconds.
pub(super) fn of(batch: &Batch<'_>, now: i64) -> Result<Accepted, Problem> {
    if let Some(refusal) = batch.refusal() {
        return Err(refused(refusal));
    }
    let mut answer = Accepted {
        status: "accepted",
        count: batch.passing(),
        timestamp: timestamp(now),
        receipt: batch.receipt().map(|id| id.to_string()),
        duplicates: Vec::new(),
        rejected: Vec::new(),
        warnings: Vec::new(),
    };
    for (index, slot) in batch.slots().iter().enumerate() {
        match slot.verdict() {
            Verdict::Pass => {
                let notes = slot.event.warnings().iter().map(|warning| Note::of(index, warning));
                answer.warnings.extend(notes);
            }
            Verdict::Drop(_) => answer.duplicates.push(index),
            Verdict::Reject(reason) => answer.rejected.push(Note::of(index, reason)),
        }
    }
    match answer.rejected.first() {
        Some(first) if answer.rejected.len() == batch.slots().len() => {
            let detail = "no event of the batch can be accepted; `rejected` says why";
            Err(Problem::new(Kind::ValidationFailed, first.code, detail).rejected(answer.rejected))
        }
        _ => Ok(answer),
    }
}

fn refused(refusal: &Refusal) -> Problem {
    let (kind, retry_after) = match refusal.kind {
        RefusalKind::Malformed => (Kind::MalformedJson, None),
        RefusalKind::Invalid => (Kind::ValidationFailed, None),
        RefusalKind::RateLimited { retry_after } => (Kind::RateLimitExceeded, Some(retry_after)),
        RefusalKind::Unavailable { retry_after } => (Kind::ServiceUnavailable, Some(retry_after)),
    };
    let problem = Problem::new(kind, refusal.code.as_str(), refusal.message.clone());
    match retry_after {
        Some(after) => problem.retry_after(after),
        None => problem,
    }
}

/// Long enough for a restart, short enough that a client still has what it wanted to send.
const RETRY_AFTER: Duration = Duration::from_secs(10);

/// The answer when something that is needed does not answer itself. `detail` says what to do.
pub(super) fn unavailable(detail: &'static str) -> Problem {
    Problem::plain(Kind::ServiceUnavailable, detail).retry_after(RETRY_AFTER)
}

/// Makes a value the answer, as JSON that nobody may cache.
pub(super) fn json(res: &mut Response, status: StatusCode, value: &impl Serialize) {
    match serde_json::to_vec(value) {
        Ok(body) => {
            let headers = res.headers_mut();
            headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
            headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
            res.status_code(status);
            res.replace_body(ResBody::Once(body.into()));
        }
        Err(error) => {
            tracing::error!(%error, "an answer could not be written as JSON");
            Problem::of_status(StatusCode::INTERNAL_SERVER_ERROR).write(res);
        }
    }
}

/// Unix milliseconds as `2026-08-20T15:04:05.678Z`.
pub(super) fn timestamp(unix_millis: i64) -> String {
    let at = time::OffsetDateTime::from_unix_timestamp_nanos(i128::from(unix_millis) * 1_000_000);
    let Ok(at) = at else { return String::new() };
    let (year, month, day) = at.to_calendar_date();
    let (hour, minute, second, millis) = at.to_hms_milli();
    // Formatting takes ten times as long, and this is done for every batch.
    let mut text = *b"0000-00-00T00:00:00.000Z";
    let parts = [
        (0..4, year.unsigned_abs()),
        (5..7, u32::from(u8::from(month))),
        (8..10, u32::from(day)),
        (11..13, u32::from(hour)),
        (14..16, u32::from(minute)),
        (17..19, u32::from(second)),
        (20..23, u32::from(millis)),
    ];
    for (place, mut value) in parts {
        for digit in text[place].iter_mut().rev() {
            *digit = b'0' + (value % 10) as u8;
            value /= 10;
        }
    }
    String::from_utf8_lossy(&text).into_owned()
}

#[cfg(test)]
#[path = "answer/tests.rs"]
mod tests;
