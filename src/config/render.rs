//! Problems as text for a person: code, place, source line with a caret, what to do.
//!
//! Small and apart, so that the form of the messages can change without touching a check.

use super::problem::{Diagnostics, Mark, Place, Problem};

const RED: &str = "\x1b[1;31m";
const BLUE: &str = "\x1b[1;34m";
const RESET: &str = "\x1b[0m";

struct Pen {
    colour: bool,
}

impl Pen {
    fn paint(&self, code: &str, text: &str) -> String {
        if self.colour { format!("{code}{text}{RESET}") } else { text.to_owned() }
    }
}

pub(super) fn render(diagnostics: &Diagnostics, colour: bool) -> String {
    let pen = Pen { colour };
    let lines: Vec<&str> = diagnostics.text.lines().collect();
    let mut out = String::new();
    for problem in &diagnostics.problems {
        out.push_str(&one(problem, &diagnostics.file, &lines, &pen));
        out.push('\n');
    }
    let count = diagnostics.problems.len();
    let plural = if count == 1 { "" } else { "s" };
    out.push_str(&format!("{}: {count} problem{plural}, nothing was started\n", diagnostics.file));
    out
}

fn one(problem: &Problem, file: &str, lines: &[&str], pen: &Pen) -> String {
    let head = pen.paint(RED, &format!("error[{}]", problem.code));
    let mut out = format!("{head}: {}\n", problem.message);
    let (gutter, place) = match &problem.place {
        Place::File => (0, file.to_owned()),
        Place::Mark(mark) => {
            (mark.line.to_string().len(), format!("{file}:{}:{}", mark.line, mark.column))
        }
        Place::Variable(name) => (0, format!("environment variable {name}")),
        Place::Flag(name) => (0, format!("flag {name}")),
    };
    let pad = " ".repeat(gutter);
    out.push_str(&format!("{pad}{} {place}\n", pen.paint(BLUE, "-->")));
    if let Place::Mark(mark) = &problem.place
        && let Some(line) = lines.get(mark.line - 1)
    {
        out.push_str(&excerpt(*mark, line, &pad, pen));
    }
    for help in &problem.help {
        out.push_str(&format!("{pad} {} {help}\n", pen.paint(BLUE, "=")));
    }
    out
}

fn excerpt(mark: Mark, line: &str, pad: &str, pen: &Pen) -> String {
    // One column per character, so that the caret stands where it should.
    let shown = masked(line).replace('\t', " ");
    let room = shown.chars().count().saturating_sub(mark.column - 1).max(1);
    let caret = "^".repeat(mark.width.clamp(1, room));
    let indent = " ".repeat(mark.column - 1);
    let bar = pen.paint(BLUE, "|");
    let number = pen.paint(BLUE, &mark.line.to_string());
    let mut out = format!("{pad} {bar}\n{number} {bar} {shown}\n");
    out.push_str(&format!("{pad} {bar} {indent}{}\n", pen.paint(RED, &caret)));
    out
}

/// A source line without passwords: URLs that may hold one are cut to their scheme.
fn masked(line: &str) -> String {
    let mut out = String::with_capacity(line.len());
    let mut rest = line;
    while let Some((before, after)) = rest.split_once("://") {
        out.push_str(before);
        out.push_str("://");
        let end = after.find([' ', '\t', '"', '\'', ',', '}', ']']).unwrap_or(after.len());
        let (url, tail) = after.split_at(end);
        let plain =
            before.ends_with("sqlite") || before.ends_with("http") || before.ends_with("https");
        // A password may itself hold one of the characters that end a URL.
        let hidden = after.contains('@') || !plain;
        if hidden {
            out.push_str("***");
            rest = after.rsplit_once('@').map_or(tail, |_| "");
        } else {
            out.push_str(url);
            rest = tail;
        }
    }
    out.push_str(rest);
    hide_url_value(out)
}

/// The value of a `url` key that is not even shaped like a URL may still be a secret.
fn hide_url_value(line: String) -> String {
    let Some((before, value)) = line.split_once("url:") else { return line };
    let value = value.trim_start_matches([' ', '"', '\'']);
    let harmless = ["sqlite:", "${", "#"].iter().any(|start| value.starts_with(start));
    if value.contains("://") || value.is_empty() || harmless {
        return line;
    }
    format!("{before}url: ***")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_password_is_shown() {
        for (line, want) in [
            ("  url: sqlite://data/queue.db", "  url: sqlite://data/queue.db"),
            ("  url: redis://user:secret@host/0", "  url: redis://***"),
            ("  url: 'postgres://u:se cret@host/db' # note", "  url: 'postgres://***"),
            ("queue: { url: redis://:pw@h, max_events: 5 }", "queue: { url: redis://***"),
            (
                "queue: { url: redis://h?password=x, spool: no }",
                "queue: { url: redis://***, spool: no }",
            ),
            ("  url: hunter2", "  url: ***"),
            ("  url: ${STORE}", "  url: ${STORE}"),
            ("  cors_origins: [https://example.org]", "  cors_origins: [https://example.org]"),
            ("  listen: here", "  listen: here"),
        ] {
            assert_eq!(masked(line), want, "{line}");
        }
    }
}
