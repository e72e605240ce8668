//! `check`: whether a configuration would start, and what it would do.

use clap::{Args, ValueEnum};
use stages::{Clock, StageSpec, SystemClock};

use super::help::{environment, exit_codes};
use super::{ConfigFile, Failure, Outcome, print};
use crate::config::settings::Listen;
use crate::config::{Flags, Loaded};
use crate::http::tls::Https;

const MORE: &str = concat!(
    "\
Examples:
  weather-mcp-analytics check
  weather-mcp-analytics check --config deploy/pipeline.yaml
  weather-mcp-analytics check --format json | jq '.errors[]'

",
    exit_codes!("the configuration is right", "the result could not be printed"),
    "\n\n",
    environment!()
);

/// Check the configuration and show the pipelines, without starting anything.
///
/// File and environment are read as `serve` reads them. Everything that is wrong is reported
/// at once, with code, file, line and column (exit code 78). No queue or database is opened; the
/// files of a certificate are read, because a server could not start without them.
#[derive(Debug, Args)]
#[command(after_long_help = MORE)]
pub(super) struct Check {
    #[command(flatten)]
    config: ConfigFile,
    /// How to say it. JSON goes to standard output whether or not something is wrong.
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// Forms of the answer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For people.
    #[default]
    Text,
    /// For editors and scripts: every problem with code, message, place and help.
    Json,
}

pub(super) fn run(command: &Check) -> Outcome {
    match (command.format, load(&command.config)) {
        (Format::Text, loaded) => print(&summary(&loaded?)),
        (Format::Json, Ok(loaded)) => print(&format!("{:#}\n", loaded.json())),
        (Format::Json, Err(Failure::Config(diagnostics))) => {
            print(&format!("{:#}\n", diagnostics.json()))?;
            Err(Failure::Reported)
        }
        (Format::Json, Err(failure)) => Err(failure),
    }
}

/// The configuration, and what it names as far as a start depends on it.
fn load(config: &ConfigFile) -> Result<Loaded, Failure> {
    let mut loaded = config.load(&stages::registry(), Flags::default())?;
    Https::open(&mut loaded, SystemClock::new().unix_millis() / 1_000)?;
    Ok(loaded)
}

fn summary(loaded: &Loaded) -> String {
    let server = &loaded.settings.server;
    let metrics = match server.metrics_listen {
        Listen::On(address) => address.to_string(),
        Listen::Off => "off".to_owned(),
    };
    let mut out = format!("{}: good\n\n", loaded.file());
    out.push_str(&format!("listen   {}\nmetrics  {metrics}\n", server.listen));
    if let Some(tls) = &server.tls {
        out.push_str(&format!("https    {}\n", tls.listen));
    }
    for (side, specs) in [("ingest", &loaded.settings.ingest), ("worker", &loaded.settings.worker)]
    {
        out.push_str(&format!("\n{side}\n"));
        for (index, spec) in specs.iter().enumerate() {
            out.push_str(&format!("  {:>2}  {}\n", index + 1, stage(spec)));
        }
    }
    if !loaded.notes.is_empty() {
        out.push('\n');
    }
    for note in &loaded.notes {
        out.push_str(&format!("{note}\n"));
    }
    out
}

fn stage(spec: &StageSpec) -> String {
    let name =
        if spec.label() == spec.stage { String::new() } else { format!(" ({})", spec.stage) };
    let dry = if spec.dry_run { " [dry run]" } else { "" };
    format!("{}{name}{dry}", spec.label())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stage_is_shown_by_its_label() {
        let mut spec = StageSpec::named("rate-limit");
        assert_eq!(stage(&spec), "rate-limit");
        spec.label = Some("events".to_owned());
        spec.dry_run = true;
        assert_eq!(stage(&spec), "events (rate-limit) [dry run]");
    }
}
