//! The two stage lists as pipelines, and what is wrong with them as findings.

use std::collections::BTreeSet;

use serde_json::Value;
use stages::{LoadError, Pipeline, Registry, Services, Side, StageSpec};

use super::codes::Code;
use super::load::Loaded;
use super::problem::{Diagnostics, Finding, Path, SURELY_MEANT, dotted, likeness};
use super::settings::Settings;
use super::shape::Shape;
use super::tree::Tree;

/// Builds the `ingest` and the `worker` pipeline.
///
/// # Errors
/// Everything that is wrong with them, with the places in the file.
pub fn check_pipelines(
    loaded: &Loaded,
    registry: &Registry,
    services: &Services,
) -> Result<(Pipeline, Pipeline), Diagnostics> {
    let lists = Lists { registry, settings: &loaded.settings, services };
    match (lists.build(Side::Ingest, true), lists.build(Side::Worker, true)) {
        (Ok(ingest), Ok(worker)) => Ok((ingest, worker)),
        (ingest, worker) => {
            let findings = [ingest.err(), worker.err()].into_iter().flatten().flatten().collect();
            let source = &loaded.source;
            Err(source.report(source.problems(findings)))
        }
    }
}

/// The stage lists of settings.
pub(super) struct Lists<'a> {
    pub(super) registry: &'a Registry,
    pub(super) settings: &'a Settings,
    pub(super) services: &'a Services,
}

