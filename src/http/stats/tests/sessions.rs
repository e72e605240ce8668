//! What is said of sessions, and when.

use serde_json::{Value, json};

use super::super::routes;
use super::Server;
use crate::stats::fake::{Call, Fake};

/// Sessions, of all calls on whole days, and of nothing else.
#[tokio::test]
async fn sessions_are_told_with_their_method_or_not_at_all() {
    let call = |hour, session| Call { hour, tool: "get_alerts", session, ..Call::default() };
    let calls = vec![
        call("2026-08-20T14", "00000000000000aa"),
        call("2026-08-20T15", "00000000000000bb"),
        call("2026-08-20T15", ""),
        call("2026-08-19T23", "00000000000000aa"),
        call("2026-08-19T01", "00000000000000cc"),
    ];
    let server = Server::new(routes(), Fake::of(calls));
    for (path, want) in [
        ("overview", Some(3)),
        ("overview?period=1d", Some(2)),
        ("overview?from=2026-08-19&to=2026-08-20", Some(2)),
        ("overview?from=2026-08-18&to=2026-08-19", None),
        ("overview?period=24h", None),
        ("overview?from=2026-08-19T00:00:00Z&to=2026-08-20T15:00:00Z", None),
        ("overview?tool=get_alerts", None),
        ("overview?level=detailed", None),
        ("all?period=2d", Some(3)),
    ] {
        let got = server.get(&format!("/v1/stats/{path}")).await.json();
        let got = if path.starts_with("all") { &got["overview"] } else { &got };
        let told = ["active_installs", "active_installs_method", "active_installs_range"]
            .map(|member| got["summary"][member].clone());
        let want = match want {
            Some(number) => [json!(number), json!("distinct_sessions"), json!([number, number])],
            None => [json!(0), json!("none"), Value::Null],
        };
        assert_eq!(told, want, "{path}");
    }
}
