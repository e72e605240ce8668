//! What is promised in writing: the template of a privacy policy has the shipped retention, and the threat
//! model names what is there.

use std::path::Path;

const PIPELINE: &str = include_str!("../../pipeline.yaml");
const POLICY: &str = include_str!("../../docs/privacy-policy.md");
const THREATS: &str = include_str!("../../docs/threat-model.md");

#[test]
fn the_policy_says_for_how_long_the_shipped_settings_keep_things() {
    for (key, what) in [
        ("raw", "single events"),
        ("hourly", "sums by hour"),
        ("daily", "sums by day"),
        ("errors", "failed calls by type"),
    ] {
        let key = format!("{key}: ");
        let days = PIPELINE
            .lines()
            .find_map(|line| line.trim().strip_prefix(key.as_str())?.strip_suffix('d'))
            .unwrap();
        assert!(POLICY.contains(&format!("| {what} | {days} days |")), "{what}: {days} days");
    }
}

#[test]
fn the_threat_model_names_files_that_exist() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let quoted = THREATS.split('`').skip(1).step_by(2);
    let paths: Vec<_> = quoted.filter(|word| word.contains('/')).collect();
    assert!(paths.len() >= 8, "{paths:?}");
    for path in paths {
        assert!(root.join(path).is_file(), "{path}");
    }
}
