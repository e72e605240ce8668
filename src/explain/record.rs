//! Looks at a batch after every stage.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use stages::verdict::codes;
use stages::{
    Batch, Clock, Refusal, Scanner, Side, Slot, StageError, Tally, Verdict, Warning, Watch,
};

use super::changes::Members;
use super::report::Found;

/// What was seen after one stage.
#[derive(Clone)]
pub(super) struct Run {
    pub(super) side: Side,
    pub(super) label: String,
    pub(super) tally: Tally,
    pub(super) took: Duration,
    pub(super) refusal: Option<Refusal>,
    /// In the order of the batch.
    pub(super) looks: Vec<Look>,
}

/// An event after one stage.
#[derive(Clone)]
pub(super) struct Look {
    pub(super) verdict: Verdict,
    pub(super) warnings: Vec<Warning>,
    pub(super) members: Members,
    pub(super) findings: Vec<Found>,
}

impl Look {
    pub(super) const fn passes(&self) -> bool {
        matches!(self.verdict, Verdict::Pass)
    }
}

/// Watches a pipeline. It is its clock as well, and stands still while it looks: looking takes
/// longer than most stages.
pub(super) struct Recorder {
    clock: Arc<dyn Clock>,
    scanner: Scanner,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    looked_for: Duration,
    runs: Vec<Run>,
}

impl Recorder {
    pub(super) fn new(clock: Arc<dyn Clock>, scanner: Scanner) -> Self {
        Self { clock, scanner, state: Mutex::default() }
    }

    pub(super) fn runs(&self) -> Vec<Run> {
        self.lock().runs.clone()
    }

    fn look(&self, slot: &Slot<'_>) -> Look {
        let verdict = slot.verdict().clone();
        let event = &slot.event;
        let findings = match (&verdict, event.raw()) {
            // The stage stops at its first finding; a person wants to know them all.
            (Verdict::Reject(reason), Some(raw)) if reason.code == codes::PII_DETECTED => {
                self.scanner.scan(raw).found.iter().map(Found::from).collect()
            }
            _ => Vec::new(),
        };
        let members = Members::of(event);
        Look { verdict, warnings: event.warnings().to_vec(), members, findings }
    }

    /// No code that can panic runs under the lock.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Clock for Recorder {
    fn unix_millis(&self) -> i64 {
        self.clock.unix_millis()
    }

    fn monotonic(&self) -> Duration {
        self.clock.monotonic().saturating_sub(self.lock().looked_for)
    }
}

impl Watch for Recorder {
    fn ran(&self, side: Side, label: &str, tally: &Tally, took: Duration) {
        let (label, tally) = (label.to_owned(), tally.clone());
        let run = Run { side, label, tally, took, refusal: None, looks: Vec::new() };
        self.lock().runs.push(run);
    }

    fn saw(&self, _: Side, _: &str, batch: &Batch<'_>) {
        let started = self.clock.monotonic();
        let looks = batch.slots().iter().map(|slot| self.look(slot)).collect();
        let mut state = self.lock();
        if let Some(run) = state.runs.last_mut() {
            run.looks = looks;
            run.refusal = batch.refusal().cloned();
        }
        state.looked_for += self.clock.monotonic().saturating_sub(started);
    }

    fn skipped(&self, _: Side, _: &str, _: &StageError) {}
}
