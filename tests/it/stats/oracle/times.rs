//! How long calls took: by a dimension, and how they are spread.

use serde_json::Value;

use super::{Question, Set, close, grouped, ranked, ratio, within};

pub(super) fn response_times(got: &Value, question: &Question, set: &Set<'_>, what: &str) {
    let mut sets = grouped(&set.0, |row| row.value(question.by).to_owned());
    sets.remove("");
    let values = got["values"].as_array().unwrap();
    let want = ranked(&sets);
    let names = |of: &[Value]| of.iter().map(|v| v["name"].clone()).collect::<Vec<_>>();
    let wanted: Vec<Value> = want.iter().map(|(name, _)| Value::from(name.as_str())).collect();
    assert_eq!(names(values), wanted, "{what}");
    for (got, (name, set)) in values.iter().zip(&want) {
        close(&got["calls"], Some(set.calls()), what);
        close(&got["timed"], ratio(set.times().len() as f64, set.calls()), what);
        close(&got["avg_ms"], set.mean(), what);
        for (member, q) in [("p50_ms", 0.5), ("p95_ms", 0.95), ("p99_ms", 0.99)] {
            within(&got[member], set.quantile_of(name, q), what);
        }
    }
}

pub(super) fn histogram(got: &Value, set: &Set<'_>, what: &str) {
    let times = set.times();
    let ranges = got["ranges"].as_array().unwrap();
    let up_to = |n: &Value| n["up_to_ms"].as_u64().unwrap();
    assert!(ranges.is_sorted_by(|a, b| up_to(a) < up_to(b)), "{what}");
    let counted: f64 = ranges.iter().map(|range| range["calls"].as_f64().unwrap()).sum();
    assert_eq!(counted, times.len() as f64, "{what}: every time is in one range");
    let mut below = 0;
    for range in ranges {
        let calls = range["calls"].as_u64().unwrap();
        close(&range["share"], Some(ratio(calls as f64, counted).unwrap_or(0.0)), what);
        below += calls;
        // A time within 1% of an end may stand on its other side.
        let end = up_to(range) as f64;
        let up_to = |end: f64| times.iter().filter(|ms| **ms as f64 <= end).count() as u64;
        let known = (up_to(end * 0.98)..=up_to(end * 1.02)).contains(&below);
        let last = range == ranges.last().unwrap();
        assert!(known || last, "{what}: {below} calls up to {end} ms");
    }
}
