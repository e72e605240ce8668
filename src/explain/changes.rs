//! What a stage changed in an event.
//!
//! Values are compared where the event has passed the scan, and nowhere before: what is shown of an
//! event as sent is only what it keeps afterwards.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use stages::Event;
use stages::Scanned;
use stages::event::{Field, RawEvent};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::report::{Change, ChangeKind};

/// The members of an event.
#[derive(Clone)]
pub(super) enum Members {
    /// As sent: JSON text of the known ones, and whether there are others.
    Sent { known: BTreeMap<Field, String>, unknown: bool },
    /// As they would be stored, and whether the event can be told from others.
    Scanned { values: BTreeMap<Field, Value>, identified: bool },
    /// There is no event any more, or none yet.
    Gone,
}

impl Members {
    pub(super) fn of(event: &Event<'_>) -> Self {
        match (event.raw(), event.scanned()) {
            (Some(raw), _) => Self::sent(raw),
            (None, Some(event)) => {
                let identified = event.identity().is_some();
                Self::Scanned { values: values(event), identified }
            }
            (None, None) => Self::Gone,
        }
    }

    fn sent(raw: &RawEvent<'_>) -> Self {
        let text = |&field: &Field| Some((field, raw.get(field)?.text().to_owned()));
        let known = Field::ALL.iter().filter_map(text).collect();
        let unknown = raw.members().iter().any(|member| Field::named(&member.key).is_none());
        Self::Sent { known, unknown }
    }

    pub(super) const fn is_gone(&self) -> bool {
        matches!(self, Self::Gone)
    }

    /// Whether a repeat of the event would be recognised.
    pub(super) const fn is_identified(&self) -> bool {
        matches!(self, Self::Scanned { identified: true, .. })
    }

    /// What is different in `after`.
    pub(super) fn changes(&self, after: &Self) -> Vec<Change> {
        match (self, after) {
            (Self::Sent { known, unknown }, Self::Scanned { values, identified }) => {
                let mut changes = on_scan(known, values, *identified);
                if *unknown {
                    changes.push(Change::dropped("/*"));
                }
                changes
            }
            (
                Self::Scanned { values: before, identified: known },
                Self::Scanned { values: after, identified: still },
            ) => {
                let mut changes = later(before, after);
                if *known && !still && changes.iter().all(|change| !change.is_of_session()) {
                    changes.push(Change::dropped(Field::EventId.pointer()));
                }
                changes
            }
            _ => Vec::new(),
        }
    }
}

/// What became of members as sent when the event was scanned.
fn on_scan(
    sent: &BTreeMap<Field, String>,
    scanned: &BTreeMap<Field, Value>,
    identified: bool,
) -> Vec<Change> {
    let change = |(&field, text): (&Field, &String)| match (field, scanned.get(&field)) {
        (Field::EventId, _) if identified => {
            Some(Change { kind: ChangeKind::Hashed, ..Change::dropped(field.pointer()) })
        }
        (_, None) => Some(Change::dropped(field.pointer())),
        // Those that are not stored are named by warnings, and their values by nobody.
        (Field::Parameters, Some(_)) => None,
        (_, Some(after)) => {
            let before: Value = serde_json::from_str(text).unwrap_or_default();
            (before != *after).then(|| Change::made(field.pointer(), before, after.clone()))
        }
    };
    sent.iter().filter_map(change).collect()
}

/// What became of members that were scanned before.
fn later(before: &BTreeMap<Field, Value>, after: &BTreeMap<Field, Value>) -> Vec<Change> {
    let change = |&field: &Field| match (before.get(&field), after.get(&field)) {
        (Some(_), None) => Some(Change::dropped(field.pointer())),
        (None, Some(value)) => Some(Change::set(field.pointer(), value.clone())),
        (Some(before), Some(after)) if before != after => {
            Some(Change::made(field.pointer(), before.clone(), after.clone()))
        }
        _ => None,
    };
    Field::ALL.iter().filter_map(change).collect()
}

/// The members that a scanned event has.
fn values(event: &Scanned) -> BTreeMap<Field, Value> {
    let time = OffsetDateTime::from_unix_timestamp(event.unix_seconds()).ok();
    let time = time.and_then(|time| time.format(&Rfc3339).ok());
    let members = [
        (Field::Version, Some(json!(event.version()))),
        (Field::Tool, Some(json!(event.tool()))),
        (Field::Status, Some(json!(event.status().as_str()))),
        (Field::TimestampHour, time.map(Value::from)),
        (Field::AnalyticsLevel, Some(json!(event.level().as_str()))),
        (Field::ErrorType, event.error_type().map(Value::from)),
        (Field::ResponseTimeMs, event.response_time_ms().map(Value::from)),
        (Field::Service, event.service().map(Value::from)),
        (Field::CacheHit, event.cache_hit().map(Value::from)),
        (Field::RetryCount, event.retry_count().map(Value::from)),
        (Field::Country, event.country().map(Value::from)),
        (Field::Parameters, parameters(event)),
        (Field::SessionId, event.session_id().map(Value::from)),
        (Field::SequenceNumber, event.sequence_number().map(Value::from)),
    ];
    members.into_iter().filter_map(|(field, value)| Some((field, value?))).collect()
}

/// The stored parameters as JSON; `None` when there are none.
pub(super) fn parameters(event: &Scanned) -> Option<Value> {
    serde_json::from_str(&event.parameters_json()?).ok()
}
