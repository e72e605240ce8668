//! From file, environment and flags to settings that are known to be right.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;

use serde::Deserialize;
use serde_json::Value;
use stages::{Registry, Side, StageSpec};

use super::codes::Code;
use super::environment::{self, Assignment};
use super::former;
use super::json;
use super::layers;
use super::limits;
use super::notes::{self, Note};
use super::null;
use super::pipelines::Lists;
use super::problem::{Diagnostics, Finding, Misfit, Path, Place, Problem, dotted, path};
use super::schema::settings_schema;
use super::settings::{Listen, Settings};
use super::shape::Shape;
use super::source::{self, SHIPPED, Source};
use super::tree::Tree;
use super::variables;
use super::yaml;

/// Where to load from.
pub struct LoadArgs<'r, E> {
    /// The file; `None` for ./pipeline.yaml or, when there is none, the shipped one.
    pub file: Option<PathBuf>,
    /// Environment variables.
    pub env: E,
    /// Flags of the command line.
    pub overrides: Flags,
    /// The stages that the file may name.
    pub registry: &'r Registry,
}

/// Settings that the command line gives.
#[derive(Debug, Clone, Default)]
pub struct Flags {
    /// `--listen`.
    pub listen: Option<SocketAddr>,
    /// `--metrics-listen`.
    pub metrics_listen: Option<Listen>,
    /// `--tls-listen`.
    pub tls_listen: Option<SocketAddr>,
}

/// Settings, and what is worth saying of them.
pub struct Loaded {
    /// The settings.
    pub settings: Settings,
    /// What is worth saying, for the log.
    pub notes: Vec<Note>,
    pub(super) source: Source,
}

impl Loaded {
    /// The name of the file that was read.
    pub fn file(&self) -> &str {
        &self.source.name
    }

    /// That nothing is wrong, and what is worth saying, as JSON.
    pub fn json(&self) -> serde_json::Value {
        json::valid(self.file(), &self.notes)
    }

    /// A report on settings that turned out wrong when they were used, at their places.
    pub fn report(&self, misfits: Vec<Misfit>) -> Diagnostics {
        let finding = |misfit: Misfit| {
            Finding::value(&misfit.setting, misfit.code, misfit.message).help(misfit.help)
        };
        let findings = misfits.into_iter().map(finding).collect();
        self.source.report(self.source.problems(findings))
    }
}

/// Loads and checks a configuration, pipelines included.
///
/// # Errors
/// Everything that is wrong with it.
pub fn load<E>(args: LoadArgs<'_, E>) -> Result<Loaded, Diagnostics>
where
    E: IntoIterator<Item = (String, String)>,
{
    let text = source::read(args.file.as_deref())?;
    let document = match yaml::parse(&text.text) {
        Ok(document) => document,
        Err(problems) => return Err(Diagnostics::new(text.name, text.text, problems)),
    };
    let schema = settings_schema();
    let variables: BTreeMap<String, String> = args.env.into_iter().collect();
    let mut loader = Loader {
        shape: Shape::new(&schema),
        registry: args.registry,
        findings: Vec::new(),
        problems: document.repeated,
        tree: Tree::new(document.value),
    };
    if !loader.tree.value().is_object() {
        let problem = Problem {
            place: Place::Mark(document.root.value_mark(&[])),
            code: Code::WrongType,
            message: "the file must hold sections such as `server:` and `store:`".to_owned(),
            help: vec!["compare it with the shipped pipeline.yaml".to_owned()],
            related: Vec::new(),
        };
        return Err(Diagnostics::new(text.name, text.text, vec![problem]));
    }
    loader.cut(document.refused);
    loader.strict(&variables);
    loader.default_lists();
    let mut source =
        Source { name: text.name, text: text.text, root: document.root, assignments: Vec::new() };
    let (assignments, mut notes) = loader.overlay(&variables, &args.overrides);
    source.assignments = assignments;
    let said = loader.tree.value().clone();
    let settings = loader.settings();
    let mut problems = source.problems(loader.findings);
    problems.append(&mut loader.problems);
    match settings {
        Some(settings) if problems.is_empty() => {
            notes.extend(notes::notes(&settings, &said));
            notes.extend(former::notes(&variables));
            if text.built_in {
                let message = "there is no ./pipeline.yaml: the built-in one is used".to_owned();
                notes.insert(0, Note { code: "built_in_pipeline", message });
            }
            Ok(Loaded { settings, notes, source })
        }
        _ => Err(source.report(problems)),
    }
}

struct Loader<'a> {
    shape: Shape<'a>,
    registry: &'a Registry,
    findings: Vec<Finding>,
    problems: Vec<Problem>,
    tree: Tree,
}

