//! Flagsmith: the engine evaluates a whole environment each time, so a single check gets one of one flag.

use crate::{Peer, User};

use flagsmith_flag_engine::engine_eval::context::{EngineEvaluationContext, IdentityContext};
pub struct Fs {
    full: EngineEvaluationContext,
    base: EngineEvaluationContext,
}
impl Peer for Fs {
    type Ctx = EngineEvaluationContext;
    const NAME: &'static str = "flagsmith-engine";
    const PKG: &'static str = "flagsmith-flag-engine";
    const NOTES: &'static str = "get_evaluation_result evaluates the whole context; W1-W4 use a one-flag context; building a context clones the environment (as add_identity_to_context does)";
    const CTX_LIMIT: usize = 200;
    fn load(dir: &str) -> Self {
        let full: EngineEvaluationContext = serde_json::from_slice(&std::fs::read(format!("{dir}/flagsmith.json")).unwrap()).unwrap();
        Fs { base: full.clone(), full }
    }
    fn restrict(&mut self, keys: &[&str]) {
        self.base = self.full.clone();
        self.base.features.retain(|k, _| keys.contains(&k.as_str()));
        self.base.segments.retain(|k, _| keys.contains(&&k[4..]));
    }
    fn mk(&self, u: &User) -> Self::Ctx {
        let mut c = self.base.clone();
        let t = [("country", &u.country), ("plan", &u.plan), ("appVersion", &u.version)]
            .into_iter()
            .map(|(k, v)| {
                (
                    k.to_string(),
                    flagsmith_flag_engine::types::FlagsmithValue {
                        value_type: flagsmith_flag_engine::types::FlagsmithValueType::String,
                        value: v.clone(),
                    },
                )
            })
            .collect();
        c.identity = Some(IdentityContext { identifier: u.id.clone(), key: u.id.clone(), traits: t });
        c
    }
    fn ev(&self, flag: &str, c: &Self::Ctx) -> bool {
        flagsmith_flag_engine::engine::get_evaluation_result(c).flags.get(flag).map_or(false, |f| f.enabled)
    }
    fn batch(&self, _k: &[&str], c: &Self::Ctx) -> usize {
        flagsmith_flag_engine::engine::get_evaluation_result(c).flags.values().filter(|f| f.enabled).count()
    }
}
