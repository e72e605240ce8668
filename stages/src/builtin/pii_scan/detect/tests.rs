//! Examples and near misses for every detector. All of them are made up or come from the documents
//! that define a form (test card numbers, RFC 3849 and RFC 5737 addresses, IBAN registry examples).

use super::*;

/// The detectors that find something in a text.
fn finders(text: &str) -> Vec<&'static str> {
    let (text, facts) = (Text::new(text), Facts::default());
    DETECTORS.iter().filter(|d| d.finds(&text, facts)).map(|d| d.name).collect()
}

#[test]
fn every_detector_finds_its_examples() {
    for (name, examples) in [
        (
            "email",
            &[
                "mina@post.se",
                "write to <mina.berg+wx@post.co.uk>!",
                "mailto:o'brian@post.museum",
                "jürgen@bücher.example",
            ][..],
        ),
        (
            "ipv4",
            &["203.0.113.9", "refused (198.51.100.7:8080)", "at 192.0.2.1.", "http://10.1.2.3/x"],
        ),
        (
            "ipv6",
            &[
                "2001:db8::7",
                "[2001:db8:0:1:2:3:4:5]:443 closed",
                "::ffff:203.0.113.9",
                "peer 2001:db8:7::.",
                "fe80::1ff:fe23:4567:890a%eth0",
            ],
        ),
        ("mac", &["3c:22:fb:9a:01:7e", "dev DE-AD-BE-EF-CA-FE up", "3c22.fb9a.017e"]),
        (
            "pair",
            &[
                "59.9139,10.7522",
                "(59.91; 10.75)",
                "-33.87 151.21",
                "points/59.9139,10.7522/forecast",
                "fc:59.9139:10.7522:daily",
                "59.9139° N, 10.7522° E",
                "59.9139%2C10.7522",
            ],
        ),
        ("labelled-position", &["{lat: 59.9}", "\"longitude\":10"]),
        ("iso-6709", &["+59.9139+010.7522/", "at -33.8688+151.2093"]),
        (
            "degrees",
            &["59°54'50\"N 10°45'8\"E", "N 59° 54.83 E 10° 45.13", "59.9139° N, 10.7522° E"],
        ),
        ("degrees-in-letters", &["59d54m50sN 10d45m8sE"]),
        ("well-known-text", &["POINT (10.75 59.91)", "srid=4326;linestring(1 2, 3 4)"]),
        (
            "phone",
            &[
                "+47 22 12 34 56",
                "+1 (415) 555-0199",
                "(415) 555-0199",
                "650.555.0199",
                "call me on 22 12 34 56",
            ],
        ),
        (
            "card",
            &[
                "4111 1111 1111 1111",
                "pay 378282246310005 now",
                "6011-1111-1111-1117",
                "5555555555554444",
            ],
        ),
        (
            "iban",
            &["NO93 8601 1117 947", "to de89370400440532013000.", "FR1420041010050500013M02606"],
        ),
        ("ip-in-name", &["p-203-0-113-9.dip.example.net", "9.113.0.203.in-addr.arpa"]),
        ("ipv6-without-colons", &["2001-db8-7--1.ipv6-literal.net", "2001_db8__7_1"]),
        ("ip-as-number", &["http://3405803785/x", "http://0xcb007109"]),
        (
            "sides",
            &["59.9139N 10.7522E", "N 59 54 50 E 10 45 8", "5954N01045E", "59-54-50N, 010-45-08E"],
        ),
        (
            "grid",
            &[
                "32V 597500 6642000",
                "32VNM9750042000",
                "9FFGW93F+9X",
                "/gridpoints/TOP/31,80/forecast",
            ],
        ),
        ("three-words", &["///table.lamp.spoon"]),
        ("map", &["/14/8529/5755.png", "https://osm.example/#map=13/59.91/10.75"]),
        (
            "compact-position",
            &["+5954.8+01045.1/", "59,9139; 10,7522", "0101000000AE47E17A14AE25407B14AE47E1FA4D40"],
        ),
        ("announced-phone", &["2212345678 call", "mobile 98765 43210"]),
        (
            "wallet",
            &[
                // Examples of the developer guide of Bitcoin, BIP 173, BIP 350 and EIP 55.
                "1BoatSLRHtKNngkdXEeobR76b53LETtpyT",
                "BC1QW508D6QEJXTDG4Y5R3ZARVARY0C5XW7KV8F3T4".to_lowercase().leak(),
                "bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqzk5jj0",
                "0x52908400098527886E0F7030069857D2E4169EE7",
            ],
        ),
        ("ssn", &["536-22-1234", "no 536 22 1234 given", "911-70-1234"]),
        ("national-id", &["RSSMRA85T10A562S", "1EG4-TE5-MK73", "131052-308T", "QQ1 AB 12 34 56 C"]),
        ("national-number", &["390.533.447-05", "960121-1234567"]),
        ("announced-id", &["PESEL 44051401458", "passport X1234567", "NHS number 943 476 5919"]),
        (
            "announced-account",
            &["user id 3a8e1b1c-9a67-4f0e-8d0f-2f9d2d7d6c11", "logged in as mina_82"],
        ),
        ("announced-device", &["IMEI 490154203237518", "device id: ab12cd34"]),
        ("birth", &["born 21/07/1984", "dob: 1984-07-21", "born on July 21, 1984"]),
        ("vehicle", &["number plate AB12 CDE", "VIN 1HGCM82633A004352"]),
        (
            "person",
            &[
                "asked by Mrs. Berg",
                "my name is Mina",
                "Maria Berg asked",
                "requested by Mina Berg",
                "Anna's cabin",
                "Uncle Tobias",
                "hi it's Olaf Berg",
            ],
        ),
        (
            "place",
            &[
                "no station near Tromsø",
                "Boulder, Colorado",
                "Salem, OR",
                "CityNotFound: Thun",
                "lives in Ulm",
            ],
        ),
        (
            "street",
            &[
                "12 Elm Street",
                "Storgata 5",
                "Bahnhofstraße 12a",
                "12 rue de Rivoli",
                "Calle de Alcalá 42",
                "OR 97201",
            ],
        ),
        ("postcode", &["near SW1A 1AA", "K1A 0B1"]),
        (
            "announced-postcode",
            &["PLZ 3011", "weather 97201", "zip code: 97201-1234", "CEP 20040-020"],
        ),
        (
            "announced-secret",
            &["the password is Tr0ub4dor", "api key: 9f8e7d6c", "pass word is xYzzy9"],
        ),
        ("home-of", &["~mina/wx/cache"]),
        ("private-host", &["mina-pc.local", "getaddrinfo ENOTFOUND db.corp", "http://build.lan/x"]),
        ("device-name", &["DESKTOP-4F7K2LQ", "mina-macbook-pro"]),
        ("url-password", &["redis://:hunter2@cache:6379", "https://mina:pw@post.se/x"]),
        (
            "token",
            &[
                "AKIAABCDEFGHIJKLMNOP",
                "key=AIzaAbCdEfGhIjKlMnOpQrStUvWxYz0123456",
                "ghp_abcdefghijklmnopqrstuvwxyz0123456789",
                "sk-proj-abcdefgh12345678",
                "eyJhbGciOiJub25lIn0.eyJzdWIiOiJtaW5hIn0.x",
                "-----BEGIN RSA PRIVATE KEY-----",
                "Authorization: Bearer a1b2c3d4e5f6",
                "basic bWluYTpodW50ZXI=",
            ],
        ),
        (
            "home",
            &[
                "open '/home/mina/.weather/x.json'",
                "/Users/mina/Library",
                "C:\\Users\\mina\\AppData",
                "file:///home/mina",
            ],
        ),
    ] {
        for text in examples {
            assert!(finders(text).contains(&name), "{name} in {text}: {:?}", finders(text));
        }
    }
}

