//! Us: what the bindings call.

use jackstaff::{Client, Context, View};

use crate::{Peer, User};

pub struct Jackstaff(Client);
impl Peer for Jackstaff {
    type Ctx = Context;
    const NAME: &'static str = "jackstaff";
    const PKG: &'static str = "jackstaff";
    const NOTES: &'static str = "Client::peek_enabled with a Context built once (e2e: in the loop); W5 Client::checks";
    fn load(dir: &str) -> Self {
        let text = std::fs::read_to_string(format!("{dir}/jackstaff.json")).unwrap();
        let client = Client::from_json(&text, "development").unwrap();
        client.start();
        Self(client)
    }
    fn mk(&self, u: &User) -> Self::Ctx {
        let context = Context::new(u.id.as_str()).unwrap();
        [("country", &u.country), ("plan", &u.plan), ("appVersion", &u.version)]
            .into_iter()
            .fold(context, |context, (name, value)| context.with(name, value.as_str()).unwrap())
    }
    fn ev(&self, flag: &str, c: &Self::Ctx) -> bool {
        self.0.peek_enabled(flag, View::from(c), false).unwrap()
    }
    fn batch(&self, keys: &[&str], c: &Self::Ctx) -> usize {
        let checks = self.0.checks();
        keys.iter().filter(|key| checks.enabled(key, View::from(c), false) == Some(true)).count()
    }
}
