//! Asks about one flag for millions of users, each of them once, and says how much memory that takes: `make soak` watches whether
//! it stays flat. `tests/harness/soak_client.py` and `soak_client.js` do the same.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use jackstaff::{Client, Options, Value, ValueType, View};
use serde_json::{Value as Json, json};

/// How many ask at the same time.
const THREADS: u64 = 32;

fn resident_bytes() -> u64 {
    let pages = std::fs::read_to_string("/proc/self/statm").ok();
    let resident = pages.and_then(|line| line.split(' ').nth(1).and_then(|pages| pages.parse::<u64>().ok()));
    resident.unwrap_or(0) * 4096
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let errand: Json = serde_json::from_str(&std::env::args().nth(1).ok_or("the errand is missing")?)?;
    let options: Value = serde_json::from_value(errand["options"].clone())?;
    let Value::Map(entries) = &options else { return Err("options are a map".into()) };
    let client = Client::new(Options::from_pairs(entries.iter().map(|(name, value)| (&**name, value.clone())))?)?;
    let users = errand["users"].as_u64().ok_or("users is a number")?;
    let flag: Arc<str> = errand["flag"].as_str().ok_or("flag is a name")?.into();
    let (next, done, defaults) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
    for _ in 0..THREADS {
        let (client, flag, next, done, defaults) = (client.clone(), flag.clone(), next.clone(), done.clone(), defaults.clone());
        std::thread::spawn(move || {
            loop {
                let user = next.fetch_add(1, Ordering::Relaxed);
                if user >= users {
                    return;
                }
                let id = format!("user-{user}");
                let answer = client.block_on(client.evaluate(&flag, View::of(&id), Some(ValueType::Boolean), &Value::Bool(false)));
                if answer.is_none_or(|answer| answer.variant.is_none()) {
                    defaults.fetch_add(1, Ordering::Relaxed);
                }
                done.fetch_add(1, Ordering::Relaxed);
            }
        });
    }
    loop {
        let so_far = done.load(Ordering::Relaxed);
        println!("{}", json!([so_far, resident_bytes(), defaults.load(Ordering::Relaxed)]));
        if so_far >= users {
            return Ok(());
        }
        std::thread::sleep(Duration::from_millis(500));
    }
}
