//! Flags, segments and environments: the one door through which they are written, and the place they are read from.
//!
//! Reading is a load of one pointer ([`Environments::state`]): the evaluate endpoints never wait for a writer and never
//! touch the store. Writing goes through [`Environments::write`] and nowhere else: [`plan::plan`] says what a draft comes to, the
//! store takes the commit whole, the new state goes in, the publishers are told. One writer at a time in this process; another
//! process on the same store is noticed by the commit ([`StoreError::Stale`]: load, plan again) and by [`Environments::refresh`].

pub mod exchange;
pub mod plan;
pub mod published;
pub mod refusal;
pub mod state;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use jackstaff::ruleset::Problem;
use tokio::sync::watch;

use crate::clock::Clock;
use crate::histogram::Histogram;
use crate::publish::Publisher;
use crate::random;
use crate::store::{FlagStore, PartName, Record, Standing, StoreError};
use plan::{Draft, Plan, plan};
use published::Published;
use refusal::Refusal;
use state::State;

/// How long a write is tried again when other processes are faster. Each loses only to one that wins, so somebody always gets on.
const PATIENCE: Duration = Duration::from_secs(5);

/// What a write did.
#[derive(Debug, Default)]
pub struct Outcome {
    /// Its number in the audit log; `None` if it changed nothing.
    pub audit: Option<u64>,
    /// The environments that moved and where they stand.
    pub moved: BTreeMap<Arc<str>, Standing>,
    /// The parts that were written, as they are now.
    pub parts: BTreeMap<PartName, Record>,
    /// What somebody should look at.
    pub warnings: Vec<Problem>,
}

/// A moment in a store's life.
#[derive(Clone, Copy)]
struct Moment {
    /// [`FlagStore::stamp`] when the store was last read.
    stamp: u64,
    /// The last audit entry that is in the state.
    head: u64,
}

/// All environments of a store.
pub struct Environments {
    store: Arc<dyn FlagStore>,
    publishers: Vec<Arc<dyn Publisher>>,
    clock: Clock,
    state: ArcSwap<State>,
    /// Counts the states that were put in; changes after the new one is there.
    installed: watch::Sender<u64>,
    /// From commits, by whichever service, to their being served here.
    applied: Histogram,
    /// The moment of the store that `state` is of; held by whoever changes `state`.
    writer: Mutex<Moment>,
}

