//! `pii-scan`: refuses events that hold personal data, and turns all others into
//! [`Scanned`] events.
//!
//! Every parsed event is looked at, also one that validation has refused: a finding replaces the
//! other reason, so that nobody repairs a field only to learn of the address beside it. The stage
//! stands alone with the token that makes scanned events, so that there is no second way past it.

mod detect;
mod finding;
mod fold;
mod keys;
mod parameters;
mod scanner;
mod shapes;
mod tokens;
mod vocabulary;

#[cfg(test)]
mod tests;

use async_trait::async_trait;
use regex::RegexBuilder;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::batch::{Batch, Body, Event, Slot};
use crate::builtin::normal;
use crate::context::{Cx, Services};
use crate::event::{Field, RawEvent};
use crate::hash::{HashKey, Identity};
use crate::pipeline::StageSpec;
use crate::scanned::{Fields, Level, Scanned};
use crate::stage::{BuildError, Define, Form, Needs, Side, Stage, StageError};
use crate::verdict::{Code, Pointer, Reason, Verdict, codes};

pub use finding::{Entity, Finding, Findings};
pub use scanner::Scanner;

use parameters::Allowed;
use scanner::{Added, MAX_DEPTH, MAX_VALUES};

/// A parameter is not listed, or has a value of another form, and is not stored.
const PARAMETER_DROPPED: Code = Code::new("parameter_dropped");

/// Largest compiled form of an operator's pattern, in bytes.
const PATTERN_SIZE: usize = 1 << 20;

/// Proof that the scan made a [`Scanned`]: only this module can make one.
pub(crate) struct Cleared(());

/// What to do with an event that holds personal data.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Action {
    /// Refuse the event.
    #[default]
    Reject,
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

/// A detector of the operator's own.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DetectorConfig {
    /// Name in reports: lower-case letters, digits and hyphens.
    pub name: String,
    /// Regular expression; an event with a matching key or text is treated as personal data.
    pub pattern: String,
}

/// Settings.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct PiiScanConfig {
    /// What to do with an event that holds personal data. Default: `reject`.
    pub action: Action,
    /// What to do with parameters that are not listed and hold no personal data. Default: `drop`.
    pub unknown_parameters: UnknownParameters,
    /// Further keys of parameters that are stored, when their values are numbers, booleans or short
    /// lower-case identifiers. Default: none.
    pub allow: Vec<String>,
    /// Further detectors. Default: none.
    pub detectors: Vec<DetectorConfig>,
}

/// The stage.
pub(crate) struct PiiScan {
    scanner: Scanner,
    unknown_parameters: UnknownParameters,
    identity_key: HashKey,
}

impl Scanner {
    /// The scanner of a list of stages, configured as its `pii-scan` is.
    ///
    /// # Errors
    /// When the list has none, or one that cannot work; loading a file reports both before.
    pub fn of(specs: &[StageSpec]) -> Result<Self, BuildError> {
        let spec = specs.iter().find(|spec| spec.stage == PiiScan::NAME);
        let spec = spec.ok_or_else(|| error_at(&[], "there is no `pii-scan`".to_owned()))?;
        let config: Option<PiiScanConfig> = serde_json::from_value(spec.with.clone())
            .map_err(|error| error_at(&[], error.to_string()))?;
        Self::from_config(config.unwrap_or_default())
    }

    /// Makes a scanner.
    ///
    /// # Errors
    /// When `allow` or `detectors` cannot work.
    pub fn from_config(config: PiiScanConfig) -> Result<Self, BuildError> {
        let named = |name: &str, other: u8| {
            let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == other;
            (1..=48).contains(&name.len()) && name.bytes().all(plain)
        };
        if let Some(index) = config.allow.iter().position(|key| !named(key, b'_')) {
            let message = "a key is 1 to 48 lower-case letters, digits and `_`";
            return Err(error_at(&["allow", &index.to_string()], message.to_owned()));
        }
        let mut added = Vec::with_capacity(config.detectors.len());
        for (index, detector) in config.detectors.into_iter().enumerate() {
            let index = index.to_string();
            if !named(&detector.name, b'-') {
                let message = "a name is 1 to 48 lower-case letters, digits and `-`";
                return Err(error_at(&["detectors", &index, "name"], message.to_owned()));
            }
            let pattern = RegexBuilder::new(&detector.pattern)
                .size_limit(PATTERN_SIZE)
                .dfa_size_limit(PATTERN_SIZE)
                .build()
                .map_err(|error| error_at(&["detectors", &index, "pattern"], error.to_string()))?;
            added.push(Added { name: detector.name, pattern });
        }
        Ok(Self::new(Allowed::with(config.allow), added))
    }
}

