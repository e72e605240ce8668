//! The country that a proxy names: taken from believed proxies only, and only where it may be.

use std::net::Ipv4Addr;

use crate::support::{Config, Event, Sender, Server, raw_post};

fn server(header: bool) -> Server {
    let mut env = vec![("ANALYTICS_SERVER__TRUSTED_PROXIES", r#"["127.0.0.1/32"]"#.to_owned())];
    if header {
        env.push(("ANALYTICS_PRIVACY__COUNTRY_HEADER", "CF-IPCountry".to_owned()));
    }
    Server::with(Config { env, ..Config::default() })
}

/// Posts from an address; the version says later which post it was.
fn post(server: &Server, from: [u8; 4], number: u8, headers: &[(&str, &str)]) {
    let version = format!("1.{number}");
    let events = [
        Event::minimal("get_alerts"),
        Event::standard("get_alerts"),
        Event::standard("get_alerts").with("country", "FR"),
    ];
    let body = Event::batch(events.map(|event| event.with("version", version.as_str())));
    let request = (Ipv4Addr::from(from), raw_post(headers, body.as_bytes()));
    let answer = Sender::to(&server.public).send(vec![request], 1).remove(0);
    assert!(answer.starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(&answer));
}

#[test]
fn a_country_is_taken_from_a_believed_proxy_for_events_that_have_none() {
    let server = server(true);
    let proxy = [127, 0, 0, 1];
    post(&server, proxy, 1, &[("cf-ipcountry", "de")]);
    for (number, value) in [(2, "XX"), (3, "T1"), (4, "EU"), (5, "somebody@example.org"), (6, "")] {
        post(&server, proxy, number, &[("cf-ipcountry", value)]);
    }
    post(&server, proxy, 7, &[("cf-ipcountry", "DE"), ("cf-ipcountry", "DE")]);
    post(&server, proxy, 8, &[("x-country", "DE")]);
    // Who comes past the proxy is not believed, whatever else it says.
    post(&server, [127, 0, 0, 2], 9, &[("cf-ipcountry", "DE"), ("x-forwarded-for", "127.0.0.1")]);
    server.drained();
    let stored = server.store().texts(
        "SELECT version || ' ' || analytics_level || ' ' || country FROM events \
         WHERE country IS NOT NULL ORDER BY 1",
    );
    let mut want: Vec<_> = (1..=9).map(|number| format!("1.{number} standard FR")).collect();
    want.insert(0, "1.1 standard DE".to_owned());
    assert_eq!(stored, want);
    assert_eq!(server.store().int("SELECT count(*) FROM events"), 27);
}

#[test]
fn a_country_is_taken_from_nobody_unless_it_is_asked_for() {
    let server = server(false);
    post(&server, [127, 0, 0, 1], 1, &[("cf-ipcountry", "DE")]);
    server.drained();
    assert_eq!(server.store().int("SELECT count(*) FROM events WHERE country = 'DE'"), 0);
}
