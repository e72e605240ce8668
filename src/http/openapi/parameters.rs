//! The parameters of the statistics, each with an example that a test sends.

use serde_json::{Map, Value, json};

use crate::http::stats::endpoint::MOST_ROWS;
use crate::http::stats::format::Format;
use crate::stats::answers::timeseries::{By, Measure};
use crate::stats::{Compare, Grain};

/// Every parameter of a query, by name.
pub(super) fn components() -> Map<String, Value> {
    let words = |words: Vec<&str>| json!({ "type": "string", "enum": words });
    let text = json!({ "type": "string", "minLength": 1, "maxLength": 100 });
    let moment = "A date such as 2026-08-20, or within the last 720 hours a whole hour such as \
                  2026-08-20T14:00:00Z.";
    let parameters = [
        (
            "period",
            "The hours: `<n>h` (1 to 720 hours), `<n>d` (1 to 365 dates, ending today), `<n>mo` (1 to \
             24 months, ending with the current one) or `all`. Excludes `from` and `to`. Default: `30d`."
                .to_owned(),
            json!({ "type": "string", "pattern": "^([0-9]+(h|d|mo)|all)$" }),
            json!("7d"),
        ),
        (
            "from",
            format!("Where the hours begin. {moment}"),
            json!({ "type": "string" }),
            json!("2026-08-01"),
        ),
        (
            "to",
            format!("Where the hours end, exclusive; needs `from`. {moment} Default: now."),
            json!({ "type": "string" }),
            json!("2026-08-15"),
        ),
        (
            "compare",
            "Adds the numbers of the hours just before, or of the same dates a year before.".to_owned(),
            words(Compare::ALL.map(Compare::as_str).to_vec()),
            json!("previous"),
        ),
        (
            "group",
            "Width of the buckets. Weeks begin on Monday. Default: hours up to 72 hours, days up to \
             400 days, then months."
                .to_owned(),
            words(Grain::ALL.map(Grain::as_str).to_vec()),
            json!("day"),
        ),
        ("tool", "Only calls of this tool.".to_owned(), text.clone(), json!("get_forecast")),
        ("version", "Only calls of this version of the client.".to_owned(), text.clone(), json!("1.23.0")),
        (
            "country",
            "Only calls from this country, as ISO 3166-1 alpha-2.".to_owned(),
            json!({ "type": "string", "pattern": "^[A-Za-z]{2}$" }),
            json!("CA"),
        ),
        ("service", "Only calls that this upstream service answered.".to_owned(), text, json!("noaa")),
        (
            "level",
            "Only calls that were reported at this level of detail.".to_owned(),
            words(vec!["minimal", "standard", "detailed"]),
            json!("standard"),
        ),
        (
            "status",
            "Only calls with this outcome.".to_owned(),
            words(vec!["success", "error"]),
            json!("success"),
        ),
        (
            "limit",
            "Lists by rank: how many rows at most. Series and export: how many buckets are on a page. \
             Default: 20 kinds of error, 31 buckets of the export, and else the most that is allowed."
                .to_owned(),
            json!({ "type": "integer", "minimum": 1, "maximum": MOST_ROWS }),
            json!(5),
        ),
        (
            "cursor",
            "The next page: taken as it is from the `Link` of the page before, with the same parameters."
                .to_owned(),
            json!({ "type": "string" }),
            Value::Null,
        ),
        (
            "measure",
            "What is measured. Default: `calls`.".to_owned(),
            words(Measure::ALL.map(Measure::as_str).to_vec()),
            json!("p95_ms"),
        ),
        (
            "by",
            "By what calls are told apart. Default: `none`.".to_owned(),
            words(By::ALL.map(By::as_str).to_vec()),
            json!("version"),
        ),
    ];
    let component = |(name, description, schema, example): (&str, String, Value, Value)| {
        let mut parameter = json!({
            "name": name, "in": "query", "description": description, "schema": schema,
        });
        if !example.is_null() {
            parameter["example"] = example;
        }
        (name.to_owned(), parameter)
    };
    parameters.into_iter().map(component).collect()
}

/// A parameter in the path.
pub(super) fn in_path(name: &str) -> Value {
    let forms = Format::ALL.map(|format| format.suffix().trim_start_matches('.'));
    let (description, schema, example) = match name {
        "form" => ("The form of the answer.", json!({ "type": "string", "enum": forms }), "csv"),
        "name" => ("The tool.", json!({ "type": "string", "maxLength": 100 }), "get_forecast"),
        "receipt" => (
            "What the answer to a batch gave.",
            json!({ "type": "string", "pattern": "^[0-9a-f]{32}$" }),
            "00112233445566778899aabbccddeeff",
        ),
        "kind" => ("The member `error` of a problem.", json!({ "type": "string" }), "not_found"),
        "part" => ("The part.", json!({ "type": "string" }), "tools"),
        _ => ("The file.", json!({ "type": "string" }), "init.js"),
    };
    json!({
        "name": name, "in": "path", "required": true,
        "description": description, "schema": schema, "example": example,
    })
}
