//! The state of limits in an answer's headers: the draft's `RateLimit` and `RateLimit-Policy`
//! (draft-ietf-httpapi-ratelimit-headers), and the three older `x-ratelimit-*`.

use salvo::http::{HeaderMap, HeaderName, HeaderValue};
use stages::Quota;

// Constants: a name that is given as text is looked up, and often hashed, at every call.
const POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
const STATE: HeaderName = HeaderName::from_static("ratelimit");
const LIMIT: HeaderName = HeaderName::from_static("x-ratelimit-limit");
const REMAINING: HeaderName = HeaderName::from_static("x-ratelimit-remaining");
const RESET: HeaderName = HeaderName::from_static("x-ratelimit-reset");

/// Writes the limits that were asked, if any. A later call replaces what an earlier one wrote.
pub(super) fn write(headers: &mut HeaderMap, quotas: &[Quota]) {
    let Some(legacy) = quotas.iter().find(|quota| quota.remaining == 0).or(quotas.first()) else {
        return;
    };
    let policy = list(quotas, |q| [("q=", q.limit), ("w=", q.window_seconds)]);
    let state = list(quotas, |q| [("r=", q.remaining), ("t=", q.reset_seconds)]);
    for (name, value) in [(POLICY, policy), (STATE, state)] {
        if let Ok(value) = HeaderValue::try_from(value) {
            headers.insert(name, value);
        }
    }
    // These know one limit only: the one that stops the client, else the first.
    headers.insert(LIMIT, number(legacy.limit));
    headers.insert(REMAINING, number(legacy.remaining));
    headers.insert(RESET, number(legacy.reset_seconds));
}

fn number(value: u64) -> HeaderValue {
    let mut digits = itoa::Buffer::new();
    HeaderValue::from_str(digits.format(value)).expect("digits are visible ASCII")
}

/// A structured list: each limit's quoted name with its parameters.
fn list(quotas: &[Quota], parameters: fn(&Quota) -> [(&'static str, u64); 2]) -> String {
    let mut text = String::with_capacity(40 * quotas.len());
    let mut digits = itoa::Buffer::new();
    for quota in quotas {
        text.push_str(if text.is_empty() { "\"" } else { ", \"" });
        text.push_str(quota.name);
        text.push('"');
        for (name, value) in parameters(quota) {
            text.push(';');
            text.push_str(name);
            text.push_str(digits.format(value));
        }
    }
    text
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
