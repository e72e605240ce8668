//! The shipped file, broken at random: whatever happens to it, it is either read as any YAML reader
//! reads it, or every problem points to where it is, and no secret is shown.

use proptest::prelude::*;
use proptest::sample::Index;

use super::*;

/// What can happen to a file in an editor.
#[derive(Debug, Clone)]
enum Mutation {
    Delete(Index),
    Duplicate(Index, Index),
    Swap(Index, Index),
    Indent(Index, usize),
    Dedent(Index),
    Value(Index, String),
    Insert(Index, Index, char),
    Remove(Index, Index),
}

fn mutation() -> impl Strategy<Value = Mutation> {
    let at = any::<Index>;
    let value = prop_oneof![
        "(|~|0|-1|5|1e9|99999999999999999999|true|off|none|[a-z]{1,8})",
        "(90d|3 moons|5s|0s|1KiB|-5|sqlite://x.db|mysql://u:hunter2@h/0|127.0.0.1:9464)",
        "(\\[\\]|\\{\\}|\\[a, b\\]|\\{a: 1\\}|\\*a|&a b|!t c|\"\\\\q\"|'it''s'|- x|a: b|\\|)",
    ];
    let letter = prop_oneof![
        prop::sample::select(
            "[]{}:,#&*!|>'\"%@`\\-?\t \r\u{0}\u{7f}\u{85}\u{feff}é漢🦀".chars().collect::<Vec<_>>()
        ),
        any::<char>(),
    ];
    prop_oneof![
        3 => at().prop_map(Mutation::Delete),
        2 => (at(), at()).prop_map(|(from, to)| Mutation::Duplicate(from, to)),
        2 => (at(), at()).prop_map(|(one, other)| Mutation::Swap(one, other)),
        1 => (at(), 1usize..5).prop_map(|(line, by)| Mutation::Indent(line, by)),
        1 => at().prop_map(Mutation::Dedent),
        4 => (at(), value).prop_map(|(line, value)| Mutation::Value(line, value)),
        3 => (at(), at(), letter).prop_map(|(line, at, letter)| Mutation::Insert(line, at, letter)),
        2 => (at(), at()).prop_map(|(line, at)| Mutation::Remove(line, at)),
    ]
}

fn mutate(lines: &mut Vec<String>, mutation: &Mutation) {
    if lines.is_empty() {
        return;
    }
    let of = |index: &Index| index.index(lines.len());
    match mutation {
        Mutation::Delete(line) => {
            let line = of(line);
            lines.remove(line);
        }
        Mutation::Duplicate(from, to) => lines.insert(of(to), lines[of(from)].clone()),
        Mutation::Swap(one, other) => {
            let (one, other) = (of(one), of(other));
            lines.swap(one, other);
        }
        Mutation::Indent(line, by) => {
            let line = of(line);
            lines[line].insert_str(0, &" ".repeat(*by));
        }
        Mutation::Dedent(line) => {
            let line = of(line);
            lines[line] = lines[line].strip_prefix(' ').unwrap_or(&lines[line]).to_owned();
        }
        Mutation::Value(line, value) => {
            let line = of(line);
            if let Some((key, _)) = lines[line].split_once(": ") {
                lines[line] = format!("{key}: {value}");
            }
        }
        Mutation::Insert(line, at, letter) => {
            let line = of(line);
            let mut letters: Vec<char> = lines[line].chars().collect();
            letters.insert(at.index(letters.len() + 1), *letter);
            lines[line] = letters.into_iter().collect();
        }
        Mutation::Remove(line, at) => {
            let line = of(line);
            let mut letters: Vec<char> = lines[line].chars().collect();
            if !letters.is_empty() {
                letters.remove(at.index(letters.len()));
            }
            lines[line] = letters.into_iter().collect();
        }
    }
}

fn mutated(text: &str, mutations: &[Mutation]) -> String {
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    for mutation in mutations {
        mutate(&mut lines, mutation);
    }
    lines.join("\n") + "\n"
}

/// The shipped file without comments, where most mutations would be without effect.
fn bare() -> String {
    let says = |line: &&str| !line.trim().is_empty() && !line.trim_start().starts_with('#');
    SHIPPED.lines().filter(says).collect::<Vec<_>>().join("\n")
}

/// What `serde_yaml` alone makes of a text that is a configuration.
fn directly(text: &str) -> Settings {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let value: serde_json::Value = serde_yaml::from_str(text).unwrap();
    let mut settings = match value.is_null() {
        true => Settings::default(),
        false => serde_yaml::from_str(text).unwrap(),
    };
    let shipped: Settings = serde_yaml::from_str(SHIPPED).unwrap();
    if value.get("ingest").is_none() {
        settings.ingest = shipped.ingest;
    }
    if value.get("worker").is_none() {
        settings.worker = shipped.worker;
    }
    settings
}

fn comparable(settings: &Settings) -> (serde_json::Value, String, String) {
    let urls = (settings.queue.url.expose(), settings.store.url.expose());
    (serde_json::to_value(settings).unwrap(), urls.0.to_owned(), urls.1.to_owned())
}

/// Whether a problem points at something that is in the text.
fn points_into(text: &str, mark: Mark) -> bool {
    let text = text.replace("\r\n", "\n").replace('\r', "\n");
    let Some(line) = text.split('\n').nth(mark.line - 1) else { return false };
    let length = line.trim_start_matches('\u{feff}').chars().count();
    let end = mark.column - 1 + mark.width;
    mark.column >= 1 && mark.width >= 1 && (end <= length || end == length + 1 && mark.width == 1)
}

proptest! {
    #[test]
    fn a_broken_file_is_read_right_or_refused_in_place(
        with_comments in any::<bool>(),
        mutations in proptest::collection::vec(mutation(), 1..5),
    ) {
        let base = if with_comments { SHIPPED.to_owned() } else { bare() };
        let text = mutated(&base, &mutations);
        match load_text(&text, &[], Flags::default()) {
            Ok(loaded) => {
                prop_assert_eq!(comparable(&loaded.settings), comparable(&directly(&text)), "{}", text);
            }
            Err(diagnostics) => {
                prop_assert!(!diagnostics.problems.is_empty());
                let shown = diagnostics.to_string();
                for problem in &diagnostics.problems {
                    let Place::Mark(mark) = problem.place else {
                        return Err(TestCaseError::fail(format!("{problem:?}\n{text}")));
                    };
                    let marks = problem.related.iter().map(|related| related.mark).chain([mark]);
                    for mark in marks {
                        prop_assert!(points_into(&text, mark), "{problem:?}\n{text}");
                    }
                }
                prop_assert!(!shown.contains("hunter2"), "{shown}");
            }
        }
    }

    #[test]
    fn no_break_shows_a_password(mutations in proptest::collection::vec(mutation(), 1..4)) {
        let base = bare()
            .replace("sqlite://data/queue.db", "redis://user:hunter2@queue/0")
            .replace("sqlite://data/analytics.db", "'postgres://user:hunter2@store/db'")
            .replace("retention:", "{ url: \"rediss://:hunter2@h\", pool: 0 }: 5\nretention:");
        let text = mutated(&base, &mutations);
        if let Err(diagnostics) = load_text(&text, &[], Flags::default()) {
            let said = format!("{diagnostics}{}", diagnostics.json());
            prop_assert!(!said.contains("hunter2"), "{said}");
        }
    }
}
