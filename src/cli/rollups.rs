//! `rollups`: whether they agree with the raw rows, and making them again.

use clap::{Args, Subcommand};
use stages::Day;

use super::help::exit_codes;
use super::{ConfigFile, Failure, Outcome, block_on, existing_store, print};
use crate::app::identity_key;
use crate::config::Flags;
use crate::store::Difference;

const MORE: &str = concat!(
    "\
Examples:
  weather-mcp-analytics rollups verify
  weather-mcp-analytics rollups rebuild --from 2026-08-01 --to 2026-08-02

",
    exit_codes!("they agree, or are made anew", "they differ, or could not be read or made")
);

/// Compare rollups with raw rows, or make them anew.
///
/// Rollups are what pages and statistics read. Works for times whose raw rows are still there
/// (`retention.raw`), beside a running server. The queue is opened too: it keeps the key under which
/// sessions are counted.
#[derive(Debug, Args)]
#[command(after_long_help = MORE)]
pub(super) struct Rollups {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Compare, and show every difference. Exit code 1 when there is one.
    Verify(Span),
    /// Replace rollups by ones made from raw rows, one transaction a day.
    Rebuild(Span),
}

#[derive(Debug, Args)]
struct Span {
    #[command(flatten)]
    config: ConfigFile,
    /// First UTC date, for instance 2026-08-01. Default: the oldest that has raw rows.
    #[arg(long, value_name = "DATE", value_parser = day)]
    from: Option<Day>,
    /// First UTC date after the range. Default: the one after the newest that has raw rows.
    #[arg(long, value_name = "DATE", value_parser = day)]
    to: Option<Day>,
}

fn day(text: &str) -> Result<Day, &'static str> {
    Day::parse(text).ok_or("expected a UTC date such as 2026-08-01")
}

pub(super) fn run(command: &Rollups) -> Outcome {
    let (Action::Verify(span) | Action::Rebuild(span)) = &command.action;
    let settings = span.config.load(&stages::registry(), Flags::default())?.settings;
    let verify = matches!(command.action, Action::Verify(_));
    block_on(async {
        let store = existing_store(&settings).await?;
        let Some((oldest, newest)) = store.raw_days(settings.retention.raw).await? else {
            return print("there is no day with all its raw rows\n");
        };
        let (from, to) = (span.from.unwrap_or(oldest), span.to.unwrap_or(newest.plus(1)));
        if from < oldest {
            let message = format!("raw rows are whole from {oldest} on; begin there");
            return Err(anyhow::anyhow!(message).into());
        }
        if from >= to {
            return Err(anyhow::anyhow!("--from must be before --to").into());
        }
        let key = identity_key(&settings).await?;
        if verify {
            let differences = store.verify(&key, from, to).await?;
            print(&differences.iter().map(line).collect::<String>())?;
            return judge(differences.len());
        }
        store.rebuild(&key, from, to).await?;
        print(&format!("rollups of {from} up to {to} are made anew\n"))
    })
}

fn line(difference: &Difference) -> String {
    let Difference { table, key, stored, raw } = difference;
    let unit = if *table == "sessions_day" { "sessions" } else { "calls" };
    let calls = |calls: &Option<u64>| calls.map_or("nothing".to_owned(), |n| format!("{n} {unit}"));
    let what = match stored == raw {
        true => "another measure differs".to_owned(),
        false => format!("{} stored, {} in raw rows", calls(stored), calls(raw)),
    };
    format!("{table}: {key}: {what}\n")
}

fn judge(differences: usize) -> Outcome {
    match differences {
        0 => print("rollups and raw rows agree\n"),
        n => Err(Failure::Operation(anyhow::anyhow!(
            "{n} differences; `rollups rebuild` mends them"
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn differences_say_what_differs() {
        let shown = |stored, raw| {
            line(&Difference { table: "rollup_day", key: "a / b".to_owned(), stored, raw })
        };
        assert_eq!(
            shown(Some(2), None),
            "rollup_day: a / b: 2 calls stored, nothing in raw rows\n"
        );
        assert_eq!(shown(Some(2), Some(2)), "rollup_day: a / b: another measure differs\n");
    }

    #[test]
    fn dates_are_dates() {
        assert!(day("2026-08-01").is_ok() && day("2026-02-30").is_err() && day("today").is_err());
    }
}
