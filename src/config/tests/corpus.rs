//! Broken configurations, each with the text that explains it: one `.yaml` and one `.txt` beside
//! it. `UPDATE=1` rewrites the texts; read them as an operator would.
//!
//! In a file, a comment `# env NAME=value` sets a variable, `# flag --tls-listen=ADDR` a flag.

use std::collections::BTreeSet;

use super::*;

const FOLDER: &str = "tests/fixtures/config";

/// Values that must never be shown: what variables hold and what stands in a file as a password.
const SECRETS: [&str; 2] = ["hunter2", "s3cret"];

/// Codes about files that a configuration names: the tests of `http::tls` make such files.
const OF_CERTIFICATES: [Code; 5] = [
    Code::NoCertificate,
    Code::DamagedCertificate,
    Code::NoPrivateKey,
    Code::UnsupportedKey,
    Code::KeyMismatch,
];

/// A configuration, and where the text that explains it stands.
struct Case {
    file: PathBuf,
    explained: PathBuf,
}

/// The committed files, and those that are too large or too absent to commit.
fn cases(folder: &Path) -> Vec<Case> {
    let entries = std::fs::read_dir(FOLDER).unwrap().map(|entry| entry.unwrap().path());
    let is_case = |path: &PathBuf| path.extension().is_some_and(|extension| extension == "yaml");
    let mut files: Vec<PathBuf> = entries.filter(is_case).collect();
    let huge = folder.join("huge.yaml");
    std::fs::write(&huge, "# a comment\n".repeat(100_000)).unwrap();
    files.extend([huge, folder.join("no_such_file.yaml")]);
    files.sort();
    let text =
        |file: &Path| Path::new(FOLDER).join(file.file_name().unwrap()).with_extension("txt");
    files.into_iter().map(|file| Case { explained: text(&file), file }).collect()
}

fn diagnose(case: &Case) -> Diagnostics {
    let text = std::fs::read(&case.file).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let pairs = |prefix: &'static str| {
        let pair = move |line: &str| -> Option<(String, String)> {
            let (name, value) = line.strip_prefix(prefix)?.split_once('=')?;
            Some((name.to_owned(), value.to_owned()))
        };
        text.lines().filter_map(pair).collect::<Vec<_>>()
    };
    let mut flags = Flags::default();
    for (name, value) in pairs("# flag ") {
        let address = Some(value.parse().unwrap());
        match name.as_str() {
            "--listen" => flags.listen = address,
            "--tls-listen" => flags.tls_listen = address,
            "--metrics-listen" => flags.metrics_listen = address.map(Listen::On),
            _ => panic!("{name} is no flag"),
        }
    }
    let args = LoadArgs {
        file: Some(case.file.clone()),
        env: pairs("# env "),
        overrides: flags,
        registry: &registry(),
    };
    let Err(mut diagnostics) = load(args) else { panic!("{} is accepted", case.file.display()) };
    // Where the corpus lies says nothing.
    diagnostics.file = case.file.file_name().unwrap().to_string_lossy().into_owned();
    diagnostics
}

#[test]
fn every_broken_file_is_explained() {
    let folder = tempfile::tempdir().unwrap();
    let cases = cases(folder.path());
    assert!(cases.len() >= 140, "the corpus has shrunk to {}", cases.len());
    let mut codes = BTreeSet::new();
    for case in &cases {
        let diagnostics = diagnose(case);
        let (shown, json) = (diagnostics.to_string(), diagnostics.json().to_string());
        for secret in SECRETS {
            assert!(!shown.contains(secret), "{shown}");
            assert!(!json.contains(secret), "{json}");
        }
        golden(&case.explained, &shown);
        codes.extend(diagnostics.problems.iter().map(|problem| problem.code));
    }
    codes.extend(OF_CERTIFICATES);
    let unseen: Vec<&Code> = Code::ALL.iter().filter(|code| !codes.contains(code)).collect();
    assert!(unseen.is_empty(), "no file of the corpus shows {unseen:?}");
    let texts = std::fs::read_dir(FOLDER).unwrap().count();
    assert!(texts <= 2 * cases.len(), "a text explains a file that is gone");
}

#[test]
fn a_program_reads_the_same_problems() {
    let file = Path::new(FOLDER).join("example.yaml");
    let json = diagnose(&Case { explained: PathBuf::new(), file: file.clone() }).json();
    golden(&file.with_extension("json"), &format!("{json:#}\n"));
}
