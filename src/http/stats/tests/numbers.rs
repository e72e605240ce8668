//! The answers of the first version, member by member.

use salvo::http::{Method, StatusCode};
use serde_json::{Value, json};

use super::super::routes;
use super::{Server, server};
use crate::stats::fake::{Call, Fake};

const AS_OF: &str = "2026-08-20T16:00:00.000Z";

fn overview_30d() -> Value {
    let mean = 180.0;
    json!({
        "period": "30d",
        "start_date": "2026-07-22T00:00:00.000Z",
        "end_date": "2026-08-20T16:00:00.000Z",
        "grain": "day",
        "data_as_of": AS_OF,
        "coverage": { "response_time": 0.5, "cache": 2.0 / 6.0, "error_type": 2.0 / 3.0 },
        "summary": {
            "total_calls": 6, "unique_versions": 2,
            "active_installs": 0, "active_installs_method": "none",
            "active_installs_range": null,
            "success_rate": 0.5, "avg_response_time_ms": mean,
        },
        "tools": [
            { "name": "get_forecast", "calls": 3, "success_rate": 2.0 / 3.0,
              "avg_response_time_ms": mean },
            { "name": "get_alerts", "calls": 2, "success_rate": 0.5, "avg_response_time_ms": 0.0 },
            { "name": "search_location", "calls": 1, "success_rate": 0.0,
              "avg_response_time_ms": 0.0 },
        ],
        "errors": [{ "type": "timeout", "count": 2, "percentage": 200.0 / 6.0,
                     "affected_tools": ["get_alerts", "get_forecast"] }],
        "cache_hit_rate": 0.5,
    })
}

#[tokio::test]
async fn response_times_are_told_by_any_dimension() {
    let got = server().get("/v1/stats/response-times?by=tool&limit=2").await.json();
    assert_eq!(
        got,
        json!({
            "period": "30d", "grain": "day", "data_as_of": AS_OF,
            "coverage": { "response_time": 0.5 }, "by": "tool", "percentile_error_bound": 0.01,
            "values": [
                { "name": "get_forecast", "calls": 3, "timed": 1.0, "avg_ms": 180.0,
                  "p50_ms": 200, "p95_ms": 240, "p99_ms": 240 },
                { "name": "get_alerts", "calls": 2, "timed": 0.0, "avg_ms": null,
                  "p50_ms": null, "p95_ms": null, "p99_ms": null },
            ],
        })
    );
    // Calls that carried no service are not there.
    let by_service = server().get("/v1/stats/response-times.csv?by=service").await.body;
    assert_eq!(
        by_service.replace("\r\n", "\n"),
        "name,calls,timed,avg_ms,p50_ms,p95_ms,p99_ms\n\
         noaa,2,0.5,100.0,100,100,100\nopenmeteo,1,1.0,200.0,200,200,200\n"
    );
    let got = server().get("/v1/stats/histogram?tool=get_forecast").await.json();
    let ranges = got["ranges"].as_array().unwrap();
    let filled: Vec<&Value> = ranges.iter().filter(|range| range["calls"] != 0).collect();
    assert_eq!(
        filled,
        [
            &json!({ "up_to_ms": 100, "calls": 1, "share": 1.0 / 3.0 }),
            &json!({ "up_to_ms": 200, "calls": 1, "share": 1.0 / 3.0 }),
            &json!({ "up_to_ms": 500, "calls": 1, "share": 1.0 / 3.0 }),
        ]
    );
}

#[tokio::test]
async fn the_overview_is_exact() {
    let answer = server().get("/v1/stats/overview").await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(answer.header("content-type"), "application/json");
    assert_eq!(answer.json(), overview_30d());
}

