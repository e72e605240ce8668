//! Settings of `pii-scan`, and the scanner that is made from them.

use regex::{Regex, RegexBuilder};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::finding::Entity;
use super::parameters::Allowed;
use super::rules::{Rule, Rules};
use super::scanner::{Added, Scanner};
use super::validate::Validator;
use crate::pipeline::StageSpec;
use crate::stage::{BuildError, Define};

/// Largest compiled form of an operator's pattern, in bytes.
const PATTERN_SIZE: usize = 1 << 20;

/// What to do with an event that holds personal data.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Action {
    /// Refuse the event.
    #[default]
    Reject,
    /// Put the name of its type in place of the data, with a warning.
    Scrub,
    /// Leave out the member that holds the data, with a warning.
    DropField,
}

/// What to do with parameters that are not listed and hold no personal data.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum UnknownParameters {
    /// Leave them out, and tell the client.
    #[default]
    Drop,
    /// Refuse the event.
    Reject,
}

/// Another action for a type of data, or for a place.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ExceptionConfig {
    /// Type of personal data, such as `EMAIL`. Give this or `field`.
    pub r#type: Option<Entity>,
    /// Place, and everything below it, as a pointer such as `/error_type` or `/parameters/notes`. Goes
    /// before `type`.
    pub field: Option<String>,
    /// What to do there.
    pub action: Action,
}

/// A detector of the operator's own.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DetectorConfig {
    /// Name in reports: lower-case letters, digits and hyphens.
    pub name: String,
    /// Regular expression of what is looked for, in keys and in texts.
    pub pattern: String,
    /// Type that is reported. Default: `CUSTOM`.
    pub r#type: Option<Entity>,
    /// Words, one of which must stand in the same text or in its key, in any case. Default: none is
    /// needed.
    #[serde(default)]
    pub context: Vec<String>,
    /// What a match must satisfy beyond the pattern. Default: `none`.
    #[serde(default)]
    pub validator: Validator,
}

/// What is not personal data although it looks like it.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct AllowConfig {
    /// Further keys of parameters that are stored, when their values are numbers, booleans or short
    /// lower-case identifiers. Default: none.
    pub parameters: Vec<String>,
    /// Places in which nothing is personal data, with everything below them, as pointers such as
    /// `/parameters/station`. Default: none.
    pub fields: Vec<String>,
    /// Texts that are no personal data, whole and as written. Default: none.
    pub values: Vec<String>,
    /// Regular expressions of texts that are no personal data; they must match the whole text.
    /// Default: none.
    pub patterns: Vec<String>,
}

/// Settings.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct PiiScanConfig {
    /// What to do with an event that holds personal data. Default: `reject`.
    pub action: Action,
    /// Other actions for some types or places. Default: none.
    pub exceptions: Vec<ExceptionConfig>,
    /// What to do with parameters that are not listed and hold no personal data. Default: `drop`.
    pub unknown_parameters: UnknownParameters,
    /// What is not personal data although it looks like it. Default: nothing.
    pub allow: AllowConfig,
    /// Further detectors. Default: none.
    pub detectors: Vec<DetectorConfig>,
}

impl Scanner {
    /// The scanner of a list of stages, configured as its `pii-scan` is.
    ///
    /// # Errors
    /// When the list has none, or one that cannot work; loading a file reports both before.
    pub fn of(specs: &[StageSpec]) -> Result<Self, BuildError> {
        let spec = specs.iter().find(|spec| spec.stage == super::PiiScan::NAME);
        let spec = spec.ok_or_else(|| error_at(&[], "there is no `pii-scan`"))?;
        let config: Option<PiiScanConfig> = serde_json::from_value(spec.with.clone())
            .map_err(|error| error_at(&[], error.to_string()))?;
        Self::from_config(config.unwrap_or_default())
    }

