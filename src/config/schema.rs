//! JSON Schema of pipeline.yaml, for editors and for the checks at load time.

use schemars::schema_for;
use serde_json::{Map, Value, json};
use stages::{Registry, Side};

use super::settings::Settings;

/// Where the schema is published in the repository.
pub const FILE: &str = "deploy/pipeline.schema.json";

/// The schema of the settings alone: stages may have any name and any `with`.
pub(super) fn settings_schema() -> Value {
    let mut schema = schema_for!(Settings).to_value();
    // Every key has its own default; that of a whole section would only repeat them.
    for section in schema["properties"].as_object_mut().into_iter().flat_map(Map::values_mut) {
        section.as_object_mut().and_then(|section| section.remove("default"));
    }
    // Secrets hide themselves when serialised, but these defaults are none.
    let Settings { queue, store, .. } = Settings::default();
    schema["$defs"]["Queue"]["properties"]["url"]["default"] = json!(queue.url.expose());
    schema["$defs"]["Store"]["properties"]["url"]["default"] = json!(store.url.expose());
    schema
}

/// The schema as it is published and printed.
pub fn text(registry: &Registry) -> String {
    format!("{:#}\n", pipeline_schema(registry))
}

/// The schema of the whole file: each list names the stages that it may hold, and each stage has
/// the schema of its own `with`.
pub fn pipeline_schema(registry: &Registry) -> Value {
    let mut schema = settings_schema();
    let mut definitions = Map::new();
    let mut cases = Vec::new();
    for stage in registry.stages() {
        let mut with = stage.schema().to_value();
        lift(&mut with, stage.name, &mut definitions);
        cases.push(json!({
            "if": { "properties": { "stage": { "const": stage.name } }, "required": ["stage"] },
            "then": { "properties": { "with": with } },
        }));
    }
    for side in [Side::Ingest, Side::Worker] {
        let here = registry.stages().iter().filter(|stage| stage.sides.contains(&side));
        let names: Vec<&str> = here.map(|stage| stage.name).collect();
        schema["properties"][side.as_str()]["items"] = json!({
            "allOf": [
                { "$ref": "#/$defs/StageSpec" },
                { "properties": { "stage": { "enum": names } } },
            ]
        });
    }
    schema["title"] = json!("pipeline.yaml");
    schema["$defs"]["StageSpec"]["allOf"] = Value::Array(cases);
    if let Some(all) = schema["$defs"].as_object_mut() {
        all.append(&mut definitions);
    }
    schema
}

/// Moves a stage's own definitions to the root, under names that no other stage uses.
fn lift(schema: &mut Value, stage: &str, definitions: &mut Map<String, Value>) {
    rename(schema, stage);
    let Some(root) = schema.as_object_mut() else { return };
    for key in ["$schema", "title"] {
        root.remove(key);
    }
    if let Some(Value::Object(own)) = root.remove("$defs") {
        definitions.extend(own.into_iter().map(|(name, value)| (format!("{stage}.{name}"), value)));
    }
}

fn rename(node: &mut Value, stage: &str) {
    match node {
        Value::Object(map) => {
            for (key, value) in map.iter_mut() {
                match value {
                    Value::String(target) if key == "$ref" => {
                        *target = target.replace("#/$defs/", &format!("#/$defs/{stage}."));
                    }
                    value => rename(value, stage),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| rename(item, stage)),
        _ => {}
    }
}
