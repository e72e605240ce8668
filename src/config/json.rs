//! Problems as JSON, for editors and for checks in continuous integration. The members are stable.

use serde::Serialize;
use serde_json::{Value, json};

use super::notes::Note;
use super::problem::{Diagnostics, Mark, Place};

/// A position: lines and columns count from 1, in characters.
#[derive(Serialize)]
struct Position {
    line: usize,
    column: usize,
}

#[derive(Serialize)]
struct Error<'a> {
    code: &'static str,
    message: &'a str,
    /// Absent when a variable or a flag is at fault.
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<&'a str>,
    #[serde(flatten)]
    start: Option<Position>,
    /// The position behind the last character.
    #[serde(skip_serializing_if = "Option::is_none")]
    end: Option<Position>,
    #[serde(skip_serializing_if = "Option::is_none")]
    variable: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    flag: Option<&'a str>,
    help: &'a [String],
    related: Vec<Related<'a>>,
}

#[derive(Serialize)]
struct Related<'a> {
    message: &'a str,
    #[serde(flatten)]
    start: Position,
    end: Position,
}

/// What `check` found: a file with everything that is wrong with it and what is worth saying.
fn document(file: &str, errors: &[Error<'_>], notes: &[Note]) -> Value {
    let note = |note: &Note| json!({ "code": note.code, "message": note.message });
    let notes: Vec<Value> = notes.iter().map(note).collect();
    json!({ "file": file, "valid": errors.is_empty(), "errors": errors, "notes": notes })
}

/// A configuration without problems.
pub(super) fn valid(file: &str, notes: &[Note]) -> Value {
    document(file, &[], notes)
}

/// Every problem of a configuration.
pub(super) fn broken(diagnostics: &Diagnostics) -> Value {
    let error = |problem| error(&diagnostics.file, problem);
    let errors: Vec<Error<'_>> = diagnostics.problems.iter().map(error).collect();
    document(&diagnostics.file, &errors, &[])
}

fn error<'a>(file: &'a str, problem: &'a super::Problem) -> Error<'a> {
    let mut error = Error {
        code: problem.code.as_str(),
        message: &problem.message,
        file: None,
        start: None,
        end: None,
        variable: None,
        flag: None,
        help: &problem.help,
        related: problem.related.iter().map(related).collect(),
    };
    match &problem.place {
        Place::File => error.file = Some(file),
        Place::Mark(mark) => {
            error.file = Some(file);
            error.start = Some(start(*mark));
            error.end = Some(end(*mark));
        }
        Place::Variable(name) => error.variable = Some(name),
        Place::Flag(name) => error.flag = Some(name),
    }
    error
}

fn related(related: &super::Related) -> Related<'_> {
    let (start, end) = (start(related.mark), end(related.mark));
    Related { message: &related.message, start, end }
}

const fn start(mark: Mark) -> Position {
    Position { line: mark.line, column: mark.column }
}

const fn end(mark: Mark) -> Position {
    Position { line: mark.line, column: mark.column + mark.width }
}
