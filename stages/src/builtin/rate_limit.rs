//! `rate-limit`: being written.

use async_trait::async_trait;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::batch::Batch;
use crate::context::{Cx, Services};
use crate::stage::{BuildError, Define, Form, Needs, Side, Stage, StageError};
use crate::verdict::Code;

/// The stage.
pub(crate) struct RateLimit;

/// Settings.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct RateLimitConfig {}

#[async_trait]
impl Stage for RateLimit {
    async fn run(&self, _: &mut Batch<'_>, _: Cx<'_>) -> Result<(), StageError> {
        Ok(())
    }
}

impl Define for RateLimit {
    const NAME: &'static str = "rate-limit";
    const SIDES: &'static [Side] = &[Side::Ingest];
    const GIVES: Option<Form> = None;
    const CODES: &'static [Code] = &[];
    type Config = RateLimitConfig;

    fn needs(_: &Self::Config) -> Needs {
        Needs::AtLeast(Form::Body)
    }

    fn build(_: Self::Config, _: &Services) -> Result<Self, BuildError> {
        Ok(Self)
    }
}
