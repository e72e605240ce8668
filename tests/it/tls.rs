//! HTTPS: certificates that change while connections run, and clients that mean no good.

use std::fs;
use std::io::{Read, Write};

use crate::support::{Authority, Event, HOST, Server, dial, eventually};

fn https(authority: &Authority) -> (Server, String) {
    let server = Server::with(authority.config());
    let address = server.https();
    (server, address)
}

#[test]
fn http_and_https_serve_the_same_beside_each_other() {
    let authority = Authority::new();
    let pair = authority.issue();
    authority.deploy("1", &pair.cert, &pair.key);
    let (server, address) = https(&authority);
    server.drained();
    let mut connection = authority.connect(&address, &["http/1.1"]);
    assert_eq!(connection.protocol(), Some("http/1.1"));
    assert_eq!(connection.certificate(), pair.seen);
    assert_eq!(connection.get("/livez"), 200);
    assert_eq!(connection.get("/v1/stats/overview"), 200, "a second request on one connection");
    assert_eq!(connection.get("/metrics"), 404, "what is private stays private");
    let body = Event::batch([Event::minimal("get_alerts"), Event::minimal("get_forecast")]);
    assert_eq!(connection.post(&body), 200);
    assert_eq!(server.post(&body).status, 200);
    assert_eq!(server.drained()["persisted"], 4);
    let metrics = server.get_private("/metrics").text;
    let gauge = format!("analytics_tls_certificate_not_after_seconds{{name=\"{HOST}\"}}");
    assert!(metrics.contains(&gauge), "{metrics}");
}

#[test]
fn http_2_is_agreed_on_by_alpn() {
    let authority = Authority::new();
    let pair = authority.issue();
    authority.deploy("1", &pair.cert, &pair.key);
    let (_server, address) = https(&authority);
    let mut connection = authority.connect(&address, &["h2", "http/1.1"]);
    assert_eq!(connection.protocol(), Some("h2"));
    // The preface and empty SETTINGS; the server answers with its own SETTINGS (frame type 4).
    connection.write(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0");
    let mut frame = [0; 9];
    connection.read(&mut frame);
    assert_eq!(frame[3], 4, "{frame:?}");
    assert_eq!(authority.connect(&address, &[]).protocol(), None, "nobody needs ALPN");
    assert_eq!(authority.connect(&address, &[]).get("/livez"), 200);
}

#[test]
fn a_new_certificate_is_shown_to_new_connections_and_old_ones_live_on() {
    let authority = Authority::new();
    let (first, second, third) = (authority.issue(), authority.issue(), authority.issue());
    authority.deploy("1", &first.cert, &first.key);
    let (server, address) = https(&authority);
    let shown = || authority.connect(&address, &[]).certificate();
    let mut running = authority.connect(&address, &[]);
    assert_eq!(running.get("/livez"), 200);

    authority.deploy("2", &second.cert, &second.key);
    eventually("the second certificate is shown", || shown() == second.seen);
    assert_eq!(running.get("/livez"), 200, "a connection outlives its certificate");

    authority.deploy("3", &third.cert, &second.key);
    eventually("the wrong key is reported", || {
        // What is open now was open before: idle connections are cut after a while.
        assert_eq!(running.get("/livez"), 200);
        server.log().contains("key_mismatch")
    });
    assert_eq!(shown(), second.seen, "a bad pair changes nothing");
    let metrics = server.get_private("/metrics").text;
    for (outcome, count) in [("used", 1), ("refused", 1)] {
        let line =
            format!("analytics_tls_certificate_rereads_total{{outcome=\"{outcome}\"}} {count}\n");
        assert!(metrics.contains(&line), "{line} in\n{metrics}");
    }

    // In place, file by file, as people copy them.
    fs::write(authority.path("live/key.pem"), &third.key).unwrap();
    eventually("the third certificate is shown", || shown() == third.seen);
    let log = server.log();
    assert_eq!(log.matches("the old one stays").count(), 1, "said once:\n{log}");
    assert!(!log.contains("PRIVATE KEY"), "{log}");
}

#[test]
fn who_dawdles_over_the_handshake_is_cut_and_others_are_served() {
    let authority = Authority::new();
    let pair = authority.issue();
    authority.deploy("1", &pair.cert, &pair.key);
    let (_server, address) = https(&authority);
    let mut silent = dial(&address);
    let mut slow = dial(&address);
    // The head of a handshake record, and the first byte of what it announces.
    slow.write_all(&[22, 3, 1, 2, 0, 1]).unwrap();
    assert_eq!(authority.connect(&address, &[]).get("/livez"), 200);
    for (who, socket) in [("silent", &mut silent), ("slow", &mut slow)] {
        let mut rest = Vec::new();
        // The end of the stream, or a reset; not the patience of this test.
        let ended = socket.read_to_end(&mut rest);
        let reset = std::io::ErrorKind::ConnectionReset;
        assert!(
            ended.as_ref().map_or_else(|error| error.kind() == reset, |_| true),
            "{who}: {ended:?}"
        );
    }
}

#[test]
fn whatever_else_comes_to_the_https_port_does_no_harm() {
    let authority = Authority::new();
    let pair = authority.issue();
    authority.deploy("1", &pair.cert, &pair.key);
    let (server, address) = https(&authority);
    for greeting in [
        b"GET / HTTP/1.1\r\nhost: x\r\n\r\n".as_slice(),
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"SSH-2.0-OpenSSH_9.6\r\n",
        &[0; 4_096],
        &[0xff; 4_096],
    ] {
        let mut socket = dial(&address);
        socket.write_all(greeting).unwrap();
        let mut answer = Vec::new();
        socket.read_to_end(&mut answer).ok();
        assert!(!answer.starts_with(b"HTTP"), "nothing is served in the clear");
    }
    assert_eq!(authority.connect(&address, &[]).get("/livez"), 200);
    assert_eq!(server.get("/livez").status, 200);
    assert!(!server.log().contains("panicked"), "{}", server.log());
}

#[test]
fn a_certificate_that_cannot_be_used_starts_nothing_and_says_where() {
    let folder = tempfile::tempdir().unwrap();
    let file = "server:\n  tls:\n    listen: 127.0.0.1:0\n    cert: cert.pem\n    key: key.pem\n";
    fs::write(folder.path().join("pipeline.yaml"), file).unwrap();
    let run = |arguments: &[&str]| {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_weather-mcp-analytics"));
        let output = command.args(arguments).current_dir(folder.path()).output().unwrap();
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    };
    for command in [["check"].as_slice(), &["serve", "--listen", "127.0.0.1:0"]] {
        let (code, text) = run(command);
        assert_eq!(code, Some(78), "{text}");
        for words in ["pipeline.yaml:4:11", "cert.pem does not exist", "pipeline.yaml:5:10"] {
            assert!(text.contains(words), "{words} in\n{text}");
        }
    }
    let authority = Authority::new();
    let (pair, other) = (authority.issue(), authority.issue());
    fs::write(folder.path().join("cert.pem"), &pair.cert).unwrap();
    fs::write(folder.path().join("key.pem"), &other.key).unwrap();
    let (code, text) = run(&["check"]);
    assert_eq!(code, Some(78), "{text}");
    assert!(text.contains("pipeline.yaml:5:10") && text.contains("does not belong"), "{text}");
    fs::write(folder.path().join("key.pem"), &pair.key).unwrap();
    let (code, text) = run(&["check"]);
    assert_eq!(code, Some(0), "{text}");
    let files = fs::read_dir(folder.path()).unwrap().count();
    assert_eq!(files, 3, "nothing was created beside the files");
}
