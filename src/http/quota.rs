//! The state of limits in an answer's headers: the draft's `RateLimit` and `RateLimit-Policy`
//! (draft-ietf-httpapi-ratelimit-headers), and the three older `x-ratelimit-*`.

use salvo::http::{HeaderMap, HeaderValue};
use stages::Quota;

/// Writes the limits that were asked, if any. A later call replaces what an earlier one wrote.
pub(super) fn write(headers: &mut HeaderMap, quotas: &[Quota]) {
    let Some(legacy) = quotas.iter().find(|quota| quota.remaining == 0).or(quotas.first()) else {
        return;
    };
    let policy = |q: &Quota| format!("\"{}\";q={};w={}", q.name, q.limit, q.window_seconds);
    let state = |q: &Quota| format!("\"{}\";r={};t={}", q.name, q.remaining, q.reset_seconds);
    let policy = quotas.iter().map(policy).collect::<Vec<_>>().join(", ");
    let state = quotas.iter().map(state).collect::<Vec<_>>().join(", ");
    for (name, value) in [("ratelimit-policy", policy), ("ratelimit", state)] {
        if let Ok(value) = HeaderValue::try_from(value) {
            headers.insert(name, value);
        }
    }
    // These know one limit only: the one that stops the client, else the first.
    headers.insert("x-ratelimit-limit", HeaderValue::from(legacy.limit));
    headers.insert("x-ratelimit-remaining", HeaderValue::from(legacy.remaining));
    headers.insert("x-ratelimit-reset", HeaderValue::from(legacy.reset_seconds));
}

#[cfg(test)]
mod tests {
    use super::*;

    const REQUESTS: Quota =
        Quota { name: "requests", limit: 60, window_seconds: 60, remaining: 69, reset_seconds: 1 };
    const EVENTS: Quota =
        Quota { name: "events", limit: 1000, window_seconds: 60, remaining: 0, reset_seconds: 12 };

    #[test]
    fn every_limit_is_named_and_the_old_headers_tell_the_tightest() {
        for (quotas, policy, state, legacy) in [
            (
                &[REQUESTS][..],
                r#""requests";q=60;w=60"#,
                r#""requests";r=69;t=1"#,
                ["60", "69", "1"],
            ),
            (
                &[REQUESTS, EVENTS],
                r#""requests";q=60;w=60, "events";q=1000;w=60"#,
                r#""requests";r=69;t=1, "events";r=0;t=12"#,
                ["1000", "0", "12"],
            ),
        ] {
            let mut headers = HeaderMap::new();
            write(&mut headers, quotas);
            assert_eq!(headers["ratelimit-policy"], policy);
            assert_eq!(headers["ratelimit"], state);
            let names = ["x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset"];
            assert_eq!(names.map(|name| headers[name].to_str().unwrap().to_owned()), legacy);
        }
    }

    #[test]
    fn no_limit_no_headers() {
        let mut headers = HeaderMap::new();
        write(&mut headers, &[]);
        assert!(headers.is_empty());
    }
}
