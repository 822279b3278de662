//! Answers from the config service: memory first, then the cache that the fleet shares, then one trip for all that is missing.
//!
//! The same question asked at the same time by many is one errand (single flight). An errand runs on the client's own
//! runtime, so it neither needs the caller's executor nor ends when the caller loses patience: its answer is kept for the next.
//! What it brings is served only if nothing newer is known by then; a service that lags is asked once more, for the version that is known.
//! When nobody can say, the last known answer is served, with its age, while `max_stale` allows; else the caller's default.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use futures_util::FutureExt;
use futures_util::future::{BoxFuture, Shared, join_all};
use tokio::runtime::Handle;

use super::errand::{Answers, Errand};
use crate::api::Api;
use crate::cache::known::Applied;
use crate::cache::{Key, Memory, Redis};
use crate::change::Change;
use crate::context::{Context, View};
use crate::error::{Error, ErrorKind};
use crate::evaluation::{ErrorCode, Evaluation, Origin, Reason};
use crate::ir::ValueType;
use crate::value::Value;
use crate::wire::MAX_BATCH;

/// The most errands that are under way at a time; beyond it a check gets the last known answer or its default at once.
const MAX_ERRANDS: usize = 1_024;

type Trip = Shared<BoxFuture<'static, Answers>>;
/// The errands under way, by what they are for: these keys, and whether there is an answer that is to be younger.
type Trips = Arc<Mutex<HashMap<(Vec<Key>, bool), Trip>>>;

/// The service as a source of answers.
pub struct Remote {
    api: Arc<Api>,
    memory: Arc<Memory>,
    shared: Option<Arc<Redis>>,
    trips: Trips,
    runtime: Handle,
    timeout: Duration,
    max_stale: Option<Duration>,
    /// The wall clock, in milliseconds since 1970: ages are told to other processes by it.
    clock: fn() -> i64,
}

impl Remote {
    /// A source over `api`. `memory` is where answers are kept, `shared` where they are shared.
    pub fn new(
        api: Arc<Api>,
        memory: Memory,
        shared: Option<Arc<Redis>>,
        runtime: Handle,
        timeout: Duration,
        max_stale: Option<Duration>,
        clock: fn() -> i64,
    ) -> Self {
        Self { api, memory: Arc::new(memory), shared, trips: Arc::default(), runtime, timeout, max_stale, clock }
    }

    /// The answer from memory, if there is a good one. One that is about to expire is refreshed in the background.
    pub fn peek(&self, flag: &str, context: View<'_>, wanted: Option<ValueType>, default: &Value) -> Option<Evaluation> {
        let now = Instant::now();
        let hit = self.memory.get(Key::new(flag, context), flag, now)?;
        if hit.refresh {
            // If there are too many errands already, the entry lives until its end.
            drop(self.trip(&[flag], context, true));
        }
        Some(finish(flag, hit.held.answer.as_ref(), Origin::Memory, now.saturating_duration_since(hit.held.at), wanted, default))
    }

    /// The answers about `flags`, one each, in order, and what went wrong, if something did. Never fails and never takes longer than the
    /// deadline.
    pub async fn evaluate(
        &self,
        flags: &[&str],
        context: View<'_>,
        wanted: Option<ValueType>,
        default: &Value,
    ) -> (Vec<Evaluation>, Option<Arc<Error>>) {
        let mut trouble = None;
        let mut answers: Vec<Option<Evaluation>> = flags.iter().map(|flag| self.peek(flag, context, wanted, default)).collect();
        let mut missing: Vec<&str> = flags.iter().zip(&answers).filter(|(_, answer)| answer.is_none()).map(|(flag, _)| *flag).collect();
        missing.sort_unstable();
        missing.dedup();
        // All at once: the deadline is the whole batch's.
        let trips: Vec<(&[&str], Option<Trip>)> = missing.chunks(MAX_BATCH).map(|part| (part, self.trip(part, context, false))).collect();
        let (parts, trips): (Vec<_>, Vec<_>) = trips.into_iter().unzip();
        let brought = join_all(trips.into_iter().map(async |trip| match trip {
            Some(trip) => Some(trip.await),
            None => None,
        }));
        for (part, brought) in parts.into_iter().zip(brought.await) {
            for (flag, answer) in flags.iter().zip(&mut answers).filter(|(_, answer)| answer.is_none()) {
                let Ok(place) = part.binary_search(flag) else { continue };
                *answer = Some(match brought.as_ref().and_then(|brought| brought.get(place)) {
                    Some(Ok(brought)) => finish(flag, brought.answer.as_ref(), brought.origin, brought.age, wanted, default),
                    Some(Err(error)) => {
                        trouble = Some(error.clone());
                        self.without_service(flag, context, wanted, default, error)
                    }
                    // Too many at once is our own doing, and says nothing of the service.
                    None => {
                        let error = Error::new(ErrorKind::Unavailable, format!("{MAX_ERRANDS} errands are under way already"));
                        self.without_service(flag, context, wanted, default, &error)
                    }
                });
            }
        }
        let answers = answers.into_iter().zip(flags);
        let answers = answers.map(|(answer, flag)| answer.unwrap_or_else(|| Evaluation::default(flag, default.clone(), Reason::Error)));
        (answers.collect(), trouble)
    }

