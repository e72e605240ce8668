//! The description against the router, against the answers, and against itself.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::LazyLock;

use salvo::Router;
use salvo::http::{Method, StatusCode};
use salvo::routing::FilterInfo;
use test_servers::Description;

use super::*;
use crate::http::private_router;
use crate::http::stats::tests::{Answer, Server, calls};
use crate::http::testing::{TestServer, routes};
use crate::stats::fake::Fake;

/// The paths of a router, as the description writes them.
fn paths(router: &Router, before: &str, found: &mut BTreeSet<String>) {
    let mut path = before.to_owned();
    for filter in router.filters() {
        if let FilterInfo::Path(part) = filter.info() {
            path = format!("{}/{part}", path.trim_end_matches('/'));
        }
    }
    if router.routers().is_empty() {
        let suffix = Format::ALL.into_iter().find(|format| path.ends_with(format.suffix()));
        let stem = suffix
            .filter(|_| path.starts_with("/v1/stats"))
            .and_then(|s| path.strip_suffix(s.suffix()));
        found.insert(
            stem.map_or_else(|| path.replace("{**", "{"), |stem| format!("{stem}.{{form}}")),
        );
    }
    router.routers().iter().for_each(|router| paths(router, &path, found));
}

#[tokio::test]
async fn every_route_is_described_and_every_description_has_a_route() {
    let server = TestServer::start().await;
    let mut routed = BTreeSet::new();
    paths(&routes(&server.state), "", &mut routed);
    paths(&private_router(&server.state), "", &mut routed);
    // The form is part of the name there.
    routed.insert("/v1/stats/tool/{name}.{form}".to_owned());
    let described: BTreeSet<String> =
        DOCUMENT["paths"].as_object().unwrap().keys().cloned().collect();
    assert!(routed.len() > 30, "{routed:?}");
    assert_eq!(routed, described);
}

/// Every `$ref` of the description.
fn references<'v>(value: &'v Value, found: &mut Vec<&'v str>) {
    match value {
        Value::Object(members) => {
            found.extend(members.get("$ref").and_then(Value::as_str));
            members.values().for_each(|value| references(value, found));
        }
        Value::Array(items) => items.iter().for_each(|item| references(item, found)),
        _ => {}
    }
}

#[test]
fn the_description_holds_together() {
    let mut found = Vec::new();
    references(&DOCUMENT, &mut found);
    assert!(found.len() > 100);
    for reference in found {
        let at = reference.strip_prefix('#').expect("nothing is loaded from elsewhere");
        assert!(DOCUMENT.pointer(at).is_some(), "{reference} leads nowhere");
    }
    let mut ids = BTreeSet::new();
    for (path, methods) in DOCUMENT["paths"].as_object().unwrap() {
        for operation in methods.as_object().unwrap().values() {
            assert!(ids.insert(operation["operationId"].as_str().unwrap()), "{path}");
            assert!(!operation["summary"].as_str().unwrap().is_empty(), "{path}");
        }
    }
    for (name, schema) in DOCUMENT["components"]["schemas"].as_object().unwrap() {
        for (member, schema) in schema["properties"].as_object().into_iter().flatten() {
            let said = schema["description"].is_string() || schema["$ref"].is_string();
            let own = ["Batch", "Event", "Accepted", "Receipt", "Note", "Problem"]
                .contains(&name.as_str());
            assert!(said || own, "{name}.{member} is not explained");
        }
    }
}

/// The description, to hold answers against.
static DESCRIBED: LazyLock<Description> = LazyLock::new(|| Description::new(DOCUMENT.clone()));

fn referred(reference: &str) -> &'static Value {
    DESCRIBED.referred(reference)
}

/// Fails unless an answer is as described.
fn assert_described(path: &str, answer: &Answer) {
    let kind = answer.header("content-type");
    let faults = DESCRIBED.faults(path, answer.status.as_u16(), kind, &answer.body);
    assert!(faults.is_empty(), "{path}: {faults:?}\n{}", answer.body);
}

