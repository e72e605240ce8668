//! The stage that leaves events out while the queue is settled. It is in no catalogue, because it is
//! no part of a pipeline.yaml.

use async_trait::async_trait;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};
use stages::{
    Batch, BuildError, Code, Cx, Define, Form, Needs, Pointer, Reason, Services, Side, Stage,
    StageError, Verdict,
};

use super::filter::{Condition, Filter};

/// Why such an event is dropped.
pub(super) const PURGED: Code = Code::new("purged");

pub(super) struct LeaveOut(Filter);

/// The conditions, as they were written.
#[derive(Default, Deserialize, JsonSchema)]
pub(super) struct LeaveOutConfig {
    conditions: Vec<String>,
}

impl LeaveOut {
    pub(super) const STAGE: &'static str = Self::NAME;

    /// The settings that make a stage for a filter.
    pub(super) fn config(filter: &Filter) -> Value {
        let written = |condition: &Condition| match condition {
            Condition::Text(name, value) => format!("{name}={value}"),
            Condition::Number(name, value) => format!("{name}={value}"),
            Condition::Flag(name, value) => format!("{name}={value}"),
            Condition::Hour(name, value) => format!("{name}={value}"),
            Condition::Parameter(_, [_, value]) => format!("{condition}={value}"),
        };
        json!({ "conditions": filter.conditions().iter().map(written).collect::<Vec<_>>() })
    }
}

#[async_trait]
impl Stage for LeaveOut {
    async fn run(&self, batch: &mut Batch<'_>, _: Cx<'_>) -> Result<(), StageError> {
        let mut meant = Vec::new();
        for entry in batch.entries() {
            for index in entry.range.clone() {
                let event = batch.slots()[index].event.scanned();
                if event.is_some_and(|event| self.0.matches(event, entry.received)) {
                    meant.push(index);
                }
            }
        }
        for index in meant {
            let reason = Reason::new(PURGED, Pointer::ROOT, "an operator purged it");
            batch.settle(index, Verdict::Drop(reason));
        }
        Ok(())
    }
}

impl Define for LeaveOut {
    const NAME: &'static str = "leave-out";
    const SIDES: &'static [Side] = &[Side::Worker];
    const CODES: &'static [Code] = &[PURGED];
    type Config = LeaveOutConfig;

    fn needs(_: &Self::Config) -> Needs {
        Needs::Exactly(Form::Clean)
    }

    fn build(config: Self::Config, _: &Services) -> Result<Self, BuildError> {
        let conditions = config.conditions.iter().map(|text| text.parse()).collect();
        let conditions: Vec<Condition> =
            Result::map_err(conditions, |error: String| BuildError::at("conditions", error))?;
        let filter = Filter::new(conditions);
        filter.map(Self).ok_or_else(|| BuildError::at("conditions", "there is none"))
    }
}
