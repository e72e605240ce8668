//! The pages as a browser gets them: the numbers on them are the source's, and they are whole.

use salvo::http::{Method, StatusCode};

use stages::rollup::Axis;

use super::*;
use crate::http::stats::tests::{Answer, Server};
use crate::stats::fake::{Call, Fake};

mod kept;
mod size;

async fn at(path: &str, calls: Vec<Call>) -> Answer {
    Server::new(routes(None), Fake::of(calls)).get(path).await
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
pub(super) fn text(html: &str) -> String {
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
    const VOID: [&str; 5] = ["meta", "link", "wbr", "input", "!doctype"];
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
        for attribute in [" aria-labelledby=\"", " aria-describedby=\""] {
            let Some((_, target)) = tag.split_once(attribute) else { continue };
            let targets = target.split('"').next().unwrap();
            let there = |id| html.contains(&format!(" id=\"{id}\""));
            assert!(targets.split(' ').all(there), "{attribute}{targets}");
        }
    }
    assert!(open.is_empty(), "{open:?}");
}

/// No style in an attribute, no script in the page, nothing from elsewhere.
fn assert_self_contained(html: &str) {
    let bad = [" style=", " onclick", "src=\"http", "href=\"http", "<style", "url(", "<script>"];
    for bad in bad {
        assert!(!html.contains(bad), "{bad}");
    }
}

/// What every page has: landmarks, one heading of the first rank, named drawings with tables.
pub(super) fn assert_structured(html: &str) {
    for (part, times) in [("<h1", 1), ("<main", 1), ("<header", 1), ("<footer", 1), ("<nav", 1)] {
        assert_eq!(html.matches(part).count(), times, "{part}");
    }
    let (figures, drawings) =
        (html.matches("<figure").count(), html.matches("<svg class=\"chart").count());
    assert_eq!((figures, html.matches("<figcaption").count()), (drawings, drawings));
    let heads = html.matches("<th").count() - html.matches("<thead").count();
    assert_eq!(html.matches(" scope=\"").count(), heads, "every head says what it heads");
    assert_well_formed(html);
    assert_self_contained(html);
}

const PAGES: [&str; 9] = [
    "/",
    "/tools",
    "/tools/get_forecast",
    "/performance",
    "/errors",
    "/versions",
    "/geography",
    "/methodology",
    "/?period=7d&compare=previous",
];

#[tokio::test]
async fn every_page_is_whole() {
    let full = |call: Call| Call { country: "US", service: "noaa", cache_hit: Some(true), ..call };
    for calls in [calls(), calls().into_iter().map(full).collect()] {
        for path in PAGES {
            let answer = at(path, calls.clone()).await;
            assert_eq!(answer.status, StatusCode::OK, "{path}");
            assert_structured(&answer.body);
        }
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
        "4 calls in the last 7 days.",
        "50.0% of them succeeded. The most called of 2 tools is get_forecast, with 75.0% of all calls. \
         14 to 20 August 2026, UTC.",
        "Between 1 and 2 calls a day: the most on Wednesday 19 August. Nothing is known from before \
         Tuesday 18 August. The current day has 1 call so far.",
        "Monday 17 August no data Tuesday 18 August 1 Wednesday 19 August 2 \
         Thursday 20 August (so far) 1",
        "Calls 4 to 2 tools",
        "Succeeded 50.0% 2 calls failed",
        "Median time 100 ms half of the calls are faster",
        "Slowest 5% over 200 ms 95th percentile",
        "Calls with a time 50.0% the rest reported counts only",
        "get_forecast 3 75.0% 33.3% 100 ms 200 ms",
        "get_alerts 1 25.0% 100% – –",
        "1.23.0 4 100% 50.0% 100 ms 200 ms",
        "timeout 1 100% get_forecast 1",
        "1 failed call did not say what went wrong.",
        "No call of this period named a country.",
        "As of 20 Aug, 15:00 UTC",
    ] {
        let shown = shown.replace('\u{a0}', " ");
        assert!(shown.contains(fact), "{fact}\n\n{shown}");
    }
}

#[tokio::test]
async fn what_is_compared_with_stands_beside_every_number() {
    let call = |hour| Call { hour, tool: "get_alerts", ms: Some(100), ..Call::default() };
    let slow = Call { ms: Some(300), failed: true, ..call("2026-08-10T10") };
    let calls = vec![
        call("2026-08-20T10"),
        call("2026-08-19T10"),
        call("2026-08-09T10"),
        slow.clone(),
        slow.clone(),
        slow,
    ];
    let shown = text(&at("/?period=7d&compare=previous", calls).await.body).replace('\u{a0}', " ");
    for fact in [
        "2 calls in the last 7 days, 50.0% fewer than before.",
        "Calls 2 ▼ down 50.0% to 1 tool",
        "Succeeded 100% ▲ up 75.0 points 0 calls failed",
        "Median time 100 ms ▼ down 66.7%",
        "This period From 7 August 2026",
        "Friday 14 August 0 no data",
        "get_alerts 2 ▼ down 50.0%",
    ] {
        assert!(shown.contains(fact), "{fact}\n\n{shown}");
    }
}

