//! Settings from environment variables: `ANALYTICS_<SECTION>__<KEY>`.
//!
//! Only names with a double underscore belong to the server. The single-underscore ones
//! (`ANALYTICS_ENABLED`, `_LEVEL`, `_ENDPOINT`, `_SALT`) are the client's and may stand in the same
//! shell. A name that is meant for the server but fits nothing is an error, never ignored.

use std::collections::BTreeMap;

use serde_json::Value;
use stages::{Registry, StageSpec};

use super::codes::Code;
use super::problem::{Path, Place, Problem, closest};
use super::shape::Shape;

const PREFIX: &str = "ANALYTICS_";

/// A value that a variable or flag gives to a setting.
#[derive(Debug, Clone)]
pub(super) struct Assignment {
    /// The setting.
    pub(super) path: Path,
    /// Where the value comes from.
    pub(super) place: Place,
    /// The value.
    pub(super) value: Value,
}

/// What the environment says.
#[derive(Debug, Default)]
pub(super) struct Environment {
    /// Settings that it gives.
    pub(super) assignments: Vec<Assignment>,
    /// What is wrong with it.
    pub(super) problems: Vec<Problem>,
    /// Single-underscore names that look like one of the server's, with that name.
    pub(super) lookalikes: Vec<(String, String)>,
}

/// The settings that may be named: variable name to path and type.
type Names = BTreeMap<String, Vec<(Path, Value)>>;

/// Reads the variables. `sides` are the stage lists of the file, for the stages' labels.
pub(super) fn read(
    variables: &BTreeMap<String, String>,
    settings: Shape<'_>,
    registry: &Registry,
    sides: &[(&str, Vec<(usize, StageSpec)>)],
) -> Environment {
    let mut names = Names::new();
    collect(settings, &mut Vec::new(), PREFIX, &mut Vec::new(), &mut names);
    for (side, specs) in sides {
        for (index, spec) in specs {
            let Some(registered) = registry.get(&spec.stage) else { continue };
            let schema = registered.schema().to_value();
            let prefix = format!("{PREFIX}STAGE__{}__", upper(spec.label()));
            let mut path = vec![(*side).to_owned(), index.to_string(), "with".to_owned()];
            collect(Shape::new(&schema), &mut path, &prefix, &mut Vec::new(), &mut names);
        }
    }
    let mut environment = Environment::default();
    for (name, text) in variables.iter().filter(|(name, _)| name.starts_with(PREFIX)) {
        environment.variable(name, text, &names);
    }
    environment
}

impl Environment {
    fn variable(&mut self, name: &str, text: &str, names: &Names) {
        if !name.contains("__") {
            let meant = names.keys().find(|known| known.replace("__", "_") == name);
            self.lookalikes.extend(meant.map(|meant| (name.to_owned(), meant.clone())));
            return;
        }
        let Some(settings) = names.get(name) else {
            // Compared without what all names share, which would make any two look alike.
            let known = names.keys().filter_map(|known| known.strip_prefix(PREFIX));
            let close = closest(name.trim_start_matches(PREFIX), known);
            let mut help: Vec<String> =
                close.map(|close| format!("did you mean `{PREFIX}{close}`?")).into_iter().collect();
            help.push(
                "names are ANALYTICS_<SECTION>__<KEY> or ANALYTICS_STAGE__<LABEL>__<KEY>"
                    .to_owned(),
            );
            let message = "no setting has this name".to_owned();
            self.problem(name, Code::UnknownVariable, message, help);
            return;
        };
        for (path, schema) in settings {
            match value(text, Shape::new(schema)) {
                Some(value) => self.assignments.push(Assignment {
                    path: path.clone(),
                    place: Place::Variable(name.to_owned()),
                    value,
                }),
                None => {
                    let message = "the value is not valid YAML".to_owned();
                    let help = vec!["lists are written as [one, two]".to_owned()];
                    self.problem(name, Code::YamlSyntax, message, help);
                }
            }
        }
    }

    fn problem(&mut self, name: &str, code: Code, message: String, help: Vec<String>) {
        let place = Place::Variable(name.to_owned());
        self.problems.push(Problem { place, code, message, help, related: Vec::new() });
    }
}

/// Text stays as it is, unless it is quoted; everything else is read as YAML.
fn value(text: &str, shape: Shape<'_>) -> Option<Value> {
    if shape.is_text() && !text.starts_with(['"', '\'']) {
        return Some(Value::String(text.to_owned()));
    }
    serde_yaml::from_str(text).ok()
}

/// Names every setting below a section that is not itself a section.
fn collect(
    shape: Shape<'_>,
    path: &mut Path,
    prefix: &str,
    keys: &mut Vec<String>,
    names: &mut Names,
) {
    for (key, child) in shape.keys() {
        // Stages are named by their labels.
        if path.is_empty() && matches!(key, "ingest" | "worker") {
            continue;
        }
        path.push(key.to_owned());
        keys.push(upper(key));
        if child.keys().next().is_some() {
            collect(child, path, prefix, keys, names);
        } else {
            let name = format!("{prefix}{}", keys.join("__"));
            names.entry(name).or_default().push((path.clone(), child.standalone()));
        }
        keys.pop();
        path.pop();
    }
}

fn upper(name: &str) -> String {
    name.to_ascii_uppercase().replace('-', "_")
}
