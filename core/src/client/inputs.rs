//! What a client hands to its evaluations: the wall clock, randomness, and what the application provides.

use std::cell::Cell;
use std::hash::{BuildHasher, RandomState};

use super::{Client, now_ms};
use crate::context::View;
use crate::error::{Error, ErrorKind, Result};
use crate::eval::Inputs;
use crate::value::Value;

/// The wall clock and this process's randomness. Nothing from outside is known.
#[derive(Clone, Copy, Debug, Default)]
pub struct World;

impl Inputs for World {
    fn now(&self) -> i64 {
        now_ms()
    }

    /// SplitMix64 (Steele, Lea, Flood 2014) from a start that the system draws for each thread: even, fast, without a lock; and not
    /// for secrets.
    fn random(&self) -> Option<u64> {
        thread_local! { static STATE: Cell<u64> = Cell::new(RandomState::new().hash_one(0x6a61_636b_u32)); }
        let state = STATE.get().wrapping_add(0x9e37_79b9_7f4a_7c15);
        STATE.set(state);
        let mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        Some(mixed ^ (mixed >> 31))
    }
}

/// What the application knows, over what the process knows.
pub(super) struct Provided(pub(super) Box<dyn Inputs + Send + Sync>);

impl Inputs for Provided {
    fn now(&self) -> i64 {
        self.0.now()
    }

    fn random(&self) -> Option<u64> {
        self.0.random().or_else(|| World.random())
    }

    fn external(&self, name: &str, context: View<'_>) -> Option<Value> {
        self.0.external(name, context)
    }

    fn contains(&self, set: &str, member: &str) -> Option<bool> {
        self.0.contains(set, member)
    }
}

impl Client {
    /// Gives the client's evaluations the application's own clock, values and sets, for flags of vendors who refer to such. Randomness that
    /// they do not have is the client's. To be called once, before the first check.
    ///
    /// # Errors
    /// `InvalidArgument` the second time: checks under way may rest on the first.
    pub fn provide(&self, inputs: impl Inputs + Send + Sync + 'static) -> Result<()> {
        let given = self.inner.provided.set(Provided(Box::new(inputs)));
        given.map_err(|_| {
            Error::new(ErrorKind::InvalidArgument, "this client was given its inputs already: give them once, before the first check")
        })
    }

    /// What evaluations ask.
    #[inline]
    pub(super) fn inputs(&self) -> &dyn Inputs {
        match self.inner.provided.get() {
            Some(provided) => provided,
            None => &World,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::evaluation::Reason;
    use crate::ir::{Body, Expr, Flag, Rule, Snapshot, Target, ValueType, Variant};

    /// A boolean flag that is on where a condition holds, in a client that has nothing else.
    fn client(when: Expr) -> Client {
        let client = Client::from_document(serde_json::from_str(r#"{"flags":{}}"#).unwrap(), "development").unwrap();
        client.start();
        let serve = |at| Expr::Target(Target { variant: Some(at), reason: Reason::RuleMatched, note: None });
        let variant = |key: &str, on: bool| Variant { key: key.into(), value: Ok(on.into()), enabled: on };
        let body = Body {
            runs: Default::default(),
            value_type: ValueType::Boolean,
            variants: [variant("on", true), variant("off", false)].into(),
            rules: [Rule { name: None, when, serve: serve(0) }].into(),
            fallthrough: serve(1),
        };
        let mut snapshot = Snapshot::empty("test");
        snapshot.put_flag(Flag { key: "f".into(), version: 0, body: Ok(body) });
        client.inner.snapshot.store(Some(Arc::new(snapshot)));
        client
    }

    struct Strategies;

    impl Inputs for Strategies {
        fn now(&self) -> i64 {
            7
        }
        fn external(&self, name: &str, context: View<'_>) -> Option<Value> {
            (name == "is ann").then(|| (context.key == Some("ann")).into())
        }
    }

    #[test]
    fn an_answer_that_rests_on_randomness_may_not_be_kept() {
        let below = |limit: i64| Expr::Cmp(crate::ir::Rel::Lt, Box::new((Expr::Rand(100), Expr::Const(limit.into()))));
        assert_eq!(client(below(100)).peek_lasting("f", View::of("u"), false), Some((true, false)));
        assert_eq!(client(Expr::Const(true.into())).peek_lasting("f", View::of("u"), false), Some((true, true)));
        let half = client(below(50));
        let on = (0..4_000).filter(|_| half.peek_enabled("f", View::of("u"), false) == Some(true)).count();
        assert!((1_700..2_300).contains(&on), "{on} of 4000 at 50 of 100");
    }

    #[test]
    fn the_application_provides_what_it_knows_once() {
        let client = client(Expr::Extern("is ann".into()));
        assert_eq!(client.peek_enabled("f", View::of("ann"), true), Some(false), "nobody knows the name yet");
        client.provide(Strategies).unwrap();
        assert_eq!(client.peek_lasting("f", View::of("ann"), false), Some((true, false)));
        assert_eq!(client.peek_enabled("f", View::of("bob"), true), Some(false));
        assert_eq!(client.inputs().now(), 7);
        assert!(client.inputs().random().is_some(), "randomness is the client's");
        assert_eq!(client.provide(World).unwrap_err().kind(), ErrorKind::InvalidArgument);
    }

    #[test]
    fn randomness_is_even_and_each_thread_has_its_own() {
        let draw = || (0..4_000).map(|_| World.random().unwrap()).collect::<Vec<u64>>();
        let mine = draw();
        let high = mine.iter().filter(|bits| **bits >> 63 == 1).count();
        assert!((1_700..2_300).contains(&high), "{high} of 4000 have the highest bit");
        let others = std::thread::spawn(draw).join().unwrap();
        assert_ne!(mine[..8], others[..8]);
    }
}