#[tokio::test]
async fn every_example_works_and_every_answer_is_as_described() {
    let server = Server::new(crate::http::stats::routes(), Fake::of(calls()));
    let mut answered = 0;
    for (path, methods) in DOCUMENT["paths"].as_object().unwrap() {
        if !path.starts_with("/v1/stats") {
            continue;
        }
        let parameters = methods["get"]["parameters"].as_array().unwrap().iter();
        let parameters: Vec<&Value> =
            parameters.map(|p| p["$ref"].as_str().map_or(p, referred)).collect();
        let mut at = path.clone();
        let mut queries = vec![String::new(), "period=nonsense".to_owned(), "verbose=1".to_owned()];
        for parameter in parameters {
            let name = parameter["name"].as_str().unwrap();
            let example = match &parameter["example"] {
                Value::String(text) => text.clone(),
                value => value.to_string(),
            };
            match parameter["in"].as_str().unwrap() {
                "path" => at = at.replace(&format!("{{{name}}}"), &example),
                _ if name == "cursor" => queries.push("cursor=1abc".to_owned()),
                _ if name == "to" => queries.push(format!("from=2026-08-01&to={example}")),
                _ => queries.push(format!("{name}={example}")),
            }
        }
        for query in queries {
            let answer = server.ask(Method::GET, &format!("{at}?{query}"), None).await;
            let bad = ["nonsense", "verbose", "1abc"].iter().any(|bad| query.contains(bad));
            let untold = path.contains("/errors")
                && ["country", "service", "level"].iter().any(|name| query.starts_with(name));
            let absent = path.contains("/tool/") && !bad && answer.status == StatusCode::NOT_FOUND;
            if !absent {
                assert_eq!(
                    answer.status == StatusCode::OK,
                    !bad && !untold,
                    "{at}?{query}: {}",
                    answer.body
                );
            }
            assert_described(path, &answer);
            answered += 1;
        }
    }
    assert!(answered > 300, "{answered}");
    for path in DOCUMENT["paths"].as_object().unwrap().keys().filter(|p| p.ends_with("/overview")) {
        let down = Server::new(crate::http::stats::routes(), Fake::down());
        assert_described(path, &down.get(path).await);
        let html = [("accept", "text/html")];
        assert_described(path, &server.send(Method::GET, path, &html).await);
    }
}

#[tokio::test]
async fn what_is_told_of_what_is_stored_is_as_described() {
    let served = TestServer::start().await.get("/v1/schema.json").await.json();
    let faults = DESCRIBED.differences(referred("#/components/schemas/Transparency"), &served);
    assert!(faults.is_empty(), "{faults:?}");
}

#[tokio::test]
async fn the_description_and_its_page_are_served_whole_and_alone() {
    let server = TestServer::start().await;
    let served = server.get("/openapi.json").await;
    assert_eq!(served.json(), *DOCUMENT);
    let page = server.get("/api-docs").await;
    assert_eq!(page.status, 200);
    let policy = page.header("content-security-policy").unwrap();
    assert!(policy.starts_with("default-src 'none'; script-src 'self';"), "{policy}");
    let mut parts = page.body.split(['"', '\'']);
    assert_eq!(parts.find(|part| part.contains("//")), None, "nothing is loaded from elsewhere");
    let links = page.body.split(['"']).filter(|part| part.starts_with('/'));
    for link in links.collect::<Vec<_>>() {
        let file = server.get(link).await;
        assert_eq!(file.status, 200, "{link}");
        assert!(!file.body.is_empty(), "{link}");
    }
    for path in ["/api-docs/swagger-ui.js", "/api-docs/../Cargo.toml", "/api-docs/index.html"] {
        assert_eq!(server.get(path).await.status, 404, "{path}");
    }
}

#[tokio::test]
async fn the_type_of_every_problem_leads_to_a_page_about_it() {
    let server = TestServer::start().await;
    let problem = server.get("/v1/stats/tools?period=x").await.json();
    assert_eq!(problem["type"], "/problems/invalid_request");
    for kind in Kind::ALL {
        let page = server.get(&format!("/problems/{}", kind.error())).await;
        assert_eq!(page.status, 200, "{}", kind.error());
        assert!(page.header("content-type").unwrap().starts_with("text/html"));
        assert!(page.body.contains(kind.title()), "{}", kind.error());
    }
    assert_eq!(server.get("/problems/nonsense").await.status, 404);
}

#[test]
fn the_reference_is_what_the_description_says() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/api.md");
    let want = reference_in_words();
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&file, &want).unwrap();
    }
    let got = std::fs::read_to_string(&file).unwrap_or_default();
    assert_eq!(got, want, "docs/api.md differs; run the test with UPDATE=1");
}

const INTRODUCTION: &str = "\
# The API

Generated from the description that every server gives at `/openapi.json` (OpenAPI 3.1); at `/api-docs`
it can be read and tried. Change the code, then run `UPDATE=1 cargo test --lib the_reference_is`.

";

