//! `pii-scan`: refuses events that hold personal data, and turns all others into
//! [`Scanned`] events.
//!
//! Every parsed event is looked at, also one that validation has refused: a finding replaces the
//! other reason, so that nobody repairs a field only to learn of the address beside it. The stage
//! stands alone with the token that makes scanned events, so that there is no second way past it.

mod config;
mod context;
mod detect;
mod finding;
mod fold;
mod gazetteer;
mod keys;
mod parameters;
mod readings;
mod rules;
mod scanner;
mod scrub;
mod shapes;
mod tokens;
mod validate;
mod vocabulary;
mod walk;

#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;

use async_trait::async_trait;

use crate::batch::{Batch, Body, Event, Slot};
use crate::builtin::normal;
use crate::context::{Cx, Services};
use crate::event::{Field, RawEvent};
use crate::hash::{HashKey, Identity};
use crate::scanned::{Fields, Level, Scanned};
use crate::stage::{BuildError, Define, Form, Needs, Side, Stage, StageError};
use crate::verdict::{Code, Pointer, Reason, Verdict, Warning, codes};

use config::UnknownParameters;
pub use config::{Action, PiiScanConfig};
pub use finding::{Entity, Finding, Findings};
pub use scanner::Scanner;

use walk::{MAX_DEPTH, MAX_VALUES};

/// A parameter is not listed, or has a value of another form, and is not stored.
const PARAMETER_DROPPED: Code = Code::new("parameter_dropped");
/// The name of its type was put in place of personal data.
const PII_SCRUBBED: Code = Code::new("pii_scrubbed");
/// A member that held personal data was left out.
const PII_DROPPED: Code = Code::new("pii_dropped");

/// Proof that the scan made a [`Scanned`]: only this module can make one.
pub(crate) struct Cleared(());

/// The stage.
pub(crate) struct PiiScan {
    scanner: Scanner,
    unknown_parameters: UnknownParameters,
    identity_key: HashKey,
}

/// The members that are stored of a mended event, the places of parameters that are not, and what
/// was mended.
type Mended = (Box<Fields>, Vec<Pointer>, Vec<Warning>);

fn detected(finding: &Finding<'_>) -> Reason {
    let message = format!("PII detected ({})", finding.entity.as_str());
    Reason::new(codes::PII_DETECTED, finding.pointer.clone(), message)
}

fn unmendable(pointer: Pointer) -> Reason {
    let message = "PII detected, and the event says too little without this member";
    Reason::new(codes::PII_DETECTED, pointer, message)
}

impl PiiScan {
    /// Judges every event of a batch, refused ones too.
    fn scan(&self, batch: &mut Batch<'_>) {
        for index in 0..batch.slots().len() {
            let passes = batch.slots().get(index).is_some_and(Slot::passes);
            if let Some(event) = batch.event_mut(index) {
                let (verdict, kinds) = self.judge(event, passes);
                batch.settle(index, verdict);
                kinds.into_iter().for_each(|kind| batch.found(kind));
            }
        }
    }

    /// Judges one event as sent, and makes its scanned form when it goes on.
    fn judge(&self, event: &mut Event<'_>, passes: bool) -> (Verdict, Vec<Entity>) {
        let read = event.read.take();
        let Some(raw) = event.raw() else { return (Verdict::Pass, Vec::new()) };
        // One finding is enough to refuse; to mend an event all are needed.
        let most = if self.scanner.rules.always_reject() || !passes { 1 } else { usize::MAX };
        let findings = self.scanner.examine(raw, most);
        let kinds = findings.found.iter().map(|finding| finding.entity).collect();
        let refusal = findings.found.iter().find(|found| found.action == Action::Reject);
        if let Some(finding) = refusal.or(findings.found.first().filter(|_| !passes)) {
            return (Verdict::Reject(detected(finding)), kinds);
        }
        if findings.too_deep {
            let message =
                format!("nested deeper than {MAX_DEPTH} levels, or more than {MAX_VALUES} values");
            let reason = Reason::new(codes::TOO_DEEP, Pointer::ROOT, message);
            return (Verdict::Reject(reason), kinds);
        }
        if !passes {
            return (Verdict::Pass, kinds);
        }
        let result = match findings.found.as_slice() {
            [] => self.fields(raw, read).map(|(fields, dropped)| (fields, dropped, Vec::new())),
            found => self.mend(raw, found),
        };
        let verdict = match result {
            Ok((fields, dropped, mended)) => {
                event.normal &= mended.is_empty();
                event.body = Body::Scanned(Scanned::new(Cleared(()), fields));
                for warning in mended {
                    event.warn(warning.code, warning.pointer, warning.message);
                }
                for pointer in dropped {
                    event.warn(PARAMETER_DROPPED, pointer, "this parameter is not stored");
                }
                Verdict::Pass
            }
            Err(reason) => Verdict::Reject(reason),
        };
        (verdict, kinds)
    }

    /// Takes what was found out of an event. The event is refused when it is not clean then, or no
    /// longer one that could be stored.
    fn mend(&self, raw: &RawEvent<'_>, found: &[Finding<'_>]) -> Result<Mended, Reason> {
        let Some(first) = found.first() else { return Err(unmendable(Pointer::ROOT)) };
        let text = scrub::mended(raw, found);
        let json: &serde_json::value::RawValue =
            serde_json::from_str(&text).map_err(|_| unmendable(first.pointer.clone()))?;
        let mended = RawEvent::read(json)?;
        let again = self.scanner.examine(&mended, 1);
        if let Some(finding) = again.found.first() {
            return Err(detected(finding));
        }
        let judged = self.fields(&mended, None).and_then(|(fields, dropped)| {
            normal::normalise(&mut (*fields).clone())?;
            Ok((fields, dropped))
        });
        let (fields, dropped) = judged.map_err(|_| unmendable(first.pointer.clone()))?;
        let mut warnings: Vec<Warning> = Vec::new();
        for finding in found {
            let kind = finding.entity.as_str();
            let warning = if scrub::is_dropped(finding) {
                let message = format!("left out, because it held personal data ({kind})");
                Warning::new(PII_DROPPED, finding.pointer.clone(), message)
            } else {
                let message = format!("personal data ({kind}) was taken out");
                Warning::new(PII_SCRUBBED, finding.pointer.clone(), message)
            };
            if !warnings.iter().any(|known| known.pointer == warning.pointer) {
                warnings.push(warning);
            }
        }
        Ok((fields, dropped, warnings))
    }

    /// The members that are stored, and the places of parameters that are not.
    fn fields(
        &self,
        raw: &RawEvent<'_>,
        read: Option<Box<Fields>>,
    ) -> Result<(Box<Fields>, Vec<Pointer>), Reason> {
        let mut fields = read.map_or_else(|| normal::read(raw).map(Box::new), Ok)?;
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
    const CODES: &'static [Code] = &[
        codes::PII_DETECTED,
        codes::TOO_DEEP,
        PARAMETER_DROPPED,
        PII_SCRUBBED,
        PII_DROPPED,
        codes::INVALID_FIELD,
    ];
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