#[tokio::test]
async fn tools_are_exact_and_follow_the_period() {
    let got = server().get("/v1/stats/tools?period=24h").await.json();
    assert_eq!(
        got,
        json!({
            "period": "24h", "grain": "hour", "data_as_of": AS_OF,
            "coverage": { "response_time": 0.5 },
            "tools": [
                { "name": "get_alerts", "calls": 2, "success_rate": 0.5,
                  "avg_response_time_ms": 0.0 },
                { "name": "get_forecast", "calls": 2, "success_rate": 1.0,
                  "avg_response_time_ms": 150.0 },
            ],
        })
    );
}

#[tokio::test]
async fn one_tool_is_exact() {
    let mean = 180.0;
    let got = server().get("/v1/stats/tool/get_forecast?period=07d").await.json();
    assert_eq!(
        got,
        json!({
            "tool": "get_forecast", "period": "7d", "grain": "day", "data_as_of": AS_OF,
            "coverage": { "response_time": 1.0, "country": 2.0 / 3.0 },
            "summary": { "name": "get_forecast", "calls": 3, "success_rate": 2.0 / 3.0,
                         "avg_response_time_ms": mean },
            "partial_buckets": ["2026-08-20T00:00:00.000Z"],
            "daily_data": [
                { "date": "2026-08-19", "calls": 1, "success_rate": 0.0,
                  "avg_response_time_ms": 240.0 },
                { "date": "2026-08-20", "calls": 2, "success_rate": 1.0,
                  "avg_response_time_ms": 150.0 },
            ],
            "versions": [
                { "version": "1.23.0", "calls": 2, "percentage": 2.0 / 3.0 },
                { "version": "1.22.1", "calls": 1, "percentage": 1.0 / 3.0 },
            ],
            "countries": [
                { "country": "CA", "calls": 1, "percentage": 1.0 / 3.0 },
                { "country": "US", "calls": 1, "percentage": 1.0 / 3.0 },
            ],
        })
    );
}

#[tokio::test]
async fn errors_are_exact() {
    let got = server().get("/v1/stats/errors?from=2026-08-18&to=2026-08-21").await.json();
    assert_eq!(
        got,
        json!({
            "period": "2026-08-18T00:00:00Z/2026-08-20T16:00:00Z",
            "grain": "hour", "data_as_of": AS_OF,
            "coverage": { "error_type": 2.0 / 3.0 },
            "errors": [{ "type": "timeout", "count": 2, "percentage": 1.0,
                         "first_seen": "2026-08-19T10:00:00.000Z",
                         "last_seen": "2026-08-20T15:00:00.000Z",
                         "affected_tools": ["get_alerts", "get_forecast"],
                         "affected_versions": ["1.22.1", "1.23.0"],
                         "previous_count": 0, "trend": null }],
        })
    );
}

#[tokio::test]
async fn performance_is_exact() {
    let got = server().get("/v1/stats/performance").await.json();
    assert_eq!(
        got,
        json!({
            "period": "30d", "grain": "day", "data_as_of": AS_OF,
            "coverage": { "response_time": 0.5, "cache": 2.0 / 6.0, "service": 0.5 },
            "response_times": { "avg_ms": 180.0, "p50_ms": 200, "p95_ms": 240,
                                "p99_ms": 240 },
            "percentile_error_bound": 0.01,
            "cache_performance": { "hit_rate": 0.5, "total_hits": 1, "total_misses": 1 },
            "service_distribution": { "noaa": 2, "openmeteo": 1 },
        })
    );
}