#[test]
fn every_detector_has_an_example() {
    let source = include_str!("tests.rs");
    for detector in DETECTORS {
        assert!(source.contains(&format!("\"{}\"", detector.name)), "{}", detector.name);
    }
}

#[test]
fn near_misses_are_not_found() {
    for text in [
        // At signs.
        "icon@2x.png",
        "weather-mcp@1.6.1",
        "weather-mcp@1.6.1.tgz",
        "user@host",
        "@deprecated",
        "p99@5m",
        "@",
        // Versions and numbers with dots.
        "version 1.2.3.4",
        "v1.2.3.4",
        "build: 10.0.19045.1",
        "app-1.2.3.4.tgz",
        "1.2.3",
        "300.1.1.1",
        "127.0.0.1",
        "0.0.0.0",
        "node@20.11.1",
        "1.2.3.4-beta",
        ">=1.2.0 <2.0.0",
        // Colons.
        "::1",
        "::",
        "std::io::Error",
        "10:30:00",
        "00:00:12.345",
        "1:2:3:4",
        "dead::beef",
        "16:9",
        "00:00:00:00:00:00",
        "ff-ff-ff-ff-ff-ff",
        "00:1A:2B:3C:4D",
        // Times and digests.
        "2026-03-14T15:09:26.535Z",
        "2026-03-14T15:09:26+05:30",
        "2026-03-14",
        "3d 12m",
        "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        "3a8e1b1c-9a67-4f0e-8d0f-2f9d2d7d6c11",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        // Measurements.
        "0.52, 0.58",
        "12.38 45.90 33.12",
        "12.5 ms",
        "0.25x0.25",
        "1.50,2.75",
        "retry in 12.5s",
        "$12.50, $13.75",
        "200.10,300.20",
        "45°C",
        "heading 270° W",
        "rate 40.7128/s",
        // Numbers.
        "1764003600123456",
        "4111111111111112",
        "1453843029218310",
        "9780306406157",
        "0000-00-0000",
        "666-12-3456",
        "536-22-12345",
        "NO9386011117948",
        "GB00",
        "US64SVBKUS6S3300958879",
        // Prose.
        "Bearer authentication failed",
        "basic authentication",
        "sketch",
        "sk-",
        "eyJ",
        "number is 12",
        "Winter Storm Watch",
        "user cancelled",
        "token count",
        "invalid coordinates",
        "Drizzle",
        "HB 1234",
        // Routes and paths.
        "/v1/users/stats",
        "/home/node/app",
        "/home/runner/work",
        "C:\\Users\\Public\\wx",
        "https://example.org/home/page",
        "C:\\Program Files\\nodejs\\node.exe",
        "/home/<user>/x",
        "https://api.example.org/v1?units=metric",
        "wss://stream.example.net/ws",
    ] {
        assert_eq!(finders(text), Vec::<&str>::new(), "{text}");
    }
}

