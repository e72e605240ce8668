//! `dead-letters`: events that the store would not take.

use std::fmt;
use std::str::FromStr;

use anyhow::bail;
use clap::{Args, Subcommand};
use stages::Services;

use super::help::exit_codes;
use super::{ConfigFile, Failure, Outcome, block_on, existing_store, print};
use crate::app::identity_key;
use crate::config::{Flags, Loaded, check_pipelines};
use crate::store::{Database, Letter};

/// Letters that are replayed in one transaction.
const GROUP: usize = 5_000;

const MORE: &str = concat!(
    "\
Examples:
  weather-mcp-analytics dead-letters list
  weather-mcp-analytics dead-letters show 00112233445566778899aabbccddeeff
  weather-mcp-analytics dead-letters replay --all
  weather-mcp-analytics dead-letters drop 00112233445566778899aabbccddeeff

",
    exit_codes!("done", "there is no such dead letter, or the store refused some again")
);

/// List, show, replay or drop events that the store would not take.
///
/// A dead letter holds the scanned event, never personal data, and the reason. It can be replayed
/// once the reason is gone, for instance after an upgrade, or dropped. All of it works beside a
/// running server.
#[derive(Debug, Args)]
#[command(after_long_help = MORE)]
pub(super) struct DeadLetters {
    #[command(subcommand)]
    action: Action,
    #[command(flatten)]
    config: ConfigFile,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Show every dead letter: id, code, first seen, attempts.
    List,
    /// Show one dead letter with its event.
    Show {
        /// The dead letter: 32 hexadecimal digits, as `list` shows them.
        id: Id,
    },
    /// Store dead letters as if they came now. Repeats of stored events count as duplicates.
    Replay {
        #[command(flatten)]
        which: Which,
    },
    /// Give dead letters up for good; the ledger counts them as discarded.
    Drop {
        /// The dead letters.
        #[arg(required = true, value_name = "ID")]
        ids: Vec<Id>,
    },
}

#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
struct Which {
    /// The dead letters.
    #[arg(value_name = "ID")]
    ids: Vec<Id>,
    /// All of them.
    #[arg(long)]
    all: bool,
}

/// A dead letter's id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Id([u8; 16]);

impl FromStr for Id {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const HINT: &str = "expected 32 hexadecimal digits, as `dead-letters list` shows them";
        let digits = text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        let number = u128::from_str_radix(text, 16).map_err(|_| HINT)?;
        if digits { Ok(Self(number.to_be_bytes())) } else { Err(HINT) }
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", u128::from_be_bytes(self.0))
    }
}

pub(super) fn run(command: &DeadLetters) -> Outcome {
    let loaded = command.config.load(&stages::registry(), Flags::default())?;
    let shown = block_on(act(&command.action, &loaded))?;
    print(&shown)
}

async fn act(action: &Action, loaded: &Loaded) -> Result<String, Failure> {
    let store = existing_store(&loaded.settings).await?;
    let names = |ids: &[Id]| ids.iter().map(Id::to_string).collect::<Vec<_>>();
    Ok(match action {
        Action::List => table(&store.dead_letters(u32::MAX).await?),
        Action::Show { id } => show(&store, &id.to_string()).await?,
        Action::Replay { which } if which.all => {
            let letters = store.dead_letters(u32::MAX).await?;
            replay(&store, loaded, letters.into_iter().map(|letter| letter.id).collect()).await?
        }
        Action::Replay { which } => replay(&store, loaded, names(&which.ids)).await?,
        Action::Drop { ids } => {
            format!("{} dropped\n", store.drop_dead_letters(&names(ids)).await?)
        }
    })
}

async fn show(store: &Database, id: &str) -> anyhow::Result<String> {
    let letters = store.dead_letters(u32::MAX).await?;
    let letter = letters.into_iter().find(|letter| letter.id == id);
    match (letter, store.dead_letter_payload(id).await?) {
        (Some(letter), Some(event)) => Ok(details(&letter, &event)),
        _ => bail!("there is no dead letter {id}"),
    }
}

/// Runs letters through the worker's stages as they are configured now.
async fn replay(store: &Database, loaded: &Loaded, ids: Vec<String>) -> anyhow::Result<String> {
    let registry = stages::registry();
    let identity_key = identity_key(&loaded.settings).await?;
    let services = Services { identity_key, ..stages::testing::services() };
    // The file was checked when it was loaded, so that this can only fail for a stage whose
    // building depends on more than its settings.
    let Ok((_, worker)) = check_pipelines(loaded, &registry, &services) else {
        bail!("the stages of `worker` cannot be built");
    };
    let mut outcome = stages::ports::Outcome::default();
    for group in ids.chunks(GROUP) {
        outcome.add(&store.replay_dead_letters(group, &worker, &()).await?);
    }
    let shown = format!(
        "{} stored, {} duplicates, {} refused again\n",
        outcome.persisted, outcome.duplicate, outcome.dead_letter
    );
    if outcome.dead_letter > 0 {
        bail!("{shown}what was refused again stays a dead letter; `dead-letters list` says why");
    }
    Ok(shown)
}

fn table(letters: &[Letter]) -> String {
    if letters.is_empty() {
        return "there are no dead letters\n".to_owned();
    }
    let mut out = format!("{:<32}  {:<24}  {:<20}  ATTEMPTS\n", "ID", "CODE", "FIRST SEEN");
    for letter in letters {
        let Letter { id, code, attempts, .. } = letter;
        let first_seen = letter.first_seen.to_string();
        out.push_str(&format!("{id}  {code:<24}  {first_seen:<20}  {attempts}\n"));
    }
    out
}

fn details(letter: &Letter, event: &str) -> String {
    format!(
        "id          {}\ncode        {}\nsqlstate    {}\nfirst seen  {}\nattempts    {}\nevent       {event}\n",
        letter.id,
        letter.code,
        letter.sqlstate.as_deref().unwrap_or("none"),
        letter.first_seen,
        letter.attempts,
    )
}

#[cfg(test)]
mod tests {
    use stages::Hour;

    use super::*;

    fn letter() -> Letter {
        Letter {
            id: "000000000000000000000000000000ff".to_owned(),
            code: "expired".to_owned(),
            sqlstate: None,
            received: Hour::from_epoch_hours(0),
            first_seen: Hour::containing(1_787_234_400),
            attempts: 2,
        }
    }

    #[test]
    fn ids_are_read_as_they_are_shown() {
        let id: Id = "000000000000000000000000000000FF".parse().unwrap();
        assert_eq!(id.to_string(), letter().id);
        for bad in ["", "ff", "+0000000000000000000000000000000", &"g".repeat(32), &"0".repeat(33)]
        {
            assert!(bad.parse::<Id>().is_err(), "{bad}");
        }
    }

    #[test]
    fn letters_are_shown_in_columns() {
        assert_eq!(table(&[]), "there are no dead letters\n");
        assert_eq!(
            table(&[letter()]),
            "ID                                CODE                      FIRST SEEN            ATTEMPTS\n\
             000000000000000000000000000000ff  expired                   2026-08-20T14:00:00Z  2\n"
        );
        assert_eq!(
            details(&letter(), "{}"),
            "id          000000000000000000000000000000ff\ncode        expired\nsqlstate    none\n\
             first seen  2026-08-20T14:00:00Z\nattempts    2\nevent       {}\n"
        );
    }
}
