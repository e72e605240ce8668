//! The wire contract: every recorded case gets the status that clients rely on.

use serde_json::Value;

use crate::support::{Server, hour_now};

const CASES: &str = include_str!("../fixtures/contract.jsonl");

#[test]
fn every_case_is_answered_as_the_contract_says() {
    let server = Server::start();
    let yesterday = hour_now().day().plus(-1).to_string();
    let mut failed = Vec::new();
    for line in CASES.lines() {
        let case: Value = serde_json::from_str(&line.replace("{{DAY}}", &yesterday)).unwrap();
        let answer = send(&server, &case);
        let expect = &case["expect"];
        let status_fits =
            expect["status"].as_array().unwrap().iter().any(|status| *status == answer.0);
        let count_fits = expect.get("accepted").is_none_or(|count| *count == answer.1);
        if !status_fits || !count_fits {
            failed.push(format!("{}: want {expect}, got {answer:?}", case["name"]));
        }
    }
    assert_eq!(CASES.lines().count(), 169);
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}

/// Status and count of the answer to a case.
fn send(server: &Server, case: &Value) -> (u16, Value) {
    let path = case["path"].as_str().unwrap();
    let url = format!("{}{path}", server.public);
    let method = case["method"].as_str().unwrap();
    let agent = crate::support::agent();
    let mut request = ureq::http::Request::builder().method(method).uri(url);
    let headers = case["headers"].as_object();
    let own_type = headers.and_then(|headers| headers.get("content-type"));
    if method != "GET" && own_type.is_none() {
        request = request.header("content-type", "application/json");
    }
    for (name, value) in headers.into_iter().flatten() {
        if value != "" {
            request = request.header(name, value.as_str().unwrap());
        }
    }
    let body = case["body"].as_str().unwrap_or_default().as_bytes().to_vec();
    let mut answer = agent.run(request.body(body).unwrap()).unwrap();
    let text = answer.body_mut().read_to_string().unwrap();
    let json: Value = serde_json::from_str(&text).unwrap_or_default();
    (answer.status().as_u16(), json["count"].clone())
}

#[test]
fn a_wrong_method_names_the_right_ones() {
    let server = Server::start();
    let answer = server.get("/v1/events");
    assert_eq!((answer.status, answer.header("allow")), (405, Some("POST")));
    assert_eq!(answer.json()["error"], "method_not_allowed");
}
