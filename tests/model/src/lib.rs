//! An explicit-state model of how answers travel: every order of events that can happen to one flag and one user is tried, and
//! the first one that breaks a promise is printed, shortest first.
//!
//! What is modelled: a config service of two replicas, one of which lags; a channel of change events that loses, repeats and
//! reorders as it likes; one Redis that all share; clients of ours with a memory over it; and a client of the integration guide
//! that writes what it fetched without a version and deletes on events. Requests, answers and writes are separate steps, so
//! anything may happen while one is under way. Time runs in whole steps, as far as a world lets it.
//!
//! What is asked of it (ARCHITECTURE.md, "what the caches promise"):
//!
//! * **G1**: a client that has processed version n of a flag never again serves a result from before n.
//! * **G2**: for one client and one flag, results never go back.
//! * **G3**: a result that is served was right at most *replica lag + time to live* ago.
//!
//! [`World`] says how large a world is and by which [`Rules`] our clients live; taking one rule out has to break a promise, else
//! the rule would be idle, and the test says so. The exploration is `stateright`'s breadth-first search, so a trace that it
//! finds is a shortest one. The rules stand here a second time, in fewer words than in `core/src/cache`: a model that called the
//! real code could only explore what that code's threads do, not what a network does. The real code's own races are explored
//! next to it, in `core`.

mod actors;
mod state;
mod steps;
mod world;

pub use actors::{Client, Flight, Guide, Resync};
pub use state::{Commit, Entry, Promise, State, Stored};
pub use steps::Step;
pub use world::{Found, Rules, World};
