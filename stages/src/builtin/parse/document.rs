//! The reader: from the bytes of a body to the elements of its `events`.
//!
//! Two readers. The first reads everything in one pass into borrowed data and gives up at whatever
//! is unusual. Then the second finds out what it was: it takes the document apart level by level, so
//! that one odd element cannot spoil the others. It costs a second pass, which no good client pays.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::bounds::{Budget, MAX_DEPTH, MAX_NODES};
use super::{BATCH_TOO_LARGE, EMPTY_BATCH, MALFORMED_JSON};
use crate::batch::{Refusal, RefusalKind};
use crate::event::{MAX_MEMBERS, RawEvent, RawJson};
use crate::verdict::{Code, Pointer, Reason, codes};

/// Members that an event of a real client has at most; more only cost a second allocation.
const USUAL_MEMBERS: usize = 13;

/// Bytes of a small event of a real client.
const USUAL_EVENT: usize = 160;

/// One element of `events`.
pub(super) enum Element<'b> {
    /// An object within the bounds.
    Event(RawEvent<'b>),
    /// Something else. It has no form that later stages could look at.
    Refused(Reason),
}

/// Reads a body. At least one element, at most `limit`.
pub(super) fn elements(body: &[u8], limit: usize) -> Result<Vec<Element<'_>>, Refusal> {
    let text = text(body)?;
    let elements = match in_one_pass(text, limit) {
        Some(elements) => elements,
        None => level_by_level(text, limit)?,
    };
    if elements.is_empty() {
        return Err(invalid(EMPTY_BATCH, "`events` is empty; send at least one event".into()));
    }
    Ok(elements)
}

fn text(body: &[u8]) -> Result<&str, Refusal> {
    let text = std::str::from_utf8(body).map_err(|error| {
        malformed(format!("the body is not UTF-8 text: see byte {}", error.valid_up_to() + 1))
    })?;
    // Some clients write a byte order mark; JSON itself does not allow it.
    Ok(text.strip_prefix('\u{feff}').unwrap_or(text))
}

/// The elements when nothing at all is unusual.
pub(super) fn in_one_pass(text: &str, limit: usize) -> Option<Vec<Element<'_>>> {
    let mut reader = serde_json::Deserializer::from_str(text);
    let expected = (text.len() / USUAL_EVENT).clamp(1, limit);
    let events = Top(List { limit, expected }).deserialize(&mut reader).ok()?;
    reader.end().ok()?;
    events
}

/// The elements, or what is wrong with the document.
pub(super) fn level_by_level(text: &str, limit: usize) -> Result<Vec<Element<'_>>, Refusal> {
    // From here on all text is known to be JSON.
    let document: &RawValue = serde_json::from_str(text).map_err(|error| not_json(&error))?;
    if !document.get().starts_with('{') {
        let message = "the body must be a JSON object with the member `events`";
        return Err(invalid(codes::INVALID_FIELD, message.into()));
    }
    let mut reader = serde_json::Deserializer::from_str(document.get());
    let events: Option<&RawValue> =
        Top(PhantomData).deserialize(&mut reader).map_err(|error| not_json(&error))?;
    let Some(events) = events else {
        let message = "the body has no member `events`";
        return Err(invalid(codes::MISSING_FIELD, message.into()));
    };
    if !events.get().starts_with('[') {
        let message = "`events` must be an array of events";
        return Err(invalid(codes::INVALID_FIELD, message.into()));
    }
    let list: Vec<&RawValue> =
        serde_json::from_str(events.get()).map_err(|error| not_json(&error))?;
    if list.len() > limit {
        let message = format!("`events` has more than {limit} elements; send smaller batches");
        return Err(invalid(BATCH_TOO_LARGE, message.into()));
    }
    Ok(list.into_iter().map(|raw| element(raw.get())).collect())
}

/// Reads one element whose text is known to be JSON.
pub(super) fn element(text: &str) -> Element<'_> {
    if !text.starts_with('{') {
        let message = "an event must be a JSON object";
        return refused(codes::INVALID_FIELD, message.into());
    }
    // A name is all that is decoded here, so a name is what cannot be.
    serde_json::from_str(text).unwrap_or_else(|_| {
        refused(codes::UNSTORABLE, "the name of a member holds half a surrogate pair".into())
    })
}

