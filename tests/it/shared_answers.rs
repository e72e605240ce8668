//! Answers that servers keep together in Redis: what one has made, another one takes, and neither
//! needs Redis to answer.

use std::cell::Cell;

use test_servers::Redis;

use crate::support::{Backends, Config, Event, Server, eventually};

/// Questions to the store that are not about how fresh it is.
fn questions(server: &Server) -> u64 {
    let metrics = server.get_private("/metrics").text;
    let counted = metrics.lines().filter_map(|line| {
        let rest = line.strip_prefix("analytics_store_query_duration_seconds_count{query=\"")?;
        rest.split_once("\"} ")
    });
    let asked = counted.filter(|(query, _)| !["extent", "calls_by_day"].contains(query));
    asked.map(|(_, count)| count.parse::<u64>().unwrap()).sum()
}

/// Whether the second server takes an answer that the first one has made: the same bytes, without a
/// question.
fn is_taken(first: &Server, second: &Server, path: &str) -> bool {
    let made = first.get(path);
    let before = questions(second);
    let taken = second.get(path);
    assert_eq!((made.status, taken.status), (200, 200), "{path}");
    assert_eq!((&taken.text, taken.header("etag")), (&made.text, made.header("etag")), "{path}");
    questions(second) == before
}

#[test]
fn what_one_server_has_answered_another_one_takes_from_redis() {
    let redis = Redis::start(&[]);
    let queue = redis.database();
    let first = Server::with_backends(Config::default(), |folder| Backends {
        queue,
        ..Backends::fresh(folder)
    });
    let second = first.elsewhere(Config { role: "server", ..Config::default() });
    first.post(Event::batch(vec![Event::minimal("get_alerts"); 5]));
    first.drained();
    let total = |server: &Server, days: u64| {
        let path = format!("/v1/stats/overview?period={days}d");
        server.get(&path).json()["summary"]["total_calls"].clone()
    };
    for server in [&first, &second] {
        eventually("the numbers are shown", || total(server, 1) == 5);
    }
    // A period that was not asked about yet, each time.
    let days = Cell::new(1);
    let is_shared = |page: &str| {
        days.set(days.get() + 1);
        is_taken(&first, &second, &format!("{page}period={}d", days.get()))
    };
    for page in ["/v1/stats/overview?", "/v1/stats/all?", "/tools?", "/?compare=previous&"] {
        // All answers are forgotten together every five minutes, which may be between two requests.
        assert!(is_shared(page) || is_shared(page), "{page}");
    }
    let asked = questions(&second);
    let asks = || {
        days.set(days.get() + 1);
        [&first, &second].map(|server| total(server, days.get()))
    };
    redis.kill();
    assert!(asks().into_iter().all(|total| total == 5), "they answer without Redis");
    assert!(questions(&second) > asked, "each for itself");
    redis.start_again();
    eventually("answers are shared again", || is_shared("/v1/stats/overview?"));
}
