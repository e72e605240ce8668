//! What is wrong with a text that is not YAML, in words for who wrote it.

use crate::config::codes::Code;
use crate::config::problem::{Mark, Place, Problem};

pub(super) fn problem(mark: Mark, why: &str) -> Problem {
    Problem {
        place: Place::Mark(mark),
        code: Code::YamlSyntax,
        message: format!("the file is not valid YAML: {why}"),
        help: vec!["check indentation, colons and quotes here and on the line above".to_owned()],
        related: Vec::new(),
    }
}
