//! The built-in stages, one file each, and their registration.

mod aggregate;
mod batch_persist;
mod dedup;
mod enqueue;
mod normal;
mod parse;
pub(crate) mod pii_scan;
mod rate_limit;
mod sanitise;
mod schema_validate;

use crate::registry::Registry;

/// The built-in stages.
pub fn registry() -> Registry {
    Registry::new()
        .with::<parse::Parse>()
        .with::<schema_validate::SchemaValidate>()
        .with::<pii_scan::PiiScan>()
        .with::<sanitise::Sanitise>()
        .with::<dedup::Dedup>()
        .with::<rate_limit::RateLimit>()
        .with::<enqueue::Enqueue>()
        .with::<batch_persist::BatchPersist>()
        .with::<aggregate::Aggregate>()
}
