//! The command line: one file a subcommand, and what they share.
//!
//! Exit codes: 0 done; 1 the operation failed; 2 wrong usage; 78 the configuration is wrong.

mod check;
mod completions;
mod copy;
mod dead_letters;
mod demo;
mod explain;
mod healthcheck;
mod help;
mod man;
mod migrate;
mod purge;
#[cfg(test)]
mod reference;
mod rollups;
mod scan;
mod schema;
mod serve;

use std::future::Future;
use std::io::{ErrorKind, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use clap::builder::styling::AnsiColor;
use clap::{Args, FromArgMatches, Parser, Subcommand};
use stages::{Registry, SystemClock};

use crate::advice::{Advised, help_of};
use crate::config::settings::Settings;
use crate::config::{Diagnostics, Flags, LoadArgs, Loaded, load};
use crate::store::{Database, Unusable};

pub use serve::Role;

/// Privacy-first, self-hosted usage telemetry for MCP servers.
///
/// Clients post batches of anonymous usage events; stages that pipeline.yaml lists check, clean and
/// queue them; a worker turns them into rows and rollups; a page and a stats API show the result.
#[derive(Debug, Parser)]
#[command(
    version,
    after_help = "Without a command, `serve` runs. `help COMMAND` says all about one.",
    after_long_help = help::ROOT,
    args_conflicts_with_subcommands = true,
    max_term_width = 100
)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    serve: serve::Serve,
}

#[derive(Debug, Subcommand)]
enum Command {
    Serve(serve::Serve),
    Check(check::Check),
    Demo(demo::Demo),
    Explain(explain::Explain),
    Scan(scan::Scan),
    Schema(schema::Schema),
    Migrate(migrate::Migrate),
    DeadLetters(dead_letters::DeadLetters),
    Copy(copy::Copy),
    Rollups(rollups::Rollups),
    Purge(purge::Purge),
    Healthcheck(healthcheck::Healthcheck),
    Completions(completions::Completions),
    Man(man::Man),
}

/// The file to read.
#[derive(Debug, Clone, Default, Args)]
struct ConfigFile {
    /// The configuration to read.
    ///
    /// Without it, ./pipeline.yaml is read or, when there is none, the built-in one applies.
    /// Environment variables and flags win over the file.
    #[arg(long, value_name = "FILE", help_heading = "Configuration")]
    config: Option<PathBuf>,
}

impl ConfigFile {
    /// Loads it, with the environment and `overrides` on top.
    fn load(&self, registry: &Registry, overrides: Flags) -> Result<Loaded, Failure> {
        // Variables that are not UTF-8 cannot be settings of ours.
        let text = |(name, value): (std::ffi::OsString, std::ffi::OsString)| {
            Some((name.into_string().ok()?, value.into_string().ok()?))
        };
        let env = std::env::vars_os().filter_map(text);
        let args = LoadArgs { file: self.config.clone(), env, overrides, registry };
        load(args).map_err(Failure::Config)
    }
}

/// Why a command did not do what it was asked.
#[derive(Debug)]
enum Failure {
    /// The configuration is wrong.
    Config(Diagnostics),
    /// The operation failed.
    Operation(anyhow::Error),
    /// The configuration is wrong, and the command has said so in a form of its own.
    Reported,
    /// The operation failed, and the log says why.
    Logged,
}

impl<E: Into<anyhow::Error>> From<E> for Failure {
    fn from(error: E) -> Self {
        // What a configuration names is looked at only when it is used.
        error.into().downcast().map_or_else(Self::Operation, Self::Config)
    }
}

type Outcome = Result<(), Failure>;

/// Runs the command line of this process.
pub fn main() -> ExitCode {
    let matches = help::command().get_matches();
    let cli = Cli::from_arg_matches(&matches).unwrap_or_else(|error| error.exit());
    let outcome = match cli.command.unwrap_or(Command::Serve(cli.serve)) {
        Command::Serve(command) => serve::run(&command),
        Command::Check(command) => check::run(&command),
        Command::Demo(command) => demo::run(&command),
        Command::Explain(command) => explain::run(&command),
        Command::Scan(command) => scan::run(&command),
        Command::Schema(command) => schema::run(&command),
        Command::Migrate(command) => migrate::run(&command),
        Command::DeadLetters(command) => dead_letters::run(&command),
        Command::Copy(command) => copy::run(&command),
        Command::Rollups(command) => rollups::run(&command),
        Command::Purge(command) => purge::run(&command),
        Command::Healthcheck(command) => healthcheck::run(&command),
        Command::Completions(command) => completions::run(&command),
        Command::Man(command) => man::run(&command),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            complain(&failure);
            ExitCode::from(failure.code())
        }
    }
}

impl Failure {
    const fn code(&self) -> u8 {
        match self {
            // EX_CONFIG of sysexits.h: service managers can be told not to restart on it.
            Self::Config(_) | Self::Reported => 78,
            Self::Operation(_) | Self::Logged => 1,
        }
    }
}

