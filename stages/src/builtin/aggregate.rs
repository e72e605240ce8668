//! `aggregate`: being written.

use async_trait::async_trait;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::batch::Batch;
use crate::context::{Cx, Services};
use crate::stage::{BuildError, Define, Form, Needs, Side, Stage, StageError};
use crate::verdict::Code;

/// The stage.
pub(crate) struct Aggregate;

/// Settings.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct AggregateConfig {}

#[async_trait]
impl Stage for Aggregate {
    async fn run(&self, _: &mut Batch<'_>, _: Cx<'_>) -> Result<(), StageError> {
        Ok(())
    }
}

impl Define for Aggregate {
    const NAME: &'static str = "aggregate";
    const SIDES: &'static [Side] = &[Side::Worker];
    const GIVES: Option<Form> = Some(Form::Aggregated);
    const CODES: &'static [Code] = &[];
    type Config = AggregateConfig;

    fn needs(_: &Self::Config) -> Needs {
        Needs::Exactly(Form::Persisted)
    }

    fn build(_: Self::Config, _: &Services) -> Result<Self, BuildError> {
        Ok(Self)
    }
}
