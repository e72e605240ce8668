//! One tool call of a simulated client, as the event that it posts.

use rand::RngExt;
use rand::distr::weighted::WeightedIndex;
use rand_distr::{Distribution, LogNormal};
use serde::Serialize;
use serde_json::{Value, json};
use stages::Hour;

use super::traffic::{Client, Random};
use super::usage::{INCIDENTS, INPUT_ERRORS, REGRESSION, SERVICE_ERRORS, TOOLS, Tool};

/// Median times of a cached answer and of a call that timed out, in milliseconds.
const CACHED: f64 = 4.0;
const TIMED_OUT: f64 = 30_000.0;
/// Time that a retry adds.
const RETRY: f64 = 900.0;
/// The longest that is told apart.
const LONGEST: f64 = 120_000.0;
/// Share of the clients' events that name the country.
const NAMES_COUNTRY: f64 = 0.86;

/// Who calls, and when.
pub(super) struct Call<'c> {
    pub(super) client: &'c mut Client,
    pub(super) hour: Hour,
    /// The share of the time that has passed.
    pub(super) passed: f64,
}

#[derive(Serialize)]
struct Body {
    events: Vec<Event>,
}

/// An event in the real client's order of members.
#[derive(Serialize)]
struct Event {
    version: &'static str,
    tool: &'static str,
    status: &'static str,
    timestamp_hour: String,
    analytics_level: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    error_type: Option<&'static str>,
    #[serde(flatten)]
    standard: Option<Standard>,
    #[serde(flatten)]
    detailed: Option<Detailed>,
}

#[derive(Serialize)]
struct Standard {
    response_time_ms: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    service: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cache_hit: Option<bool>,
    retry_count: u8,
    #[serde(skip_serializing_if = "Option::is_none")]
    country: Option<&'static str>,
}

#[derive(Serialize)]
struct Detailed {
    parameters: Value,
    session_id: String,
    sequence_number: u64,
}

/// The distributions that calls are drawn from.
pub(super) struct Calls {
    tool: WeightedIndex<f64>,
    input_error: WeightedIndex<f64>,
    service_error: WeightedIndex<f64>,
    retries_of_success: WeightedIndex<f64>,
    retries_of_failure: WeightedIndex<f64>,
    /// Of each tool, in milliseconds.
    times: Vec<LogNormal<f64>>,
    cached: LogNormal<f64>,
    timed_out: LogNormal<f64>,
}

impl Calls {
    pub(super) fn new() -> anyhow::Result<Self> {
        let time = |tool: &Tool| LogNormal::new(tool.median.ln(), tool.spread);
        Ok(Self {
            tool: WeightedIndex::new(TOOLS.iter().map(|tool| tool.share))?,
            input_error: WeightedIndex::new(INPUT_ERRORS.map(|(_, weight)| weight))?,
            service_error: WeightedIndex::new(SERVICE_ERRORS.map(|(_, weight)| weight))?,
            retries_of_success: WeightedIndex::new([95.0, 4.0, 0.8, 0.2])?,
            retries_of_failure: WeightedIndex::new([38.0, 24.0, 20.0, 18.0])?,
            times: TOOLS.iter().map(time).collect::<Result<_, _>>()?,
            cached: LogNormal::new(CACHED.ln(), 0.5)?,
            timed_out: LogNormal::new(TIMED_OUT.ln(), 0.08)?,
        })
    }

    /// A request body with so many calls.
    pub(super) fn body(&self, mut call: Call<'_>, events: u64, random: &mut Random) -> Vec<u8> {
        let events = (0..events).map(|_| self.event(&mut call, random)).collect();
        // Text and numbers can always be written.
        serde_json::to_vec(&Body { events }).unwrap_or_default()
    }

    fn event(&self, call: &mut Call<'_>, random: &mut Random) -> Event {
        let index = self.tool.sample(random);
        let (tool, passed) = (&TOOLS[index], call.passed);
        let version = call.client.version(passed);
        let service = tool.services[usize::from(call.client.country != "US")];
        let (fails, slower) = circumstances(tool, version, service, passed);
        let error_type = random.random_bool(fails).then(|| self.error(tool, random));
        let standard = (call.client.level != "minimal").then(|| {
            let cache_hit =
                service.is_some().then(|| error_type.is_none() && random.random_bool(tool.cached));
            let retries = if error_type.is_some() {
                &self.retries_of_failure
            } else {
                &self.retries_of_success
            };
            let retry_count = match (cache_hit, service) {
                (Some(false), Some(_)) => retries.sample(random) as u8,
                _ => 0,
            };
            let time = match (cache_hit, error_type) {
                (Some(true), _) => self.cached.sample(random),
                (_, Some("timeout")) => self.timed_out.sample(random),
                _ => self.times[index].sample(random) * slower + RETRY * f64::from(retry_count),
            };
            Standard {
                response_time_ms: time.min(LONGEST) as i64,
                service,
                cache_hit,
                retry_count,
                country: random.random_bool(NAMES_COUNTRY).then_some(call.client.country),
            }
        });
        let detailed = (call.client.level == "detailed").then(|| {
            call.client.sequence += 1;
            Detailed {
                parameters: parameters(tool, random),
                session_id: format!("{:016x}", call.client.session),
                sequence_number: call.client.sequence,
            }
        });
        Event {
            version,
            tool: tool.name,
            status: if error_type.is_some() { "error" } else { "success" },
            timestamp_hour: call.hour.to_string().replace("00Z", "00.000Z"),
            analytics_level: call.client.level,
            error_type,
            standard,
            detailed,
        }
    }

    fn error(&self, tool: &Tool, random: &mut Random) -> &'static str {
        if tool.takes_places {
            INPUT_ERRORS[self.input_error.sample(random)].0
        } else {
            SERVICE_ERRORS[self.service_error.sample(random)].0
        }
    }
}

/// The chance that a call fails, and how much longer it takes than usual.
fn circumstances(tool: &Tool, version: &str, service: Option<&str>, passed: f64) -> (f64, f64) {
    let (mut fails, mut slower) = (tool.fails, 1.0);
    let (bad_version, bad_tool, times) = REGRESSION;
    if (bad_version, bad_tool) == (version, tool.name) {
        fails *= times;
    }
    for incident in &INCIDENTS {
        let (from, until) = incident.during;
        if (from..until).contains(&passed) && service == Some(incident.service) {
            fails = incident.fails.max(fails);
            slower *= incident.slower;
        }
    }
    (fails, slower)
}

/// What a client tells of the call: listed keys only, as the real one does.
fn parameters(tool: &Tool, random: &mut Random) -> Value {
    match tool.name {
        "get_forecast" => {
            let granularity = if random.random_bool(0.7) { "daily" } else { "hourly" };
            json!({ "days": random.random_range(1..=7), "granularity": granularity })
        }
        "get_alerts" => json!({ "active_only": random.random_bool(0.9) }),
        "get_historical_weather" | "search_location" => {
            json!({ "limit": random.random_range(1..=10) })
        }
        _ => json!({}),
    }
}
