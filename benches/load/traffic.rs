//! Request bodies with a realistic mix of levels, tools, versions and errors, the same in every run.

use serde_json::{Value, json};
use stages::{Clock, SystemClock};

const TOOLS: [(&str, u64); 12] = [
    ("get_forecast", 30),
    ("get_current_conditions", 22),
    ("get_alerts", 8),
    ("get_historical_weather", 8),
    ("check_service_status", 4),
    ("search_location", 12),
    ("get_air_quality", 5),
    ("get_marine_conditions", 3),
    ("get_weather_imagery", 2),
    ("get_lightning_activity", 2),
    ("get_river_conditions", 2),
    ("get_wildfire_info", 2),
];
const VERSIONS: [(&str, u64); 5] =
    [("1.23.0", 60), ("1.22.1", 20), ("1.21.0", 10), ("1.20.2", 6), ("1.6.1", 4)];
const COUNTRIES: [(&str, u64); 12] = [
    ("US", 50),
    ("GB", 8),
    ("DE", 7),
    ("IN", 6),
    ("NP", 1),
    ("AU", 5),
    ("CA", 6),
    ("FR", 5),
    ("JP", 4),
    ("BR", 4),
    ("NL", 2),
    ("SE", 2),
];
const ERRORS: [&str; 7] =
    ["validation", "not_found", "rate_limit", "timeout", "network", "service_error", "unknown"];

/// xorshift64*: enough for a traffic mix, and the same on every machine.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) % bound
    }

    fn weighted<'a>(&mut self, choices: &[(&'a str, u64)]) -> &'a str {
        let mut at = self.below(choices.iter().map(|(_, weight)| weight).sum());
        for (choice, weight) in choices {
            if at < *weight {
                return choice;
            }
            at -= weight;
        }
        choices[0].0
    }
}

/// `count` bodies of `batch` events each.
pub(crate) fn bodies(batch: usize, count: usize) -> Vec<Vec<u8>> {
    let mut random = Random(0x9e37_79b9_7f4a_7c15 ^ batch as u64);
    let body = |random: &mut Random| -> Value {
        json!({"events": (0..batch).map(|_| event(random)).collect::<Vec<_>>()})
    };
    (0..count).map(|_| body(&mut random).to_string().into_bytes()).collect()
}

fn event(random: &mut Random) -> Value {
    let level = random.weighted(&[("minimal", 60), ("standard", 25), ("detailed", 15)]);
    let hour = SystemClock::new().hour().plus(-(random.below(3) as i64)).to_string();
    let failed = random.below(100) < 12;
    let mut event = json!({
        "version": random.weighted(&VERSIONS),
        "tool": random.weighted(&TOOLS),
        "status": if failed { "error" } else { "success" },
        "timestamp_hour": hour.replace(":00Z", ":00.000Z"),
        "analytics_level": level,
    });
    if failed {
        event["error_type"] = ERRORS[random.below(7) as usize].into();
    }
    if level != "minimal" {
        let tail = 1 + random.below(40) * random.below(40);
        event["response_time_ms"] = (tail * (1 + random.below(10))).into();
        event["service"] = random.weighted(&[("noaa", 1), ("openmeteo", 1)]).into();
        event["cache_hit"] = (random.below(10) < 4).into();
        event["retry_count"] = random.below(100).saturating_sub(96).into();
        event["country"] = random.weighted(&COUNTRIES).into();
    }
    if level == "detailed" {
        let granularity = random.weighted(&[("daily", 1), ("hourly", 1)]);
        event["parameters"] = json!({"days": 1 + random.below(16), "granularity": granularity});
        event["session_id"] = format!("{:016x}", random.below(u64::MAX)).into();
        event["sequence_number"] = (1 + random.below(1_000_000_000)).into();
    }
    event
}
