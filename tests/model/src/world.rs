//! How large a world is, by which rules our clients live in it, and what exploring it found.

use std::fmt;
use std::time::{Duration, Instant};

use stateright::{Checker, HasDiscoveries, Model};

use crate::state::{Promise, State};
use crate::steps::Step;

/// The rules of our clients. Each can be taken out, to see what it is for.
#[derive(Clone, Copy, Debug)]
pub struct Rules {
    /// An answer goes in only if nothing newer of its flag is known, tested at insertion.
    pub fill_test: bool,
    /// An entry in Redis that carries no version is a miss.
    pub needs_version: bool,
    /// Age runs from the evaluation through all layers, not from each insertion.
    pub age_from_evaluation: bool,
    /// After an event of another epoch, what is known is dropped only once the service has confirmed that epoch; what the event
    /// named holds from then on.
    pub keeps_floors_in_doubt: bool,
}

impl Rules {
    /// All of them.
    pub const OURS: Self = Self { fill_test: true, needs_version: true, age_from_evaluation: true, keeps_floors_in_doubt: true };
}

/// The size of a world.
#[derive(Clone, Copy, Debug)]
pub struct World {
    /// The most commits that the store has in an epoch.
    pub versions: u8,
    /// The most lives of the store.
    pub epochs: u8,
    /// How far time runs.
    pub ticks: u8,
    /// How many clients are ours.
    pub ours: usize,
    /// How many of the two callers of each of our clients are there.
    pub callers: usize,
    /// Whether a client of the guide shares the Redis.
    pub guide: bool,
    /// The most that the second replica lags behind, in steps of time; with 0 it does not lag at all.
    pub lag: u8,
    /// How long a result is good in memory.
    pub local_ttl: u8,
    /// How long a result is good in Redis.
    pub cache_ttl: u8,
    /// The rules of our clients.
    pub rules: Rules,
}

impl World {
    /// A world in which time stands still: everything that order alone can do.
    pub const STILL: Self =
        Self { versions: 2, epochs: 1, ticks: 0, ours: 1, callers: 1, guide: true, lag: 1, local_ttl: 1, cache_ttl: 2, rules: Rules::OURS };

    /// Tries every order of events, until a promise is broken or nothing is left to try.
    pub fn explore(self) -> Found {
        let begun = Instant::now();
        let checker = self.checker().finish_when(HasDiscoveries::Any).spawn_bfs().join();
        let (broken, trace) = match checker.discoveries().into_values().next() {
            None => (None, Vec::new()),
            Some(path) => {
                let broken = path.last_state().broken;
                (broken, path.into_actions())
            }
        };
        Found { world: self, states: checker.unique_state_count(), steps: checker.max_depth(), took: begun.elapsed(), broken, trace }
    }
}

/// What exploring a world found.
pub struct Found {
    /// The world.
    pub world: World,
    /// How many different states it has, as far as it was explored.
    pub states: usize,
    /// The most steps that lead to one of them.
    pub steps: usize,
    /// How long it took.
    pub took: Duration,
    /// The promise that can be broken in it, if one can.
    pub broken: Option<Promise>,
    /// A shortest way to break it.
    pub trace: Vec<Step>,
}

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { states, steps, took, .. } = self;
        match self.broken {
            None => write!(f, "sound: {states} states, up to {steps} steps deep, in {:.1} s", took.as_secs_f32()),
            Some(promise) => {
                writeln!(f, "{promise:?} breaks in {} steps ({states} states explored):", self.trace.len())?;
                self.trace.iter().enumerate().try_for_each(|(number, step)| writeln!(f, "  {}. {step}", number + 1))
            }
        }
    }
}

impl State {
    /// The first moment.
    pub(crate) fn first(world: &World) -> Self {
        Self {
            now: 0,
            history: vec![Vec::new()],
            replica: 0,
            redis: None,
            clients: vec![crate::Client::new(); world.ours],
            guide: world.guide.then(crate::Guide::default),
            broken: None,
        }
    }
}