impl Loader<'_> {
    /// Checks the file on its own, and cuts what does not fit.
    fn strict(&mut self, variables: &BTreeMap<String, String>) {
        let mut value = self.tree.value().clone();
        let mut found = Vec::new();
        variables::substitute(&mut value, variables, &mut Vec::new(), &mut found);
        for finding in &mut found {
            finding.path = self.tree.original(&finding.path);
        }
        self.tree.replace(value);
        self.cut(found);
        let mut found = Vec::new();
        self.shape.check(self.tree.value(), &mut Vec::new(), &mut found);
        let found = found
            .into_iter()
            .map(|finding| Finding { path: self.tree.original(&finding.path), ..finding });
        let found = found.collect();
        self.cut(found);
    }

    fn cut(&mut self, found: Vec<Finding>) {
        for finding in &found {
            self.tree.cut(&finding.path);
        }
        self.findings.extend(found);
    }

    /// Lays environment and flags over the file.
    fn overlay(
        &mut self,
        variables: &BTreeMap<String, String>,
        flags: &Flags,
    ) -> (Vec<Assignment>, Vec<Note>) {
        let sides = ["ingest", "worker"].map(|side| (side, self.specs(side)));
        let doubtful = [Side::Ingest, Side::Worker].into_iter().any(|side| self.incomplete(side));
        let environment = environment::read(variables, self.shape, self.registry, &sides, doubtful);
        self.problems.extend(environment.problems);
        let mut assignments = environment.assignments;
        assignments.extend(flag_assignments(flags));
        let mut fitting = Vec::new();
        for assignment in &assignments {
            let mut found = Vec::new();
            if let Some(shape) = self.shape.at(&assignment.path) {
                shape.check(&assignment.value, &mut assignment.path.clone(), &mut found);
            }
            if found.is_empty() {
                fitting.push(assignment);
            }
            self.findings.extend(found);
        }
        if let Err(error) = layers::lay(&mut self.tree, &fitting) {
            let message = format!("the layers cannot be merged: {}", error.kind);
            self.findings.push(Finding::value(&error.path, Code::InvalidValue, message));
        }
        let note = |(name, meant): (String, String)| Note {
            code: "ignored_variable",
            message: format!("{name} is not a setting of the server; did you mean {meant}?"),
        };
        (assignments, environment.lookalikes.into_iter().map(note).collect())
    }

    /// The stages of a list that are readable, with their positions in the file.
    fn specs(&self, side: &str) -> Vec<(usize, StageSpec)> {
        let items = self.tree.value().get(side).and_then(Value::as_array);
        let spec = |(index, item): (usize, &Value)| {
            let original = self.tree.original(&path([side, &index.to_string()]));
            let position = original.last()?.parse().ok()?;
            Some((position, StageSpec::deserialize(item).ok()?))
        };
        items.into_iter().flatten().enumerate().filter_map(spec).collect()
    }

    /// A list that the file does not have is the shipped one.
    fn default_lists(&mut self) {
        for side in ["ingest", "worker"] {
            if self.tree.value().get(side).is_none() && !self.tree.lost(&path([side])) {
                self.tree.put(&path([side]), shipped_list(side));
            }
        }
    }

    /// The settings, as far as they can be read, after every check.
    fn settings(&mut self) -> Option<Settings> {
        let shape = self.shape;
        let findings = &mut self.findings;
        let settings: Settings = self.tree.read(|tree, path, message| {
            if message.starts_with("missing field") {
                // A key too many beside one too few was taken for a misspelling.
                let misspelt = |other: &Finding| {
                    let section = other.path.split_last().map(|(_, section)| section);
                    other.code == Code::UnknownKey && section == Some(path.as_slice())
                };
                if !findings.iter().any(misspelt) {
                    findings.extend(missing(shape, tree, &path));
                }
            } else {
                let expected = shape.at(&path).map(Shape::expected);
                let expected = expected.unwrap_or_else(|| "a valid value".to_owned());
                let message = format!("`{}` must be {expected}", dotted(&path));
                let mut finding = Finding::value(&path, Code::InvalidValue, message);
                let text = tree.get(&path).and_then(Value::as_str);
                let advice = shape.at(&path).zip(text).and_then(|(shape, text)| shape.advice(text));
                finding.help.extend(advice.map(str::to_owned));
                findings.push(finding);
            }
        })?;
        let mut found = limits::check(&settings, &self.tree);
        let services = null::services();
        let lists = Lists { registry: self.registry, settings: &settings, services: &services };
        for side in [Side::Ingest, Side::Worker] {
            let built = lists.build(side, !self.incomplete(side));
            found.extend(built.err().into_iter().flatten());
        }
        for finding in &mut found {
            finding.path = self.tree.original(&finding.path);
        }
        self.findings.extend(found);
        Some(settings)
    }

    /// Whether stages of a list could not be read: its order cannot be judged without them.
    fn incomplete(&self, side: Side) -> bool {
        self.findings.iter().any(|finding| {
            let structural = finding.path.len() <= 2
                || matches!(finding.path.get(2).map(String::as_str), Some("stage" | "label"));
            finding.path.first().is_some_and(|first| first == side.as_str()) && structural
        })
    }
}

