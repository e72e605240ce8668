//! docs/diagnostics.md: every code with its meaning and fix, made from the table that the checks use.

use super::*;

const FILE: &str = "docs/diagnostics.md";

const HEAD: &str = "\
# Diagnostics

A configuration is read as a whole before anything starts: `pipeline.yaml`, environment variables and
flags. Everything that is wrong with it is reported at once, on standard error, and the process ends
with exit code 78. `weather-mcp-analytics check` does the same and starts nothing.

Each problem has a stable code, its place, the line with the part that is meant, and what to do:

```text
";

const BEHIND_EXAMPLE: &str = "\
```

One cause is one message: what only follows from another mistake is not reported. Of a kind that
occurs many times the first ten are shown, and how many more there are. Passwords, in URLs and
elsewhere, are replaced by stars in the lines that are shown; what environment variables hold is not
shown at all, but for durations that a rule compares.

Colour is used on a terminal; `NO_COLOR=1` turns it off and `CLICOLOR_FORCE=1` on.

## For editors and scripts

`weather-mcp-analytics check --format json` prints one object to standard output, with every problem:

```json
";

const JSON: &str = "\
```

`line` and `column` count from 1, in characters, and `end` is behind the last character that is
meant. A problem of an environment variable has `variable` in place of `file`, one of a flag has
`flag`; one of a file as a whole has no `line`. `related` lists other places that have to do with it.
A configuration without problems has `\"valid\": true`, no `errors`, and exit code 0. `notes` are worth
reading and prevent nothing.

## Codes

| Code | Meaning | What to do |
|---|---|---|
";

#[test]
fn every_code_is_documented() {
    let row = |code: &str, meaning: &str, fix: &str| {
        let cell = |text: &str| text.replace('|', "\\|");
        format!("| `{code}` | {} | {} |\n", cell(meaning), cell(fix))
    };
    let example = std::fs::read_to_string("tests/fixtures/config/example.txt").unwrap();
    let json = std::fs::read_to_string("tests/fixtures/config/example.json").unwrap();
    let mut text = [HEAD, &example, BEHIND_EXAMPLE, &json, JSON].concat();
    for code in Code::ALL {
        text.push_str(&row(code.as_str(), code.meaning(), code.fix()));
    }
    golden(Path::new(FILE), &text);
}