    /// A change was heard of: what it makes old is not served from now on, nor what is under way, if it turns out to be older.
    pub fn changed(&self, change: &Change) -> Applied {
        self.memory.change(change, (self.clock)())
    }

    /// The newest epoch and version that are known.
    pub fn known(&self) -> (Arc<str>, u64) {
        self.memory.read(|known| (known.epoch().clone(), known.version()))
    }

    /// How many answers are held in memory, and about how many bytes they take.
    pub fn size(&self) -> (usize, u64) {
        self.memory.size()
    }

    /// The breaker's state as a word, and how many requests were sent again.
    pub fn patience(&self) -> (&'static str, u64) {
        self.api.patience()
    }

    /// The trip for these flags: the one under way, or a new one. `None` if there are too many.
    fn trip(&self, flags: &[&str], context: View<'_>, refresh: bool) -> Option<Trip> {
        let place = (flags.iter().map(|flag| Key::new(flag, context)).collect::<Vec<_>>(), refresh);
        let mut trips = self.trips.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(trip) = trips.get(&place) {
            return Some(trip.clone());
        }
        if trips.len() >= MAX_ERRANDS {
            return None;
        }
        let errand = Errand {
            api: self.api.clone(),
            memory: self.memory.clone(),
            shared: self.shared.clone(),
            flags: flags.iter().map(|flag| (*flag).into()).collect(),
            keys: place.0.clone(),
            context: Context::from(context),
            refresh,
            clock: self.clock,
        };
        let (timeout, home, count) = (self.timeout, self.trips.clone(), flags.len());
        let end = Departure { home, place: place.clone() };
        let task = self.runtime.spawn(async move {
            let _end = end;
            match tokio::time::timeout(timeout, errand.run()).await {
                Ok(answers) => answers,
                Err(_) => failed(count, Error::new(ErrorKind::Timeout, format!("the config service did not answer within {timeout:?}"))),
            }
        });
        let lost = move |_| failed(count, Error::new(ErrorKind::Closed, "the errand to the config service was given up"));
        let trip = task.map(move |joined| joined.unwrap_or_else(lost)).boxed().shared();
        trips.insert(place, trip.clone());
        Some(trip)
    }

    /// The last known answer with its age, or the caller's default.
    fn without_service(&self, flag: &str, context: View<'_>, wanted: Option<ValueType>, default: &Value, error: &Error) -> Evaluation {
        if let Some(held) = self.memory.last(Key::new(flag, context), flag) {
            let age = held.at.elapsed();
            if held.answer.is_some() && self.max_stale.is_none_or(|most| age <= most) {
                return finish(flag, held.answer.as_ref(), Origin::Memory, age, wanted, default);
            }
        }
        tracing::debug!(flag, %error, "no answer from the config service");
        Evaluation::default(flag, default.clone(), Reason::Error)
    }
}

/// Takes the errand off the list, however it ends.
struct Departure {
    home: Trips,
    place: (Vec<Key>, bool),
}

impl Drop for Departure {
    fn drop(&mut self) {
        self.home.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.place);
    }
}

fn failed(count: usize, error: Error) -> Answers {
    let error = Arc::new(error);
    (0..count).map(|_| Err(error.clone())).collect()
}

fn finish(
    flag: &str,
    answer: Option<&Evaluation>,
    origin: Origin,
    age: Duration,
    wanted: Option<ValueType>,
    default: &Value,
) -> Evaluation {
    let refuse = |code: ErrorCode| Evaluation { error: Some(code), age, ..Evaluation::default(flag, default.clone(), code.reason()) };
    match answer {
        None => refuse(ErrorCode::FlagNotFound),
        Some(answer) if wanted.is_some_and(|wanted| !wanted.admits(&answer.value)) => refuse(ErrorCode::TypeMismatch),
        Some(answer) => Evaluation { origin, age, ..answer.clone() },
    }
}
