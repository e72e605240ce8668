//! A small world: two tools, three days, and some calls that come late. What must be released of it
//! is found by counting its calls one by one.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::future::Future;

use stages::Day;
use stages::rollup::Axis;
use stages::testing::scanned;

use super::{Fixture, MIN_CELL, entries, noon};
use crate::stats::release::SENSITIVE;
use crate::store::Database;
use crate::store::read::Cell;

pub(super) const COUNTRIES: [&str; 4] = ["CA", "DE", "MX", "US"];
pub(super) const VERSIONS: [&str; 4] = ["1.0.0", "1.1.0", "1.2.0", "1.3.0"];
const SERVICES: [&str; 4] = ["meteo", "noaa", "nws", "rain"];
const ERRORS: [&str; 4] = ["ApiError", "NetworkError", "ParseError", "TimeoutError"];
const TOOLS: [&str; 2] = ["get_alerts", "get_forecast"];
/// Calls of a tool on a day.
const CALLS: usize = 70;

/// Questions in words, and what was answered.
pub(super) type Answers = Vec<(String, Vec<Cell>)>;

/// A moment of the world.
pub(super) struct Moment<'f> {
    pub(super) store: &'f Database,
    pub(super) days: [Day; 3],
}

#[derive(Debug, Clone)]
struct Call {
    batch: u128,
    day: usize,
    tool: &'static str,
    hour: i64,
    failed: bool,
    ms: i64,
    late: bool,
    /// By country, version, service and error type.
    values: [&'static str; 4],
}

pub(super) struct World {
    calls: Vec<Call>,
}

/// Calls of a day, tool and value, as far as they had come at a moment.
#[derive(Debug, Clone)]
pub(super) struct Counted {
    day: Day,
    axis: Axis,
    tool: &'static str,
    value: &'static str,
    calls: u64,
    time_sum: u64,
}

impl Counted {
    /// Calls and times as one number, so that sums and differences of such numbers are those of both.
    pub(super) fn sum(&self) -> i128 {
        sum_of(self.calls, self.time_sum)
    }
}

pub(super) fn sum_of(calls: u64, time_sum: u64) -> i128 {
    (i128::from(calls) << 64) + i128::from(time_sum)
}

impl fmt::Display for Counted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { day, axis, tool, value, calls, time_sum } = self;
        write!(f, "{day} {} {tool} {value} {calls} {time_sum}", axis.as_str())
    }
}

struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 >> 11
    }

    fn below(&mut self, n: usize) -> usize {
        (self.next() % n as u64) as usize
    }

    fn shuffle<T>(&mut self, list: &mut [T]) {
        for at in (1..list.len()).rev() {
            list.swap(at, self.below(at + 1));
        }
    }
}

impl World {
    /// The world of a seed. `renamed` is the same world, but that on every day the names of two small
    /// cells of each tool and dimension are exchanged, and those of late calls are others.
    pub(super) fn new(seed: u64, renamed: bool) -> Self {
        let mut dice = Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let (mut calls, mut batch) = (Vec::new(), 0);
        for day in 0..3 {
            for tool in TOOLS {
                let columns = [COUNTRIES, VERSIONS, SERVICES, ERRORS]
                    .map(|names| column(&mut dice, names, renamed));
                let rows = (0..CALLS).map(|n| columns.each_ref().map(|column| column[n]));
                for values in rows {
                    batch += u128::from(dice.below(8) > 0);
                    let (hour, ms) = ([2, 9, 15][dice.below(3)], time(&mut dice));
                    let failed = dice.below(3) == 0;
                    calls.push(Call { batch, day, tool, hour, failed, ms, late: false, values });
                }
                batch += 1;
            }
        }
        for (day, tool) in [0, 1].into_iter().flat_map(|day| TOOLS.map(|tool| (day, tool))) {
            for n in 0..8 {
                batch += 1;
                let turned = n / 2 + usize::from(renamed);
                let values = [COUNTRIES, VERSIONS, SERVICES, ERRORS].map(|names| names[turned % 4]);
                let (failed, ms) = (n % 2 == 0, time(&mut dice));
                calls.push(Call { batch, day, tool, hour: 9, failed, ms, late: true, values });
            }
        }
        Self { calls }
    }

    /// The days of the world; the last is the one of the tests' noon.
    pub(super) fn days(&self) -> [Day; 3] {
        [2, 1, 0].map(|back| noon().day().plus(-back))
    }

