//! Privacy-first, self-hosted usage telemetry for MCP servers.
//!
//! # The life of an event
//!
//! 1. A client posts a batch to [`http`]; transport limits are checked and the body is decoded.
//! 2. The `ingest` list of pipeline.yaml runs ([`stages`]): the body becomes raw events, raw events
//!    become scanned ones, and the accepted rest is appended to the [`queue`] as one entry. Only
//!    when that entry is on disk does the client get its 200.
//! 3. The [`worker`] claims entries, and runs the `worker` list inside one transaction of the
//!    [`store`]: entry markers, identities, rows, dead letters, ledger, rollups. It commits, and
//!    only then acknowledges the entries. Whatever is killed in between, nothing is lost and
//!    nothing counts twice.
//! 4. Pages and stats read rollups, never raw rows.
//!
//! [`app`] is the only place where concrete types meet.

pub mod advice;
pub mod app;
pub mod charts;
pub mod cli;
pub mod config;
pub mod copy;
pub mod demo;
pub mod explain;
pub mod http;
pub mod purge;
pub mod queue;
pub mod redis_link;
pub mod shared;
pub mod shutdown;
pub mod sqlite_file;
pub mod stats;
pub mod store;
pub mod telemetry;
pub mod transparency;
pub mod words;
pub mod worker;
