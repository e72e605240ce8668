//! The pipeline and the worker under random operations and failing ports, against a model.
//!
//! Real stages and the real worker run over queue and store doubles that fail before or after any
//! step, in virtual time. Whatever happens, what is stored at the end must be what a few lines of
//! plain bookkeeping say. A failing list is shrunk to its essence.

mod dice;
mod model;
mod world;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use model::Model;
use world::World;

/// What a client sends as one event.
#[derive(Debug, Clone)]
pub(crate) struct Spec {
    /// Identity of the event, when it has one. Every seventh is refused by the store.
    pub(crate) identity: Option<u8>,
    pub(crate) failed: bool,
    /// Which type of error, when it failed.
    pub(crate) error: u8,
    pub(crate) ms: Option<u16>,
}

impl Spec {
    /// Whether the store refuses the event. The same event is always refused, or never.
    pub(crate) fn poisoned(&self) -> bool {
        self.identity.is_some_and(|identity| identity % 7 == 0)
    }
}

/// One thing that happens.
#[derive(Debug, Clone)]
pub(crate) enum Op {
    /// A client posts a batch, perhaps under a key that it or another one used before.
    Post { key: Option<u8>, events: Vec<Spec> },
    /// The client of an earlier post sends it again, key and all.
    Repeat { post: usize },
    /// The worker does one round.
    Work,
    /// Server and worker die and start again: claims and what the door remembers are gone.
    Crash,
    /// Time passes.
    Pass { minutes: u16 },
    /// The wall clock is set wrong, or right again.
    Step { hours: i8 },
}

/// The same event always says the same: which of two copies is stored then makes no difference,
/// and entries may overtake each other, as they do when a worker dies.
fn spec() -> impl Strategy<Value = Spec> {
    let minimal = (prop::bool::weighted(0.3), 0_u8..6, prop::option::of(0_u16..3_000)).prop_map(
        |(failed, error, ms)| Spec {
            identity: None,
            failed,
            // A call that did not fail has no type of error: the bodies are the same, whatever is drawn.
            error: if failed { error } else { 0 },
            ms,
        },
    );
    let itself = (0_u8..24).prop_map(|identity| Spec {
        identity: Some(identity),
        failed: identity % 5 == 0,
        error: identity % 4,
        ms: (identity % 3 > 0).then(|| u16::from(identity) * 100),
    });
    prop_oneof![2 => minimal, 3 => itself]
}

fn op() -> impl Strategy<Value = Op> {
    let post = (prop::option::weighted(0.3, 0_u8..4), prop::collection::vec(spec(), 1..5))
        .prop_map(|(key, events)| Op::Post { key, events });
    prop_oneof![
        5 => post,
        2 => (0_usize..8).prop_map(|post| Op::Repeat { post }),
        5 => Just(Op::Work),
        1 => Just(Op::Crash),
        1 => (1_u16..600).prop_map(|minutes| Op::Pass { minutes }),
        1 => (-2_i8..=2).prop_map(|hours| Op::Step { hours }),
    ]
}

/// Runs one list with a world that fails at about `percent` of all steps, then lets it recover.
async fn run(ops: &[Op], seed: u64, percent: u64) -> Result<World, TestCaseError> {
    let world = World::new(seed, percent);
    let mut model = Model::default();
    for op in ops {
        match op {
            Op::Post { key, events } => model.posted(world.post(*key, events).await)?,
            Op::Repeat { post } => {
                if let Some((key, events)) = model.post(*post) {
                    model.posted(world.post(key, &events).await)?;
                }
            }
            Op::Work => world.work().await,
            Op::Crash => world.crash(),
            Op::Pass { minutes } => world.pass(*minutes),
            Op::Step { hours } => world.step_wall(*hours),
        }
    }
    world.recover().await;
    model.check(&world)?;
    Ok(world)
}

#[test]
fn whatever_fails_the_numbers_are_those_of_the_model() {
    let lists = std::env::var("SIMULATED_LISTS").map_or(2_000, |text| text.parse().unwrap());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let mut failures = std::collections::BTreeMap::<&str, u64>::new();
    let strategy = (prop::collection::vec(op(), 1..25), any::<u64>(), 0_u64..25);
    let mut runner = TestRunner::new(Config {
        cases: lists,
        failure_persistence: None,
        max_shrink_iters: 20_000,
        ..Config::default()
    });
    let seen = std::cell::RefCell::new(&mut failures);
    let result = runner.run(&strategy, |(ops, seed, percent)| {
        let world = runtime.block_on(run(&ops, seed, percent))?;
        for (point, count) in world.failures() {
            *seen.borrow_mut().entry(point).or_default() += count;
        }
        Ok(())
    });
    if let Err(error) = result {
        panic!("{error}");
    }
    // Every step of append, transaction and acknowledgement has failed, before and after.
    for step in [
        "append",
        "claim",
        "acknowledge",
        "mark_entries",
        "claim_batches",
        "claim_events",
        "release_events",
        "admit_values",
        "insert_events",
        "insert_dead_letters",
        "merge_rollups",
        "settle",
        "commit",
    ] {
        for side in ["before", "after"] {
            let point = format!("{step}.{side}");
            assert!(failures.contains_key(point.as_str()), "{point} never failed: {failures:?}");
        }
    }
    println!("{lists} lists, {} failures", failures.values().sum::<u64>());
}