    /// Lets everything happen, and looks at it when the last day is open and the one before it just
    /// over, when that one was decided on, after late calls, and when everything is decided on.
    pub(super) async fn live<'f, T, F: Future<Output = T>>(
        &self,
        f: &'f Fixture,
        look: impl Fn(Moment<'f>) -> F,
    ) -> Vec<T> {
        let days = self.days();
        let moment = || Moment { store: &f.db, days };
        let mut seen = Vec::new();
        self.send(f, |call| !call.late).await;
        f.clock.step_wall(days[2].start().unix_seconds() + 1_800);
        f.db.freeze(MIN_CELL).await.unwrap();
        seen.push(look(moment()).await);
        f.clock.step_wall(noon().unix_seconds());
        f.db.freeze(MIN_CELL).await.unwrap();
        seen.push(look(moment()).await);
        self.send(f, |call| call.late).await;
        seen.push(look(moment()).await);
        f.clock.step_wall(days[2].plus(1).start().plus(1).unix_seconds());
        f.db.freeze(MIN_CELL).await.unwrap();
        seen.push(look(moment()).await);
        assert_eq!(f.int("SELECT count(*) FROM frozen_days").await, 3);
        seen
    }

    async fn send(&self, f: &Fixture, which: impl Fn(&Call) -> bool) {
        let days = self.days();
        let event = |call: &Call| {
            let hour = days[call.day].start().plus(call.hour);
            let [country, version, service, error_type] = call.values;
            let event = scanned(call.tool).hour(hour).response_time_ms(call.ms);
            let event = event.country(country).version(version).service(service);
            let event = if call.failed { event.error(error_type) } else { event };
            (call.batch, noon(), event.build())
        };
        let calls = self.calls.iter().filter(|call| which(call)).map(event).collect();
        f.settle(entries(calls)).await;
    }

    /// The cells that the rule releases, as they were when their days were decided on.
    pub(super) fn released(&self) -> Vec<Counted> {
        let cells = self.cells(|call| !call.late);
        cells.into_iter().filter(|(_, released)| *released).map(|(cell, _)| cell).collect()
    }

    /// The cells that the rule withholds, as they were before and after late calls came.
    pub(super) fn withheld(&self) -> Vec<Counted> {
        let key = |cell: &Counted| (cell.day, cell.axis, cell.tool, cell.value);
        let released: BTreeSet<_> = self.released().iter().map(key).collect();
        let cells = self.cells(|call| !call.late).into_iter().chain(self.cells(|_| true));
        cells.map(|(cell, _)| cell).filter(|cell| !released.contains(&key(cell))).collect()
    }

    /// Every cell of some calls, and whether it has enough of them.
    fn cells(&self, which: impl Fn(&Call) -> bool) -> Vec<(Counted, bool)> {
        let mut cells = BTreeMap::<_, (Counted, [BTreeSet<u128>; 2])>::new();
        for call in self.calls.iter().filter(|call| which(call)) {
            for axis in SENSITIVE.into_iter().filter(|axis| carries(call, *axis)) {
                let (day, tool, value) = (self.days()[call.day], call.tool, value(call, axis));
                let none = Counted { day, axis, tool, value, calls: 0, time_sum: 0 };
                let (cell, batches) = cells
                    .entry((day, axis, tool, value))
                    .or_insert_with(|| (none, Default::default()));
                cell.calls += 1;
                cell.time_sum += u64::try_from(call.ms).unwrap();
                batches[usize::from(call.failed)].insert(call.batch);
            }
        }
        let enough = |number: usize| number >= MIN_CELL as usize;
        let judged = cells.into_values().map(|(cell, batches)| {
            let released = enough(cell.calls as usize) && batches.iter().any(|it| enough(it.len()));
            (cell, released)
        });
        judged.collect()
    }
}

/// The values that calls of a tool and day have on an axis: two names are rare.
fn column(dice: &mut Dice, mut names: [&'static str; 4], renamed: bool) -> Vec<&'static str> {
    dice.shuffle(&mut names);
    let [common, usual, rare, rarer] = names;
    let (rare, rarer) = if renamed { (rarer, rare) } else { (rare, rarer) };
    let mut column = [vec![rare; 7], vec![rarer; 6], vec![usual; 16]].concat();
    column.resize(CALLS, common);
    dice.shuffle(&mut column);
    column
}

fn time(dice: &mut Dice) -> i64 {
    (dice.next() % 2_000_000_000) as i64 + 1
}

fn carries(call: &Call, axis: Axis) -> bool {
    axis != Axis::ErrorType || call.failed
}

fn value(call: &Call, axis: Axis) -> &'static str {
    let [country, version, service, error_type] = call.values;
    match axis {
        Axis::Country => country,
        Axis::Version => version,
        Axis::Service => service,
        _ => error_type,
    }
}
