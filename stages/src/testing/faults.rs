//! Failures on demand: a double asks before and after every operation whether it is to fail.
//!
//! A point is `<operation>.before` (no effect) or `<operation>.after` (the effect is there, but the
//! caller does not learn of it).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// A failure that was asked for, with the point where it happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("failure on demand at {0}")]
pub struct Fault(pub &'static str);

/// Decides where doubles fail.
pub trait Faults: Send + Sync {
    /// Whether to fail at a point.
    fn at(&self, point: &'static str) -> Option<Fault>;
}

/// Never fails.
impl Faults for () {
    fn at(&self, _: &'static str) -> Option<Fault> {
        None
    }
}

/// Fails where it was told to, and counts all visits. A simulation runs once without failures, reads
/// [`Script::steps`], and runs again failing at each of them in turn.
#[derive(Debug, Default)]
pub struct Script {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    steps: usize,
    visits: BTreeMap<&'static str, usize>,
    failing_steps: BTreeSet<usize>,
    failing_visits: BTreeSet<(&'static str, usize)>,
}

impl Script {
    /// Fails at a visit of a point; the first visit is 1.
    pub fn fail(&self, point: &'static str, visit: usize) {
        self.state().failing_visits.insert((point, visit));
    }

    /// Fails at a step, whichever point it visits; the first step is 1.
    pub fn fail_step(&self, step: usize) {
        self.state().failing_steps.insert(step);
    }

    /// Visits of a point so far.
    pub fn visits(&self, point: &'static str) -> usize {
        self.state().visits.get(point).copied().unwrap_or_default()
    }

    /// Visits of all points so far.
    pub fn steps(&self) -> usize {
        self.state().steps
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Faults for Script {
    fn at(&self, point: &'static str) -> Option<Fault> {
        let mut state = self.state();
        state.steps += 1;
        let step = state.steps;
        let visits = state.visits.entry(point).or_default();
        *visits += 1;
        let visit = (point, *visits);
        let fails = state.failing_steps.contains(&step) || state.failing_visits.contains(&visit);
        fails.then_some(Fault(point))
    }
}
