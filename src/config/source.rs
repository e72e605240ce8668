//! The text of a configuration, and where each of its settings came from.

use std::io::ErrorKind;
use std::path::{Path as FilePath, PathBuf};

use super::environment::Assignment;
use super::problem::{At, Diagnostics, Finding, Place, Problem};
use super::yaml::Node;

/// The shipped pipeline.yaml: used as it is when there is no file.
pub const SHIPPED: &str = include_str!("../../pipeline.yaml");

/// The file that is read when none is named.
const USUAL: &str = "pipeline.yaml";

/// A file's name and text.
pub(super) struct Text {
    pub(super) name: String,
    pub(super) text: String,
    /// Whether the shipped file stands in for one that is not there.
    pub(super) built_in: bool,
}

/// Reads the named file, else ./pipeline.yaml, else the shipped one.
pub(super) fn read(file: Option<&FilePath>) -> Result<Text, Diagnostics> {
    let path = file.map_or_else(|| PathBuf::from(USUAL), FilePath::to_path_buf);
    let name = path.display().to_string();
    match std::fs::read_to_string(&path) {
        Ok(text) => {
            // Some editors put a byte order mark before the text.
            let text = text.strip_prefix('\u{feff}').map_or(text.clone(), str::to_owned);
            Ok(Text { name, text, built_in: false })
        }
        Err(error) if file.is_none() && error.kind() == ErrorKind::NotFound => Ok(Text {
            name: "the built-in pipeline.yaml".to_owned(),
            text: SHIPPED.to_owned(),
            built_in: true,
        }),
        Err(error) => {
            let why = match error.kind() {
                ErrorKind::NotFound => "there is no such file".to_owned(),
                ErrorKind::InvalidData => "it is not UTF-8 text".to_owned(),
                _ => error.to_string(),
            };
            let problem = Problem {
                place: Place::File,
                code: "unreadable_file",
                message: format!("the configuration cannot be read: {why}"),
                help: vec!["name another file with --config FILE".to_owned()],
            };
            Err(Diagnostics::new(name, String::new(), vec![problem]))
        }
    }
}

/// Where each setting came from.
pub(super) struct Source {
    pub(super) name: String,
    pub(super) text: String,
    pub(super) root: Node,
    pub(super) assignments: Vec<Assignment>,
}

impl Source {
    /// The findings with their places.
    pub(super) fn problems(&self, findings: Vec<Finding>) -> Vec<Problem> {
        let placed = |finding: Finding| Problem {
            place: self.place(&finding),
            code: finding.code,
            message: finding.message,
            help: finding.help,
        };
        findings.into_iter().map(placed).collect()
    }

    /// All problems as one report.
    pub(super) fn report(&self, problems: Vec<Problem>) -> Diagnostics {
        Diagnostics::new(self.name.clone(), self.text.clone(), problems)
    }

    fn place(&self, finding: &Finding) -> Place {
        let path = &finding.path;
        // Flags come last and win, so the last assignment decides.
        let mut assignments = self.assignments.iter().rev();
        if let Some(set) = assignments.find(|set| path.starts_with(&set.path)) {
            return set.place.clone();
        }
        let below = self.assignments.iter().rev().find(|set| set.path.starts_with(path));
        match (below, finding.at) {
            (Some(set), _) if !self.root.has(path) => set.place.clone(),
            _ if path.first().is_some_and(|_| !self.root.has(&path[..1])) => Place::File,
            (_, At::Key) => Place::Mark(self.root.key_mark(path)),
            (_, At::Value) => Place::Mark(self.root.value_mark(path)),
        }
    }
}