/// `docs/api.md`.
fn reference_in_words() -> String {
    let mut text = INTRODUCTION.to_owned();
    let line = |text: &mut String, words: &str| {
        text.push_str(words);
        text.push('\n');
    };
    line(&mut text, DESCRIPTION);
    line(&mut text, "\n## Questions\n\nParameters of the statistics; an unknown one is refused.\n");
    line(&mut text, "| parameter | meaning | example |\n|---|---|---|");
    for (name, parameter) in DOCUMENT["components"]["parameters"].as_object().unwrap() {
        let mut meaning = parameter["description"].as_str().unwrap().to_owned();
        if let Some(words) = parameter["schema"]["enum"].as_array() {
            let words: Vec<String> =
                words.iter().map(|w| format!("`{}`", w.as_str().unwrap())).collect();
            meaning.push_str(&format!(" One of {}.", words.join(", ")));
        }
        let example = match &parameter["example"] {
            Value::Null => String::new(),
            Value::String(text) => format!("`{text}`"),
            value => format!("`{value}`"),
        };
        line(&mut text, &format!("| `{name}` | {meaning} | {example} |"));
    }
    let tags = DOCUMENT["tags"].as_array().unwrap();
    for tag in tags {
        let name = tag["name"].as_str().unwrap();
        let (first, rest) = name.split_at(1);
        let title = format!("{}{rest}", first.to_uppercase());
        line(&mut text, &format!("\n## {title}\n\n{}", tag["description"].as_str().unwrap()));
        for (path, methods) in DOCUMENT["paths"].as_object().unwrap() {
            for (method, operation) in methods.as_object().unwrap() {
                if operation["tags"][0] == name && !path.ends_with("{form}") {
                    operation_in_words(&mut text, path, method, operation);
                }
            }
        }
    }
    line(&mut text, "\n## Schemas\n\nMembers of answers. `?` marks what may be `null` or absent.");
    for (name, schema) in DOCUMENT["components"]["schemas"].as_object().unwrap() {
        let Some(members) = schema["properties"].as_object() else { continue };
        line(&mut text, &format!("\n### {name}\n"));
        if let Some(words) = schema["description"].as_str() {
            line(&mut text, &format!("{}\n", one_line(words)));
        }
        line(&mut text, "| member | type | meaning |\n|---|---|---|");
        let required: Vec<&str> =
            schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        for (member, schema) in members {
            let (kind, nullable) = kind_of(schema);
            let mark = if nullable || !required.contains(&member.as_str()) { "?" } else { "" };
            let words = one_line(schema["description"].as_str().unwrap_or_default());
            line(&mut text, &format!("| `{member}`{mark} | {kind} | {words} |"));
        }
    }
    text
}

fn operation_in_words(text: &mut String, path: &str, method: &str, operation: &Value) {
    let summary = operation["summary"].as_str().unwrap();
    text.push_str(&format!("\n### {} `{path}`\n\n{summary}\n\n", method.to_uppercase()));
    let parameters = operation["parameters"].as_array();
    let names: Vec<String> = parameters
        .into_iter()
        .flatten()
        .filter_map(|p| {
            p["$ref"].as_str().and_then(|at| at.rsplit('/').next()).or(p["name"].as_str())
        })
        .map(|name| format!("`{name}`"))
        .collect();
    if !names.is_empty() {
        text.push_str(&format!("Takes {}.\n", names.join(", ")));
    }
    let schema = &operation["responses"]["200"]["content"]["application/json"]["schema"];
    if let Some(name) = schema["$ref"].as_str().and_then(|at| at.rsplit('/').next()) {
        text.push_str(&format!("Answers with [{name}](#{}).\n", name.to_lowercase()));
    }
    let statuses: Vec<&str> =
        operation["responses"].as_object().unwrap().keys().map(String::as_str).collect();
    text.push_str(&format!("Statuses: {}.\n", statuses.join(", ")));
}

fn one_line(words: &str) -> String {
    words.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The type of a member in words, and whether it may be null.
fn kind_of(schema: &Value) -> (String, bool) {
    let named = |at: &str| {
        let name = at.rsplit('/').next().unwrap_or_default();
        format!("[{name}](#{})", name.to_lowercase())
    };
    if let Some(at) = schema["$ref"].as_str() {
        return (named(at), false);
    }
    if let Some(either) = schema["anyOf"].as_array() {
        let kinds: Vec<_> =
            either.iter().filter(|kind| kind["type"] != "null").map(kind_of).collect();
        return (kinds.first().map(|(kind, _)| kind.clone()).unwrap_or_default(), true);
    }
    let (kind, nullable) = match &schema["type"] {
        Value::Array(kinds) => {
            let kind = kinds.iter().filter_map(Value::as_str).find(|kind| *kind != "null");
            (kind.unwrap_or_default(), kinds.iter().any(|kind| kind == "null"))
        }
        kind => (kind.as_str().unwrap_or("text"), false),
    };
    match kind {
        "array" => (format!("list of {}", kind_of(&schema["items"]).0), nullable),
        "object" if schema["additionalProperties"].is_object() => {
            (format!("by name: {}", kind_of(&schema["additionalProperties"]).0), nullable)
        }
        "string" => ("text".to_owned(), nullable),
        kind => (kind.to_owned(), nullable),
    }
}
