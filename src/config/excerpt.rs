//! Lines of the operator's file as they may be shown: without what may be a secret.
//!
//! A file that cannot be parsed is shown too, so secrets are found by the look of a line alone.
//! When in doubt more is hidden: the message and the place say what is wrong without it.

use std::ops::Range;

/// Ends of keys whose values may be secrets, whether or not there is such a setting.
const SECRET_KEYS: [&str; 7] = ["url", "uri", "dsn", "password", "passwd", "secret", "token"];

/// URL schemes whose URLs are shown, but for what stands before an `@`.
const PLAIN_SCHEMES: [&str; 3] = ["sqlite", "http", "https"];

/// Whether the value of a key of this name may be a secret.
pub(super) fn is_secret_key(key: &str) -> bool {
    SECRET_KEYS.iter().any(|name| key.to_lowercase().ends_with(name))
}

/// The lines of a text, split where YAML splits them.
pub(super) fn lines(text: &str) -> Vec<&str> {
    let whole = |line: &str| -> usize { line.strip_suffix('\r').map_or(line.len(), str::len) };
    text.split('\n').flat_map(|line| line.split_at(whole(line)).0.split('\r')).collect()
}

/// A line as it may be shown: a star for every character of a secret, so that places stay true.
pub(super) fn shown(line: &str) -> String {
    let letters: Vec<char> = line.chars().collect();
    let secrets = secrets(&letters);
    let star = |(index, letter): (usize, &char)| {
        if secrets.iter().any(|secret| secret.contains(&index)) { '*' } else { *letter }
    };
    letters.iter().enumerate().map(star).collect()
}

/// A line that is part of a secret, as it may be shown.
pub(super) fn hidden(line: &str) -> String {
    line.chars().map(|letter| if letter.is_whitespace() { letter } else { '*' }).collect()
}

/// Where `width` characters from a column, counted from 1, are in a line, in bytes.
pub(super) fn bytes(line: &str, column: usize, width: usize) -> Range<usize> {
    let at = |index: usize| line.char_indices().nth(index).map_or(line.len(), |(at, _)| at);
    let first = column.saturating_sub(1);
    at(first)..at(first.saturating_add(width))
}

/// Parts of a line that may be secrets.
fn secrets(line: &[char]) -> Vec<Range<usize>> {
    let mut found = urls(line);
    found.extend(values_of_secret_keys(line));
    // The end of a URL that began on the line above.
    let last_at = line.iter().rposition(|letter| *letter == '@');
    if let Some(at) = last_at.filter(|at| !found.iter().any(|range| range.end >= *at)) {
        let value = (1..at).find(|index| line[index - 1] == ':' && line[*index] == ' ');
        let start = value.unwrap_or(0);
        let blank = line[start..].iter().take_while(|letter| letter.is_whitespace()).count();
        found.push((start + blank).min(at)..at);
    }
    found
}

/// The parts of URLs that may be secrets.
fn urls(line: &[char]) -> Vec<Range<usize>> {
    let mut found: Vec<Range<usize>> = Vec::new();
    for colon in 0..line.len() {
        let start = colon + "://".len();
        if !line[colon..].starts_with(&[':', '/', '/'])
            || found.last().is_some_and(|range| range.end > colon)
        {
            continue;
        }
        let scheme = scheme(line, colon);
        let mut end = scalar_end(line, scheme.start);
        // A password may hold what otherwise ends a URL.
        let next = next_url(line, start);
        let at = line[start..next].iter().rposition(|letter| *letter == '@').map(|at| start + at);
        if let Some(at) = at.filter(|at| *at >= end) {
            end = scalar_end_from(line, at, quote_before(line, scheme.start), scheme.start);
        }
        let name: String = line[scheme].iter().collect();
        if !PLAIN_SCHEMES.contains(&name.as_str()) {
            found.push(start..end.max(start));
        } else if let Some(at) = at {
            found.push(start..at);
        }
    }
    found.retain(|range| !range.is_empty());
    found
}

/// The values of keys that may hold secrets.
fn values_of_secret_keys(line: &[char]) -> Option<Range<usize>> {
    (0..line.len()).find_map(|colon| {
        let after = line.get(colon + 1);
        if line[colon] != ':' || after.is_some_and(|letter| !letter.is_whitespace()) {
            return None;
        }
        let quoted = |letter: &char| matches!(letter, '"' | '\'' | ' ');
        let key: String = line[..colon].iter().collect();
        if !is_secret_key(key.trim_end_matches(|letter| quoted(&letter))) {
            return None;
        }
        let blank = line[colon + 1..].iter().take_while(|letter| letter.is_whitespace()).count();
        let start = colon + 1 + blank;
        let opening = usize::from(line.get(start).is_some_and(quoted));
        let (from, end) = (start + opening, scalar_end(line, start + opening));
        let value: String = line[from..end.max(from)].iter().collect();
        let harmless = value.starts_with("sqlite:")
            || value.starts_with('#')
            || value.contains("://")
            || (value.starts_with("${") && !value.contains(":-"));
        (!harmless && from < end).then_some(from..end)
    })
}