/// Keys that a section must have and has not. One that was cut has been reported already.
fn missing(shape: Shape<'_>, tree: &Tree, path: &[String]) -> Option<Finding> {
    let below = |key: &str| -> Path { path.iter().cloned().chain([key.to_owned()]).collect() };
    let is_absent = |key: &&str| {
        let at = below(key);
        !tree.lost(&at) && !tree.has(&at)
    };
    let absent: Vec<&str> = shape.at(path)?.required().filter(is_absent).collect();
    let (section, plural) = (dotted(path), if absent.len() == 1 { "" } else { "s" });
    let keys = absent.join("` and `");
    let message = format!("`{section}` lacks the key{plural} `{keys}`");
    let finding = Finding::key(path, Code::MissingKey, message);
    (!absent.is_empty()).then(|| {
        match path.last().is_some_and(|last| last.parse::<usize>().is_ok()) {
            true => finding,
            false => finding.help(format!("add what is missing, or remove all of `{section}`")),
        }
    })
}

fn shipped_list(side: &str) -> Value {
    let shipped: Value =
        serde_yaml::from_str(SHIPPED).expect("a test loads the shipped pipeline.yaml");
    shipped.get(side).cloned().unwrap_or_default()
}

fn flag_assignments(flags: &Flags) -> impl Iterator<Item = Assignment> {
    let address = |address: SocketAddr| Value::String(address.to_string());
    let metrics = flags.metrics_listen.map(|listen| match listen {
        Listen::On(on) => address(on),
        Listen::Off => Value::from("off"),
    });
    [
        ("--listen", path(["server", "listen"]), flags.listen.map(address)),
        ("--metrics-listen", path(["server", "metrics_listen"]), metrics),
        ("--tls-listen", path(["server", "tls", "listen"]), flags.tls_listen.map(address)),
    ]
    .into_iter()
    .filter_map(|(flag, path, value)| {
        Some(Assignment { path, place: Place::Flag(flag), value: value? })
    })
}
