//! `migrate`: the schema of the store.

use std::num::NonZeroU32;

use clap::{Args, Subcommand};

use super::help::exit_codes;
use super::{ConfigFile, Outcome, block_on, existing_store, open_store, print};
use crate::config::settings::Settings;
use crate::config::{Flags, acceptance_window};
use crate::store::{Horizons, MigrationState};

const MORE: &str = concat!(
    "\
Examples:
  weather-mcp-analytics migrate status
  weather-mcp-analytics migrate up
  weather-mcp-analytics migrate down --steps 1

",
    exit_codes!("done, also when there was nothing to do", "the store could not be changed")
);

/// Bring the schema of the store up to date, take it back, or show it.
///
/// `serve` also brings it up to date when it starts. Only one process migrates at a time; others
/// wait for it.
#[derive(Debug, Args)]
#[command(after_long_help = MORE)]
pub(super) struct Migrate {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Apply every migration that is missing.
    Up {
        #[command(flatten)]
        config: ConfigFile,
    },
    /// Take migrations back, newest first. Data that only they hold is lost.
    Down {
        #[command(flatten)]
        config: ConfigFile,
        /// How many to take back.
        #[arg(long, value_name = "N", default_value = "1")]
        steps: NonZeroU32,
    },
    /// Show every migration and whether it is applied, and whether tables, columns, keys and
    /// indexes are really there. Exit code 1 when one is missing.
    Status {
        #[command(flatten)]
        config: ConfigFile,
    },
}

/// A migration, as `status` shows it.
struct Step {
    name: String,
    applied: bool,
}

pub(super) fn run(command: &Migrate) -> Outcome {
    let (Action::Up { config } | Action::Down { config, .. } | Action::Status { config }) =
        &command.action;
    let settings = config.load(&stages::registry(), Flags::default())?.settings;
    block_on(async {
        match &command.action {
            Action::Up { .. } => print(&done("applied", &up(&settings).await?)),
            Action::Down { steps, .. } => {
                print(&done("took back", &down(&settings, steps.get()).await?))
            }
            Action::Status { .. } => status(&settings).await,
        }
    })
}

fn done(verb: &str, names: &[String]) -> String {
    match names {
        [] => "nothing to do\n".to_owned(),
        names => names.iter().map(|name| format!("{verb} {name}\n")).collect(),
    }
}

fn listed(steps: &[Step]) -> String {
    let line = |step: &Step| {
        let state = if step.applied { "applied" } else { "pending" };
        format!("{state}  {}\n", step.name)
    };
    steps.iter().map(line).collect()
}

/// Applies what is missing; answers the names.
async fn up(settings: &Settings) -> anyhow::Result<Vec<String>> {
    let store = open_store(settings)?;
    // Before the first migration there is no database to ask.
    let before = store.migrate_status().await.unwrap_or_default();
    store.bring_up(&Horizons::new(acceptance_window(settings), &settings.retention)).await?;
    let after = store.migrate_status().await?;
    Ok(changed(&after, &before))
}

/// Takes migrations back; answers the names.
async fn down(settings: &Settings, steps: u32) -> anyhow::Result<Vec<String>> {
    let store = existing_store(settings).await?;
    let before = store.migrate_status().await?;
    store.migrate_down(steps).await?;
    let after = store.migrate_status().await?;
    Ok(changed(&before, &after))
}

/// Every migration, oldest first, and what the database lacks of what they make.
async fn status(settings: &Settings) -> Outcome {
    let store = existing_store(settings).await?;
    let states = store.migrate_status().await?;
    let applied = states.iter().all(|state| state.applied);
    let steps = states.into_iter().map(|state| Step { name: state.name, applied: state.applied });
    print(&listed(&steps.collect::<Vec<_>>()))?;
    if !applied {
        return Ok(());
    }
    let faults = store.schema_faults().await?;
    if faults.is_empty() {
        return print("every table, column, key and index is there\n");
    }
    print(&faults.iter().map(|fault| format!("missing  {fault}\n")).collect::<String>())?;
    let message =
        "the schema is not what the migrations make; restore what is missing from a backup";
    Err(anyhow::anyhow!(message).into())
}

/// The migrations that `with` has applied and `without` has not.
fn changed(with: &[MigrationState], without: &[MigrationState]) -> Vec<String> {
    let applied = |states: &[MigrationState], name: &str| {
        states.iter().any(|state| state.name == name && state.applied)
    };
    let names = with.iter().map(|state| &state.name);
    names.filter(|name| applied(with, name) && !applied(without, name)).cloned().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_are_shown_a_line_each() {
        assert_eq!(done("applied", &[]), "nothing to do\n");
        assert_eq!(done("applied", &["a".to_owned(), "b".to_owned()]), "applied a\napplied b\n");
        let steps = [("a", true), ("b", false)]
            .map(|(name, applied)| Step { name: name.to_owned(), applied });
        assert_eq!(listed(&steps), "applied  a\npending  b\n");
    }
}
