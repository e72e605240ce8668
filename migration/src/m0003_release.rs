//! What is published of days that are over, where small cells are withheld: which days were decided
//! on, and the cells that were released, as they were at that moment.

use sea_orm_migration::prelude::*;
use sea_orm_migration::sea_orm::DbBackend;

use crate::m0001_initial::{Make, measures};

/// See the module.
pub(crate) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &str {
        "m0003_release"
    }
}

#[expect(elided_lifetimes_in_paths, reason = "async_trait must see the signature of the trait")]
#[async_trait::async_trait]
impl MigrationTrait for Migration {
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for table in tables(manager.get_database_backend()) {
            manager.create_table(table).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for table in ["released_day", "frozen_days"] {
            manager.drop_table(Table::drop().table(table).take()).await?;
        }
        Ok(())
    }
}

/// The tables, as a kind of database has them.
pub(crate) fn tables(backend: DbBackend) -> Vec<TableCreateStatement> {
    let make = Make(backend);
    let dimensions = ["axis", "tool", "value", "status"].map(|name| make.text(name));
    let key = [make.day("day")].into_iter().chain(dimensions);
    vec![
        make.keyed("frozen_days", [make.day("day")], []),
        make.keyed("released_day", key, measures()),
    ]
}
