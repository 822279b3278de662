//! Unleash: the engine `yggdrasil`, called directly.

use std::collections::HashMap;

use crate::{Peer, User};

pub struct Unleash(unleash_yggdrasil::EngineState);
impl Peer for Unleash {
    type Ctx = unleash_yggdrasil::Context;
    const NAME: &'static str = "yggdrasil";
    const PKG: &'static str = "unleash-yggdrasil";
    const NOTES: &'static str = "EngineState::is_enabled; no metrics counted";
    fn load(dir: &str) -> Self {
        let f: unleash_yggdrasil::ClientFeatures = serde_json::from_slice(&std::fs::read(format!("{dir}/unleash.json")).unwrap()).unwrap();
        let e = unleash_yggdrasil::EngineState::default();
        let w = e.take_state(unleash_yggdrasil::UpdateMessage::FullResponse(f));
        assert!(w.map_or(true, |w| w.is_empty()));
        Unleash(e)
    }
    fn mk(&self, u: &User) -> Self::Ctx {
        let p: HashMap<String, String> = [("country", &u.country), ("plan", &u.plan), ("appVersion", &u.version)]
            .into_iter()
            .map(|(k, v)| (k.to_string(), v.clone()))
            .collect();
        unleash_yggdrasil::Context { user_id: Some(u.id.clone()), properties: Some(p), ..Default::default() }
    }
    fn ev(&self, flag: &str, c: &Self::Ctx) -> bool {
        self.0.is_enabled(flag, c, &None)
    }
}
