//! Events for the tests of the stages that read and repair them.

use proptest::prelude::*;
use proptest::sample::select;

use crate::event::{Field, RawEvent, RawJson};

/// A smallest good event with some members set to other JSON text, or left out where it is empty. Of
/// several changes to a member the last one counts.
pub(crate) fn event<'b>(changes: &[(&'b str, &'b str)]) -> RawEvent<'b> {
    let plain = [
        ("version", "\"1.23.0\""),
        ("tool", "\"get_forecast\""),
        ("status", "\"success\""),
        ("timestamp_hour", "\"2026-08-20T14:00:00.000Z\""),
        ("analytics_level", "\"minimal\""),
    ];
    let members = [&plain, changes].concat();
    let mut event = RawEvent::with_capacity(members.len());
    for (index, &(name, value)) in members.iter().enumerate() {
        assert!(Field::named(name).is_some(), "{name} is no member of an event");
        let replaced = members[index + 1..].iter().any(|later| later.0 == name);
        if !value.is_empty() && !replaced {
            assert!(event.push(name.into(), RawJson::from_valid(value)));
        }
    }
    event
}

/// Values that members may be given, good and bad ones, as JSON text. Empty: left out.
fn values(field: Field) -> &'static [&'static str] {
    match field {
        Field::Version => &[
            r#""1.23.0""#,
            r#"" 1.23.0-beta.1\n""#,
            r#""v1""#,
            r#""""#,
            r#""1.2.3.4.5""#,
            r#""123456789012345678901""#,
            "",
        ],
        Field::Tool => &[
            r#""get_forecast""#,
            r#"" GET_Forecast ""#,
            r#""new_tool""#,
            r#""new-tool""#,
            r#""other""#,
            "5",
        ],
        Field::Status => &[r#""success""#, r#""error""#, r#"" ERROR""#, r#""failed""#],
        Field::TimestampHour => &[
            r#""2026-08-20T14:00:00.000Z""#,
            r#""2026-08-20T14:00:00+05:30""#,
            r#"" 2026-08-17T14:15:00Z""#,
            r#""2026-08-17T13:45:00Z""#,
            r#""2026-08-21T16:45:00Z""#,
            r#""2026-08-21T17:00:00Z""#,
            r#""2026-08-20T14:10:00Z""#,
        ],
        Field::AnalyticsLevel => {
            &[r#""minimal""#, r#""standard""#, r#""Detailed""#, r#""detailed""#]
        }
        Field::ErrorType => &[
            "",
            r#""timeout""#,
            r#"" Timeout: no answer""#,
            r#""404""#,
            r#""""#,
            r#""  ""#,
            r#""eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee""#,
        ],
        Field::ResponseTimeMs => &["", "0", "1.5e2", "120000", "120001", "-1", "0.5"],
        Field::Service => &["", r#""noaa""#, r#"" NOAA""#, r#""new_service""#, r#""x y""#, r#""""#],
        Field::CacheHit => &["", "true", "false", "0"],
        Field::RetryCount => &["", "0", "10", "11", "-1"],
        Field::Country => &["", r#""DE""#, r#"" us""#, r#""OTHER""#, r#""U""#, r#""U2""#, r#""""#],
        Field::Parameters => &["", "{}", r#"{"days":7}"#, "[]"],
        Field::SessionId => &["", r#""0123456789ABCDEF""#, r#""0123456789abcdeg""#],
        Field::SequenceNumber => &["", "0", "9007199254740991", "9007199254740992", "-1"],
        Field::EventId => &["", r#""67e55044-10b1-426f-9247-bb680e5fe0c8""#, r#""x""#],
    }
}

/// Changes that make an event: most members good, so that good events are not rare.
pub(crate) fn changes() -> impl Strategy<Value = Vec<(&'static str, &'static str)>> {
    let member = |&field: &Field| {
        let all = values(field);
        prop_oneof![3 => Just(all[0]), 1 => select(all)].prop_map(move |v| (field.name(), v))
    };
    Field::ALL.iter().map(member).collect::<Vec<_>>()
}
