//! `.env.example`: every name in it is a setting, and every value the default unless it is said here.

use std::collections::BTreeMap;

use super::*;

const FILE: &str = include_str!("../../../.env.example");

/// Settings that have no default worth showing.
const EXAMPLES: [&str; 5] = [
    "ANALYTICS_SERVER__TLS__LISTEN",
    "ANALYTICS_SERVER__TLS__CERT",
    "ANALYTICS_SERVER__TLS__KEY",
    "ANALYTICS_SERVER__TRUSTED_PROXIES",
    "ANALYTICS_SERVER__CORS_ORIGINS",
];

fn variables() -> BTreeMap<String, String> {
    let commented = FILE.lines().filter_map(|line| line.strip_prefix("#ANALYTICS_"));
    commented
        .map(|line| {
            let (name, value) = line.split_once('=').expect(line);
            (format!("ANALYTICS_{name}"), value.to_owned())
        })
        .collect()
}

fn loaded(env: &BTreeMap<String, String>) -> Settings {
    let registry = stages::registry();
    let args = LoadArgs {
        file: Some(Path::new(env!("CARGO_MANIFEST_DIR")).join("pipeline.yaml")),
        env: env.clone(),
        overrides: Flags::default(),
        registry: &registry,
    };
    load(args).map(|loaded| loaded.settings).unwrap_or_else(|problems| panic!("{problems}"))
}

#[test]
fn the_example_of_an_environment_shows_settings_with_their_defaults() {
    let variables = variables();
    assert!(variables.len() > 20, "{variables:?}");
    // All at once, as somebody would who uncomments everything.
    loaded(&variables);
    let defaults = loaded(&BTreeMap::new());
    let shown = |settings: &Settings| {
        let urls = [settings.queue.url.expose(), settings.store.url.expose()].join(" ");
        (serde_json::to_value(settings).unwrap(), urls)
    };
    for name in variables.keys().filter(|name| !EXAMPLES.contains(&name.as_str())) {
        let alone = [(name.clone(), variables[name].clone())].into();
        assert_eq!(shown(&loaded(&alone)), shown(&defaults), "{name}");
    }
}

#[test]
fn shells_and_containers_read_the_example_alike() {
    for (name, value) in variables() {
        let plain = |c: char| c.is_ascii_alphanumeric() || ":/._,-[]".contains(c);
        assert!(value.chars().all(plain), "{name}={value}");
    }
}
