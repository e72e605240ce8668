//! `parse`: the decoded request body becomes one slot an event.
//!
//! The body is checked as UTF-8 once and read as JSON once, into data that is borrowed from it. What
//! is wrong with the request as a whole turns it away; what is wrong with one element refuses that
//! element and leaves its neighbours alone.

mod bounds;
mod document;
#[cfg(test)]
mod tests;

use async_trait::async_trait;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use self::document::Element;
use crate::batch::{Batch, Body};
use crate::context::{Cx, Services};
use crate::event::RawEvent;
use crate::stage::{BuildError, Define, Form, Needs, Side, Stage, StageError};
use crate::units::Size;
use crate::verdict::{Code, Reason, Verdict, codes};

const MALFORMED_JSON: Code = Code::new("malformed_json");
const EMPTY_BATCH: Code = Code::new("empty_batch");
const BATCH_TOO_LARGE: Code = Code::new("batch_too_large");

/// The stage.
pub(crate) struct Parse {
    max_body: u64,
    /// Most elements of `events`, tolerance included.
    limit: usize,
}

/// Settings.
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct ParseConfig {
    /// Largest request body, in bytes, after decompression. Larger ones are answered 413.
    max_body: Size,
    /// Events that a client should send in one batch at most.
    #[schemars(range(min = 1))]
    max_events: u32,
    /// Events beyond `max_events` that are tolerated, because clients flush a full buffer a moment
    /// late. Larger batches are refused.
    overshoot: u32,
}

impl Default for ParseConfig {
    fn default() -> Self {
        // A client that buffers 100 events was measured at 104 in one batch.
        Self { max_body: Size::kib(100), max_events: 100, overshoot: 64 }
    }
}

#[async_trait]
impl Stage for Parse {
    async fn run(&self, batch: &mut Batch<'_>, _: Cx<'_>) -> Result<(), StageError> {
        let elements = match document::elements(batch.body(), self.limit) {
            Ok(elements) => elements,
            Err(refusal) => {
                batch.refuse(refusal);
                return Ok(());
            }
        };
        batch.reserve(elements.len());
        for (index, element) in elements.into_iter().enumerate() {
            match element {
                Element::Event(event) => batch.push(Body::Raw(event)),
                Element::Refused(reason) => {
                    batch.push(Body::Gone);
                    batch.settle(index, Verdict::Reject(reason));
                }
            }
        }
        Ok(())
    }

    fn max_body(&self) -> Option<u64> {
        Some(self.max_body)
    }
}

impl Define for Parse {
    const NAME: &'static str = "parse";
    const SIDES: &'static [Side] = &[Side::Ingest];
    const GIVES: Option<Form> = Some(Form::Parsed);
    const CODES: &'static [Code] = &[
        MALFORMED_JSON,
        EMPTY_BATCH,
        BATCH_TOO_LARGE,
        codes::MISSING_FIELD,
        codes::INVALID_FIELD,
        codes::TOO_DEEP,
        codes::UNSTORABLE,
    ];
    type Config = ParseConfig;

    fn needs(_: &Self::Config) -> Needs {
        Needs::Exactly(Form::Body)
    }

    fn build(config: Self::Config, _: &Services) -> Result<Self, BuildError> {
        Self::new(&config)
    }
}

impl<'b> RawEvent<'b> {
    /// Reads one event as it would be read within a request.
    ///
    /// # Errors
    /// Why no request could carry it: it is not an object, or out of bounds.
    pub fn read(json: &'b RawValue) -> Result<Self, Reason> {
        match document::element(json.get()) {
            Element::Event(event) => Ok(event),
            Element::Refused(reason) => Err(reason),
        }
    }
}

impl Parse {
    fn new(config: &ParseConfig) -> Result<Self, BuildError> {
        if config.max_body.0 == 0 {
            return Err(BuildError::at("max_body", "must be at least one byte"));
        }
        if config.max_events == 0 {
            return Err(BuildError::at("max_events", "must be at least 1"));
        }
        let limit = u64::from(config.max_events) + u64::from(config.overshoot);
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        Ok(Self { max_body: config.max_body.0, limit })
    }
}
