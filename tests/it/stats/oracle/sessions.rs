//! How many sessions there were.

use serde_json::{Value, json};
use stages::Hour;

use super::super::questions::Question;
use super::super::rows::Rows;

/// Most sessions that are counted exactly.
const EXACTLY: usize = 384;

/// Whole days of all calls have a number, and nothing else has.
pub(super) fn judge(got: &Value, question: &Question, now: Hour, rows: &Rows, what: &str) {
    let (from, to) = question.range();
    let whole = |hour: Hour| hour == hour.day().start();
    let named = [
        question.tool,
        question.version,
        question.service,
        question.country,
        question.level,
        question.status,
    ];
    let told = whole(from) && (whole(to) || to > now) && named.iter().all(Option::is_none);
    let want = if told { rows.sessions((from, to)) } else { 0 };
    let method = &got["active_installs_method"];
    let (number, range) = (&got["active_installs"], &got["active_installs_range"]);
    match want {
        0 => assert!(*number == 0 && method == "none" && range.is_null(), "{what}: {got}"),
        _ if want <= EXACTLY => {
            assert_eq!((number, range), (&want.into(), &json!([want, want])), "{what}");
            assert_eq!(method, "distinct_sessions", "{what}");
        }
        _ => {
            let [lower, upper] = [0, 1].map(|end| range[end].as_u64().unwrap() as usize);
            assert!((lower..=upper).contains(&want), "{what}: {want} in {range}");
            assert!(upper - lower < want / 14, "{what}: {range}");
            assert_eq!(method, "distinct_sessions", "{what}");
        }
    }
}
