//! How long pages take: put together for the first time, and kept.
//!
//! A page is the sum of half a dozen questions, drawn and compressed, so its times are no endpoint's.

use std::time::Duration;

use crate::server::Server;

const PAGES: [&str; 7] =
    ["/", "/tools", "/tools/tool_03", "/performance", "/errors", "/versions", "/geography"];
/// Periods that nobody has asked about.
const NEW: std::ops::Range<usize> = 60..90;
const REPEATS: usize = 500;

/// Prints a table of all pages.
pub(crate) fn report(servers: &[Server; 2]) {
    println!("\nPages with brotli, milliseconds, median / p95, of 1 M and of 50 M events\n");
    println!("| page | 1 M, new | 50 M, new | 1 M, kept | 50 M, kept |\n|---|---|---|---|---|");
    for page in PAGES {
        let new = servers
            .each_ref()
            .map(|server| time(server, NEW.map(|days| format!("{page}?period={days}d")).collect()));
        let usual = vec![format!("{page}?period=30d"); REPEATS + 1];
        let kept = servers.each_ref().map(|server| time(server, usual.clone()));
        println!("| {page} | {} | {} | {} | {} |", new[0], new[1], kept[0], kept[1]);
    }
}

/// Median and 95th percentile of the times of some pages; of equal ones without the first.
fn time(server: &Server, paths: Vec<String>) -> String {
    let mut connection = server.connect();
    let kept = paths[0] == paths[1];
    let times = paths.iter().map(|path| {
        let (took, status, _) = connection.get_compressed(path);
        assert_eq!(status, 200, "{path}");
        took
    });
    let mut times: Vec<Duration> = times.skip(usize::from(kept)).collect();
    times.sort_unstable();
    let at = |share: usize| times[times.len() * share / 100].as_secs_f64() * 1e3;
    format!("{:.2} / {:.2}", at(50), at(95))
}
