//! What the process says of itself: log lines and metrics.

pub mod log;
pub mod metrics;
pub mod process;
pub mod queries;
pub mod scrape;

pub use metrics::Metrics;
