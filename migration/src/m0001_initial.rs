//! All tables of the first release. Rollups cannot be refilled once raw rows are gone, so their keys
//! and measures are meant to stay as they are.

use sea_orm_migration::prelude::*;
use sea_orm_migration::sea_orm::DbBackend;

/// See the module.
pub(crate) struct Migration;

/// Tables in the order of their creation.
const TABLES: [&str; 12] = [
    "events",
    "entries",
    "batch_keys",
    "event_keys",
    "dead_letters",
    "ledger",
    "rollup_hour",
    "rollup_day",
    "margin_hour",
    "margin_day",
    "errors",
    "dimension_values",
];

impl MigrationName for Migration {
    fn name(&self) -> &str {
        "m0001_initial"
    }
}

#[expect(elided_lifetimes_in_paths, reason = "async_trait must see the signature of the trait")]
#[async_trait::async_trait]
impl MigrationTrait for Migration {
    /// All or nothing, also on SQLite, where it is not the default.
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.create_table(events()).await?;
        for table in [entries(), batch_keys(), event_keys(), dead_letters(), ledger()]
            .into_iter()
            .chain([rollup("rollup_hour", "hour"), rollup("rollup_day", "day")])
            .chain([margin("margin_hour", "hour"), margin("margin_day", "day")])
            .chain([errors(), dimension_values()])
        {
            manager.create_table(by_key(table, manager)).await?;
        }
        // Status asks for the newest receipt, and housekeeping for markers older than a day.
        for (table, column) in [("events", "timestamp_hour"), ("entries", "received_hour")] {
            let name = format!("{table}_{column}");
            let index = Index::create().name(name).table(table).col(column).take();
            manager.create_index(index).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for table in TABLES.into_iter().rev() {
            manager.drop_table(Table::drop().table(table).take()).await?;
        }
        Ok(())
    }
}

/// Keeps the rows of a table that has a natural key in that key's order, without a second index.
fn by_key(mut table: TableCreateStatement, manager: &SchemaManager<'_>) -> TableCreateStatement {
    if manager.get_database_backend() == DbBackend::Sqlite {
        table.extra("WITHOUT ROWID");
    }
    table
}

fn text(name: &'static str) -> ColumnDef {
    ColumnDef::new(name).text().not_null().take()
}

fn number(name: &'static str) -> ColumnDef {
    ColumnDef::new(name).big_integer().not_null().take()
}

fn bytes(name: &'static str) -> ColumnDef {
    ColumnDef::new(name).blob().not_null().take()
}

/// A table with its key: what the columns of the key have in common is that none may be absent.
fn keyed(
    name: &'static str,
    key: impl IntoIterator<Item = ColumnDef>,
    rest: impl IntoIterator<Item = ColumnDef>,
) -> TableCreateStatement {
    let mut table = Table::create().table(name).take();
    let mut primary = Index::create();
    for column in key {
        primary.col(column.get_column_name());
        table.col(column);
    }
    for column in rest {
        table.col(column);
    }
    table.primary_key(&mut primary).take()
}

/// One row an event, without a key: minimal events are alike by design.
fn events() -> TableCreateStatement {
    let status = Expr::col("status").is_in(["success", "error"]);
    Table::create()
        .table("events")
        .col(text("timestamp_hour"))
        .col(text("version"))
        .col(text("tool"))
        .col(text("status").check(status))
        .col(text("analytics_level"))
        .col(ColumnDef::new("response_time_ms").integer())
        .col(ColumnDef::new("service").text())
        .col(ColumnDef::new("cache_hit").boolean())
        .col(ColumnDef::new("retry_count").integer())
        .col(ColumnDef::new("country").text())
        .col(ColumnDef::new("parameters").text())
        .col(ColumnDef::new("session_id").text())
        .col(ColumnDef::new("sequence_number").big_integer())
        .col(ColumnDef::new("error_type").text())
        .col(text("received_hour"))
        .take()
}

/// Markers of queue entries, and what became of their events. `expired`: the entry came too late to
/// be judged, so its events are dead letters.
fn entries() -> TableCreateStatement {
    let outcomes = ["events", "persisted", "duplicate", "dead_letter"].map(number);
    let expired = ColumnDef::new("expired").boolean().not_null().take();
    let rest = [text("received_hour")].into_iter().chain(outcomes).chain([expired]);
    keyed("entries", [bytes("entry_id")], rest)
}

/// Identities of whole batches.
fn batch_keys() -> TableCreateStatement {
    keyed("batch_keys", [text("day"), bytes("key")], [])
}

/// Identities of events.
fn event_keys() -> TableCreateStatement {
    keyed("event_keys", [text("day"), bytes("key")], [])
}

fn dead_letters() -> TableCreateStatement {
    let rest = [
        text("code"),
        ColumnDef::new("sqlstate").text().take(),
        text("payload"),
        text("received_hour"),
        text("first_seen_hour"),
        number("attempts"),
    ];
    keyed("dead_letters", [bytes("id")], rest)
}

/// A row for each worker shard, so that it is no hot spot. `commits` counts the transactions that
/// changed what readers see.
fn ledger() -> TableCreateStatement {
    let sums = ["persisted", "duplicate", "dead_letter", "discarded", "commits"].map(number);
    keyed("ledger", [number("shard")], sums)
}

/// Sums over all dimensions.
fn rollup(name: &'static str, bucket: &'static str) -> TableCreateStatement {
    let key = [bucket, "tool", "version", "level", "status", "service", "country"].map(text);
    keyed(name, key, measures())
}

/// Sums over one dimension at a time.
fn margin(name: &'static str, bucket: &'static str) -> TableCreateStatement {
    keyed(name, [bucket, "axis", "tool", "value", "status"].map(text), measures())
}

fn measures() -> impl Iterator<Item = ColumnDef> {
    let sums = [
        "calls",
        "batches",
        "cache_hits",
        "cache_misses",
        "retries",
        "retry_events",
        "time_sum",
        "time_count",
    ];
    let bounds = ["time_min", "time_max"].map(|name| ColumnDef::new(name).big_integer().take());
    sums.map(number).into_iter().chain(bounds).chain([bytes("times")])
}

fn errors() -> TableCreateStatement {
    let key = ["hour", "tool", "version", "error_type"].map(text);
    keyed("errors", key, [number("count")])
}

/// The values that a dimension had on a day.
fn dimension_values() -> TableCreateStatement {
    keyed("dimension_values", ["day", "dimension", "value"].map(text), [])
}
