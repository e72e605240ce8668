//! The command line: one file a subcommand, and what they share.
//!
//! Exit codes: 0 done; 1 the operation failed; 2 wrong usage; 78 the configuration is wrong.

mod check;
mod dead_letters;
mod demo;
mod explain;
mod healthcheck;
mod migrate;
mod rollups;
mod scan;
mod schema;
mod serve;

use std::future::Future;
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use clap::{Args, Parser, Subcommand};
use stages::{Registry, SystemClock};

use crate::config::settings::Settings;
use crate::config::{Diagnostics, Flags, LoadArgs, Loaded, load};
use crate::store::Database;

pub use serve::Role;

const EXIT_CODES: &str = "\
Exit codes:
  0   done
  1   the operation failed
  2   wrong usage
  78  the configuration is wrong; nothing was started or changed

Without a subcommand, `serve` runs. Without --config, ./pipeline.yaml is read; if there is none, the
built-in one applies. Every setting can also be given by an environment variable such as
ANALYTICS_STORE__URL=sqlite://data/analytics.db; flags win over variables, variables over the file.";

/// Privacy-first, self-hosted usage telemetry for MCP servers.
///
/// Clients post batches of anonymous usage events; stages that pipeline.yaml lists check, clean and
/// queue them; a worker turns them into rows and rollups; pages and a stats API show the result.
#[derive(Debug, Parser)]
#[command(version, after_help = EXIT_CODES, args_conflicts_with_subcommands = true)]
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
    Rollups(rollups::Rollups),
    Healthcheck(healthcheck::Healthcheck),
}

/// The file to read.
#[derive(Debug, Clone, Default, Args)]
struct ConfigFile {
    /// The configuration. Default: ./pipeline.yaml, or the built-in one if there is none.
    #[arg(long, value_name = "FILE")]
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
    let cli = Cli::parse();
    let outcome = match cli.command.unwrap_or(Command::Serve(cli.serve)) {
        Command::Serve(command) => serve::run(&command),
        Command::Check(command) => check::run(&command),
        Command::Demo(command) => demo::run(&command),
        Command::Explain(command) => explain::run(&command),
        Command::Scan(command) => scan::run(&command),
        Command::Schema(command) => schema::run(&command),
        Command::Migrate(command) => migrate::run(&command),
        Command::DeadLetters(command) => dead_letters::run(&command),
        Command::Rollups(command) => rollups::run(&command),
        Command::Healthcheck(command) => healthcheck::run(&command),
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
            Self::Operation(_) => 1,
        }
    }
}

fn complain(failure: &Failure) {
    let text = match failure {
        Failure::Config(diagnostics) => diagnostics.render(true),
        Failure::Operation(error) => format!("error: {error:#}\n"),
        Failure::Reported => return,
    };
    // Colour is for terminals that show it, unless NO_COLOR or CLICOLOR say otherwise. When standard
    // error is gone there is nobody left to tell.
    anstream::stderr().lock().write_all(text.as_bytes()).ok();
}

/// Prints a command's result.
fn print(text: &str) -> Outcome {
    Ok(std::io::stdout().lock().write_all(text.as_bytes())?)
}

/// Runs a command that does I/O.
/// The store of a configuration, for commands that work beside a running server.
fn open_store(settings: &Settings) -> anyhow::Result<Database> {
    Ok(Database::open(&settings.store, Arc::new(SystemClock::new()))?)
}

fn block_on<T>(work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(work)
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_definition_is_sound() {
        Cli::command().debug_assert();
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
