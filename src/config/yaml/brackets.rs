//! Which bracket of a text is not closed. A parser notices that long after, where something else
//! begins.

use crate::config::problem::Mark;

/// What is wrong with the brackets.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// It opens and is not closed.
    Open(Mark),
    /// The first opens, the second closes, and they are of different kinds.
    Mismatch(Mark, Mark),
    /// It closes and none is open.
    Extra(Mark),
}

/// Checks the brackets up to and including a place.
pub(super) fn check(lines: &[&str], until: Mark) -> Option<Fault> {
    let mut scan = Scan { open: Vec::new(), quote: None };
    for (index, line) in lines.iter().enumerate().take(until.line) {
        let line: Vec<char> = line.chars().collect();
        let end = if index + 1 == until.line { until.column.min(line.len()) } else { line.len() };
        if let Some(fault) = scan.line(&line[..end], index + 1) {
            return Some(fault);
        }
    }
    scan.open.pop().map(|(_, mark)| Fault::Open(mark))
}

struct Scan {
    open: Vec<(char, Mark)>,
    quote: Option<char>,
}

impl Scan {
    fn line(&mut self, line: &[char], number: usize) -> Option<Fault> {
        let mut index = 0;
        while let Some(&letter) = line.get(index) {
            let mark = Mark { line: number, column: index + 1, width: 1 };
            index += 1;
            if let Some(quote) = self.quote {
                match letter {
                    '\\' if quote == '"' => index += 1,
                    letter if letter == quote && line.get(index) == Some(&quote) => index += 1,
                    letter if letter == quote => self.quote = None,
                    _ => {}
                }
                continue;
            }
            let begins = self.begins(line, index - 1);
            match letter {
                '#' if index == 1 || line[index - 2].is_whitespace() => return None,
                '"' | '\'' if begins => self.quote = Some(letter),
                '[' | '{' if begins => self.open.push((letter, mark)),
                ']' | '}' if begins || !self.open.is_empty() => match self.open.pop() {
                    Some((open, _)) if (open == '[') == (letter == ']') => {}
                    Some((_, open)) => return Some(Fault::Mismatch(open, mark)),
                    None => return Some(Fault::Extra(mark)),
                },
                _ => {}
            }
        }
        None
    }

    /// Whether a value may begin at a position. Within text, brackets are characters like others.
    fn begins(&self, line: &[char], index: usize) -> bool {
        let before = line[..index].iter().rposition(|letter| !letter.is_whitespace());
        let Some(before) = before else { return true };
        let apart = before + 1 < index;
        match line[before] {
            ':' | '-' | '?' => apart,
            ',' | '[' | '{' | ']' | '}' => !self.open.is_empty() || line[before] == ']',
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bracket_at_fault_is_found() {
        let mark = |line, column| Mark { line, column, width: 1 };
        for (text, want) in [
            ("a: [1, 2", Some(Fault::Open(mark(1, 4)))),
            ("a: [x, {b: 1}\nc: d", Some(Fault::Open(mark(1, 4)))),
            ("a: [x, {b: 1]\nc: d", Some(Fault::Mismatch(mark(1, 8), mark(1, 13)))),
            ("a: [1]]", Some(Fault::Extra(mark(1, 7)))),
            ("a: }", Some(Fault::Extra(mark(1, 4)))),
            ("a: ['it''s ]', \"\\\"]\", # ]\n  2]", None),
            ("a: x[1\nb: y}", None),
            ("- [a]\n- {b: [c]}", None),
        ] {
            let lines: Vec<&str> = text.lines().collect();
            assert_eq!(check(&lines, mark(9, 9)), want, "{text}");
        }
    }
}
