//! How large pages are: what is slow on a phone is the number of their elements, and their bytes.

use stages::Hour;

use super::*;
use crate::http::compress::Coding;
use crate::http::page::asset::{ICON, SCRIPT, STYLE};

/// More than pages need at most.
const MOST: usize = 1_500;
/// Bytes of a first view as they are sent: the page and its files.
const FIRST_VIEW: usize = 45 * 1_024;

fn leaked(text: String) -> &'static str {
    Box::leak(text.into_boxed_str())
}

/// Two years of calls of more tools, versions, countries, services and kinds of error than any page
/// names, each so often that all of them are known on every day of the last weeks.
fn full() -> Vec<Call> {
    let now = Hour::parse("2026-08-20T15:00:00Z").unwrap();
    let letters = || 'A'..='Z';
    let pairs = letters().flat_map(|first| letters().map(move |second| format!("{first}{second}")));
    let countries: Vec<&str> =
        pairs.filter(|code| world::name(code).is_some()).map(leaked).collect();
    assert!(countries.len() > 200);
    let calls = (0..1_500_i64).map(|n| {
        let hour = now.plus(-(n * 29 % 17_000)).to_string();
        Call {
            hour: leaked(hour.trim_end_matches(":00:00Z").to_owned()),
            tool: leaked(format!("get_some_weather_of_{}", n % 45)),
            version: leaked(format!("1.{}.0", n % 40)),
            country: countries[usize::try_from(n).unwrap() % countries.len()],
            service: leaked(format!("service_{}", n % 20)),
            error_type: leaked(format!("kind_{}", n % 25)),
            failed: n % 4 == 0,
            cache_hit: Some(n % 3 == 0),
            ms: Some(u64::try_from(n).unwrap() * 7),
            session: "",
        }
    });
    calls.collect()
}

#[tokio::test]
async fn the_longest_periods_stay_small_in_a_full_installation() {
    let server = Server::new(routes(None), Fake::of(full()));
    let pages =
        ["/", "/tools", "/tools/get_some_weather_of_7", "/performance", "/errors", "/versions"];
    for path in pages.into_iter().chain(["/geography"]) {
        for query in [
            "",
            "period=7d&group=hour",
            "period=30d&group=hour&compare=previous",
            "period=90d",
            "period=365d&compare=year",
            "period=12mo",
            "period=all",
            "period=all&group=day",
        ] {
            let answer = server.get(&format!("{path}?{query}")).await;
            assert_eq!(answer.status, StatusCode::OK, "{path}?{query}");
            let tags = answer.body.split('<').skip(1);
            let elements = tags.filter(|tag| tag.starts_with(|c: char| c.is_ascii_lowercase()));
            let elements = elements.count();
            assert!(elements <= MOST, "{path}?{query}: {elements} elements");
            let page = Coding::Brotli.encode(answer.body.as_bytes()).unwrap().len();
            let sent: usize =
                page + [&STYLE, &SCRIPT, &ICON].map(|file| file.brotli.len()).iter().sum::<usize>();
            assert!(sent <= FIRST_VIEW, "{path}?{query}: {sent} bytes");
            assert_structured(&answer.body);
        }
    }
}

#[tokio::test]
async fn what_is_left_out_of_a_table_is_there_as_text() {
    let server = Server::new(routes(None), Fake::of(calls()));
    // 61 days, of which the newest have calls; the oldest is a line.
    for (query, first, last) in [
        ("from=2026-06-21&to=2026-08-21", "2026-06-21  no data", ">Thursday 20 August (so far)<"),
        ("period=61h&group=hour", "2026-08-18T03:00:00Z  1", ">20 Aug"),
    ] {
        let html = server.get(&format!("/?{query}")).await.body;
        let (_, chart) = html.split_once("<section class=\"sheet\" id=\"calls\"").unwrap();
        let (chart, _) = chart.split_once("</section>").unwrap();
        assert_eq!(chart.matches("<tr data-from=").count(), 60, "{query}");
        assert!(chart.contains(&format!("<pre>{first}</pre>")), "{query}: {chart}");
        assert!(chart.contains(last), "{query}: {chart}");
    }
}
