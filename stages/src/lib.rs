//! The event pipeline: what an event is, the stages it passes, and the engine that runs them.
//!
//! This crate knows nothing of HTTP, SQL or Redis. Everything outside the process is reached
//! through the traits in [`ports`], which the root package implements; so the whole pipeline can be
//! tested, simulated and benchmarked without a service.
//!
//! Dependencies point one way: event, verdict, clock <- batch, context, ports <- stage <- registry
//! <- pipeline <- builtin. Nothing outside [`builtin`] names a concrete stage: [`Registry`] is the
//! only door.
//!
//! # Adding a stage
//!
//! Write one file under `builtin/`, implement [`PerEvent`] (or [`Stage`] when it needs a whole
//! batch or does I/O) and [`Define`], then add its `mod` line and one `.with::<MyStage>()` line in
//! `builtin.rs`. Metrics, JSON Schema, load-time checks and the contract suite follow from the
//! registration.

pub mod batch;
pub mod bucket;
pub mod budget;
pub mod builtin;
pub mod clock;
pub mod context;
pub mod country;
pub mod entry;
pub mod event;
mod fallback;
pub mod hash;
pub mod hour;
pub mod pipeline;
pub mod ports;
pub mod registry;
pub mod rollup;
pub mod scanned;
pub mod sessions;
pub mod sketch;
pub mod stage;
pub mod testing;
pub mod units;
pub mod verdict;

pub use batch::{Batch, Event, GroupEntry, Quota, Refusal, RefusalKind, Slot, Tally};
pub use builtin::pii_scan::{Action, Entity, Finding, Findings, PiiScanConfig, Scanner};
pub use builtin::registry;
pub use clock::{Clock, ManualClock, SystemClock};
pub use context::{Cx, Request, Services};
pub use country::Country;
pub use entry::Entry;
pub use hash::{BatchKey, ClientKey, EntryId, HashKey, Identity};
pub use hour::{Day, Hour};
pub use pipeline::{Pipeline, StageSpec, Watch};
pub use registry::{LoadError, Registry};
pub use scanned::{Level, Scanned, Status};
pub use stage::{BuildError, Define, Form, Needs, PerEvent, Side, Stage, StageError};
pub use verdict::{Code, Pointer, Reason, Verdict, Warning};
