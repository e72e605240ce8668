//! What is wrong with a text that is not YAML, in words for who wrote it. Parsers say where they
//! gave up, in the terms of the grammar; the mistake often stands elsewhere.

use super::brackets::{Fault, check};
use crate::config::codes::Code;
use crate::config::excerpt;
use crate::config::problem::{Mark, Place, Problem, Related};

/// An explanation: where, what, and what to do.
struct Said {
    mark: Mark,
    message: &'static str,
    help: &'static str,
    related: Option<(Mark, &'static str)>,
}

impl Said {
    const fn new(mark: Mark, message: &'static str, help: &'static str) -> Self {
        Self { mark, message, help, related: None }
    }
}

/// Explains why a text cannot be parsed. `at` and `why` are where and why a parser gave up.
pub(super) fn problem(text: &str, at: Mark, why: &str) -> Problem {
    let lines = excerpt::lines(text);
    // At the end of the text, the line before is the last that says something.
    let at = within(at, &lines);
    if why.contains("recursion limit") {
        return Problem {
            place: Place::Mark(at),
            code: Code::TooDeep,
            message: "lists and sections are nested deeper than they can need to be".to_owned(),
            help: vec!["compare the file with the shipped pipeline.yaml".to_owned()],
            related: Vec::new(),
        };
    }
    let said = conflict(&lines)
        .or_else(|| character(&lines))
        .or_else(|| tab(&lines, at, why))
        .or_else(|| quoted(&lines, at, why))
        .or_else(|| bracket(&lines, at, why))
        .or_else(|| beginning(&lines, at, why))
        .or_else(|| structure(&lines, at, why));
    let said = said.unwrap_or_else(|| {
        let help = "check indentation, colons and quotes here and on the line above";
        Said::new(at, "what stands here is not valid YAML", help)
    });
    let related = |(mark, message): (Mark, &str)| Related { mark, message: message.to_owned() };
    Problem {
        place: Place::Mark(said.mark),
        code: Code::YamlSyntax,
        message: said.message.to_owned(),
        help: vec![said.help.to_owned()],
        related: said.related.map(related).into_iter().collect(),
    }
}

/// A line break that some readers take for one and others do not.
pub(super) fn odd_break(text: &str) -> Option<Problem> {
    let find = |(index, line): (usize, &str)| {
        let odd = |letter: char| matches!(letter, '\u{85}' | '\u{2028}' | '\u{2029}');
        let column = line.chars().position(odd)?;
        Some(Mark { line: index + 1, column: column + 1, width: 1 })
    };
    let mark = excerpt::lines(text).into_iter().enumerate().find_map(find)?;
    Some(Problem {
        place: Place::Mark(mark),
        code: Code::AmbiguousYaml,
        message: "here is an invisible line break that not every YAML reader knows".to_owned(),
        help: vec!["delete it; it may have come from copying".to_owned()],
        related: Vec::new(),
    })
}

/// The place itself, or the end of the text when it lies behind it.
fn within(at: Mark, lines: &[&str]) -> Mark {
    let line = at.line.clamp(1, lines.len().max(1));
    let length = lines.get(line - 1).map_or(0, |line| line.chars().count());
    let column = if line == at.line { at.column.min(length + 1) } else { length + 1 };
    Mark { line, column, width: 1 }
}

/// What version control leaves behind.
fn conflict(lines: &[&str]) -> Option<Said> {
    let sign = |line: &&str| line.starts_with("<<<<<<< ") || line.starts_with(">>>>>>> ");
    let index = lines.iter().position(sign)?;
    let mark = Mark { line: index + 1, column: 1, width: 7 };
    Some(Said::new(mark, "a merge conflict was left in the file", "choose one of the two versions"))
}

/// Characters that no YAML file may hold.
fn character(lines: &[&str]) -> Option<Said> {
    let control = |letter: char| letter.is_control() && letter != '\t' && letter != '\u{85}';
    let find = |(index, line): (usize, &&str)| {
        let column = line.chars().position(|letter| control(letter) || letter == '\u{feff}')?;
        Some(Mark { line: index + 1, column: column + 1, width: 1 })
    };
    let mark = lines.iter().enumerate().find_map(find)?;
    let message = "here is an invisible character that may not stand in YAML";
    Some(Said::new(
        mark,
        message,
        "delete it; it may have come from copying or from a damaged disk",
    ))
}

fn tab(lines: &[&str], at: Mark, why: &str) -> Option<Said> {
    if why.contains("must be followed by") && lines.get(at.line - 1)?.contains('\t') {
        let message = "within brackets a space belongs behind the colon, and here is a tab";
        return Some(Said::new(at, message, "replace the tab by a space"));
    }
    if !why.contains("tab") {
        return None;
    }
    let find = |line: usize| {
        let text = lines.get(line - 1)?;
        let blank = text.chars().take_while(|letter| letter.is_whitespace());
        let column = blank.collect::<Vec<_>>().iter().position(|letter| *letter == '\t')?;
        Some(Mark { line, column: column + 1, width: 1 })
    };
    let mark = find(at.line).or_else(|| find(at.line + 1)).unwrap_or(at);
    let message = "a tab stands in the indentation, where YAML allows spaces only";
    Some(Said::new(mark, message, "indent with two spaces a level, and set the editor to do so"))
}

fn quoted(lines: &[&str], at: Mark, why: &str) -> Option<Said> {
    let line: Vec<char> = lines.get(at.line - 1)?.chars().collect();
    if why.contains("trailing content after") {
        let message = "text stands behind a closing quote";
        let help = "within single quotes write a single quote twice: 'it''s'; within double quotes \
                    write \\\" for a double quote";
        let end = line.iter().rposition(|letter| !letter.is_whitespace()).map_or(1, |end| end + 1);
        let mark = Mark { width: (end + 1).saturating_sub(at.column).max(1), ..at };
        return Some(Said::new(mark, message, help));
    }
    if !why.contains("quoted scalar") {
        return None;
    }
    if why.contains("escape") || why.contains("hexadecimal") {
        let first = at.column - 1;
        let found =
            line.get(first..)?.windows(2).position(|pair| pair[0] == '\\' && !known(pair[1]));
        let column = found.map_or(at.column, |offset| at.column + offset);
        let message = "within double quotes `\\` begins an escape, and there is none like this";
        let help = "use single quotes, in which `\\` is a character like any other";
        return Some(Said::new(Mark { column, width: 2, ..at }, message, help));
    }
    let message = "the quote that opens here is not closed";
    let help = "close it on the same line; a text that holds a quote itself needs the other kind \
                around it";
    Some(Said::new(at, message, help))
}

/// Whether a character makes an escape that is complete with it.
const fn known(letter: char) -> bool {
    matches!(
        letter,
        '0' | 'a'
            | 'b'
            | 't'
            | 'n'
            | 'v'
            | 'f'
            | 'r'
            | 'e'
            | ' '
            | '"'
            | '/'
            | '\\'
            | 'N'
            | '_'
            | 'L'
            | 'P'
            | '\t'
    )
}

fn bracket(lines: &[&str], at: Mark, why: &str) -> Option<Said> {
    let hints = ["flow", "illegal placement of ':'", "node content", "bracket", "simple key"];
    if !hints.iter().any(|hint| why.contains(hint)) {
        return None;
    }
    // Where all brackets of the text match, they are not what is wrong.
    check(lines, Mark { line: lines.len(), column: usize::MAX, width: 1 })?;
    Some(match check(lines, at)? {
        Fault::Open(mark) => {
            let message = "the bracket that opens here is not closed";
            let mut said = Said::new(mark, message, "add the missing `]` or `}`");
            said.related = (at.line != mark.line).then_some((at, "here something else begins"));
            said
        }
        Fault::Mismatch(open, close) => {
            let message = "the bracket that opens here is closed by one of the other kind";
            let mut said = Said::new(open, message, "`[` is closed by `]`, and `{` by `}`");
            said.related = Some((close, "closed here"));
            said
        }
        Fault::Extra(mark) => {
            let message = "this bracket closes nothing";
            Said::new(mark, message, "remove it, or put the text in quotes if it is part of it")
        }
    })
}

/// Characters with which a value cannot begin, and numbers that are none.
fn beginning(lines: &[&str], at: Mark, why: &str) -> Option<Said> {
    if why.contains("out of range") {
        let rest = lines.get(at.line - 1)?.chars().skip(at.column - 1);
        let width = rest.take_while(|letter| letter.is_alphanumeric()).count().max(1);
        let message = "this number is too large to be read";
        return Some(Said::new(Mark { width, ..at }, message, "write a smaller one"));
    }
    if why.contains("<document start>") {
        let message = "a directive (`%`) needs a line `---` behind it";
        return Some(Said::new(at, message, "remove the line that begins with `%`"));
    }
    if why.contains("anchor") {
        let message = "`*` and `&` have a meaning of their own at the beginning of a value";
        return Some(Said::new(at, message, "put the value in quotes: '*'"));
    }
    if ["unexpected character", "cannot start", "node content"].iter().any(|it| why.contains(it)) {
        let message = "a value cannot begin with this character unless it is quoted";
        return Some(Said::new(at, message, "put the value in quotes"));
    }
    None
}

/// Keys, lists and their indentation.
fn structure(lines: &[&str], at: Mark, why: &str) -> Option<Said> {
    let line: Vec<char> = lines.get(at.line - 1)?.chars().collect();
    let here = content(&line, at.line);
    if why.contains("sequence entries are not allowed") {
        let message = "a list begins behind its key";
        let help = "begin it on the line below, or write it in brackets: [one, two]";
        return Some(Said::new(at, message, help));
    }
    if why.contains("expected '-'") {
        let message = "a key stands among the items of a list";
        let help = "indent it as the keys of the item above, or as the key that holds the list";
        return Some(Said::new(here, message, help));
    }
    if why.contains("mapping values") {
        let before: String = line.get(here.column - 1..at.column - 1)?.iter().collect();
        if before.contains(": ") {
            let message = "a second `: ` stands in the line";
            let help =
                "put the value in quotes if `: ` is part of it, or begin a line for each key";
            return Some(Said::new(Mark { width: 1, ..at }, message, help));
        }
    }
    let no_colon = |(index, text): (usize, &str)| {
        let message = "this line is neither `key: value` nor an item of a list";
        let help = "write a colon and a space behind the key";
        Said::new(content(&text.chars().collect::<Vec<_>>(), index), message, help)
    };
    let above = above(lines, at.line);
    let has_colon = |text: &str| text.contains(": ") || text.trim_end().ends_with(':');
    if why.contains("mapping values") || why.contains("simple key") {
        let above = above?;
        if !has_colon(above.1) {
            return Some(no_colon(above));
        }
        let message = "this line is indented deeper than the one above, which is complete";
        let help = "align it with the line above, or remove the value there to begin a section";
        return Some(Said::new(here, message, help));
    }
    if why.contains("expected key") {
        if line.get(here.column - 1) == Some(&'-') {
            let message = "an item of a list stands among keys";
            return Some(Said::new(
                here,
                message,
                "indent it as the items above, or put a key before",
            ));
        }
        let message = "the indentation of this line fits none of the lines above";
        return Some(Said::new(here, message, "align it with the keys of the same section"));
    }
    None
}

/// The nearest line above that says something.
fn above<'t>(lines: &[&'t str], line: usize) -> Option<(usize, &'t str)> {
    let says = |(_, text): &(usize, &str)| {
        let text = text.trim_start();
        !text.is_empty() && !text.starts_with('#')
    };
    let before = lines.iter().take(line - 1).enumerate().rev();
    before.map(|(index, text)| (index + 1, *text)).find(says)
}

/// What a line says, without indentation and comment.
fn content(line: &[char], number: usize) -> Mark {
    let first = line.iter().take_while(|letter| letter.is_whitespace()).count();
    let comment = line.windows(2).position(|pair| pair == [' ', '#']).unwrap_or(line.len());
    let last = line[..comment.max(first)].iter().rposition(|letter| !letter.is_whitespace());
    let width = last.map_or(1, |last| (last + 1).saturating_sub(first)).max(1);
    Mark { line: number, column: first + 1, width }
}
