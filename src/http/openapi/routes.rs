//! The routes that are not endpoints of the statistics, and the schemas of what they take and give.

use serde_json::{Map, Value, json};

use super::parameters::in_path;
use super::problem_response;
use crate::http::problem::Kind;

/// A route.
struct Route {
    path: &'static str,
    method: &'static str,
    tag: &'static str,
    summary: &'static str,
    /// Media type and schema of the answer.
    answer: (&'static str, Value),
    /// Statuses beside 200.
    problems: &'static [Kind],
    /// What a POST takes.
    takes: Option<Takes>,
}

/// What a POST takes.
enum Takes {
    Batch,
    /// The form of a page.
    Form,
}

impl Takes {
    /// The rest of the operation.
    fn described(&self) -> Value {
        let (media_type, schema) = match self {
            Self::Batch => ("application/json", json!({ "$ref": "#/components/schemas/Batch" })),
            Self::Form => (
                "application/x-www-form-urlencoded",
                json!({
                    "type": "object",
                    "required": ["event"],
                    "properties": { "event": { "type": "string", "description": "JSON." } },
                }),
            ),
        };
        let mut rest = json!({
            "requestBody": { "required": true, "content": { media_type: { "schema": schema } } },
        });
        if matches!(self, Self::Batch) {
            rest["parameters"] = json!([{
                "name": "Idempotency-Key", "in": "header",
                "description": "Makes a repeat of the same batch count once: 1 to 255 visible characters.",
                "schema": { "type": "string", "minLength": 1, "maxLength": 255 },
            }]);
        }
        rest
    }
}

/// What a page may answer instead.
const PAGE: [Kind; 4] =
    [Kind::InvalidRequest, Kind::NotFound, Kind::RateLimitExceeded, Kind::ServiceUnavailable];
/// What a file may answer instead.
const MISSING: [Kind; 2] = [Kind::NotFound, Kind::RateLimitExceeded];
/// What the router itself may answer.
const ANY: [Kind; 1] = [Kind::InternalServerError];

pub(super) fn paths() -> Map<String, Value> {
    let mut paths = Map::new();
    for route in routes() {
        let methods = paths.entry(route.path).or_insert_with(|| json!({}));
        methods[route.method] = described(&route);
    }
    paths
}

fn described(route: &Route) -> Value {
    let (media_type, schema) = &route.answer;
    let mut responses = Map::from_iter([(
        "200".to_owned(),
        json!({ "description": "The answer.", "content": { *media_type: { "schema": schema } } }),
    )]);
    responses.extend(route.problems.iter().chain(&ANY).map(|kind| problem_response(*kind)));
    let name = route.path.split(['{', '}']).nth(1);
    let id = route.path.trim_start_matches('/').replace(['/', '-', '.', '{', '}'], "_");
    let mut operation = json!({
        "operationId": match (id.trim_end_matches('_'), route.method) {
            ("", _) => "page".to_owned(),
            (id, "post") if matches!(route.takes, Some(Takes::Form)) => format!("{id}_form"),
            (id, _) => id.to_owned(),
        },
        "tags": [route.tag],
        "summary": route.summary,
        "responses": responses,
    });
    if let Some(name) = name {
        operation["parameters"] = json!([in_path(name)]);
    }
    if let (Some(takes), Some(operation)) = (&route.takes, operation.as_object_mut()) {
        let rest = takes.described();
        operation
            .extend(rest.as_object().into_iter().flatten().map(|(k, v)| (k.clone(), v.clone())));
    }
    operation
}

fn routes() -> Vec<Route> {
    let html = || ("text/html", json!({ "type": "string" }));
    let json = |schema: &str| {
        ("application/json", json!({ "$ref": format!("#/components/schemas/{schema}") }))
    };
    let object = || ("application/json", json!({ "type": "object" }));
    let get = |path, tag, summary, answer, problems| Route {
        path,
        method: "get",
        tag,
        summary,
        answer,
        problems,
        takes: None,
    };
    let page = |path, summary| get(path, "documentation", summary, html(), &PAGE);
    vec![
        Route {
            path: "/v1/events",
            method: "post",
            tag: "events",
            summary: "Reports a batch of events. 200 means that the accepted ones are on disk.",
            answer: json("Accepted"),
            problems: &[
                Kind::ValidationFailed,
                Kind::RequestTimeout,
                Kind::PayloadTooLarge,
                Kind::UnsupportedMediaType,
                Kind::RateLimitExceeded,
                Kind::ServiceUnavailable,
            ],
            takes: Some(Takes::Batch),
        },
        get(
            "/v1/receipts/{receipt}",
            "events",
            "What became of a batch.",
            json("Receipt"),
            &[Kind::NotFound, Kind::RateLimitExceeded, Kind::ServiceUnavailable],
        ),
        get(
            "/v1/status",
            "operation",
            "The state of server, queue, store and workers, and the ledger of events.",
            object(),
            &[Kind::RateLimitExceeded],
        ),
        get(
            "/v1/health",
            "operation",
            "Whether the server works.",
            object(),
            &[Kind::ServiceUnavailable],
        ),
        get("/livez", "operation", "Whether the process lives.", object(), &[]),
        get(
            "/readyz",
            "operation",
            "Whether the server can durably accept events; `?verbose` gives the reasons.",
            object(),
            &[Kind::ServiceUnavailable],
        ),
        get(
            "/metrics",
            "operation",
            "Metrics for Prometheus, on the private listener only.",
            ("text/plain", json!({ "type": "string" })),
            &[],
        ),
        get(
            "/v1/schema.json",
            "documentation",
            "Everything that is stored: fields, tables, rules, and a hash of it all.",
            json("Transparency"),
            &[Kind::RateLimitExceeded],
        ),
        get(
            "/openapi.json",
            "documentation",
            "This description.",
            object(),
            &[Kind::RateLimitExceeded],
        ),
        get(
            "/api-docs",
            "documentation",
            "This description, to read and to try.",
            html(),
            &[Kind::RateLimitExceeded],
        ),
        get(
            "/api-docs/{file}",
            "documentation",
            "Files of that page.",
            ("*/*", json!({})),
            &[Kind::NotFound, Kind::RateLimitExceeded],
        ),
        get(
            "/problems/{kind}",
            "documentation",
            "What a kind of problem means and what to do about it.",
            html(),
            &[Kind::NotFound, Kind::RateLimitExceeded],
        ),
        get("/static/{file}", "documentation", "Files of pages.", ("*/*", json!({})), &MISSING),
        get(
            "/preview.png",
            "documentation",
            "A picture of the page.",
            ("image/png", json!({})),
            &PAGE,
        ),
        get(
            "/badge/{file}",
            "documentation",
            "A number for other pages.",
            ("*/*", json!({})),
            &MISSING,
        ),
        get("/embed/{part}", "documentation", "A part of a page for others.", html(), &MISSING),
        page("/", "The statistics on one page."),
        page("/tools", "Calls by tool, as a page."),
        page("/tools/{name}", "One tool, as a page."),
        page("/performance", "Response times, as a page."),
        page("/errors", "Errors by kind, as a page."),
        page("/versions", "Versions of the client, as a page."),
        page("/geography", "Calls by country, as a page."),
        page("/methodology", "How the numbers are made."),
        page("/status", "The state of the server, as a page."),
        page("/transparency", "Everything that is stored, as a page."),
        Route {
            path: "/transparency",
            method: "post",
            tag: "documentation",
            summary: "What each stage would do with an event, as a page. Nothing of it is kept.",
            answer: html(),
            problems: &[Kind::RequestTimeout, Kind::PayloadTooLarge, Kind::RateLimitExceeded],
            takes: Some(Takes::Form),
        },
    ]
}

pub(super) fn schemas() -> Map<String, Value> {
    let text = json!({ "type": "string" });
    let count = json!({ "type": "integer", "minimum": 0 });
    let note = json!({
        "type": "object",
        "required": ["index", "code", "pointer", "message"],
        "properties": { "index": count, "code": text, "pointer": text, "message": text },
    });
    let schemas = json!({
        "Problem": {
            "type": "object",
            "description": "A problem (RFC 9457). Nothing in it comes from the request.",
            "required": ["type", "title", "status", "detail", "instance", "error", "code", "details"],
            "properties": {
                "type": { "type": "string", "description": "Path of a page about the kind." },
                "title": { "type": "string", "description": "The same words for the same kind." },
                "status": { "type": "integer", "description": "The status." },
                "detail": { "type": "string", "description": "What is wrong and what to do." },
                "instance": { "type": "string", "description": "The request's id, also in `x-request-id`." },
                "error": { "enum": Kind::ALL.map(Kind::error), "description": "The kind." },
                "code": { "type": "string", "description": "More precisely." },
                "details": { "type": "array", "items": text, "description": "One text a fault." },
                "rejected": { "type": "array", "items": { "$ref": "#/components/schemas/Note" } },
                "retry_after": { "type": "integer", "description": "Seconds after which to try again." },
            },
        },
        "Note": note,
        "Batch": {
            "type": "object",
            "description": "Other members are ignored.",
            "required": ["events"],
            "properties": { "events": {
                "type": "array", "minItems": 1,
                "items": { "$ref": "#/components/schemas/Event" },
            } },
        },
        "Event": {
            "type": "object",
            "description": "A call of a tool. Members that its level does not define are dropped.",
            "required": ["version", "tool", "status", "timestamp_hour", "analytics_level"],
            "properties": {
                "version": text,
                "tool": text,
                "status": { "enum": ["success", "error"] },
                "timestamp_hour": { "type": "string", "format": "date-time" },
                "analytics_level": { "enum": ["minimal", "standard", "detailed"] },
                "error_type": text,
                "response_time_ms": { "type": "integer" },
                "service": text,
                "cache_hit": { "type": "boolean" },
                "retry_count": { "type": "integer", "minimum": 0, "maximum": 10 },
                "country": text,
                "parameters": { "type": "object" },
                "session_id": { "type": "string", "pattern": "^[0-9a-fA-F]{16}$" },
                "sequence_number": { "type": "integer", "minimum": 0 },
                "event_id": { "type": "string", "format": "uuid" },
            },
        },
        "Accepted": {
            "type": "object",
            "required": ["status", "count", "timestamp", "receipt", "duplicates", "rejected", "warnings"],
            "properties": {
                "status": { "const": "accepted" },
                "count": count,
                "timestamp": { "type": "string", "format": "date-time" },
                "receipt": { "type": ["string", "null"] },
                "duplicates": { "type": "array", "items": count },
                "rejected": { "type": "array", "items": { "$ref": "#/components/schemas/Note" } },
                "warnings": { "type": "array", "items": { "$ref": "#/components/schemas/Note" } },
            },
        },
        "Receipt": {
            "type": "object",
            "required": ["state", "events", "persisted", "duplicate", "dead_letter"],
            "properties": {
                "state": { "enum": ["queued", "stored", "expired"] },
                "events": count,
                "persisted": count,
                "duplicate": count,
                "dead_letter": count,
            },
        },
    });
    match schemas {
        Value::Object(schemas) => schemas,
        _ => Map::new(),
    }
}
