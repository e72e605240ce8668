//! The grammar as a table, and its canonical form as a property.

use proptest::prelude::*;
use stages::{Clock, ManualClock};

use super::*;

/// Thursday 2026-08-20T15:04:05Z.
fn now() -> Hour {
    ManualClock::at(1_787_238_245).hour()
}

fn read(query: &[(&str, &str)]) -> Result<Query, BadQuery> {
    Query::read(&Parameters::read(query, &GRAMMAR_PARAMETERS)?, now())
}

#[test]
fn every_part_of_a_question_is_read_and_written_back_in_one_order() {
    let query = read(&[
        ("status", "error"),
        ("level", "detailed"),
        ("service", "noaa"),
        ("country", "ca"),
        ("version", "1.2.0+b 1"),
        ("tool", "get_alerts"),
        ("group", "week"),
        ("compare", "year"),
        ("period", "012mo"),
    ])
    .unwrap();
    let canonical = "period=12mo&compare=year&group=week&tool=get_alerts&version=1.2.0%2Bb%201\
                     &country=CA&service=noaa&level=detailed&status=error";
    assert_eq!(query.to_string(), canonical);
    assert_eq!(read(&[]).unwrap(), Query::default());
    assert_eq!(Query::default().to_string(), "period=30d");
}

#[test]
fn what_is_wrong_is_named_with_what_would_be_right() {
    let long = "x".repeat(101);
    for (query, says) in [
        (("compare", "prev"), "`compare` must be one of `previous` and `year`"),
        (("group", "minute"), "`group` must be one of `hour`, `day`, `week` and `month`"),
        (("level", "Detailed"), "`level` must be one of `minimal`, `standard` and `detailed`"),
        (("status", ""), "`status` must be one of `success` and `error`"),
        (("tool", ""), "`tool` must be given as calls carry it"),
        (("tool", long.as_str()), "`tool` must be given as calls carry it"),
        (("version", "1\n"), "`version` must be given as calls carry it"),
        (("country", "CAN"), "`country` must be given as calls carry it"),
        (("country", "é"), "`country` must be given as calls carry it"),
        (("contry", "CA"), "did you mean `country`?"),
        (("verison", "1"), "did you mean `version`?"),
        (("grp", "day"), "did you mean `group`?"),
    ] {
        let shown = read(&[query]).unwrap_err().to_string();
        assert!(shown.contains(says), "{query:?}: {shown}");
        assert!(!shown.contains("xxx"));
    }
}

#[test]
fn numbers_are_whole_and_bounded() {
    for (text, want) in [("1", Some(1)), ("007", Some(7)), ("50", Some(50))] {
        let sent = Parameters::read(&[("limit", text)], &["limit"]).unwrap();
        assert_eq!(sent.number("limit", 50), Ok(want));
    }
    for text in ["0", "51", "-1", "+1", "1.0", "", " 1", "99999999999999999999"] {
        let query = [("limit", text)];
        let sent = Parameters::read(&query, &["limit"]).unwrap();
        assert_eq!(sent.number("limit", 50), Err(BadQuery::Number { name: "limit", max: 50 }));
    }
    assert_eq!(Parameters::read(&[], &["limit"]).unwrap().number("limit", 50), Ok(None));
}

fn queries() -> impl Strategy<Value = Query> {
    let period = prop_oneof![
        (1_u32..=720).prop_map(Period::Hours),
        (1_u32..=365).prop_map(Period::Days),
        (1_u32..=24).prop_map(Period::Months),
        Just(Period::All),
        (1_i64..700, 1_i64..700).prop_map(|(back, long)| {
            let from = now().plus(-back);
            let to = from.plus(long).min(now().plus(1));
            Period::Between(crate::store::read::Range { from, to })
        }),
    ];
    let text = || proptest::option::of("[ -~é]{1,20}");
    let filter = (text(), text(), proptest::option::of("[A-Z]{2}"), text(), 0..4_usize, 0..3_usize);
    let filter = filter.prop_map(|(tool, version, country, service, level, status)| Filter {
        tool,
        version,
        country,
        service,
        level: [None, Some(Level::Minimal), Some(Level::Standard), Some(Level::Detailed)][level],
        status: [None, Some(Status::Success), Some(Status::Error)][status],
    });
    (period, 0..3_usize, 0..5_usize, filter).prop_map(|(period, compare, group, filter)| Query {
        period,
        compare: [None, Some(Compare::Previous), Some(Compare::Year)][compare],
        group: [None, Some(Grain::Hour), Some(Grain::Day), Some(Grain::Week), Some(Grain::Month)]
            [group],
        filter,
    })
}

proptest! {
    #[test]
    fn a_question_reads_back_what_it_writes(query in queries()) {
        let written = query.to_string();
        let uri: salvo::http::uri::Uri = format!("/?{written}").parse().unwrap();
        let mut req = salvo::Request::new();
        req.set_uri(uri);
        let sent: Vec<(&str, &str)> =
            req.queries().flat_iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        prop_assert_eq!(read(&sent), Ok(query));
    }
}
