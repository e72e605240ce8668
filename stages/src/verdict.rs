//! What a stage says of an event, and the words in which it is said.
//!
//! Reasons carry a code, the place in the event and a sentence made by the stage. They never carry
//! a value of the event: they go into answers, logs and dead letters.

use std::borrow::Cow;
use std::fmt;

/// The fate of an event, as far as it is decided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Goes on to the next stage.
    Pass,
    /// Refused: it is named in the answer and never stored. In the worker: dead-lettered.
    Reject(Reason),
    /// Left out on purpose and without fault, for instance because it was counted before.
    Drop(Reason),
}

/// A stable, low-cardinality, snake_case code. Clients and dashboards may rely on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Code(&'static str);

impl Code {
    /// Names a code. Checked when the constant is evaluated: lower-case letters, digits, `_`.
    ///
    /// # Panics
    /// At compile time, when the name is not snake_case.
    pub const fn new(name: &'static str) -> Self {
        let bytes = name.as_bytes();
        let mut i = 0;
        while i < bytes.len() {
            assert!(matches!(bytes[i], b'a'..=b'z' | b'0'..=b'9' | b'_'), "a code is snake_case");
            i += 1;
        }
        Self(name)
    }

    /// The code as it is sent.
    pub const fn as_str(self) -> &'static str {
        self.0
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

/// A place inside one event, as a JSON pointer (`/tool`, `/parameters/days`).
///
/// Only names that the product itself knows are shown. Any other key is input, and stands as `*`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Pointer(Cow<'static, str>);

impl Pointer {
    /// The event as a whole.
    pub const ROOT: Self = Self(Cow::Borrowed(""));

    /// A place that is known at compile time, for instance `/tool`.
    pub const fn fixed(path: &'static str) -> Self {
        Self(Cow::Borrowed(path))
    }

    /// A place below this one. The caller vouches that `name` is a name of the product's own.
    #[must_use]
    pub fn join(&self, name: &str) -> Self {
        Self(Cow::Owned(format!("{}/{name}", self.0)))
    }

    /// The pointer text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Why an event did not pass, or was changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reason {
    /// The stable code.
    pub code: Code,
    /// The place in the event.
    pub pointer: Pointer,
    /// A sentence for the person who reads it, without any value of the event.
    pub message: Cow<'static, str>,
}

impl Reason {
    /// A reason at a place.
    pub fn new(code: Code, pointer: Pointer, message: impl Into<Cow<'static, str>>) -> Self {
        Self { code, pointer, message: message.into() }
    }
}

/// A repair that a stage made, reported to the client beside the acceptance.
pub type Warning = Reason;

/// Codes that more than one stage, or the engine itself, uses.
pub mod codes {
    use super::Code;

    /// A member has the wrong type or is outside its bounds.
    pub const INVALID_FIELD: Code = Code::new("invalid_field");
    /// The tool is neither configured nor identifier-shaped (or unknown ones are refused).
    pub const INVALID_TOOL: Code = Code::new("invalid_tool");
    /// The service is neither configured nor identifier-shaped (or unknown ones are refused).
    pub const INVALID_SERVICE: Code = Code::new("invalid_service");
    /// A required member is absent.
    pub const MISSING_FIELD: Code = Code::new("missing_field");
    /// A member is `null`; absent members are left out instead.
    pub const NULL_VALUE: Code = Code::new("null_value");
    /// Text that no database takes: NUL or half a surrogate pair.
    pub const UNSTORABLE: Code = Code::new("unstorable");
    /// Nested deeper, or with more members, than is examined.
    pub const TOO_DEEP: Code = Code::new("too_deep");
    /// Personal data was found.
    pub const PII_DETECTED: Code = Code::new("pii_detected");
    /// Counted before.
    pub const DUPLICATE: Code = Code::new("duplicate");
}
