//! What can happen next, and what it leads to.

use std::fmt;

use stateright::{Model, Property};

use crate::actors::{Flight, Guide, Resync};
use crate::state::{Commit, Entry, Promise, State, Stored};
use crate::world::World;

/// Something that happens. Clients of ours are counted from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Time passes.
    Tick,
    /// A write; whether it changes our flag.
    Commit(bool),
    /// The store is replaced by an older copy of itself, of this version, in a new epoch.
    Restore(u8),
    /// The second replica takes in one more commit.
    Replicate,
    /// A client asks the service, and a replica of this version evaluates.
    Ask(usize, u8),
    /// A client reads Redis.
    Look(usize),
    /// What is under way for a client's caller comes to its end.
    Arrive(usize, usize),
    /// What is under way for a client's caller is lost.
    Lose(usize, usize),
    /// A client answers from memory.
    Serve(usize),
    /// The event of a commit reaches a client: epoch and version.
    Hear(usize, u8, u8),
    /// A client asks a replica of this version what is newer.
    Resync(usize, u8),
    /// The answer to that is here.
    Learn(usize),
    /// The guide's client asks the service, and a replica of this version evaluates.
    GuideFetch(u8),
    /// The guide's client writes what it fetched.
    GuideStore,
    /// An event reaches the guide's client, which deletes the key.
    GuideHear(u8, u8),
    /// The guide's client answers from Redis.
    GuideServe,
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Tick => write!(f, "time passes"),
            Self::Commit(true) => write!(f, "a write changes the flag"),
            Self::Commit(false) => write!(f, "a write changes another flag"),
            Self::Restore(version) => write!(f, "the store is restored from a backup of version {version}, in a new epoch"),
            Self::Replicate => write!(f, "the second replica catches up by one commit"),
            Self::Ask(who, version) => write!(f, "client {who} asks; a replica at version {version} evaluates"),
            Self::Look(who) => write!(f, "client {who} reads Redis"),
            Self::Arrive(who, caller) => write!(f, "client {who}: what is under way for caller {caller} arrives"),
            Self::Lose(who, caller) => write!(f, "client {who}: what is under way for caller {caller} is lost"),
            Self::Serve(who) => write!(f, "client {who} answers from memory"),
            Self::Hear(who, epoch, version) => write!(f, "client {who} hears of version {version} of epoch {epoch}"),
            Self::Resync(who, version) => write!(f, "client {who} asks a replica at version {version} what is newer"),
            Self::Learn(who) => write!(f, "client {who} learns what is newer"),
            Self::GuideFetch(version) => write!(f, "the guide's client asks; a replica at version {version} evaluates"),
            Self::GuideStore => write!(f, "the guide's client: SETEX of what it fetched"),
            Self::GuideHear(_, version) => write!(f, "the guide's client hears of version {version}: KEYS, DEL"),
            Self::GuideServe => write!(f, "the guide's client answers from Redis"),
        }
    }
}

impl Model for World {
    type State = State;
    type Action = Step;

    fn init_states(&self) -> Vec<State> {
        vec![State::first(self)]
    }

    fn properties(&self) -> Vec<Property<Self>> {
        // One property for the three promises: the search ends at the first state that breaks it, so the trace is a shortest one.
        vec![Property::always("every promise holds", |_, state: &State| state.broken.is_none())]
    }

    fn actions(&self, state: &State, steps: &mut Vec<Step>) {
        if state.broken.is_some() {
            return;
        }
        let (version, epoch) = (state.version(), state.epoch());
        if state.now < self.ticks && !self.replica_is_late(state) {
            steps.push(Step::Tick);
        }
        if version < self.versions {
            steps.extend([Step::Commit(true), Step::Commit(false)]);
        }
        if epoch + 1 < self.epochs {
            steps.extend((0..version).map(Step::Restore));
        }
        if state.replica < version {
            steps.push(Step::Replicate);
        }
        let replicas = [version, state.replica];
        let replicas = &replicas[..if state.replica < version { 2 } else { 1 }];
        let announced = state.history.iter().enumerate().flat_map(|(epoch, commits)| {
            let announced = commits.iter().enumerate().filter(|(_, commit)| commit.is_announced);
            announced.map(move |(place, _)| (epoch as u8, place as u8 + 1))
        });
        let announced: Vec<(u8, u8)> = announced.collect();
        for (who, client) in state.clients.iter().enumerate() {
            if client.flights[..self.callers].contains(&None) {
                steps.extend(replicas.iter().map(|version| Step::Ask(who, *version)));
                steps.extend(state.redis.map(|_| Step::Look(who)));
            }
            for caller in (0..2).filter(|caller| client.flights[*caller].is_some()) {
                steps.extend([Step::Arrive(who, caller), Step::Lose(who, caller)]);
            }
            steps.extend(client.memory.map(|_| Step::Serve(who)));
            steps.extend(announced.iter().map(|(epoch, version)| Step::Hear(who, *epoch, *version)));
            match client.resync {
                None => steps.extend(replicas.iter().map(|version| Step::Resync(who, *version))),
                Some(_) => steps.push(Step::Learn(who)),
            }
        }
        if let Some(guide) = &state.guide {
            match guide.fetched {
                None => steps.extend(replicas.iter().map(|version| Step::GuideFetch(*version))),
                Some(_) => steps.push(Step::GuideStore),
            }
            steps.extend(announced.iter().map(|(epoch, version)| Step::GuideHear(*epoch, *version)));
            // In company it is not the one that is judged.
            steps.extend(state.redis.filter(|_| self.ours == 0).map(|_| Step::GuideServe));
        }
    }

