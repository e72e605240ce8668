//! `sanitise`: being written.

use async_trait::async_trait;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::batch::Batch;
use crate::context::{Cx, Services};
use crate::stage::{BuildError, Define, Form, Needs, Side, Stage, StageError};
use crate::verdict::Code;

/// The stage.
pub(crate) struct Sanitise;

/// Settings.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct SanitiseConfig {}

#[async_trait]
impl Stage for Sanitise {
    async fn run(&self, _: &mut Batch<'_>, _: Cx<'_>) -> Result<(), StageError> {
        Ok(())
    }
}

impl Define for Sanitise {
    const NAME: &'static str = "sanitise";
    const SIDES: &'static [Side] = &[Side::Ingest];
    const GIVES: Option<Form> = Some(Form::Clean);
    const CODES: &'static [Code] = &[];
    type Config = SanitiseConfig;

    fn needs(_: &Self::Config) -> Needs {
        Needs::Exactly(Form::Scanned)
    }

    fn build(_: Self::Config, _: &Services) -> Result<Self, BuildError> {
        Ok(Self)
    }
}
