//! Integration tests: the real binary on free ports, seen from outside.
//!
//! One binary, so that everything is linked once. Numbers are checked against plain SQL over the
//! files that the server wrote, never against another answer of the server.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a failing test shows what it saw")]

mod support;

mod backpressure;
mod bad_input;
mod browser;
mod canary;
mod captures;
mod cli;
mod client;
mod contract;
mod copy;
mod country;
mod crash;
mod demo;
mod deploy;
mod explain;
mod greeting;
mod guide;
mod identity;
mod lifecycle;
mod many;
mod mixed_releases;
mod moving;
mod numbers;
mod page;
mod poison;
mod policy;
mod postgres;
mod purge;
mod redis_access;
mod redis_faults;
mod release;
mod schema;
mod schema_faults;
mod shared_answers;
mod shared_limits;
mod simulation;
mod startup;
mod stats;
mod times;
mod tls;
mod transparency;
