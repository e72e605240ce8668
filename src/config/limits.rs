//! Rules that no single value shows: numbers that cannot work, URLs of services that this build
//! does not speak, settings that contradict each other.

use std::net::SocketAddr;
use std::time::Duration;

use serde_json::Value;
use stages::units::Span;

use super::codes::Code;
use super::problem::{Finding, path, suggestion};
use super::settings::{Listen, Settings};
use super::tree::Tree;
use crate::redis_link::Address;

/// Acceptance window when no stage of the file sets one.
const DEFAULT_WINDOW: Span = Span::days(3);

/// Identities outlive the window by this, and so must everything that late events are added to.
const SLACK: Duration = Duration::from_secs(4 * 86_400);

/// How far back questions by the hour may reach: 720 hours.
const HOURLY: Span = Span::days(30);

/// URL schemes that a later release speaks.
const LATER: [&str; 6] = ["redis", "rediss", "postgres", "postgresql", "mysql", "mariadb"];

/// Checks settings. Where a value was cut from `tree` its default stands, which contradicts nothing.
pub(super) fn check(settings: &Settings, tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    numbers(settings, &mut findings);
    shutdown(settings, &mut findings);
    retention(settings, &mut findings);
    urls(settings, &mut findings);
    listeners(settings, &mut findings);
    origins(settings, &mut findings);
    header(settings, &mut findings);
    findings.retain(|finding| {
        let others = finding.related.iter().map(|(path, _)| path);
        [&finding.path].into_iter().chain(others).all(|path| !tree.lost(path))
    });
    findings
}

fn numbers(settings: &Settings, findings: &mut Vec<Finding>) {
    if settings.queue.max_bytes.0 == 0 {
        let message = "`queue.max_bytes` must be larger than nothing";
        findings.push(Finding::value(&path(["queue", "max_bytes"]), Code::OutOfRange, message));
    }
    for (section, key, span) in [
        ("server", "shutdown_grace", settings.server.shutdown_grace),
        ("queue", "claim_after", settings.queue.claim_after),
    ] {
        if span < Span::seconds(1) {
            let message = format!("`{section}.{key}` must be at least 1s");
            findings.push(Finding::value(&path([section, key]), Code::OutOfRange, message));
        }
    }
}

/// The delay is a part of the period.
fn shutdown(settings: &Settings, findings: &mut Vec<Finding>) {
    let (delay, grace) = (settings.server.drain_delay, settings.server.shutdown_grace);
    if delay < grace || grace < Span::seconds(1) {
        return;
    }
    let message = format!(
        "`server.drain_delay` ({delay}) must be shorter than `server.shutdown_grace` ({grace}), \
         which it is a part of"
    );
    let at = path(["server", "drain_delay"]);
    findings.push(
        Finding::value(&at, Code::TooLong, message)
            .related(&path(["server", "shutdown_grace"]), "the whole")
            .help("what is in flight needs the time that is left; 2s of 8s is usual"),
    );
}

fn retention(settings: &Settings, findings: &mut Vec<Finding>) {
    let window = acceptance_window(settings);
    let least = Span(window.0.saturating_add(SLACK));
    if settings.retention.hourly < HOURLY && settings.retention.hourly >= least {
        let message = format!(
            "`retention.hourly` must be at least {HOURLY}: statistics by the hour reach back that far"
        );
        findings.push(Finding::value(&path(["retention", "hourly"]), Code::TooShort, message));
    }
    for (key, kept) in [
        ("raw", settings.retention.raw),
        ("hourly", settings.retention.hourly),
        ("daily", settings.retention.daily),
        ("errors", settings.retention.errors),
    ] {
        if kept < least {
            let message = format!(
                "`retention.{key}` must be at least {least}: events are accepted for {window}, and \
                 repeats of them are recognised for 4d more"
            );
            let finding = Finding::value(&path(["retention", key]), Code::TooShort, message);
            findings.push(finding.help("keep it longer, or accept events for a shorter time"));
        }
    }
}

/// How far back the file accepts events, whichever stage decides that. Longer than the default is
/// for that stage to refuse.
pub fn acceptance_window(settings: &Settings) -> Span {
    let back = |with: &Value| -> Option<Span> {
        serde_json::from_value(with.get("window")?.get("back")?.clone()).ok()
    };
    settings
        .ingest
        .iter()
        .filter_map(|spec| back(&spec.with))
        .max()
        .unwrap_or(DEFAULT_WINDOW)
        .min(DEFAULT_WINDOW)
}

fn urls(settings: &Settings, findings: &mut Vec<Finding>) {
    let (queue, store) = (settings.queue.url.expose(), settings.store.url.expose());
    for (section, url) in [("queue", queue), ("store", store)] {
        findings.extend(url_fault(section, url));
        if volatile(url) && !settings.queue.allow_volatile {
            let message =
                format!("`{section}.url` names a database that forgets everything at exit");
            findings.push(
                Finding::value(&path([section, "url"]), Code::Volatile, message).help(
                    "name a file, or set `queue.allow_volatile: true` if losing data is fine",
                ),
            );
        }
    }
    if queue == store && !volatile(queue) {
        let message = "`queue.url` and `store.url` name the same file";
        findings.push(
            Finding::value(&path(["store", "url"]), Code::SameFile, message)
                .related(&path(["queue", "url"]), "the queue")
                .help(
                    "give each a file of its own, so that their writers never wait for each other",
                ),
        );
    }
}

