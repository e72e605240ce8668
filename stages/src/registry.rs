//! The catalogue of stages: the only door through which a name in pipeline.yaml becomes a stage.
//!
//! Registration is an explicit chain of `.with::<T>()`: the order is stable, a search finds it, and
//! nothing happens before `main`.

use schemars::Schema;

use crate::context::Services;
use crate::stage::{BuildError, Define, Form, Needs, Side, Stage};
use crate::verdict::Code;

/// A stage that was built, and where it may stand.
pub struct Built {
    /// The stage.
    pub stage: Box<dyn Stage>,
    /// The form that events must have.
    pub needs: Needs,
}

/// What is known of a registered stage.
pub struct Registered {
    /// Name in pipeline.yaml.
    pub name: &'static str,
    /// Lists it may stand in.
    pub sides: &'static [Side],
    /// Form it gives.
    pub gives: Option<Form>,
    /// Whether it may run dry.
    pub dry_run: bool,
    /// Codes it can give.
    pub codes: &'static [Code],
    schema: fn() -> Schema,
    build: fn(serde_json::Value, &Services) -> Result<Built, BuildError>,
}

impl Registered {
    /// JSON Schema of its `with` section.
    pub fn schema(&self) -> Schema {
        (self.schema)()
    }

    /// Builds it.
    ///
    /// # Errors
    /// When `with` does not fit.
    pub fn build(&self, with: serde_json::Value, services: &Services) -> Result<Built, BuildError> {
        (self.build)(with, services)
    }
}

/// The registered stages, in order of registration.
#[derive(Default)]
pub struct Registry {
    stages: Vec<Registered>,
}

impl Registry {
    /// An empty catalogue.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a stage.
    #[must_use]
    pub fn with<T: Define>(mut self) -> Self {
        self.stages.push(Registered {
            name: T::NAME,
            sides: T::SIDES,
            gives: T::GIVES,
            dry_run: T::DRY_RUN,
            codes: T::CODES,
            schema: || schemars::schema_for!(T::Config),
            build: build::<T>,
        });
        self
    }

    /// The stages, in order of registration.
    pub fn stages(&self) -> &[Registered] {
        &self.stages
    }

    /// The stage with a name.
    pub fn get(&self, name: &str) -> Option<&Registered> {
        self.stages.iter().find(|stage| stage.name == name)
    }

    /// The stage that gives a form on a side.
    pub fn giving(&self, form: Form, side: Side) -> Option<&Registered> {
        self.stages.iter().find(|s| s.gives == Some(form) && s.sides.contains(&side))
    }
}

fn build<T: Define>(with: serde_json::Value, services: &Services) -> Result<Built, BuildError> {
    let config = match with {
        serde_json::Value::Null => T::Config::default(),
        with => serde_path_to_error::deserialize(with).map_err(|error| BuildError {
            path: path_of(error.path()),
            message: error.inner().to_string(),
        })?,
    };
    let needs = T::needs(&config);
    Ok(Built { stage: Box::new(T::build(config, services)?), needs })
}

fn path_of(path: &serde_path_to_error::Path) -> Vec<String> {
    use serde_path_to_error::Segment;
    let text = |segment: &Segment| match segment {
        Segment::Seq { index } => Some(index.to_string()),
        Segment::Map { key } => Some(key.clone()),
        Segment::Enum { variant } => Some(variant.clone()),
        Segment::Unknown => None,
    };
    path.iter().filter_map(text).collect()
}

/// One thing that is wrong with a list of stages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoadError {
    /// The list.
    pub side: Side,
    /// The stage's position in it; the list as a whole when absent.
    pub index: Option<usize>,
    /// Place below the stage: `["with", "tools", "3"]`.
    pub path: Vec<String>,
    /// Stable code.
    pub code: &'static str,
    /// What is wrong.
    pub message: String,
    /// What to do.
    pub help: Option<String>,
    /// The stages that are missing, when adding them would mend it.
    pub lacks: Vec<&'static str>,
}
