//! The reference of every command, docs/cli.md: the long help of each, so that it cannot drift.

use std::path::Path;

use clap::Command;

use super::help;

const HEAD: &str = "\
# Command line

What `--help` says, command by command. Manual pages and completions for shells come from the program
itself: `weather-mcp-analytics man --out DIR`, `weather-mcp-analytics completions SHELL`.
";

fn markdown() -> String {
    let mut command = help::command().term_width(100).disable_help_subcommand(true);
    command.build();
    let mut out = HEAD.to_owned();
    add(&mut command, &mut out);
    out
}

fn add(command: &mut Command, out: &mut String) {
    let title = command.get_bin_name().unwrap_or(command.get_name()).to_owned();
    let text = command.render_long_help().to_string();
    let lines: Vec<&str> = text.trim_end().lines().map(str::trim_end).collect();
    out.push_str(&format!("\n## `{title}`\n\n```text\n{}\n```\n", lines.join("\n")));
    command.get_subcommands_mut().for_each(|it| add(it, out));
}

#[test]
fn the_reference_of_commands_is_current() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/cli.md");
    let text = markdown();
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&path, &text).unwrap();
    }
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(written == text, "docs/cli.md differs; run the test with UPDATE=1");
}
