//! `pii-scan`: being written.

use async_trait::async_trait;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::batch::Batch;
use crate::context::{Cx, Services};
use crate::stage::{BuildError, Define, Form, Needs, Side, Stage, StageError};
use crate::verdict::Code;

/// Proof that the scan made a [`crate::Scanned`]: only this module can make one.
pub(crate) struct Cleared(());

/// The stage.
pub(crate) struct PiiScan;

/// Settings.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct PiiScanConfig {}

#[async_trait]
impl Stage for PiiScan {
    async fn run(&self, _: &mut Batch<'_>, _: Cx<'_>) -> Result<(), StageError> {
        Ok(())
    }
}

impl Define for PiiScan {
    const NAME: &'static str = "pii-scan";
    const SIDES: &'static [Side] = &[Side::Ingest];
    const GIVES: Option<Form> = Some(Form::Scanned);
    const CODES: &'static [Code] = &[];
    type Config = PiiScanConfig;

    fn needs(_: &Self::Config) -> Needs {
        Needs::Exactly(Form::Parsed)
    }

    fn build(_: Self::Config, _: &Services) -> Result<Self, BuildError> {
        Ok(Self)
    }
}
