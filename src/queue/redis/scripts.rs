//! The scripts that the server runs for the queue. Each is a file of its own that says what it takes
//! and what it answers.

use crate::redis_link::Script;

const TOTALS: &str = include_str!("lua/totals.lua");

/// Runs also when memory is full: what frees memory must not need any.
const WHEN_FULL: &str = "#!lua flags=allow-oom\n";

pub(super) struct Scripts {
    pub(super) adopt: Script,
    pub(super) append: Script,
    pub(super) close: Script,
    pub(super) state: Script,
    pub(super) acknowledge: Script,
    pub(super) group: Script,
    pub(super) release: Script,
    pub(super) leave: Script,
    pub(super) tidy: Script,
    pub(super) beat: Script,
    pub(super) workers: Script,
}

impl Scripts {
    pub(super) fn new() -> Self {
        let when_full = |code| Script::new(&[WHEN_FULL, code]);
        Self {
            adopt: Script::new(&["#!lua\n", TOTALS, include_str!("lua/adopt.lua")]),
            append: Script::new(&["#!lua\n", TOTALS, include_str!("lua/append.lua")]),
            close: Script::new(&["#!lua\n", include_str!("lua/close.lua")]),
            state: Script::new(&[WHEN_FULL, TOTALS, include_str!("lua/state.lua")]),
            acknowledge: when_full(include_str!("lua/acknowledge.lua")),
            group: when_full(include_str!("lua/group.lua")),
            release: when_full(include_str!("lua/release.lua")),
            leave: when_full(include_str!("lua/leave.lua")),
            tidy: when_full(include_str!("lua/tidy.lua")),
            beat: when_full(include_str!("lua/beat.lua")),
            workers: Script::new(&["#!lua flags=no-writes\n", include_str!("lua/workers.lua")]),
        }
    }
}