    fn next_state(&self, last: &State, step: Step) -> Option<State> {
        let mut state = last.clone();
        match step {
            Step::Tick => self.tick(&mut state),
            Step::Commit(changes) => {
                let commit = Commit { changes, at: state.now, is_announced: true };
                state.history.last_mut()?.push(commit);
                if self.lag == 0 {
                    state.replica = state.version();
                }
            }
            Step::Restore(version) => {
                let backup = state.history.last()?[..usize::from(version)].iter().map(|commit| Commit { is_announced: false, ..*commit });
                let backup = backup.collect();
                state.history.push(backup);
                state.replica = version;
            }
            Step::Replicate => state.replica += 1,
            Step::Ask(who, version) => {
                let answer = Flight::Answer(state.evaluate(version));
                let caller = self.free(&state, who)?;
                state.clients[who].flights[caller] = Some(answer);
            }
            Step::Look(who) => {
                let stored = state.redis?;
                let caller = self.free(&state, who)?;
                state.clients[who].flights[caller] = Some(Flight::Read(stored.entry, stored.has_version));
            }
            Step::Arrive(who, caller) => self.arrive(&mut state, who, caller)?,
            Step::Lose(who, caller) => state.clients[who].flights[caller] = None,
            Step::Serve(who) => {
                let (entry, kept) = state.clients[who].memory?;
                if state.clients[who].may_serve(self.rules, entry, kept, self.local_ttl, state.now) {
                    self.serve(&mut state, who, entry);
                }
            }
            Step::Hear(who, epoch, version) => {
                let changes = state.history[usize::from(epoch)][usize::from(version) - 1].changes;
                state.clients[who].hear(self.rules, epoch, version, changes);
            }
            Step::Resync(who, version) => {
                let (epoch, floor) = (state.epoch(), state.stamp(version));
                state.clients[who].resync = Some(Resync { epoch, version, floor });
            }
            Step::Learn(who) => {
                let resync = state.clients[who].resync.take()?;
                state.clients[who].learn(self.rules, resync);
            }
            Step::GuideFetch(version) => {
                let entry = state.evaluate(version);
                state.guide.as_mut()?.fetched = Some(entry);
            }
            Step::GuideStore => {
                let entry = state.guide.as_mut()?.fetched.take()?;
                state.redis = Some(Guide::store(entry, state.now, self.cache_ttl));
            }
            Step::GuideHear(epoch, version) => {
                let changes = state.history[usize::from(epoch)][usize::from(version) - 1].changes;
                if changes {
                    let guide = state.guide.as_mut()?;
                    guide.processed = guide.processed.max((epoch, version));
                    state.redis = None;
                }
            }
            Step::GuideServe => {
                let entry = state.redis?.entry;
                let guide = state.guide.as_mut()?;
                let before = guide.served;
                guide.served = before.max((entry.epoch, entry.version));
                state.broken = judge(entry, guide.processed, before);
            }
        }
        state.clients.iter_mut().for_each(|client| client.flights[..self.callers].sort_by_key(|flight| (flight.is_none(), *flight)));
        (state != *last).then_some(state)
    }
}

impl World {
    fn replica_is_late(&self, state: &State) -> bool {
        let missing = state.history.last().and_then(|commits| commits.get(usize::from(state.replica)));
        missing.is_some_and(|commit| commit.at + self.lag <= state.now)
    }

    fn free(&self, state: &State, who: usize) -> Option<usize> {
        state.clients[who].flights[..self.callers].iter().position(Option::is_none)
    }

    /// Time passes: a request ends within the step it was made in (its deadline is far below a time to live), and Redis
    /// drops what has had its time.
    fn tick(&self, state: &mut State) {
        state.now += 1;
        for client in &mut state.clients {
            client.flights = [None; 2];
            client.resync = None;
        }
        if let Some(guide) = &mut state.guide {
            guide.fetched = None;
        }
        state.redis = state.redis.filter(|stored| state.now <= stored.until);
    }

    fn arrive(&self, state: &mut State, who: usize, caller: usize) -> Option<()> {
        let now = state.now;
        let client = &mut state.clients[who];
        match client.flights[caller].take()? {
            Flight::Answer(entry) => {
                if entry.epoch != client.epoch {
                    client.is_sure = false; // which of the two it is, only the service can say
                    client.resync = None;
                }
                if client.fill(self.rules, entry, true, self, now) {
                    client.flights[caller] = Some(Flight::Write(entry));
                    self.serve(state, who, entry);
                }
            }
            Flight::Read(entry, has_version) => {
                if client.fill(self.rules, entry, has_version, self, now) {
                    self.serve(state, who, entry);
                }
            }
            // A newer entry may have been written meanwhile. It does not matter: whoever reads this one compares versions.
            Flight::Write(entry) => {
                let until = if self.rules.age_from_evaluation { entry.at } else { now } + self.cache_ttl;
                state.redis = Some(Stored { entry, has_version: true, until });
            }
        }
        Some(())
    }

    fn serve(&self, state: &mut State, who: usize, entry: Entry) {
        let since = state.wrong_since(entry);
        let client = &mut state.clients[who];
        let before = client.served;
        client.served = before.max((entry.epoch, entry.version));
        let is_too_old = since.is_some_and(|since| since + self.lag + self.cache_ttl < state.now);
        state.broken = judge(entry, client.processed, before).or(is_too_old.then_some(Promise::G3));
    }
}

fn judge(entry: Entry, processed: (u8, u8), served: (u8, u8)) -> Option<Promise> {
    let age = (entry.epoch, entry.version);
    if age < processed {
        Some(Promise::G1)
    } else if age < served {
        Some(Promise::G2)
    } else {
        None
    }
}