    /// Makes a scanner.
    ///
    /// # Errors
    /// When `exceptions`, `allow` or `detectors` cannot work.
    pub fn from_config(config: PiiScanConfig) -> Result<Self, BuildError> {
        let allowed = parameters(config.allow.parameters)?;
        let patterns = config.allow.patterns.iter().enumerate();
        let patterns = patterns
            .map(|(index, text)| pattern(text, &["allow", "patterns", &index.to_string()]))
            .collect::<Result<_, _>>()?;
        let mut by_type = Vec::new();
        for (index, exception) in config.exceptions.iter().enumerate() {
            let index = index.to_string();
            match (&exception.r#type, &exception.field) {
                (Some(entity), None) => {
                    if by_type.iter().any(|(known, _)| known == entity) {
                        let message = "this type has an exception above; remove one of the two";
                        return Err(error_at(&["exceptions", &index, "type"], message));
                    }
                    by_type.push((*entity, exception.action));
                }
                (None, Some(field)) => check_pointer(field, &["exceptions", &index, "field"])?,
                _ => {
                    let message = "names either a `type` or a `field`";
                    return Err(error_at(&["exceptions", &index], message));
                }
            }
        }
        let mut rules = Rules::new(config.action, by_type, config.allow.values, patterns);
        for exception in config.exceptions {
            if let Some(field) = exception.field {
                rules.add(&field, Rule::Act(exception.action));
            }
        }
        for (index, field) in config.allow.fields.iter().enumerate() {
            check_pointer(field, &["allow", "fields", &index.to_string()])?;
            rules.add(field, Rule::Allow);
        }
        let detectors = config.detectors.into_iter().enumerate();
        let added = detectors.map(|(i, config)| added(i, config)).collect::<Result<_, _>>()?;
        Ok(Self::new(allowed, added, rules))
    }
}

fn parameters(keys: Vec<String>) -> Result<Allowed, BuildError> {
    if let Some(index) = keys.iter().position(|key| !is_named(key, b'_')) {
        let message = "a key is 1 to 48 lower-case letters, digits and `_`";
        return Err(error_at(&["allow", "parameters", &index.to_string()], message));
    }
    Ok(Allowed::with(keys))
}

fn added(index: usize, config: DetectorConfig) -> Result<Added, BuildError> {
    let index = index.to_string();
    if !is_named(&config.name, b'-') {
        let message = "a name is 1 to 48 lower-case letters, digits and `-`";
        return Err(error_at(&["detectors", &index, "name"], message));
    }
    let compiled = pattern(&config.pattern, &["detectors", &index, "pattern"])?;
    if compiled.is_match("") {
        let message = "matches the empty text, so it would find every event";
        return Err(error_at(&["detectors", &index, "pattern"], message));
    }
    if let Some(word) = config.context.iter().position(|word| word.trim().is_empty()) {
        let message = "is empty; a word is needed";
        return Err(error_at(&["detectors", &index, "context", &word.to_string()], message));
    }
    Ok(Added {
        name: config.name,
        entity: config.r#type.unwrap_or(Entity::Custom),
        pattern: compiled,
        context: config.context.iter().map(|word| word.to_lowercase()).collect(),
        validator: config.validator,
    })
}

/// Compiles a pattern of the operator's, within limits on the memory that it takes.
fn pattern(text: &str, path: &[&str]) -> Result<Regex, BuildError> {
    RegexBuilder::new(text)
        .size_limit(PATTERN_SIZE)
        .dfa_size_limit(PATTERN_SIZE)
        .build()
        .map_err(|error| error_at(path, error.to_string()))
}

fn check_pointer(pointer: &str, path: &[&str]) -> Result<(), BuildError> {
    let steps = pointer.strip_prefix('/').map(|rest| rest.split('/').all(|step| !step.is_empty()));
    if steps == Some(true) {
        return Ok(());
    }
    Err(error_at(path, "is a pointer, such as `/error_type` or `/parameters/notes`"))
}

fn is_named(name: &str, other: u8) -> bool {
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == other;
    (1..=48).contains(&name.len()) && name.bytes().all(plain)
}

fn error_at(path: &[&str], message: impl Into<String>) -> BuildError {
    BuildError { path: path.iter().map(|&part| part.to_owned()).collect(), message: message.into() }
}
