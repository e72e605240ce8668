//! Failures at random, but the same for the same seed.

use std::collections::BTreeMap;
use std::sync::Mutex;

use stages::testing::{Fault, Faults};

/// Fails at a share of all steps until it is calmed.
pub(crate) struct Dice {
    state: Mutex<State>,
}

struct State {
    random: u64,
    percent: u64,
    failures: BTreeMap<&'static str, u64>,
}

impl Dice {
    pub(crate) fn new(seed: u64, percent: u64) -> Self {
        // xorshift needs a state other than zero.
        let state = State { random: seed | 1, percent, failures: BTreeMap::new() };
        Self { state: Mutex::new(state) }
    }

    /// Never fails again.
    pub(crate) fn calm(&self) {
        self.state.lock().unwrap().percent = 0;
    }

    pub(crate) fn failures(&self) -> BTreeMap<&'static str, u64> {
        self.state.lock().unwrap().failures.clone()
    }
}

impl Faults for Dice {
    fn at(&self, point: &'static str) -> Option<Fault> {
        let mut state = self.state.lock().unwrap();
        state.random ^= state.random << 13;
        state.random ^= state.random >> 7;
        state.random ^= state.random << 17;
        if (state.random >> 11) % 100 >= state.percent {
            return None;
        }
        *state.failures.entry(point).or_default() += 1;
        Some(Fault(point))
    }
}
