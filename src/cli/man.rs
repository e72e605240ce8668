//! `man`: manual pages, made from the same definition as `--help`.

use std::path::PathBuf;

use anyhow::Context;
use clap::{Args, Command};
use clap_mangen::Man as Page;
use clap_mangen::roff::{Roff, roman};

use super::{Outcome, help, print};

const MORE: &str = "\
Examples:
  weather-mcp-analytics man | man -l -
  weather-mcp-analytics man --out ~/.local/share/man/man1

Exit codes:
  0   done
  1   the folder could not be written
  2   wrong usage";

/// Print the manual page, or write those of all commands to a folder.
///
/// One page a command, in section 1: weather-mcp-analytics.1, weather-mcp-analytics-serve.1, ...
#[derive(Debug, Args)]
#[command(after_long_help = MORE)]
pub(super) struct Man {
    /// The folder to write all pages to; it is made when it is missing.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

pub(super) fn run(command: &Man) -> Outcome {
    let pages = pages();
    let Some(folder) = &command.out else {
        return print(&pages.iter().take(1).map(|page| page.text.as_str()).collect::<String>());
    };
    std::fs::create_dir_all(folder)
        .with_context(|| format!("cannot make the folder {}", folder.display()))?;
    for page in &pages {
        let path = folder.join(&page.file);
        std::fs::write(&path, &page.text)
            .with_context(|| format!("cannot write {}", path.display()))?;
    }
    print(&format!("{} pages written to {}\n", pages.len(), folder.display()))
}

/// A manual page and the name of its file.
struct Roffed {
    file: String,
    text: String,
}

/// Every page, the program's own first.
fn pages() -> Vec<Roffed> {
    let mut command = help::command().disable_help_subcommand(true);
    command.build();
    let mut pages = Vec::new();
    add(&command, &mut pages);
    pages
}

fn add(command: &Command, pages: &mut Vec<Roffed>) {
    // Empty help keeps clap_mangen from setting the sections below as one paragraph.
    let more = command.get_after_long_help().map(ToString::to_string).unwrap_or_default();
    let page = Page::new(command.clone()).manual("weather-mcp-analytics");
    let mut text = Vec::new();
    let rendered = page
        .render_title(&mut text)
        .and_then(|()| page.render_name_section(&mut text))
        .and_then(|()| page.render_synopsis_section(&mut text))
        .and_then(|()| page.render_description_section(&mut text))
        .and_then(|()| page.render_options_section(&mut text))
        .and_then(|()| match command.has_subcommands() {
            true => page.render_subcommands_section(&mut text),
            false => Ok(()),
        })
        .and_then(|()| sections(&more).to_writer(&mut text));
    rendered.expect("writing to memory cannot fail");
    let text = String::from_utf8_lossy(&text).into_owned();
    pages.push(Roffed { file: page.get_filename(), text });
    command.get_subcommands().filter(|it| !it.is_hide_set()).for_each(|it| add(it, pages));
}

/// Examples, exit codes and the like, line by line as they are.
fn sections(text: &str) -> Roff {
    let mut roff = Roff::new();
    let mut open = false;
    for line in text.lines().filter(|line| !line.is_empty()) {
        if help::is_heading(line) {
            if open {
                roff.control("fi", []);
            }
            roff.control("SH", [line.trim_end_matches(':').to_uppercase().as_str()]);
            roff.control("nf", []);
            open = true;
        } else {
            roff.text([roman(line)]);
        }
    }
    if open {
        roff.control("fi", []);
    }
    roff
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_has_a_page_with_its_examples() {
        let pages = pages();
        let page = |name: &str| {
            let file = format!("{name}.1");
            &pages.iter().find(|page| page.file == file).unwrap_or_else(|| panic!("{file}")).text
        };
        assert!(page("weather-mcp-analytics").contains(".SH \"EXIT CODES\""));
        for command in help::command().get_subcommands() {
            let name = format!("weather-mcp-analytics-{}", command.get_name());
            assert!(page(&name).contains(".SH EXAMPLES"), "{name}");
            for action in command.get_subcommands() {
                page(&format!("{name}-{}", action.get_name()));
            }
        }
    }
}
