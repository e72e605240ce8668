//! Configuration: what can be set, where it comes from, and what is said when it is wrong.

pub mod settings;

pub use settings::Settings;
