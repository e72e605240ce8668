//! `schema-validate`: being written.

use async_trait::async_trait;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::batch::Batch;
use crate::context::{Cx, Services};
use crate::stage::{BuildError, Define, Form, Needs, Side, Stage, StageError};
use crate::verdict::Code;

/// The stage.
pub(crate) struct SchemaValidate;

/// Settings.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct SchemaValidateConfig {}

#[async_trait]
impl Stage for SchemaValidate {
    async fn run(&self, _: &mut Batch<'_>, _: Cx<'_>) -> Result<(), StageError> {
        Ok(())
    }
}

impl Define for SchemaValidate {
    const NAME: &'static str = "schema-validate";
    const SIDES: &'static [Side] = &[Side::Ingest];
    const GIVES: Option<Form> = None;
    const CODES: &'static [Code] = &[];
    type Config = SchemaValidateConfig;

    fn needs(_: &Self::Config) -> Needs {
        Needs::Exactly(Form::Parsed)
    }

    fn build(_: Self::Config, _: &Services) -> Result<Self, BuildError> {
        Ok(Self)
    }
}
