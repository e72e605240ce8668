//! `batch-persist`: being written.

use async_trait::async_trait;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::batch::Batch;
use crate::context::{Cx, Services};
use crate::stage::{BuildError, Define, Form, Needs, Side, Stage, StageError};
use crate::verdict::Code;

/// The stage.
pub(crate) struct BatchPersist;

/// Settings.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct BatchPersistConfig {}

#[async_trait]
impl Stage for BatchPersist {
    async fn run(&self, _: &mut Batch<'_>, _: Cx<'_>) -> Result<(), StageError> {
        Ok(())
    }
}

impl Define for BatchPersist {
    const NAME: &'static str = "batch-persist";
    const SIDES: &'static [Side] = &[Side::Worker];
    const GIVES: Option<Form> = Some(Form::Persisted);
    const CODES: &'static [Code] = &[];
    type Config = BatchPersistConfig;

    fn needs(_: &Self::Config) -> Needs {
        Needs::Exactly(Form::Clean)
    }

    fn build(_: Self::Config, _: &Services) -> Result<Self, BuildError> {
        Ok(Self)
    }
}
