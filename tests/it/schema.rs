//! `docs/schema.md` is made from the tables that the migrations make.

use std::fmt::Write as _;
use std::path::Path;

use crate::support::{Server, Sql};

/// What each table is for. A table without a line here fails the test.
const TABLES: [(&str, &str); 12] = [
    ("events", "One row an event. No id, no time of arrival finer than the hour, no address."),
    (
        "rollup_hour",
        "What is counted, by UTC hour and every dimension. Absent service and country are ''.",
    ),
    ("rollup_day", "The same by UTC date."),
    ("margin_hour", "By UTC hour, tool and one other dimension (`axis`), for the usual questions."),
    ("margin_day", "The same by UTC date."),
    ("errors", "Failed calls with a type, by UTC hour."),
    (
        "entries",
        "One marker a queue entry: what makes a redelivery harmless, and what receipts tell.",
    ),
    ("batch_keys", "Keyed hashes of Idempotency-Key and body."),
    ("event_keys", "Keyed hashes of event identities."),
    ("dead_letters", "Events that were refused by the store or came too late: scanned, never raw."),
    ("ledger", "Totals since installation. Rows are summed."),
    ("dimension_values", "Values of open dimensions by date; kept for budgets of new values."),
];

const INTRODUCTION: &str = "# Schema

The tables of the store, made from its migrations. Hours are text such as `2026-08-20T14:00:00Z`, dates
such as `2026-08-20`, both UTC. `times` is a distribution of response times: a version byte, then
(distance to the bucket before, count) as variable-length integers; buckets are those of an HDR histogram
with two significant digits over 1 to 120 000 ms.

Measures of a cell: `calls`; `batches`, the queue entries that contributed; `cache_hits` and
`cache_misses`; `retries`, their sum, of the `retry_events` calls that told; `time_sum`, `time_min`,
`time_max` and `times` in milliseconds, of the `time_count` calls that told.
";

#[test]
fn the_documentation_of_the_schema_is_current() {
    let server = Server::start();
    server.drained();
    let sql = server.store();
    let made = sql.texts(
        "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%' \
         AND name <> 'seaql_migrations' ORDER BY name",
    );
    let mut told: Vec<_> = TABLES.iter().map(|(name, _)| (*name).to_owned()).collect();
    told.sort();
    assert_eq!(made, told);
    let mut text = INTRODUCTION.to_owned();
    for (table, purpose) in TABLES {
        write!(text, "\n## `{table}`\n\n{purpose}\n\n| column | type | key |\n|---|---|---|\n")
            .unwrap();
        for line in columns(&sql, table) {
            writeln!(text, "{line}").unwrap();
        }
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/schema.md");
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&path, &text).unwrap();
    }
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(written == text, "docs/schema.md differs; run the test with UPDATE=1");
}

fn columns(sql: &Sql, table: &str) -> Vec<String> {
    sql.texts(&format!(
        "SELECT '| `' || name || '` | ' || lower(type) || CASE WHEN \"notnull\" THEN '' ELSE ', optional' END \
         || ' | ' || CASE WHEN pk > 0 THEN pk ELSE '' END || ' |' FROM pragma_table_info('{table}') ORDER BY cid"
    ))
}