#[tokio::test]
async fn the_whole_choice_is_in_the_address() {
    let path = "/?period=7d&compare=previous&version=1.23.0&status=error";
    let html = at(path, calls()).await.body.replace("&#38;", "&");
    for link in [
        // Another period, other buckets, another comparison, without a filter, another page.
        "href=\"/?period=90d&compare=previous&version=1.23.0&status=error\"",
        "href=\"/?period=7d&compare=previous&group=hour&version=1.23.0&status=error\"",
        "href=\"/?period=7d&version=1.23.0&status=error\"",
        "href=\"/?period=7d&compare=previous&status=error\"",
        "href=\"/errors?period=7d&compare=previous&version=1.23.0&status=error\"",
        "href=\"/tools/get_forecast?period=7d&compare=previous&version=1.23.0&status=error\"",
        "href=\"/v1/stats/timeseries.csv?period=7d&compare=previous&version=1.23.0&status=error&measure=calls\"",
        "<input type=\"hidden\" name=\"version\" value=\"1.23.0\">",
        "<option selected>error</option>",
    ] {
        assert!(html.contains(link), "{link}");
    }
    for (path, current) in [("/", "30 d"), ("/?period=24h", "24 h"), ("/?period=007d", "7 d")] {
        let html = at(path, calls()).await.body;
        assert!(html.contains(&format!(" aria-current=\"true\">{current}</a>")), "{path}");
    }
    let empty = at("/?from=2026-08-15&to=&level=&status=error", calls()).await;
    assert_eq!(empty.status, StatusCode::OK, "a form sends what was left empty");
}

#[tokio::test]
async fn a_range_in_the_past_is_not_still_running() {
    let answer = at("/?from=2026-08-15T12:00:00Z&to=2026-08-20", calls()).await;
    let shown = text(&answer.body);
    for fact in [
        "3 calls from 15 to 19 August 2026. 33.3% of them succeeded.",
        "All times are UTC.",
        "Wednesday 19 August 2",
    ] {
        assert!(shown.contains(fact), "{fact}\n\n{shown}");
    }
    assert!(!shown.contains("so far"));
}

#[tokio::test]
async fn before_the_first_event_the_page_says_how_to_send_one() {
    let answer = at("/", Vec::new()).await;
    assert_eq!(answer.status, StatusCode::OK);
    assert!(answer.body.contains("curl http://127.0.0.1:3000/v1/events"));
    assert!(answer.body.contains("\"timestamp_hour\":\"2026-08-20T15:00:00Z\""));
    assert!(!answer.body.contains("<dl"));
    assert_structured(&answer.body);
}

#[tokio::test]
async fn a_period_without_calls_has_no_numbers_instead_of_zeros() {
    let answer = at("/?period=24h", vec![calls().remove(3)]).await;
    let shown = text(&answer.body);
    for fact in ["No calls in the last 24 hours", "Succeeded No data", "Median time No data"] {
        assert!(shown.contains(fact), "{fact}\n\n{shown}");
    }
    assert!(!shown.contains("100%") && !shown.contains("0 ms"), "{shown}");
    assert_structured(&answer.body);
}

#[tokio::test]
async fn what_no_call_reported_is_said_to_be_missing() {
    let call = Call { hour: "2026-08-20T15", tool: "get_alerts", ..Call::default() };
    for (path, fact) in [
        ("/", "100% of them succeeded. All went to get_alerts."),
        ("/", "Median time Not reported no call said how long it took"),
        ("/versions", "No call of this period named its version."),
        ("/errors", "No kind of error was named in this period."),
        ("/geography", "No call of this period named a country."),
        ("/performance", "No call of this period said how long it took"),
        ("/performance", "No call of this period named the service behind its tool."),
        ("/performance", "No call of this period said whether the client's cache answered."),
    ] {
        let shown = text(&at(path, vec![call.clone()]).await.body).replace("&#39;", "'");
        assert!(shown.contains(fact), "{path}: {fact}\n\n{shown}");
    }
}

#[tokio::test]
async fn values_of_dimensions_are_text_and_never_markup() {
    let poison = "<b onclick='x'>\"&</b>";
    let call = Call {
        hour: "2026-08-20T15",
        tool: poison,
        version: poison,
        service: poison,
        country: poison,
        failed: true,
        error_type: poison,
        ..Call::default()
    };
    for path in ["/", "/tools", "/performance", "/errors", "/versions", "/geography"] {
        let html = at(path, vec![call.clone()]).await.body;
        assert!(!html.contains("<b onclick") && html.contains("&#60;/b&#62;"), "{path}");
        assert_well_formed(&html);
    }
}

