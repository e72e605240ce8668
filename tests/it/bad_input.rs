//! Hostile and broken input: a precise 4xx, no panic, no value echoed, neighbours unharmed.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::{Value, json};

use crate::support::{Answer, Config, Event, Server};

/// Stands in every bad value, and may stand in no answer and no log line.
const MARK: &str = "zqxjkv";

fn refused(server: &Server, answer: &Answer, status: u16, error: &str, code: &str) {
    let problem = answer.json();
    assert_eq!(answer.status, status, "{problem}");
    assert_eq!((&problem["error"], &problem["code"]), (&json!(error), &json!(code)), "{problem}");
    assert_eq!(answer.header("content-type"), Some("application/problem+json"));
    assert_eq!(problem["instance"].as_str(), answer.header("x-request-id"));
    assert!(!answer.text.contains(MARK), "{problem}");
    // A neighbour is served all the same.
    let good = server.post(Event::batch([Event::minimal("get_alerts")]));
    assert_eq!(good.status, 200);
}

#[test]
fn bodies_that_are_not_batches_are_named() {
    let server = Server::start();
    let deep = |open: &str, close: &str| {
        let (open, close) = (open.repeat(15_000), close.repeat(15_000));
        format!(r#"{{"events":[{{"x":{open}1{close}}}]}}"#)
    };
    let event = |member: &str| {
        let good = Event::minimal("get_alerts").json().to_string();
        format!(r#"{{"events":[{},{member}}}]}}"#, good.strip_suffix('}').unwrap())
    };
    let one = |body: &str| body.as_bytes().to_vec();
    for (body, error, code) in [
        (one("{"), "malformed_json", "malformed_json"),
        (one(&format!(r#"{{"events":[{MARK}]}}"#)), "malformed_json", "malformed_json"),
        (b"{\"events\":[\"\xff\xfe\"]}".to_vec(), "malformed_json", "malformed_json"),
        (vec![0; 100], "malformed_json", "malformed_json"),
        (vec![b'['; 100_000], "malformed_json", "malformed_json"),
        (one(&format!(r#"{{"{MARK}":1}}"#)), "validation_failed", "missing_field"),
        (one(r#"{"events":[]}"#), "validation_failed", "empty_batch"),
        (one(&deep("[", "]")), "validation_failed", "too_deep"),
        (one(&deep(r#"{"a":"#, "}")), "validation_failed", "too_deep"),
        (one(&event(r#""version":"1\u0000""#)), "validation_failed", "unstorable"),
        (one(&event(r#""version":"\ud800""#)), "validation_failed", "unstorable"),
        (one(&event(&format!(r#""tool":"{MARK} {MARK}""#))), "validation_failed", "invalid_tool"),
        (one(&event(&format!(r#""status":"{MARK}""#))), "validation_failed", "invalid_field"),
        (one(&event(r#""version":null"#)), "validation_failed", "null_value"),
        (
            one(&event(&format!(r#""note":"{MARK}@example.org""#))),
            "validation_failed",
            "pii_detected",
        ),
    ] {
        refused(&server, &server.post(&body), 400, error, code);
    }
    let log = server.log();
    assert!(!log.contains(MARK) && !log.contains("panic"), "{log}");
}

#[test]
fn a_bad_event_never_costs_its_neighbours() {
    let server = Server::start();
    let good = Event::minimal("get_alerts").json().to_string();
    let bad = [
        "7".to_owned(),
        r#"{"\ud800":1}"#.to_owned(),
        format!(r#"{{"x":{}1{}}}"#, "[".repeat(5_000), "]".repeat(5_000)),
        format!("{{{}}}", (0..400).map(|i| format!(r#""m{i}":1"#)).collect::<Vec<_>>().join(",")),
    ];
    for bad in bad {
        let answer = server.post(format!(r#"{{"events":[{good},{bad},{good}]}}"#));
        let json = answer.json();
        assert_eq!((answer.status, &json["count"]), (200, &json!(2)), "{json}");
        assert_eq!(json["rejected"][0]["index"], 1, "{json}");
    }
    assert_eq!(server.drained()["persisted"], 8);
    // What was refused is counted across restarts, beside the equation.
    let mut server = server;
    server.terminate();
    let refused = server.revive().drained()["refused"].clone();
    assert_eq!(refused, json!({"invalid_field": 1, "too_deep": 2, "unstorable": 1}));
}

#[test]
fn all_or_nothing_when_it_is_asked_for_whichever_stage_refuses() {
    let env = vec![("ANALYTICS_STAGE__SCHEMA_VALIDATE__ON_REJECT", "batch".to_owned())];
    let server = Server::with(Config { env, ..Config::default() });
    let good = || Event::minimal("get_alerts");
    for bad in [good().with("status", "odd"), good().with("email", "x"), good().with("a", nested())]
    {
        let answer = server.post(Event::batch([good(), bad, good()]));
        assert_eq!(answer.status, 400);
        let codes: Vec<_> = answer.json()["rejected"]
            .as_array()
            .unwrap()
            .iter()
            .map(|rejected| rejected["code"].clone())
            .collect();
        assert_eq!((&codes[0], &codes[2]), (&json!("batch_rejected"), &json!("batch_rejected")));
        assert_ne!(codes[1], "batch_rejected");
    }
    assert_eq!(server.post(Event::batch([good(), good()])).json()["count"], 2);
    assert_eq!(server.drained()["accepted"], 2);
}

/// Deeper than is examined.
fn nested() -> Value {
    (0..50).fold(json!(1), |inner, _| json!([inner]))
}

#[test]
fn an_answer_names_each_refused_event_and_each_repair() {
    let server = Server::start();
    let answer = server.post(Event::batch([
        Event::minimal("get_alerts"),
        Event::minimal("get_alerts").with("timestamp_hour", "2026-01-01T10:23:00Z"),
        Event::minimal("brand_new_tool"),
        Event::standard("get_alerts").with("status", "error"),
        Event::standard("get_alerts").with("response_time_ms", 130_000),
        Event::minimal("get_alerts").with("email", "x"),
    ]));
    let json = answer.json();
    assert_eq!((answer.status, &json["count"]), (200, &json!(3)));
    let named = |list: &str| -> Vec<Value> {
        let list = json[list].as_array().unwrap();
        list.iter().map(|x| json!([x["index"], x["code"], x["pointer"]])).collect()
    };
    assert_eq!(
        named("rejected"),
        [
            json!([1, "timestamp_not_rounded", "/events/1/timestamp_hour"]),
            json!([3, "error_type_required", "/events/3/error_type"]),
            json!([5, "pii_detected", "/events/5/email"]),
        ]
    );
    assert_eq!(
        named("warnings"),
        [
            json!([2, "tool_counted_as_other", "/events/2/tool"]),
            json!([4, "response_time_clamped", "/events/4/response_time_ms"]),
        ]
    );
    server.drained();
    let sql = server.store();
    assert_eq!(sql.int("SELECT count(*) FROM events WHERE tool = 'other'"), 1);
    assert_eq!(sql.int("SELECT max(response_time_ms) FROM events"), 120_000);
}

#[test]
fn compressed_bodies_are_read_and_bombs_are_not() {
    let server = Server::start();
    let body = Event::batch(vec![Event::minimal("get_alerts"); 50]);
    let bomb = vec![b' '; 50 << 20];
    for coding in ["gzip", "deflate", "zstd", "br"] {
        let header = [("content-encoding", coding)];
        let answer = server.post_with(&header, compress(coding, body.as_bytes()));
        assert_eq!((answer.status, &answer.json()["count"]), (200, &json!(50)), "{coding}");
        let before = resident_kib(server.pid());
        let answer = server.post_with(&header, compress(coding, &bomb));
        refused(&server, &answer, 413, "payload_too_large", "payload_too_large");
        // The largest window that may be asked for is zstd's, 8 MiB.
        let grown = resident_kib(server.pid()).saturating_sub(before);
        assert!(grown < 12 << 10, "{coding}: memory grew by {grown} KiB");
        let mut damaged = compress(coding, body.as_bytes());
        let half = damaged.len() / 2;
        damaged.truncate(half);
        assert_eq!(server.post_with(&header, damaged).status, 400, "{coding}");
    }
    for coding in ["gzip, gzip", "rot13"] {
        let answer = server.post_with(&[("content-encoding", coding)], &body);
        refused(&server, &answer, 415, "unsupported_encoding", "unsupported_encoding");
    }
}

/// Compresses with programs of the system, so that decoder and encoder are not of one hand.
fn compress(coding: &str, bytes: &[u8]) -> Vec<u8> {
    let python = "import sys,zlib; sys.stdout.buffer.write(zlib.compress(sys.stdin.buffer.read()))";
    let (program, arguments) = match coding {
        "gzip" => ("gzip", vec!["-c"]),
        "deflate" => ("python3", vec!["-c", python]),
        "zstd" => ("zstd", vec!["-c", "-q"]),
        "br" => ("brotli", vec!["-c", "-q", "5"]),
        _ => panic!("no program for {coding}"),
    };
    let mut child = std::process::Command::new(program)
        .args(arguments)
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = child.stdin.take().unwrap();
    let bytes = bytes.to_vec();
    let writer = std::thread::spawn(move || input.write_all(&bytes).unwrap());
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    output.stdout
}

/// Resident memory of a process.
fn resident_kib(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

#[test]
fn a_body_over_the_limit_is_refused_however_its_length_is_told() {
    let server = Server::start();
    let big = vec![b' '; 102_401];
    refused(&server, &server.post(&big), 413, "payload_too_large", "payload_too_large");
    let chunked: String = raw(&server, |stream| {
        let head = "POST /v1/events HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n\
             transfer-encoding: chunked\r\n\r\n";
        stream.write_all(head.as_bytes())?;
        for _ in 0..30 {
            stream.write_all(format!("1000\r\n{}\r\n", " ".repeat(4_096)).as_bytes())?;
        }
        stream.write_all(b"0\r\n\r\n")
    });
    assert!(chunked.starts_with("HTTP/1.1 413"), "{chunked}");
}

#[test]
fn lying_and_unfinished_requests_are_cut_off() {
    let server = Server::start();
    let body = Event::batch([Event::minimal("get_alerts")]);
    let head = |length: usize| {
        format!(
            "POST /v1/events HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n\
             content-length: {length}\r\nconnection: close\r\n\r\n"
        )
    };
    // Too short a length: what follows is not part of the body.
    let cut = raw(&server, |stream| {
        stream.write_all(format!("{}{body}", head(body.len() - 5)).as_bytes())
    });
    assert!(cut.starts_with("HTTP/1.1 400"), "{cut}");
    // Too long a length, and then silence.
    let waits = raw(&server, |stream| {
        stream.write_all(format!("{}{body}", head(body.len() + 5)).as_bytes())
    });
    assert!(waits.starts_with("HTTP/1.1 408"), "{waits}");
    assert_eq!(server.post(&body).status, 200);
    assert_eq!(server.drained()["accepted"], 1);
}

/// Writes to a bare connection and returns what comes back until it is closed. Writing may fail
/// when the server has answered and closed already.
fn raw(server: &Server, write: impl FnOnce(&mut TcpStream) -> std::io::Result<()>) -> String {
    let mut stream = TcpStream::connect(server.public.trim_start_matches("http://")).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    drop(write(&mut stream));
    let mut answer = Vec::new();
    let mut buffer = [0; 4_096];
    while let Ok(n @ 1..) = stream.read(&mut buffer) {
        answer.extend_from_slice(&buffer[..n]);
        // An answer that keeps the connection open is complete with its body.
        if String::from_utf8_lossy(&answer).contains("\"status\":") {
            break;
        }
    }
    String::from_utf8_lossy(&answer).into_owned()
}

#[test]
fn addresses_agents_and_queries_reach_no_log_and_no_file() {
    let server = Server::start();
    let headers = [
        ("user-agent", MARK),
        ("x-forwarded-for", "203.0.113.77"),
        ("x-request-id", MARK),
        ("idempotency-key", MARK),
        ("referer", MARK),
    ];
    let answer = server.post_with(&headers, Event::batch([Event::minimal("get_alerts")]));
    assert_eq!(answer.status, 200);
    assert_ne!(answer.header("x-request-id"), Some(MARK));
    server.get(&format!("/v1/health?{MARK}={MARK}"));
    server.get(&format!("/{MARK}"));
    server.drained();
    let log = server.log();
    for word in [MARK, "203.0.113.77"] {
        assert!(!log.contains(word), "{log}");
        for file in std::fs::read_dir(server.folder()).unwrap() {
            let bytes = std::fs::read(file.unwrap().path()).unwrap_or_default();
            assert!(!bytes.windows(word.len()).any(|window| window == word.as_bytes()));
        }
        assert!(!server.get_private("/metrics").text.contains(word));
    }
}
