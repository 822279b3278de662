//! One errand: from a question to answers that may be served, by way of the shared cache and the service.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::api::{Api, AtLeast};
use crate::cache::{Entry, Fill, Held, Key, Known, Memory, Redis};
use crate::context::Context;
use crate::error::{Error, ErrorKind};
use crate::evaluation::{Evaluation, Origin};

/// An answer that an errand brought.
#[derive(Clone, Debug)]
pub struct Brought {
    /// The answer; `None` if the service knows no such flag.
    pub answer: Option<Evaluation>,
    /// From where.
    pub origin: Origin,
    /// How long ago it was evaluated.
    pub age: Duration,
}

/// One per flag that was asked about, in order.
pub type Answers = Arc<[Result<Brought, Arc<Error>>]>;

/// An errand's luggage.
pub struct Errand {
    /// The way to the service.
    pub api: Arc<Api>,
    /// Where answers are kept.
    pub memory: Arc<Memory>,
    /// Where answers are shared.
    pub shared: Option<Arc<Redis>>,
    /// What is asked.
    pub flags: Vec<Arc<str>>,
    /// Where the answers are kept, one per flag.
    pub keys: Vec<Key>,
    /// For whom.
    pub context: Context,
    /// Is there an answer, and a younger one wanted?
    pub refresh: bool,
    /// The wall clock, in milliseconds since 1970.
    pub clock: fn() -> i64,
}

impl Errand {
    /// Asks the shared cache, and the service for what it does not have.
    pub async fn run(self) -> Answers {
        let mut answers: Vec<Option<Result<Brought, Arc<Error>>>> = vec![None; self.flags.len()];
        if let Some(shared) = &self.shared {
            self.ask_shared(shared, &mut answers).await;
        }
        if answers.iter().any(Option::is_none) {
            self.ask_service(&mut answers).await;
        }
        let nobody = || Err(Arc::new(Error::new(ErrorKind::InvalidResponse, "nobody had an answer")));
        answers.into_iter().map(|answer| answer.unwrap_or_else(nobody)).collect()
    }

    async fn ask_shared(&self, shared: &Redis, answers: &mut [Option<Result<Brought, Arc<Error>>>]) {
        let ticket = self.memory.read(Known::ticket);
        let asked: Vec<(Key, &str)> = self.keys.iter().copied().zip(self.flags.iter().map(|flag| &**flag)).collect();
        let wall = (self.clock)();
        let found = shared.get(&asked, self.context.view(), wall).await;
        let (now, soft) = (Instant::now(), self.memory.lives().soft);
        for (place, found) in found.into_iter().enumerate() {
            let Some((answer, age)) = found else { continue };
            let flag = &self.flags[place];
            // Who came for a younger answer does not take an old one home.
            let is_wanted = !self.refresh || age < soft;
            let is_later = self.memory.read(|known| known.is_after_bare(flag, wall - age.as_millis() as i64));
            // A machine that was started less than `age` ago cannot say when that was.
            let (true, true, Some(at)) = (is_wanted, is_later, now.checked_sub(age)) else { continue };
            let held = Held::new(Some(answer.clone()), at, now, &ticket);
            // An entry of another epoch is not news: it may be left over from before.
            let is_known = self.memory.read(|known| known.may_share(&answer.epoch));
            if is_known && self.memory.put(self.keys[place], flag, held, &ticket) != Fill::Old {
                answers[place] = Some(Ok(Brought { answer: Some(answer), origin: Origin::Redis, age }));
            }
        }
    }

    /// Asks the service for what is missing; and once more for what came back older than what is known.
    async fn ask_service(&self, answers: &mut [Option<Result<Brought, Arc<Error>>>]) {
        let mut at_least = None;
        for _ in 0..2 {
            let missing: Vec<usize> = (0..answers.len()).filter(|place| answers[*place].is_none()).collect();
            let (at, wall, ticket) = (Instant::now(), (self.clock)(), self.memory.read(Known::ticket));
            let brought = match self.ask(&missing, at_least.as_ref()).await {
                Ok(brought) => brought,
                Err(error) => {
                    let error = Arc::new(error);
                    return missing.iter().for_each(|place| answers[*place] = Some(Err(error.clone())));
                }
            };
            let taken = Instant::now();
            let mut fresh = Vec::new();
            for (place, answer) in missing.iter().zip(brought) {
                let (key, flag) = (self.keys[*place], &self.flags[*place]);
                let held = Held::new(answer.clone(), at, taken, &ticket);
                if self.memory.put(key, flag, held, &ticket) == Fill::Old {
                    let (epoch, floor) = self.memory.read(|known| (known.epoch().clone(), known.floor(flag)));
                    let floor = at_least.as_ref().map_or(floor, |former: &AtLeast| floor.max(former.version));
                    at_least = Some(AtLeast { epoch, version: floor });
                    continue;
                }
                fresh.extend(answer.clone().map(|answer| Entry { key, answer }));
                answers[*place] = Some(Ok(Brought { answer, origin: Origin::Remote, age: Duration::ZERO }));
            }
            if let Some(shared) = &self.shared {
                shared.put(&fresh, self.context.view(), wall);
            }
            if answers.iter().all(Option::is_some) {
                return;
            }
        }
        // Twice older than what this client has served or heard of: that would go back in time.
        let error = Arc::new(Error::new(ErrorKind::Unavailable, "the config service answers from before a change that is known here"));
        answers.iter_mut().filter(|answer| answer.is_none()).for_each(|answer| *answer = Some(Err(error.clone())));
    }

    async fn ask(&self, places: &[usize], at_least: Option<&AtLeast>) -> Result<Vec<Option<Evaluation>>, Error> {
        let context = self.context.view();
        if let [place] = *places {
            let flag = &self.flags[place];
            let without = || Error::new(ErrorKind::InvalidResponse, format!("the answer about flag \"{flag}\" has no \"enabled\""));
            let answer = self.api.evaluate(flag, context, at_least).await?;
            return Ok(vec![answer.map(|answer| answer.into_evaluation(flag).ok_or_else(without)).transpose()?]);
        }
        let flags: Vec<String> = places.iter().map(|place| self.flags[*place].to_string()).collect();
        let mut brought = self.api.batch(&flags, context, at_least).await?;
        // Only what was asked for is taken; a flag that is left out is one that the service does not know.
        Ok(flags.iter().map(|flag| brought.remove(&**flag).and_then(|answer| answer.into_evaluation(flag))).collect())
    }
}
