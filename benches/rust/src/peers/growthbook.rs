//! GrowthBook: `check` without the client around it.

use std::collections::HashMap;

use serde_json::{Value, json};

use crate::{Peer, User};

pub struct Gb(growthbook_rust::growthbook::GrowthBook);
impl Peer for Gb {
    type Ctx = Option<Vec<growthbook_rust::model_public::GrowthBookAttribute>>;
    const NAME: &'static str = "growthbook";
    const PKG: &'static str = "growthbook-rust";
    const NOTES: &'static str = "GrowthBook::check(flag, attributes) without the client's RwLock/callbacks";
    fn load(dir: &str) -> Self {
        let v: Value = serde_json::from_slice(&std::fs::read(format!("{dir}/growthbook.json")).unwrap()).unwrap();
        Gb(growthbook_rust::growthbook::GrowthBook {
            forced_variations: None,
            features: serde_json::from_value(v["features"].clone()).unwrap(),
            attributes: None,
            sticky_bucket_service: None,
            saved_groups: HashMap::new(),
        })
    }
    fn mk(&self, u: &User) -> Self::Ctx {
        Some(
            growthbook_rust::model_public::GrowthBookAttribute::from(
                json!({"id": u.id, "country": u.country, "plan": u.plan, "appVersion": u.version}),
            )
            .unwrap(),
        )
    }
    fn ev(&self, flag: &str, c: &Self::Ctx) -> bool {
        self.0.check(flag, c).on
    }
}
