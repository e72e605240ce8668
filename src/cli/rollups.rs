//! `rollups`: whether they agree with the raw rows, and making them again.

use anyhow::bail;
use clap::{Args, Subcommand};
use stages::{Day, Hour};

use super::{ConfigFile, Failure, Outcome, block_on, print};
use crate::config::Flags;
use crate::config::settings::Settings;
use crate::store::read::Range;

/// Compare rollups with the raw rows they were made from, or make them again.
///
/// Works for times whose raw rows are still there (retention.raw), beside a running server.
#[derive(Debug, Args)]
pub(super) struct Rollups {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Compare, and show every difference. Exit code 1 when there is one.
    Verify(Span),
    /// Replace the rollups of a time by ones made from raw rows, in one transaction.
    Rebuild(Span),
}

#[derive(Debug, Args)]
struct Span {
    #[command(flatten)]
    config: ConfigFile,
    /// First hour: 2026-08-01 or 2026-08-01T05:00:00Z, in UTC.
    #[arg(long, value_name = "TIME", value_parser = hour)]
    from: Hour,
    /// First hour after the range, likewise.
    #[arg(long, value_name = "TIME", value_parser = hour)]
    to: Hour,
}

fn hour(text: &str) -> Result<Hour, &'static str> {
    let midnight = || Day::parse(text).and_then(|_| Hour::parse(&format!("{text}T00:00:00Z")));
    Hour::parse(text)
        .or_else(midnight)
        .ok_or("expected a UTC date or hour such as 2026-08-01 or 2026-08-01T05:00:00Z")
}

pub(super) fn run(command: &Rollups) -> Outcome {
    let (Action::Verify(span) | Action::Rebuild(span)) = &command.action;
    let range = Range { from: span.from, to: span.to };
    if range.from >= range.to {
        return Err(anyhow::anyhow!("--from must be before --to").into());
    }
    let settings = span.config.load(&stages::registry(), Flags::default())?.settings;
    match &command.action {
        Action::Verify(_) => {
            let differences = block_on(async { Ok(verify(&settings, range).await?) })?;
            print(&differences.iter().map(|line| format!("{line}\n")).collect::<String>())?;
            judge(differences.len())
        }
        Action::Rebuild(_) => {
            let rows = block_on(async { Ok(rebuild(&settings, range).await?) })?;
            print(&format!("{rows} rollup rows written\n"))
        }
    }
}

fn judge(differences: usize) -> Outcome {
    match differences {
        0 => print("rollups and raw rows agree\n"),
        n => Err(Failure::Operation(anyhow::anyhow!(
            "{n} differences; `rollups rebuild` mends them"
        ))),
    }
}

/// Every difference between rollups and raw rows, one line each.
async fn verify(_settings: &Settings, _range: Range) -> anyhow::Result<Vec<String>> {
    bail!("not wired")
}

/// Makes the rollups of a range again; answers how many rows they are.
async fn rebuild(_settings: &Settings, _range: Range) -> anyhow::Result<u64> {
    bail!("not wired")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_dates_or_hours() {
        for (text, want) in [
            ("2026-08-01", Some("2026-08-01T00:00:00Z")),
            ("2026-08-01T05:00:00Z", Some("2026-08-01T05:00:00Z")),
            ("2026-02-30", None),
            ("yesterday", None),
        ] {
            assert_eq!(hour(text).ok().map(|hour| hour.to_string()).as_deref(), want, "{text}");
        }
    }
}