fn refused(code: Code, message: Cow<'static, str>) -> Element<'static> {
    Element::Refused(Reason::new(code, Pointer::ROOT, message))
}

fn too_deep() -> Element<'static> {
    let message = format!(
        "an event may hold {MAX_DEPTH} levels of arrays and objects, {MAX_NODES} values and \
         {MAX_MEMBERS} members"
    );
    refused(codes::TOO_DEEP, message.into())
}

fn invalid(code: Code, message: Cow<'static, str>) -> Refusal {
    Refusal { kind: RefusalKind::Invalid, code, message }
}

fn malformed(message: String) -> Refusal {
    Refusal { kind: RefusalKind::Malformed, code: MALFORMED_JSON, message: message.into() }
}

/// The error's own words may quote the input; its position cannot.
fn not_json(error: &serde_json::Error) -> Refusal {
    let (line, column) = (error.line(), error.column());
    malformed(format!("the body is not JSON: see line {line}, column {column}"))
}

/// The document: an object of which `events` is read with the seed, the last one if repeated.
struct Top<S>(S);

impl<'b, S: DeserializeSeed<'b> + Copy> DeserializeSeed<'b> for Top<S> {
    type Value = Option<S::Value>;

    fn deserialize<D: Deserializer<'b>>(self, reader: D) -> Result<Self::Value, D::Error> {
        reader.deserialize_map(self)
    }
}

impl<'b, S: DeserializeSeed<'b> + Copy> Visitor<'b> for Top<S> {
    type Value = Option<S::Value>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object with `events`")
    }

    fn visit_map<A: MapAccess<'b>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut events = None;
        while let Some(name) = map.next_key::<&RawValue>()? {
            if is_events(name) {
                events = Some(map.next_value_seed(self.0)?);
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(events)
    }
}

/// Whether the JSON text of a name says `events`. A name nobody asks for need not be storable text.
fn is_events(name: &RawValue) -> bool {
    let text = name.get();
    text == "\"events\""
        || (text.contains('\\')
            && serde_json::from_str::<String>(text).is_ok_and(|name| name == "events"))
}

/// The array of events, read into [`Element`]s; more than `limit` are an error.
#[derive(Clone, Copy)]
struct List {
    limit: usize,
    /// How many there are, more or less.
    expected: usize,
}

impl<'b> DeserializeSeed<'b> for List {
    type Value = Vec<Element<'b>>;

    fn deserialize<D: Deserializer<'b>>(self, reader: D) -> Result<Self::Value, D::Error> {
        reader.deserialize_seq(self)
    }
}

impl<'b> Visitor<'b> for List {
    type Value = Vec<Element<'b>>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array")
    }

    fn visit_seq<A: SeqAccess<'b>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        let mut elements = Vec::with_capacity(self.expected);
        while let Some(element) = seq.next_element()? {
            if elements.len() >= self.limit {
                return Err(A::Error::custom("too many events"));
            }
            elements.push(element);
        }
        Ok(elements)
    }
}

/// Fails for anything but an object, and for names that are no valid text.
impl<'b> Deserialize<'b> for Element<'b> {
    fn deserialize<D: Deserializer<'b>>(reader: D) -> Result<Self, D::Error> {
        struct Members;
        impl<'b> Visitor<'b> for Members {
            type Value = Element<'b>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'b>>(self, mut map: A) -> Result<Element<'b>, A::Error> {
                let mut event = RawEvent::with_capacity(USUAL_MEMBERS);
                let mut budget = Budget::new();
                while let Some(Name(name)) = map.next_key()? {
                    let value = map.next_value::<&'b RawValue>()?.get();
                    if !budget.spend(value) || !event.push(name, RawJson::from_valid(value)) {
                        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
                        return Ok(too_deep());
                    }
                }
                Ok(Element::Event(event))
            }
        }
        reader.deserialize_map(Members)
    }
}

/// The name of a member, borrowed from the body unless it has escapes.
struct Name<'b>(Cow<'b, str>);

impl<'b> Deserialize<'b> for Name<'b> {
    fn deserialize<D: Deserializer<'b>>(reader: D) -> Result<Self, D::Error> {
        struct Text;
        impl<'b> Visitor<'b> for Text {
            type Value = Name<'b>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a name")
            }

            fn visit_borrowed_str<E: Error>(self, name: &'b str) -> Result<Name<'b>, E> {
                Ok(Name(Cow::Borrowed(name)))
            }

            fn visit_str<E: Error>(self, name: &str) -> Result<Name<'b>, E> {
                Ok(Name(Cow::Owned(name.to_owned())))
            }
        }
        reader.deserialize_str(Text)
    }
}