#[tokio::test]
async fn one_part_that_fails_leaves_the_others_standing() {
    for (axis, part) in
        [(Axis::Version, "versions"), (Axis::Country, "countries"), (Axis::ErrorType, "errors")]
    {
        let fake = Fake { failing_axis: Some(axis), ..Fake::of(calls()) };
        let answer = Server::new(routes(None), fake).get("/").await;
        assert_eq!(answer.status, StatusCode::OK);
        let (_, section) =
            answer.body.split_once(&format!("<section class=\"part\" id=\"{part}\"")).unwrap();
        let (section, _) = section.split_once("</section>").unwrap();
        assert!(section.contains("This part cannot be read at the moment"), "{part}");
        assert_eq!(answer.body.matches("class=\"failed\"").count(), 1, "{part}");
        assert!(text(&answer.body).contains("get_forecast 3 75.0%"), "{part}");
        assert!(!answer.body.contains("db.internal"));
        assert_structured(&answer.body);
    }
}

#[tokio::test]
async fn while_the_store_is_away_the_last_numbers_say_how_old_they_are() {
    // As many questions as the page asks the first time.
    let counted = Fake::of(calls());
    let server = Server::new(routes(None), counted);
    let fresh = server.get("/").await;
    let asked = server.asked();
    let server = Server::new(routes(None), Fake { fails_from: Some(asked), ..Fake::of(calls()) });
    assert_eq!(server.get("/").await.body, fresh.body);
    server.clock.advance(std::time::Duration::from_secs(1));
    // However the same is asked for.
    let old = server.get("/?period=30d&level=").await;
    assert_eq!((old.status, old.header("cache-control")), (StatusCode::OK, "no-store"));
    assert!(text(&old.body).contains("What you see is less than a minute old."));
    assert!(text(&old.body).contains("get_forecast 3 75.0%"));
    assert_structured(&old.body);
    assert_eq!(server.get("/errors").await.status, StatusCode::SERVICE_UNAVAILABLE);
}

#[tokio::test]
async fn a_store_that_is_down_is_said_so() {
    let server = Server::new(routes(None), Fake::down());
    let answer = server.get("/").await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(answer.header("retry-after"), "10");
    assert_eq!(answer.header("content-type"), "text/html; charset=utf-8");
    assert!(text(&answer.body).contains("The numbers cannot be read at the moment"));
    assert!(!answer.body.contains("db.internal"));
    assert_structured(&answer.body);
}

#[tokio::test]
async fn what_cannot_be_asked_is_refused_in_words() {
    for (path, status, says) in [
        ("/?period=%3Cscript%3E", 400, "Period must be one of &#60;n&#62;h (1 to 720 hours)"),
        ("/?perod=7d", 400, "did you mean period?"),
        ("/?period=90d&group=hour", 400, "Group=hour reaches 720 hours back"),
        ("/tools/get_nothing", 404, "There is nothing here"),
    ] {
        let answer = at(path, calls()).await;
        assert_eq!(answer.status.as_u16(), status, "{path}");
        assert!(text(&answer.body).contains(says), "{path}: {}", answer.body);
        assert!(!answer.body.contains("get_nothing"));
        assert_structured(&answer.body);
    }
}

#[tokio::test]
async fn programs_get_plain_text_when_they_ask_for_it() {
    let server = Server::new(routes(None), Fake::of(calls()));
    let plain = [("accept", "text/plain")];
    let answer = server.send(Method::GET, "/?period=7d", &plain).await;
    assert_eq!(answer.header("content-type"), "text/plain; charset=utf-8");
    for fact in [
        "4 calls in the last 7 days.\n",
        "Calls              4\n",
        "Tool          Calls  Share  Failed  Median  Slowest 5%\n",
        "get_forecast      3  75.0%   33.3%  100 ms      200 ms\n",
        "This page: /?period=7d\n",
    ] {
        assert!(answer.body.contains(fact), "{fact}\n\n{}", answer.body);
    }
    assert!(!answer.body.contains('<'));
    for accept in ["*/*", "text/html,text/plain", "application/json"] {
        let answer = server.send(Method::GET, "/", &[("accept", accept)]).await;
        assert_eq!(answer.header("content-type"), HTML, "{accept}");
    }
}

#[tokio::test]
async fn previews_have_a_picture_where_the_public_address_is_known() {
    let server = Server::new(routes(Some("https://stats.example.org")), Fake::of(calls()));
    let html = server.get("/tools/get_forecast?period=7d").await.body;
    let picture = "https://stats.example.org/preview.png?period=7d&#38;tool=get_forecast";
    assert!(
        html.contains(&format!("<meta property=\"og:image\" content=\"{picture}\">")),
        "{html}"
    );
    let address = "https://stats.example.org/tools/get_forecast?period=7d";
    assert!(html.contains(&format!("<link rel=\"canonical\" href=\"{address}\">")), "{html}");
    let nowhere = at("/", calls()).await.body;
    assert!(!nowhere.contains("og:image") && !nowhere.contains("canonical"));
}
