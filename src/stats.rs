//! Statistics: which period is asked for, and how an answer follows from cells of the rollups.
//!
//! Pure computation, without HTTP and SQL: the API and the pages ask the same functions, so the
//! same question has the same answer everywhere.

pub mod answers;
pub mod grain;
pub mod period;
pub mod source;
pub mod tally;

pub use grain::Grain;
pub use period::{BadQuery, Period, Window};
pub use source::{Source, Watermark};
pub use tally::Tally;

#[cfg(test)]
pub(crate) mod fake;
