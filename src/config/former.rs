//! Variables of the TypeScript analytics server that this program replaces: nothing here reads them,
//! so whoever brings their environment along is told the equivalents. Names only: values may be
//! secrets.

use std::collections::BTreeMap;

use super::notes::Note;

/// Former names, the variable that stands for all of them now, and the form of its value.
const EQUIVALENTS: [(&[&str], &str, &str); 17] = [
    (&["PORT", "HOST"], "ANALYTICS_SERVER__LISTEN", "an address such as 0.0.0.0:3000"),
    (
        &["METRICS_PORT", "ENABLE_METRICS"],
        "ANALYTICS_SERVER__METRICS_LISTEN",
        "an address such as 127.0.0.1:9464, or off",
    ),
    (&["TRUST_PROXY"], "ANALYTICS_SERVER__TRUSTED_PROXIES", "networks such as [10.0.0.0/8]"),
    (&["CORS_ORIGIN"], "ANALYTICS_SERVER__CORS_ORIGINS", "a list such as [https://example.org]"),
    (&["LOG_LEVEL"], "ANALYTICS_LOG__LEVEL", "error, warn, info, debug or trace"),
    (
        &["REDIS_URL", "REDIS_HOST", "REDIS_PORT", "REDIS_PASSWORD", "REDIS_DB"],
        "ANALYTICS_QUEUE__URL",
        "a URL such as redis://user:password@host:6379/0",
    ),
    (&["MAX_QUEUE_SIZE"], "ANALYTICS_QUEUE__MAX_EVENTS", "a number of events"),
    (
        &["DATABASE_URL", "DB_HOST", "DB_PORT", "DB_NAME", "DB_USER", "DB_PASSWORD"],
        "ANALYTICS_STORE__URL",
        "a URL such as postgres://user:password@host/database",
    ),
    (&["DB_MAX_CONNECTIONS"], "ANALYTICS_STORE__POOL", "a number of connections"),
    (
        &["RATE_LIMIT_PER_MINUTE"],
        "ANALYTICS_STAGE__RATE_LIMIT__REQUESTS_PER_MINUTE",
        "a number of requests",
    ),
    (&["RATE_LIMIT_BURST"], "ANALYTICS_STAGE__RATE_LIMIT__BURST", "a number of requests"),
    (&["API_BODY_LIMIT_KB"], "ANALYTICS_STAGE__PARSE__MAX_BODY", "a size such as 100KiB"),
    (&["MAX_BATCH_SIZE"], "ANALYTICS_STAGE__PARSE__MAX_EVENTS", "a number of events"),
    (&["RAW_EVENTS_RETENTION_DAYS"], "ANALYTICS_RETENTION__RAW", "a time such as 90d"),
    (&["HOURLY_AGGREGATIONS_RETENTION_DAYS"], "ANALYTICS_RETENTION__HOURLY", "a time such as 30d"),
    (&["DAILY_AGGREGATIONS_RETENTION_DAYS"], "ANALYTICS_RETENTION__DAILY", "a time such as 730d"),
    (&["ERROR_SUMMARY_RETENTION_DAYS"], "ANALYTICS_RETENTION__ERRORS", "a time such as 90d"),
];

/// Former names that nothing stands for: what they tuned takes care of itself. `NODE_ENV` and the
/// like say nothing alone, as many programs use them.
const NEEDLESS: [&str; 7] = [
    "QUEUE_KEY",
    "WORKER_POLL_INTERVAL_MS",
    "WORKER_BATCH_SIZE",
    "DB_IDLE_TIMEOUT_MS",
    "CACHE_TTL_SECONDS",
    "CACHE_ENABLED",
    "NODE_ENV",
];

/// A note for each setting whose former names are set while its own is not.
pub(super) fn notes(variables: &BTreeMap<String, String>) -> Vec<Note> {
    let set = |names: &[&'static str]| -> Vec<&'static str> {
        names.iter().copied().filter(|name| variables.contains_key(*name)).collect()
    };
    let note = |message| Note { code: "former_variable", message };
    let mut notes: Vec<Note> = EQUIVALENTS
        .iter()
        .filter(|(_, now, _)| !variables.contains_key(*now))
        .map(|(former, now, form)| (set(former), now, form))
        // Shells set HOST on their own.
        .filter(|(found, ..)| !matches!(found[..], [] | ["HOST"]))
        .map(|(found, now, form)| {
            note(format!("{} not read here; the equivalent is {now}: {form}", are(&found)))
        })
        .collect();
    let needless = set(&NEEDLESS);
    if !notes.is_empty() && !needless.is_empty() {
        notes.push(note(format!(
            "{} not read here, and nothing has to stand for it",
            are(&needless)
        )));
    }
    notes
}

fn are(names: &[&str]) -> String {
    match names {
        [] => String::new(),
        [one] => format!("{one} is"),
        [first @ .., last] => format!("{} and {last} are", first.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Flags, LoadArgs, load};

    fn said(set: &[&str]) -> Vec<String> {
        let variables = set.iter().map(|name| ((*name).to_owned(), "secret".to_owned())).collect();
        notes(&variables).into_iter().map(|note| note.message).collect()
    }

    #[test]
    fn former_names_lead_to_their_equivalents() {
        assert_eq!(
            said(&["DB_PASSWORD", "DB_HOST", "DB_USER", "PORT", "NODE_ENV"]),
            [
                "PORT is not read here; the equivalent is ANALYTICS_SERVER__LISTEN: an address such \
                 as 0.0.0.0:3000",
                "DB_HOST, DB_USER and DB_PASSWORD are not read here; the equivalent is \
                 ANALYTICS_STORE__URL: a URL such as postgres://user:password@host/database",
                "NODE_ENV is not read here, and nothing has to stand for it",
            ]
        );
    }

    #[test]
    fn who_has_changed_over_or_never_used_them_hears_nothing() {
        assert!(said(&["PORT", "ANALYTICS_SERVER__LISTEN"]).is_empty());
        assert!(said(&["NODE_ENV", "HOST", "PATH", "QUEUE_KEY"]).is_empty());
    }

    #[test]
    fn every_equivalent_is_a_setting() {
        for (_, now, form) in EQUIVALENTS {
            let example = match form.rsplit_once("such as ") {
                Some((_, example)) => example.split(", or").next().unwrap_or_default(),
                None if form.ends_with("trace") => "debug",
                None => "7",
            };
            let registry = stages::registry();
            let env = [(now.to_owned(), example.to_owned())];
            let args =
                LoadArgs { file: None, env, overrides: Flags::default(), registry: &registry };
            if let Err(problems) = load(args) {
                panic!("{now}={example}\n{problems}");
            }
        }
    }
}
