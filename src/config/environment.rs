//! Settings from environment variables: `ANALYTICS_<SECTION>__<KEY>`.
//!
//! Only names with a double underscore belong to the server. The single-underscore ones
//! (`ANALYTICS_ENABLED`, `_LEVEL`, `_ENDPOINT`, `_SALT`) are the client's and may stand in the same
//! shell. A name that is meant for the server but fits nothing is an error, never ignored.

use std::collections::BTreeMap;

use serde_json::Value;
use stages::{Registry, StageSpec};

use super::codes::Code;
use super::problem::{Path, Place, Problem, closest, dotted};
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

/// Reads the variables. `sides` are the stage lists of the file, for the stages' labels; `doubtful`
/// when some stages could not be read.
pub(super) fn read(
    variables: &BTreeMap<String, String>,
    settings: Shape<'_>,
    registry: &Registry,
    sides: &[(&str, Vec<(usize, StageSpec)>)],
    doubtful: bool,
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
    let specs = || sides.iter().flat_map(|(_, specs)| specs).map(|(_, spec)| spec);
    let scope = Scope {
        registry,
        labels: specs().map(StageSpec::label).collect(),
        doubtful: doubtful || specs().any(|spec| registry.get(&spec.stage).is_none()),
    };
    let mut environment = Environment::default();
    for (name, text) in variables.iter().filter(|(name, _)| name.starts_with(PREFIX)) {
        environment.variable(name, text, &names, &scope);
    }
    environment
}

impl Environment {
    fn variable(&mut self, name: &str, text: &str, names: &Names, scope: &Scope<'_>) {
        if !name.contains("__") {
            let meant = names.keys().find(|known| known.replace("__", "_") == name);
            self.lookalikes.extend(meant.map(|meant| (name.to_owned(), meant.clone())));
            return;
        }
        let Some(settings) = names.get(name) else {
            self.problems.extend(scope.unknown(name, names));
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
                    let expected = Shape::new(schema).expected();
                    let message = format!("`{}` must be {expected}", dotted(path));
                    let help = (expected == "a list").then(|| "write [one, two]".to_owned());
                    let help = help.into_iter().collect();
                    self.problems.push(problem(name, Code::InvalidValue, message, help));
                }
            }
        }
    }
}

fn problem(name: &str, code: Code, message: String, help: Vec<String>) -> Problem {
    let place = Place::Variable(name.to_owned());
    Problem { place, code, message, help, related: Vec::new() }
}

/// What names may refer to: the stages of the file, and those that could be.
struct Scope<'a> {
    registry: &'a Registry,
    /// Labels of the file's stages, as they are written there.
    labels: Vec<&'a str>,
    /// Whether a stage of the file has a name that could not be read.
    doubtful: bool,
}

impl Scope<'_> {
    /// Why a name fits nothing. What a misspelt stage is the cause of is not said again.
    fn unknown(&self, name: &str, names: &Names) -> Option<Problem> {
        // Compared without what all names share, which would make any two look alike.
        let rest = name.trim_start_matches(PREFIX);
        let of_stage =
            rest.strip_prefix("STAGE__").map(|rest| rest.split("__").next().unwrap_or(rest));
        if of_stage.is_some() && self.doubtful {
            return None;
        }
        let is_meant = |known: &&str| of_stage.is_some_and(|label| upper(known) == label);
        let known = names.keys().filter_map(|known| known.strip_prefix(PREFIX));
        // A setting of another stage is not meant.
        let labels: Vec<String> = self.labels.iter().map(|label| upper(label)).collect();
        let label = of_stage.map(|typed| closest(typed, labels.iter().map(String::as_str)));
        let within = |known: &&str| match label {
            Some(Some(label)) => known.starts_with(&format!("STAGE__{label}__")),
            Some(None) => false,
            None => true,
        };
        let mut help: Vec<String> = closest(rest, known.filter(within))
            .map(|close| format!("did you mean `{PREFIX}{close}`?"))
            .into_iter()
            .collect();
        let stage = self.registry.stages().iter().map(|stage| stage.name).find(is_meant);
        let message = match (of_stage, self.labels.iter().copied().find(|label| is_meant(label))) {
            (_, Some(label)) => format!("the stage `{label}` has no setting of this name"),
            (Some(_), None) => match stage {
                Some(stage) => {
                    help = vec![format!("add `{stage}` to the file, or unset the variable")];
                    format!("the file has no stage `{stage}`")
                }
                None => {
                    if help.is_empty() {
                        help.push(format!("the stages of the file: {}", self.labels.join(", ")));
                    }
                    "the file has no stage of this name".to_owned()
                }
            },
            (None, None) => "no setting has this name".to_owned(),
        };
        if help.is_empty() {
            let form = "names are ANALYTICS_<SECTION>__<KEY> or ANALYTICS_STAGE__<LABEL>__<KEY>";
            help.push(form.to_owned());
        }
        Some(problem(name, Code::UnknownVariable, message, help))
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