#[tokio::test]
async fn all_is_exact_and_in_per_cent() {
    let mut overview = overview_30d();
    overview["period"] = "3d".into();
    overview["start_date"] = "2026-08-18T00:00:00.000Z".into();
    overview["grain"] = "hour".into();
    let nothing = json!({ "avg": 0.0, "p50": 0, "p95": 0, "p99": 0 });
    let got = server().get("/v1/stats/all?period=3d").await.json();
    assert_eq!(
        got,
        json!({
            "grain": "hour", "data_as_of": AS_OF,
            "coverage": { "response_time": 0.5, "cache": 2.0 / 6.0, "service": 0.5,
                          "country": 2.0 / 6.0 },
            "errors": overview["errors"],
            "overview": overview,
            "partial_buckets": ["2026-08-20T15:00:00.000Z"],
            "toolUsage": [
                { "timestamp": "2026-08-18T03:00:00.000Z", "search_location": 1 },
                { "timestamp": "2026-08-19T10:00:00.000Z", "get_forecast": 1 },
                { "timestamp": "2026-08-20T14:00:00.000Z", "get_forecast": 2 },
                { "timestamp": "2026-08-20T15:00:00.000Z", "get_alerts": 2 },
            ],
            "performance": {
                "by_tool": {
                    "get_forecast": { "avg": 180.0, "p50": 200, "p95": 240, "p99": 240 },
                    "get_alerts": nothing, "search_location": nothing,
                },
                "percentile_error_bound": 0.01,
                "timeline": [
                    { "timestamp": "2026-08-19T10:00:00.000Z", "p50": 240, "p95": 240, "p99": 240 },
                    { "timestamp": "2026-08-20T14:00:00.000Z", "p50": 100, "p95": 200, "p99": 200 },
                ],
            },
            "cache": {
                "hit_rate": 50.0, "total_requests": 6, "cache_hits": 1, "cache_misses": 1,
                "saved_requests": 1,
                "by_tool": { "get_forecast": { "hit_rate": 50.0, "hits": 1, "misses": 1 } },
            },
            "services": {
                "noaa": { "calls": 2, "percentage": 200.0 / 6.0, "success_rate": 0.5 },
                "openMeteo": { "calls": 1, "percentage": 100.0 / 6.0, "success_rate": 1.0 },
            },
            "geo": { "countries": [
                { "code": "CA", "name": "CA", "calls": 1, "percentage": 50.0 },
                { "code": "US", "name": "US", "calls": 1, "percentage": 50.0 },
            ] },
        })
    );
}

#[tokio::test]
async fn months_are_sums_of_days() {
    let got = server().get("/v1/stats/all?period=24mo").await.json();
    assert_eq!(got["grain"], "month");
    assert_eq!(
        got["toolUsage"],
        json!([
            { "timestamp": "2026-07-01T00:00:00.000Z", "get_alerts": 1 },
            { "timestamp": "2026-08-01T00:00:00.000Z", "get_alerts": 2, "get_forecast": 3,
              "search_location": 1 },
        ])
    );
}

#[tokio::test]
async fn health_counts_a_day_and_is_never_kept() {
    let answer = server().get("/v1/stats/health").await;
    assert_eq!(answer.header("cache-control"), "no-store");
    assert_eq!(
        answer.json(),
        json!({ "status": "degraded", "uptime_seconds": 812, "events_processed_24h": 4,
                "last_event_received": AS_OF })
    );
    let call = Call { hour: "2026-08-20T15", tool: "get_alerts", ..Call::default() };
    for (calls, status) in [(0, "down"), (1, "degraded"), (99, "degraded"), (100, "healthy")] {
        let calls = vec![call.clone(); calls];
        let got = Server::new(routes(), Fake::of(calls));
        assert_eq!(got.get("/v1/stats/health").await.json()["status"], status);
    }
}

/// Endpoints that take the whole grammar, and whose numbers are all counted.
const ENDPOINTS: [&str; 12] = [
    "overview",
    "tools",
    "errors",
    "performance",
    "all",
    "versions",
    "countries",
    "services",
    "levels",
    "response-times",
    "timeseries",
    "export",
];

#[tokio::test]
async fn without_data_every_answer_is_zero_or_empty() {
    let server = Server::new(routes(), Fake::default());
    for path in ENDPOINTS.into_iter().chain(["health"]) {
        let answer = server.get(&format!("/v1/stats/{path}")).await;
        assert_eq!(answer.status, StatusCode::OK, "{path}");
        assert_only_zero(&answer.json(), path);
    }
}

