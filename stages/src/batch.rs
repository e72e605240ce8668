//! The unit that runs through a pipeline: one request at the door, one claimed group in the worker.
//!
//! Order is kept: slot i is event i of the request, so answer i belongs to event i.

mod group;

use std::borrow::Cow;
use std::time::Duration;

use crate::builtin::pii_scan::Entity;
use crate::event::RawEvent;
use crate::hash::{EntryId, Identity};
use crate::scanned::{Fields, Scanned};
use crate::verdict::{Code, Pointer, Reason, Verdict, Warning};

pub use self::group::GroupEntry;

/// The forms an event takes on its way.
pub(crate) enum Body<'b> {
    /// As sent.
    Raw(RawEvent<'b>),
    /// Scanned for personal data.
    Scanned(Scanned),
    /// Gone: refused before it had a form, or handed to the queue.
    Gone,
}

/// An event as stages see it.
pub struct Event<'b> {
    pub(crate) body: Body<'b>,
    /// Unknown tool: validation decided that it counts as `other`, sanitise carries it out.
    pub(crate) other_tool: bool,
    /// Unknown service, likewise.
    pub(crate) other_service: bool,
    /// Validation saw that sanitise will have nothing to repair.
    pub(crate) normal: bool,
    /// What validation has read of the raw event, so that the scan need not read it again. As raw
    /// as its source, and as little able to leave this crate.
    pub(crate) read: Option<Box<Fields>>,
    warnings: Vec<Warning>,
}

impl<'b> Event<'b> {
    pub(crate) fn new(body: Body<'b>) -> Self {
        let (other_tool, other_service, normal) = (false, false, false);
        Self { body, other_tool, other_service, normal, read: None, warnings: Vec::new() }
    }

    /// The event as sent, until pii-scan has seen it.
    pub fn raw(&self) -> Option<&RawEvent<'b>> {
        match &self.body {
            Body::Raw(raw) => Some(raw),
            _ => None,
        }
    }

    /// The scanned event, after pii-scan.
    pub fn scanned(&self) -> Option<&Scanned> {
        match &self.body {
            Body::Scanned(event) => Some(event),
            _ => None,
        }
    }

    /// The scanned event, to narrow it.
    pub fn scanned_mut(&mut self) -> Option<&mut Scanned> {
        match &mut self.body {
            Body::Scanned(event) => Some(event),
            _ => None,
        }
    }

    /// Reports a repair to the client.
    pub fn warn(&mut self, code: Code, pointer: Pointer, message: impl Into<Cow<'static, str>>) {
        self.warnings.push(Warning::new(code, pointer, message));
    }

    /// Repairs reported so far.
    pub fn warnings(&self) -> &[Warning] {
        &self.warnings
    }
}

/// An event and its fate so far.
pub struct Slot<'b> {
    /// The event.
    pub event: Event<'b>,
    verdict: Verdict,
}

impl Slot<'_> {
    /// The fate so far.
    pub const fn verdict(&self) -> &Verdict {
        &self.verdict
    }

    /// Whether the event still goes on.
    pub const fn passes(&self) -> bool {
        matches!(self.verdict, Verdict::Pass)
    }
}

/// Why a whole request is turned away.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// What kind of answer it is; HTTP makes the status from it.
    pub kind: RefusalKind,
    /// The precise code.
    pub code: Code,
    /// A sentence for the person who reads it, without any value of the request.
    pub message: Cow<'static, str>,
}

/// The kinds of answer that turn a whole request away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RefusalKind {
    /// Not JSON.
    Malformed,
    /// JSON, but not a batch.
    Invalid,
    /// Too much from this client; may come again after a while.
    RateLimited {
        /// When the request would pass.
        retry_after: Duration,
    },
    /// Cannot be stored now; may come again after a while.
    Unavailable {
        /// When to try again.
        retry_after: Duration,
    },
}

/// The state of one limit after a request, for the answer's headers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quota {
    /// Name of the limit, for instance `requests`.
    pub name: &'static str,
    /// Units per window.
    pub limit: u64,
    /// Window, in seconds.
    pub window_seconds: u64,
    /// Units left.
    pub remaining: u64,
    /// Seconds until the limit is whole again.
    pub reset_seconds: u64,
}

/// What one stage did, counted as it was done.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tally {
    /// Events that were still going when the stage began.
    pub entered: usize,
    /// Events that it refused or dropped, by code.
    pub by_code: Vec<(Code, usize)>,
    /// Findings of personal data, by type. An event may hold several; of a refused one, the first.
    pub found: Vec<(Entity, usize)>,
}

impl Tally {
    fn add(&mut self, code: Code) {
        match self.by_code.iter_mut().find(|(known, _)| *known == code) {
            Some((_, count)) => *count += 1,
            None => self.by_code.push((code, 1)),
        }
    }
}

/// The unit that runs through a pipeline.
pub struct Batch<'b> {
    body: &'b [u8],
    slots: Vec<Slot<'b>>,
    entries: Vec<GroupEntry>,
    refusal: Option<Refusal>,
    receipt: Option<EntryId>,
    queued: Vec<Identity>,
    all_or_nothing: bool,
    quotas: Vec<Quota>,
    passing: usize,
    tally: Tally,
    dry_run: bool,
}

impl<'b> Batch<'b> {
    /// A request, as its decoded body.
    pub fn request(body: &'b [u8]) -> Self {
        Self {
            body,
            slots: Vec::new(),
            entries: Vec::new(),
            refusal: None,
            receipt: None,
            queued: Vec::new(),
            all_or_nothing: false,
            quotas: Vec::new(),
            passing: 0,
            tally: Tally::default(),
            dry_run: false,
        }
    }

