//! `dead-letters`: events that the store would not take.

use std::fmt;
use std::str::FromStr;

use anyhow::bail;
use clap::{Args, Subcommand};

use super::{ConfigFile, Failure, Outcome, block_on, print};
use crate::config::Flags;
use crate::config::settings::Settings;

/// List, show, replay or drop events that the store would not take.
///
/// A dead letter holds the scanned event, never personal data, and the reason. It can be replayed
/// once the reason is gone, for instance after an upgrade, or dropped. All of it works beside a
/// running server.
#[derive(Debug, Args)]
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

/// A dead letter, as it is shown.
struct Letter {
    id: Id,
    code: String,
    sqlstate: Option<String>,
    first_seen: String,
    attempts: u64,
    /// The scanned event as JSON; not read for lists.
    event: Option<String>,
}

/// What became of dead letters.
#[derive(Default)]
struct Replayed {
    persisted: u64,
    duplicate: u64,
    /// Refused again; they stay dead letters.
    refused: u64,
}

pub(super) fn run(command: &DeadLetters) -> Outcome {
    let settings = command.config.load(&stages::registry(), Flags::default())?.settings;
    let shown = block_on(act(&command.action, &settings))?;
    print(&shown)
}

async fn act(action: &Action, settings: &Settings) -> Result<String, Failure> {
    Ok(match action {
        Action::List => table(&list(settings).await?),
        Action::Show { id } => match show(settings, *id).await? {
            Some(letter) => details(&letter),
            None => return Err(anyhow::anyhow!("there is no dead letter {id}").into()),
        },
        Action::Replay { which } => {
            let ids = (!which.all).then_some(which.ids.as_slice());
            let replayed = replay(settings, ids).await?;
            format!(
                "{} stored, {} duplicates, {} refused again\n",
                replayed.persisted, replayed.duplicate, replayed.refused
            )
        }
        Action::Drop { ids } => format!("{} dropped\n", drop_letters(settings, ids).await?),
    })
}

fn table(letters: &[Letter]) -> String {
    if letters.is_empty() {
        return "there are no dead letters\n".to_owned();
    }
    let mut out = format!("{:<32}  {:<24}  {:<20}  ATTEMPTS\n", "ID", "CODE", "FIRST SEEN");
    for letter in letters {
        let Letter { id, code, first_seen, attempts, .. } = letter;
        out.push_str(&format!("{id}  {code:<24}  {first_seen:<20}  {attempts}\n"));
    }
    out
}

fn details(letter: &Letter) -> String {
    format!(
        "id          {}\ncode        {}\nsqlstate    {}\nfirst seen  {}\nattempts    {}\nevent       {}\n",
        letter.id,
        letter.code,
        letter.sqlstate.as_deref().unwrap_or("none"),
        letter.first_seen,
        letter.attempts,
        letter.event.as_deref().unwrap_or("none"),
    )
}

/// All dead letters, oldest first, without their events.
async fn list(_settings: &Settings) -> anyhow::Result<Vec<Letter>> {
    bail!("not wired")
}

/// One dead letter, with its event.
async fn show(_settings: &Settings, _id: Id) -> anyhow::Result<Option<Letter>> {
    bail!("not wired")
}

/// Replays some, or all when none are named.
async fn replay(_settings: &Settings, _ids: Option<&[Id]>) -> anyhow::Result<Replayed> {
    bail!("not wired")
}

/// Drops some; answers how many there were.
async fn drop_letters(_settings: &Settings, _ids: &[Id]) -> anyhow::Result<u64> {
    bail!("not wired")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn letter() -> Letter {
        Letter {
            id: "000000000000000000000000000000FF".parse().unwrap(),
            code: "expired".to_owned(),
            sqlstate: None,
            first_seen: "2026-08-20T14:00:00Z".to_owned(),
            attempts: 2,
            event: Some("{}".to_owned()),
        }
    }

    #[test]
    fn ids_are_read_as_they_are_shown() {
        assert_eq!(letter().id.to_string(), "000000000000000000000000000000ff");
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
            details(&letter()),
            "id          000000000000000000000000000000ff\ncode        expired\nsqlstate    none\n\
             first seen  2026-08-20T14:00:00Z\nattempts    2\nevent       {}\n"
        );
    }
}
