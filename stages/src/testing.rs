//! Test doubles for the ports, and helpers for tests of stages.
//!
//! Public and always built, because the root package's tests and simulations run on them too. The
//! doubles keep everything in memory and follow the ports to the letter, so that a test against them
//! says something about the real thing; [`Faults`] makes any step fail, before or after its effect.

mod events;
mod faults;
mod queue;
mod shared;
mod store;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::context::Services;
use crate::hash::HashKey;

pub use self::events::{ScannedBuilder, scanned};
pub use self::faults::{Fault, Faults, Script};
pub use self::queue::MemoryQueue;
pub use self::shared::{MemorySeen, OpenRates};
pub use self::store::{MemoryStore, StoredLetter, StoredMarker, StoredRow, Tables};

/// Services on doubles, with a fixed key: an empty queue, an empty memory and no limits.
pub fn services() -> Services {
    Services {
        queue: Arc::new(MemoryQueue::default()),
        seen: Arc::new(MemorySeen::default()),
        rates: Arc::new(OpenRates),
        local: None,
        identity_key: HashKey::from_bytes([7; 16]),
    }
}

/// Locks the state of a double. A test that panicked under the lock fails by itself.
fn lock<T>(state: &Mutex<T>) -> MutexGuard<'_, T> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}
