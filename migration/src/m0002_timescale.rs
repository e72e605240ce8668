//! Hypertables, where the database has TimescaleDB. Where it has not, nothing; tables are turned
//! into hypertables by the next `migrate up` after the extension was created.

use sea_orm_migration::prelude::*;
use sea_orm_migration::{SchemaManagerConnection, async_trait};

use crate::timescale;

/// See the module.
pub(crate) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &str {
        "m0002_timescale"
    }
}

#[expect(elided_lifetimes_in_paths, reason = "async_trait must see the signature of the trait")]
#[async_trait::async_trait]
impl MigrationTrait for Migration {
    /// A table at a time, each in a transaction of its own.
    fn use_transaction(&self) -> Option<bool> {
        Some(false)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        match manager.get_connection() {
            SchemaManagerConnection::Connection(db) => timescale::convert(db).await,
            _ => Ok(()),
        }
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        match manager.get_connection() {
            SchemaManagerConnection::Connection(db) => timescale::revert(db).await,
            _ => Ok(()),
        }
    }
}
