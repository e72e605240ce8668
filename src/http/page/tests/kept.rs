//! What is kept, for whom and for how long: pages, and everything else that follows from a question.

use std::time::Duration;

use super::*;

const SECOND: Duration = Duration::from_secs(1);

/// Everything that the public routes answer from numbers.
const KEPT: [&str; 9] = [
    "/",
    "/?period=7d&compare=previous&version=1.23.0",
    "/tools",
    "/tools/get_forecast",
    "/performance",
    "/errors",
    "/versions",
    "/geography",
    "/preview.png",
];

#[tokio::test]
async fn what_is_asked_for_again_costs_the_store_nothing() {
    for path in KEPT {
        let server = Server::new(routes(None), Fake::of(calls()));
        let first = server.send(Method::HEAD, path, &[]).await;
        assert_eq!(first.status, StatusCode::OK, "{path}");
        let asked = server.asked();
        for _ in 0..3 {
            let again = server.send(Method::HEAD, path, &[]).await;
            assert_eq!(again.header("etag"), first.header("etag"), "{path}");
        }
        assert_eq!(server.asked(), asked, "{path}");
        // A second later the store is asked whether anything has changed, and no more.
        server.clock.advance(SECOND);
        server.send(Method::HEAD, path, &[]).await;
        assert_eq!(server.asked(), asked + 1, "{path}");
    }
}

#[tokio::test]
async fn each_form_and_question_has_an_answer_of_its_own() {
    let server = Server::new(routes(None), Fake::of(calls()));
    let html = server.get("/").await;
    let plain = server.send(Method::GET, "/", &[("accept", "text/plain")]).await;
    assert!(html.body.starts_with("<!doctype html>") && !plain.body.contains('<'));
    for path in ["/tools", "/tools/get_alerts", "/tools/get_forecast", "/?tool=get_alerts"] {
        assert_ne!(server.get(path).await.header("etag"), html.header("etag"), "{path}");
    }
    // The same question in other words.
    let asked = server.asked();
    assert_eq!(server.get("/?period=030d&status=").await.body, html.body);
    assert_eq!(server.asked(), asked);
}

#[tokio::test]
async fn names_that_nobody_used_and_parts_that_failed_are_not_kept() {
    let server = Server::new(routes(None), Fake::of(calls()));
    for path in ["/?version=9.9.9", "/?country=ZZ", "/tools/get_nothing"] {
        server.get(path).await;
        let asked = server.asked();
        server.get(path).await;
        assert!(server.asked() > asked, "{path}");
    }
    let fake = Fake { failing_axis: Some(Axis::Country), ..Fake::of(calls()) };
    let server = Server::new(routes(None), fake);
    server.get("/").await;
    let asked = server.asked();
    server.get("/").await;
    assert!(server.asked() > asked, "the part is tried again");
}

#[tokio::test]
async fn a_page_of_the_past_may_be_kept_for_a_day() {
    let mut calls = calls();
    for hour in ["2026-06-01T10", "2026-08-10T10"] {
        calls.push(Call { hour, tool: "get_forecast", ..Call::default() });
    }
    let server = Server::new(routes(None), Fake::of(calls));
    // It is 15:04 on 2026-08-20, and events are accepted for three days.
    for (query, lifetime) in [
        ("", 60),
        ("from=2026-08-01&to=2026-08-18", 60),
        ("from=2026-08-01&to=2026-08-17T16:00:00Z", 60),
        ("from=2026-08-01&to=2026-08-17T15:00:00Z", 86_400),
        ("from=2026-06-01&to=2026-07-01&compare=previous", 86_400),
    ] {
        for path in KEPT.into_iter().filter(|path| !path.contains('?')) {
            let answer = server.send(Method::HEAD, &format!("{path}?{query}"), &[]).await;
            let want = format!("public, max-age={lifetime}");
            assert_eq!(answer.header("cache-control"), want, "{path}?{query}");
        }
    }
}

#[tokio::test]
async fn files_of_other_releases_are_answered_by_those_of_this_one() {
    let server = Server::new(routes(None), Fake::of(calls()));
    for asset in [&asset::STYLE, &asset::SCRIPT, &asset::ICON] {
        let (stem, rest) = asset.name.rsplit_once('-').unwrap();
        let (hash, suffix) = rest.split_once('.').unwrap();
        let other = format!("/static/{stem}-{}.{suffix}", "0".repeat(hash.len()));
        let (now, then) =
            (server.get(&format!("/static/{}", asset.name)).await, server.get(&other).await);
        assert_eq!((then.status, &then.body), (StatusCode::OK, &now.body));
        assert_eq!(then.header("cache-control"), "public, max-age=60");
        let never = format!("/static/{stem}-{}.{suffix}", "x".repeat(hash.len()));
        assert_eq!(server.get(&never).await.status, StatusCode::NOT_FOUND);
    }
}

#[tokio::test]
async fn files_are_kept_for_ever_and_the_page_for_a_minute() {
    let server = Server::new(routes(None), Fake::of(calls()));
    let page = server.get("/").await;
    assert_eq!(page.header("cache-control"), "public, max-age=60");
    let again = server.ask(Method::GET, "/", Some(page.header("etag"))).await;
    assert_eq!(again.status, StatusCode::NOT_MODIFIED);
    for (asset, kind) in [
        (&asset::STYLE, "text/css; charset=utf-8"),
        (&asset::SCRIPT, "text/javascript; charset=utf-8"),
        (&asset::ICON, "image/svg+xml"),
    ] {
        let path = format!("/static/{}", asset.name);
        assert!(page.body.contains(&format!("=\"{path}\"")), "{path}");
        let answer = server.get(&path).await;
        assert_eq!((answer.status, answer.header("content-type")), (StatusCode::OK, kind));
        assert_eq!(answer.header("cache-control"), "public, max-age=31536000, immutable");
    }
    assert_eq!(server.get("/static/style.css").await.status, StatusCode::NOT_FOUND);
    let head = server.ask(Method::HEAD, "/", None).await;
    assert_eq!((head.status, head.header("etag")), (StatusCode::OK, page.header("etag")));
}
