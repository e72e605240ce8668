//! `healthcheck`: whether the process here is ready, for containers without a shell or curl.
//!
//! One request over a plain socket: an HTTP client would weigh more than everything it does here.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::str::FromStr;
use std::time::Duration;

use anyhow::{Context, bail};
use clap::Args;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::help::exit_codes;
use super::{ConfigFile, Outcome, block_on, print};
use crate::config::Flags;
use crate::config::settings::{Listen, Settings};

/// Longest wait for the whole exchange.
const PATIENCE: Duration = Duration::from_secs(5);

const MORE: &str = concat!(
    "\
Examples:
  weather-mcp-analytics healthcheck
  weather-mcp-analytics healthcheck --url http://127.0.0.1:9464/readyz
  HEALTHCHECK CMD [\"weather-mcp-analytics\", \"healthcheck\"]      in a Dockerfile

",
    exit_codes!("ready", "not ready, or not there")
);

/// Ask the running process whether it is ready.
///
/// For containers and scripts: the exit code is the answer. Without --url, /readyz is asked for at
/// the configured private listener or, when that is off, at the public one.
#[derive(Debug, Args)]
#[command(after_long_help = MORE)]
pub(super) struct Healthcheck {
    #[command(flatten)]
    config: ConfigFile,
    /// Where to ask instead, as http://HOST:PORT/PATH.
    #[arg(long)]
    url: Option<Url>,
}

/// A plain HTTP URL.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Url {
    host: String,
    path: String,
}

impl FromStr for Url {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const HINT: &str = "expected a URL such as http://127.0.0.1:9464/readyz";
        let rest = text.strip_prefix("http://").ok_or(HINT)?;
        let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
        // Nothing may end the request line early.
        let clean = text.bytes().all(|byte| byte.is_ascii_graphic());
        if host.is_empty() || host.contains('@') || !clean {
            return Err(HINT);
        }
        let has_port = host.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok());
        let host = if has_port { host.to_owned() } else { format!("{host}:80") };
        Ok(Self { host, path: format!("/{path}") })
    }
}

pub(super) fn run(command: &Healthcheck) -> Outcome {
    let url = match &command.url {
        Some(url) => url.clone(),
        None => usual(&command.config.load(&stages::registry(), Flags::default())?.settings),
    };
    block_on(async { Ok(ask(&url).await?) })?;
    print("ready\n")
}

/// The listener of a process with these settings, as seen from its own machine.
fn usual(settings: &Settings) -> Url {
    let mut address = match settings.server.metrics_listen {
        Listen::On(address) => address,
        Listen::Off => settings.server.listen,
    };
    // "Any address" can be listened on but not connected to everywhere.
    if address.ip().is_unspecified() {
        let loopback = match address {
            SocketAddr::V4(_) => IpAddr::V4(Ipv4Addr::LOCALHOST),
            SocketAddr::V6(_) => IpAddr::V6(Ipv6Addr::LOCALHOST),
        };
        address.set_ip(loopback);
    }
    Url { host: address.to_string(), path: "/readyz".to_owned() }
}

async fn ask(url: &Url) -> anyhow::Result<()> {
    let answer = tokio::time::timeout(PATIENCE, status_line(url));
    let line = answer.await.with_context(|| format!("{} did not answer in 5s", url.host))??;
    let mut words = line.split(' ');
    let http = words.next().is_some_and(|version| version.starts_with("HTTP/1."));
    match words.next().filter(|_| http).and_then(|status| status.parse::<u16>().ok()) {
        Some(200) => Ok(()),
        Some(status) => bail!("{} is not ready: it answers {status}", url.host),
        None => bail!("{} does not answer in HTTP", url.host),
    }
}

async fn status_line(url: &Url) -> anyhow::Result<String> {
    let Url { host, path } = url;
    let mut stream =
        TcpStream::connect(host).await.with_context(|| format!("cannot reach {host}"))?;
    let request = format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    // The status stands in the first bytes; the rest of the answer does not matter.
    let mut head = Vec::with_capacity(64);
    stream.take(64).read_to_end(&mut head).await?;
    Ok(String::from_utf8_lossy(&head).into_owned())
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::*;

    #[test]
    fn urls_are_plain_http() {
        for (text, want) in [
            ("http://127.0.0.1:9464/readyz", Some(("127.0.0.1:9464", "/readyz"))),
            ("http://[::1]:80", Some(("[::1]:80", "/"))),
            ("http://[::1]/a/b?c", Some(("[::1]:80", "/a/b?c"))),
            ("http://host", Some(("host:80", "/"))),
            ("https://host", None),
            ("http:///x", None),
            ("http://u:p@host/", None),
            ("http://host/a b", None),
            ("http://host/\r\nX: y", None),
        ] {
            let got = text.parse::<Url>().ok();
            let got = got.as_ref().map(|url| (url.host.as_str(), url.path.as_str()));
            assert_eq!(got, want, "{text:?}");
        }
    }

    #[test]
    fn the_private_listener_is_asked_first() {
        let mut settings = Settings::default();
        assert_eq!(usual(&settings).host, "127.0.0.1:9464");
        settings.server.metrics_listen = Listen::Off;
        settings.server.listen = "[::]:3000".parse().unwrap();
        assert_eq!(usual(&settings).host, "[::1]:3000");
        settings.server.listen = "0.0.0.0:3000".parse().unwrap();
        assert_eq!(usual(&settings).host, "127.0.0.1:3000");
    }

    #[tokio::test]
    async fn only_200_is_ready() {
        let outcomes = [
            ("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n", None),
            ("HTTP/1.1 503 Service Unavailable\r\n\r\n", Some("it answers 503")),
            ("SSH-2.0-OpenSSH\r\n", Some("does not answer in HTTP")),
            ("", Some("does not answer in HTTP")),
        ];
        for (answer, want) in outcomes {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let host = listener.local_addr().unwrap().to_string();
            let url = Url { host, path: "/readyz".to_owned() };
            let serve = async {
                let (mut stream, _) = listener.accept().await.unwrap();
                let mut request = [0; 256];
                let length = stream.read(&mut request).await.unwrap();
                assert!(request[..length].starts_with(b"GET /readyz HTTP/1.1\r\nHost: 127.0.0.1:"));
                stream.write_all(answer.as_bytes()).await.unwrap();
            };
            let ((), got) = tokio::join!(serve, ask(&url));
            let got = got.err().map(|error| error.to_string());
            match want {
                None => assert_eq!(got, None),
                Some(part) => assert!(got.unwrap().contains(part), "{answer}"),
            }
        }
    }

    #[tokio::test]
    async fn nobody_there_is_not_ready() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let host = listener.local_addr().unwrap().to_string();
        drop(listener);
        let url = Url { host, path: "/readyz".to_owned() };
        assert!(ask(&url).await.unwrap_err().to_string().starts_with("cannot reach 127.0.0.1:"));
    }
}
