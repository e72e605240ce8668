//! `sanitise`: brings scanned events into the form that is stored, and tells the client what was
//! repaired.
//!
//! What is repaired, and how, is written in [`super::normal`]. Without `schema-validate` before it,
//! this stage also refuses what has no storable form.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::normal;
use crate::batch::Event;
use crate::context::{Cx, Services};
use crate::event::Field;
use crate::scanned::Fields;
use crate::stage::{BuildError, Define, Form, Needs, PerEvent, Side};
use crate::verdict::{Code, Reason, Verdict, Warning, codes};

const TOOL_COUNTED_AS_OTHER: Code = Code::new("tool_counted_as_other");
const SERVICE_COUNTED_AS_OTHER: Code = Code::new("service_counted_as_other");

/// The stage.
pub(crate) struct Sanitise;

/// Settings: there are none.
#[derive(Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct SanitiseConfig {}

impl PerEvent for Sanitise {
    fn judge(&self, event: &mut Event<'_>, _: Cx<'_>) -> Verdict {
        let other = Other { tool: event.other_tool, service: event.other_service };
        let normal = event.normal;
        // Where it stands every event that goes on is scanned: the list was checked at load time.
        let Some(scanned) = event.scanned_mut() else { return Verdict::Pass };
        match repair(scanned.fields_mut(), normal, other) {
            Ok(warnings) => {
                for warning in warnings {
                    event.warn(warning.code, warning.pointer, warning.message);
                }
                (event.other_tool, event.other_service) = (false, false);
                Verdict::Pass
            }
            Err(reason) => Verdict::Reject(reason),
        }
    }
}

/// The members that validation found to be unknown names.
#[derive(Clone, Copy)]
struct Other {
    tool: bool,
    service: bool,
}

fn repair(fields: &mut Fields, normal: bool, other: Other) -> Result<Vec<Warning>, Reason> {
    let mut warnings = if normal { Vec::new() } else { normal::normalise(fields)? };
    if other.tool {
        fields.tool = normal::OTHER.into();
        let message = "the tool is not known here and counts as `other`";
        warnings.push(normal::about(Field::Tool, TOOL_COUNTED_AS_OTHER, message));
    }
    if other.service {
        fields.service = Some(normal::OTHER.into());
        let message = "the service is not known here and counts as `other`";
        warnings.push(normal::about(Field::Service, SERVICE_COUNTED_AS_OTHER, message));
    }
    Ok(warnings)
}

impl Define for Sanitise {
    const NAME: &'static str = "sanitise";
    const SIDES: &'static [Side] = &[Side::Ingest];
    const GIVES: Option<Form> = Some(Form::Clean);
    const CODES: &'static [Code] = &[
        codes::INVALID_FIELD,
        codes::INVALID_TOOL,
        codes::INVALID_SERVICE,
        normal::ERROR_TYPE_REQUIRED,
        normal::ERROR_TYPE_SHORTENED,
        normal::RESPONSE_TIME_CLAMPED,
        normal::RESPONSE_TIME_DROPPED,
        normal::COUNTRY_DROPPED,
        normal::TIMESTAMP_FLOORED,
        TOOL_COUNTED_AS_OTHER,
        SERVICE_COUNTED_AS_OTHER,
    ];
    type Config = SanitiseConfig;

    fn needs(_: &Self::Config) -> Needs {
        Needs::Exactly(Form::Scanned)
    }

    fn build(_: Self::Config, _: &Services) -> Result<Self, BuildError> {
        Ok(Self)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::normal::samples::{changes, event};
    use super::*;
    use crate::batch::Body;
    use crate::clock::ManualClock;
    use crate::scanned::Scanned;

    fn judge(event: &mut Event<'_>) -> Verdict {
        Sanitise.judge(event, Cx { clock: &ManualClock::at(0), request: None, tx: None })
    }

    /// An event as pii-scan leaves it.
    fn scanned(changes: &[(&str, &str)]) -> Result<Event<'static>, Reason> {
        let fields = normal::read(&event(changes))?;
        Ok(Event::new(Body::Scanned(Scanned::for_test(fields))))
    }

    fn warnings(event: &Event<'_>) -> Vec<(&'static str, String)> {
        let shown = |w: &Warning| (w.code.as_str(), w.pointer.as_str().to_owned());
        event.warnings().iter().map(shown).collect()
    }

    #[test]
    fn repairs_are_carried_out_and_reported() {
        let mut event = scanned(&[
            ("tool", r#"" New_Tool ""#),
            ("analytics_level", r#""standard""#),
            ("timestamp_hour", r#""1970-01-01T01:30:00Z""#),
            ("status", r#""error""#),
            ("error_type", r#""Timeout: no answer""#),
            ("response_time_ms", "150000"),
            ("service", r#"" NOAA ""#),
            ("country", r#""OTHER""#),
        ])
        .unwrap();
        event.other_tool = true;
        assert_eq!(judge(&mut event), Verdict::Pass);
        let scanned = event.scanned().unwrap();
        assert_eq!((scanned.tool(), scanned.service()), ("other", Some("noaa")));
        assert_eq!(scanned.error_type(), Some("Timeout"));
        assert_eq!((scanned.response_time_ms(), scanned.country()), (Some(120_000), None));
        assert_eq!(scanned.hour().unix_seconds(), 3_600);
        let want = [
            ("timestamp_floored", "/timestamp_hour"),
            ("error_type_shortened", "/error_type"),
            ("response_time_clamped", "/response_time_ms"),
            ("country_dropped", "/country"),
            ("tool_counted_as_other", "/tool"),
        ];
        assert_eq!(warnings(&event), want.map(|(code, at)| (code, at.to_owned())));
    }

    #[test]
    fn an_unknown_service_counts_as_other() {
        let level = ("analytics_level", r#""standard""#);
        let mut event = scanned(&[level, ("service", r#""new_service""#)]).unwrap();
        event.other_service = true;
        assert_eq!(judge(&mut event), Verdict::Pass);
        assert_eq!(event.scanned().unwrap().service(), Some("other"));
        assert_eq!(warnings(&event), [("service_counted_as_other", "/service".to_owned())]);
    }

    #[test]
    fn what_has_no_storable_form_is_refused_without_validation_too() {
        let mut event = scanned(&[("tool", r#""call me at home""#)]).unwrap();
        let Verdict::Reject(reason) = judge(&mut event) else { panic!("must be refused") };
        assert_eq!(reason.code, codes::INVALID_TOOL);
    }

    proptest! {
        #[test]
        fn a_second_time_changes_and_reports_nothing(changes in changes(), other: (bool, bool)) {
            if let Ok(mut event) = scanned(&changes) {
                event.other_tool = other.0;
                event.other_service = other.1 && event.scanned().unwrap().service().is_some();
                if judge(&mut event) == Verdict::Pass {
                    let once = (event.scanned().cloned(), warnings(&event));
                    prop_assert_eq!(judge(&mut event), Verdict::Pass);
                    prop_assert_eq!((event.scanned().cloned(), warnings(&event)), once);
                }
            }
        }

        #[test]
        fn every_code_it_gives_is_declared(changes in changes(), other: (bool, bool)) {
            if let Ok(mut event) = scanned(&changes) {
                (event.other_tool, event.other_service) = other;
                let verdict = judge(&mut event);
                let given = event.warnings().iter().map(|warning| warning.code);
                let refused = match verdict {
                    Verdict::Reject(reason) => Some(reason.code),
                    _ => None,
                };
                for code in given.chain(refused) {
                    prop_assert!(Sanitise::CODES.contains(&code), "{}", code);
                }
            }
        }
    }
}
