//! `explain`: what each stage does to given events.

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anstream::{AutoStream, ColorChoice};
use anyhow::Context;
use clap::Args;
use stages::SystemClock;

use super::help::{environment, exit_codes};
use super::{ConfigFile, Outcome, block_on, print};
use crate::config::Flags;
use crate::explain::{as_request, explain};

/// Most bytes that are read: far more than any request may have, so that a larger one is refused by
/// the explanation and not by this.
const MOST: u64 = 16 << 20;

const MORE: &str = concat!(
    "\
Examples:
  echo '{\"version\":\"1.23.0\",\"tool\":\"Get_Forecast\",\"status\":\"success\",
    \"timestamp_hour\":\"'$(date -u +%Y-%m-%dT%H:00:00Z)'\",\"analytics_level\":\"minimal\"}' |
    weather-mcp-analytics explain
  weather-mcp-analytics explain --json body.json | jq '.events[] | {index, outcome}'

",
    exit_codes!("explained, whatever the verdicts", "the events could not be read or run"),
    "\n\n",
    environment!()
);

/// Show what each stage does to given events, without storing anything.
///
/// Takes a request body {"events": […]}, an array of events, or one event. For each event and each
/// stage it shows the verdict with code, place and message, the members that changed, and in the end
/// the row that would be stored; and how long each stage took. `ingest` and `worker` run as pipeline.yaml
/// lists them, with the real stages, but on an empty queue, store and memory of their own: nothing is
/// sent, stored or kept, and a running server does not notice.
///
/// Of an event that holds personal data it shows the findings (place, kind, detector), never a value.
#[derive(Debug, Args)]
#[command(after_long_help = MORE)]
pub(super) struct Explain {
    /// The events; `-` is standard input.
    #[arg(value_name = "FILE", default_value = "-")]
    file: PathBuf,
    /// Print JSON. docs/explain.md describes it.
    #[arg(long)]
    json: bool,
    /// When to use colour. `auto`: on a terminal, unless `NO_COLOR` is set.
    #[arg(long, value_name = "WHEN", default_value = "auto")]
    color: clap::ColorChoice,
    #[command(flatten)]
    config: ConfigFile,
}

pub(super) fn run(command: &Explain) -> Outcome {
    let registry = stages::registry();
    let loaded = command.config.load(&registry, Flags::default())?;
    let input = read(&command.file)?;
    let clock = Arc::new(SystemClock::new());
    let explained =
        block_on(async { Ok(explain(&loaded, &registry, clock, &as_request(&input)).await?) })?;
    if command.json {
        return print(&format!("{}\n", serde_json::to_string_pretty(&explained)?));
    }
    let choice = match command.color {
        clap::ColorChoice::Auto => ColorChoice::Auto,
        clap::ColorChoice::Always => ColorChoice::Always,
        clap::ColorChoice::Never => ColorChoice::Never,
    };
    let mut stdout = AutoStream::new(io::stdout().lock(), choice);
    Ok(stdout.write_all(explained.in_words().as_bytes())?)
}

fn read(file: &Path) -> anyhow::Result<Vec<u8>> {
    let mut input = Vec::new();
    let name = file.display();
    if file.as_os_str() == "-" {
        io::stdin().take(MOST).read_to_end(&mut input).context("cannot read standard input")?;
    } else {
        let file = File::open(file).with_context(|| format!("cannot read {name}"))?;
        file.take(MOST).read_to_end(&mut input).with_context(|| format!("cannot read {name}"))?;
    }
    Ok(input)
}
