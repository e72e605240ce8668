//! What servers know of their clients and of lately accepted identities, beside queue and store.
//! Losing it costs no data: limits start afresh, and the store still recognises duplicates.

pub mod memory;
pub mod redis;
