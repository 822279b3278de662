//! Clients for tests of the public door, and how they are asked.

#![allow(dead_code)] // each test takes what it needs

use std::time::{Duration, Instant};

use jackstaff::client::Evaluate;
use jackstaff::fault::RetryOptions;
use jackstaff::{Client, Evaluation, Options, Value, ValueType, View};

use crate::support::{Reply, Server};

/// What a future comes to, on a runtime of its own.
pub fn block<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
}

/// A value from its JSON text.
pub fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

/// Options for a client of `server` that fails quickly and asks once.
pub fn options(server: &Server) -> Options {
    let mut options = Options::new(&server.url, "production");
    options.timeout = Duration::from_millis(500);
    options.retry = RetryOptions::off(); // by chance a second try would open the breaker before the service is well again
    options
}

/// A client whose answers the service evaluates.
pub fn remote(server: &Server) -> Client {
    Client::new(Options { evaluation: Evaluate::Remote, ..options(server) }).unwrap()
}

/// The answer for the user `u`.
pub fn ask(client: &Client, flag: &str, default: bool) -> Evaluation {
    block(client.evaluate(flag, View::of("u"), Some(ValueType::Boolean), &Value::Bool(default)))
}

/// A good answer, as a service that only knows the guide gives it.
pub fn on() -> Reply {
    Reply::Json(200, r#"{"flag_name":"f","enabled":true,"reason":"user_targeted"}"#.into())
}

/// Waits until it is done, with time enough for a busy machine; `what` is what it was waited for.
pub fn wait(what: &str, done: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while !done() {
        assert!(Instant::now() < deadline, "{what}: it did not happen in time");
        std::thread::sleep(Duration::from_millis(5));
    }
}
