//! `purge`: removing what should never have been sent.

use std::fmt::Write as _;

use clap::{ArgGroup, Args};

use super::help::exit_codes;
use super::{ConfigFile, Failure, Outcome, block_on, existing_store, print};
use crate::config::settings::Settings;
use crate::config::{Flags, Loaded};
use crate::purge::{Condition, Filter, Found, Place};

const MORE: &str = concat!(
    "\
Without --yes nothing is changed: what would be removed is counted and shown.

FIELD is a column of `events` (docs/schema.md), or parameters.KEY for a parameter of the call.
Queue, dead letters and rows are looked through; the rollups of the days concerned are counted again
from the rows that are left. Then the bytes are removed: files are written anew (VACUUM, VACUUM
FULL, BGREWRITEAOF), for which the disk needs room for a second copy. It works beside running
servers and workers; what arrives later is not removed, so stop what sends it first.

Beyond its reach are rollups of days whose rows are gone (it says which), backups, replicas,
archived logs of the database server, and spools of servers that Redis is away from.

Examples:
  weather-mcp-analytics purge --where version=1.2.3-somebody
  weather-mcp-analytics purge --where tool=get_alerts --where parameters.units=secret --yes
  weather-mcp-analytics purge --unreadable --yes

",
    exit_codes!("done, also when there was nothing to do", "something could not be removed")
);

/// Remove events from everywhere, down to the bytes on the disk.
///
/// For what should never have been sent, and slipped through: an error type that is a name, a version
/// that is an address.
#[derive(Debug, Args)]
#[command(
    after_long_help = MORE,
    group = ArgGroup::new("what").required(true).args(["conditions", "unreadable"])
)]
pub(super) struct Purge {
    /// Events of which FIELD has this value. Given several times: of which all are so.
    #[arg(long = "where", value_name = "FIELD=VALUE")]
    conditions: Vec<Condition>,
    /// Entries of the queue that this release cannot read: damaged, or written by a newer one.
    #[arg(long)]
    unreadable: bool,
    /// Really remove them.
    #[arg(long)]
    yes: bool,
    #[command(flatten)]
    config: ConfigFile,
}

pub(super) fn run(command: &Purge) -> Outcome {
    let loaded = command.config.load(&stages::registry(), Flags::default())?;
    block_on(async {
        let (shown, complete) = act(command, loaded).await?;
        print(&shown)?;
        if complete {
            return Ok(());
        }
        Err(Failure::Operation(anyhow::anyhow!("not everything could be removed")))
    })
}

/// What to show, and whether everything was done.
async fn act(command: &Purge, loaded: Loaded) -> anyhow::Result<(String, bool)> {
    let store = existing_store(&loaded.settings).await?;
    let reach = beyond(&loaded.settings);
    let place = Place::open(loaded, store).await?;
    let done = match Filter::new(command.conditions.clone()) {
        Some(filter) if command.yes => place.remove(&filter).await.map(|found| {
            let complete = found.undone.is_empty();
            (report(&found, true) + &reach, complete)
        }),
        Some(filter) => place.find(&filter).await.map(|found| (report(&found, false), true)),
        None => unreadable(&place, command.yes).await,
    };
    place.close().await;
    done
}

async fn unreadable(place: &Place, yes: bool) -> anyhow::Result<(String, bool)> {
    let entries = place.unreadable().await?;
    let events: u64 = entries.iter().map(|entry| entry.events).sum();
    let mut shown = String::new();
    for entry in &entries {
        if let Err(error) = &entry.entry {
            writeln!(
                shown,
                "{}  received {}  {} events: {error}",
                entry.id, entry.received, entry.events
            )?;
        }
    }
    if entries.is_empty() {
        return Ok(("every entry of the queue can be read\n".to_owned(), true));
    }
    if !yes {
        writeln!(shown, "{} entries with {events} events; --yes removes them", entries.len())?;
        return Ok((shown, true));
    }
    let undone = place.discard(&entries).await?;
    writeln!(shown, "{} entries with {events} events removed", entries.len())?;
    undone.iter().try_for_each(|what| writeln!(shown, "not done: {what}"))?;
    Ok((shown, undone.is_empty()))
}

fn report(found: &Found, removed: bool) -> String {
    let mut lines = Vec::new();
    let days = match (found.rows.first(), found.rows.last()) {
        (Some(first), Some(last)) => {
            format!(" of {} days, {} to {}", found.rows.len(), first.day, last.day)
        }
        _ => String::new(),
    };
    lines.push(format!("rows          {}{days}", found.row_count()));
    lines.push(format!("queue         {} events", found.queued));
    lines.push(format!("dead letters  {}", found.letters));
    if found.unreadable > 0 {
        lines.push(format!(
            "not judged    {} entries or dead letters that this release cannot read",
            found.unreadable
        ));
    }
    for residue in &found.residues {
        let (first, last) = residue.days;
        lines.push(format!(
            "out of reach  {} cells of {} from {first} to {last}: the rows of these days are gone, so \
             what was counted of them stays",
            residue.cells, residue.table
        ));
    }
    lines.extend(found.undone.iter().map(|what| format!("not done      {what}")));
    lines.push(match (removed, found.is_empty()) {
        (true, _) => "removed; the rollups of these days are counted again".to_owned(),
        (false, true) => "there is nothing to remove".to_owned(),
        (false, false) => "nothing was changed; --yes removes this".to_owned(),
    });
    lines.join("\n") + "\n"
}

/// Where copies may be that no command reaches.
fn beyond(settings: &Settings) -> String {
    let mut places = vec!["backups and snapshots made before now"];
    if settings.store.url.expose().starts_with("postgres") {
        places.push(
            "replicas and archived WAL of PostgreSQL, and its WAL files until they are reused",
        );
    }
    if settings.queue.url.expose().starts_with("redis") {
        places.push("replicas of Redis, and spools of servers that it is away from");
    }
    format!("not reached: {}\n", places.join("; "))
}
