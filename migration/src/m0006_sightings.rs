//! The error summary by version, type and tool, so that the first and the last hour of each are found
//! without a look at those between.
//!
//! It holds no column that changes: once a cell is there, counting writes nothing to it. Only for
//! SQLite: where PostgreSQL has TimescaleDB, cells of past weeks are compressed, and no index leads
//! to them.

use sea_orm_migration::prelude::*;
use sea_orm_migration::sea_orm::DbBackend;

/// See the module.
pub(crate) struct Migration;

/// Table and name of the index.
const INDEX: (&str, &str) = ("errors", "errors_sightings");
const COLUMNS: [&str; 4] = ["version", "error_type", "tool", "hour"];

impl MigrationName for Migration {
    fn name(&self) -> &str {
        "m0006_sightings"
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
            let mut index = Index::create().table(table).name(name).to_owned();
            for column in COLUMNS {
                index.col(column);
            }
            manager.create_index(index).await?;
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
