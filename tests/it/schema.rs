//! `docs/schema.md` is made from the tables that the migrations make.

use std::fmt::Write as _;
use std::path::Path;

use migration::timescale::HYPERTABLES;
use sea_orm::DbBackend;
use test_servers::Postgres;

use crate::support::{Config, Event, Server, Sql};

/// What each table is for. A table without a line here fails the test.
const TABLES: [(&str, &str); 16] = [
    ("events", "One row an event. No id, no time of arrival finer than the hour, no address."),
    (
        "rollup_hour",
        "What is counted, by UTC hour and every dimension. Absent service and country are ''.",
    ),
    ("rollup_day", "The same by UTC date."),
    ("margin_hour", "By UTC hour, tool and one other dimension (`axis`), for the usual questions."),
    ("margin_day", "The same by UTC date."),
    (
        "released_day",
        "Cells of `margin_day` that may be published, as they were when their date was decided on; with \
         `privacy.min_cell` above 1 only.",
    ),
    ("total_day", "Sums of `margin_day` over all tools, of dates that are over."),
    ("frozen_days", "Dates that were decided on."),
    (
        "sessions_day",
        "How many sessions a UTC date had, as a HyperLogLog sketch of keyed hashes: of all, and of those \
         that may be published (no bytes while none may).",
    ),
    ("errors", "Failed calls with a type, by UTC hour."),
    (
        "entries",
        "One marker a queue entry: what makes a redelivery harmless, and what receipts tell.",
    ),
    ("batch_keys", "Keyed hashes of Idempotency-Key and body."),
    ("event_keys", "Keyed hashes of event identities."),
    ("dead_letters", "Events that were refused by the store or came too late: scanned, never raw."),
    ("ledger", "Totals since installation. Rows are summed."),
    (
        "dimension_values",
        "The values of dimensions by date; versions, error types and countries as far as their budget \
         goes.",
    ),
];

const INTRODUCTION: &str = "# Schema

The tables of the store, made from its migrations. Hours are UTC: text such as `2026-08-20T14:00:00Z` in
SQLite, whole hours in PostgreSQL, whose text columns all sort by bytes (`COLLATE \"C\"`). `key` is the
place of a column in the primary key; where the databases differ it is SQLite's / PostgreSQL's. `times` is
a distribution of response times: a version byte, then (distance to the bucket before, count) as
variable-length integers; buckets are those of an HDR histogram with two significant digits over 1 to
120 000 ms.

`sketch` and `released` are HLL_8 sketches with 4 096 registers in the form of Apache DataSketches.

Measures of a cell: `calls`; `batches`, the queue entries that contributed; `cache_hits` and
`cache_misses`; `retries`, their sum, of the `retry_events` calls that told; `time_sum`, `time_min`,
`time_max` and `times` in milliseconds, of the `time_count` calls that told.
";

#[test]
fn the_documentation_of_the_schema_is_current() {
    let sqlite = Server::start();
    let postgres = Server::with_store(Config::default(), Postgres::shared().database());
    // What is stored says that all tables are there.
    for server in [&sqlite, &postgres] {
        server.post(Event::batch([Event::minimal("get_alerts")]));
        server.drained();
    }
    let (sqlite, postgres) = (sqlite.store(), postgres.store());
    let mut told: Vec<_> = TABLES.iter().map(|(name, _)| (*name).to_owned()).collect();
    told.sort();
    let made = sqlite.texts(
        "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%' \
         AND name <> 'seaql_migrations' ORDER BY name",
    );
    assert_eq!(made, told);
    let made = postgres.texts(
        "SELECT tablename::text FROM pg_tables WHERE schemaname = 'public' \
         AND tablename <> 'seaql_migrations' ORDER BY tablename COLLATE \"C\"",
    );
    assert_eq!(made, told);
    let mut text = INTRODUCTION.to_owned();
    for (table, purpose) in TABLES {
        write!(
            text,
            "\n## `{table}`\n\n{purpose}\n\n\
             | column | SQLite | PostgreSQL | optional | key |\n|---|---|---|---|---|\n"
        )
        .unwrap();
        for line in columns(&sqlite, &postgres, table) {
            writeln!(text, "{line}").unwrap();
        }
        text.push_str(&beside(table));
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/schema.md");
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&path, &text).unwrap();
    }
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(written == text, "docs/schema.md differs; run the test with UPDATE=1");
}

/// A column as a database describes it: name, type, whether it is optional, place in the key.
fn described(sql: &Sql, table: &str) -> Vec<[String; 4]> {
    let query = if sql.is_postgres() {
        format!(
            "SELECT attname || '|' || format_type(atttypid, atttypmod) || '|' || \
               CASE WHEN attnotnull THEN '' ELSE 'yes' END || '|' || \
               coalesce(array_position(conkey, attnum)::text, '') \
             FROM pg_attribute LEFT JOIN pg_constraint ON conrelid = attrelid AND contype = 'p' \
             WHERE attrelid = '{table}'::regclass AND attnum > 0 AND NOT attisdropped \
             ORDER BY attnum"
        )
    } else {
        format!(
            "SELECT name || '|' || lower(type) || '|' || \
               CASE WHEN \"notnull\" THEN '' ELSE 'yes' END || '|' || \
               CASE WHEN pk > 0 THEN pk ELSE '' END FROM pragma_table_info('{table}') ORDER BY name"
        )
    };
    let parts = |line: String| -> [String; 4] {
        line.split('|').map(str::to_owned).collect::<Vec<_>>().try_into().unwrap()
    };
    sql.texts(&query).into_iter().map(parts).collect()
}

fn columns(sqlite: &Sql, postgres: &Sql, table: &str) -> Vec<String> {
    let in_file = described(sqlite, table);
    let on_server = described(postgres, table);
    assert_eq!(in_file.len(), on_server.len(), "{table}");
    let line = |[name, server_type, server_optional, server_key]: &[String; 4]| {
        let [_, file_type, optional, key] =
            in_file.iter().find(|column| column[0] == *name).unwrap();
        assert_eq!(optional, server_optional, "{table}.{name}");
        let none = |key: &str| if key.is_empty() { "none".to_owned() } else { key.to_owned() };
        let key = match key == server_key {
            true => key.clone(),
            false => format!("{} / {}", none(key), none(server_key)),
        };
        format!("| `{name}` | {file_type} | {server_type} | {optional} | {key} |")
    };
    on_server.iter().map(line).collect()
}

/// Indexes, and what TimescaleDB makes of a table.
fn beside(table: &str) -> String {
    let of = |backend| {
        let shapes = migration::expected(backend);
        shapes.into_iter().find(|shape| shape.name == table).unwrap().indexes
    };
    let (in_file, on_server) = (of(DbBackend::Sqlite), of(DbBackend::Postgres));
    let mut text = String::new();
    for index in on_server.union(&in_file) {
        let where_ = match (in_file.contains(index), on_server.contains(index)) {
            (true, true) => "",
            (true, false) => " (SQLite)",
            (false, _) => " (PostgreSQL)",
        };
        write!(text, "\nIndex: `{index}`{where_}.\n").unwrap();
    }
    if let Some(it) = HYPERTABLES.iter().find(|it| it.table == table) {
        write!(
            text,
            "\nWith TimescaleDB: a hypertable by `{}`, a chunk a UTC day, compressed after {} days in \
             segments of `{}`, ordered by {}.\n",
            it.time, it.compress_after_days, it.segment_by, it.order_by
        )
        .unwrap();
    }
    text
}