impl Lists<'_> {
    fn specs(&self, side: Side) -> &[StageSpec] {
        match side {
            Side::Ingest => &self.settings.ingest,
            Side::Worker => &self.settings.worker,
        }
    }

    /// Builds one list. Positions in the findings are those of the settings. The order of a list
    /// that is not `complete`, because a stage could not be read, is not judged.
    pub(super) fn build(&self, side: Side, complete: bool) -> Result<Pipeline, Vec<Finding>> {
        let mut findings = Vec::new();
        let mut specs = self.specs(side).to_vec();
        let mut misspelt = BTreeSet::new();
        for (index, spec) in specs.iter_mut().enumerate() {
            let at = vec![side.as_str().to_owned(), index.to_string()];
            if let Some(meant) = self.meant(&spec.stage) {
                findings.push(self.unknown(&at, &spec.stage));
                misspelt.insert(index);
                let typed = std::mem::replace(&mut spec.stage, meant.to_owned());
                spec.label.get_or_insert(typed);
            }
            let at: Path = at.into_iter().chain(["with".to_owned()]).collect();
            self.check_with(spec, &at, &mut findings);
        }
        // What is left in the stages' settings fits, so that this reports the rest: names and order.
        let errors = match Pipeline::build(self.registry, side, &specs, self.services) {
            Ok(pipeline) if findings.is_empty() => return Ok(pipeline),
            Ok(_) => return Err(findings),
            Err(errors) => errors,
        };
        let elsewhere = self.misplaced(side);
        let follows = |error: &LoadError| {
            error.code == "invalid_setting"
                || error.index.is_some_and(|index| misspelt.contains(&index))
                || (!complete && matches!(error.code, "wrong_order" | "missing_stage"))
                || (!error.lacks.is_empty() && error.lacks.iter().all(|it| elsewhere.contains(it)))
        };
        let new = errors.into_iter().filter(|error| !follows(error));
        findings.extend(new.map(|error| self.finding(error, &specs)));
        Err(findings)
    }

    /// The stage that a misspelt name surely stands for.
    fn meant(&self, typed: &str) -> Option<&'static str> {
        let like = |name: &&str| likeness(typed, name) >= SURELY_MEANT;
        let known = self.registry.stages().iter().map(|stage| stage.name);
        let best =
            known.filter(like).max_by(|a, b| likeness(typed, a).total_cmp(&likeness(typed, b)))?;
        (best != typed).then_some(best)
    }

    fn unknown(&self, at: &[String], typed: &str) -> Finding {
        let names: Vec<&str> = self.registry.stages().iter().map(|stage| stage.name).collect();
        let at: Path = at.iter().cloned().chain(["stage".to_owned()]).collect();
        Finding::value(&at, Code::UnknownStage, "there is no stage of this name").suggest_of(
            typed,
            &names,
            "the stages are:",
        )
    }

    /// Stages of this side that stand in the other list, which is reported there.
    fn misplaced(&self, side: Side) -> BTreeSet<&'static str> {
        let other = match side {
            Side::Ingest => Side::Worker,
            Side::Worker => Side::Ingest,
        };
        let stages = self.specs(other).iter().filter_map(|spec| self.registry.get(&spec.stage));
        stages.filter(|stage| !stage.sides.contains(&other)).map(|stage| stage.name).collect()
    }

    /// Cuts everything from a stage's settings that does not fit, and reports it.
    fn check_with(&self, spec: &mut StageSpec, at: &[String], findings: &mut Vec<Finding>) {
        let Some(registered) = self.registry.get(&spec.stage) else { return };
        if spec.with.is_null() && registered.build(Value::Null, self.services).is_ok() {
            return;
        }
        let schema = registered.schema().to_value();
        let shape = Shape::new(&schema);
        let mut found = Vec::new();
        if !spec.with.is_null() {
            shape.check(&spec.with, &mut at.to_vec(), &mut found);
        }
        let mut tree = Tree::new(std::mem::take(&mut spec.with));
        for finding in found {
            let below = finding.path[at.len()..].to_vec();
            findings.push(finding);
            if !tree.cut(&below) {
                // The section as a whole does not fit: the stage's defaults stand in.
                return;
            }
        }
        while let Err(error) = registered.build(tree.value().clone(), self.services) {
            let below = tree.original(&error.path);
            if !tree.explains(&below, &error.message) {
                let path: Path = at.iter().chain(&below).cloned().collect();
                let message = sentence(&path, shape.at(&below), &error.message);
                let mut finding = Finding::value(&path, Code::InvalidSetting, message);
                let text = tree.get(&below).and_then(Value::as_str);
                let advice = shape.at(&below).zip(text).and_then(|(at, text)| at.advice(text));
                finding.help.extend(advice.map(str::to_owned));
                findings.push(finding);
            }
            if !tree.cut(&below) {
                return;
            }
        }
        spec.with = tree.into_value();
    }

    fn finding(&self, error: LoadError, specs: &[StageSpec]) -> Finding {
        let mut path = vec![error.side.as_str().to_owned()];
        path.extend(error.index.map(|index| index.to_string()));
        let spec = error.index.and_then(|index| specs.get(index));
        if let Some(spec) = spec.filter(|_| error.code == "unknown_stage") {
            return self.unknown(&path, &spec.stage);
        }
        path.extend(error.path);
        let code = Code::named(error.code).unwrap_or(Code::InvalidSetting);
        let mut finding = match error.index {
            None => Finding::key(&path, code, error.message),
            Some(_) => Finding::value(&path, code, error.message),
        };
        finding.help.extend(error.help);
        let first = |spec: &StageSpec| specs.iter().position(|other| other.label() == spec.label());
        match spec.and_then(first).filter(|_| code == Code::RepeatedLabel) {
            Some(first) => {
                let key = if specs[first].label.is_some() { "label" } else { "stage" };
                let other = [error.side.as_str(), &first.to_string(), key].map(str::to_owned);
                finding.related(&other, "the other stage")
            }
            None => finding,
        }
    }
}

/// What a stage says of a setting, as a sentence about it.
fn sentence(path: &[String], shape: Option<Shape<'_>>, said: &str) -> String {
    let place = dotted(path);
    // The deserialiser's own words repeat the value and speak of Rust types.
    if said.starts_with("invalid ") || said.starts_with("expected ") {
        let expected = shape.map_or_else(|| "a valid value".to_owned(), Shape::expected);
        return format!("`{place}` must be {expected}");
    }
    let goes_on = ["must ", "has "].iter().any(|verb| said.starts_with(verb));
    format!("`{place}`{} {said}", if goes_on { "" } else { ":" })
}
