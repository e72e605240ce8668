//! An event as the client sent it: members borrowed from the request body, nothing interpreted.
//!
//! Raw events have neither `Debug` nor `Serialize`: what has not been scanned for personal data
//! cannot be logged, traced or queued, because there is no way to write it down.

use std::borrow::Cow;

/// Defines the members that the product knows, in one list.
macro_rules! fields {
    ($($variant:ident = $name:literal),* $(,)?) => {
        /// A member of an event that the product knows.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u8)]
        pub enum Field { $(#[doc = concat!("`", $name, "`")] $variant),* }

        impl Field {
            /// All known members.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// The member's name in JSON.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name),* }
            }

            /// The member's place in an event.
            pub const fn pointer(self) -> &'static str {
                match self { $(Self::$variant => concat!("/", $name)),* }
            }

            /// The member with a JSON name.
            pub fn named(name: &str) -> Option<Self> {
                match name { $($name => Some(Self::$variant),)* _ => None }
            }
        }
    };
}

fields! {
    Version = "version",
    Tool = "tool",
    Status = "status",
    TimestampHour = "timestamp_hour",
    AnalyticsLevel = "analytics_level",
    ErrorType = "error_type",
    ResponseTimeMs = "response_time_ms",
    Service = "service",
    CacheHit = "cache_hit",
    RetryCount = "retry_count",
    Country = "country",
    Parameters = "parameters",
    SessionId = "session_id",
    SequenceNumber = "sequence_number",
    EventId = "event_id",
}

/// Most members an event may have, known and unknown together.
pub const MAX_MEMBERS: usize = 250;

const FIELDS: usize = Field::ALL.len();
const ABSENT: u8 = u8::MAX;

/// One member of a raw event.
pub struct Member<'b> {
    /// The key, unescaped.
    pub key: Cow<'b, str>,
    /// The value.
    pub value: RawJson<'b>,
    /// Which member it is, when the product knows it.
    pub field: Option<Field>,
}

/// The JSON text of one value: valid JSON, not yet decoded.
#[derive(Clone, Copy)]
pub struct RawJson<'b>(&'b str);

/// A decoded value. Containers stay as text until somebody walks them.
pub enum Value<'b> {
    /// `null`
    Null,
    /// `true` or `false`
    Bool(bool),
    /// A number, as written.
    Number(&'b str),
    /// A string, unescaped.
    Text(Cow<'b, str>),
    /// An array, as JSON text.
    Array(&'b str),
    /// An object, as JSON text.
    Object(&'b str),
}

/// A string that cannot be stored: it holds NUL or half a surrogate pair.
pub struct Unstorable;

impl<'b> RawJson<'b> {
    /// Wraps JSON text that a parser has already accepted as one value.
    pub fn from_valid(text: &'b str) -> Self {
        Self(text.trim_ascii())
    }

    /// The JSON text.
    pub const fn text(self) -> &'b str {
        self.0
    }

    /// Decodes the value.
    ///
    /// # Errors
    /// [`Unstorable`] for a string that no database takes.
    pub fn value(self) -> Result<Value<'b>, Unstorable> {
        Ok(match self.0.as_bytes().first() {
            Some(b'"') => Value::Text(unescape(self.0)?),
            Some(b'{') => Value::Object(self.0),
            Some(b'[') => Value::Array(self.0),
            Some(b't') => Value::Bool(true),
            Some(b'f') => Value::Bool(false),
            Some(b'n') | None => Value::Null,
            Some(_) => Value::Number(self.0),
        })
    }
}

fn unescape(quoted: &str) -> Result<Cow<'_, str>, Unstorable> {
    let inner = quoted.strip_prefix('"').and_then(|s| s.strip_suffix('"')).unwrap_or(quoted);
    // JSON forbids raw control characters, so only an escape can make a NUL.
    if !inner.as_bytes().contains(&b'\\') {
        return Ok(Cow::Borrowed(inner));
    }
    let text: String = serde_json::from_str(quoted).map_err(|_| Unstorable)?;
    if text.contains('\0') { Err(Unstorable) } else { Ok(Cow::Owned(text)) }
}

/// An event as sent.
pub struct RawEvent<'b> {
    members: Vec<Member<'b>>,
    /// Index of the last member with each known name; [`ABSENT`] when there is none.
    known: [u8; FIELDS],
}

impl<'b> RawEvent<'b> {
    /// An event without members.
    pub fn with_capacity(members: usize) -> Self {
        Self { members: Vec::with_capacity(members), known: [ABSENT; FIELDS] }
    }

    /// Adds a member. Of members with the same known name the last one counts, as in JavaScript;
    /// all of them stay visible to the scan. False when there are already [`MAX_MEMBERS`].
    #[must_use]
    pub fn push(&mut self, key: Cow<'b, str>, value: RawJson<'b>) -> bool {
        if self.members.len() >= MAX_MEMBERS {
            return false;
        }
        let field = Field::named(&key);
        if let Some(field) = field {
            // Cannot truncate: MAX_MEMBERS is below u8::MAX.
            self.known[field as usize] = self.members.len() as u8;
        }
        self.members.push(Member { key, value, field });
        true
    }

    /// The value of a known member, if it was sent.
    pub fn get(&self, field: Field) -> Option<RawJson<'b>> {
        self.members.get(usize::from(self.known[field as usize])).map(|m| m.value)
    }

    /// All members in the order sent, repeated ones too.
    pub fn members(&self) -> &[Member<'b>] {
        &self.members
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_of_repeated_members_counts_and_all_stay_visible() {
        let mut event = RawEvent::with_capacity(2);
        assert!(event.push("version".into(), RawJson::from_valid("\"0\"")));
        assert!(event.push("version".into(), RawJson::from_valid("\"1\"")));
        assert_eq!(event.get(Field::Version).map(RawJson::text), Some("\"1\""));
        assert_eq!(event.members().len(), 2);
        assert!(event.get(Field::Tool).is_none());
    }

    #[test]
    fn text_that_no_database_takes_is_told_apart() {
        for bad in [r#""a\u0000b""#, r#""\ud800""#, r#""\udc00\ud800""#] {
            assert!(RawJson::from_valid(bad).value().is_err());
        }
        let Ok(Value::Text(text)) = RawJson::from_valid(r#""\ud83d\ude00""#).value() else {
            panic!("a whole pair is text");
        };
        assert_eq!(text, "\u{1F600}");
    }
}
