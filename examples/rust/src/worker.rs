//! Checks flags without a pause until its input ends, and writes every answer down: what the tests under fault and the coherence run
//! judge afterwards. `tests/harness/worker.py` and `worker.js` do the same; `tests/harness/workers.py` says what a line holds.

use std::io::{BufRead, BufWriter, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use jackstaff::{Client, Context, Options, Value, ValueType};
use serde_json::{Value as Json, json};

fn now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64())
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let errand: Json = serde_json::from_str(&std::env::args().nth(1).ok_or("the errand is missing")?)?;
    let options: Value = serde_json::from_value(errand["options"].clone())?;
    let Value::Map(entries) = &options else { return Err("options are a map".into()) };
    let client = Client::new(Options::from_pairs(entries.iter().map(|(name, value)| (&**name, value.clone())))?)?;
    let texts =
        |name: &str| -> Vec<String> { errand[name].as_array().into_iter().flatten().filter_map(Json::as_str).map(str::to_owned).collect() };
    let (flags, users) = (texts("flags"), texts("users"));
    let pause = Duration::from_secs_f64(errand["pause"].as_f64().unwrap_or(0.005));
    let is_over = Arc::new(AtomicBool::new(false));
    std::thread::spawn({
        let is_over = is_over.clone();
        move || {
            std::io::stdin().lock().lines().for_each(drop);
            is_over.store(true, Ordering::Relaxed);
        }
    });
    let mut out = BufWriter::new(std::io::stdout().lock());
    let mut number = errand["seed"].as_u64().unwrap_or(0) as usize;
    while !is_over.load(Ordering::Relaxed) {
        let (flag, user) = (&flags[number % flags.len()], &users[number / flags.len() % users.len()]);
        number += 1;
        let begun = now();
        let context = Context::new(user.as_str())?;
        let answer = client
            .block_on(client.evaluate(flag, context.view(), Some(ValueType::Boolean), &Value::Bool(false)))
            .ok_or("the client has no runtime")?;
        let line = json!([
            begun,
            now(),
            flag,
            user,
            serde_json::to_value(&answer.value)?,
            answer.version,
            &*answer.epoch,
            answer.origin.as_str(),
            answer.reason.as_str(),
            answer.age.as_secs_f64(),
            null
        ]);
        writeln!(out, "{line}")?;
        out.flush()?;
        std::thread::sleep(pause);
    }
    Ok(())
}
