//! The page at `/`: what it shows is what the API says.

use test_servers::Postgres;

use crate::support::{Config, Event, Server, eventually, on_every_pair};

on_every_pair![the_page_shows_the_numbers_of_the_api_without_a_script,];

#[test]
fn an_empty_installation_says_how_to_begin() {
    let server = Server::start();
    server.drained();
    let page = server.get("/");
    assert_eq!(page.status, 200);
    assert!(page.header("content-type").unwrap().starts_with("text/html"));
    assert!(page.text.contains("/v1/events"), "it shows how to send the first event");
}

fn the_page_shows_the_numbers_of_the_api_without_a_script() {
    let server = Server::start();
    let event = Event::standard("get_forecast").with("response_time_ms", 250);
    for _ in 0..12 {
        server.post(Event::batch(vec![event.clone(); 100]));
    }
    server.post(Event::batch(vec![Event::minimal("get_alerts"); 34]));
    server.drained();
    let mut page = server.get("/");
    eventually("the page shows all calls", || {
        page = server.get("/?period=7d");
        page.text.contains("1,234")
    });
    // Names may break at their underscores.
    let text = page.text.replace("<wbr>", "");
    for fact in ["get_forecast", "get_alerts", "<svg", "<table", "period=90d"] {
        assert!(text.contains(fact), "{fact} is missing");
    }
    assert!(!page.text.contains("<script>"), "there is no script inside of it");
    assert_eq!(server.get("/?period=nonsense").status, 400);
    for (path, fact) in [
        ("/tools/get_alerts", "34"),
        ("/performance", "250\u{a0}ms"),
        ("/errors", "0%"),
        ("/versions", "1.23.0"),
        ("/geography", "No call of this period named a country."),
        ("/status", "1,234"),
        ("/methodology", "What is counted"),
    ] {
        let page = server.get(path);
        assert_eq!(page.status, 200, "{path}");
        assert!(page.text.contains(fact), "{path}: {fact}\n{}", page.text);
    }
}

#[test]
fn nothing_is_shared_that_the_file_does_not_name() {
    let server = Server::start();
    for path in ["/badge/calls.svg", "/badge/calls.json", "/embed/calls"] {
        assert_eq!(server.get(path).status, 404, "{path}");
    }
    let env = [
        ("ANALYTICS_SHARE__BADGES", "[calls]".to_owned()),
        ("ANALYTICS_SHARE__EMBEDS", "[calls]".to_owned()),
        ("ANALYTICS_SHARE__EMBED_ORIGINS", "['https://example.org']".to_owned()),
    ];
    let server = Server::with(Config { env: env.to_vec(), ..Config::default() });
    server.post(Event::batch(vec![Event::minimal("get_alerts"); 34]));
    server.drained();
    eventually("the badge counts", || server.get("/badge/calls.json").json()["message"] == "34");
    let badge = server.get("/badge/calls.svg?period=7d");
    assert_eq!(badge.header("content-type"), Some("image/svg+xml"));
    assert!(badge.text.contains("calls in the last 7 days: 34"), "{}", badge.text);
    let frame = server.get("/embed/calls?theme=dark");
    let policy = frame.header("content-security-policy").unwrap();
    assert!(policy.ends_with("frame-ancestors https://example.org"), "{policy}");
    assert_eq!(server.get("/embed/calls?theme=pink").status, 400);
    assert_eq!(server.get("/badge/tools.svg").status, 404);
    assert_eq!(server.get("/embed/tools").status, 404);
}

#[test]
fn while_the_store_is_away_pages_show_the_last_numbers_and_recover_by_themselves() {
    let postgres = Postgres::start(&[]);
    let server = Server::with_store(Config::default(), postgres.database());
    server.post(Event::batch(vec![Event::minimal("get_alerts"); 34]));
    server.drained();
    eventually("the page counts", || server.get("/?period=7d").text.contains("34\u{a0}calls"));
    let old = "What you see is less than a minute old.";
    assert!(!server.get("/?period=7d").text.contains(old));
    for round in 1..=2 {
        postgres.crash();
        eventually("the page says that it is old", || {
            let page = server.get("/?period=7d");
            assert_eq!(page.status, 200, "nobody is turned away");
            page.text.contains(old)
        });
        let page = server.get("/?period=7d");
        assert_eq!(page.header("cache-control"), Some("no-store"));
        assert!(page.text.contains("34\u{a0}calls"), "{}", page.text);
        // What nobody has looked at is not known; clients are accepted all the same.
        let page = server.get("/errors");
        assert_eq!((page.status, page.header("retry-after")), (503, Some("10")));
        assert_eq!(server.get("/methodology").status, 200);
        if round == 1 {
            postgres.start_again();
            eventually("the page is new", || !server.get("/?period=7d").text.contains(old));
        }
    }
    assert_eq!(server.post(Event::batch([Event::minimal("get_alerts")])).status, 200);
    postgres.start_again();
    eventually("the page has what came meanwhile", || {
        server.get("/?period=7d").text.contains("35\u{a0}calls")
    });
    assert!(!server.get("/?period=7d").text.contains(old));
}
