//! Durations and sizes as operators write them in pipeline.yaml: `24h`, `3d`, `100KiB`.
//!
//! Separate types, so that a unit can never be forgotten or mistaken.

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{self, Deserialize, Deserializer};
use serde::{Serialize, Serializer};

/// A length of time, written as `90d`, `26h`, `2s` or `1h 30m`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span(pub Duration);

/// A number of bytes, written as `100KiB`, `64MB` or a plain number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Size(pub u64);

impl Span {
    /// A span of whole hours.
    pub const fn hours(hours: u64) -> Self {
        Self(Duration::from_secs(hours * 3_600))
    }

    /// A span of whole days.
    pub const fn days(days: u64) -> Self {
        Self::hours(days * 24)
    }

    /// A span of whole seconds.
    pub const fn seconds(seconds: u64) -> Self {
        Self(Duration::from_secs(seconds))
    }

    /// Whole hours in the span, rounded up.
    pub fn whole_hours(self) -> i64 {
        i64::try_from(self.0.as_secs().div_ceil(3_600)).unwrap_or(i64::MAX)
    }
}

impl Size {
    /// A size in KiB.
    pub const fn kib(kib: u64) -> Self {
        Self(kib * 1_024)
    }

    /// A size in MiB.
    pub const fn mib(mib: u64) -> Self {
        Self::kib(mib * 1_024)
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0.as_secs();
        // Whole hours and days read as operators write them, not as "3months 2days".
        match (seconds % 86_400, seconds % 3_600) {
            _ if seconds == 0 || self.0.subsec_nanos() > 0 => {
                humantime::format_duration(self.0).fmt(f)
            }
            (0, _) => write!(f, "{}d", seconds / 86_400),
            (_, 0) => write!(f, "{}h", seconds / 3_600),
            _ => humantime::format_duration(self.0).fmt(f),
        }
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        bytesize::ByteSize::b(self.0).fmt(f)
    }
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        const HINT: &str = "expected a duration such as 24h, 3d or 30s";
        let text = String::deserialize(deserializer).map_err(|_| de::Error::custom(HINT))?;
        humantime::parse_duration(&text).map(Self).map_err(|_| de::Error::custom(HINT))
    }
}

impl<'de> Deserialize<'de> for Size {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        const HINT: &str = "expected a size such as 100KiB, 64MB or a number of bytes";
        match bytesize::ByteSize::deserialize(deserializer) {
            // What is too large to count is read as the largest number there is.
            Ok(size) if size.as_u64() < u64::MAX => Ok(Self(size.as_u64())),
            _ => Err(de::Error::custom(HINT)),
        }
    }
}

impl Serialize for Span {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl Serialize for Size {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u64(self.0)
    }
}

impl JsonSchema for Span {
    fn schema_name() -> Cow<'static, str> {
        "Span".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "pattern": r"^\s*(\d+\s*[a-zµ]+\s*)+$",
            "description": "A duration, for instance 30s, 24h or 3d.",
            "examples": ["30s", "24h", "3d"]
        })
    }
}

impl JsonSchema for Size {
    fn schema_name() -> Cow<'static, str> {
        "Size".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": ["string", "integer"],
            "description": "A size in bytes, for instance 102400 or 100KiB.",
            "examples": ["100KiB", "64MB", 102_400]
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_and_sizes_are_read_as_written() {
        for (text, want, shown) in [
            ("\"24h\"", Span::hours(24), "1d"),
            ("\"26h\"", Span::hours(26), "26h"),
            ("\"90d\"", Span::days(90), "90d"),
            ("\"2s\"", Span::seconds(2), "2s"),
        ] {
            let span: Span = serde_json::from_str(text).unwrap();
            assert_eq!(span, want);
            assert_eq!(span.to_string(), shown);
        }
        assert_eq!(serde_json::from_str::<Size>("\"100KiB\"").unwrap(), Size(102_400));
        assert_eq!(serde_json::from_str::<Size>("5").unwrap(), Size(5));
        assert!(serde_json::from_str::<Span>("5").is_err());
        assert!(serde_json::from_str::<Span>("\"5 parsecs\"").is_err());
        assert!(serde_json::from_str::<Size>("\"5 parsecs\"").is_err());
        assert!(serde_json::from_str::<Size>("\"99999999999999999999GB\"").is_err());
    }
}
