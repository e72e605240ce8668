//! Key figures: the few numbers that a page comes down to.

use super::super::model::{Change, Figure};
use super::super::numbers::{More, Numbers, growth, points};
use crate::stats::Tally;
use crate::words;

/// What stands in place of a number.
const NO_DATA: &str = "No data";
const NOT_REPORTED: &str = "Not reported";

struct Of<'n> {
    now: &'n Tally,
    before: Option<&'n Tally>,
}

impl<'n> Of<'n> {
    fn new(numbers: &'n Numbers) -> Self {
        Self { now: &numbers.total, before: numbers.total_before.as_ref() }
    }

    fn figure(
        &self,
        term: &'static str,
        value: Option<String>,
        change: Option<Change>,
        note: String,
    ) -> Figure {
        let none = self.now.calls() == 0;
        Figure {
            term,
            known: value.is_some(),
            value: value.unwrap_or_else(|| (if none { NO_DATA } else { NOT_REPORTED }).to_owned()),
            change,
            note: if none { String::new() } else { note },
        }
    }

    fn some(&self) -> bool {
        self.now.calls() > 0
    }

    /// Of which neither side is unknown.
    fn both(&self, of: impl Fn(&Tally) -> Option<f64>) -> Option<(f64, f64)> {
        of(self.now).zip(self.before.and_then(of))
    }

    fn calls(&self, note: String) -> Figure {
        let change = self.before.filter(|_| self.some()).and_then(|before| {
            growth(self.now.calls() as f64, before.calls() as f64, More::Neither)
        });
        let calls = self.some().then(|| words::count(self.now.calls()));
        self.figure("Calls", calls, change, note)
    }

    fn succeeded(&self) -> Figure {
        let rate = self.some().then(|| words::percent(self.now.successes, self.now.calls()));
        let change = self
            .both(Tally::known_success_rate)
            .map(|(now, before)| points(now, before, More::Better));
        let failed = words::counted(self.now.failures(), "call", "calls");
        self.figure("Succeeded", rate, change, format!("{failed} failed"))
    }

    fn quantile(&self, term: &'static str, q: f64, over: bool, note: &str) -> Figure {
        let of = |tally: &Tally| tally.measures.quantile(q).map(|ms| ms as f64);
        let value = of(self.now).map(|ms| {
            let time = words::duration(ms);
            if over { format!("over {time}") } else { time }
        });
        let change = self.both(of).and_then(|(now, before)| growth(now, before, More::Worse));
        let note = if value.is_some() { note } else { "no call said how long it took" };
        self.figure(term, value, change, note.to_owned())
    }

    fn timed(&self) -> Figure {
        let share = |tally: &Tally| {
            (tally.calls() > 0).then(|| tally.measures.time_count as f64 / tally.calls() as f64)
        };
        let change = self.both(share).map(|(now, before)| points(now, before, More::Neither));
        let value =
            self.some().then(|| words::percent(self.now.measures.time_count, self.now.calls()));
        self.figure("Calls with a time", value, change, "the rest reported counts only".to_owned())
    }
}

/// The figures of the overview and of a tool.
pub(in super::super) fn figures(numbers: &Numbers, calls: String) -> Vec<Figure> {
    let of = Of::new(numbers);
    vec![
        of.calls(calls),
        of.succeeded(),
        of.quantile("Median time", 0.5, false, "half of the calls are faster"),
        of.quantile("Slowest 5%", 0.95, true, "95th percentile"),
        of.timed(),
    ]
}

/// The figures of response times.
pub(in super::super) fn of_times(numbers: &Numbers) -> Vec<Figure> {
    let of = Of::new(numbers);
    let mean = of.both(|tally| tally.measures.mean());
    vec![
        of.quantile("Median time", 0.5, false, "half of the calls are faster"),
        of.quantile("Slowest 5%", 0.95, true, "95th percentile"),
        of.quantile("Slowest 1%", 0.99, true, "99th percentile"),
        of.figure(
            "Mean time",
            of.now.measures.mean().map(words::duration),
            mean.and_then(|(now, before)| growth(now, before, More::Worse)),
            "from sum and count of all calls".to_owned(),
        ),
        of.timed(),
    ]
}

/// The figures of errors. `named` failed calls said what went wrong.
pub(in super::super) fn of_errors(numbers: &Numbers, named: Option<u64>) -> Vec<Figure> {
    let of = Of::new(numbers);
    let failures = of.now.failures();
    let change = of
        .before
        .filter(|_| of.some())
        .and_then(|before| growth(failures as f64, before.failures() as f64, More::Worse));
    let rate = of.both(Tally::known_success_rate);
    vec![
        of.figure(
            "Failed calls",
            of.some().then(|| words::count(failures)),
            change,
            format!("of {}", words::counted(of.now.calls(), "call", "calls")),
        ),
        of.figure(
            "Error rate",
            of.some().then(|| words::percent(failures, of.now.calls())),
            rate.map(|(now, before)| points(1.0 - now, 1.0 - before, More::Worse)),
            "of all calls".to_owned(),
        ),
        of.figure(
            "Kind named",
            named.filter(|_| failures > 0).map(|named| words::percent(named, failures)),
            None,
            "of the failed calls said what went wrong".to_owned(),
        ),
    ]
}
