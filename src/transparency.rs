//! What this installation stores: every field and table, made from the settings in force.
//!
//! The page `/transparency` and `/v1/schema.json` show it. Tests hold it against the stages: what it
//! allows is stored as it is, and nothing else can be stored; and against the tables that are there.

mod fields;
mod rules;
mod tables;
#[cfg(test)]
pub(crate) mod tests;
pub mod words;

use std::fmt::Write as _;

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;
use sha2::{Digest, Sha256};
use stages::{BuildError, Registry, StageSpec};

pub use self::fields::{Field, Kept};
pub use self::rules::{Exception, Names, PersonalData, Rules};
pub use self::tables::{Column, Table};
use crate::config::Settings;

/// Everything that is stored, and by which rules.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[schemars(rename = "Transparency")]
pub struct Document {
    /// SHA-256 of this object without this member, as it is sent (64 hex digits). Changes when anything
    /// in it does.
    pub hash: String,
    /// What it says.
    #[serde(flatten)]
    pub content: Content,
}

/// What is said, without its hash.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Content {
    /// The columns of an event, in the order of docs/schema.md.
    pub fields: Vec<Field>,
    /// What arrives, and is kept as a hash for a while or not at all.
    pub not_stored: Vec<NotStored>,
    /// Every table of the store, and what is kept on the way there.
    pub tables: Vec<Table>,
    /// Rules beyond single fields.
    pub rules: Rules,
    /// The stages that an event passes, in order.
    pub stages: Vec<String>,
}

/// Something that arrives and is not kept as it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct NotStored {
    /// What it is.
    pub name: &'static str,
    /// What becomes of it.
    pub fate: &'static str,
}

const NOT_STORED: [NotStored; 7] = [
    NotStored {
        name: "The address of a client",
        fate: "Never stored, logged or passed on. To limit how often a client may ask, a hash of it (of IPv6 \
               the first 64 bits) is held in memory, or where servers share limits in Redis for minutes. \
               Nobody keeps the key of that hash for longer than a day or the life of the process.",
    },
    NotStored { name: "User agent, cookies, language, referrer", fate: "Never read." },
    NotStored {
        name: "Other members of an event",
        fate: "Searched for personal data like everything else, then dropped.",
    },
    NotStored {
        name: "What is refused",
        fate: "Dropped. How many events were refused, and for which reason, is counted.",
    },
    NotStored { name: "The moment of arrival", fate: "Kept as the UTC hour." },
    NotStored {
        name: "event_id",
        fate: "Kept as a keyed hash for 10 days, so that a repeat counts once.",
    },
    NotStored {
        name: "Idempotency-Key",
        fate: "Kept, together with the body of its request, as a keyed hash for 7 days, so that a repeat \
               counts once.",
    },
];

impl Document {
    /// From settings.
    ///
    /// # Errors
    /// When `pii-scan` is missing or cannot work; loading a file reports both before.
    pub fn new(settings: &Settings, registry: &Registry) -> Result<Self, BuildError> {
        let stages = settings.ingest.iter().chain(&settings.worker);
        let fields = fields::all(settings, registry)?;
        let content = Content {
            tables: tables::all(settings, &fields),
            fields,
            not_stored: NOT_STORED.to_vec(),
            rules: Rules::new(settings, registry),
            stages: stages.map(|spec| spec.label().to_owned()).collect(),
        };
        let written = serde_json::to_vec(&content).unwrap_or_default();
        let mut hash = String::with_capacity(64);
        for byte in Sha256::digest(&written) {
            write!(hash, "{byte:02x}").unwrap_or_default();
        }
        Ok(Self { hash, content })
    }
}

/// A setting of a stage: as it was written, on top of its default.
fn setting(settings: &Settings, registry: &Registry, stage: &str, key: &str) -> Value {
    let schema = registry.get(stage).map(|stage| stage.schema().to_value()).unwrap_or_default();
    let mut value = schema["properties"][key]["default"].clone();
    let written = spec(settings, stage).and_then(|spec| spec.with.get(key));
    match (&mut value, written) {
        (Value::Object(value), Some(Value::Object(written))) => {
            value.extend(written.iter().map(|(key, value)| (key.clone(), value.clone())));
        }
        (value, Some(written)) => value.clone_from(written),
        (_, None) => {}
    }
    value
}

/// The first stage of a kind.
fn spec<'s>(settings: &'s Settings, stage: &str) -> Option<&'s StageSpec> {
    settings.ingest.iter().chain(&settings.worker).find(|spec| spec.stage == stage)
}

/// Whether names and hours are checked, and not only counted as they would be.
fn is_validated(settings: &Settings) -> bool {
    spec(settings, "schema-validate").is_some_and(|spec| !spec.dry_run)
}
