//! `serve`: the server, the worker, or both in one process.

use std::net::SocketAddr;

use clap::{Args, ValueEnum};

use super::{ConfigFile, Outcome, block_on};
use crate::app::serve;
use crate::config::Flags;
use crate::config::settings::Listen;

/// Run the server and the worker until asked to stop (the default command).
///
/// SIGTERM or SIGINT asks to stop: the server says "not ready", finishes what is in flight and lets
/// the worker finish its transaction, all within `server.shutdown_grace`. A second signal means now.
#[derive(Debug, Default, Args)]
pub(super) struct Serve {
    #[command(flatten)]
    config: ConfigFile,
    /// Address of the public listener (ingest, stats, pages). Port 0 takes a free one and logs it.
    #[arg(long, value_name = "ADDR")]
    listen: Option<SocketAddr>,
    /// Address of the private listener (metrics, exact status), or `off`.
    #[arg(long, value_name = "ADDR|off", value_parser = listen_or_off)]
    metrics_listen: Option<Listen>,
    /// Address of the HTTPS listener; certificate and key come from server.tls.cert and .key.
    #[arg(long, value_name = "ADDR")]
    tls_listen: Option<SocketAddr>,
    /// What this process does. Server and worker meet in the queue and may run apart.
    #[arg(long, value_enum, default_value_t)]
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
    block_on(async { Ok(serve(loaded, command.role).await?) })
}