#[test]
fn keys_can_rule_a_detector_out() {
    let find = |name: &str, text: &str, facts| {
        let detector = DETECTORS.iter().find(|d| d.name == name).unwrap();
        detector.finds(&Text::new(text), facts)
    };
    let (version, measure) =
        (Facts { version: true, ..Facts::default() }, Facts { measure: true, ..Facts::default() });
    assert!(!find("ipv4", "203.0.113.9", version));
    assert!(find("ipv4", "203.0.113.9", measure));
    assert!(!find("pair", "59.9139,10.7522", measure));
    assert!(find("pair", "59.9139,10.7522", version));
}

#[test]
fn names_within_text_go_through_the_rule_on_keys() {
    let keys = super::super::keys::Keys::new();
    for (text, want) in [
        ("https://example.org/x?appid=0af1", Some(Entity::Secret)),
        ("foo?a=1&lat=59.9", Some(Entity::Coordinates)),
        ("Server=db;Password=hunter2;", Some(Entity::Secret)),
        ("user_id=\"mina\"", Some(Entity::UserId)),
        ("token=[redacted]", None),
        ("location=", None),
        ("city={city}", None),
        ("token_type=none", None),
        ("units=metric&days=7", None),
        ("platform=linux", None),
        ("a == b", None),
    ] {
        assert_eq!(member(text, &keys), want, "{text}");
    }
}

#[test]
fn two_numbers_are_a_position_when_they_are_precise() {
    for (first, second, want) in [
        ("59.9139", "10.7522", true),
        ("-122.42", "37.775", true),
        ("52.52", "13.405", true),
        ("88.12", "91.4", false),
        ("0.25125", "0.75125", false),
        ("7", "59.91391", false),
        ("200.123", "300.456", false),
        ("100.123", "120.456", false),
    ] {
        assert_eq!(is_position(first, second), want, "{first} {second}");
    }
}
