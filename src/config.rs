//! Configuration: what can be set, where it comes from, and what is said when it is wrong.
//!
//! Layers, later ones winning: built-in defaults, pipeline.yaml, environment, flags. The file is
//! read strictly before anything is laid over it, and everything that is wrong is reported at once
//! with its place.

mod codes;
mod environment;
mod excerpt;
mod former;
mod json;
mod layers;
mod limits;
mod load;
mod notes;
mod null;
mod pipelines;
mod problem;
pub mod reference;
mod render;
pub mod schema;
pub mod settings;
mod shape;
mod source;
mod tree;
mod variables;
mod yaml;

pub use codes::Code;
pub use limits::acceptance_window;
pub use load::{Flags, LoadArgs, Loaded, load};
pub use notes::Note;
pub use pipelines::check_pipelines;
pub use problem::{Diagnostics, Mark, Misfit, Place, Problem, Related};
pub use settings::Settings;
pub use source::SHIPPED;

#[cfg(test)]
mod tests;
