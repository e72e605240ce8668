//! What a person wants to know first: where everything is, and what to do next. For a terminal as a
//! few lines to read, for everything else as log lines with the same content in members.

use std::io::{IsTerminal, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::Path;

use crate::cli::Role;
use crate::config::Loaded;
use crate::config::settings::LogFormat;

/// An event that every server with the shipped stages accepts. Pasted into a shell, the hour is now.
const FIRST_EVENT: &str = r#" -H 'content-type: application/json' -d '{"events":[{
  "version":"1.23.0","tool":"get_forecast","status":"success",
  "timestamp_hour":"'"$(date -u +%Y-%m-%dT%H:00:00Z)"'","analytics_level":"minimal"}]}'"#;

/// Where a process serves; what is off is absent.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Addresses {
    pub(super) public: Option<SocketAddr>,
    pub(super) https: Option<SocketAddr>,
    pub(super) private: Option<SocketAddr>,
}

/// Tells where everything is.
pub(super) fn announce(loaded: &Loaded, addresses: Addresses, role: Role) {
    let stdout = std::io::stdout();
    if loaded.settings.log.format == LogFormat::Text && stdout.is_terminal() {
        // A terminal that is gone is no reason to stop.
        stdout.lock().write_all(text(loaded, addresses, role).as_bytes()).ok();
        return;
    }
    let settings = &loaded.settings;
    tracing::info!(
        version = env!("CARGO_PKG_VERSION"),
        ?role,
        configuration = loaded.file(),
        queue = place(settings.queue.url.expose()),
        store = place(settings.store.url.expose()),
        "running"
    );
    for (listener, address) in
        [("public", addresses.public), ("tls", addresses.https), ("private", addresses.private)]
    {
        if let Some(address) = address {
            tracing::info!(listener, %address, "listening");
        }
    }
}

fn text(loaded: &Loaded, addresses: Addresses, role: Role) -> String {
    let mut out = format!("weather-mcp-analytics {}\n\n", env!("CARGO_PKG_VERSION"));
    let mut line = |name, value: &str| out.push_str(&format!("  {name:<15} {value}\n"));
    let url = |scheme: &str, address, path: &str| format!("{scheme}://{}{path}", reached(address));
    if let Some(address) = addresses.public {
        line("Page", &url("http", address, "/"));
    }
    if let Some(address) = addresses.https {
        line("Page (HTTPS)", &url("https", address, "/"));
    }
    if let Some(address) = addresses.private {
        line("Metrics", &url("http", address, "/metrics"));
    }
    let (queue, store) = (&loaded.settings.queue.url, &loaded.settings.store.url);
    line("Queue", &place(queue.expose()));
    line("Store", &place(store.expose()));
    line("Roles", roles(role));
    let built_in = loaded.notes.iter().any(|note| note.code == "built_in_pipeline");
    line("Configuration", &configuration(loaded.file(), built_in));
    if let Some(address) = addresses.public {
        let url = url("http", address, "/v1/events");
        out.push_str("\nSend a first event from another terminal, then open the page:\n\n");
        out.push_str(&format!("curl -sS {url}{FIRST_EVENT}\n"));
    }
    out.push_str("\nCtrl-C stops.\n\n");
    out
}

const fn roles(role: Role) -> &'static str {
    match role {
        Role::All => "server and worker",
        Role::Server => "server (another process must run the worker)",
        Role::Worker => "worker (another process must run the server)",
    }
}

fn configuration(file: &str, built_in: bool) -> String {
    if built_in {
        return "built in (there is no ./pipeline.yaml)".to_owned();
    }
    absolute(Path::new(file))
}

/// The address as this machine reaches it: "any" can be listened on, but not opened everywhere.
fn reached(mut address: SocketAddr) -> SocketAddr {
    if address.ip().is_unspecified() {
        address.set_ip(match address {
            SocketAddr::V4(_) => IpAddr::V4(Ipv4Addr::LOCALHOST),
            SocketAddr::V6(_) => IpAddr::V6(Ipv6Addr::LOCALHOST),
        });
    }
    address
}

/// A database URL without what may be secret: a file's path, or scheme, host and name.
fn place(url: &str) -> String {
    if let Some(rest) = url.strip_prefix("sqlite:") {
        let file = rest.trim_start_matches("//");
        let file = file.split_once('?').map_or(file, |(file, _)| file);
        return if file.starts_with(':') { file.to_owned() } else { absolute(Path::new(file)) };
    }
    let Some((scheme, rest)) = url.split_once("://") else { return "***".to_owned() };
    // The user part ends at the last @; one behind a question mark may belong to a password.
    let after_user = rest.rsplit_once('@').map_or(rest, |(_, after)| after);
    let shown = after_user.split(['?', '#']).next().unwrap_or_default();
    let harmless = |c: char| c.is_ascii_alphanumeric() || ".-_:/[],".contains(c);
    let unsure = rest.split_once(['?', '#']).is_some_and(|(_, after)| after.contains('@'));
    if unsure || !shown.chars().all(harmless) {
        return format!("{scheme}://***");
    }
    format!("{scheme}://{shown}")
}

fn absolute(path: &Path) -> String {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned()).display().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_hold_no_secret() {
        for (url, want) in [
            ("sqlite:///var/lib/a b.db", "/var/lib/a b.db"),
            ("sqlite:///x.db?mode=ro", "/x.db"),
            ("sqlite::memory:", ":memory:"),
            (
                "postgres://user:secret@db.example.org:5432/analytics",
                "postgres://db.example.org:5432/analytics",
            ),
            ("postgres://user:se@cret@host/db?sslmode=require", "postgres://host/db"),
            ("postgres://user:se/cret@host/db", "postgres://host/db"),
            ("postgres://host/db?password=pa@ss", "postgres://***"),
            ("postgres://user:se?cret@host/db", "postgres://***"),
            ("redis://:secret@[::1]:6379/0", "redis://[::1]:6379/0"),
            ("rediss://host", "rediss://host"),
            ("redis://host/%73ecret", "redis://***"),
            ("hunter2", "***"),
        ] {
            assert_eq!(place(url), want, "{url}");
        }
    }

    #[test]
    fn any_address_is_shown_as_one_that_can_be_opened() {
        for (address, want) in [
            ("0.0.0.0:3000", "127.0.0.1:3000"),
            ("[::]:3000", "[::1]:3000"),
            ("192.0.2.7:80", "192.0.2.7:80"),
        ] {
            assert_eq!(reached(address.parse().unwrap()).to_string(), want);
        }
    }
}
