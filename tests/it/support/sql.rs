//! Plain SQL over the store that the server wrote: the oracle of every number.

use sea_orm::{
    ConnectOptions, ConnectionTrait, Database, DatabaseConnection, DbBackend, Statement,
};
use tokio::runtime::Runtime;

/// A connection of its own, beside the server's.
pub(crate) struct Sql {
    runtime: Runtime,
    connection: DatabaseConnection,
}

impl Sql {
    pub(crate) fn open(url: &str) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let mut options = ConnectOptions::new(url);
        options.max_connections(1).sqlx_logging(false);
        let connection = runtime.block_on(Database::connect(options)).unwrap();
        Self { runtime, connection }
    }

    /// Runs a statement.
    pub(crate) fn run(&self, sql: &str) {
        self.runtime.block_on(self.connection.execute_unprepared(sql)).unwrap();
    }

    /// Whether a statement is refused.
    pub(crate) fn fails(&self, sql: &str) -> bool {
        self.runtime.block_on(self.connection.execute_unprepared(sql)).is_err()
    }

    /// The one integer that a query gives.
    pub(crate) fn int(&self, sql: &str) -> i64 {
        let statement = Statement::from_string(self.connection.get_database_backend(), sql);
        let row = self.runtime.block_on(self.connection.query_one_raw(statement)).unwrap();
        row.expect("one row").try_get_by_index(0).unwrap()
    }

    /// The first column of a query, as text.
    pub(crate) fn texts(&self, sql: &str) -> Vec<String> {
        let statement = Statement::from_string(self.connection.get_database_backend(), sql);
        let rows = self.runtime.block_on(self.connection.query_all_raw(statement)).unwrap();
        rows.iter().map(|row| row.try_get_by_index(0).unwrap()).collect()
    }

    /// Makes the store refuse the events of one version, or all of them, until it is healed.
    pub(crate) fn poison(&self, version: Option<&str>) {
        let bad = version.map_or("true".to_owned(), |version| format!("version = '{version}'"));
        if self.is_postgres() {
            // Rows that are there already stay as they are.
            self.run(&format!(
                "ALTER TABLE events ADD CONSTRAINT poison CHECK (NOT ({bad})) NOT VALID"
            ));
        } else {
            let bad = bad.replace("version", "NEW.version");
            self.run(&format!(
                "CREATE TRIGGER poison BEFORE INSERT ON events WHEN {bad} \
                 BEGIN SELECT RAISE(ABORT, 'refused'); END"
            ));
        }
    }

    /// Takes the refusal back.
    pub(crate) fn heal(&self) {
        self.run(match self.is_postgres() {
            true => "ALTER TABLE events DROP CONSTRAINT poison",
            false => "DROP TRIGGER poison",
        });
    }

    /// Whether there is a table.
    pub(crate) fn has_table(&self, name: &str) -> bool {
        let catalogue = match self.is_postgres() {
            true => "pg_tables WHERE tablename",
            false => "sqlite_master WHERE name",
        };
        self.int(&format!("SELECT count(*) FROM {catalogue} = '{name}'")) == 1
    }

    pub(crate) fn is_postgres(&self) -> bool {
        self.connection.get_database_backend() == DbBackend::Postgres
    }

    /// Fails unless every rollup equals a GROUP BY over the raw rows, column by column.
    pub(crate) fn assert_rollups_equal_raw_rows(&self) {
        const BASE: &str =
            "tool, version, analytics_level, status, coalesce(service,''), coalesce(country,'')";
        const SUMS: &str = "count(*), count(*) FILTER (WHERE cache_hit), count(*) FILTER (WHERE NOT cache_hit), \
             coalesce(sum(retry_count),0), count(retry_count), coalesce(sum(response_time_ms),0), \
             count(response_time_ms), min(response_time_ms), max(response_time_ms)";
        const STORED: &str = "calls, cache_hits, cache_misses, retries, retry_events, time_sum, \
             time_count, time_min, time_max";
        for (table, bucket, raw) in [
            ("rollup_hour", "hour", "timestamp_hour"),
            ("rollup_day", "day", "date(timestamp_hour)"),
        ] {
            self.assert_same(
                &format!("SELECT {raw}, {BASE}, {SUMS} FROM events GROUP BY 1,2,3,4,5,6,7"),
                &format!(
                    "SELECT {bucket}, tool, version, level, status, service, country, {STORED} FROM {table}"
                ),
            );
        }
        for (axis, column) in [
            ("tool", "''"),
            ("version", "version"),
            ("level", "analytics_level"),
            ("service", "coalesce(service,'')"),
            ("country", "coalesce(country,'')"),
        ] {
            for (table, bucket, raw) in [
                ("margin_hour", "hour", "timestamp_hour"),
                ("margin_day", "day", "date(timestamp_hour)"),
            ] {
                self.assert_same(
                    &format!("SELECT {raw}, tool, {column}, status, {SUMS} FROM events GROUP BY 1,2,3,4"),
                    &format!(
                        "SELECT {bucket}, tool, value, status, {STORED} FROM {table} WHERE axis = '{axis}'"
                    ),
                );
            }
        }
        for (table, bucket, raw) in [
            ("margin_hour", "hour", "timestamp_hour"),
            ("margin_day", "day", "date(timestamp_hour)"),
        ] {
            self.assert_same(
                &format!(
                    "SELECT {raw}, tool, error_type, status, {SUMS} FROM events \
                     WHERE status = 'error' AND error_type IS NOT NULL GROUP BY 1,2,3,4"
                ),
                &format!(
                    "SELECT {bucket}, tool, value, status, {STORED} FROM {table} \
                     WHERE axis = 'error_type'"
                ),
            );
        }
        for (dimension, column) in [
            ("tool", "tool"),
            ("version", "version"),
            ("level", "analytics_level"),
            ("service", "service"),
            ("country", "country"),
        ] {
            self.assert_same(
                &format!("SELECT DISTINCT date(timestamp_hour), {column} FROM events WHERE {column} IS NOT NULL"),
                &format!("SELECT day, value FROM dimension_values WHERE dimension = '{dimension}'"),
            );
        }
        self.assert_same(
            "SELECT timestamp_hour, tool, version, error_type, count(*) FROM events \
             WHERE status = 'error' AND error_type IS NOT NULL GROUP BY 1,2,3,4",
            "SELECT hour, tool, version, error_type, count FROM errors",
        );
    }

    fn assert_same(&self, raw: &str, stored: &str) {
        for (a, b, what) in [(raw, stored, "missing from"), (stored, raw, "too many in")] {
            let odd = self.int(&format!("SELECT count(*) FROM ({a} EXCEPT {b}) AS odd"));
            assert_eq!(odd, 0, "{odd} rows {what} the rollups: {stored}");
        }
    }
}
