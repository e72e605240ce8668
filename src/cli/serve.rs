//! `serve`: the server, the worker, or both in one process.

use std::net::SocketAddr;

use clap::{Args, ValueEnum};

use super::help::{environment, exit_codes};
use super::{ConfigFile, Failure, Outcome, block_on};
use crate::advice::help_of;
use crate::app::serve;
use crate::config::Flags;
use crate::config::settings::{Listen, LogFormat};

const MORE: &str = concat!(
    "\
Examples:
  weather-mcp-analytics serve
  weather-mcp-analytics serve --listen 0.0.0.0:3000 --metrics-listen 127.0.0.1:9464
  weather-mcp-analytics serve --config /etc/analytics/pipeline.yaml --role worker
  ANALYTICS_LOG__FORMAT=json weather-mcp-analytics serve

Signals:
  SIGTERM, SIGINT  not ready, then finish what is in flight, within server.shutdown_grace
  again            stop at once; nothing that was acknowledged is lost

Output:
  On a terminal, a summary of addresses, files and the next step; otherwise log lines with the same
  content. The log goes to standard error.

",
    exit_codes!("stopped as asked", "could not start, or a part of it ended by itself"),
    "\n\n",
    environment!()
);

/// Run the server and the worker until asked to stop.
///
/// The server takes events on the public listener, answers statistics and shows the page. The worker
/// turns what was queued into rows and rollups. Both run in one process unless --role says otherwise;
/// what a client got a 200 for is on disk and survives anything.
#[derive(Debug, Default, Args)]
#[command(after_long_help = MORE)]
pub(super) struct Serve {
    #[command(flatten)]
    config: ConfigFile,
    /// Address of the public listener: ingest, stats, page.
    ///
    /// Wins over `server.listen`. Port 0 takes a free one, which is shown.
    #[arg(long, value_name = "ADDR", help_heading = "Listeners")]
    listen: Option<SocketAddr>,
    /// Address of the private listener (metrics, exact status), or `off`.
    ///
    /// Wins over `server.metrics_listen`. Never expose it to the internet.
    #[arg(long, value_name = "ADDR|off", value_parser = listen_or_off, help_heading = "Listeners")]
    metrics_listen: Option<Listen>,
    /// Address of the HTTPS listener; certificate and key come from `server.tls`.
    ///
    /// Wins over `server.tls.listen`.
    #[arg(long, value_name = "ADDR", help_heading = "Listeners")]
    tls_listen: Option<SocketAddr>,
    /// What this process does; server and worker may run apart.
    #[arg(long, value_enum, default_value_t, help_heading = "Process")]
    role: Role,
}

/// What a process does.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum Role {
    /// Server and worker.
    #[default]
    All,
    /// Takes events and answers questions; something else must run the worker.
    Server,
    /// Turns queued events into rows and rollups; only the private listener.
    Worker,
}

fn listen_or_off(text: &str) -> Result<Listen, &'static str> {
    if text.eq_ignore_ascii_case("off") {
        return Ok(Listen::Off);
    }
    text.parse().map(Listen::On).map_err(|_| "expected an address such as 127.0.0.1:9464, or off")
}

pub(super) fn run(command: &Serve) -> Outcome {
    let flags = Flags {
        listen: command.listen,
        metrics_listen: command.metrics_listen,
        tls_listen: command.tls_listen,
    };
    let loaded = command.config.load(&stages::registry(), flags)?;
    let json = loaded.settings.log.format == LogFormat::Json;
    block_on(async {
        match serve(loaded, command.role).await.map_err(Failure::from) {
            // Whoever collects JSON lines should not find any other.
            Err(Failure::Operation(error)) if json => {
                tracing::error!(help = help_of(&error), "{error:#}");
                Err(Failure::Logged)
            }
            outcome => outcome,
        }
    })
}