    /// The decoded body; empty in the worker.
    pub const fn body(&self) -> &'b [u8] {
        self.body
    }

    /// Makes room for events, so that they are not moved as more come.
    pub(crate) fn reserve(&mut self, events: usize) {
        self.slots.reserve_exact(events);
    }

    pub(crate) fn push(&mut self, body: Body<'b>) {
        self.slots.push(Slot { event: Event::new(body), verdict: Verdict::Pass });
        self.passing += 1;
    }

    /// The events, in the order of the request.
    pub fn slots(&self) -> &[Slot<'b>] {
        &self.slots
    }

    /// One event, to change it.
    pub fn event_mut(&mut self, index: usize) -> Option<&mut Event<'b>> {
        self.slots.get_mut(index).map(|slot| &mut slot.event)
    }

    /// How many events still go on.
    pub const fn passing(&self) -> usize {
        self.passing
    }

    /// Decides the fate of one event. A decided fate stays, but for personal data: that finding
    /// replaces any other reason.
    pub fn settle(&mut self, index: usize, verdict: Verdict) {
        let Some(slot) = self.slots.get_mut(index) else { return };
        let (Verdict::Reject(reason) | Verdict::Drop(reason)) = &verdict else { return };
        let finding = reason.code == crate::verdict::codes::PII_DETECTED;
        if !slot.passes() && !finding {
            return;
        }
        self.tally.add(reason.code);
        if self.dry_run {
            return;
        }
        self.passing -= usize::from(slot.passes());
        slot.verdict = verdict;
    }

    /// Counts a finding of personal data.
    pub(crate) fn found(&mut self, kind: Entity) {
        match self.tally.found.iter_mut().find(|(known, _)| *known == kind) {
            Some((_, count)) => *count += 1,
            None => self.tally.found.push((kind, 1)),
        }
    }

    /// Judges every event that still goes on.
    pub fn judge(&mut self, mut judge: impl FnMut(&mut Event<'b>) -> Verdict) {
        for index in 0..self.slots.len() {
            if self.slots[index].passes() {
                let verdict = judge(&mut self.slots[index].event);
                self.settle(index, verdict);
            }
        }
    }

    /// From now on one refused event refuses the whole batch.
    pub(crate) fn stand_together(&mut self) {
        self.all_or_nothing |= !self.dry_run;
    }

    /// Refuses the rest of a batch that stands together, when one of its events was refused.
    pub(crate) fn fall_together(&mut self, code: Code, message: &'static str) {
        if !self.all_or_nothing || self.rejected().next().is_none() {
            return;
        }
        self.judge(|_| Verdict::Reject(Reason::new(code, Pointer::ROOT, message)));
    }

    /// Turns the whole request away.
    pub fn refuse(&mut self, refusal: Refusal) {
        self.tally.add(refusal.code);
        if !self.dry_run && self.refusal.is_none() {
            self.refusal = Some(refusal);
        }
    }

    /// Why the whole request is turned away, if it is.
    pub const fn refusal(&self) -> Option<&Refusal> {
        self.refusal.as_ref()
    }

    /// Reports the state of a limit.
    pub fn report(&mut self, quota: Quota) {
        self.quotas.push(quota);
    }

    /// States of the limits that were asked.
    pub fn quotas(&self) -> &[Quota] {
        &self.quotas
    }

    pub(crate) const fn set_receipt(&mut self, id: EntryId) {
        self.receipt = Some(id);
    }

    /// The entry under which the accepted events are queued.
    pub const fn receipt(&self) -> Option<EntryId> {
        self.receipt
    }

    /// Begins the account of a stage; in a dry run its decisions are counted but not applied.
    pub(crate) fn begin_stage(&mut self, dry_run: bool) {
        self.dry_run = dry_run;
        self.tally = Tally { entered: self.passing, ..Tally::default() };
    }

    /// Ends the account of a stage.
    pub(crate) fn end_stage(&mut self) -> Tally {
        self.dry_run = false;
        std::mem::take(&mut self.tally)
    }

    /// Takes the scanned events that still go on out of the batch, for the queue. Their slots go on
    /// passing, so [`Batch::passing`] says how many were accepted; their identities stay known.
    pub(crate) fn take_passing(&mut self) -> Vec<Scanned> {
        let mut taken = Vec::with_capacity(self.passing);
        for slot in &mut self.slots {
            if !slot.passes() {
                continue;
            }
            match std::mem::replace(&mut slot.event.body, Body::Gone) {
                Body::Scanned(event) => {
                    self.queued.extend(event.identity());
                    taken.push(event);
                }
                other => slot.event.body = other,
            }
        }
        taken
    }

    /// Identities of the events that were taken for the queue, in order.
    pub(crate) fn queued(&self) -> &[Identity] {
        &self.queued
    }

    /// How many events were dropped with a code.
    pub fn dropped_as(&self, code: Code) -> usize {
        let dropped =
            |slot: &&Slot<'_>| matches!(&slot.verdict, Verdict::Drop(r) if r.code == code);
        self.slots.iter().filter(dropped).count()
    }

    /// Reasons of refused events, with their index.
    pub fn rejected(&self) -> impl Iterator<Item = (usize, &Reason)> {
        self.slots.iter().enumerate().filter_map(|(index, slot)| match &slot.verdict {
            Verdict::Reject(reason) => Some((index, reason)),
            _ => None,
        })
    }
}
