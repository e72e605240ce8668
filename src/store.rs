//! The store of events and rollups: one type, [`Database`], for writing and reading.

mod columns;
mod copy;
mod database;
mod dead_letters;
mod dialect;
mod error;
mod examine;
mod housekeeping;
mod lock;
mod migrate;
mod purge;
pub mod read;
mod rebuild;
mod release;
mod rows;
mod schema;
mod status;
#[cfg(test)]
mod tests;
mod timescale;
mod totals;
mod write;

pub use copy::{Copied, CopyError, Copying, Progress};
pub use database::{Database, PoolNumbers};
pub use dead_letters::{Letter, ReplayError};
pub use error::OpenError;
pub use examine::Unusable;
pub use housekeeping::{Deleted, HousekeepingError, Report, lifetimes};
pub use migrate::{MigrateError, MigrationState};
pub use purge::{Residue, RowsOfDay};
pub use rebuild::{Difference, RebuildError};
pub use release::FreezeError;
pub use status::{Receipt, Totals};
pub use timescale::{Horizons, ShortHorizon};
