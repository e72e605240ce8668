//! The simulated clients: who they are, when they call and what they post.

use rand::distr::weighted::WeightedIndex;
use rand::rngs::Xoshiro256PlusPlus;
use rand::{RngExt, SeedableRng};
use rand_distr::{Distribution, Exp, Geometric, LogNormal, Poisson};
use stages::{ClientKey, Hour};

use super::Plan;
use super::call::{Call, Calls};
use super::usage::{HOURS, LEVELS, PLACES, RELEASES, WEEKDAYS};

/// The generator. Its stream is fixed by its definition, unlike that of rand's standard one, so that a
/// seed gives the same events in later releases too.
pub(super) type Random = Xoshiro256PlusPlus;

/// Calls that a client makes on an average day.
const CALLS_A_DAY: f64 = 16.0;
/// Fewest and most clients, for short and for very busy demos.
const CLIENTS: (f64, f64) = (12.0, 50_000.0);
/// Share of the clients that are there from the beginning, and of those that leave again.
const FROM_THE_START: f64 = 0.38;
const LEAVE: f64 = 0.14;
/// Share of the clients that never update, and the mean delay of the others, as a share of the time.
const NEVER_UPDATE: f64 = 0.09;
const UPDATE_DELAY: f64 = 0.055;
/// Spread of how busy clients are, and the busiest one, in multiples of the median.
const ACTIVITY_SPREAD: f64 = 0.8;
const MOST_ACTIVE: f64 = 5.0;
/// Events in a request: usually few, never more than a client's buffer holds.
const BATCH: f64 = 10.0;
const LARGEST_BATCH: u64 = 100;
/// Share of the requests that come an hour late, and of those that come twice.
const LATE: f64 = 0.05;
const TWICE: f64 = 0.004;
/// Share of the hours in which a client is used at all: people work in spells.
const AT_IT: f64 = 0.12;
/// Most calls that a client makes in such an hour, and most requests that it needs for them: within
/// the limits of the shipped stages, although they all come in the same minute.
const MOST_CALLS: u64 = 300;
const MOST_REQUESTS: u64 = 40;
/// Chance that such an hour begins a new session.
const NEW_SESSION: f64 = 0.45;

const GOLDEN_RATIO: f64 = 1.618_033_988_749_895;

/// One request.
#[derive(Clone)]
pub(super) struct Post {
    /// Who sends it.
    pub(super) client: ClientKey,
    /// Its `Idempotency-Key`.
    pub(super) key: Option<String>,
    /// Events in it.
    pub(super) events: u64,
    pub(super) body: Vec<u8>,
}

/// One installation of the client.
pub(super) struct Client {
    key: ClientKey,
    pub(super) country: &'static str,
    /// Hours ahead of UTC.
    ahead: i64,
    pub(super) level: &'static str,
    activity: f64,
    /// When it comes and goes, and how long it waits with an update: shares of the time.
    from: f64,
    until: f64,
    delay: f64,
    pub(super) session: u64,
    pub(super) sequence: u64,
}

impl Client {
    fn new(number: u64, random: &mut Random, draws: &Draws) -> Self {
        let (country, ahead, _) = PLACES[draws.place.sample(random)];
        let from = if random.random_bool(FROM_THE_START) {
            0.0
        } else {
            random.random::<f64>().powf(0.85)
        };
        let until = if random.random_bool(LEAVE) {
            from + random.random::<f64>() * (1.0 - from)
        } else {
            f64::INFINITY
        };
        let mut key = [0; 16];
        key[..8].copy_from_slice(&number.to_be_bytes());
        Self {
            key: ClientKey::from_bytes(key),
            country,
            ahead,
            level: level(number),
            activity: draws.activity.sample(random).min(MOST_ACTIVE),
            from,
            until,
            delay: if random.random_bool(NEVER_UPDATE) {
                f64::INFINITY
            } else {
                draws.delay.sample(random)
            },
            session: random.random(),
            sequence: 0,
        }
    }

    /// How busy it is in an hour, with the share of the time that has passed by then.
    fn busy(&self, hour: Hour, passed: f64) -> f64 {
        if !(self.from..self.until).contains(&passed) {
            return 0.0;
        }
        let local = hour.plus(self.ahead);
        let of_day = usize::try_from(local.epoch_hours().rem_euclid(24)).unwrap_or_default();
        // 1970-01-01 was a Thursday.
        let weekday = (local.day().epoch_days() + 3).rem_euclid(7);
        let weekday = usize::try_from(weekday).unwrap_or_default();
        self.activity * HOURS[of_day] * WEEKDAYS[weekday]
    }

    /// The release it runs: the newest when it came, and later ones after its delay.
    pub(super) fn version(&self, passed: f64) -> &'static str {
        let runs = |&&(_, at): &&(&str, f64)| at <= self.from || at + self.delay <= passed;
        RELEASES.iter().rev().find(runs).unwrap_or(&RELEASES[0]).0
    }
}