fn volatile(url: &str) -> bool {
    url.starts_with("sqlite:") && (url.contains(":memory:") || url.contains("mode=memory"))
}

fn url_fault(section: &str, url: &str) -> Option<Finding> {
    let at = path([section, "url"]);
    let scheme = url.split_once(':').map_or("", |(scheme, _)| scheme);
    let file = if section == "store" { "analytics" } else { section };
    let example = format!("for instance sqlite://data/{file}.db");
    if section == "store" && ["postgres", "postgresql"].contains(&scheme) {
        return None;
    }
    if section == "queue" && ["redis", "rediss"].contains(&scheme) {
        let error = Address::parse(url).err()?;
        let finding = Finding::value(&at, Code::InvalidUrl, format!("`{section}.url` {error}"));
        return Some(
            finding.help("write it as redis://user:password@host:6379/0, or rediss:// for TLS"),
        );
    }
    if LATER.contains(&scheme) {
        let message = format!("`{section}.url`: {scheme} is not supported by this build");
        return Some(Finding::value(&at, Code::UnsupportedUrl, message).help(example));
    }
    if scheme != "sqlite" {
        let other = if section == "store" { "postgres" } else { "redis" };
        let known = ["sqlite", other];
        let message =
            format!("`{section}.url` must be a URL that begins with {}://", known.join(":// or "));
        let mut finding = Finding::value(&at, Code::InvalidUrl, message);
        finding.help.extend(suggestion(scheme, known));
        return Some(finding.help(example));
    }
    let file = url.trim_start_matches("sqlite:").trim_start_matches("//");
    if file.is_empty() || file.starts_with('?') {
        let message = format!("`{section}.url` names no file");
        return Some(Finding::value(&at, Code::InvalidUrl, message).help(example));
    }
    None
}

fn listeners(settings: &Settings, findings: &mut Vec<Finding>) {
    let mut taken: Vec<(&str, SocketAddr)> = vec![("server.listen", settings.server.listen)];
    let metrics = match settings.server.metrics_listen {
        Listen::On(address) => Some(("server.metrics_listen", address)),
        Listen::Off => None,
    };
    let tls = settings.server.tls.as_ref().map(|tls| ("server.tls.listen", tls.listen));
    for (name, address) in metrics.into_iter().chain(tls) {
        let same = |other: &&(&str, SocketAddr)| other.1 == address && address.port() != 0;
        if let Some((other, _)) = taken.iter().find(same) {
            let at: Vec<String> = name.split('.').map(str::to_owned).collect();
            let message = format!("`{name}` and `{other}` are the same address");
            let other: Vec<String> = other.split('.').map(str::to_owned).collect();
            let finding = Finding::value(&at, Code::SameAddress, message);
            let finding = finding.related(&other, "the other listener");
            findings.push(finding.help(
                "give each listener a port of its own; unless set, metrics are on 127.0.0.1:9464",
            ));
        }
        taken.push((name, address));
    }
}

fn origins(settings: &Settings, findings: &mut Vec<Finding>) {
    let share = &settings.share;
    let url = share.url.iter().map(|url| (url, "share.url".to_owned(), false));
    let lists = [
        ("server.cors_origins", &settings.server.cors_origins),
        ("share.embed_origins", &share.embed_origins),
    ];
    let listed = lists.into_iter().flat_map(|(name, origins)| {
        let named = move |(index, origin)| (origin, format!("{name}[{index}]"), true);
        origins.iter().enumerate().map(named)
    });
    for (origin, name, all) in listed.chain(url) {
        if is_origin(origin) || (all && origin == "*") {
            continue;
        }
        let steps = name.replace('[', ".").replace(']', "");
        let at: Vec<String> = steps.split('.').map(str::to_owned).collect();
        let or_all = if all { ", or `*`" } else { "" };
        let message = format!("`{name}` must be an origin such as https://example.org{or_all}");
        findings.push(
            Finding::value(&at, Code::InvalidUrl, message)
                .help("an origin has a scheme, a host and perhaps a port, and no path"),
        );
    }
}

/// A scheme and a host, without what would begin another part of an address or of a header.
fn is_origin(text: &str) -> bool {
    let host = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    host.is_some_and(|host| {
        let plain = |byte: u8| byte.is_ascii_graphic() && !b"/?#@*;,'\"".contains(&byte);
        !host.is_empty() && host.bytes().all(plain)
    })
}

fn header(settings: &Settings, findings: &mut Vec<Finding>) {
    let Some(name) = &settings.privacy.country_header else { return };
    if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-') {
        let at = path(["privacy", "country_header"]);
        let message = "`privacy.country_header` must be the name of a header, such as CF-IPCountry";
        findings.push(Finding::value(&at, Code::InvalidValue, message));
    }
}