fn complain(failure: &Failure) {
    let text = match failure {
        Failure::Config(diagnostics) => diagnostics.render(true),
        Failure::Operation(error) => explained(error),
        Failure::Reported | Failure::Logged => return,
    };
    // Colour is for terminals that show it, unless NO_COLOR or CLICOLOR say otherwise. When standard
    // error is gone there is nobody left to tell.
    anstream::stderr().lock().write_all(text.as_bytes()).ok();
}

/// What went wrong and, below it, what to do about it.
fn explained(error: &anyhow::Error) -> String {
    let (red, cyan) = (AnsiColor::Red.on_default().bold(), AnsiColor::Cyan.on_default().bold());
    let help = help_of(error).map(|help| format!("{cyan}help{cyan:#}: {help}\n"));
    format!("{red}error{red:#}: {error:#}\n{}", help.unwrap_or_default())
}

/// Prints a command's result.
fn print(text: &str) -> Outcome {
    match std::io::stdout().lock().write_all(text.as_bytes()) {
        // A reader that has seen enough, such as `head`, is no failure.
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        written => Ok(written?),
    }
}

/// The store of a configuration, for commands that make it or change its schema.
fn open_store(settings: &Settings) -> anyhow::Result<Database> {
    Ok(Database::open(&settings.store, Arc::new(SystemClock::new()))?)
}

/// The store of a configuration, for commands that work with what is in it, beside a running server.
async fn existing_store(settings: &Settings) -> anyhow::Result<Database> {
    let store = open_store(settings)?;
    if store.examine().await.map_err(Unusable::advised)? {
        return Ok(store);
    }
    Err(Advised::new(
        "there is no store yet at the place that store.url names",
        "`serve` makes it when it starts, `migrate up` makes it now; `check` shows which \
         configuration is read",
    )
    .into())
}

/// Runs a command that does I/O.
fn block_on<T>(work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(work)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_definition_is_sound() {
        help::command().debug_assert();
    }

    #[test]
    fn usage_is_accepted_or_refused_as_documented() {
        for (line, accepted) in [
            ("", true),
            ("--listen 127.0.0.1:0 --metrics-listen off", true),
            (
                "serve --config p.yaml --listen 127.0.0.1:0 --tls-listen [::1]:443 --role worker",
                true,
            ),
            ("serve --metrics-listen 127.0.0.1:0", true),
            ("serve --listen here", false),
            ("serve --listen off", false),
            ("serve --role boss", false),
            ("--listen 127.0.0.1:0 check", false),
            ("check --config p.yaml", true),
            ("migrate", false),
            ("migrate up", true),
            ("migrate down", true),
            ("migrate down --steps 3", true),
            ("migrate down --steps 0", false),
            ("migrate status --config p.yaml", true),
            ("dead-letters list", true),
            ("dead-letters show 00112233445566778899aabbccddeeff", true),
            ("dead-letters show 0011", false),
            ("dead-letters show", false),
            ("dead-letters replay --all", true),
            ("dead-letters replay", false),
            ("dead-letters replay 00112233445566778899aabbccddeeff --all", false),
            ("dead-letters drop 00112233445566778899aabbccddeeff", true),
            ("dead-letters drop", false),
            ("rollups verify --from 2026-08-01 --to 2026-08-02", true),
            ("rollups rebuild --from 2026-08-01 --to 2026-08-02", true),
            ("rollups rebuild --from 2026-08-01T05:00:00Z", false),
            ("rollups verify --from yesterday --to today", false),
            ("copy", false),
            ("copy --from sqlite://a.db --to postgres://h/d", true),
            (
                "copy --from sqlite://a.db --from-queue sqlite://q.db --to-queue redis://h --again",
                true,
            ),
            ("purge", false),
            ("purge --where version=1", true),
            ("purge --where version=1 --where tool=a --yes --config p.yaml", true),
            ("purge --where nobody=1", false),
            ("purge --unreadable --yes", true),
            ("purge --unreadable --where version=1", false),
            ("purge --yes", false),
            ("healthcheck", true),
            ("healthcheck --url http://127.0.0.1:9/readyz", true),
            ("healthcheck --url https://example.org", false),
            ("demo", true),
            ("demo --into d --days 7 --events 1000 --seed 4 --config p.yaml", true),
            ("demo --days 0", false),
            ("demo --events 0", false),
            ("explain", true),
            ("explain - --json", true),
            ("explain body.json --color always --config p.yaml", true),
            ("explain --color perhaps", false),
            ("scan --jsonl", true),
            ("scan --jsonl - --config p.yaml", true),
            ("scan --jsonl events.jsonl", true),
            ("scan events.jsonl", false),
            ("schema", true),
            ("schema --config p.yaml", false),
            ("completions zsh", true),
            ("completions", false),
            ("completions cmd", false),
            ("man", true),
            ("man --out pages", true),
            ("nonsense", false),
        ] {
            let words = std::iter::once("analytics").chain(line.split_whitespace());
            let parsed = Cli::try_parse_from(words);
            assert_eq!(parsed.is_ok(), accepted, "{line}: {:?}", parsed.err());
            if let Err(error) = parsed {
                assert_eq!(error.exit_code(), 2, "{line}");
            }
        }
    }
}