/// What the client with a number tells. Not drawn: a dozen clients should show every level as well.
fn level(number: u64) -> &'static str {
    let all: f64 = LEVELS.iter().map(|(_, weight)| weight).sum();
    // Multiples of the golden ratio lie evenly between the whole numbers, however many there are.
    let mut left = (number as f64 * GOLDEN_RATIO).fract() * all;
    for (level, weight) in LEVELS {
        if left < weight {
            return level;
        }
        left -= weight;
    }
    LEVELS[0].0
}

/// The distributions that clients are drawn from.
struct Draws {
    place: WeightedIndex<f64>,
    activity: LogNormal<f64>,
    delay: Exp<f64>,
    /// From hour to hour, around 1: nobody works by the clock.
    mood: LogNormal<f64>,
    batch: Geometric,
}

/// All clients, hour by hour.
pub(super) struct Traffic {
    random: Random,
    draws: Draws,
    calls: Calls,
    clients: Vec<Client>,
    start: Hour,
    end: Hour,
    /// Calls an hour for each unit of being busy.
    rate: f64,
    /// Requests that come in the next hour.
    late: Vec<Post>,
    /// Requests that come again on the next day.
    again: Vec<Post>,
}

impl Traffic {
    /// Clients that make about as many calls as planned.
    ///
    /// # Errors
    /// Never with the constants of this file; the distributions check theirs.
    pub(super) fn new(plan: &Plan) -> anyhow::Result<Self> {
        let mut random = Random::seed_from_u64(plan.seed);
        let draws = Draws {
            place: WeightedIndex::new(PLACES.map(|(.., weight)| weight))?,
            activity: LogNormal::new(0.0, ACTIVITY_SPREAD)?,
            delay: Exp::new(1.0 / UPDATE_DELAY)?,
            mood: LogNormal::new(-0.08, 0.4)?,
            batch: Geometric::new(1.0 / BATCH)?,
        };
        let a_day = plan.events as f64 / f64::from(plan.days.max(1));
        let count = (a_day / CALLS_A_DAY).clamp(CLIENTS.0, CLIENTS.1) as u64;
        let clients = (0..count).map(|number| Client::new(number, &mut random, &draws)).collect();
        let mut traffic = Self {
            random,
            draws,
            calls: Calls::new()?,
            clients,
            start: plan.start(),
            end: plan.end,
            rate: 1.0,
            late: Vec::new(),
            again: Vec::new(),
        };
        let busy: f64 = traffic.hours().map(|hour| traffic.busy(hour)).sum();
        traffic.rate = if busy > 0.0 { plan.events as f64 / busy } else { 0.0 };
        Ok(traffic)
    }

    fn hours(&self) -> impl Iterator<Item = Hour> + use<> {
        (self.start.epoch_hours()..self.end.epoch_hours()).map(Hour::from_epoch_hours)
    }

    fn busy(&self, hour: Hour) -> f64 {
        let passed = self.passed(hour);
        self.clients.iter().map(|client| client.busy(hour, passed)).sum()
    }

    /// The share of the time that has passed by an hour.
    fn passed(&self, hour: Hour) -> f64 {
        let hours = |until: Hour| (until.epoch_hours() - self.start.epoch_hours()) as f64;
        hours(hour) / hours(self.end).max(1.0)
    }

    /// The requests of an hour. Hours are asked for in order.
    pub(super) fn hour(&mut self, hour: Hour) -> Vec<Post> {
        let passed = self.passed(hour);
        let mut posts = std::mem::take(&mut self.late);
        let next = hour.plus(1);
        if hour == hour.day().start() {
            posts.append(&mut self.again);
        }
        for client in &mut self.clients {
            if !self.random.random_bool(AT_IT) {
                continue;
            }
            let mood = self.draws.mood.sample(&mut self.random);
            let rate = self.rate / AT_IT * mood * client.busy(hour, passed);
            // A rate of zero has no distribution.
            let Ok(calls) = Poisson::new(rate) else { continue };
            let mut left = (calls.sample(&mut self.random) as u64).min(MOST_CALLS);
            let least = left / MOST_REQUESTS;
            if self.random.random_bool(NEW_SESSION) {
                (client.session, client.sequence) = (self.random.random(), 0);
            }
            while left > 0 {
                let events = 1 + self.draws.batch.sample(&mut self.random).max(least);
                let events = events.min(LARGEST_BATCH).min(left);
                left -= events;
                let call = Call { client, hour, passed };
                let body = self.calls.body(call, events, &mut self.random);
                let mut post = Post { client: client.key, key: None, events, body };
                if self.random.random_bool(TWICE) && hour.day() < self.end.plus(-1).day() {
                    post.key = Some(format!("{:032x}", self.random.random::<u128>()));
                    self.again.push(post.clone());
                }
                let late = self.random.random_bool(LATE) && next < self.end && post.key.is_none();
                if late { self.late.push(post) } else { posts.push(post) }
            }
        }
        posts
    }
}

#[cfg(test)]
mod tests;
