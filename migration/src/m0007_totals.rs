//! The sums of dates that are over, over all tools: lists and drawings by version or country need
//! nothing else, and the cells by tool are as many times more rows as there are tools.

use sea_orm_migration::prelude::*;
use sea_orm_migration::sea_orm::DbBackend;

use crate::m0001_initial::{Make, measures};

/// See the module.
pub(crate) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &str {
        "m0007_totals"
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
        manager.drop_table(Table::drop().table("total_day").take()).await
    }
}

/// The table, as a kind of database has it.
pub(crate) fn table(backend: DbBackend) -> TableCreateStatement {
    let make = Make(backend);
    let dimensions = ["axis", "value", "status"].map(|name| make.text(name));
    let key = [make.day("day")].into_iter().chain(dimensions);
    make.keyed("total_day", key, measures())
}
