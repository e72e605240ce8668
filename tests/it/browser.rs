//! The pages in a real browser: what only a browser can tell of them. The journeys themselves are in
//! tests/e2e, because the tool that drives the browser is one of Node.js.

use std::path::PathBuf;
use std::process::Command;

use crate::demo;
use crate::support::{Backends, Config, Server, npm_installed};

const REMEDY: &str = "install chromium and Node.js 18.19 or newer with npm, or start this through \
                      tests/run.sh";

#[test]
fn browser_suite_passes() {
    let Some(chromium) = program(["chromium", "chromium-browser"]) else {
        assert!(std::env::var_os("CI").is_none(), "there is no chromium: {REMEDY}");
        println!("SKIPPED: there is no chromium, so the pages were not looked at; {REMEDY}");
        return;
    };
    let firefox = program(["firefox-esr", "firefox"]);
    if firefox.is_none() {
        assert!(
            std::env::var_os("CI").is_none(),
            "there is no firefox: start this through tests/run.sh"
        );
        println!("SKIPPED: there is no firefox, so the pages were not tried in another engine");
    }
    let env = vec![
        ("ANALYTICS_SHARE__EMBEDS", "[calls]".to_owned()),
        ("ANALYTICS_SHARE__URL", "https://stats.example.org".to_owned()),
    ];
    let mut server = Server::with(Config { env, ..Config::default() });
    server.terminate();
    let demo = server.command(&["demo", "--days", "60", "--events", "20000", "--seed", "7"]);
    assert!(demo.status.success(), "{}", String::from_utf8_lossy(&demo.stderr));
    let server = server.revive();
    server.drained();
    let empty = Server::start();
    empty.drained();
    // The same events whenever this runs.
    let fixed = Server::with_backends(Config::default(), |folder| {
        demo::fixed(folder, 7);
        let file = |name: &str| format!("sqlite://{}", folder.join(name).display());
        Backends { queue: file("queue.db"), store: file("analytics.db") }
    });
    let folder = npm_installed("tests/e2e", "browser", "the browser's driver", REMEDY);
    let output = Command::new("node")
        .args(["--test", "--test-concurrency=1"])
        .current_dir(&folder)
        .env("BASE", &server.public)
        .env("EMPTY", &empty.public)
        .env("FIXED", &fixed.public)
        .env("SOURCE", concat!(env!("CARGO_MANIFEST_DIR"), "/tests/e2e"))
        .env("CHROMIUM", chromium)
        .env("FIREFOX", firefox.unwrap_or_default())
        .output()
        .unwrap_or_else(|error| panic!("node cannot be run ({error}): {REMEDY}"));
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}\n{}", String::from_utf8_lossy(&output.stderr));
}

/// A program of the distribution, by the names that it goes by.
fn program(names: [&str; 2]) -> Option<PathBuf> {
    let paths = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&paths)
        .flat_map(|folder| names.map(|name| folder.join(name)))
        .find(|path| path.is_file())
}