fn assert_only_zero(value: &Value, at: &str) {
    match value {
        Value::Number(number) => {
            let fixed = ["uptime_seconds", "error_bound"];
            let fixed = fixed.iter().any(|end| at.ends_with(end));
            assert!(number.as_f64() == Some(0.0) || fixed, "{at}");
        }
        Value::Array(items) => {
            // Buckets and services are there without calls; in a series every bucket is.
            let bare = !["partial_buckets", "points"].iter().any(|end| at.ends_with(end));
            assert!(items.is_empty() || !bare, "{at}");
            items
                .iter()
                .filter(|_| at.ends_with("points"))
                .for_each(|item| assert_only_zero(item, at));
        }
        Value::Object(members) => {
            members.iter().for_each(|(key, value)| assert_only_zero(value, &format!("{at}/{key}")));
        }
        _ => {}
    }
}

#[tokio::test]
async fn an_unknown_tool_is_not_found_and_not_named() {
    let long = "x".repeat(101);
    for name in ["non_existent_tool", long.as_str(), "a%20b", "get_Forecast"] {
        let answer = server().get(&format!("/v1/stats/tool/{name}")).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{name}");
        assert_eq!(answer.json()["error"], "not_found");
        assert!(!answer.body.contains("xxx") && !answer.body.contains("existent"));
    }
    assert_eq!(server().get("/v1/stats/tool/").await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_bad_query_is_refused_everywhere_in_the_same_words() {
    for path in ENDPOINTS.into_iter().chain(["tool/get_alerts", "histogram", "export.csv"]) {
        for (query, says) in [
            ("period=", "`period` must be"),
            ("period=secret", "`period` must be"),
            ("period=7d&period=7d", "`period` may be given once"),
            ("perod=7d", "did you mean `period`?"),
            ("from=2026-08-20&to=secret", "`to` must be"),
        ] {
            let answer = server().get(&format!("/v1/stats/{path}?{query}")).await;
            let problem = answer.json();
            assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{path}?{query}");
            assert_eq!(answer.header("content-type"), "application/problem+json");
            assert_eq!(problem["error"], "invalid_request");
            assert_eq!(problem["status"], 400);
            assert!(problem["details"][0].as_str().unwrap().contains(says), "{problem}");
            assert!(!answer.body.contains("secret"));
        }
    }
}

#[tokio::test]
async fn a_store_that_is_down_is_503_and_shows_no_cause() {
    let server = Server::new(routes(), Fake::down());
    for path in ENDPOINTS.into_iter().chain(["tool/a", "health", "histogram", "tools.csv"]) {
        let answer = server.get(&format!("/v1/stats/{path}")).await;
        assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE, "{path}");
        assert_eq!(answer.header("retry-after"), "10");
        assert_eq!(answer.header("cache-control"), "no-store");
        assert_eq!(answer.json()["retry_after"], 10);
        assert!(!answer.body.contains("db.internal"));
    }
}

#[tokio::test]
async fn an_answer_is_kept_for_a_minute_and_confirmed_by_its_tag() {
    let (server, path) = (server(), "/v1/stats/overview?period=7d");
    let first = server.get(path).await;
    assert_eq!(first.header("cache-control"), "public, max-age=60");
    let same = server.ask(Method::GET, path, Some(first.header("etag"))).await;
    assert_eq!((same.status, same.body.as_str()), (StatusCode::NOT_MODIFIED, ""));
    assert_eq!(same.header("etag"), first.header("etag"));
    let other = server.get("/v1/stats/overview?period=30d").await;
    assert_ne!(other.header("etag"), first.header("etag"));
    let head = server.ask(Method::HEAD, path, None).await;
    assert_eq!((head.status, head.header("etag")), (StatusCode::OK, first.header("etag")));
    assert_eq!(server.ask(Method::POST, path, None).await.status, StatusCode::METHOD_NOT_ALLOWED);
}
