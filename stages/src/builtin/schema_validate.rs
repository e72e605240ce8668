//! `schema-validate`: judges every event as sanitise will leave it, and changes nothing in it.
//!
//! What a member may hold is written in [`super::normal`]. Here stand the rules that an operator
//! sets: the known tools and services, the window of accepted hours, and whether one bad event
//! costs its whole batch.

mod config;
#[cfg(test)]
mod tests;

use async_trait::async_trait;
use compact_str::CompactString;

use self::config::{OnReject, OnUnknown, SchemaValidateConfig, Window};
use super::normal;
use crate::batch::{Batch, Event};
use crate::context::{Cx, Services};
use crate::event::{Field, RawEvent};
use crate::hour::Hour;
use crate::scanned::Fields;
use crate::stage::{BuildError, Define, Form, Needs, Side, Stage, StageError};
use crate::units::Span;
use crate::verdict::{Code, Pointer, Reason, Verdict, codes};

/// Furthest that events may be dated back. [`crate::ports::IDENTITY_LIFETIME`] is this and four days
/// of grace: with a longer window a repeat could come after its identity was forgotten.
const LONGEST_WINDOW: Span = Span::days(3);

const TIMESTAMP_OUT_OF_WINDOW: Code = Code::new("timestamp_out_of_window");

/// The stage.
pub(crate) struct SchemaValidate {
    tools: Names,
    services: Names,
    on_unknown: OnUnknown,
    on_reject: OnReject,
    window: Window,
}

/// Known names, sorted.
struct Names(Box<[CompactString]>);

impl Names {
    fn knows(&self, name: &str) -> bool {
        self.0.binary_search_by(|known| known.as_str().cmp(name)).is_ok()
    }
}

/// The names of a good event that are to count as `other`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Unknown {
    tool: bool,
    service: bool,
}

#[async_trait]
impl Stage for SchemaValidate {
    async fn run(&self, batch: &mut Batch<'_>, cx: Cx<'_>) -> Result<(), StageError> {
        let now = cx.clock.hour();
        if self.on_reject == OnReject::Batch {
            batch.stand_together();
        }
        batch.judge(|event| self.judge(event, now));
        Ok(())
    }
}

impl SchemaValidate {
    fn judge(&self, event: &mut Event<'_>, now: Hour) -> Verdict {
        // Where it stands every event that goes on is raw: the list was checked at load time.
        let Some(raw) = event.raw() else { return Verdict::Pass };
        match self.check(raw, now) {
            Ok((unknown, normal, read)) => {
                (event.other_tool, event.other_service) = (unknown.tool, unknown.service);
                (event.normal, event.read) = (normal, Some(read));
                Verdict::Pass
            }
            Err(reason) => Verdict::Reject(reason),
        }
    }

    /// What is unknown of an event, whether it is in its final form, and the event as read.
    fn check(&self, raw: &RawEvent<'_>, now: Hour) -> Result<(Unknown, bool, Box<Fields>), Reason> {
        let read = Box::new(normal::read(raw)?);
        normal::event_id(raw)?;
        let mut fields = (*read).clone();
        let repairs = normal::normalise(&mut fields)?;
        self.check_window(Hour::containing(fields.timestamp), now)?;
        let tool = !self.tools.knows(&fields.tool);
        let service = fields.service.as_ref().is_some_and(|name| !self.services.knows(name));
        if self.on_unknown == OnUnknown::Refuse {
            let message = "this server does not know the name, and is set to refuse unknown ones";
            if tool {
                return Err(normal::about(Field::Tool, codes::INVALID_TOOL, message));
            }
            if service {
                return Err(normal::about(Field::Service, codes::INVALID_SERVICE, message));
            }
        }
        Ok((Unknown { tool, service }, repairs.is_empty() && fields == *read, read))
    }

    fn check_window(&self, hour: Hour, now: Hour) -> Result<(), Reason> {
        let Window { back, ahead } = self.window;
        let distance = hour.epoch_hours() - now.epoch_hours();
        if (-back.whole_hours()..=ahead.whole_hours()).contains(&distance) {
            return Ok(());
        }
        let message = format!("must be at most {back} back and {ahead} ahead of the current hour");
        let pointer = Pointer::fixed(Field::TimestampHour.pointer());
        Err(Reason::new(TIMESTAMP_OUT_OF_WINDOW, pointer, message))
    }
}

impl Define for SchemaValidate {
    const NAME: &'static str = "schema-validate";
    const SIDES: &'static [Side] = &[Side::Ingest];
    const DRY_RUN: bool = true;
    const CODES: &'static [Code] = &[
        codes::MISSING_FIELD,
        codes::NULL_VALUE,
        codes::INVALID_FIELD,
        codes::UNSTORABLE,
        codes::INVALID_TOOL,
        codes::INVALID_SERVICE,
        normal::TIMESTAMP_NOT_ROUNDED,
        normal::ERROR_TYPE_REQUIRED,
        TIMESTAMP_OUT_OF_WINDOW,
    ];
    type Config = SchemaValidateConfig;

    fn needs(_: &Self::Config) -> Needs {
        Needs::Exactly(Form::Parsed)
    }

    fn build(config: Self::Config, _: &Services) -> Result<Self, BuildError> {
        if config.window.back > LONGEST_WINDOW {
            let path = ["window", "back"].map(str::to_owned).to_vec();
            let message = format!(
                "must be at most {LONGEST_WINDOW}: repeats of older events could not be recognised"
            );
            return Err(BuildError { path, message });
        }
        Ok(Self {
            tools: names("tools", config.tools)?,
            services: names("services", config.services)?,
            on_unknown: config.on_unknown,
            on_reject: config.on_reject,
            window: config.window,
        })
    }
}

fn names(key: &str, configured: Vec<String>) -> Result<Names, BuildError> {
    for (index, name) in configured.iter().enumerate() {
        let wrong = if !normal::is_identifier(name) {
            "must be a name of lower-case letters, digits and `_`, at most 48 characters"
        } else if configured.iter().take(index).any(|before| before == name) {
            "must stand in the list once only; remove one of the two"
        } else {
            continue;
        };
        let path = vec![key.to_owned(), index.to_string()];
        return Err(BuildError { path, message: wrong.to_owned() });
    }
    let mut names: Vec<CompactString> = configured.into_iter().map(Into::into).collect();
    names.sort_unstable();
    Ok(Names(names.into_boxed_slice()))
}
