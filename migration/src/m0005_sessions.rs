//! How many sessions a day had, as sketches that can be merged: of all of them, and as it was when it
//! was decided what is published of the day (empty when it was not, or too few).

use sea_orm_migration::prelude::*;
use sea_orm_migration::sea_orm::DbBackend;

use crate::m0001_initial::{Make, bytes};

/// See the module.
pub(crate) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &str {
        "m0005_sessions"
    }
}

#[expect(elided_lifetimes_in_paths, reason = "async_trait must see the signature of the trait")]
#[async_trait::async_trait]
impl MigrationTrait for Migration {
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.create_table(table(manager.get_database_backend())).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table("sessions_day").take()).await
    }
}

/// The table, as a kind of database has it.
pub(crate) fn table(backend: DbBackend) -> TableCreateStatement {
    let make = Make(backend);
    make.keyed("sessions_day", [make.day("day")], ["sketch", "released"].map(bytes))
}
