//! The two stage lists as pipelines, and what is wrong with them as findings.

use serde_json::Value;
use stages::{LoadError, Pipeline, Registry, Services, Side, StageSpec};

use super::codes::Code;
use super::load::Loaded;
use super::problem::{Diagnostics, Finding, Path, dotted};
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
    let settings = &loaded.settings;
    let ingest = build(registry, Side::Ingest, &settings.ingest, services);
    let worker = build(registry, Side::Worker, &settings.worker, services);
    match (ingest, worker) {
        (Ok(ingest), Ok(worker)) => Ok((ingest, worker)),
        (ingest, worker) => {
            let findings = [ingest.err(), worker.err()].into_iter().flatten().flatten().collect();
            let source = &loaded.source;
            Err(source.report(source.problems(findings)))
        }
    }
}

/// Builds one list. Positions in the findings are those of `specs`.
pub(super) fn build(
    registry: &Registry,
    side: Side,
    specs: &[StageSpec],
    services: &Services,
) -> Result<Pipeline, Vec<Finding>> {
    let mut findings = Vec::new();
    let mut clean = specs.to_vec();
    for (index, spec) in clean.iter_mut().enumerate() {
        let at = vec![side.as_str().to_owned(), index.to_string(), "with".to_owned()];
        check_with(registry, spec, &at, services, &mut findings);
    }
    // What is left in the stages' settings fits, so that this reports the rest: names and order.
    match Pipeline::build(registry, side, &clean, services) {
        Ok(pipeline) if findings.is_empty() => Ok(pipeline),
        Ok(_) => Err(findings),
        Err(errors) => {
            let names: Vec<&str> = registry.stages().iter().map(|stage| stage.name).collect();
            for error in errors {
                let typed = error.index.and_then(|index| specs.get(index));
                let finding = finding(error, &names, typed.map(|spec| spec.stage.as_str()));
                let known = |other: &Finding| *other == finding;
                if !findings.iter().any(known) {
                    findings.push(finding);
                }
            }
            Err(findings)
        }
    }
}

/// Cuts everything from a stage's settings that does not fit, and reports it.
fn check_with(
    registry: &Registry,
    spec: &mut StageSpec,
    at: &[String],
    services: &Services,
    findings: &mut Vec<Finding>,
) {
    let Some(registered) = registry.get(&spec.stage) else { return };
    if spec.with.is_null() {
        return;
    }
    let schema = registered.schema().to_value();
    let shape = Shape::new(&schema);
    let mut found = Vec::new();
    shape.check(&spec.with, &mut at.to_vec(), &mut found);
    let mut tree = Tree::new(std::mem::take(&mut spec.with));
    for finding in found {
        let below = finding.path[at.len()..].to_vec();
        findings.push(finding);
        if !tree.cut(&below) {
            // The section as a whole does not fit: the stage's defaults stand in.
            return;
        }
    }
    while let Err(error) = registered.build(tree.value().clone(), services) {
        let below = tree.original(&error.path);
        let path: Path = at.iter().chain(&below).cloned().collect();
        let place = dotted(&path);
        // The deserialiser's own words repeat the value and speak of Rust types.
        let message = match error.message.starts_with("invalid ") {
            true => {
                let expected = shape.at(&below).map(Shape::expected);
                let expected = expected.unwrap_or_else(|| "a valid value".to_owned());
                format!("`{place}` must be {expected}")
            }
            false => format!("`{place}`: {}", error.message),
        };
        findings.push(Finding::value(&path, Code::InvalidSetting, message));
        if !tree.cut(&below) {
            spec.with = Value::Null;
            return;
        }
    }
    spec.with = tree.into_value();
}

fn finding(error: LoadError, names: &[&str], typed: Option<&str>) -> Finding {
    let mut path = vec![error.side.as_str().to_owned()];
    path.extend(error.index.map(|index| index.to_string()));
    path.extend(error.path);
    let code = Code::named(error.code).unwrap_or(Code::InvalidSetting);
    let whole_list = error.index.is_none();
    let mut finding = match whole_list {
        true => Finding::key(&path, code, error.message),
        false => Finding::value(&path, code, error.message),
    };
    if code == Code::UnknownStage
        && let Some(typed) = typed
    {
        finding = finding.suggest(typed, names.iter().copied());
    }
    finding.help.extend(error.help);
    finding
}
