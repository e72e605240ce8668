//! The log: lines to standard error, as text for people or as JSON for machines.
//!
//! Libraries are kept at warnings or less, whatever the level: their details hold addresses,
//! statements and paths, and none of these may reach a log.

use std::io::IsTerminal;
use std::panic::PanicHookInfo;

use tracing_subscriber::EnvFilter;

use crate::config::settings::{Log, LogFormat, LogLevel};

/// What libraries may say. salvo warns with raw paths, so it is heard only when something failed.
const LIBRARIES: &str = "sqlx=warn,sea_orm=warn,sea_orm_migration=warn,salvo_core=error,salvo=error,\
                         hyper=warn,hyper_util=warn,h2=warn,rustls=warn";

/// A log was set up before.
#[derive(Debug, thiserror::Error)]
#[error("the log is set up already")]
pub struct AlreadySet;

/// Sends log lines to standard error from now on, and reports panics by their place alone.
///
/// # Errors
/// When it was called before in this process.
pub fn init(settings: &Log) -> Result<(), AlreadySet> {
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter(settings.level))
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal());
    let done = match settings.format {
        LogFormat::Text => builder.try_init(),
        LogFormat::Json => builder.json().flatten_event(true).try_init(),
    };
    done.map_err(|_| AlreadySet)?;
    std::panic::set_hook(Box::new(report_panic));
    Ok(())
}

fn filter(level: LogLevel) -> EnvFilter {
    EnvFilter::new(format!("{},{LIBRARIES}", name(level)))
}

const fn name(level: LogLevel) -> &'static str {
    match level {
        LogLevel::Error => "error",
        LogLevel::Warn => "warn",
        LogLevel::Info => "info",
        LogLevel::Debug => "debug",
        LogLevel::Trace => "trace",
    }
}

/// The payload of a panic may hold input (`unwrap` prints what it found), so only the place is told.
fn report_panic(panic: &PanicHookInfo<'_>) {
    let place = panic.location().map(place_of);
    tracing::error!(place = place.as_deref().unwrap_or("unknown"), "the program panicked");
}

fn place_of(location: &std::panic::Location<'_>) -> String {
    format!("{}:{}", location.file(), location.line())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_level_makes_a_filter_that_holds_libraries_back() {
        for (level, want) in [
            (LogLevel::Error, "error"),
            (LogLevel::Warn, "warn"),
            (LogLevel::Info, "info"),
            (LogLevel::Debug, "debug"),
            (LogLevel::Trace, "trace"),
        ] {
            let shown = filter(level).to_string();
            assert!(shown.split(',').any(|part| part == want), "{shown}");
            assert!(shown.split(',').any(|part| part == "salvo_core=error"), "{shown}");
            assert!(shown.split(',').any(|part| part == "hyper=warn"), "{shown}");
        }
    }
}