impl Environments {
    /// Loads what the store holds.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn open(store: Arc<dyn FlagStore>, publishers: Vec<Arc<dyn Publisher>>, clock: Clock) -> Result<Self, StoreError> {
        let stored = store.load()?;
        let moment = Moment { stamp: stored.stamp, head: stored.head };
        let state = State::load(stored, &State::default());
        for published in state.environments.values() {
            publishers.iter().for_each(|publisher| publisher.publish(published));
        }
        Ok(Self {
            store,
            publishers,
            clock,
            state: ArcSwap::from_pointee(state),
            installed: watch::Sender::new(0),
            applied: Histogram::default(),
            writer: Mutex::new(moment),
        })
    }

    /// Everything as of the last commit.
    pub fn state(&self) -> Arc<State> {
        self.state.load_full()
    }

    /// What an environment serves.
    ///
    /// # Errors
    /// There is no environment of that name.
    pub fn published(&self, environment: &str) -> Result<Arc<Published>, Refusal> {
        let state = self.state.load();
        state.environments.get(environment).cloned().ok_or_else(|| Refusal::NoEnvironment(environment.chars().take(128).collect()))
    }

    /// Changes whenever something else is served, after it is.
    pub fn installed(&self) -> watch::Receiver<u64> {
        self.installed.subscribe()
    }

    /// How long it took from commits, by whichever service, to their being served here.
    pub fn applied(&self) -> &Histogram {
        &self.applied
    }

    /// The store, for what is not flags: keys and the audit log.
    pub fn store(&self) -> &Arc<dyn FlagStore> {
        &self.store
    }

    /// Milliseconds since 1970.
    pub fn now(&self) -> i64 {
        (self.clock)()
    }

    /// What a draft would do, without doing it.
    ///
    /// # Errors
    /// As [`Environments::write`].
    pub fn rehearse(&self, draft: &Draft) -> Result<Outcome, Refusal> {
        Ok(outcome(None, plan(&self.state.load(), draft)?).0)
    }

    /// Does what `draft` says, whole or not at all. Blocks on the store: not to be called on an async thread.
    ///
    /// # Errors
    /// The draft does not fit what is there, the flags that would come out have mistakes, or the store fails.
    pub fn write(&self, draft: &Draft) -> Result<Outcome, Refusal> {
        // A panic of another writer left `state` as it was: it is swapped whole, at the end.
        let mut moment = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        let started = Instant::now();
        let mut pause = 2;
        // What another process wrote a moment ago is planned upon: else a draft that undoes it would seem to change nothing.
        if self.store.stamp()? != moment.stamp {
            self.reload(&mut moment)?;
        }
        loop {
            let mut plan = plan(&self.state.load(), draft)?;
            if plan.is_empty() {
                return Ok(outcome(None, plan).0);
            }
            // What is planned is right only for the state it was planned on, so whatever anybody else wrote since makes it stale.
            plan.commit.seen = Some(moment.stamp);
            match self.store.commit(&plan.commit) {
                Ok(audit) => {
                    let moved = plan.commit.moves.len();
                    let note = &plan.commit.note;
                    tracing::info!(audit, actor = note.actor, action = note.action, what = note.target, moved, "committed");
                    let (outcome, next) = outcome(Some(audit), plan);
                    moment.head = audit; // nobody committed in between: the store would have said so
                    self.install(next);
                    return Ok(outcome);
                }
                Err(StoreError::Stale) if started.elapsed() < PATIENCE => {
                    std::thread::sleep(Duration::from_millis(random::jitter(pause)));
                    pause = (pause * 2).min(100);
                    self.reload(&mut moment)?;
                }
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Takes over what another process has written to the store. Cheap if nothing was. Blocks on the store.
    ///
    /// # Errors
    /// The store cannot be read; what was known stays.
    pub fn refresh(&self) -> Result<(), StoreError> {
        let mut moment = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        if self.store.stamp()? == moment.stamp { Ok(()) } else { self.reload(&mut moment) }
    }

    /// Reads what others wrote: only that, where it is little, else everything.
    fn reload(&self, moment: &mut Moment) -> Result<(), StoreError> {
        let state = self.state.load_full();
        if let Some(recent) = self.store.load_since(moment.head)? {
            let now = Moment { stamp: recent.stamp, head: recent.head };
            if let Some(next) = state.after(recent) {
                *moment = now;
                self.install(next);
                return Ok(());
            }
        }
        let stored = self.store.load()?;
        *moment = Moment { stamp: stored.stamp, head: stored.head };
        self.install(State::load(stored, &state));
        Ok(())
    }

    fn install(&self, next: State) {
        let next = Arc::new(next);
        let last = self.state.swap(next.clone());
        let now = self.now();
        for (name, published) in &next.environments {
            let is_newer = last.environments.get(name).is_some_and(|last| last.ruleset.version < published.ruleset.version);
            if is_newer && published.committed_at > 0 {
                self.applied.observe(now - published.committed_at);
            }
        }
        for publisher in &self.publishers {
            for (name, published) in &next.environments {
                if last.environments.get(name).is_none_or(|last| last.standing() != published.standing()) {
                    publisher.publish(published);
                }
            }
            last.environments.keys().filter(|name| !next.environments.contains_key(*name)).for_each(|name| publisher.close(name));
        }
        self.installed.send_modify(|count| *count += 1);
    }
}

fn outcome(audit: Option<u64>, plan: Plan) -> (Outcome, State) {
    let moves = plan.commit.moves.iter();
    let moved =
        moves.map(|change| (change.environment.clone(), Standing { epoch: change.epoch.clone(), version: change.version })).collect();
    let written = plan.commit.parts.iter().map(|write| &write.part);
    let parts = written.filter_map(|part| Some((part.clone(), plan.next.parts.get(part)?.clone()))).collect();
    (Outcome { audit, moved, parts, warnings: plan.warnings }, plan.next)
}

/// The id of a new environment's life.
///
/// # Errors
/// The operating system gives no random numbers.
pub fn new_epoch() -> Result<Arc<str>, StoreError> {
    random::text(12).map(Into::into).map_err(StoreError::Failed)
}
