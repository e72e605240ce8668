//! Rollups as the worker would have written them, made by the database itself.

use sea_orm::{ConnectOptions, ConnectionTrait, Database, DbBackend, Statement};
use stages::sketch::Sketch;
use stages::{Clock, SystemClock};

const DAYS: u64 = 90;
const TOOLS: u64 = 17;
const VERSIONS: u64 = 20;
const COUNTRIES: u64 = 50;
/// Numbers of calls of which a distribution is made.
const SIZES: [u64; 14] =
    [1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 10_000, 50_000, 200_000];

const MEASURES: &str = "calls, batches, cache_hits, cache_misses, retries, retry_events, time_sum, \
                        time_count, time_min, time_max, times";
/// The measures of a cell of `calls` calls.
const OF_CALLS: &str = "calls, calls, calls / 3, calls - calls / 3, 0, 0, calls * 400, calls, 20, 30000, \
                        (SELECT times FROM sketches WHERE n <= calls ORDER BY n DESC LIMIT 1)";

/// Fills an empty store.
pub(crate) fn fill(url: &str, events: u64) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let mut options = ConnectOptions::new(url);
        options.max_connections(1).sqlx_logging(false);
        let db = Database::connect(options).await.unwrap();
        db.execute_unprepared("PRAGMA synchronous = OFF; PRAGMA cache_size = -200000; CREATE TEMP TABLE sketches (n INTEGER PRIMARY KEY, times BLOB)")
            .await
            .unwrap();
        for n in SIZES {
            let values = [n.into(), sketch(n).into()];
            let sql = "INSERT INTO sketches VALUES ($1, $2)";
            let statement = Statement::from_sql_and_values(DbBackend::Sqlite, sql, values);
            db.execute_raw(statement).await.unwrap();
        }
        for sql in statements(events) {
            db.execute_unprepared(&sql).await.unwrap();
        }
        db.close().await.unwrap();
    });
}

/// Response times with a long tail.
fn sketch(n: u64) -> Vec<u8> {
    let mut sketch = Sketch::default();
    let mut random = 0x2545_f491_4f6c_dd1d_u64;
    for _ in 0..n {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        let unit = (random >> 11) as f64 / (1_u64 << 53) as f64;
        sketch.record((40.0 / (1.0 - unit * 0.999)).round() as u64);
    }
    sketch.encode()
}

