//! The sums of marginal cells by month, apart from their distributions of response times: most answers
//! need nothing else, and the distributions make a row ten times as long.
//!
//! Only for SQLite, whose groups have to be sorted unless they are read in order. PostgreSQL keeps
//! its groups in a hash table, and an index over columns that change would make every update of a
//! cell write to all indexes of its table.

use sea_orm_migration::prelude::*;
use sea_orm_migration::sea_orm::DbBackend;

/// See the module.
pub(crate) struct Migration;

/// Table and name of the index.
const INDEX: (&str, &str) = ("margin_day", "margin_day_sums");

impl MigrationName for Migration {
    fn name(&self) -> &str {
        "m0004_sums"
    }
}

#[expect(elided_lifetimes_in_paths, reason = "async_trait must see the signature of the trait")]
#[async_trait::async_trait]
impl MigrationTrait for Migration {
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        if let Some((table, name)) = index(manager.get_database_backend()) {
            // The builder knows no index over an expression.
            let sql = format!(
                "CREATE INDEX {name} ON {table} (axis, substr(day, 1, 7), tool, value, status, day, \
                 calls, batches, cache_hits, cache_misses, retries, retry_events, time_sum, time_count)"
            );
            manager.get_connection().execute_unprepared(&sql).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        if let Some((table, name)) = index(manager.get_database_backend()) {
            manager.drop_index(Index::drop().table(table).name(name).to_owned()).await?;
        }
        Ok(())
    }
}

/// The index, where there is one: table and name.
pub(crate) fn index(backend: DbBackend) -> Option<(&'static str, &'static str)> {
    (backend == DbBackend::Sqlite).then_some(INDEX)
}
