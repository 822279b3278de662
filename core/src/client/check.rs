//! Checks: the path from a question to an answer.
//!
//! One stair: the snapshot in memory, else the service. [`Client::peek`] and [`Client::peek_enabled`] are the first step
//! alone and answer now or not at all; everything else is them and a wait.

use std::cell::Cell;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::Guard;

use super::{Client, Inner, runtime};
use crate::context::View;
use crate::error::Result;
use crate::eval;
use crate::evaluation::{Evaluation, Origin, Reason};
use crate::ir::{Snapshot, ValueType};
use crate::value::Value;

impl Client {
    /// Is the flag on? Answers now, or `None` if only a wait could tell; the caller then takes [`Client::is_enabled`].
    #[inline]
    pub fn peek_enabled(&self, flag: &str, context: View<'_>, default: bool) -> Option<bool> {
        let guard = self.inner.snapshot.load();
        let Some(snapshot) = &*guard else { return self.peek_without_snapshot(flag, context, default) };
        Some(match self.enabled_in(snapshot, flag, context, default) {
            Some(enabled) => {
                self.inner.stats.check(Origin::Local);
                enabled
            }
            None => self.no_boolean(flag, default),
        })
    }

    /// Several checks on one snapshot: cheaper than as many [`Client::peek_enabled`], and no change comes between them.
    #[inline]
    pub fn checks(&self) -> Checks<'_> {
        Checks { client: self, snapshot: self.inner.snapshot.load(), counted: Cell::new(0) }
    }

    /// Is the flag on in this snapshot? `None` if it is unknown, broken or not boolean.
    #[inline]
    fn enabled_in(&self, snapshot: &Snapshot, flag: &str, context: View<'_>, default: bool) -> Option<bool> {
        let enabled = match &eval::evaluate(snapshot, flag, context, self.inputs()) {
            Ok(answer) if answer.body.value_type == ValueType::Boolean => answer.enabled(),
            _ => None,
        };
        if self.inner.is_mock {
            self.inner.record(flag, context, enabled.unwrap_or(default));
        }
        enabled
    }

    /// [`Client::peek_enabled`] for a caller who keeps answers until the next change: the second word says whether this one
    /// may be kept. One that depends on the time, on randomness or on something outside may not, nor the caller's default, nor what
    /// the service answered, nor anything of a client that records its checks.
    pub fn peek_lasting(&self, flag: &str, context: View<'_>, default: bool) -> Option<(bool, bool)> {
        let guard = self.inner.snapshot.load();
        if let (Some(snapshot), false) = (&*guard, self.inner.is_mock)
            && let Ok(answer) = eval::evaluate(snapshot, flag, context, self.inputs())
            && answer.body.value_type == ValueType::Boolean
            && let Some(enabled) = answer.enabled()
        {
            self.inner.stats.check(Origin::Local);
            return Some((enabled, answer.asked.nothing()));
        }
        self.peek_enabled(flag, context, default).map(|enabled| (enabled, false))
    }

    /// The flag is unknown, broken or not boolean.
    #[cold]
    fn no_boolean(&self, flag: &str, default: bool) -> bool {
        self.inner.stats.check(Origin::Default);
        self.inner.warn_once(flag);
        default
    }

    #[cold]
    fn peek_without_snapshot(&self, flag: &str, context: View<'_>, default: bool) -> Option<bool> {
        if self.is_closed() && !self.inner.is_mock {
            self.inner.stats.check(Origin::Default);
            return Some(default); // for good: nobody has to look further
        }
        let evaluation = self.peek(flag, context, Some(ValueType::Boolean), &Value::Bool(default))?;
        Some(evaluation.value.as_bool().unwrap_or(default))
    }

    /// The answer with all that is known about it, now, or `None` if only a wait could tell.
    ///
    /// `wanted` is the type that the caller can use: another one is the default, with reason `type_mismatch`.
    pub fn peek(&self, flag: &str, context: View<'_>, wanted: Option<ValueType>, default: &Value) -> Option<Evaluation> {
        let evaluation = self.peek_in(self.inner.snapshot.load().as_deref(), self.inner.age(), flag, context, wanted, default)?;
        self.inner.stats.check(evaluation.origin);
        Some(evaluation)
    }

    /// Does not count the check.
    #[inline(always)]
    fn peek_in(
        &self,
        snapshot: Option<&Snapshot>,
        age: Duration,
        flag: &str,
        context: View<'_>,
        wanted: Option<ValueType>,
        default: &Value,
    ) -> Option<Evaluation> {
        let inner = &*self.inner;
        let evaluation = match snapshot {
            Some(snapshot) => {
                let answer = eval::evaluate(snapshot, flag, context, self.inputs());
                let mut evaluation = eval::finish(answer, snapshot, flag, wanted, default);
                evaluation.age = age;
                evaluation
            }
            None if self.is_closed() => not_ready(flag, default),
            None => inner.process.load().remote.load().as_ref()?.peek(flag, context, wanted, default)?,
        };
        inner.seen(&evaluation, context);
        Some(evaluation)
    }

    /// Is the flag on for this context? A boolean flag's value; the default if nobody can say. Never fails.
    pub async fn is_enabled(&self, flag: &str, context: View<'_>, default: bool) -> bool {
        match self.peek_enabled(flag, context, default) {
            Some(enabled) => enabled,
            None => {
                let evaluation = self.evaluate(flag, context, Some(ValueType::Boolean), &Value::Bool(default)).await;
                evaluation.value.as_bool().unwrap_or(default)
            }
        }
    }

    /// The answer with all that is known about it. Waits no longer than the `timeout` option.
    pub async fn evaluate(&self, flag: &str, context: View<'_>, wanted: Option<ValueType>, default: &Value) -> Evaluation {
        match self.peek(flag, context, wanted, default) {
            Some(evaluation) => evaluation,
            None => self.answer(&[flag], context, wanted, default).await.pop().unwrap_or_else(|| not_ready(flag, default)),
        }
    }

    /// The answers about several flags, one per name and in their order, with one trip to the service at most.
    pub async fn batch(&self, flags: &[&str], context: View<'_>, wanted: Option<ValueType>, default: &Value) -> Vec<Evaluation> {
        match self.peek_batch(flags, context, wanted, default) {
            Some(evaluations) => evaluations,
            None => self.answer(flags, context, wanted, default).await,
        }
    }

    /// [`Client::batch`] now, or `None` if only a wait could tell. Where flags are evaluated in process, all on the same snapshot.
    pub fn peek_batch(&self, flags: &[&str], context: View<'_>, wanted: Option<ValueType>, default: &Value) -> Option<Vec<Evaluation>> {
        let (guard, age) = (self.inner.snapshot.load(), self.inner.age());
        let mut evaluations = Vec::with_capacity(flags.len());
        let mut counts = [0; Origin::ALL.len()];
        for flag in flags {
            let evaluation = self.peek_in(guard.as_deref(), age, flag, context, wanted, default)?;
            counts[evaluation.origin as usize] += 1;
            evaluations.push(evaluation);
        }
        for (origin, count) in Origin::ALL.into_iter().zip(counts).filter(|(_, count)| *count > 0) {
            self.inner.stats.checks(origin, count);
        }
        Some(evaluations)
    }

    /// How the flag's answer comes about, and the answer. Only where flags are evaluated in process; else `None`.
    pub fn explain(&self, flag: &str, context: View<'_>, default: &Value) -> Option<(Evaluation, eval::Explanation)> {
        let guard = self.inner.snapshot.load();
        let snapshot = guard.as_ref()?;
        let (answer, explanation) = eval::explain(snapshot, flag, context, self.inputs());
        Some((eval::finish(answer, snapshot, flag, None, default), explanation))
    }

    /// Runs a future of this client's on its runtime and waits for it; for callers without one. Must not be called on
    /// a tokio thread.
    pub fn block_on<T>(&self, future: impl Future<Output = T>) -> Option<T> {
        runtime::handle().ok().map(|runtime| runtime.block_on(future))
    }

    /// Runs a future on the runtime that all clients of the process share; for bindings whose callers wait in a way of their own.
    ///
    /// # Errors
    /// `Unavailable` if the system gives us no thread.
    pub fn spawn(&self, future: impl Future<Output = ()> + Send + 'static) -> Result<()> {
        runtime::handle()?.spawn(future);
        Ok(())
    }

    /// Nobody in this process has the answer.
    async fn answer(&self, flags: &[&str], context: View<'_>, wanted: Option<ValueType>, default: &Value) -> Vec<Evaluation> {
        self.start();
        // The start may have put a bootstrap in place.
        if self.inner.snapshot.load().is_some() {
            return flags
                .iter()
                .map(|flag| self.peek(flag, context, wanted, default).unwrap_or_else(|| not_ready(flag, default)))
                .collect();
        }
        let remote = self.inner.process.load().remote.load_full();
        let evaluations = match remote {
            Some(remote) if !self.is_closed() => {
                let (evaluations, trouble) = remote.evaluate(flags, context, wanted, default).await;
                self.inner.note_trip(&evaluations, trouble.as_deref());
                evaluations
            }
            _ => flags.iter().map(|flag| not_ready(flag, default)).collect(),
        };
        for evaluation in &evaluations {
            self.inner.stats.check(evaluation.origin);
            self.inner.seen(evaluation, context);
        }
        evaluations
    }
}