fn statements(events: u64) -> Vec<String> {
    let now = SystemClock::new().hour();
    let today = now.day();
    // So many hours of today have begun.
    let hours = now.epoch_hours().rem_euclid(24) as u64 + 1;
    let cells = DAYS * TOOLS * VERSIONS * COUNTRIES;
    // Thousandths of a call a cell; a cell with less than one call is left out as often. One call in
    // twenty failed, also where there are fewer than twenty.
    let each = events * 1_000 / cells;
    let sequence = |name: &str, n: u64| {
        format!("{name}(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM {name} WHERE i < {})", n - 1)
    };
    let base = format!(
        "WITH RECURSIVE {}, {}, {}, {}, base AS (SELECT date('{today}', '-' || ({DAYS} - 1 - d.i) || ' days') AS day, \
         printf('tool_%02d', t.i) AS tool, printf('1.%d.0', v.i) AS version, s.status, \
         CASE c.i WHEN 0 THEN 'CA' ELSE char(65 + c.i / 26, 65 + c.i % 26) END AS country, \
         ({each} / s.share + abs((d.i * 7919 + t.i * 104729 + v.i * 1299709 + c.i * 15485863) % 1000)) / 1000 AS calls \
         FROM d CROSS JOIN t CROSS JOIN v CROSS JOIN (SELECT 'error' AS status, 20 AS share UNION ALL SELECT 'success', 1) s CROSS JOIN c) \
         INSERT INTO rollup_day (day, tool, version, level, status, service, country, {MEASURES}) \
         SELECT day, tool, version, 'standard', status, '', country, {OF_CALLS} \
         FROM base WHERE calls > 0",
        sequence("d", DAYS),
        sequence("t", TOOLS),
        sequence("v", VERSIONS),
        sequence("c", COUNTRIES),
    );
    let margin = |axis: &str, value: &str| {
        format!(
            "INSERT INTO margin_day (day, axis, tool, value, status, {MEASURES}) \
             SELECT day, '{axis}', tool, value, status, {OF_CALLS} FROM (SELECT day, tool, {value} AS value, \
             status, sum(calls) AS calls FROM rollup_day GROUP BY 1, 2, 3, 4)"
        )
    };
    // Every hour of today has its share of each cell; one with fewer calls than hours has them in the
    // first ones.
    let by_hour = |kind: &str, dimensions: &str| {
        format!(
            "WITH RECURSIVE {} INSERT INTO {kind}_hour (hour, {dimensions}, {MEASURES}) \
             SELECT printf('%sT%02d:00:00Z', day, i), {dimensions}, {OF_CALLS} FROM (SELECT day, h.i AS i, {dimensions}, \
             c.calls / {hours} + (h.i < c.calls % {hours}) AS calls FROM h CROSS JOIN {kind}_day AS c WHERE day = '{today}') \
             WHERE calls > 0",
            sequence("h", hours)
        )
    };
    let errors = format!(
        "WITH RECURSIVE {} INSERT INTO errors (hour, tool, version, error_type, count) \
         SELECT printf('%sT%02d:00:00Z', day, h.i), tool, value, 'timeout', calls / 24 \
         FROM h CROSS JOIN margin_day WHERE axis = 'version' AND status = 'error' AND calls >= 24",
        sequence("h", 24)
    );
    let kinds = format!(
        "WITH RECURSIVE {} INSERT INTO margin_day (day, axis, tool, value, status, {MEASURES}) \
         SELECT day, 'error_type', tool, 'kind_' || k.i, status, {OF_CALLS} \
         FROM k CROSS JOIN (SELECT day, tool, status, calls / 6 AS calls FROM margin_day WHERE axis = 'tool' AND status = 'error') \
         WHERE calls > 0",
        sequence("k", 6)
    );
    // The hours of the month before, by tool alone: that is what pages ask of them.
    let month = format!(
        "WITH RECURSIVE {} INSERT INTO margin_hour (hour, axis, tool, value, status, {MEASURES}) \
         SELECT printf('%sT%02d:00:00Z', day, i), axis, tool, value, status, {OF_CALLS} \
         FROM (SELECT day, h.i AS i, axis, tool, value, status, c.calls / 24 + (h.i < c.calls % 24) AS calls \
         FROM h CROSS JOIN margin_day AS c WHERE axis = 'tool' AND day < '{today}' \
         AND day >= date('{today}', '-30 days')) WHERE calls > 0",
        sequence("h", 24)
    );
    let totals = format!(
        "INSERT INTO total_day (day, axis, value, status, {MEASURES}) \
         SELECT day, axis, value, status, {OF_CALLS} FROM (SELECT day, axis, value, status, \
         sum(calls) AS calls FROM margin_day WHERE axis NOT IN ('tool', 'error_type') \
         AND day < '{today}' GROUP BY 1, 2, 3, 4)"
    );
    let values = "INSERT INTO dimension_values SELECT DISTINCT day, axis, CASE axis WHEN 'tool' THEN tool ELSE value END \
         FROM margin_day WHERE axis = 'tool' OR value <> ''";
    let entry = format!(
        "INSERT INTO entries (entry_id, received_hour, events, persisted, duplicate, dead_letter, expired) \
         VALUES (x'00', '{today}T00:00:00Z', 1, 1, 0, 0, 0)"
    );
    vec![
        base,
        margin("tool", "''"),
        margin("version", "version"),
        margin("level", "level"),
        margin("service", "service"),
        margin("country", "country"),
        kinds,
        by_hour("rollup", "tool, version, level, status, service, country"),
        by_hour("margin", "axis, tool, value, status"),
        month,
        totals,
        errors,
        values.to_owned(),
        entry,
    ]
}
