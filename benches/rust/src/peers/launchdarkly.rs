//! LaunchDarkly: the evaluation crate over a map of flags.

use std::collections::HashMap;

use serde_json::Value;

use crate::{Peer, User};

pub struct Ld {
    flags: HashMap<String, launchdarkly_server_sdk_evaluation::Flag>,
}
impl launchdarkly_server_sdk_evaluation::Store for Ld {
    fn flag(&self, k: &str) -> Option<launchdarkly_server_sdk_evaluation::Flag> {
        self.flags.get(k).cloned()
    }
    fn segment(&self, _: &str) -> Option<launchdarkly_server_sdk_evaluation::Segment> {
        None
    }
}
impl Peer for Ld {
    type Ctx = launchdarkly_server_sdk_evaluation::Context;
    const NAME: &'static str = "launchdarkly-eval";
    const PKG: &'static str = "launchdarkly-server-sdk-evaluation";
    const NOTES: &'static str = "evaluate(store, &flag, &context); flag found by HashMap lookup; no events (engine only)";
    fn load(dir: &str) -> Self {
        let v: Value = serde_json::from_slice(&std::fs::read(format!("{dir}/launchdarkly.json")).unwrap()).unwrap();
        Ld { flags: serde_json::from_value(v["flags"].clone()).unwrap() }
    }
    fn mk(&self, u: &User) -> Self::Ctx {
        let mut b = launchdarkly_server_sdk_evaluation::ContextBuilder::new(u.id.clone());
        b.set_string("country", u.country.clone()).set_string("plan", u.plan.clone()).set_string("appVersion", u.version.clone());
        b.build().unwrap()
    }
    fn ev(&self, flag: &str, c: &Self::Ctx) -> bool {
        let Some(f) = self.flags.get(flag) else { return false };
        let d = launchdarkly_server_sdk_evaluation::evaluate(self, f, c, None);
        matches!(d.value, Some(launchdarkly_server_sdk_evaluation::FlagValue::Bool(true)))
    }
}
