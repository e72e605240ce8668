//! The reference of every setting, docs/configuration.md, made from the schema that also checks
//! the file: what is documented is what is accepted.

use serde_json::Value;
use stages::{Registry, Side};

use super::schema::settings_schema;
use super::shape::Shape;

/// Where the reference is published in the repository.
pub const FILE: &str = "docs/configuration.md";

const HEAD: &str = "\
# Configuration

One file, `pipeline.yaml`, holds every setting. It is read from `./pipeline.yaml`, or from the file
that `--config` names; without either, the shipped one applies, which is compiled in.

Later layers win: built-in defaults, the file, the environment, flags. `weather-mcp-analytics check`
reads all of them, reports everything that is wrong with its place in the file, and starts nothing.

In text values, `${NAME}` stands for an environment variable and `${NAME:-default}` for one that may
be missing or empty. The text is replaced after the file was parsed: a variable can hold any
characters, and never adds keys.

Each setting can also be given by the environment variable beside it. Lists are written as YAML:
`ANALYTICS_SERVER__TRUSTED_PROXIES='[10.0.0.0/8]'`. A variable with a double underscore that fits no
setting is an error. Variables with single underscores belong to the client and are left alone.

This page is made from the schema in `deploy/pipeline.schema.json`.
";

/// The reference as Markdown.
pub fn markdown(registry: &Registry) -> String {
    let schema = settings_schema();
    let shape = Shape::new(&schema);
    let mut out = HEAD.to_owned();
    for (name, section) in shape.keys().filter(|(name, _)| !matches!(*name, "ingest" | "worker")) {
        let about = schema["properties"][name]["description"].as_str().unwrap_or_default();
        out.push_str(&format!("\n## `{name}`\n\n{about}\n\n"));
        table(section, name, &format!("ANALYTICS_{}__", upper(name)), &mut out);
    }
    out.push_str(
        "\n## Stages\n\n`ingest` and `worker` are lists of stages. A list that the file leaves out \
         is the shipped one. Every stage has these keys:\n\n",
    );
    let spec = shape.child("ingest").and_then(|list| list.child("0"));
    out.push_str("| Key | Value | Meaning |\n|---|---|---|\n");
    for (key, child) in spec.into_iter().flat_map(Shape::keys) {
        let about = spec.map(|spec| spec.about(key)).unwrap_or_default();
        out.push_str(&format!("| `{key}` | {} | {about} |\n", cell(&child.expected())));
    }
    for stage in registry.stages() {
        let sides: Vec<&str> = stage.sides.iter().map(|side: &Side| side.as_str()).collect();
        let (name, sides) = (stage.name, sides.join("`, `"));
        out.push_str(&format!("\n### `{name}`\n\nStands in `{sides}`.\n\n"));
        let schema = stage.schema().to_value();
        table(
            Shape::new(&schema),
            "with",
            &format!("ANALYTICS_STAGE__{}__", upper(name)),
            &mut out,
        );
    }
    out
}

fn table(section: Shape<'_>, name: &str, prefix: &str, out: &mut String) {
    let mut rows = Vec::new();
    collect(section, name, prefix, &mut rows);
    if rows.is_empty() {
        out.push_str("It has no settings.\n");
        return;
    }
    out.push_str("| Key | Value | Default | Meaning | Variable |\n|---|---|---|---|---|\n");
    for row in rows {
        out.push_str(&row);
    }
}

fn collect(section: Shape<'_>, name: &str, prefix: &str, rows: &mut Vec<String>) {
    for (key, child) in section.keys() {
        let (path, variable) = (format!("{name}.{key}"), format!("{prefix}{}", upper(key)));
        if child.keys().next().is_some() {
            collect(child, &path, &format!("{variable}__"), rows);
            continue;
        }
        let default = match section.default_of(key) {
            None | Some(Value::Null) => "none".to_owned(),
            Some(Value::String(text)) => format!("`{text}`"),
            // Lists of names are long; the shipped file shows them.
            Some(Value::Array(items)) if items.len() > 6 => format!("{} entries", items.len()),
            Some(value) => format!("`{value}`"),
        };
        let (expected, about) = (cell(&child.expected()), section.about(key));
        rows.push(format!("| `{path}` | {expected} | {default} | {about} | `{variable}` |\n"));
    }
}

fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}

fn upper(name: &str) -> String {
    name.to_ascii_uppercase().replace('-', "_")
}
