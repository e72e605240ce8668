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
        let backend = manager.get_database_backend();
        for table in tables(backend) {
            manager.create_table(table).await?;
        }
        for (table, column) in indexes(backend) {
            let name = index_name(table, column);
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

/// Every table, as a kind of database has it.
pub(crate) fn tables(backend: DbBackend) -> Vec<TableCreateStatement> {
    let make = Make(backend);
    vec![
        make.events(),
        make.entries(),
        make.identities("batch_keys"),
        make.identities("event_keys"),
        make.dead_letters(),
        make.ledger(),
        make.rollup("rollup_hour", make.hour("hour")),
        make.rollup("rollup_day", make.day("day")),
        make.margin("margin_hour", make.hour("hour")),
        make.margin("margin_day", make.day("day")),
        make.errors(),
        make.dimension_values(),
    ]
}

/// Every index beside the keys: table and column.
pub(crate) fn indexes(backend: DbBackend) -> Vec<(&'static str, &'static str)> {
    // Status asks for the newest receipt, and housekeeping for markers older than a day.
    let mut indexes = vec![("events", "timestamp_hour"), ("entries", "received_hour")];
    if backend == DbBackend::Postgres {
        // Its identities are not in the order of their days.
        indexes.extend([("batch_keys", "day"), ("event_keys", "day")]);
    }
    indexes
}

/// The name of an index.
pub(crate) fn index_name(table: &str, column: &str) -> String {
    format!("{table}_{column}")
}

/// Makes tables and columns in the types of a database.
pub(crate) struct Make(pub(crate) DbBackend);

impl Make {
    const fn is_postgres(&self) -> bool {
        matches!(self.0, DbBackend::Postgres)
    }

    /// Text in the order of its bytes, which is that of SQLite and of the program itself.
    fn optional_text(&self, name: &'static str) -> ColumnDef {
        let mut column = ColumnDef::new(name);
        if self.is_postgres() {
            column.custom("text COLLATE \"C\"").take()
        } else {
            column.text().take()
        }
    }

    pub(crate) fn text(&self, name: &'static str) -> ColumnDef {
        self.optional_text(name).not_null().take()
    }

    /// A UTC hour.
    fn hour(&self, name: &'static str) -> ColumnDef {
        let mut column = ColumnDef::new(name);
        if self.is_postgres() {
            column.timestamp_with_time_zone().not_null().take()
        } else {
            column.text().not_null().take()
        }
    }

    /// A UTC date.
    pub(crate) fn day(&self, name: &'static str) -> ColumnDef {
        let mut column = ColumnDef::new(name);
        if self.is_postgres() {
            column.date().not_null().take()
        } else {
            column.text().not_null().take()
        }
    }

    fn json(&self, name: &'static str) -> ColumnDef {
        let mut column = ColumnDef::new(name);
        if self.is_postgres() { column.json_binary().take() } else { column.text().take() }
    }

    /// A table with its key: what the columns of the key have in common is that none may be absent.
    pub(crate) fn keyed(
        &self,
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
        if self.0 == DbBackend::Sqlite {
            // Keeps the rows in the order of the key, without a second index.
            table.extra("WITHOUT ROWID");
        }
        table.primary_key(&mut primary).take()
    }

    /// Leaves a part of every page free for new versions of its rows. No index has the columns that
    /// change, so a new version beside the old one is all that an update writes.
    fn with_room(
        &self,
        mut table: TableCreateStatement,
        filled_percent: u8,
    ) -> TableCreateStatement {
        if self.is_postgres() {
            table.extra(format!("WITH (fillfactor = {filled_percent})"));
        }
        table
    }

    /// One row an event, without a key: minimal events are alike by design.
    fn events(&self) -> TableCreateStatement {
        let status = Expr::col("status").is_in(["success", "error"]);
        Table::create()
            .table("events")
            .col(self.hour("timestamp_hour"))
            .col(self.text("version"))
            .col(self.text("tool"))
            .col(self.text("status").check(status))
            .col(self.text("analytics_level"))
            .col(ColumnDef::new("response_time_ms").integer())
            .col(self.optional_text("service"))
            .col(ColumnDef::new("cache_hit").boolean())
            .col(ColumnDef::new("retry_count").integer())
            .col(self.optional_text("country"))
            .col(self.json("parameters"))
            .col(self.optional_text("session_id"))
            .col(ColumnDef::new("sequence_number").big_integer())
            .col(self.optional_text("error_type"))
            .col(self.hour("received_hour"))
            .take()
    }

    /// Markers of queue entries, and what became of their events. `expired`: the entry came too late
    /// to be judged, so its events are dead letters.
    fn entries(&self) -> TableCreateStatement {
        let outcomes = ["events", "persisted", "duplicate", "dead_letter"].map(number);
        let expired = ColumnDef::new("expired").boolean().not_null().take();
        let rest = [self.hour("received_hour")].into_iter().chain(outcomes).chain([expired]);
        // Every row is written once and settled once, in one transaction.
        self.with_room(self.keyed("entries", [bytes("entry_id")], rest), 50)
    }

    /// Identities, of whole batches or of events, by the day on which they may be forgotten. With
    /// one writer it is enough to look a key up under every day; where workers run side by side,
    /// the key itself must be unique.
    fn identities(&self, name: &'static str) -> TableCreateStatement {
        if self.is_postgres() {
            self.keyed(name, [bytes("key")], [self.day("day")])
        } else {
            self.keyed(name, [self.day("day"), bytes("key")], [])
        }
    }

    fn dead_letters(&self) -> TableCreateStatement {
        let rest = [
            self.text("code"),
            self.optional_text("sqlstate"),
            self.text("payload"),
            self.hour("received_hour"),
            self.hour("first_seen_hour"),
            number("attempts"),
        ];
        self.keyed("dead_letters", [bytes("id")], rest)
    }

    /// A row for each worker shard, so that it is no hot spot. `commits` counts the transactions
    /// that changed what readers see.
    fn ledger(&self) -> TableCreateStatement {
        let sums = ["persisted", "duplicate", "dead_letter", "discarded", "commits"].map(number);
        self.with_room(self.keyed("ledger", [number("shard")], sums), 10)
    }

    /// Sums over all dimensions.
    fn rollup(&self, name: &'static str, bucket: ColumnDef) -> TableCreateStatement {
        let dimensions = ["tool", "version", "level", "status", "service", "country"];
        let key = [bucket].into_iter().chain(dimensions.map(|name| self.text(name)));
        self.with_room(self.keyed(name, key, measures()), 70)
    }

    /// Sums over one dimension at a time.
    fn margin(&self, name: &'static str, bucket: ColumnDef) -> TableCreateStatement {
        let dimensions = ["axis", "tool", "value", "status"];
        let key = [bucket].into_iter().chain(dimensions.map(|name| self.text(name)));
        self.with_room(self.keyed(name, key, measures()), 70)
    }

    fn errors(&self) -> TableCreateStatement {
        let key = ["tool", "version", "error_type"].map(|name| self.text(name));
        let key = [self.hour("hour")].into_iter().chain(key);
        self.with_room(self.keyed("errors", key, [number("count")]), 70)
    }

    /// The values that a dimension had on a day.
    fn dimension_values(&self) -> TableCreateStatement {
        let key = [self.day("day"), self.text("dimension"), self.text("value")];
        self.keyed("dimension_values", key, [])
    }
}

fn number(name: &'static str) -> ColumnDef {
    ColumnDef::new(name).big_integer().not_null().take()
}

pub(crate) fn bytes(name: &'static str) -> ColumnDef {
    ColumnDef::new(name).blob().not_null().take()
}

pub(crate) fn measures() -> impl Iterator<Item = ColumnDef> {
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
