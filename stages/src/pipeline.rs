//! A list of stages, checked and ready to run.
//!
//! All counting and timing happens here, so that stages never touch metrics.

mod check;

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use self::check::Check;
use crate::batch::{Batch, Tally};
use crate::context::{Cx, Services};
use crate::registry::{LoadError, Registry};
use crate::stage::{Side, Stage, StageError};

/// What to do when the shared state that a stage needs cannot be reached.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum IfDown {
    /// Turn the request away with 503.
    #[default]
    Fail,
    /// Go on without the stage.
    Skip,
    /// Go on with state kept in this process.
    Local,
}

/// One stage of a list in pipeline.yaml.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StageSpec {
    /// Name of the stage.
    pub stage: String,
    /// Name in metrics and messages, when a stage stands in a list twice. Default: its name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// What to do when the shared state it needs cannot be reached. Default: `fail`.
    #[serde(default)]
    pub if_down: IfDown,
    /// Count what it would refuse or drop, but let everything pass. Default: `false`.
    #[serde(default)]
    pub dry_run: bool,
    /// The stage's own settings.
    #[serde(default)]
    pub with: serde_json::Value,
}

impl StageSpec {
    /// A stage with default settings.
    pub fn named(stage: &str) -> Self {
        Self {
            stage: stage.to_owned(),
            label: None,
            if_down: IfDown::default(),
            dry_run: false,
            with: serde_json::Value::Null,
        }
    }

    /// The name in metrics and messages.
    pub fn label(&self) -> &str {
        self.label.as_deref().unwrap_or(&self.stage)
    }
}

/// Where the runner's counts and timings go.
pub trait Watch: Send + Sync {
    /// A stage has run over a batch.
    fn ran(&self, side: Side, label: &str, tally: &Tally, took: Duration);

    /// The batch as a stage left it, after [`Watch::ran`]. The time that looking takes is part of the
    /// next stage's.
    fn saw(&self, _side: Side, _label: &str, _batch: &Batch<'_>) {}

    /// A stage was skipped because its shared state cannot be reached.
    fn skipped(&self, side: Side, label: &str, error: &StageError);
}

/// Counts nothing.
impl Watch for () {
    fn ran(&self, _: Side, _: &str, _: &Tally, _: Duration) {}
    fn skipped(&self, _: Side, _: &str, _: &StageError) {}
}

struct Step {
    label: String,
    if_down: IfDown,
    dry_run: bool,
    stage: Box<dyn Stage>,
}

impl Step {
    fn new(spec: &StageSpec, stage: Box<dyn Stage>) -> Self {
        let (if_down, dry_run) = (spec.if_down, spec.dry_run);
        Self { label: spec.label().to_owned(), if_down, dry_run, stage }
    }
}

/// A checked list of stages.
pub struct Pipeline {
    side: Side,
    steps: Vec<Step>,
}

impl Pipeline {
    /// Builds and checks a list.
    ///
    /// # Errors
    /// Everything that is wrong with it, not just the first.
    pub fn build(
        registry: &Registry,
        side: Side,
        specs: &[StageSpec],
        services: &Services,
    ) -> Result<Self, Vec<LoadError>> {
        let mut check = Check::new(registry, side, specs);
        let steps = (0..specs.len()).filter_map(|index| check.step(index, services)).collect();
        check.end();
        if check.errors.is_empty() { Ok(Self { side, steps }) } else { Err(check.errors) }
    }

    /// Runs a batch through every stage. Stops early only when the request was turned away whole;
    /// events that were refused one by one stay visible to later stages.
    ///
    /// # Errors
    /// When infrastructure failed under a stage.
    pub async fn run(
        &self,
        batch: &mut Batch<'_>,
        cx: Cx<'_>,
        watch: &dyn Watch,
    ) -> Result<(), StageError> {
        // One reading between two stages serves as the end of one and the start of the next.
        let mut started = cx.clock.monotonic();
        for step in &self.steps {
            batch.begin_stage(step.dry_run);
            let result = step.stage.run(batch, cx).await;
            let tally = batch.end_stage();
            let ended = cx.clock.monotonic();
            watch.ran(self.side, &step.label, &tally, ended.saturating_sub(started));
            watch.saw(self.side, &step.label, batch);
            started = ended;
            match result {
                Ok(()) => {}
                Err(error @ StageError::Shared(_)) if step.if_down != IfDown::Fail => {
                    watch.skipped(self.side, &step.label, &error);
                }
                Err(error) => return Err(error),
            }
            if batch.refusal().is_some() {
                return Ok(());
            }
        }
        for step in &self.steps {
            if let Some(settling) = step.stage.settled(batch, cx) {
                settling.await;
            }
        }
        Ok(())
    }

    /// Bytes of the largest decoded body that may be given to the pipeline; `None` when no stage
    /// reads one.
    pub fn max_body(&self) -> Option<u64> {
        self.steps.iter().filter_map(|step| step.stage.max_body()).max()
    }

    /// The labels of the stages, in order.
    pub fn labels(&self) -> impl Iterator<Item = &str> {
        self.steps.iter().map(|step| step.label.as_str())
    }

    /// How many events the worker should claim at once, when a stage has a say in it.
    pub fn group_events(&self) -> Option<usize> {
        self.steps.iter().find_map(|step| step.stage.group_events())
    }
}

#[cfg(test)]
mod tests {
    use async_trait::async_trait;

    use super::*;

    struct Reads(Option<u64>);

    #[async_trait]
    impl Stage for Reads {
        async fn run(&self, _: &mut Batch<'_>, _: Cx<'_>) -> Result<(), StageError> {
            Ok(())
        }

        fn max_body(&self) -> Option<u64> {
            self.0
        }
    }

    #[test]
    fn the_largest_body_that_a_stage_reads_is_the_pipelines() {
        for (stages, want) in
            [(vec![], None), (vec![None], None), (vec![None, Some(5), Some(7), None], Some(7))]
        {
            let step = |max_body| Step {
                label: String::new(),
                if_down: IfDown::Fail,
                dry_run: false,
                stage: Box::new(Reads(max_body)),
            };
            let steps = stages.into_iter().map(step).collect();
            assert_eq!(Pipeline { side: Side::Ingest, steps }.max_body(), want);
        }
    }
}
