//! Answers from the config service: memory first, then one trip for all that is missing.
//!
//! The same question asked at the same time by many is one request (single flight). A trip runs on the client's own
//! runtime, so it neither needs the caller's executor nor ends when the caller loses patience: its answer is kept for the next.
//! When a trip fails, the last known answer is served, with its age, while `max_stale` allows; else the caller's default.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use futures_util::FutureExt;
use futures_util::future::{BoxFuture, Shared};
use tokio::runtime::Handle;

use crate::api::Api;
use crate::cache::{Held, Key, Memory};
use crate::context::{Context, View};
use crate::error::{Error, ErrorKind};
use crate::evaluation::{ErrorCode, Evaluation, Origin, Reason};
use crate::ir::ValueType;
use crate::value::Value;
use crate::wire::MAX_BATCH;

/// The most trips that are under way at a time; beyond it a check gets the last known answer or its default at once.
const MAX_TRIPS: usize = 1_024;

/// What a trip brings: one answer per flag that was asked about, `None` for flags that the service does not know.
type Answers = Result<Arc<[Option<Evaluation>]>, Arc<Error>>;
type Trip = Shared<BoxFuture<'static, Answers>>;

/// The service as a source of answers.
pub struct Remote {
    api: Arc<Api>,
    memory: Option<Arc<Memory>>,
    trips: Arc<Mutex<HashMap<Vec<Key>, Trip>>>,
    runtime: Handle,
    timeout: Duration,
    max_stale: Option<Duration>,
}

impl Remote {
    /// A source over `api`. `memory` is where answers are kept; without one every check is a trip.
    pub fn new(api: Arc<Api>, memory: Option<Memory>, runtime: Handle, timeout: Duration, max_stale: Option<Duration>) -> Self {
        Self { api, memory: memory.map(Arc::new), trips: Arc::default(), runtime, timeout, max_stale }
    }

    /// The answer from memory, if there is a good one.
    pub fn peek(&self, flag: &str, context: View<'_>, wanted: Option<ValueType>, default: &Value) -> Option<Evaluation> {
        let now = Instant::now();
        let held = self.memory.as_ref()?.get(Key::new(flag, context), now)?;
        Some(finish(flag, held.answer.as_ref(), Origin::Memory, now.saturating_duration_since(held.at), wanted, default))
    }

    /// The answers about `flags`, one each, in order. Never fails and never takes longer than the deadline.
    pub async fn evaluate(&self, flags: &[&str], context: View<'_>, wanted: Option<ValueType>, default: &Value) -> Vec<Evaluation> {
        let mut answers: Vec<Option<Evaluation>> = flags.iter().map(|flag| self.peek(flag, context, wanted, default)).collect();
        let mut missing: Vec<&str> = flags.iter().zip(&answers).filter(|(_, answer)| answer.is_none()).map(|(flag, _)| *flag).collect();
        missing.sort_unstable();
        missing.dedup();
        for part in missing.chunks(MAX_BATCH) {
            let brought = match self.trip(part, context) {
                Some(trip) => trip.await,
                None => {
                    Err(Arc::new(Error::new(ErrorKind::Unavailable, format!("{MAX_TRIPS} trips to the service are under way already"))))
                }
            };
            for (flag, answer) in flags.iter().zip(&mut answers).filter(|(_, answer)| answer.is_none()) {
                let Ok(place) = part.binary_search(flag) else { continue };
                *answer = Some(match &brought {
                    Ok(brought) => {
                        finish(flag, brought.get(place).and_then(Option::as_ref), Origin::Remote, Duration::ZERO, wanted, default)
                    }
                    Err(error) => self.without_service(flag, context, wanted, default, error),
                });
            }
        }
        let answers = answers.into_iter().zip(flags);
        answers.map(|(answer, flag)| answer.unwrap_or_else(|| Evaluation::default(flag, default.clone(), Reason::Error))).collect()
    }

    /// The trip for these flags: the one under way, or a new one. `None` if there are too many.
    fn trip(&self, flags: &[&str], context: View<'_>) -> Option<Trip> {
        let keys: Vec<Key> = flags.iter().map(|flag| Key::new(flag, context)).collect();
        let mut trips = self.trips.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(trip) = trips.get(&keys) {
            return Some(trip.clone());
        }
        if trips.len() >= MAX_TRIPS {
            return None;
        }
        let errand = Errand {
            api: self.api.clone(),
            memory: self.memory.clone(),
            flags: flags.iter().map(|flag| (*flag).to_owned()).collect(),
            context: Context::from(context),
            keys: keys.clone(),
        };
        let (timeout, home) = (self.timeout, self.trips.clone());
        let task = self.runtime.spawn(async move {
            let keys = errand.keys.clone();
            let answers = match tokio::time::timeout(timeout, errand.run()).await {
                Ok(answers) => answers,
                Err(_) => Err(Error::new(ErrorKind::Timeout, format!("the config service did not answer within {timeout:?}"))),
            };
            home.lock().unwrap_or_else(PoisonError::into_inner).remove(&keys);
            answers.map_err(Arc::new)
        });
        let lost = |_| Err(Arc::new(Error::new(ErrorKind::Closed, "the trip to the config service was given up")));
        let trip = task.map(move |joined| joined.unwrap_or_else(lost)).boxed().shared();
        trips.insert(keys, trip.clone());
        Some(trip)
    }

    /// The last known answer with its age, or the caller's default.
    fn without_service(&self, flag: &str, context: View<'_>, wanted: Option<ValueType>, default: &Value, error: &Error) -> Evaluation {
        let last = self.memory.as_ref().and_then(|memory| memory.last(Key::new(flag, context)));
        if let Some(held) = last {
            let age = held.at.elapsed();
            if held.answer.is_some() && self.max_stale.is_none_or(|most| age <= most) {
                return finish(flag, held.answer.as_ref(), Origin::Memory, age, wanted, default);
            }
        }
        tracing::debug!(flag, %error, "no answer from the config service");
        Evaluation::default(flag, default.clone(), Reason::Error)
    }
}

/// A trip's luggage.
struct Errand {
    api: Arc<Api>,
    memory: Option<Arc<Memory>>,
    flags: Vec<String>,
    keys: Vec<Key>,
    context: Context,
}

impl Errand {
    async fn run(self) -> Result<Arc<[Option<Evaluation>]>, Error> {
        let at = Instant::now();
        let answers: Vec<Option<Evaluation>> = match &*self.flags {
            [flag] => vec![self.api.evaluate(flag, self.context.view()).await?.map(|answer| self.read(flag, answer)).transpose()?],
            flags => {
                let mut brought = self.api.batch(flags, self.context.view()).await?;
                // Only what was asked for is taken; a flag that is left out is one that the service does not know.
                flags.iter().map(|flag| brought.remove(&**flag).and_then(|answer| answer.into_evaluation(flag))).collect()
            }
        };
        if let Some(memory) = &self.memory {
            for (key, answer) in self.keys.iter().zip(&answers) {
                memory.put(*key, Held { answer: answer.clone(), at });
            }
        }
        Ok(answers.into())
    }

    fn read(&self, flag: &str, answer: crate::wire::EvaluateResponse) -> Result<Evaluation, Error> {
        let message = || Error::new(ErrorKind::InvalidResponse, format!("the answer about flag \"{flag}\" has no \"enabled\""));
        answer.into_evaluation(flag).ok_or_else(message)
    }
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
