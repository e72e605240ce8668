//! The text of a configuration, and where each of its settings came from.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{ErrorKind, Read};
use std::path::{Path as FilePath, PathBuf};

use super::codes::Code;
use super::environment::Assignment;
use super::excerpt;
use super::problem::{At, Diagnostics, Finding, Mark, Path, Place, Problem, Related, dotted};
use super::yaml::Node;

/// The shipped pipeline.yaml: used as it is when there is no file.
pub const SHIPPED: &str = include_str!("../../pipeline.yaml");

/// The file that is read when none is named.
const USUAL: &str = "pipeline.yaml";

/// Bytes of the largest file that is read: a hundred times what the longest configuration needs.
pub(super) const MAX_BYTES: u64 = 1 << 20;

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
    let bytes = match bytes(&path) {
        Ok(bytes) => bytes,
        Err(error) if file.is_none() && error.kind() == ErrorKind::NotFound => {
            let (name, text) = ("the built-in pipeline.yaml".to_owned(), SHIPPED.to_owned());
            return Ok(Text { name, text, built_in: true });
        }
        Err(error) => {
            let why = match error.kind() {
                ErrorKind::NotFound => "there is no such file".to_owned(),
                ErrorKind::IsADirectory => "it is a folder".to_owned(),
                ErrorKind::PermissionDenied => "this user may not read it".to_owned(),
                _ => error.to_string(),
            };
            let message = format!("the configuration cannot be read: {why}");
            let help = "name another file with --config FILE";
            return Err(whole(name, Code::UnreadableFile, message, help));
        }
    };
    if bytes.len() as u64 > MAX_BYTES {
        let message = "the file is larger than 1 MiB, which no configuration needs".to_owned();
        return Err(whole(name, Code::FileTooLarge, message, "does --config name the right file?"));
    }
    match String::from_utf8(bytes) {
        Ok(text) => {
            // Some editors put a byte order mark before the text.
            let text = text.strip_prefix('\u{feff}').map_or(text.clone(), str::to_owned);
            Ok(Text { name, text, built_in: false })
        }
        Err(error) => Err(not_text(name, error.as_bytes(), error.utf8_error().valid_up_to())),
    }
}

fn bytes(path: &FilePath) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(MAX_BYTES + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// A problem of the file as a whole.
fn whole(file: String, code: Code, message: String, help: &str) -> Diagnostics {
    let help = vec![help.to_owned()];
    let problem = Problem { place: Place::File, code, message, help, related: Vec::new() };
    Diagnostics::new(file, String::new(), vec![problem])
}

fn not_text(file: String, bytes: &[u8], valid: usize) -> Diagnostics {
    if bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]) {
        let message = "the file is UTF-16 text, and must be UTF-8".to_owned();
        return whole(file, Code::NotUtf8, message, "save it as UTF-8 in the editor");
    }
    let before = String::from_utf8_lossy(&bytes[..valid]);
    let lines = excerpt::lines(&before);
    let column = lines.last().map_or(0, |line| line.chars().count()) + 1;
    let problem = Problem {
        place: Place::Mark(Mark { line: lines.len(), column, width: 1 }),
        code: Code::NotUtf8,
        message: "here is a byte that is not UTF-8 text".to_owned(),
        help: vec!["save the file as UTF-8 in the editor, or write the character anew".to_owned()],
        related: Vec::new(),
    };
    Diagnostics::new(file, String::from_utf8_lossy(bytes).into_owned(), vec![problem])
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
        findings.into_iter().map(|finding| self.problem(finding)).collect()
    }

    /// All problems as one report.
    pub(super) fn report(&self, problems: Vec<Problem>) -> Diagnostics {
        let hidden: BTreeSet<usize> = self.root.secret_lines();
        Diagnostics { hidden, ..Diagnostics::new(self.name.clone(), self.text.clone(), problems) }
    }

    fn problem(&self, finding: Finding) -> Problem {
        // A default that contradicts a setting is shown at the setting.
        let said = |path: &Path| self.root.has(path) || self.assignment(path).is_some();
        let others = finding.related.iter().map(|(path, _)| path);
        let path = [&finding.path].into_iter().chain(others).find(|path| said(path));
        let path = path.unwrap_or(&finding.path);
        let related = finding.related.iter().filter_map(|(other, message)| {
            let in_file = other != path && self.root.has(other) && self.assignment(other).is_none();
            let mark = in_file.then(|| self.root.value_mark(other))?;
            Some(Related { mark, message: message.clone() })
        });
        let mut help = finding.help;
        let in_file = self.assignment(path).is_none();
        if finding.code == Code::WrongType && in_file && self.root.is_reference(path) {
            help = vec![
                "what `${...}` stands for is text; other settings have a variable of their own, \
                 which docs/configuration.md names"
                    .to_owned(),
            ];
        }
        for (other, _) in &finding.related {
            let elsewhere = self.assignment(other).filter(|_| other != path);
            help.extend(
                elsewhere.map(|set| format!("`{}` is set by {}", dotted(other), set.place)),
            );
        }
        Problem {
            place: self.place(path, finding.at),
            code: finding.code,
            related: related.collect(),
            message: finding.message,
            help,
        }
    }

    /// What gives a setting its value, if not the file. Flags come last and win.
    fn assignment(&self, path: &[String]) -> Option<&Assignment> {
        self.assignments.iter().rev().find(|set| path.starts_with(&set.path))
    }

    fn place(&self, path: &[String], at: At) -> Place {
        if let Some(set) = self.assignment(path) {
            return set.place.clone();
        }
        let below = self.assignments.iter().rev().find(|set| set.path.starts_with(path));
        match (below, at) {
            (Some(set), _) if !self.root.has(path) => set.place.clone(),
            _ if path.first().is_some_and(|_| !self.root.has(&path[..1])) => Place::File,
            (_, At::Key) => Place::Mark(self.root.key_mark(path)),
            (_, At::Value) => Place::Mark(self.root.value_mark(path)),
        }
    }
}
