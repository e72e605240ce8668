//! How long the statistics take, and that it does not depend on the number of events.
//!
//! `cargo bench --bench stats` makes the rollups of 1 million and of 50 million events directly (90
//! days, 17 tools, 20 versions, 50 countries), starts the real binary on each, and asks both the same
//! questions in one run: never asked before, asked before, and confirmed by their tag. Absolute numbers
//! say more about the machine than about the server: compare the two sizes.
//!
//! `cargo bench --bench stats -- country` asks only the questions with that word in their name (or
//! the `pages`), and `-- mixed` reads and writes at the same time; see [`mixed`].

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a benchmark prints, and fails by panicking"
)]
#![expect(clippy::disallowed_methods, reason = "a benchmark reads the clock")]

mod mixed;
mod pages;
mod rollups;
mod server;
#[path = "../load/traffic.rs"]
mod traffic;

use std::time::Duration;

use server::Server;

/// Questions of a kind, each about another period, so that none was asked before.
const PERIODS: std::ops::Range<usize> = 60..90;
const GROUPS: [&str; 3] = ["day", "week", "month"];
const REPEATS: usize = 500;
const CASES: [(&str, &str); 10] = [
    ("overview", "overview?"),
    ("all", "all?"),
    ("errors", "errors?"),
    ("countries", "countries?"),
    ("one filter: tool", "overview?tool=tool_03&"),
    ("one filter: country", "overview?country=CA&"),
    ("three filters: tool, country, status", "overview?tool=tool_03&country=CA&status=success&"),
    ("three filters: version, country, level", "overview?version=1.7.0&country=CA&level=standard&"),
    ("versions of one country", "versions?country=CA&"),
    ("p95 by version over time", "timeseries?measure=p95_ms&by=version&"),
];

fn main() {
    // The runner adds an option of its own.
    let word = std::env::args().skip(1).find(|it| !it.starts_with('-')).unwrap_or_default();
    if word == "mixed" {
        return mixed::run();
    }
    let sizes = [1_000_000, 50_000_000];
    let servers = sizes.map(|events| {
        let server = Server::start(events);
        println!("{events} events: store of {} MB", server.megabytes());
        server
    });
    println!("\nMilliseconds, median / p99, of 1 M and of 50 M events\n");
    println!("| question | 1 M | 50 M | ratio of medians |\n|---|---|---|---|");
    for (name, path) in CASES.into_iter().filter(|(name, _)| name.contains(&word)) {
        row(&format!("{name}, uncached"), servers.each_ref().map(|server| fresh(server, path)));
    }
    for (name, path) in CASES[..2].iter().filter(|(name, _)| name.contains(&word)) {
        let path = format!("/v1/stats/{path}period=90d");
        row(
            &format!("{name}, cached"),
            servers.each_ref().map(|server| again(server, &path, false)),
        );
        row(&format!("{name}, 304"), servers.each_ref().map(|server| again(server, &path, true)));
    }
    if "pages".contains(&word) {
        pages::report(&servers);
    }
}

/// Times of questions that nobody has asked before.
fn fresh(server: &Server, path: &str) -> Vec<Duration> {
    let mut connection = server.connect();
    let questions = PERIODS.flat_map(|days| GROUPS.map(|group| (days, group)));
    let times = questions.map(|(days, group)| {
        let path = format!("/v1/stats/{path}period={days}d&group={group}");
        let (took, status, _) = connection.get(&path, None);
        assert_eq!(status, 200, "{path}");
        took
    });
    times.collect()
}

/// Times of a question that was just asked.
fn again(server: &Server, path: &str, confirm: bool) -> Vec<Duration> {
    let mut connection = server.connect();
    let (_, _, tag) = connection.get(path, None);
    let times = (0..REPEATS).map(|_| {
        let (took, status, _) = connection.get(path, confirm.then_some(tag.as_str()));
        assert_eq!(status, if confirm { 304 } else { 200 }, "{path}");
        took
    });
    times.collect()
}

fn row(name: &str, times: [Vec<Duration>; 2]) {
    let [small, large] = times.map(|mut times| {
        times.sort_unstable();
        let at = |share: usize| times[(times.len() * share / 100).min(times.len() - 1)];
        (at(50).as_secs_f64() * 1e3, at(99).as_secs_f64() * 1e3)
    });
    println!(
        "| {name} | {:.2} / {:.2} | {:.2} / {:.2} | {:.2} |",
        small.0,
        small.1,
        large.0,
        large.1,
        large.0 / small.0
    );
}
