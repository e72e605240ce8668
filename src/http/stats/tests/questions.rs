//! What can be asked, in which forms it is answered, what it costs, and how long it is kept.

use salvo::http::{Method, StatusCode};
use serde_json::{Value, json};

use super::server;

#[tokio::test]
async fn each_answer_costs_a_known_number_of_statements() {
    for (path, statements) in [
        ("overview", 6),
        ("overview?compare=previous", 7),
        ("overview?period=24h", 5),
        ("overview?tool=get_alerts&country=CA", 4),
        ("tools", 3),
        ("tool/get_alerts", 5),
        ("errors", 7),
        ("performance", 4),
        ("all", 8),
        ("all?compare=year&period=7d", 9),
        ("versions", 3),
        ("countries?compare=previous", 4),
        ("services", 3),
        ("levels", 3),
        ("response-times?by=version", 3),
        ("histogram", 3),
        ("timeseries?by=tool&measure=p95_ms", 3),
        ("export?by=version", 3),
        ("health", 3),
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
    // The measure, and with it all percentiles.
    let point = |day, partial, value: Option<f64>, times: [Option<u64>; 3]| {
        json!({ "timestamp": format!("2026-08-{day}T00:00:00.000Z"), "partial": partial, "name": "all",
                "value": value, "p50_ms": times[0], "p95_ms": times[1], "p99_ms": times[2] })
    };
    let want = [
        point(18, false, None, [None; 3]),
        point(19, false, Some(240.0), [Some(240); 3]),
        point(20, true, Some(200.0), [Some(100), Some(200), Some(200)]),
    ];
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

#[tokio::test]
async fn an_answer_is_kept_until_a_day_that_it_covers_changes() {
    let server = server();
    let first = server.get("/v1/stats/overview").await;
    let statements = server.asked();
    for path in ["overview", "overview.json", "overview?period=30d", "overview?period=030d"] {
        let again = server.get(&format!("/v1/stats/{path}")).await;
        assert_eq!(again.body, first.body, "{path}");
    }
    assert_eq!(server.asked(), statements, "one answer under every way to ask for it");
    server.get("/v1/stats/tools?tool=nobody").await;
    let statements = server.asked();
    server.get("/v1/stats/tools?tool=nobody").await;
    assert!(server.asked() > statements, "an unknown name is never kept");
}
