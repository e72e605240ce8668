//! The description of the API (`OpenAPI` 3.1), made from what the handlers are made from: paths and
//! parameters of [`Endpoint`]s, and the schemas of their answers. Routes that are not endpoints of
//! the statistics are listed in [`routes`]; a test compares both with the router.

mod parameters;
mod routes;
#[cfg(test)]
mod tests;

use std::sync::LazyLock;

use schemars::SchemaGenerator;
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};

use super::problem::Kind;
use super::stats::endpoint::{Endpoint, takes};
use super::stats::format::Format;
use super::stats::{Visit, endpoints};
use crate::transparency;

/// The description, as it is served.
pub(crate) static DOCUMENT: LazyLock<Value> = LazyLock::new(document);

/// Statuses that every read may have, with the kinds of problem that have them.
const READ: [Kind; 3] =
    [Kind::RateLimitExceeded, Kind::InternalServerError, Kind::ServiceUnavailable];

fn document() -> Value {
    let settings = SchemaSettings::draft2020_12().for_serialize().with(|settings| {
        settings.definitions_path = "/components/schemas".into();
        settings.meta_schema = None;
    });
    let endpoints =
        endpoints(Endpoints { paths: Map::new(), generator: SchemaGenerator::new(settings) });
    let Endpoints { mut paths, mut generator } = endpoints;
    paths.extend(routes::paths());
    generator.subschema_for::<transparency::Document>();
    let mut schemas = generator.take_definitions(true);
    schemas.extend(routes::schemas());
    json!({
        "openapi": "3.1.1",
        "info": {
            "title": "weather-mcp-analytics",
            "version": env!("CARGO_PKG_VERSION"),
            "summary": "Anonymous usage statistics of MCP servers.",
            "description": DESCRIPTION,
            "license": { "name": "MIT", "identifier": "MIT" },
        },
        "servers": [{ "url": "/", "description": "The server that gave you this description." }],
        "tags": [
            { "name": "statistics", "description": "What was called, how often, and how it went." },
            { "name": "events", "description": "Reporting events." },
            { "name": "operation", "description": "The state of the server." },
            { "name": "documentation", "description": "This description, and pages for people." },
        ],
        "paths": paths,
        "components": {
            "schemas": schemas,
            "parameters": parameters::components(),
            "responses": responses(),
        },
    })
}

const DESCRIPTION: &str = "\
Hours and dates are UTC, ranges are half-open, and a period ends with the current hour. Numbers are \
not rounded. Means come from sums and counts; percentiles come from histograms and are at most \
`percentile_error_bound` off, as a share of their true value. `data_as_of` is the hour in which the \
newest event was received, and `coverage` says which share of the calls carried what an answer rests \
on. Where a number is not known, members of the first version say 0 and later ones `null`.\n\n\
Answers may be a minute old (`Cache-Control`), and are confirmed by their `ETag`. Errors are problems \
as in RFC 9457; their `type` leads to a page that explains them.";

/// Collects the endpoints of the statistics.
struct Endpoints {
    paths: Map<String, Value>,
    generator: SchemaGenerator,
}

impl Visit for Endpoints {
    fn endpoint<E: Endpoint>(mut self) -> Self {
        let answer = self.generator.subschema_for::<E::Answer>().to_value();
        let row = self.generator.subschema_for::<E::Row>().to_value();
        let path = format!("/v1/stats/{}", E::PATH);
        let named = E::PATH.contains("{name}");
        let operation = |id: String, own: Option<&str>, summary: &str| {
            let mut parameters: Vec<Value> =
                takes::<E>().iter().map(|name| reference(name)).collect();
            parameters.extend(own.map(parameters::in_path));
            parameters.extend(named.then(|| parameters::in_path("name")));
            let mut responses = Map::from_iter([
                ("200".to_owned(), found(&answer, &row, E::pages().is_some())),
                (
                    "304".to_owned(),
                    json!({ "description": "What `If-None-Match` names still holds." }),
                ),
            ]);
            let mut kinds = vec![Kind::InvalidRequest, Kind::NotAcceptable];
            kinds.extend(named.then_some(Kind::NotFound));
            kinds.extend(READ);
            responses.extend(kinds.into_iter().map(problem_response));
            json!({ "get": {
                "operationId": id,
                "tags": ["statistics"],
                "summary": summary,
                "parameters": parameters,
                "responses": responses,
            } })
        };
        let id = E::PATH.split('/').next().unwrap_or_default();
        let whole = operation(format!("stats_{id}"), None, E::SUMMARY);
        self.paths.insert(path.clone(), whole);
        let summary = "The same in the form that the path ends with.";
        let in_form = operation(format!("stats_{id}_as"), Some("form"), summary);
        self.paths.insert(format!("{path}.{{form}}"), in_form);
        self
    }
}

fn reference(parameter: &str) -> Value {
    json!({ "$ref": format!("#/components/parameters/{parameter}") })
}

fn found(answer: &Value, row: &Value, pages: bool) -> Value {
    let rows = json!({
        "type": "string",
        "description": "The list that the summary names, a line of JSON a row.",
        "contentSchema": row,
        "contentMediaType": "application/json",
    });
    let mut headers = json!({
        "ETag": { "schema": { "type": "string" }, "description": "Names this form of this answer." },
        "Cache-Control": { "schema": { "type": "string" }, "description": "For how long the answer may be kept." },
    });
    if pages {
        headers["Link"] = json!({
            "schema": { "type": "string" },
            "description": "The next page, with `rel=\"next\"`; absent on the last one.",
        });
    }
    json!({
        "description": "The answer.",
        "headers": headers,
        "content": {
            Format::Json.media_type(): { "schema": answer },
            Format::Csv.media_type(): {
                "schema": { "type": "string", "description": "The list that the summary names, as in RFC 4180, with a line of names." },
            },
            Format::Ndjson.media_type(): { "schema": rows },
        },
    })
}

/// A status of problems, and the reference to its response.
fn problem_response(kind: Kind) -> (String, Value) {
    let status = kind.status().as_u16().to_string();
    let response = json!({ "$ref": format!("#/components/responses/{status}") });
    (status, response)
}

/// A response for each status that problems have.
fn responses() -> Map<String, Value> {
    let mut responses = Map::new();
    for kind in Kind::ALL {
        let status = kind.status().as_u16().to_string();
        let meaning = format!("`{}`: {}.", kind.error(), kind.title());
        let response = responses.entry(status).or_insert_with(|| {
            json!({
                "description": "",
                "content": { "application/problem+json": {
                    "schema": { "$ref": "#/components/schemas/Problem" },
                } },
            })
        });
        let before = response["description"].as_str().unwrap_or_default();
        response["description"] = format!("{before} {meaning}").trim_start().into();
    }
    responses
}
