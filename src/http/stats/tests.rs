//! Every answer against calls that are few enough to be added up by hand.

use std::sync::Arc;

use salvo::conn::SocketAddr;
use salvo::http::uri::Scheme;
use salvo::http::{HeaderValue, Method, ResBody, Response, StatusCode};
use salvo::{Depot, FlowCtrl, Request, Service};
use serde_json::{Value, json};
use stages::{HashKey, ManualClock};

use super::ask::Reads;
use super::*;
use crate::stats::fake::{Call, Fake};

/// Gives the routes what the server's router gives them.
struct Inject(Arc<Reads>);

#[salvo::async_trait]
impl Handler for Inject {
    async fn handle(&self, _: &mut Request, depot: &mut Depot, _: &mut Response, _: &mut FlowCtrl) {
        depot.insert_typed(Arc::clone(&self.0));
    }
}

/// A server of `routes` at Thursday 2026-08-20T15:04:05Z.
pub(crate) struct Server {
    service: Service,
    source: Arc<Fake>,
}

impl Server {
    pub(crate) fn new(routes: Router, source: Fake) -> Self {
        let clock = Arc::new(ManualClock::at(1_787_238_245));
        clock.advance(std::time::Duration::from_millis(812_407));
        clock.step_wall(1_787_238_245);
        let source = Arc::new(source);
        let key = HashKey::from_bytes([5; 16]);
        let reads = Arc::new(Reads { source: source.clone(), clock, key });
        let service = Service::new(Router::with_hoop(Inject(reads)).push(routes));
        Self { service, source }
    }

    pub(crate) async fn ask(&self, method: Method, path: &str, etag: Option<&str>) -> Answer {
        let headers = etag.map(|etag| ("if-none-match", etag));
        self.send(method, path, headers.as_slice()).await
    }

    pub(crate) async fn send(
        &self,
        method: Method,
        path: &str,
        headers: &[(&'static str, &str)],
    ) -> Answer {
        let mut req = Request::new();
        *req.method_mut() = method;
        req.set_uri(path.parse().unwrap());
        for (name, value) in headers {
            req.headers_mut().insert(*name, HeaderValue::from_str(value).unwrap());
        }
        let at = SocketAddr::Unknown;
        let handler = self.service.hyper_handler(
            at.clone(),
            at,
            Scheme::HTTP,
            None,
            salvo::conn::ConnCtrl::new(),
            None,
        );
        let mut res = handler.handle(req).await;
        let body = match res.take_body() {
            ResBody::Once(bytes) => String::from_utf8(bytes.to_vec()).unwrap(),
            ResBody::None => String::new(),
            _ => panic!("answers are sent whole"),
        };
        Answer { status: res.status_code.unwrap(), headers: res.headers().clone(), body }
    }

    /// How many questions were put to the source.
    pub(crate) fn asked(&self) -> usize {
        self.source.asked.load(std::sync::atomic::Ordering::Relaxed)
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.ask(Method::GET, path, None).await
    }
}

pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: salvo::http::HeaderMap,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }
}

/// Six calls in the last 30 days, one before, and one that is stamped ahead of the clock.
fn calls() -> Vec<Call> {
    let call = Call { version: "1.23.0", ..Call::default() };
    let forecast = Call { tool: "get_forecast", ..call.clone() };
    let alerts = Call { tool: "get_alerts", ..call };
    vec![
        Call {
            hour: "2026-08-20T14",
            ms: Some(100),
            cache_hit: Some(true),
            service: "noaa",
            country: "US",
            ..forecast.clone()
        },
        Call {
            hour: "2026-08-20T14",
            ms: Some(200),
            cache_hit: Some(false),
            service: "openmeteo",
            country: "CA",
            ..forecast.clone()
        },
        Call {
            hour: "2026-08-19T10",
            ms: Some(240),
            version: "1.22.1",
            failed: true,
            error_type: "timeout",
            ..forecast
        },
        Call { hour: "2026-08-20T15", ..alerts.clone() },
        Call {
            hour: "2026-08-20T15",
            failed: true,
            service: "noaa",
            error_type: "timeout",
            ..alerts.clone()
        },
        Call { hour: "2026-08-18T03", tool: "search_location", failed: true, ..alerts.clone() },
        Call { hour: "2026-08-20T16", ..alerts.clone() },
        Call { hour: "2026-07-21T23", country: "DE", ..alerts },
    ]
}