fn scheme(line: &[char], colon: usize) -> Range<usize> {
    let part = |letter: &&char| letter.is_ascii_alphanumeric() || "+.-".contains(**letter);
    colon - line[..colon].iter().rev().take_while(part).count()..colon
}

/// Where the next URL begins, as far as that can be told from a password.
fn next_url(line: &[char], from: usize) -> usize {
    let begins = |colon: &usize| {
        let start = scheme(line, *colon).start;
        line[*colon..].starts_with(&[':', '/', '/'])
            && start > from
            && matches!(line[start - 1], ' ' | '"' | '\'' | '[' | '{' | ',')
    };
    (from..line.len()).find(begins).map_or(line.len(), |colon| scheme(line, colon).start)
}

fn quote_before(line: &[char], start: usize) -> Option<char> {
    let before = start.checked_sub(1).and_then(|before| line.get(before));
    before.copied().filter(|letter| matches!(letter, '"' | '\''))
}

/// Where the value that begins at `start` ends.
fn scalar_end(line: &[char], start: usize) -> usize {
    scalar_end_from(line, start, quote_before(line, start), start)
}

fn scalar_end_from(line: &[char], from: usize, quote: Option<char>, start: usize) -> usize {
    let of = |letters: &[char]| line[..start].iter().filter(|l| letters.contains(l)).count();
    let in_flow = of(&['{', '[']) > of(&['}', ']']);
    let mut escaped = false;
    for index in from..line.len() {
        let (letter, next) = (line[index], line.get(index + 1));
        let ends = match quote {
            Some('\'') => {
                let doubled = escaped || next == Some(&'\'');
                escaped = !escaped && letter == '\'' && next == Some(&'\'');
                letter == '\'' && !doubled
            }
            Some(quote) => {
                let ends = letter == quote && !escaped;
                escaped = !escaped && letter == '\\';
                ends
            }
            None if in_flow => matches!(letter, ',' | ']' | '}'),
            None => letter == ' ' && next == Some(&'#'),
        };
        if ends {
            return index;
        }
    }
    line.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_password_is_shown_and_all_else_is() {
        // What is between the marks must be hidden.
        for marked in [
            "  url: sqlite://data/queue.db",
            "  url: redis://«user:secret@host/0»",
            "  url: 'postgres://«u:se cret@host/db»' # note",
            "  url: \"redis://«u:a\\\"b'c@host»\" # note",
            "  url: 'redis://«u:it''s@host»' # note",
            "  url: redis://«u:a, b] #c@host»",
            "  url: redis://«u:a://b@host»",
            "queue: { url: redis://«:pw@h», max_events: 5 }",
            "queue: { url: redis://«h?password=x», spool: no }",
            "{q: {url: redis://«:p,w@h», shards: x}, s: {url: 'mysql://«:p@h»'}}",
            "  url: «hunter2»",
            "  'url' : \"«hunter2»\" # note",
            "  password: «hunter2»",
            "store: {db_token: «hunter2», pool: 0}",
            "  url: ${STORE}",
            "  url: «${STORE:-hunter2}»",
            "  url: ${STORE:-redis://«u:p@h»}",
            "  url:",
            "  url: # none",
            "    «se:cret»@host/0\"",
            "  - k: «se:cret»@host",
            "  cors_origins: [https://example.org]",
            "  cors_origins: [https://«u:pw»@b.org]",
            "  listen: here",
            "",
        ] {
            let (mut line, mut want, mut secret) = (String::new(), String::new(), false);
            for letter in marked.chars() {
                match letter {
                    '«' | '»' => secret = letter == '«',
                    letter => {
                        line.push(letter);
                        want.push(if secret { '*' } else { letter });
                    }
                }
            }
            assert_eq!(shown(&line), want, "{line}");
        }
        assert_eq!(hidden("    hunter2  # x"), "    *******  * *");
    }

    #[test]
    fn places_are_in_characters_and_within_the_line() {
        let line = "é漢🦀: x";
        assert_eq!(line.get(bytes(line, 2, 2)), Some("漢🦀"));
        assert_eq!(line.get(bytes(line, 6, 9)), Some("x"));
        assert_eq!(line.get(bytes(line, 7, 1)), Some(""), "behind the end");
    }

    #[test]
    fn lines_end_where_yaml_ends_them() {
        assert_eq!(lines("a\nb\r\nc\rd"), ["a", "b", "c", "d"]);
        assert_eq!(lines("a\r\r\n"), ["a", "", ""]);
    }
}
