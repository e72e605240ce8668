//! docs/clients.md: what it tells people to do works. The real client follows it in `client`.

use std::fs;
use std::process::Command;

use serde_json::{Value, json};

use crate::support::{Config, HOST, Server, documented, https_config, sh};

const README: &str = include_str!("../../README.md");
const GUIDE: &str = include_str!("../../docs/clients.md");

#[test]
fn the_examples_for_other_languages_are_accepted() {
    let folder = tempfile::tempdir().unwrap();
    sh(folder.path(), &documented(GUIDE, "authority"));
    let path = |file: &str| folder.path().join(file);
    let server = Server::with(https_config(&path("cert.pem"), &path("key.pem"), Config::default()));
    // The name and the port of the guide are this server.
    let curl = format!("connect-to = \"{HOST}:3443:{}\"\n", server.https());
    fs::write(path(".curlrc"), curl).unwrap();
    for (example, count, duplicates) in
        [("curl", 1, 0), ("curl-gzip", 2, 0), ("curl-retry", 1, 0), ("curl-retry", 0, 1)]
    {
        let answer: Value =
            serde_json::from_str(&sh(folder.path(), &documented(GUIDE, example))).unwrap();
        assert_eq!((&answer["status"], &answer["count"]), (&json!("accepted"), &json!(count)));
        assert_eq!(answer["rejected"], json!([]), "{example}");
        assert_eq!(answer["warnings"], json!([]), "{example}");
        assert_eq!(answer["duplicates"].as_array().unwrap().len(), duplicates, "{example}");
    }
    assert_eq!(server.drained()["persisted"], 4);
    let address = format!("{HOST}:3443");
    let command = documented(GUIDE, "try").replace(&address, &server.https());
    let trace = sh(folder.path(), &command);
    assert!(trace.contains("Verify return code: 0 (ok)"), "{trace}");
}

#[test]
fn the_examples_of_pipeline_yaml_are_good() {
    let folder = tempfile::tempdir().unwrap();
    sh(folder.path(), &documented(GUIDE, "self-signed"));
    let examples =
        [README, GUIDE].into_iter().flat_map(|document| document.split("```yaml\n").skip(1));
    let examples: Vec<&str> = examples.map(|rest| rest.split_once("```").unwrap().0).collect();
    assert!(examples.len() >= 3, "{examples:?}");
    for example in examples {
        let example = example.replace("/etc/analytics/", "");
        fs::write(folder.path().join("pipeline.yaml"), &example).unwrap();
        let mut check = Command::new(env!("CARGO_BIN_EXE_weather-mcp-analytics"));
        let output = check.arg("check").current_dir(folder.path()).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{example}\n{said}");
    }
}
