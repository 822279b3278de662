//! Eppo: `eppo_core`, with a clock call a check, as its own evaluator makes one.

use std::sync::Arc;

use crate::{Peer, User};

pub struct Eppo(Arc<eppo_core::Configuration>);
impl Peer for Eppo {
    type Ctx = (eppo_core::Str, Arc<eppo_core::Attributes>);
    const NAME: &'static str = "eppo_core";
    const PKG: &'static str = "eppo_core";
    const NOTES: &'static str = "eval::get_assignment on a compiled Configuration, doLog=false, Utc::now() per call as Evaluator does";
    fn load(dir: &str) -> Self {
        let ufc = eppo_core::ufc::UniversalFlagConfig::from_json(
            eppo_core::SdkMetadata { name: "bench", version: "0" },
            std::fs::read(format!("{dir}/eppo.json")).unwrap(),
        )
        .unwrap();
        Eppo(Arc::new(eppo_core::Configuration::from_server_response(ufc, None)))
    }
    fn mk(&self, u: &User) -> Self::Ctx {
        let a: eppo_core::Attributes = [
            ("country".into(), u.country.as_str().into()),
            ("plan".into(), u.plan.as_str().into()),
            ("appVersion".into(), u.version.as_str().into()),
        ]
        .into_iter()
        .collect();
        (u.id.as_str().into(), Arc::new(a))
    }
    fn ev(&self, flag: &str, c: &Self::Ctx) -> bool {
        let r =
            eppo_core::eval::get_assignment(Some(&self.0), flag, &c.0, &c.1, Some(eppo_core::ufc::VariationType::Boolean), chrono_now());
        matches!(r, Ok(Some(a)) if matches!(a.value, eppo_core::ufc::AssignmentValue::Boolean(true)))
    }
}
fn chrono_now() -> chrono::DateTime<chrono::Utc> {
    chrono::Utc::now()
}