fn server() -> Server {
    Server::new(routes(), Fake::of(calls()))
}

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

#[tokio::test]
async fn without_data_every_answer_is_zero_or_empty() {
    let server = Server::new(routes(), Fake::default());
    for path in [
        "overview",
        "tools",
        "errors",
        "performance",
        "all",
        "health",
        "versions",
        "countries",
        "services",
        "levels",
        "timeseries",
        "export",
    ] {
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
    for path in [
        "overview",
        "tools",
        "tool/get_alerts",
        "errors",
        "performance",
        "all",
        "versions",
        "countries",
        "services",
        "levels",
        "timeseries",
        "export",
        "export.csv",
    ] {
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
    for path in [
        "overview",
        "tools",
        "tool/a",
        "errors",
        "performance",
        "all",
        "health",
        "versions",
        "countries",
        "services",
        "levels",
        "timeseries",
        "export",
        "tools.csv",
    ] {
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

#[tokio::test]
async fn each_answer_costs_a_known_number_of_statements() {
    for (path, statements) in [
        ("overview", 4),
        ("overview?compare=previous", 5),
        ("overview?tool=get_alerts&country=CA", 3),
        ("tools", 2),
        ("tool/get_alerts", 4),
        ("errors", 6),
        ("performance", 3),
        ("all", 6),
        ("all?compare=year&period=7d", 7),
        ("versions", 2),
        ("countries?compare=previous", 3),
        ("services", 2),
        ("levels", 2),
        ("timeseries?by=tool&measure=p95_ms", 2),
        ("export?by=version", 2),
        ("health", 2),
    ] {
        let server = server();
        assert_eq!(server.get(&format!("/v1/stats/{path}")).await.status, StatusCode::OK, "{path}");
        let asked = server.asked();
        assert_eq!(asked, statements, "{path}");
    }
    let server = server();
    assert_eq!(server.get("/v1/stats/tools?period=x").await.status, StatusCode::BAD_REQUEST);
    assert_eq!(server.asked(), 0);
}

#[tokio::test]
async fn filters_narrow_every_answer_alone_and_together() {
    for (query, calls) in [
        ("tool=get_forecast", 3),
        ("version=1.22.1", 1),
        ("country=ca", 1),
        ("service=noaa", 2),
        ("service=noaa&status=error", 1),
        ("status=success", 3),
        ("level=standard", 6),
        ("level=minimal", 0),
        ("tool=get_forecast&version=1.23.0&country=US", 1),
        ("tool=nothing", 0),
    ] {
        let got = server().get(&format!("/v1/stats/overview?{query}")).await.json();
        assert_eq!(got["summary"]["total_calls"], calls, "{query}");
        let got = server().get(&format!("/v1/stats/services?{query}")).await.json();
        assert_eq!(got["total_calls"], calls, "{query}");
        let got = server().get(&format!("/v1/stats/timeseries?{query}")).await.json();
        let points = got["points"].as_array().unwrap();
        let sum: f64 = points.iter().map(|point| point["value"].as_f64().unwrap()).sum();
        assert_eq!((points.len(), sum), (30, f64::from(calls)), "{query}");
    }
}

#[tokio::test]
async fn what_the_rollups_cannot_tell_is_said_and_never_guessed() {
    let got = server().get("/v1/stats/overview?service=noaa").await.json();
    assert_eq!((&got["errors"], &got["coverage"]["error_type"]), (&json!([]), &json!(0.0)));
    for query in ["service=noaa", "country=CA", "level=standard", "tool=get_alerts&country=CA"] {
        let answer = server().get(&format!("/v1/stats/errors?{query}")).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{query}");
        assert_eq!(answer.json()["error"], "unsupported_combination", "{query}");
    }
    let got = server().get("/v1/stats/errors?version=1.22.1&tool=get_forecast").await.json();
    assert_eq!(got["errors"][0]["count"], 1);
    for (query, error) in [
        ("tools?period=all&compare=previous", "unsupported_combination"),
        ("all?period=90d&group=hour", "unsupported_combination"),
        ("tool/get_alerts?tool=get_alerts", "invalid_request"),
        ("export?compare=previous", "invalid_request"),
        ("timeseries?measure=mean", "invalid_request"),
        ("timeseries?limit=0", "invalid_request"),
        ("health?period=7d", "invalid_request"),
    ] {
        let answer = server().get(&format!("/v1/stats/{query}")).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{query}");
        assert_eq!(answer.json()["error"], error, "{query}");
    }
}

#[tokio::test]
async fn earlier_hours_stand_beside_the_asked_ones() {
    let got = server().get("/v1/stats/overview?period=1d&compare=previous").await.json();
    assert_eq!(got["summary"]["total_calls"], 4);
    assert_eq!(
        got["comparison"],
        json!({
            "compare": "previous",
            "start_date": "2026-08-19T00:00:00.000Z", "end_date": "2026-08-19T16:00:00.000Z",
            "total_calls": 1, "success_rate": 0.0, "avg_response_time_ms": 240.0,
            "cache_hit_rate": null,
        })
    );
    assert_eq!(got["tools"][1]["name"], "get_forecast");
    let before = json!({ "calls": 1, "success_rate": 0.0, "avg_response_time_ms": 240.0 });
    assert_eq!(got["tools"][1]["previous"], before);
    let none = json!({ "calls": 0, "success_rate": null, "avg_response_time_ms": null });
    assert_eq!(got["tools"][0]["previous"], none);
    let got = server().get("/v1/stats/errors?period=1d").await.json();
    let timeout = &got["errors"][0];
    assert_eq!((&timeout["count"], &timeout["previous_count"]), (&json!(1), &json!(1)));
    assert_eq!(timeout["trend"], 0.0);
}

#[tokio::test]
async fn a_dimension_is_broken_down_and_versions_are_adopted() {
    let got = server().get("/v1/stats/services").await.json();
    assert_eq!(
        (&got["dimension"], &got["total_calls"], &got["coverage"]["dimension"]),
        (&json!("service"), &json!(6), &json!(0.5))
    );
    assert_eq!(
        got["values"],
        json!([
            { "value": "noaa", "calls": 2, "share": 2.0 / 3.0, "success_rate": 0.5,
              "avg_response_time_ms": 100.0 },
            { "value": "openmeteo", "calls": 1, "share": 1.0 / 3.0, "success_rate": 1.0,
              "avg_response_time_ms": 200.0 },
        ])
    );
    let got = server().get("/v1/stats/versions?group=week&limit=1").await.json();
    assert_eq!(got["values"].as_array().unwrap().len(), 1);
    assert_eq!(got["partial_buckets"][0], "2026-07-20T00:00:00.000Z");
    assert_eq!(
        got["adoption"],
        json!([
            { "timestamp": "2026-08-17T00:00:00.000Z", "version": "1.22.1", "calls": 1,
              "share": 1.0 / 6.0 },
            { "timestamp": "2026-08-17T00:00:00.000Z", "version": "1.23.0", "calls": 5,
              "share": 5.0 / 6.0 },
        ])
    );
}

#[tokio::test]
async fn a_measure_that_nobody_carried_is_null_and_a_count_is_zero() {
    let got = server().get("/v1/stats/timeseries?period=3d&group=day&measure=p95_ms").await.json();
    let point = |day, partial, value: Option<f64>| {
        let timestamp = format!("2026-08-{day}T00:00:00.000Z");
        json!({ "timestamp": timestamp, "partial": partial, "name": "all", "value": value })
    };
    let want =
        [point(18, false, None), point(19, false, Some(240.0)), point(20, true, Some(200.0))];
    assert_eq!(got["points"], json!(want));
    assert_eq!((&got["error_bound"], &got["coverage"]["measure"]), (&json!(0.01), &json!(0.5)));
    let got = server().get("/v1/stats/timeseries?period=3d&group=day&by=country").await.json();
    let names: Vec<&str> =
        got["points"].as_array().unwrap().iter().map(|p| p["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["CA", "US"]);
    assert_eq!(got["error_bound"], 0.0);
}

#[tokio::test]
async fn tables_hold_the_numbers_of_the_whole_answer() {
    let json = server().get("/v1/stats/tools").await;
    let suffixed = server().get("/v1/stats/tools.json").await;
    assert_eq!(
        (json.body.clone(), json.header("etag").to_owned()),
        (suffixed.body.clone(), suffixed.header("etag").to_owned())
    );
    let csv = server().get("/v1/stats/tools.csv").await;
    assert_eq!(csv.header("content-type"), "text/csv; charset=utf-8; header=present");
    assert_eq!(csv.header("vary"), "Accept, Accept-Encoding");
    assert_eq!(
        csv.body,
        "name,calls,success_rate,avg_response_time_ms\r\n\
         get_forecast,3,0.6666666666666666,180.0\r\n\
         get_alerts,2,0.5,0.0\r\n\
         search_location,1,0.0,0.0\r\n"
    );
    let accepted = server().send(Method::GET, "/v1/stats/tools", &[("accept", "text/csv")]).await;
    assert_eq!((accepted.status, accepted.body), (StatusCode::OK, csv.body));
    let lines = server().get("/v1/stats/tool/get_forecast.ndjson").await;
    assert_eq!(lines.header("content-type"), "application/x-ndjson");
    assert_eq!(lines.body.lines().count(), 2);
    let html = [("accept", "text/html")];
    let refused = server().send(Method::GET, "/v1/stats/tools", &html).await;
    assert_eq!(refused.status, StatusCode::NOT_ACCEPTABLE);
    assert_eq!(refused.json()["error"], "not_acceptable");
    // A path that names the form outweighs what a browser sends.
    assert_eq!(
        server().send(Method::GET, "/v1/stats/tools.csv", &html).await.status,
        StatusCode::OK
    );
}

#[tokio::test]
async fn pages_together_are_the_whole() {
    for path in ["export?by=version&group=day", "timeseries?by=tool", "timeseries?group=week"] {
        let server = server();
        let whole = server.get(&format!("/v1/stats/{path}&limit=1000")).await.json();
        let list = if path.starts_with("export") { "rows" } else { "points" };
        let (mut rows, mut pages) = (Vec::new(), 0);
        let mut at = format!("/v1/stats/{path}&limit=2");
        loop {
            let page = server.get(&at).await;
            assert_eq!(page.status, StatusCode::OK, "{at}: {}", page.body);
            rows.extend(page.json()[list].as_array().unwrap().clone());
            pages += 1;
            let link = page.header("link");
            if link.is_empty() {
                break;
            }
            let next = link.strip_prefix('<').and_then(|link| link.strip_suffix(">; rel=\"next\""));
            at = next.unwrap().to_owned();
        }
        assert!(pages >= 3, "{path}: {pages}");
        assert_eq!(Value::from(rows), whole[list], "{path}");
    }
    let page = server().get("/v1/stats/export?limit=1").await;
    let cursor = page.header("link").split("cursor=").nth(1).unwrap().split('>').next().unwrap();
    for bad in [
        format!("export?limit=2&cursor={cursor}"),
        format!("export?limit=1&by=tool&cursor={cursor}"),
        format!("timeseries?limit=1&cursor={cursor}"),
        "export?limit=1&cursor=1abc".to_owned(),
    ] {
        assert_eq!(server().get(&format!("/v1/stats/{bad}")).await.status, StatusCode::BAD_REQUEST);
    }
}

#[tokio::test]
async fn what_no_longer_changes_is_kept_for_a_day() {
    for (query, lifetime) in [
        ("from=2026-08-01&to=2026-08-17", "public, max-age=86400"),
        ("from=2026-08-01&to=2026-08-18", "public, max-age=60"),
        ("period=7d", "public, max-age=60"),
    ] {
        let answer = server().get(&format!("/v1/stats/tools?{query}")).await;
        assert_eq!(answer.header("cache-control"), lifetime, "{query}");
    }
}
