//! What the scan for personal data costs an event, and that it is linear in the event's bytes.
//!
//! `cargo bench -p stages --bench scan` prints mean and 99th percentile, best of some rounds an
//! event, one core. `ordinary` is what released clients send, `nasty` holds the look-alikes of the
//! labelled corpus without personal data, `hostile` is made to cost.

#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a benchmark prints, and fails by panicking"
)]
#![expect(clippy::disallowed_methods, reason = "a benchmark reads the clock")]

use std::hint::black_box;
use std::time::Instant;

use serde_json::value::RawValue;
use stages::Scanner;
use stages::event::RawEvent;

/// Rounds of which the best counts.
const ROUNDS: usize = 40;

fn main() {
    let scanner = Scanner::from_config(Default::default()).unwrap();
    println!("| events | number | mean bytes | mean us | p99 us |");
    println!("|---|---|---|---|---|");
    measure(&scanner, "ordinary", &ordinary());
    measure(&scanner, "nasty", &nasty());
    measure(&scanner, "hostile, 4 KiB", &hostile(4096));
    println!("\n| hostile text | ns a byte at 1 KiB | 2 KiB | 4 KiB | 8 KiB | 16 KiB |");
    println!("|---|---|---|---|---|---|");
    for (name, unit) in UNITS {
        let costs = [1, 2, 4, 8, 16].map(|kib| {
            let event = with_text(unit, kib * 1024);
            format!("{:.1}", time(&scanner, &event) * 1e9 / event.len() as f64)
        });
        println!("| {name} | {} |", costs.join(" | "));
    }
}

/// Seconds that the scan of one event takes, best of the rounds.
fn time(scanner: &Scanner, json: &str) -> f64 {
    let raw: &RawValue = serde_json::from_str(json).unwrap();
    let event = RawEvent::read(raw).ok().unwrap();
    let once = || {
        let start = Instant::now();
        black_box(scanner.scan(black_box(&event)).too_deep);
        start.elapsed().as_secs_f64()
    };
    (0..ROUNDS).map(|_| once()).fold(f64::INFINITY, f64::min)
}

fn measure(scanner: &Scanner, name: &str, events: &[String]) {
    let mut times: Vec<f64> = events.iter().map(|event| time(scanner, event) * 1e6).collect();
    times.sort_by(f64::total_cmp);
    let mean = times.iter().sum::<f64>() / times.len() as f64;
    let p99 = times[(times.len() * 99).div_ceil(100) - 1];
    let bytes = events.iter().map(String::len).sum::<usize>() / events.len();
    println!("| {name} | {} | {bytes} | {mean:.2} | {p99:.2} |", events.len());
}

/// One event of every level, success and error, as released clients send them.
fn ordinary() -> Vec<String> {
    let common = |tool: &str, rest: &str| {
        format!(
            r#"{{"version":"1.23.0","tool":"{tool}","timestamp_hour":"2026-03-14T15:00:00.000Z",{rest}}}"#
        )
    };
    let standard = r#""response_time_ms":131,"service":"noaa","cache_hit":false,"retry_count":0"#;
    let session = r#""session_id":"00ff00ff00ff00ff","sequence_number":12"#;
    ["get_forecast", "get_alerts", "search_location", "get_historical_weather"]
        .iter()
        .flat_map(|tool| {
            [
                common(tool, r#""status":"success","analytics_level":"minimal""#),
                common(tool, &format!(r#""status":"success","analytics_level":"standard",{standard}"#)),
                common(
                    tool,
                    &format!(r#""status":"error","error_type":"TimeoutError","analytics_level":"standard",{standard}"#),
                ),
                common(
                    tool,
                    &format!(
                        r#""status":"success","analytics_level":"detailed",{standard},{session},"parameters":{{"days":7,"granularity":"daily","include_normals":true,"units":"metric"}}"#
                    ),
                ),
            ]
        })
        .collect()
}

/// Events of the labelled corpus that hold no personal data, but what looks like it.
fn nasty() -> Vec<String> {
    #[derive(serde::Deserialize)]
    struct Row {
        event: Box<RawValue>,
        pii: bool,
    }
    let corpus = include_str!("../tests/fixtures/personal-data.jsonl");
    let rows = corpus.lines().map(|line| serde_json::from_str::<Row>(line).unwrap());
    rows.filter(|row| !row.pii).map(|row| row.event.get().to_owned()).collect()
}

/// Texts that pull many triggers, or make searches begin often.
const UNITS: &[(&str, &str)] = &[
    ("dots", "."),
    ("colons", ":"),
    ("escaped escapes", "%25"),
    ("digits", "1"),
    ("digits and dots", "1."),
    ("digits and spaces", "4 "),
    ("decimals", "0.00,"),
    ("at signs", "a@"),
    ("names", "A a "),
    ("announcements", "call "),
    ("hex", "00ff"),
    ("base64", "QUJD"),
    ("equal signs", "lat="),
    ("hyphens", "a-"),
    ("letters of other scripts", "ё"),
    ("brackets", "[at] "),
];

fn with_text(unit: &str, bytes: usize) -> String {
    let text = unit.repeat(bytes / unit.len());
    format!(r#"{{"tool":"get_alerts","parameters":{{"note":"{text}"}}}}"#)
}

fn hostile(bytes: usize) -> Vec<String> {
    let mut events: Vec<String> = UNITS.iter().map(|(_, unit)| with_text(unit, bytes)).collect();
    let depth = 30;
    events.push(format!(r#"{{"a":{}"x"{}}}"#, "[".repeat(depth), "]".repeat(depth)));
    events.push(format!(r#"{{"a":[{}]}}"#, vec!["1"; 200].join(",")));
    events.push(format!(r#"{{"a":"{}"}}"#, "\\u0041".repeat(bytes / 6)));
    events
}
