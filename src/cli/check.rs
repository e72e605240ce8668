//! `check`: whether a configuration would start, and what it would do.

use clap::Args;
use stages::StageSpec;

use super::{ConfigFile, Outcome, print};
use crate::config::settings::Listen;
use crate::config::{Flags, Loaded};

/// Check the configuration and show the pipelines, without starting anything.
///
/// File and environment are read as `serve` reads them. Everything that is wrong is reported
/// at once, with file, line and column (exit code 78). No queue or database is opened.
#[derive(Debug, Args)]
pub(super) struct Check {
    #[command(flatten)]
    config: ConfigFile,
}

pub(super) fn run(command: &Check) -> Outcome {
    let loaded = command.config.load(&stages::registry(), Flags::default())?;
    print(&summary(&loaded))
}

fn summary(loaded: &Loaded) -> String {
    let server = &loaded.settings.server;
    let metrics = match server.metrics_listen {
        Listen::On(address) => address.to_string(),
        Listen::Off => "off".to_owned(),
    };
    let mut out = format!("{}: good\n\n", loaded.file());
    out.push_str(&format!("listen   {}\nmetrics  {metrics}\n", server.listen));
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
