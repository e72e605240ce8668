//! The page as a browser gets it: the numbers on it are the source's, and it is whole.

use salvo::http::{Method, StatusCode};

use super::*;
use crate::http::stats::tests::{Answer, Server};
use crate::stats::fake::{Call, Fake};

async fn at(path: &str, calls: Vec<Call>) -> Answer {
    Server::new(routes(), Fake::of(calls)).get(path).await
}

/// 3 + 1 calls of two tools; the newest lie in the current hour.
fn calls() -> Vec<Call> {
    let call = Call { version: "1.23.0", tool: "get_forecast", ..Call::default() };
    let failed = Call { failed: true, error_type: "timeout", ..call.clone() };
    vec![
        Call { hour: "2026-08-20T15", ms: Some(100), ..call.clone() },
        Call { hour: "2026-08-19T10", ms: Some(200), ..call.clone() },
        Call { hour: "2026-08-19T11", ..failed.clone() },
        Call { hour: "2026-08-18T03", tool: "get_alerts", error_type: "", ..failed },
    ]
}

/// The text of the page, as it is read out: tags gone, white space folded.
fn text(html: &str) -> String {
    let mut text = String::new();
    let mut inside = false;
    for c in html.replace("<wbr>", "").chars() {
        match c {
            '<' => inside = true,
            '>' => {
                inside = false;
                text.push(' ');
            }
            _ if !inside => text.push(c),
            _ => {}
        }
    }
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Every element is closed in order, every attribute is quoted, no id is there twice.
fn assert_well_formed(html: &str) {
    const VOID: [&str; 4] = ["meta", "link", "wbr", "!doctype"];
    let (mut open, mut ids) = (Vec::new(), Vec::new());
    for tag in html.split('<').skip(1) {
        let (tag, _) = tag.split_once('>').expect("a tag ends");
        assert_eq!(tag.matches('"').count() % 2, 0, "{tag}");
        let name = tag.split([' ', '/', '\n']).find(|part| !part.is_empty()).unwrap();
        if tag.starts_with('/') {
            assert_eq!(open.pop(), Some(name), "</{name}>");
        } else if !tag.ends_with('/') && !VOID.contains(&name) {
            open.push(name);
        }
        if let Some((_, id)) = tag.split_once(" id=\"") {
            let id = id.split('"').next().unwrap();
            assert!(!ids.contains(&id), "{id}");
            ids.push(id);
        }
        for (_, target) in
            tag.match_indices("aria-labelledby=\"").map(|(at, m)| tag.split_at(at + m.len()))
        {
            let targets = target.split('"').next().unwrap();
            assert!(
                targets.split(' ').all(|id| html.contains(&format!(" id=\"{id}\""))),
                "{targets}"
            );
        }
    }
    assert!(open.is_empty(), "{open:?}");
}

/// Without script, inline style or anything from elsewhere.
fn assert_self_contained(html: &str) {
    for bad in ["<script", " style=", " onclick", "src=\"http", "href=\"http", "<style", "url("] {
        assert!(!html.contains(bad), "{bad}");
    }
}

#[tokio::test]
async fn the_numbers_on_the_page_are_those_of_the_source() {
    let answer = at("/?period=7d", calls()).await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(answer.header("content-type"), "text/html; charset=utf-8");
    assert_eq!(answer.header("content-security-policy"), POLICY);
    let shown = text(&answer.body);
    for fact in [
        "4 calls in the last 7 days",
        "50.0% of them succeeded. The most called of 2 tools is get_forecast, with 75.0% of all calls.",
        "14 August 2026 to 20 August 2026, UTC",
        "Between 0 and 2 calls a day: the most on Wednesday 19 August. \
         The current day has 1 call so far.",
        "Thursday 20 August (so far) 1 Wednesday 19 August 2 Tuesday 18 August 1 Monday 17 August 0",
        "Calls 4 to 2 tools",
        "Success rate 50.0% 2 calls failed",
        "Mean response time 150 ms known for 50.0% of the calls",
        "Slowest 5% over 200 ms 95th percentile; half take up to 100 ms",
        "Versions in use 1 1.23.0 made 100% of the calls",
        "get_forecast 3 75.0% 33.3% 150 ms 200 ms",
        "get_alerts 1 25.0% 100% – –",
        "timeout 1 100% get_forecast 19 Aug, 11:00",
        "1 failed call did not say what went wrong.",
        "Newest event received 20 August 2026, 15:00 UTC",
    ] {
        assert!(shown.contains(fact), "{fact}\n\n{shown}");
    }
    assert_well_formed(&answer.body);
    assert_self_contained(&answer.body);
}

#[tokio::test]
async fn the_current_period_is_marked_and_the_others_are_links() {
    for (path, current) in [
        ("/", Some("30d")),
        ("/?period=24h", Some("24h")),
        ("/?period=007d", Some("7d")),
        ("/?period=90d", Some("90d")),
        ("/?period=12mo", None),
    ] {
        let html = at(path, calls()).await.body;
        let marked: Vec<&str> = html.split(" aria-current=").collect();
        assert_eq!(marked.len(), 1 + usize::from(current.is_some()), "{path}");
        if let Some(current) = current {
            assert!(marked[0].ends_with(&format!("<a href=\"/?period={current}\"")), "{path}");
        }
        assert_eq!(html.matches("<li><a href=\"/?period=").count(), 4);
    }
}

#[tokio::test]
async fn a_range_in_the_past_is_not_still_running() {
    let answer = at("/?from=2026-08-15T12:00:00Z&to=2026-08-20", calls()).await;
    let shown = text(&answer.body);
    for fact in [
        "3 calls from 15 August 2026 to 19 August 2026",
        "Between 0 and 2 calls a day: the most on Wednesday 19 August. The same",
        "Wednesday 19 August 2",
        "Saturday 15 August (in part) 0",
    ] {
        assert!(shown.contains(fact), "{fact}\n\n{shown}");
    }
    assert!(!shown.contains("so far"));
    let link = "/v1/stats/all?from=2026-08-15T12:00:00Z&#38;to=2026-08-20T00:00:00Z\"";
    assert!(answer.body.contains(link));
}

#[tokio::test]
async fn before_the_first_event_the_page_says_how_to_send_one() {
    let answer = at("/", Vec::new()).await;
    assert_eq!(answer.status, StatusCode::OK);
    assert!(answer.body.contains("curl http://127.0.0.1:3000/v1/events"));
    assert!(answer.body.contains("\"timestamp_hour\":\"2026-08-20T15:00:00Z\""));
    assert!(!answer.body.contains("<dl"));
    assert_well_formed(&answer.body);
    assert_self_contained(&answer.body);
}

#[tokio::test]
async fn a_period_without_calls_has_no_numbers_instead_of_zeros() {
    let answer = at("/?period=24h", vec![calls().remove(3)]).await;
    let shown = text(&answer.body);
    for fact in ["No calls in the last 24 hours", "Success rate No data", "Versions in use No data"]
    {
        assert!(shown.contains(fact), "{fact}\n\n{shown}");
    }
    assert!(!shown.contains("0%") && !shown.contains("Tools Most called"), "{shown}");
    assert_well_formed(&answer.body);
}

#[tokio::test]
async fn what_no_call_reported_is_said_to_be_missing() {
    let call = Call { hour: "2026-08-20T15", tool: "get_alerts", ..Call::default() };
    let shown = text(&at("/", vec![call]).await.body);
    for fact in [
        "1 call in the last 30 days",
        "100% of them succeeded. All went to get_alerts.",
        "Mean response time Not reported no call said how long it took",
        "Versions in use Not reported no call named its version",
        "No kind of error was named in this period.",
    ] {
        assert!(shown.contains(fact), "{fact}\n\n{shown}");
    }
}

#[tokio::test]
async fn values_of_dimensions_are_text_and_never_markup() {
    let poison = "<b onclick='x'>\"&</b>";
    let call = Call {
        hour: "2026-08-20T15",
        tool: poison,
        version: poison,
        failed: true,
        error_type: poison,
        ..Call::default()
    };
    let html = at("/", vec![call]).await.body;
    assert!(!html.contains("<b onclick"));
    assert!(html.contains("&#60;b onclick=&#39;x&#39;&#62;&#34;&#38;&#60;/b&#62;"));
    assert_well_formed(&html);
}

#[tokio::test]
async fn a_store_that_is_down_is_said_so() {
    let server = Server::new(routes(), Fake::down());
    let answer = server.get("/").await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(answer.header("retry-after"), "10");
    assert_eq!(answer.header("content-type"), "text/html; charset=utf-8");
    assert!(text(&answer.body).contains("The numbers cannot be read at the moment"));
    assert!(!answer.body.contains("db.internal"));
    assert_well_formed(&answer.body);
}

#[tokio::test]
async fn a_bad_period_is_refused_in_words() {
    let answer = at("/?period=%3Cscript%3E", calls()).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    let shown = text(&answer.body);
    assert!(shown.contains("Period must be one of &#60;n&#62;h (1 to 720 hours)"), "{shown}");
    assert_self_contained(&answer.body);
    assert_well_formed(&answer.body);
}

#[tokio::test]
async fn files_are_kept_for_ever_and_the_page_for_a_minute() {
    let server = Server::new(routes(), Fake::of(calls()));
    let page = server.get("/").await;
    assert_eq!(page.header("cache-control"), "public, max-age=60");
    let again = server.ask(Method::GET, "/", Some(page.header("etag"))).await;
    assert_eq!(again.status, StatusCode::NOT_MODIFIED);
    for (file, kind) in [(&*STYLESHEET, "text/css; charset=utf-8"), (&*ICON, "image/svg+xml")] {
        let path = format!("/static/{}", file.name);
        assert!(page.body.contains(&format!("href=\"{path}\"")), "{path}");
        let answer = server.get(&path).await;
        assert_eq!((answer.status, answer.header("content-type")), (StatusCode::OK, kind));
        assert_eq!(answer.header("cache-control"), "public, max-age=31536000, immutable");
        assert_eq!(answer.body, file.content);
    }
    assert_eq!(server.get("/static/style.css").await.status, StatusCode::NOT_FOUND);
    let head = server.ask(Method::HEAD, "/", None).await;
    assert_eq!((head.status, head.header("etag")), (StatusCode::OK, page.header("etag")));
}
