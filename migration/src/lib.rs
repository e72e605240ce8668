//! The schema of the analytics store, up and down.
//!
//! Separate from the root package, so that the schema has one owner and can be applied and tested
//! without a server. A released migration never changes: whatever comes later is a new one.

use sea_orm_migration::{MigrationTrait, MigratorTrait, async_trait};

mod m0001_initial;
mod m0002_timescale;
mod m0003_release;
mod m0004_sums;
mod m0005_sessions;
mod m0006_sightings;
mod m0007_totals;
mod schema;
pub mod timescale;

pub use schema::{TableShape, expected};

/// Applies the migrations in order.
pub struct Migrator;

#[async_trait::async_trait]
impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![
            Box::new(m0001_initial::Migration),
            Box::new(m0002_timescale::Migration),
            Box::new(m0003_release::Migration),
            Box::new(m0004_sums::Migration),
            Box::new(m0005_sessions::Migration),
            Box::new(m0006_sightings::Migration),
            Box::new(m0007_totals::Migration),
        ]
    }
}

#[cfg(test)]
mod tests;
