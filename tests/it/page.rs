//! The page at `/`: what it shows is what the API says.

use crate::support::{Event, Server, eventually, on_every_pair};

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
    for fact in ["get_forecast", "get_alerts", "<svg", "<table", "period=30d"] {
        assert!(text.contains(fact), "{fact} is missing");
    }
    assert!(!page.text.contains("<script"), "it is readable without one");
    assert_eq!(server.get("/?period=nonsense").status, 400);
}