fn error_at(path: &[&str], message: String) -> BuildError {
    BuildError { path: path.iter().map(|&part| part.to_owned()).collect(), message }
}

impl PiiScan {
    /// Judges every event of a batch, refused ones too.
    fn scan(&self, batch: &mut Batch<'_>) {
        for index in 0..batch.slots().len() {
            let passes = batch.slots().get(index).is_some_and(Slot::passes);
            if let Some(event) = batch.event_mut(index) {
                let verdict = self.judge(event, passes);
                batch.settle(index, verdict);
            }
        }
    }

    /// Judges one event as sent, and makes its scanned form when it goes on.
    fn judge(&self, event: &mut Event<'_>, passes: bool) -> Verdict {
        let read = event.read.take();
        let Some(raw) = event.raw() else { return Verdict::Pass };
        let findings = self.scanner.examine(raw, 1);
        if let Some(finding) = findings.found.into_iter().next() {
            let message = format!("PII detected ({})", finding.entity.as_str());
            return Verdict::Reject(Reason::new(codes::PII_DETECTED, finding.pointer, message));
        }
        if findings.too_deep {
            let message =
                format!("nested deeper than {MAX_DEPTH} levels, or more than {MAX_VALUES} values");
            return Verdict::Reject(Reason::new(codes::TOO_DEEP, Pointer::ROOT, message));
        }
        if !passes {
            return Verdict::Pass;
        }
        match self.fields(raw, read) {
            Ok((fields, dropped)) => {
                event.body = Body::Scanned(Scanned::new(Cleared(()), fields));
                for pointer in dropped {
                    event.warn(PARAMETER_DROPPED, pointer, "this parameter is not stored");
                }
                Verdict::Pass
            }
            Err(reason) => Verdict::Reject(reason),
        }
    }

    /// The members that are stored, and the places of parameters that are not.
    fn fields(
        &self,
        raw: &RawEvent<'_>,
        read: Option<Box<Fields>>,
    ) -> Result<(Fields, Vec<Pointer>), Reason> {
        let mut fields = read.map_or_else(|| normal::read(raw), |read| Ok(*read))?;
        let mut dropped = Vec::new();
        if fields.level == Level::Detailed
            && let Some(parameters) = raw.get(Field::Parameters)
        {
            let split = self.scanner.allowed.split(parameters);
            let parent = Pointer::fixed(Field::Parameters.pointer());
            dropped.extend(split.dropped.iter().map(|key| parent.join(key.unwrap_or("*"))));
            fields.parameters = split.kept;
        }
        if let (UnknownParameters::Reject, Some(pointer)) =
            (self.unknown_parameters, dropped.first())
        {
            let message = "this parameter is not listed, or has a value of another form";
            return Err(Reason::new(codes::INVALID_FIELD, pointer.clone(), message));
        }
        fields.identity = self.identity(raw, &fields)?;
        Ok((fields, dropped))
    }

    /// What makes the event itself, if the client said: its own id, else session and number.
    fn identity(&self, raw: &RawEvent<'_>, fields: &Fields) -> Result<Option<Identity>, Reason> {
        if let Some(id) = normal::event_id(raw)? {
            return Ok(Some(self.hash("event", &[id.as_bytes()])));
        }
        let (Level::Detailed, Some(session), Some(number)) =
            (fields.level, &fields.session_id, fields.sequence_number)
        else {
            return Ok(None);
        };
        let session = session.trim_ascii().to_ascii_lowercase();
        Ok(Some(self.hash("session", &[session.as_bytes(), &number.to_be_bytes()])))
    }

    fn hash(&self, domain: &str, parts: &[&[u8]]) -> Identity {
        Identity::from_bytes(self.identity_key.hash(domain, parts))
    }
}

#[async_trait]
impl Stage for PiiScan {
    async fn run(&self, batch: &mut Batch<'_>, _: Cx<'_>) -> Result<(), StageError> {
        self.scan(batch);
        Ok(())
    }
}

impl Define for PiiScan {
    const NAME: &'static str = "pii-scan";
    const SIDES: &'static [Side] = &[Side::Ingest];
    const GIVES: Option<Form> = Some(Form::Scanned);
    const CODES: &'static [Code] =
        &[codes::PII_DETECTED, codes::TOO_DEEP, PARAMETER_DROPPED, codes::INVALID_FIELD];
    type Config = PiiScanConfig;

    fn needs(_: &Self::Config) -> Needs {
        Needs::Exactly(Form::Parsed)
    }

    fn build(config: Self::Config, services: &Services) -> Result<Self, BuildError> {
        let unknown_parameters = config.unknown_parameters;
        Ok(Self {
            scanner: Scanner::from_config(config)?,
            unknown_parameters,
            identity_key: services.identity_key.clone(),
        })
    }
}
