//! Statistics: what is asked for, and how an answer follows from cells of the rollups.
//!
//! Pure computation, without HTTP and SQL: the API and the pages ask the same functions, so the
//! same question has the same answer everywhere.

pub mod answers;
pub mod asked;
pub mod freshness;
pub mod grain;
pub mod period;
pub mod query;
pub mod release;
pub mod source;
pub mod tally;
pub mod window;

pub use asked::Asked;
pub use grain::Grain;
pub use period::Period;
pub use query::{BadQuery, Compare, Query};
pub use source::Source;
pub use tally::Tally;
pub use window::Window;

#[cfg(test)]
pub(crate) mod fake;