/// Several checks on one snapshot; see [`Client::checks`].
pub struct Checks<'a> {
    client: &'a Client,
    snapshot: Guard<Option<Arc<Snapshot>>>,
    /// Answers of the snapshot so far: counted once, at the end.
    counted: Cell<u64>,
}

impl Checks<'_> {
    /// As [`Client::peek_enabled`].
    #[inline]
    pub fn enabled(&self, flag: &str, context: View<'_>, default: bool) -> Option<bool> {
        let Some(snapshot) = &*self.snapshot else { return self.client.peek_without_snapshot(flag, context, default) };
        Some(match self.client.enabled_in(snapshot, flag, context, default) {
            Some(enabled) => {
                self.counted.set(self.counted.get() + 1);
                enabled
            }
            None => self.client.no_boolean(flag, default),
        })
    }
}

impl Drop for Checks<'_> {
    fn drop(&mut self) {
        self.client.inner.stats.checks(Origin::Local, self.counted.get());
    }
}

fn not_ready(flag: &str, default: &Value) -> Evaluation {
    Evaluation::default(flag, default.clone(), Reason::NotReady)
}

impl Inner {
    /// Records a check for a mock, and warns once about a flag that has no answer.
    #[inline]
    fn seen(&self, evaluation: &Evaluation, context: View<'_>) {
        if self.is_mock {
            self.record(&evaluation.flag, context, evaluation.value.as_bool().unwrap_or(evaluation.enabled));
        }
        if matches!(evaluation.reason, Reason::FlagNotFound | Reason::TypeMismatch) {
            self.warn_once(&evaluation.flag);
        }
    }
}
