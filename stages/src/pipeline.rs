//! A list of stages, checked and ready to run.
//!
//! All counting and timing happens here, so that stages never touch metrics.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::batch::{Batch, Tally};
use crate::context::{Cx, Services};
use crate::registry::{LoadError, Registered, Registry};
use crate::stage::{Form, Needs, Side, Stage, StageError};

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
        let mut loader = Loader { registry, side, form: first_form(side), errors: Vec::new() };
        let mut steps = Vec::with_capacity(specs.len());
        for (index, spec) in specs.iter().enumerate() {
            steps.extend(loader.step(index, spec, specs, services));
        }
        loader.check_end();
        if loader.errors.is_empty() { Ok(Self { side, steps }) } else { Err(loader.errors) }
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
            step.stage.settled(batch, cx).await;
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

const fn first_form(side: Side) -> Form {
    match side {
        Side::Ingest => Form::Body,
        Side::Worker => Form::Clean,
    }
}

const fn last_form(side: Side) -> Form {
    match side {
        Side::Ingest => Form::Queued,
        Side::Worker => Form::Aggregated,
    }
}

/// The next form on the way of a side.
const fn next_form(form: Form, side: Side) -> Form {
    match (form, side) {
        (Form::Body, _) => Form::Parsed,
        (Form::Parsed, _) => Form::Scanned,
        (Form::Scanned, _) => Form::Clean,
        (Form::Clean, Side::Ingest) => Form::Queued,
        (Form::Clean, Side::Worker) => Form::Persisted,
        (_, _) => Form::Aggregated,
    }
}

struct Loader<'a> {
    registry: &'a Registry,
    side: Side,
    form: Form,
    errors: Vec<LoadError>,
}

impl Loader<'_> {
    fn step(
        &mut self,
        index: usize,
        spec: &StageSpec,
        all: &[StageSpec],
        services: &Services,
    ) -> Option<Step> {
        let registry = self.registry;
        let Some(registered) = registry.get(&spec.stage) else {
            let names: Vec<&str> = registry.stages().iter().map(|stage| stage.name).collect();
            let message = format!("there is no stage `{}`", spec.stage);
            let help = format!("the stages are: {}", names.join(", "));
            self.error(index, &["stage"], "unknown_stage", message, Some(help));
            return None;
        };
        self.check_place(index, spec, registered, all);
        // A stage of the other list says nothing about the order of this one.
        let here = registered.sides.contains(&self.side);
        match registered.build(spec.with.clone(), services) {
            Ok(built) => {
                if here {
                    self.check_form(index, registered, built.needs);
                    self.advance(registered);
                }
                Some(Step {
                    label: spec.label().to_owned(),
                    if_down: spec.if_down,
                    dry_run: spec.dry_run,
                    stage: built.stage,
                })
            }
            Err(error) => {
                let mut path = vec!["with"];
                path.extend(error.path.iter().map(String::as_str));
                self.error(index, &path, "invalid_setting", error.message, None);
                // As if it had been built, so that one mistake is reported once.
                if here {
                    self.advance(registered);
                }
                None
            }
        }
    }

    /// Events have come as far as the stage brings them, or are further already.
    fn advance(&mut self, registered: &Registered) {
        self.form = registered.gives.map_or(self.form, |given| self.form.max(given));
    }

    fn check_place(
        &mut self,
        index: usize,
        spec: &StageSpec,
        registered: &Registered,
        all: &[StageSpec],
    ) {
        let name = registered.name;
        if !registered.sides.contains(&self.side) {
            let sides: Vec<&str> = registered.sides.iter().map(|side| side.as_str()).collect();
            let message = format!("`{name}` cannot run in `{}`", self.side.as_str());
            let help = format!("move it to `{}`", sides.join("` or `"));
            self.error(index, &["stage"], "wrong_list", message, Some(help));
        }
        if spec.dry_run && !registered.dry_run {
            let message = format!("`{name}` cannot run dry: later stages rely on it");
            let help = Some("remove `dry_run`".to_owned());
            self.error(index, &["dry_run"], "no_dry_run", message, help);
        }
        if all.iter().take(index).any(|before| before.label() == spec.label()) {
            let message = format!("`{}` stands in the list twice", spec.label());
            let help = Some("give one of the two a `label` of its own, or remove it".to_owned());
            let key = if spec.label.is_some() { "label" } else { "stage" };
            self.error(index, &[key], "repeated_label", message, help);
        }
    }

    fn check_form(&mut self, index: usize, registered: &Registered, needs: Needs) {
        let (name, form) = (registered.name, self.form);
        if form == last_form(self.side) {
            let last = self.giver(form).unwrap_or(name);
            let message = format!("`{name}` stands after `{last}`, which must be last");
            self.error(index, &["stage"], "wrong_order", message, Some("move it up".to_owned()));
            return;
        }
        let wanted = match needs {
            Needs::Exactly(wanted) if form != wanted => wanted,
            Needs::AtLeast(wanted) if form < wanted => wanted,
            _ => return,
        };
        let message =
            format!("`{name}` needs {}, but here are {}", wanted.describe(), form.describe());
        let help = if form < wanted {
            self.giver(next_form(form, self.side)).map(|giver| format!("put `{giver}` before it"))
        } else {
            Some("move it up, or remove it if it stands in the list twice".to_owned())
        };
        self.error(index, &["stage"], "wrong_order", message, help);
    }

    /// The list must bring events all the way: whatever is missing between is missing here.
    fn check_end(&mut self) {
        while self.form < last_form(self.side) {
            let missing = next_form(self.form, self.side);
            let side = self.side.as_str();
            let message = match self.giver(missing) {
                Some(giver) => format!("`{side}` has no stage `{giver}`"),
                None => format!("`{side}` never gives {}", missing.describe()),
            };
            let help = Some(match missing {
                Form::Queued | Form::Aggregated => format!("it stands last in `{side}`"),
                _ => format!("it makes {} from {}", missing.describe(), self.form.describe()),
            });
            self.errors.push(LoadError {
                side: self.side,
                index: None,
                path: Vec::new(),
                code: "missing_stage",
                message,
                help,
            });
            self.form = missing;
        }
    }

    fn giver(&self, form: Form) -> Option<&'static str> {
        self.registry.giving(form, self.side).map(|stage| stage.name)
    }

    fn error(
        &mut self,
        index: usize,
        path: &[&str],
        code: &'static str,
        message: String,
        help: Option<String>,
    ) {
        let path = path.iter().map(|&part| part.to_owned()).collect();
        self.errors.push(LoadError {
            side: self.side,
            index: Some(index),
            path,
            code,
            message,
            help,
        });
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
