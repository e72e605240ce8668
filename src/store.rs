//! The store of events and rollups: one type, [`Database`], for writing and reading.

pub mod read;
