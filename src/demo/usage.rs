//! What usage looks like: shares, times and habits that the simulation draws from. Made up, but of
//! the kind that servers of weather tools see.

/// A tool of the shipped pipeline.yaml.
pub(super) struct Tool {
    pub(super) name: &'static str,
    /// Share of all calls, in percent.
    pub(super) share: f64,
    /// Median time in milliseconds.
    pub(super) median: f64,
    /// Standard deviation of the time's logarithm.
    pub(super) spread: f64,
    /// Share of calls that the client's cache answers.
    pub(super) cached: f64,
    /// Share of calls that fail.
    pub(super) fails: f64,
    /// Service in the United States, and elsewhere.
    pub(super) services: [Option<&'static str>; 2],
    /// Whether its input is what usually fails, and not a service.
    pub(super) takes_places: bool,
}

const NOAA: Option<&str> = Some("noaa");
const METEO: Option<&str> = Some("openmeteo");

const fn tool(
    name: &'static str,
    share: f64,
    time: (f64, f64),
    cached: f64,
    fails: f64,
    services: [Option<&'static str>; 2],
) -> Tool {
    let (median, spread) = time;
    Tool { name, share, median, spread, cached, fails, services, takes_places: false }
}

const fn of_places(tool: Tool) -> Tool {
    Tool { takes_places: true, ..tool }
}

/// The tools, most used first.
pub(super) const TOOLS: [Tool; 17] = [
    tool("get_forecast", 29.0, (420.0, 0.55), 0.34, 0.035, [NOAA, METEO]),
    tool("get_current_conditions", 20.5, (310.0, 0.5), 0.22, 0.031, [NOAA, METEO]),
    tool("get_weather_summary", 11.0, (780.0, 0.45), 0.18, 0.042, [NOAA, METEO]),
    tool("get_alerts", 9.5, (260.0, 0.6), 0.12, 0.028, [NOAA, NOAA]),
    of_places(tool("search_location", 9.0, (180.0, 0.5), 0.46, 0.061, [METEO, METEO])),
    tool("get_air_quality", 4.6, (350.0, 0.5), 0.25, 0.033, [METEO, METEO]),
    tool("get_historical_weather", 3.7, (920.0, 0.7), 0.41, 0.057, [NOAA, METEO]),
    tool("get_marine_conditions", 2.4, (510.0, 0.6), 0.2, 0.064, [NOAA, METEO]),
    tool("get_weather_imagery", 2.3, (640.0, 0.65), 0.3, 0.047, [Some("rainviewer"); 2]),
    of_places(tool("get_saved_location", 1.7, (6.0, 0.5), 0.0, 0.021, [None, None])),
    of_places(tool("list_saved_locations", 1.4, (4.0, 0.4), 0.0, 0.003, [None, None])),
    tool("check_service_status", 1.3, (690.0, 0.5), 0.0, 0.018, [NOAA, METEO]),
    of_places(tool("save_location", 1.1, (9.0, 0.5), 0.0, 0.034, [None, None])),
    tool("get_river_conditions", 0.9, (720.0, 0.6), 0.16, 0.072, [Some("usgs"); 2]),
    tool("get_lightning_activity", 0.8, (1_150.0, 0.7), 0.05, 0.088, [Some("blitzortung"); 2]),
    tool("get_wildfire_info", 0.6, (1_040.0, 0.65), 0.14, 0.069, [Some("nifc"); 2]),
    of_places(tool("remove_saved_location", 0.2, (7.0, 0.5), 0.0, 0.052, [None, None])),
];

/// Why calls fail whose input is to blame, and why others do, with weights.
pub(super) const INPUT_ERRORS: [(&str, f64); 3] =
    [("not_found", 56.0), ("validation", 36.0), ("unknown", 8.0)];
pub(super) const SERVICE_ERRORS: [(&str, f64); 7] = [
    ("service_error", 34.0),
    ("timeout", 22.0),
    ("rate_limit", 13.0),
    ("network", 12.0),
    ("validation", 9.0),
    ("not_found", 6.0),
    ("unknown", 4.0),
];

/// Where clients are: country, hours ahead of UTC, weight.
pub(super) const PLACES: [(&str, i64, f64); 20] = [
    ("US", -5, 21.0),
    ("US", -6, 9.0),
    ("US", -8, 12.0),
    ("GB", 0, 8.0),
    ("DE", 1, 8.0),
    ("CA", -5, 6.5),
    ("IN", 5, 6.0),
    ("AU", 10, 4.5),
    ("FR", 1, 4.0),
    ("JP", 9, 3.5),
    ("NL", 1, 3.0),
    ("BR", -3, 3.0),
    ("SE", 1, 2.0),
    ("ES", 1, 2.0),
    ("PL", 1, 1.8),
    ("CH", 1, 1.7),
    ("IT", 1, 1.5),
    ("SG", 8, 1.0),
    ("NZ", 12, 0.9),
    ("NP", 5, 0.6),
];

/// How much clients tell, with weights.
pub(super) const LEVELS: [(&str, f64); 3] =
    [("minimal", 55.0), ("standard", 30.0), ("detailed", 15.0)];

/// Releases of the client: version, and when it came, as a share of the time that is simulated.
pub(super) const RELEASES: [(&str, f64); 9] = [
    ("1.13.0", -0.40),
    ("1.14.0", -0.12),
    ("1.18.0", 0.07),
    ("1.19.0", 0.21),
    ("1.20.0", 0.34),
    ("1.21.0", 0.50),
    ("1.22.0", 0.66),
    ("1.22.1", 0.69),
    ("1.23.0", 0.85),
];

/// How busy each local hour is, and each weekday from Monday on.
pub(super) const HOURS: [f64; 24] = [
    0.18, 0.12, 0.09, 0.08, 0.10, 0.22, 0.60, 1.10, 1.35, 1.20, 1.02, 0.96, 1.00, 0.95, 0.90, 0.92,
    1.02, 1.18, 1.28, 1.22, 1.05, 0.84, 0.54, 0.32,
];
pub(super) const WEEKDAYS: [f64; 7] = [1.00, 1.03, 1.05, 1.02, 0.97, 0.71, 0.66];

/// Something out of the ordinary, from and to as shares of the time that is simulated.
pub(super) struct Incident {
    pub(super) during: (f64, f64),
    pub(super) service: &'static str,
    /// Share of the service's calls that fail meanwhile.
    pub(super) fails: f64,
    /// Times are so many times longer.
    pub(super) slower: f64,
}

/// A service was down for hours, another was slow for more than a day.
pub(super) const INCIDENTS: [Incident; 2] = [
    Incident { during: (0.412, 0.417), service: "noaa", fails: 0.46, slower: 2.0 },
    Incident { during: (0.780, 0.796), service: "openmeteo", fails: 0.07, slower: 2.8 },
];

/// A release in which a tool failed so many times as often, until the next one mended it.
pub(super) const REGRESSION: (&str, &str, f64) = ("1.19.0", "get_historical_weather", 3.4);
