//! `completions`: what a shell needs to complete commands and options.

use clap::Args;
use clap_complete::{Shell, generate};

use super::{Outcome, help, print};

const MORE: &str = "\
Examples:
  weather-mcp-analytics completions bash > ~/.local/share/bash-completion/completions/weather-mcp-analytics
  weather-mcp-analytics completions zsh > ~/.zfunc/_weather-mcp-analytics
  weather-mcp-analytics completions fish > ~/.config/fish/completions/weather-mcp-analytics.fish

Exit codes:
  0   done
  2   wrong usage";

/// Print completions for a shell.
///
/// Write them to where the shell looks for them, and open a new shell.
#[derive(Debug, Args)]
#[command(after_long_help = MORE)]
pub(super) struct Completions {
    /// The shell.
    #[arg(value_enum)]
    shell: Shell,
}

pub(super) fn run(command: &Completions) -> Outcome {
    print(&script(command.shell))
}

fn script(shell: Shell) -> String {
    let mut script = Vec::new();
    generate(shell, &mut help::command(), env!("CARGO_PKG_NAME"), &mut script);
    String::from_utf8_lossy(&script).into_owned()
}

#[cfg(test)]
mod tests {
    use clap::ValueEnum;

    use super::*;

    #[test]
    fn every_shell_knows_every_command() {
        for shell in Shell::value_variants() {
            let script = script(*shell);
            for command in help::command().get_subcommands() {
                assert!(script.contains(command.get_name()), "{shell}: {}", command.get_name());
            }
        }
    }
}
