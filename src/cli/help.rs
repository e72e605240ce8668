//! The command line as clap sees it, and what the help of several commands has in common. What one
//! command alone says (examples, exit codes) stands in its file.

use clap::{Command, CommandFactory};

use super::Cli;

/// What every command's exit codes have in common.
macro_rules! exit_codes {
    ($done:literal, $failed:literal) => {
        concat!(
            "Exit codes:\n  0   ",
            $done,
            "\n  1   ",
            $failed,
            "\n  2   wrong usage\n  78  the configuration is wrong; nothing was started or changed"
        )
    };
}

/// Where settings come from; the same for every command that reads them.
macro_rules! environment {
    () => {
        "\
Environment:
  ANALYTICS_<SECTION>__<KEY>       any setting, for instance ANALYTICS_STORE__URL
  ANALYTICS_STAGE__<LABEL>__<KEY>  any setting of a stage, for instance
                                   ANALYTICS_STAGE__RATE_LIMIT__REQUESTS_PER_MINUTE
  NO_COLOR                         no colours

  Flags win over variables, variables over the file. A variable with a double underscore that fits
  no setting is an error; those with single ones (ANALYTICS_ENABLED, ...) belong to the client."
    };
}

pub(super) const ROOT: &str = concat!(
    "\
Examples:
  weather-mcp-analytics                        run, with page and ingest on http://127.0.0.1:3000
  weather-mcp-analytics check                  see what pipeline.yaml would do
  weather-mcp-analytics help dead-letters      read about a command

",
    exit_codes!("done", "the operation failed"),
    "\n\n",
    environment!(),
    "\n\nWithout a command, `serve` runs and takes the options above."
);

pub(super) use environment;
pub(super) use exit_codes;

/// Headings of the list of commands, in order.
const GROUPS: [(&str, &[&str]); 5] = [
    ("Run", &["serve", "healthcheck"]),
    ("Try", &["demo", "explain", "scan"]),
    ("Configure", &["check", "schema"]),
    ("Look after the data", &["migrate", "rollups", "dead-letters", "copy", "purge"]),
    ("Install", &["completions", "man"]),
];

/// The whole command line.
pub(super) fn command() -> Command {
    let command = styled(Cli::command());
    let list = commands(&command);
    let template = format!(
        "{{about-with-newline}}\n{{usage-heading}} {{usage}}\n\n{list}{}\n{{options}}{{after-help}}",
        heading(&command, "Options")
    );
    // Under its own headings each option of `serve` would push the commands out of sight.
    command.mut_args(|arg| arg.help_heading(None::<&str>)).help_template(template)
}

/// The commands under their headings; one that belongs nowhere comes last.
fn commands(command: &Command) -> String {
    let literal = command.get_styles().get_literal();
    let width = command.get_subcommands().map(|it| it.get_name().len()).max().unwrap_or_default();
    let line = |it: &Command| {
        let about = it.get_about().map(ToString::to_string).unwrap_or_default();
        format!("  {literal}{:<width$}{literal:#}  {about}\n", it.get_name())
    };
    let mut out = String::new();
    for (name, members) in GROUPS {
        let found = members.iter().filter_map(|it| command.find_subcommand(it));
        let lines: String = found.map(line).collect();
        if !lines.is_empty() {
            out.push_str(&format!("{}\n{lines}\n", heading(command, name)));
        }
    }
    let rest: String = command.get_subcommands().filter(|it| !is_grouped(it)).map(line).collect();
    if rest.is_empty() { out } else { format!("{out}{}\n{rest}\n", heading(command, "Other")) }
}

fn is_grouped(command: &Command) -> bool {
    GROUPS.iter().any(|(_, members)| members.contains(&command.get_name()))
}

fn heading(command: &Command, text: &str) -> String {
    let header = command.get_styles().get_header();
    format!("{header}{text}:{header:#}")
}

/// Gives the headings of the texts above the look of clap's own, in every command.
fn styled(command: Command) -> Command {
    let text = command.get_after_long_help().map(ToString::to_string);
    let command = match text {
        Some(text) => {
            let line = |line: &str| match is_heading(line) {
                true => heading(&command, line.trim_end_matches(':')),
                false => line.to_owned(),
            };
            let text: Vec<String> = text.lines().map(line).collect();
            command.after_long_help(text.join("\n"))
        }
        None => command,
    };
    command.mut_subcommands(styled)
}

/// Whether a line of the texts above begins a section.
pub(super) fn is_heading(line: &str) -> bool {
    line.ends_with(':') && !line.starts_with(' ')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_stands_under_a_heading() {
        let command = command();
        let homeless: Vec<_> =
            command.get_subcommands().filter(|it| !is_grouped(it)).map(Command::get_name).collect();
        assert!(homeless.is_empty(), "name them in GROUPS: {homeless:?}");
    }

    #[test]
    fn every_command_says_what_it_does_with_examples_and_exit_codes() {
        for command in command().get_subcommands() {
            let name = command.get_name();
            let about = command.get_about().expect(name).to_string();
            assert!(!about.ends_with('.') && about.len() <= 80, "{name}: {about}");
            assert!(command.get_long_about().is_some(), "{name} has no long description");
            let more = command.get_after_long_help().expect(name).to_string();
            for section in ["Examples:", "Exit codes:"] {
                assert!(more.lines().any(|line| line == section), "{name} has no {section}");
            }
        }
    }

    #[test]
    fn no_line_is_wider_than_a_hundred() {
        fn check(command: &mut Command) {
            for text in [command.render_help(), command.render_long_help()] {
                for line in text.to_string().lines().filter(|line| !line.contains(" > ~/")) {
                    assert!(line.chars().count() <= 100, "{}: {line}", command.get_name());
                }
            }
            command.get_subcommands_mut().for_each(check);
        }
        let mut command = command().term_width(100);
        command.build();
        check(&mut command);
    }
}
